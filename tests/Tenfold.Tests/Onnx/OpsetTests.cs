using Google.Protobuf;
using Onnx;
using Xunit;
using Attribute = Onnx.AttributeProto.Types.AttributeType;

namespace Tenfold.Tests;

/// <summary>What earlier opsets said in attributes and later ones in inputs means the same.</summary>
public class OpsetTests
{
    /// <summary>A node: its operator, inputs after x (constants: reals or whole numbers) and attributes.</summary>
    public sealed record Said(int Opset, string Type, object?[] Inputs, params (string Name, object Value)[] Attributes);

    private static readonly float[] s_twice = [1, 1, 2, 2];

    private static readonly (string Name, Said Old, Said New)[] s_pairs =
    [
        ("clip", new(7, "Clip", [], ("min", -0.5f), ("max", 0.25f)), new(13, "Clip", [-0.5f, 0.25f])),
        ("clip from below", new(10, "Clip", [], ("min", 0.5f)), new(24, "Clip", [0.5f])),
        ("pad", new(7, "Pad", [], ("pads", (long[])[0, 0, 1, 2, 0, 0, 3, 0]), ("value", 1.5f)), new(18, "Pad", [(long[])[1, 2, 3, 0], 1.5f, (long[])[2, 3]])),
        ("pad by reflection", new(10, "Pad", [], ("mode", "reflect"), ("pads", (long[])[0, 0, 1, 2, 0, 0, 3, 0])), new(24, "Pad", [(long[])[0, 0, 1, 2, 0, 0, 3, 0]], ("mode", "reflect"))),
        ("slice", new(9, "Slice", [], ("starts", (long[])[1, -3]), ("ends", (long[])[3, 100]), ("axes", (long[])[1, 2])), new(13, "Slice", [(long[])[1, -3], (long[])[3, 100], (long[])[1, 2], (long[])[1, 1]])),
        ("squeeze", new(11, "Squeeze", [], ("axes", (long[])[0])), new(13, "Squeeze", [(long[])[0]])),
        ("unsqueeze", new(7, "Unsqueeze", [], ("axes", (long[])[1, 5])), new(21, "Unsqueeze", [(long[])[1, 5]])),
        ("sum", new(11, "ReduceSum", [], ("axes", (long[])[1, 3]), ("keepdims", 0L)), new(13, "ReduceSum", [(long[])[1, 3]], ("keepdims", 0L))),
        ("mean", new(7, "ReduceMean", [], ("axes", (long[])[2, 3])), new(18, "ReduceMean", [(long[])[2, 3]])),
        ("product", new(13, "ReduceProd", [], ("axes", (long[])[1])), new(18, "ReduceProd", [(long[])[1]])),
        ("norms of rows", new(11, "ReduceL2", [], ("axes", (long[])[-1])), new(20, "ReduceL2", [(long[])[3]])),
        ("all of it", new(7, "ReduceMax", []), new(20, "ReduceMax", [(long[])[0, 1, 2, 3]])),
        ("upsample 7", new(7, "Upsample", [], ("mode", "nearest"), ("scales", s_twice)), new(13, "Resize", [null, s_twice], ("coordinate_transformation_mode", "asymmetric"), ("nearest_mode", "floor"))),
        ("upsample 9", new(9, "Upsample", [s_twice], ("mode", "linear")), new(19, "Resize", [null, s_twice], ("mode", "linear"), ("coordinate_transformation_mode", "asymmetric"))),
        ("resize 10", new(10, "Resize", [(float[])[1, 1, 0.5f, 3]], ("mode", "nearest")), new(11, "Resize", [Array.Empty<float>(), (float[])[1, 1, 0.5f, 3]], ("coordinate_transformation_mode", "asymmetric"), ("nearest_mode", "floor"))),
        ("resize 13", new(13, "Resize", [null, null, (long[])[1, 4, 7, 9]], ("mode", "cubic")), new(18, "Resize", [null, null, (long[])[7, 9]], ("mode", "cubic"), ("axes", (long[])[2, 3]))),
        ("dropout", new(7, "Dropout", [], ("ratio", 0.25f)), new(13, "Dropout", [0.25f])),
        ("split", new(11, "Split", [], ("axis", 1L), ("split", (long[])[3, 1])), new(13, "Split", [(long[])[3, 1]], ("axis", 1L))),
        ("split in equal parts", new(7, "Split", [], ("axis", 3L)), new(18, "Split", [], ("axis", 3L), ("num_outputs", 2L))),
        ("softmax of the last axis", new(11, "Softmax", [], ("axis", 3L)), new(13, "Softmax", [])),
        ("prelu", new(7, "PRelu", [new Tensor([4, 1, 1], [0.1f, 0.2f, -0.3f, 1])]), new(16, "PRelu", [new Tensor([1, 4, 1, 1], [0.1f, 0.2f, -0.3f, 1])])),
        ("group norm", new(18, "GroupNormalization", [(float[])[2, 3], (float[])[0.5f, -1]], ("num_groups", 2L)), new(21, "GroupNormalization", [(float[])[2, 2, 3, 3], (float[])[0.5f, 0.5f, -1, -1]], ("num_groups", 2L))),
        ("grid sample", new(16, "GridSample", [new Tensor([1, 1, 2, 2], [-0.9f, 0.1f, 0.7f, 1.2f])], ("mode", "bicubic")), new(20, "GridSample", [new Tensor([1, 1, 2, 2], [-0.9f, 0.1f, 0.7f, 1.2f])], ("mode", "cubic"))),
        ("gelu", new(20, "Gelu", []), new(24, "Gelu", [])),
        ("exponents", new(7, "Pow", [new Tensor([4, 1, 1], [1, 2, 3, 0])]), new(15, "Pow", [new Tensor([1, 4, 1, 1], [1, 2, 3, 0])])),
    ];

