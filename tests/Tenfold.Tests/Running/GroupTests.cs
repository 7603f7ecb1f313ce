using Tenfold.Kernels;
using Xunit;

namespace Tenfold.Tests;

public class GroupTests
{
    private static readonly (string Name, Func<Node, Node> Build, Shape X)[] s_cases =
    [
        ("one pixel", x => x.Conv(16, 3, groups: 4), [1, 16, 1, 1]),
        ("a row", x => x.Conv(8, 3, groups: 4), [2, 8, 1, 9]),
        ("a column, groups of 8", x => x.Conv(24, 3, groups: 3), [2, 24, 9, 1]),
        ("two rows", x => x.Conv(16, 3, groups: 4, bias: false), [1, 16, 2, 3]),
        ("exactly a tile, no padding", x => x.Conv(16, 3, pad: 0, groups: 8), [1, 16, 3, 6]),
        ("groups of 2, odd sizes, blocks that are not full", x => x.Conv(22, 3, groups: 11), [3, 22, 13, 7]),
        ("groups of 4, strips", x => x.Conv(20, 3, groups: 5).Relu(), [2, 20, 41, 18]),
        ("groups of 8, wide, uneven padding", x => x.Conv(40, 3, pad: new Padding(2, 0, 1, 3), groups: 5), [1, 40, 5, 6]),
        ("groups of 16", x => x.Conv(48, 3, groups: 3), [2, 48, 7, 9]),
        ("dilation 2", x => x.Conv(24, 3, dilation: 2, groups: 6), [2, 24, 11, 12]),
        ("dilation (1, 3), odd padding, groups of 8", x => x.Conv(16, 3, dilation: (1, 3), pad: (1, 2), groups: 2), [1, 16, 6, 13]),
        ("dilation of a small map, groups of 8", x => x.Conv(32, 3, dilation: 4, groups: 4), [1, 32, 3, 5]),
        ("a skip and bounds around it", x => (x.Conv(20, 3, groups: 5).Relu6() + x).Relu(), [2, 20, 9, 7]),
        ("an activation that is no bound", x => (x.Conv(32, 3, groups: 2) + x).Silu(), [2, 32, 9, 7]),
        ("with a norm", x => x.ConvBn(24, 3, groups: 6).Relu(), [1, 24, 9, 10]),
        ("transposed", x => x.ConvTranspose(8, 3, pad: 0, groups: 2), [2, 8, 6, 7]),
        ("transposed, groups of 16 with a norm", x => x.ConvTranspose(32, 3, pad: 1, groups: 2).BatchNorm(), [1, 32, 14, 15]),
        ("stride 2, groups of 2", x => x.Conv(18, 3, stride: 2, groups: 9), [2, 18, 7, 6]),
        ("stride 2, groups of 4 in strips", x => x.Conv(20, 3, stride: 2, groups: 5).Relu(), [1, 20, 67, 33]),
        ("stride 2, groups of 8, a skip", x => (x.Conv(40, 3, stride: 2, groups: 5).Relu() + x.AvgPool(2, 2)).Silu(), [2, 40, 8, 10]),
        ("stride 2, one pixel", x => x.Conv(8, 3, stride: 2, groups: 2), [1, 8, 2, 1]),
        ("depthwise, dilation 2, odd sizes", x => x.Conv(18, 3, dilation: 2, groups: 18).Relu6(), [2, 18, 9, 33]),
        ("depthwise, dilation (1, 3), odd padding", x => x.Conv(16, 3, dilation: (1, 3), pad: (1, 2), groups: 16), [1, 16, 6, 47]),
        ("depthwise, dilation (2, 5), uneven padding", x => x.Conv(16, 3, dilation: (2, 5), pad: new Padding(1, 10, 3, 4), groups: 16).HardSwish(), [1, 16, 7, 13]),
        ("depthwise, dilation 4 of a small map, a skip", x => (x.Conv(20, 3, dilation: 4, groups: 20, bias: false) + x).Silu(), [1, 20, 3, 5]),
        ("depthwise, padding wider than the kernel", x => x.Conv(8, 3, dilation: 2, pad: 5, groups: 8), [1, 8, 4, 3]),
        ("stride 2, uneven padding", x => x.Conv(8, 3, stride: 2, pad: new Padding(0, 2, 1, 0), groups: 2), [1, 8, 9, 12]),
    ];

    public static TheoryData<string, bool> Cases
    {
        get
        {
            var data = new TheoryData<string, bool>();
            foreach (var (name, _, _) in s_cases)
                foreach (var exact in new[] { false, true }) data.Add(name, exact);
            return data;
        }
    }

    // Between blocks of channels, whatever a single operation would be computed in; the network and its gradients, weights packed once and at every step.
    [Theory]
    [MemberData(nameof(Cases))]
    public void Groups_give_the_convolution_and_its_gradients(string name, bool exact)
    {
        var (_, build, shape) = s_cases.Single(@case => @case.Name == name);
        var options = new RunOptions { Exact = exact, Blocks = true };
        // Groups below 16 are nobody else's; those of 16 may be the dense Winograd kernel's, whichever is estimated to be faster.
        var convolution = build(new Input(shape).Apply([], "x")).ToGraph("groups").Nodes.Select(node => node.Op).First(op => op is Convolution or ConvolutionTranspose);
        var winograd = !exact && convolution is not Convolution { Stride.Area: > 1 } && (convolution as Convolution)?.Groups != shape.Channels;
        Check.Gradients(build, shape, options, 1e-5, plan => Assert.True(!winograd || plan.Steps.Any(step => step.Kernel.Contains("Winograd", StringComparison.Ordinal))));
    }

