using Xunit;

namespace Tenfold.Tests;

/// <summary>What is exported, ONNX Runtime computes as the definition does.</summary>
public class OnnxExportTests
{
    private static readonly IReadOnlyList<(string Matrix, Case Case)> s_cases = [.. typeof(OnnxExportTests).Assembly.GetTypes()
        .Where(type => type.IsClass && type.IsAssignableTo(typeof(ICases)))
        .SelectMany(type => ((IReadOnlyList<Case>)type.GetProperty(nameof(ICases.Cases))!.GetValue(null)!).Select(@case => (type.Name, @case)))];

    internal static IEnumerable<Case> CasesOf(string matrix) => s_cases.Where(pair => pair.Matrix == matrix).Select(pair => pair.Case);

    // Losses, what exists only in training, and sampling of regions that an offset moves.
    private static readonly HashSet<Type> s_withoutForm = [typeof(SoftmaxCrossEntropy), typeof(MeanSquareError), typeof(RandomMask), typeof(BatchMean), typeof(BatchVariance), typeof(RoiSampling)];

    public static TheoryData<string> Matrices => [.. s_cases.Select(pair => pair.Matrix).Distinct()];

    [Theory]
    [MemberData(nameof(Matrices))]
    public void Every_operation_of_the_matrix_runs_elsewhere_as_here(string matrix)
    {
        var faults = new List<string>();
        var ran = 0;
        foreach (var @case in CasesOf(matrix))
        {
            var (model, inputs, expected) = Check.Example(@case);
            if (model.Graph.Cost.Macs > 20_000_000) continue;
            try
            {
                foreach (var fold in model.Graph.Nodes.Any(node => node.Op is BatchNorm) ? new[] { false, true } : [false])
                {
                    var y = Runtime.Run(model, new OnnxOptions { FoldBatchNorm = fold, DynamicBatch = false }, inputs)[0];
                    Assert.Equal(expected.Shape, y.Shape);
                    Check.Close(expected.Data, [.. y.Span.ToArray().Select(value => (double)value)], 1e-4, $"{@case}: fold {fold}");
                    ran++;
                }
            }
            catch (NotSupportedException e) when (model.Graph.Nodes.Any(node => s_withoutForm.Contains(node.Op.GetType()) || node.Op.Name.EndsWith("gradient", StringComparison.Ordinal) || node.Op is BatchNorm { Training: true }))
            {
                Assert.Contains("has no ONNX form", e.Message);
            }
            catch (Exception e)
            {
                faults.Add($"{@case}: {e.Message}");
            }
        }

        Assert.True(faults.Count == 0, string.Join('\n', faults));
        Assert.True(ran > 0 || matrix is nameof(LossMatrix) or nameof(RoiMatrix));
    }

    // Of each paper the smallest network, if it is quick, or all: TENFOLD_TEST_LONG=1.
    public static TheoryData<string> Networks => [.. Network.All.GroupBy(network => network.Paper)
        .SelectMany(paper => Environment.GetEnvironmentVariable("TENFOLD_TEST_LONG") == "1" ? paper : paper.Where(network => Smallest(network).Cost is { Parameters: < 8_000_000, Macs: < 300_000_000 }).OrderBy(network => Smallest(network).Cost.Parameters).Take(1))
        .Select(network => network.Name)];

    [Theory]
    [MemberData(nameof(Networks))]
    public void Networks_run_elsewhere_as_here(string name)
    {
        var model = Uneven(Smallest(Network.Named(name)));
        var x = Uneven(model.Graph.Inputs[0].Shape.With(0, 2), seed: 1);
        var expected = model.Compile().Run(x);
        foreach (var fold in new[] { false, true })
        {
            var y = Runtime.Run(model, new OnnxOptions { FoldBatchNorm = fold }, x)[0];
            Assert.Equal(expected.Shape, y.Shape);
            Check.Close([.. expected.Span.ToArray().Select(value => (double)value)], [.. y.Span.ToArray().Select(value => (double)value)], 1e-4, $"{name}: fold {fold}");
        }
    }