    public static TheoryData<string> Names => [.. s_pairs.Select(pair => pair.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Earlier_and_later_forms_mean_the_same(string name)
    {
        var (_, old, @new) = s_pairs.Single(pair => pair.Name == name);
        var (a, b) = (Run(old), Run(@new));
        Assert.Equal(a.Length, b.Length);
        foreach (var (x, y) in a.Zip(b))
        {
            Assert.Equal(x.Shape, y.Shape);
            Check.Close(Doubles(x), Doubles(y), 1e-6, name);
        }
    }

    [Fact]
    public void Softmax_before_opset_13_is_of_all_behind_the_axis()
    {
        var y = Run(new(11, "Softmax", [], ("axis", 1L)))[0];
        Assert.Equal(1, y.Span.ToArray().Sum(), 1e-5f);
        Assert.Equal(Shape.Of([1, 4, 5, 6]), y.Shape);
    }

    [Fact]
    public void A_norm_of_every_pixel_is_that_of_its_pixel()
    {
        var numbers = Enumerable.Range(1, 120).Select(i => i % 7 + 0.5f).ToArray();
        var vector = new Tensor([4, 5, 6], numbers);
        var y = Run(new(7, "BatchNormalization", [vector, vector, vector, vector], ("spatial", 0L)))[0];
        Check.Close([.. X.Span.ToArray().Select((x, i) => (x - (double)numbers[i]) / Math.Sqrt(numbers[i] + 1e-5) * numbers[i] + numbers[i])], Doubles(y), 1e-5, "norm");
    }

    [Fact]
    public void What_the_network_computes_can_be_a_condition_a_bound_and_an_exponent()
    {
        var proto = new GraphProto { Name = "computed" };
        proto.Node.Add(Node("ReduceMean", ["x"], "mean", ("axes", (long[])[1, 2, 3])));
        proto.Node.Add(Node("Greater", ["x", "mean"], "above"));
        proto.Node.Add(Node("Clip", ["x", "mean", ""], "clipped"));
        proto.Node.Add(Node("Where", ["above", "clipped", "x"], "chosen"));
        proto.Node.Add(Node("Abs", ["chosen"], "size"));
        proto.Node.Add(Node("Sigmoid", ["mean"], "exponent"));
        proto.Node.Add(Node("Pow", ["size", "exponent"], "y"));
        var y = Run(proto, 13, outputs: 1)[0];
        var mean = X.Span.ToArray().Average(x => (double)x);
        Check.Close([.. X.Span.ToArray().Select(x => Math.Pow(Math.Abs((double)x), 1 / (1 + Math.Exp(-mean))))], Doubles(y), 1e-5, "computed");
    }

    private static Tensor X
    {
        get
        {
            var x = new Tensor([1, 4, 5, 6]);
            var random = new Philox(3);
            for (var i = 0; i < x.Span.Length; i++) x.Span[i] = (float)random.Normal((ulong)i);
            return x;
        }
    }

    private static double[] Doubles(Tensor tensor) => [.. tensor.Span.ToArray().Select(value => (double)value)];

    private static Tensor[] Run(Said said)
    {
        var proto = new GraphProto { Name = said.Type };
        List<string> inputs = ["x"];
        foreach (var (i, input) in said.Inputs.Index())
        {
            inputs.Add(input is null ? "" : $"c{i}");
            if (input is null) continue;
            var constant = new TensorProto { Name = $"c{i}", DataType = (int)(input is long[]? TensorProto.Types.DataType.Int64 : TensorProto.Types.DataType.Float) };
            if (input is not float) constant.Dims.AddRange(input is Tensor shaped ? shaped.Shape.Select(size => (long)size) : [((Array)input).Length]);
            if (input is long[] wholes) constant.Int64Data.AddRange(wholes);
            else constant.FloatData.AddRange(input switch { float[] reals => reals, Tensor tensor => tensor.Span.ToArray(), _ => [(float)input] });
            proto.Initializer.Add(constant);
        }

        var outputs = said.Type == "Split" ? 2 : 1;
        var node = Node(said.Type, inputs, "y", said.Attributes);
        if (outputs == 2) node.Output.Add("y1");
        proto.Node.Add(node);
        return Run(proto, said.Opset, outputs);
    }

    private static Tensor[] Run(GraphProto proto, int opset, int outputs)
    {
        var x = X;
        proto.Input.Add(new ValueInfoProto { Name = "x", Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = 1, Shape = new TensorShapeProto { Dim = { x.Shape.Select(size => new TensorShapeProto.Types.Dimension { DimValue = size }) } } } } });
        for (var i = 0; i < outputs; i++) proto.Output.Add(new ValueInfoProto { Name = i == 0 ? "y" : $"y{i}", Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = 1 } } });
        var model = new ModelProto { IrVersion = 8, Graph = proto, OpsetImport = { new OperatorSetIdProto { Domain = "", Version = opset } } };
        var built = OnnxModel.Parse("opset.onnx", model.ToByteArray()).Build();
        return built.Compile(new RunOptions { Threads = 1 }).RunAll(x);
    }

    private static NodeProto Node(string type, IEnumerable<string> inputs, string output, params (string Name, object Value)[] attributes)
    {
        var node = new NodeProto { OpType = type, Name = type.ToLowerInvariant(), Output = { output } };
        node.Input.AddRange(inputs);
        foreach (var (name, value) in attributes)
        {
            var attribute = new AttributeProto { Name = name };
            switch (value)
            {
                case long number: (attribute.I, attribute.Type) = (number, Attribute.Int); break;
                case float number: (attribute.F, attribute.Type) = (number, Attribute.Float); break;
                case string text: (attribute.S, attribute.Type) = (ByteString.CopyFromUtf8(text), Attribute.String); break;
                case long[] numbers: attribute.Ints.AddRange(numbers); attribute.Type = Attribute.Ints; break;
                case float[] numbers: attribute.Floats.AddRange(numbers); attribute.Type = Attribute.Floats; break;
            }

            node.Attribute.Add(attribute);
        }

        return node;
    }
}
