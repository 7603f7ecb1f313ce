using Google.Protobuf;
using Onnx;
using DataType = Onnx.TensorProto.Types.DataType;

namespace Tenfold.Tests;

/// <summary>ONNX's own test cases: a folder with a model, and inputs and outputs as tensors.</summary>
internal static class Conformance
{
    /// <summary>What became of a case.</summary>
    /// <param name="Excluded">Why it is out of scope; null when it is in.</param>
    /// <param name="Fault">What went wrong; null when it passed.</param>
    public sealed record Outcome(string Name, string? Excluded, string? Fault);

    // The operators of an image network, and what exporters put around them.
    private static readonly HashSet<string> s_scope = [.. """
        Abs Add And ArgMax AveragePool BatchNormalization Cast Celu Clip Concat Constant ConstantOfShape Conv ConvTranspose DeformConv DepthToSpace Div Dropout Elu Equal Erf Exp Expand Flatten Gather Gelu Gemm
        GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization HardSigmoid HardSwish Identity InstanceNormalization LRN LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpPool MatMul Max MaxPool Mean Min
        Mish Mul Neg Not Or PRelu Pad Pow Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize Selu Shape Sigmoid Size Slice Softmax
        Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Swish Tanh Tile Transpose Unsqueeze Upsample Where Xor
        """.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)];

    // What a node may be refused for: the beginning of the message, and what it means to a user.
    private static readonly (string Message, string Reason)[] s_reasons =
    [
        ("it is not two-dimensional", "convolution or pooling in one or three dimensions"),
        ("it is in training", "training mode"),
        ("it drops numbers at random", "training mode"),
        ("its indices are read", "max pooling that also returns indices"),
        ("its mask is read", "dropout that also returns its mask"),
        ("reads dimension", "slices that run backwards"),
        ("it leaves nothing", "tensors without elements"),
        ("it casts", "casts to other types than reals"),
        ("it pads the batch", "padding of the batch"),
        ("it resizes the batch", "resizing of the batch"),
        ("extrapolates", "crop-and-resize with an extrapolation value"),
    ];

    public static IEnumerable<string> Cases(string root) => Directory.EnumerateFiles(root, "model.onnx", SearchOption.AllDirectories).Select(path => Path.GetDirectoryName(path)!).Order(StringComparer.Ordinal);

    public static Outcome Run(string folder)
    {
        var name = Path.GetFileName(folder);
        try
        {
            var model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(Path.Combine(folder, "model.onnx")));
            if (Scope(model) is { } reason) return new Outcome(name, reason, null);
            var sets = Directory.EnumerateDirectories(folder, "test_data_set_*").Order(StringComparer.Ordinal).ToArray();
            if (sets.Length == 0) return new Outcome(name, "no data", null);
            foreach (var set in sets)
                if (RunSet(folder, model, set) is { } outcome) return outcome with { Name = name };
            return new Outcome(name, null, null);
        }
        catch (Exception e)
        {
            return new Outcome(name, null, $"{e.GetType().Name}: {e.Message}");
        }
    }

    public static string Score(IReadOnlyList<Outcome> outcomes)
    {
        var text = new StringWriter();
        var scope = outcomes.Where(outcome => outcome.Excluded is null).ToArray();
        text.WriteLine($"ONNX conformance: {scope.Count(outcome => outcome.Fault is null)} passed / {scope.Length} in scope / {outcomes.Count} cases");
        foreach (var group in outcomes.Where(outcome => outcome.Excluded is not null).GroupBy(outcome => outcome.Excluded!).OrderByDescending(group => group.Count()))
            text.WriteLine($"  {group.Count(),4} excluded: {group.Key}");
        foreach (var outcome in scope.Where(outcome => outcome.Fault is not null)) text.WriteLine($"  FAILED {outcome.Name}: {outcome.Fault}");
        return text.ToString();
    }

    private static string? Scope(ModelProto model)
    {
        var graph = model.Graph;
        if (model.OpsetImport.Any(set => set.Domain is not ("" or "ai.onnx"))) return "operators of other domains";
        if (model.Functions.Count > 0) return "functions of the model's own";
        var outside = graph.Node.Select(node => node.OpType).Where(type => !s_scope.Contains(type)).Distinct().ToArray();
        if (outside.Length > 0) return graph.Node.Any(node => node.Attribute.Any(attribute => attribute.G is not null)) ? "control flow" : "operators out of scope (logic, recurrence, quantisation, text, signals, ...)";
        if (model.OpsetImport.Any(set => set.Version > 24)) return "an opset newer than 24";
        if (graph.Input.Concat(graph.Output).Any(value => value.Type?.TensorType?.ElemType == (int)DataType.Bfloat16)) return "bfloat16 (the cases hold its bits as whole numbers)";
        if (graph.Output.Any(output => output.Type?.TensorType is null) || graph.Input.Any(input => input.Type?.TensorType is null)) return "sequences, maps and optional values";
        if (graph.Output.Any(output => !IsNumber(output.Type.TensorType.ElemType)) && graph.Node.All(node => node.OpType != "ArgMax")) return "whole numbers or text as the result";
        var computing = graph.Input.Where(input => graph.Initializer.All(tensor => tensor.Name != input.Name)).ToArray();
        if (computing.Length == 0) return "constants alone";
        if (!IsNumber(computing[0].Type.TensorType.ElemType)) return "whole numbers or text as the input";
        return null;
    }

    // Truth values are 1 and 0 here.
    private static bool IsNumber(int type) => IsReal(type) || (DataType)type == DataType.Bool;

    private static bool IsReal(int type) => (DataType)type is DataType.Float or DataType.Double or DataType.Float16 or DataType.Bfloat16;

    // Sizes, axes and switches are inputs in these cases and constants in files: they are made constants. Where that is not enough, all but the first input are.
    private static Outcome? RunSet(string folder, ModelProto model, string set)
    {
        var inputs = Tensors(set, "input");
        var expected = Tensors(set, "output");
        NotSupportedException? refused = null;
        foreach (var all in new[] { false, true })
        {
            var proto = model.Clone();
            var free = proto.Graph.Input.Where(input => proto.Graph.Initializer.All(tensor => tensor.Name != input.Name)).ToArray();
            var given = new List<Tensor>();
            var shapes = new List<Shape>();
            var first = true;
            foreach (var (input, tensor) in free.Zip(inputs))
            {
                if (tensor.Dims.Contains(0) && IsNumber(tensor.DataType) && first) return new Outcome("", "tensors without elements", null);
                if ((IsReal(tensor.DataType) || (tensor.DataType == (int)DataType.Bool && tensor.Dims.Count > 0)) && (!all || first))
                {
                    first = false;
                    input.Type.TensorType.ElemType = (int)DataType.Float;
                    var constant = Constant.Read(tensor, (_, _) => []);
                    shapes.Add(Shape.Of(constant.Sizes));
                    given.Add(new Tensor(Shape.Of(constant.Sizes), constant.AsReals));
                    continue;
                }

                var copy = tensor.Clone();
                copy.Name = input.Name;
                proto.Graph.Initializer.Add(copy);
                proto.Graph.Input.Remove(input);
            }

            try
            {
                var built = OnnxModel.Parse(Path.Combine(folder, "model.onnx"), proto.ToByteArray()).Build([.. shapes]);
                var session = built.Compile(new RunOptions { Threads = 1 }).RunAll([.. given]);
                var reference = Reference.Run(built.Graph, built.Weights, given);
                return Compare(expected, session, "session") ?? Compare(expected, reference, "reference");
            }
            catch (NotSupportedException e)
            {
                refused = e;
            }
            catch (MalformedFileException e) when (e.Message.Contains("is a constant", StringComparison.Ordinal) || e.Message.Contains("is not used", StringComparison.Ordinal))
            {
                return new Outcome("", "results that do not depend on the input's numbers", null);
            }
        }

        foreach (var (message, reason) in s_reasons)
            if (refused!.Message.Contains(message, StringComparison.Ordinal)) return new Outcome("", reason, null);
        return new Outcome("", null, refused!.Message);
    }

    private static Outcome? Compare(TensorProto[] expected, Tensor[] actual, string executor)
    {
        for (var i = 0; i < expected.Length; i++)
        {
            var constant = Constant.Read(expected[i], (_, _) => []);
            if (!actual[i].Shape.SequenceEqual(constant.Sizes)) return new Outcome("", null, $"{executor}: output {i} is {actual[i].Shape}, not {Constant.Text(constant.Sizes)}");
            var numbers = constant.AsReals;
            for (var j = 0; j < numbers.Length; j++)
            {
                var (a, b) = (actual[i].Span[j], numbers[j]);
                if (!(a.Equals(b) || Math.Abs(a - b) <= 1e-6 + 1e-3 * Math.Abs(b))) return new Outcome("", null, $"{executor}: output {i} has {a} at {j}, not {b}");
            }
        }

        return null;
    }

    private static TensorProto[] Tensors(string set, string kind) => [.. Enumerable.Range(0, 1000).Select(i => Path.Combine(set, $"{kind}_{i}.pb")).TakeWhile(File.Exists)
        .Select(path => TensorProto.Parser.ParseFrom(File.ReadAllBytes(path)))];
}