    // With vectors of 256 bits a block with channels of two groups is computed half by half, and of a last one that is half full its half.
    [Theory]
    [InlineData("pointwise, groups of 24")]
    [InlineData("stride 2, groups of 24")]
    [InlineData("a list, groups of 24")]
    [InlineData("groups of 20")]
    [InlineData("half a block")]
    public void Halves_of_blocks_give_the_convolution_and_its_gradients(string name)
    {
        (Func<Node, Node> Build, Shape X) network = name switch
        {
            "pointwise, groups of 24" => (x => x.Conv(72, 1, groups: 3).Silu(), [2, 96, 5, 7]),
            "stride 2, groups of 24" => (x => x.Conv(48, 3, stride: 2, groups: 2).HardSwish(), [1, 40, 9, 8]),
            "a list, groups of 24" => (x => (x.Conv(96, 1, groups: 4).ChannelShuffle(4).Conv(72, 1, groups: 3) + x).Silu(), [1, 72, 7, 6]),
            "groups of 20" => (x => x.Conv(60, 1, groups: 3).Relu(), [1, 120, 4, 5]),
            _ => (x => x.Conv(40, 1).Silu().Conv(24, 3, stride: 2) + x.Conv(24, 1, stride: 2), [2, 20, 9, 7]),
        };
        Check.Gradients(network.Build, network.X, new RunOptions { Blocks = true }, 1e-5, _ => { });
    }

    // What a graph of one operation is computed in, where no layout is changed.
    [Theory]
    [MemberData(nameof(Planes))]
    public void Groups_between_plain_maps_give_the_convolution(string name)
    {
        var (_, build, shape) = s_planes.Single(@case => @case.Name == name);
        var graph = new Graph("forward", build(new Input(shape).Apply([], "x")));
        var weights = graph.Init(3);
        var x = new Tensor(shape);
        for (var i = 0; i < x.Span.Length; i++) x.Span[i] = (float)new Philox(8).Normal((ulong)i);
        foreach (var (parameter, _) in graph.Parameters.Where(pair => pair.Value.Shape.Rank == 1)) // biases, which begin as 0
            for (var i = 0; i < weights[parameter].Span.Length; i++) weights[parameter].Span[i] = (float)new Philox(9).Normal((ulong)i);
        var expected = Reference.Run(graph, weights.ToDictionary(pair => pair.Key, pair => Values<double>.From(pair.Value)), [Values<double>.From(x)])[0].Data;
        foreach (var exact in new[] { false, true })
        {
            float[][] runs = [.. new[] { 1, 2 }.Select(threads =>
            {
                var plan = new Plan(graph, weights, Team.Of(threads), frozen: true, new RunOptions { Exact = exact });
                Assert.Contains(plan.Steps, step => step.Kernel.Contains("on planes", StringComparison.Ordinal) && (exact || Simd.Width < 512) != step.Kernel.Contains("Winograd", StringComparison.Ordinal));
                x.Span.CopyTo(plan.Input(0));
                plan.Run();
                return plan.Output(0).ToArray();
            })];
            Check.Close(expected, Array.ConvertAll(runs[0], value => (double)value), 1e-5, $"{name}, exact: {exact}");
            Assert.True(runs[0].AsSpan().SequenceEqual(runs[1]), "one thread and two differ");
        }
    }

    private static readonly (string Name, Func<Node, Node> Build, Shape X)[] s_planes =
    [
        ("groups of 4, a vector wide", x => x.Conv(16, 3, groups: 4), [2, 16, 9, 16]),
        ("groups of 4, one row", x => x.Conv(8, 3, groups: 2).Relu(), [1, 8, 1, 33]),
        ("groups of 8, odd sizes", x => x.Conv(40, 3, groups: 5, bias: false), [2, 40, 7, 37]),
        ("groups of 3 to 8, strips", x => x.Conv(16, 3, groups: 2).Relu6(), [1, 6, 83, 19]),
        ("no padding", x => x.Conv(12, 3, pad: 0, groups: 3), [1, 12, 6, 18]),
        ("uneven padding", x => x.Conv(8, 3, pad: new Padding(2, 0, 1, 3), groups: 2), [1, 8, 11, 20]),
        ("padding wider than the kernel", x => x.Conv(8, 3, pad: new Padding(5, 4, 19, 20), groups: 2), [1, 8, 3, 5]),
        ("dilation 2", x => x.Conv(16, 3, dilation: 2, groups: 4), [1, 16, 10, 23]),
        ("dilation (3, 1)", x => x.Conv(16, 3, dilation: (3, 1), pad: (2, 1), groups: 4), [1, 16, 13, 40]),
        ("an activation that is no bound", x => x.Conv(16, 3, groups: 4).Silu(), [1, 16, 5, 21]),
    ];

    public static TheoryData<string> Planes => [.. s_planes.Select(@case => @case.Name)];

    [Theory]
    [InlineData(4, 1, false, typeof(GroupWinogradConvolution))]
    [InlineData(16, 1, false, typeof(GroupWinogradConvolution))]
    [InlineData(32, 1, false, typeof(WinogradConvolution))]
    [InlineData(4, 1, true, typeof(GroupConvolution))]
    [InlineData(8, 2, false, typeof(GroupConvolution))]
    [InlineData(16, 2, false, typeof(DenseConvolution))]
    [InlineData(1, 1, false, typeof(LaneConvolution))]
    public void Which_kernel_is_taken_follows_from_the_group(int group, int stride, bool exact, Type expected)
    {
        var shape = new DenseShape(1, 512, 512, 14, 14 / stride, 3, stride, 1, 1, 512 / group, Transposed: false);
        Assert.IsType(expected, ConvolutionChoice.Of(shape, exact, forced: null).Kernel);
    }
}
