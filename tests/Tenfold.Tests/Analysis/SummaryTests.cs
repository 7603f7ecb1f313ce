using System.Runtime.CompilerServices;
using Xunit;

namespace Tenfold.Tests;

public class SummaryTests
{
    public static TheoryData<string> Golden =>
    [
        "alexnet2012", "vgg16", "nin_cifar", "googlenet2015", "inception_v3", "resnet20", "resnet50", "resnetv2_18", "resnext50_32x4d", "densenet_bc100_12",
        "xception", "mobilenet_v2", "mobilenet_v3_small", "shufflenet_v1_g3", "shufflenet_v2_x1_0", "squeezenet1_1", "igcv1_l24m2_20", "drn_d_22", "deformable_resnet50",
    ];

    [Theory]
    [MemberData(nameof(Golden))]
    public void Tables_are_as_reviewed(string name)
    {
        var path = Path.Combine(Folder(), "Expectations", $"{name}.txt");
        var text = Network.Create(name).Summarize().ToText();
        if (Environment.GetEnvironmentVariable("TENFOLD_WRITE_GOLDEN") is { Length: > 0 }) File.WriteAllText(path, text);
        Assert.Equal(File.ReadAllText(path).ReplaceLineEndings("\n"), text);
    }

    [Fact]
    public void Totals_are_the_graph_s_and_the_layers_add_up()
    {
        var graph = Network.Create("resnet18");
        var summary = graph.Summarize();
        Assert.Equal(graph.Cost.Macs, summary.Layers.Sum(layer => layer.Macs));
        Assert.Equal(11_689_512, summary.Layers.Sum(layer => layer.Parameters));
        Assert.Equal(2 * summary.Macs, summary.Flops);
        Assert.Equal(4 * 64 * 112 * 112, summary.Layers[0].Bytes);
        Assert.Equal(4 * graph.Nodes.Where(node => node.Inputs.Count > 0).Sum(node => node.Shape.Count), summary.Bytes);
    }

    [Theory]
    [InlineData(1, 3)]
    [InlineData(2, 7)]
    [InlineData(3, 15)]
    [InlineData(4, 31)]
    public void Doubling_dilations_see_two_to_the_power(int layers, int field)
    {
        var x = Image.Of(1, 64, 64);
        for (var i = 0; i < layers; i++) x = x.Conv(1, kernel: 3, dilation: 1 << i);
        Assert.Equal(field, x.ToGraph("dilated").Summarize().ReceptiveField);
    }

    [Fact]
    public void The_field_is_what_an_impulse_reaches()
    {
        CheckField(x => x.Conv(1, (3, 5), stride: 2).MaxPool(3, stride: 2, pad: 1).Conv(1, (5, 1), dilation: 2));
        CheckField(x => x.Conv(1, 3) + x.Conv(1, (1, 7)));
        CheckField(x => x.AvgPool(2).Conv(1, 3).ConvTranspose(1, 4, stride: 2, pad: 1).Conv(1, 3));
        CheckField(x => x.Residual(y => y.Conv(1, 3, stride: 2).Conv(1, 3), Shortcut.ZeroPad));
    }

    [Fact]
    public void What_is_broadcast_over_a_map_does_not_widen_its_field()
    {
        var summary = Image.Of(4, 32, 32).Conv(4, 3).SqueezeExcite().Conv(4, 3).GlobalAvgPool().Linear(2).ToGraph("se").Summarize();
        Assert.Equal(5, summary.ReceptiveField);
        Assert.Equal(32, summary.Layers[^1].ReceptiveField);
    }

    // With kernels of ones, a place of the output sees exactly the pixels whose change moves it.
    private static void CheckField(Func<Node, Node> network)
    {
        var graph = network(Image.Of(1, 48, 32)).ToGraph("field");
        var weights = graph.Parameters.ToDictionary(pair => pair.Key, pair => Filled(pair.Value.Shape, pair.Key.EndsWith("bias", StringComparison.Ordinal) ? 0 : 1));
        var output = graph.Output.Shape;
        var (row, column) = (output.Height / 2, output.Width / 2);
        var rows = Enumerable.Range(0, 48).Where(h => Sees((at, _) => at == h)).ToArray();
        var columns = Enumerable.Range(0, 32).Where(w => Sees((_, at) => at == w)).ToArray();
        Assert.Equal(new Size(rows.Max() - rows.Min() + 1, columns.Max() - columns.Min() + 1), graph.Summarize().ReceptiveField);

        bool Sees(Func<int, int, bool> lit)
        {
            var x = new Values<double>([1, 1, 48, 32]);
            foreach (var (n, c, h, w) in x.Shape.Positions) x[n, c, h, w] = lit(h, w) ? 1 : 0;
            return Reference.Run(graph, weights, x)[0][0, 0, row, column] != 0;
        }
    }

    private static Values<double> Filled(Shape shape, double number)
    {
        var values = new Values<double>(shape);
        Array.Fill(values.Data, number);
        return values;
    }

    private static string Folder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
