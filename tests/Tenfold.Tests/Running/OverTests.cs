using Xunit;

namespace Tenfold.Tests;

/// <summary>Maps that are computed over one that is read for the last time.</summary>
public class OverTests
{
    private const int Channels = 16;

    private static readonly (string Name, Func<Node, Node> Build)[] s_cases =
    [
        ("what is added", x => x.Conv(Channels, 1) is var a ? a.Conv(Channels, 3).Relu().Conv(Channels, 1) + a : x),
        ("unit after unit", x =>
        {
            var a = x.Conv(Channels, 1);
            for (var i = 0; i < 3; i++) a = (a.Conv(40, 1).Relu().Conv(Channels, 3) + a).Relu();
            return a.Conv(5, 1);
        }),
        ("what is added and read", x => x.Conv(Channels, 1) is var a ? a.Conv(Channels, 1) + a : x),
        ("what is added and read with its neighbours", x => x.Conv(Channels, 1) is var a ? (a.Conv(Channels, 3) + a).Conv(4, 1) : x),
        ("what is wanted later", x =>
        {
            var a = x.Conv(Channels, 1);
            var b = a.Conv(Channels, 3).Conv(Channels, 1) + a;
            return b.Conv(3, 1) + a.Conv(3, 1);
        }),
        ("what is wanted later under another name", x =>
        {
            var a = x.Conv(Channels, 1);
            var again = a.Dropout(0.5f);
            var b = a.Conv(Channels, 3).Conv(Channels, 1) + a;
            return b.Conv(3, 1) + again.Conv(3, 1);
        }),
        ("a piece of what is wanted later", x =>
        {
            var (a, c) = (x.Conv(Channels, 1), x.Conv(Channels, 3));
            var both = new Concat(1).Apply([a, c]);
            var b = both.Conv(8, 1).Conv(Channels, 1) + a;
            return b.Conv(3, 1) + both.Conv(3, 1);
        }),
        ("what was put together of what is wanted later", x =>
        {
            var (a, c) = (x.Conv(Channels, 1), x.Conv(Channels, 3));
            var b = x.Conv(8, 3).Conv(2 * Channels, 1) + new Concat(1).Apply([a, c]);
            return b.Conv(3, 1) + a.Conv(3, 1) + c.Conv(3, 1);
        }),
        ("the input", x => x.Conv(8, 3).Conv(5, 1) + x),
        ("a depthwise convolution between", x =>
        {
            var a = x.Conv(Channels, 1);
            return (a.Conv(64, 1).Relu6().Depthwise(3).Relu6().Conv(Channels, 1) + a).Conv(3, 1);
        }),
        ("a list of channels", x => x.Conv(24, 1) is var a ? (a.Conv(12, 1, groups: 3).ChannelShuffle(3).Depthwise(3).Conv(24, 1, groups: 3) + a).Relu() : x),
        ("gates", x => x.Conv(Channels, 1) is var a ? (a.Conv(Channels, 3).SqueezeExcite() + a).Relu().Conv(3, 1) : x),
        ("functions of numbers", x => x.Conv(20, 3) is var a ? a.Sigmoid() * a.Tanh() + a * a + a.MaxPool(3, 1, 1).Exp() * a.GlobalAvgPool() : x),
        ("other layouts", x => x.Conv(Channels, 1) is var a ? (a.Flatten().Relu() + a.Conv(Channels, 3).Flatten()).Linear(3) : x),
    ];

    public static TheoryData<string> Cases => [.. s_cases.Select(@case => @case.Name)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Give_what_others_give(string name)
    {
        var build = s_cases.Single(@case => @case.Name == name).Build;
        Check.Op(build, [1, 5, 9, 7], differentiable: false);
        Check.Op(build, [2, 5, 14, 15], differentiable: false);
    }

    [Fact]
    public void What_is_added_needs_no_memory_beside_the_sum()
    {
        var a = new Input([1, Channels, 32, 32]).Apply([], "x").Conv(Channels, 1, bias: false);
        var graph = (a.Conv(Channels, 1, bias: false).Conv(Channels, 1, bias: false) + a).ToGraph("over");
        var plan = new Plan(graph, graph.Init(), Team.Of(1), frozen: true, new RunOptions { Blocks = true });
        var map = Channels * 32 * 32 * sizeof(float);
        Assert.InRange(plan.Bytes, 2 * map, 3 * map - 1); // the output in plain order takes the place of what is read no more
    }
}