    [Fact]
    public void Names_and_what_belongs_to_a_model_stand_in_the_file()
    {
        var graph = Network.Create("resnet20");
        var model = new Model(graph) { Classes = [.. Enumerable.Range(0, 10).Select(i => $"class {i}")], Preprocessing = Preprocessing.ImageNet, Provenance = new Dictionary<string, string> { ["seed"] = "7" } };
        var proto = OnnxWriter.Write(model, new OnnxOptions());
        Assert.Equal(17, proto.OpsetImport.Single().Version);
        Assert.Equal("resnet20", proto.Graph.Name);
        Assert.Equal(graph.Parameters.Keys.Order(), proto.Graph.Initializer.Select(tensor => tensor.Name).Where(graph.Parameters.ContainsKey).Order());
        Assert.Contains(proto.Graph.Node, node => node.Name == "layer1.0.conv1" && node.OpType == "Conv");
        Assert.Equal("batch", proto.Graph.Input.Single().Type.TensorType.Shape.Dim[0].DimParam);
        Assert.Equal("batch", proto.Graph.Output.Single().Type.TensorType.Shape.Dim[0].DimParam);
        var metadata = proto.MetadataProps.ToDictionary(pair => pair.Key, pair => pair.Value);
        Assert.StartsWith("[\"class 0\",\"class 1\"", metadata["tenfold.classes"], StringComparison.Ordinal);
        Assert.Equal("[0.485,0.456,0.406]", metadata["tenfold.mean"]);
        Assert.Equal("{\"seed\":\"7\"}", metadata["tenfold.provenance"]);
    }

    [Fact]
    public void Folding_leaves_no_norm_behind_a_convolution()
    {
        var proto = OnnxWriter.Write(new Model(Network.Create("resnet20")), new OnnxOptions { FoldBatchNorm = true });
        Assert.DoesNotContain(proto.Graph.Node, node => node.OpType == "BatchNormalization");
        Assert.DoesNotContain(proto.Graph.Initializer, tensor => tensor.Name.Contains("running", StringComparison.Ordinal));
    }

    [Fact]
    public void A_norm_stays_where_something_else_reads_the_convolution()
    {
        var y = Image.Of(3, 5, 4).Conv(4, kernel: 3);
        var model = Uneven((y.BatchNorm() + y).ToGraph("shared"));
        Assert.Contains(OnnxWriter.Write(model, new OnnxOptions { FoldBatchNorm = true }).Graph.Node, node => node.OpType == "BatchNormalization");
    }

    [Fact]
    public void What_has_no_form_is_refused_by_name()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "x.onnx");
        var x = Image.Of(2, 3, 3);
        var loss = new Model(new MeanSquareError().Apply(x, x).ToGraph("loss"));
        Assert.Contains("mean_square_error1: mean square error has no ONNX form", Assert.Throws<NotSupportedException>(() => OnnxFile.Save(loss, path)).Message);
        var wrap = new Model(x.Pad(1, PadMode.Circular).ToGraph("wrap"));
        Assert.Contains("needs opset 19, not 17", Assert.Throws<NotSupportedException>(() => OnnxFile.Save(wrap, path, new OnnxOptions { Opset = 17 })).Message);
        Assert.Contains("16 is not one of 17 to 24", Assert.Throws<NotSupportedException>(() => OnnxFile.Save(wrap, path, new OnnxOptions { Opset = 16 })).Message);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public void The_command_line_exports()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "r.onnx");
        var run = CommandLine.Run("export", "resnet20", path, "--input", "3x16x24", "--classes", "7", "--fold", "--json");
        Assert.Equal(new FileInfo(path).Length, run.Json.GetProperty("bytes").GetInt64());
        var x = Uneven([3, 3, 16, 24], seed: 2);
        Assert.Equal([3, 7], Runtime.Run(File.ReadAllBytes(path), ["image"], [x])[0].Shape);
        Assert.Equal(2, CommandLine.Run("export", "resnet20", path + ".txt").Code);
        Assert.Equal(2, CommandLine.Run("export", "resnet20", path, "--opset", "9").Code);
    }

    /// <summary>The network for few classes and for the smallest pictures that it takes.</summary>
    internal static Graph Smallest(Network network)
    {
        foreach (var side in new[] { 32, 64, 96, 128, 160, 192 })
        {
            try
            {
                return network.Build(Math.Min(network.Classes, 10), [network.Input[0], side, side]);
            }
            catch (ShapeException)
            {
                // a larger one, then
            }
        }

        return network.Build(network.Classes, network.Input);
    }

    /// <summary>A model in which no parameter is a mere 0 or 1.</summary>
    internal static Model Uneven(Graph graph)
    {
        var weights = graph.Init(seed: 3);
        foreach (var (name, tensor) in weights)
        {
            var random = Philox.Named(4, name);
            var positive = name.EndsWith("running_var", StringComparison.Ordinal);
            if (tensor.Span.ContainsAnyExcept(tensor.Span[0])) continue;
            for (var i = 0; i < tensor.Span.Length; i++) tensor.Span[i] += (float)(0.1 * (positive ? random.Uniform((ulong)i) : random.Normal((ulong)i)));
        }

        return new Model(graph, weights);
    }

    internal static Tensor Uneven(Shape shape, ulong seed)
    {
        var (tensor, random) = (new Tensor(shape), new Philox(seed));
        for (var i = 0; i < tensor.Span.Length; i++) tensor.Span[i] = (float)random.Normal((ulong)i);
        return tensor;
    }
}
