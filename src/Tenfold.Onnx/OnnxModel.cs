using Google.Protobuf;
using Onnx;

namespace Tenfold;

/// <summary>An input of an ONNX file.</summary>
/// <param name="Sizes">Null where the file leaves a size free.</param>
public sealed record OnnxInput(string Name, IReadOnlyList<int?> Sizes);

/// <summary>An ONNX file that was read and checked. Its sizes may be free; a <see cref="Model"/>, whose sizes are not, is built for given ones.</summary>
public sealed class OnnxModel
{
    private const int MaxNodes = 200_000, MaxTensors = 200_000, MaxName = 4096;

    internal static readonly HashSet<string> Domains = ["", "ai.onnx"];

    private readonly string _path;
    private readonly ModelProto _proto;

    private OnnxModel(string path, ModelProto proto, int opset)
    {
        (_path, _proto, Opset) = (path, proto, opset);
        Constants = ReadConstants();
        Order = Sort();
        Inputs = [.. Graph.Input.Where(input => !Constants.ContainsKey(input.Name)).Select(Describe)];
    }

    /// <summary>The version of the operator set.</summary>
    public int Opset { get; }

    /// <summary>What the model is given when it runs.</summary>
    public IReadOnlyList<OnnxInput> Inputs { get; }

    internal GraphProto Graph => _proto.Graph;

    internal ModelProto Proto => _proto;

    internal string Path => _path;

    internal Dictionary<string, Constant> Constants { get; }

    /// <summary>The nodes that the outputs are made of, inputs before users.</summary>
    internal IReadOnlyList<NodeProto> Order { get; }

    /// <summary>Reads a file, and the files beside it that hold its weights.</summary>
    /// <exception cref="MalformedFileException">Not an ONNX file, or one that breaks a rule.</exception>
    /// <exception cref="NotSupportedException">An opset newer than 24.</exception>
    public static OnnxModel Open(string path)
    {
        var length = new FileInfo(path).Length;
        if (length > Array.MaxLength) throw new MalformedFileException($"{path}: is {length} bytes long; an ONNX file holds at most 2 GiB");
        return Parse(path, File.ReadAllBytes(path));
    }

    internal static OnnxModel Parse(string path, byte[] bytes)
    {
        try
        {
            var proto = ModelProto.Parser.ParseFrom(bytes);
            if (proto.Graph is null || proto.Graph.Node.Count + proto.Graph.Initializer.Count == 0) throw new FormatException("holds no ONNX graph");
            long? version = null;
            foreach (var set in proto.OpsetImport)
                if (Domains.Contains(set.Domain) && (version ??= set.Version) != set.Version) throw new FormatException("names two opsets");
            if (version is null) throw new FormatException("does not say which opset it is written in");
            if (version is < 1 or > 24) throw new NotSupportedException($"{path}: is written in opset {version}; those up to 24 are read");
            return new OnnxModel(path, proto, (int)version);
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or FormatException or OverflowException)
        {
            throw new MalformedFileException($"{path}: {(e is InvalidProtocolBufferException ? $"is not an ONNX file, or a damaged one ({e.Message})" : e.Message)}", e);
        }
    }

    /// <summary>The model for inputs of these shapes, in the order of <see cref="Inputs"/>. Without any: sizes that the file leaves free are 1 for the
    /// batch, 3 for channels and 224 for the others.</summary>
    /// <remarks>Other batches of the built graph mean the same. Other sizes of pictures too where the file does not compute with sizes (resizing to the
    /// size of another map, padding to "same"): for these, build again.</remarks>
    /// <exception cref="NotSupportedException">Operators that have no counterpart here; the message lists all.</exception>
    /// <exception cref="MalformedFileException">A node breaks its operator's rule.</exception>
    /// <exception cref="ShapeException">The shapes do not fit what the file states.</exception>
    public Model Build(params ReadOnlySpan<Shape> shapes)
    {
        if (shapes.Length == 0)
        {
            var own = new Shape[Inputs.Count];
            for (var i = 0; i < own.Length; i++) own[i] = Default(Inputs[i]);
            return new OnnxImport(this, own).Build();
        }

        if (shapes.Length != Inputs.Count) throw new ShapeException($"{_path}: takes {Inputs.Count} inputs, not {shapes.Length}");
        for (var i = 0; i < shapes.Length; i++)
        {
            var sizes = Inputs[i].Sizes;
            var fits = sizes.Count == shapes[i].Rank;
            for (var axis = 0; fits && axis < sizes.Count; axis++) fits = axis == 0 || sizes[axis] is null || sizes[axis] == shapes[i][axis];
            if (!fits) throw new ShapeException($"{_path}: its input {Inputs[i].Name} is {string.Join('x', sizes.Select(size => size?.ToString() ?? "?"))}, not {shapes[i]}");
        }

        return new OnnxImport(this, shapes.ToArray()).Build();
    }

    // No LINQ over sizes on the way to a first prediction, here and where constants are read: each of its methods is compiled anew in each process for each type of number.
    private static Shape Default(OnnxInput input)
    {
        var sizes = new int[input.Sizes.Count];
        for (var axis = 0; axis < sizes.Length; axis++) sizes[axis] = input.Sizes[axis] ?? (axis switch { 0 => 1, 1 => 3, _ => 224 });
        return Shape.Of(sizes);
    }

