using Tenfold.Kernels;
using Xunit;

namespace Tenfold.Tests;

public class WinogradTests
{
    private static readonly (string Name, Func<Node, Node> Build, Shape X)[] s_cases =
    [
        ("one pixel", x => x.Conv(5, 3), [1, 3, 1, 1]),
        ("a row", x => x.Conv(4, 3), [2, 3, 1, 9]),
        ("smaller than a tile", x => x.Conv(16, 3), [1, 16, 2, 3]),
        ("exactly a tile", x => x.Conv(16, 3, pad: 0), [1, 5, 8, 8]),
        ("odd sizes, channels that divide nothing", x => x.Conv(33, 3, bias: false), [3, 17, 13, 7]),
        ("no padding", x => x.Conv(7, 3, pad: 0), [2, 9, 9, 11]),
        ("wide, uneven padding", x => x.Conv(6, 3, pad: new Padding(2, 0, 1, 3)), [1, 4, 5, 6]),
        ("three blocks", x => x.Conv(48, 3), [1, 40, 10, 12]),
        ("many tiles", x => x.Conv(20, 3).Relu(), [2, 8, 29, 31]),
        ("groups of 16", x => x.Conv(48, 3, groups: 3), [2, 48, 7, 9]),
        ("groups of 32 to 16", x => x.Conv(32, 3, groups: 2), [1, 64, 6, 5]),
        ("dilation 2", x => x.Conv(8, 3, dilation: 2), [2, 6, 11, 12]),
        ("dilation (1, 3), odd padding", x => x.Conv(5, 3, dilation: (1, 3), pad: (1, 2)), [1, 7, 6, 13]),
        ("dilation of a small map", x => x.Conv(4, 3, dilation: 4), [1, 3, 3, 5]),
        ("a skip and bounds around it", x => (x.Conv(19, 3).Relu6() + x).Relu(), [2, 19, 9, 7]),
        ("an activation that is no bound", x => (x.Conv(19, 3) + x).Silu(), [2, 19, 9, 7]),
        ("dilated, and an activation that is no bound", x => x.Conv(18, 3, dilation: 2).HardSwish(), [1, 5, 9, 10]),
        ("with a norm", x => x.ConvBn(18, 3).Relu(), [1, 16, 9, 9]),
        ("transposed", x => x.ConvTranspose(9, 3, pad: 0), [2, 5, 6, 7]),
        ("transposed with a norm", x => x.ConvTranspose(9, 3, pad: 1).BatchNorm(), [1, 5, 6, 7]),
        ("5x5: one pixel", x => x.Conv(5, 5), [1, 3, 1, 1]),
        ("5x5: smaller than a tile, no padding", x => x.Conv(5, 5, pad: 0), [1, 3, 5, 6]),
        ("5x5: odd sizes, channels that divide nothing, and bounds", x => x.Conv(33, 5).Relu(), [3, 17, 13, 7]),
        ("5x5: many tiles, wide padding", x => x.Conv(20, 5, pad: new Padding(4, 0, 1, 3)), [2, 8, 19, 23]),
        ("5x5: groups of 16, a skip", x => (x.Conv(48, 5, groups: 3) + x).Silu(), [2, 48, 7, 9]),
        ("5x5: dilation 2", x => x.Conv(8, 5, dilation: 2), [2, 6, 11, 12]),
        ("5x5: transposed", x => x.ConvTranspose(9, 5, pad: 1), [2, 5, 6, 7]),
        ("1x7: one pixel", x => x.Conv(5, (1, 7)), [1, 3, 1, 1]),
        ("1x7: odd sizes, channels that divide nothing, and bounds", x => x.Conv(33, (1, 7)).Relu(), [3, 17, 13, 7]),
        ("1x7: no padding, dilation (2, 3)", x => x.Conv(16, (1, 7), dilation: (2, 3), pad: 0), [1, 5, 3, 25]),
        ("1x7: padding on all sides", x => x.Conv(6, (1, 7), pad: new Padding(2, 1, 1, 4)), [2, 16, 5, 9]),
        ("1x7: transposed", x => x.ConvTranspose(9, (1, 7), pad: (0, 1)), [2, 5, 6, 7]),
        ("7x1: one pixel", x => x.Conv(5, (7, 1)), [1, 3, 1, 1]),
        ("7x1: a skip and bounds around it", x => (x.Conv(19, (7, 1)).Relu6() + x).Relu(), [2, 19, 9, 7]),
        ("7x1: groups of 16, an activation that is no bound", x => x.Conv(32, (7, 1), groups: 2).Silu(), [2, 32, 17, 17]),
        ("7x1: transposed, dilated", x => x.ConvTranspose(9, (7, 1), dilation: 2), [1, 5, 15, 7]),
    ];

    public static TheoryData<string, ConvolutionAlgorithm> Cases
    {
        get
        {
            var data = new TheoryData<string, ConvolutionAlgorithm>();
            foreach (var (name, _, _) in s_cases)
                foreach (var algorithm in Enum.GetValues<ConvolutionAlgorithm>()) data.Add(name, algorithm);
            return data;
        }
    }

