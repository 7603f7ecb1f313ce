using Google.Protobuf;
using Onnx;
using Xunit;

namespace Tenfold.Tests;

/// <summary>What is imported computes what the file says.</summary>
public class OnnxImportTests
{
    [Theory]
    [MemberData(nameof(OnnxExportTests.Matrices), MemberType = typeof(OnnxExportTests))]
    public void Every_operation_of_the_matrix_comes_back(string matrix)
    {
        var faults = new List<string>();
        foreach (var @case in OnnxExportTests.CasesOf(matrix))
        {
            var (model, inputs, expected) = Check.Example(@case);
            if (model.Graph.Cost.Macs > 2_000_000 || model.Graph.Nodes.Any(node => node.Op is Expand)) continue; // of an expansion's second input only the shape matters
            byte[] file;
            try
            {
                file = OnnxWriter.Write(model, new OnnxOptions { DynamicBatch = false }).ToByteArray();
            }
            catch (NotSupportedException)
            {
                continue; // the export tests say for which
            }

            try
            {
                var back = OnnxModel.Parse("case.onnx", file).Build();
                var y = Reference.Run(back.Graph, back.Weights, inputs)[0];
                Assert.Equal(expected.Shape, y.Shape);
                Check.Close(expected.Data, [.. y.Span.ToArray().Select(value => (double)value)], 1e-4, $"{@case}");
            }
            catch (Exception e)
            {
                faults.Add($"{@case}: {e.Message}");
            }
        }

        Assert.True(faults.Count == 0, string.Join('\n', faults));
    }

    [Theory]
    [MemberData(nameof(OnnxExportTests.Networks), MemberType = typeof(OnnxExportTests))]
    public void Networks_come_back_with_their_names_weights_and_numbers(string name)
    {
        var model = OnnxExportTests.Uneven(OnnxExportTests.Smallest(Network.Named(name)));
        var back = OnnxModel.Parse("network.onnx", OnnxWriter.Write(model, new OnnxOptions()).ToByteArray()).Build(model.Graph.Inputs[0].Shape);
        Assert.Equal(model.Graph.Name, back.Graph.Name);
        Assert.Equal(Trained(model), Trained(back));
        foreach (var (parameter, tensor) in model.Weights) Assert.Equal(tensor.Span, back.Weights[parameter].Span);
        var x = OnnxExportTests.Uneven(model.Graph.Inputs[0].Shape.With(0, 2), seed: 1);
        Check.Close([.. model.Compile().Run(x).Span.ToArray().Select(value => (double)value)], [.. back.Compile().Run(x).Span.ToArray().Select(value => (double)value)], 1e-4, name);
    }

    private static IEnumerable<string> Trained(Model model) => model.Graph.Parameters.Where(pair => pair.Value.Op is Parameter { Trained: true }).Select(pair => pair.Key).Order();

    [Fact]
    public void What_belongs_to_a_model_comes_back()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "model.onnx");
        var model = new Model(Network.Create("resnet20", classes: 3)) { Classes = ["a", "b", "c"], Preprocessing = Preprocessing.Caffe, Provenance = new Dictionary<string, string> { ["seed"] = "7" } };
        OnnxFile.Save(model, path);
        var back = OnnxFile.Load(path);
        Assert.Equal(model.Classes, back.Classes);
        Assert.Equal(model.Preprocessing.Mean, back.Preprocessing.Mean);
        Assert.Equal(model.Preprocessing.Deviation, back.Preprocessing.Deviation);
        Assert.Equal(model.Preprocessing.Share, back.Preprocessing.Share);
        Assert.Equal(ChannelOrder.Bgr, back.Preprocessing.Order);
        Assert.Equal("7", back.Provenance["seed"]);
        Assert.Equal("resnet20", CommandLine.Run("summary", path, "--json").Json.GetProperty("name").GetString());
        Assert.Equal([1, 3], CommandLine.Run("summary", path, "--input", "3x32x32", "--json").Json.GetProperty("output").EnumerateArray().Select(size => size.GetInt32()));
        ModelFile.Save(back, Path.Combine(folder.Path, "model.safetensors"));
    }

    [Fact]
    public void Free_sizes_are_fixed_when_the_model_is_built()
    {
        var proto = OnnxWriter.Write(new Model(Image.Of(3, 8, 8).Conv(4, 3).Relu().ToGraph("free")), new OnnxOptions());
        foreach (var axis in (int[])[2, 3]) proto.Graph.Input[0].Type.TensorType.Shape.Dim[axis] = new TensorShapeProto.Types.Dimension { DimParam = "size" };
        var file = OnnxModel.Parse("free.onnx", proto.ToByteArray());
        Assert.Equal([null, 3, null, null], file.Inputs.Single().Sizes);
        Assert.Equal([1, 3, 224, 224], file.Build().Graph.Inputs[0].Shape);
        Assert.Equal([2, 4, 5, 9], file.Build(Shape.Of([2, 3, 5, 9])).Graph.Output.Shape);
        Assert.Contains("is ?x3x?x?, not 1x4x5x5", Assert.Throws<ShapeException>(() => file.Build(Shape.Of([1, 4, 5, 5]))).Message);
    }

    [Fact]
    public void All_that_has_no_counterpart_is_named_at_once()
    {
        var proto = OnnxWriter.Write(new Model(Image.Of(3, 8, 8).Relu().Sigmoid().Tanh().ToGraph("odd")), new OnnxOptions());
        (proto.Graph.Node[0].OpType, proto.Graph.Node[1].OpType) = ("Einsum", "NonMaxSuppression");
        var message = Assert.Throws<NotSupportedException>(() => OnnxModel.Parse("odd.onnx", proto.ToByteArray()).Build()).Message;
        Assert.Equal("odd.onnx: 2 nodes have no counterpart here: relu1 (Einsum, opset 17); sigmoid1 (NonMaxSuppression, opset 17)", message);
    }
}