    private OnnxInput Describe(ValueInfoProto input)
    {
        var type = input.Type?.TensorType ?? throw new FormatException($"its input {Short(input.Name)} is no tensor");
        if (type.ElemType is not ((int)TensorProto.Types.DataType.Float or (int)TensorProto.Types.DataType.Float16 or (int)TensorProto.Types.DataType.Double or (int)TensorProto.Types.DataType.Bfloat16))
            throw new NotSupportedException($"{_path}: its input {Short(input.Name)} holds numbers of type {(TensorProto.Types.DataType)type.ElemType}, not reals");
        if (type.Shape is null) throw new FormatException($"its input {Short(input.Name)} has no shape");
        if (type.Shape.Dim.Count > Shape.MaxRank) throw new FormatException($"its input {Short(input.Name)} has {type.Shape.Dim.Count} dimensions, more than {Shape.MaxRank}");
        var sizes = new int?[type.Shape.Dim.Count];
        for (var axis = 0; axis < sizes.Length; axis++)
        {
            var size = type.Shape.Dim[axis];
            if (size.ValueCase != TensorShapeProto.Types.Dimension.ValueOneofCase.DimValue || size.DimValue == -1) continue;
            sizes[axis] = size.DimValue is >= 1 and <= int.MaxValue ? (int)size.DimValue : throw new FormatException($"its input {Short(input.Name)} has a dimension of {size.DimValue}");
        }

        return new OnnxInput(input.Name, sizes);
    }

    private Dictionary<string, Constant> ReadConstants()
    {
        if (Graph.Initializer.Count > MaxTensors) throw new FormatException($"holds {Graph.Initializer.Count} tensors, above {MaxTensors}");
        if (Graph.SparseInitializer.Count > 0) throw new NotSupportedException($"{_path}: holds sparse tensors");
        var external = new ExternalData(_path);
        var constants = new Dictionary<string, Constant>();
        foreach (var tensor in Graph.Initializer)
        {
            if (tensor.Name.Length is 0 or > MaxName) throw new FormatException($"holds a tensor with a name of {tensor.Name.Length} characters");
            try
            {
                if (!constants.TryAdd(tensor.Name, Constant.Read(tensor, external.Read))) throw new FormatException("is there twice");
            }
            catch (FormatException e)
            {
                throw new FormatException($"the tensor {Short(tensor.Name)} {e.Message}", e);
            }
            catch (NotSupportedException e)
            {
                throw new NotSupportedException($"{_path}: the tensor {Short(tensor.Name)} {e.Message}", e);
            }
        }

        return constants;
    }

    // Depth first from the outputs, on a stack of our own: a file of a million nodes in a row must not overflow the thread's.
    private List<NodeProto> Sort()
    {
        if (Graph.Node.Count > MaxNodes) throw new FormatException($"has {Graph.Node.Count} nodes, above {MaxNodes}");
        if (Graph.Output.Count == 0) throw new FormatException("has no output");
        var makers = new Dictionary<string, NodeProto>();
        var given = new HashSet<string>(Constants.Keys);
        foreach (var input in Graph.Input)
        {
            if (input.Name.Length is 0 or > MaxName) throw new FormatException($"has an input with a name of {input.Name.Length} characters");
            if (!given.Add(input.Name) && !Constants.ContainsKey(input.Name)) throw new FormatException($"has two inputs named {Short(input.Name)}");
        }

        foreach (var node in Graph.Node)
            foreach (var output in node.Output)
            {
                if (output.Length > MaxName) throw new FormatException($"has a value with a name of {output.Length} characters");
                if (output.Length > 0 && (given.Contains(output) || !makers.TryAdd(output, node))) throw new FormatException($"has two values named {Short(output)}");
            }

        var order = new List<NodeProto>();
        var state = new Dictionary<NodeProto, bool>(ReferenceEqualityComparer.Instance); // false while open, true when done
        var stack = new Stack<(NodeProto Node, int Next)>();
        foreach (var output in Graph.Output) Visit(output.Name, "the outputs");
        return order;

        void Visit(string name, string user)
        {
            Push(name, user);
            while (stack.TryPop(out var top))
            {
                if (top.Next < top.Node.Input.Count)
                {
                    stack.Push((top.Node, top.Next + 1));
                    Push(top.Node.Input[top.Next], Named(top.Node));
                }
                else
                {
                    state[top.Node] = true;
                    order.Add(top.Node);
                }
            }
        }

        void Push(string name, string user)
        {
            if (name.Length == 0 || given.Contains(name)) return;
            if (!makers.TryGetValue(name, out var node)) throw new FormatException($"{Short(user)} read {Short(name)}, which nothing makes");
            if (!state.TryAdd(node, false))
            {
                if (!state[node]) throw new FormatException($"is a circle: {Short(user)} read {Short(name)}, which is made of it");
                return;
            }

            stack.Push((node, 0));
        }
    }

    internal static string Named(NodeProto node) => node.Name.Length > 0 ? node.Name : node.Output.FirstOrDefault(output => output.Length > 0) ?? node.OpType;

    internal static string Short(string text) => text.Length > 100 ? text[..100] + "..." : text;
}