    // The network and its gradients: for its input another convolution of the same kernel, turned around, for its weights the transforms turned around.
    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_algorithm_gives_the_convolution_and_its_gradients(string name, ConvolutionAlgorithm algorithm)
    {
        var (_, build, shape) = s_cases.Single(@case => @case.Name == name);
        var options = new RunOptions { Algorithms = new Dictionary<string, ConvolutionAlgorithm> { ["*"] = algorithm } };
        var weights = build(new Input(shape).Apply([], "x")).ToGraph("winograd").Nodes.First(node => node.Op is Convolution or ConvolutionTranspose).Inputs[1].Shape;
        var (kernel, m) = (new Size(weights[2], weights[3]), (int)algorithm);
        var expected = m > 0 && (kernel == 3 || m < 6) ? $"F({(kernel.Height > 1 ? m : 1)}x{(kernel.Width > 1 ? m : 1)})" : "items";
        Check.Gradients(build, shape, options, m == 6 || kernel != 3 ? 5e-5 : 1e-5, plan => Assert.Contains(plan.Steps, step => step.Kernel.Contains(expected, StringComparison.Ordinal)));
    }

    [Fact]
    public void The_transform_of_the_kernel_is_the_one_in_the_paper_when_the_points_are_1()
    {
        var g = Winograd.Kernel(4, 3);
        double[] expected = [-1, 0, 0, 0.5, 0.5, 0.5, 0.5, -0.5, 0.5, 0, 0, 1];
        Assert.Equal(expected, g.Cast<double>());
    }

    [Fact]
    public void It_is_chosen_where_it_pays_and_left_where_it_cannot_or_must_not()
    {
        Assert.IsType<WinogradConvolution>(Choice(64, 56, 3, 1, exact: false));
        Assert.IsType<DenseConvolution>(Choice(64, 56, 3, 1, exact: true));
        Assert.IsType<DenseConvolution>(Choice(64, 56, 3, 2, exact: false));
        Assert.IsType<WinogradConvolution>(Choice(64, 56, 5, 1, exact: false));
        Assert.IsType<DenseConvolution>(Choice(64, 56, 5, 1, exact: true));
        Assert.IsType<DenseConvolution>(Choice(64, 56, 7, 1, exact: false));
        Assert.IsType<PictureConvolution>(Choice(3, 1, 3, 1, exact: false));

        static ConvolutionKernel Choice(int channels, int plane, int kernel, int stride, bool exact) => ConvolutionChoice.Of(
            new DenseShape(1, channels, channels, plane, (plane - 1) / stride + 1, kernel, stride, kernel / 2, 1, 1, Transposed: false), exact, forced: null).Kernel;
    }

    [Fact]
    public void A_whole_network_stays_within_a_ten_thousandth_of_the_definition()
    {
        var graph = Network.Create("resnet20");
        var weights = graph.Init(3);
        var x = new Tensor(graph.Inputs[0].Shape);
        for (var i = 0; i < x.Span.Length; i++) x.Span[i] = (float)new Philox(8).Normal((ulong)i);
        var expected = Reference.Run(graph, weights.ToDictionary(pair => pair.Key, pair => Values<double>.From(pair.Value)), [Values<double>.From(x)])[0].Data;
        var largest = new RunOptions { Algorithms = new Dictionary<string, ConvolutionAlgorithm> { ["*"] = ConvolutionAlgorithm.Winograd6 } };
        foreach (var (options, tolerance) in new[] { (new RunOptions(), 1e-5), (largest, 2e-5), (new RunOptions { Exact = true }, 1e-5) })
        {
            var y = new Session(graph, weights, options).Run(x).Span;
            Check.Close(expected, [.. y.ToArray().Select(value => (double)value)], tolerance, $"exact: {options.Exact}");
        }
    }

    // It rounds most: behind norms with measured statistics a deep network lost a digit by it.
    [Fact]
    public void The_largest_tile_is_taken_where_it_is_asked_for_alone()
    {
        var graph = new Input([1, 64, 224, 224]).Apply([], "x").Conv(64, 3).ToGraph("large");
        Assert.Contains("F(4x4)", new Session(graph, graph.Init(1)).Explain(), StringComparison.Ordinal);
        var asked = new RunOptions { Algorithms = new Dictionary<string, ConvolutionAlgorithm> { ["*"] = ConvolutionAlgorithm.Winograd6 } };
        Assert.Contains("F(6x6)", new Session(graph, graph.Init(1), asked).Explain(), StringComparison.Ordinal);
    }

    // 225 tiles in 15 groups, which were made even: 15 of 15 tiles were enough.
    [Fact]
    public void No_group_of_tiles_is_empty()
    {
        var shape = new DenseShape(1, 256, 16, new Size(60, 60), new Size(60, 60), new Size(3, 3), new Size(1, 1), new Size(1, 1), new Size(1, 1), 1, Transposed: false);
        var kernel = new WinogradConvolution(shape, 4, pairs: true);
        Assert.Equal(15, kernel.Groups);
        kernel.Warm();
    }
}
