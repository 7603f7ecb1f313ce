using Xunit;

namespace Tenfold.Tests;

/// <summary>Slices, concatenations and shuffles that nothing moves for.</summary>
public class RoutingTests
{
    private static readonly (string Name, Func<Node, Node> Build, Shape X, int Moves)[] s_cases =
    [
        ("a unit of ShuffleNet v2", x => x.Conv(58, 1).ShuffleUnitV2(58).Conv(9, 1), [1, 5, 6, 7], 0),
        ("units of ShuffleNet v2, a batch", x => Unit("3", Unit("2", Unit("1", x.Conv(44, 1), 44), 44), 44).Conv(33, 1, groups: 11).Conv(3, 1), [3, 7, 5, 3], 0),
        ("a stage of ShuffleNet v2", x => Unit("3", Unit("2", Unit("1", x, 40, stride: 2), 40), 48, stride: 2), [2, 24, 9, 11], 2), // a depthwise convolution reads all of the second, and the third is what comes out
        ("a unit of ShuffleNet v1", x => x.ShuffleUnit(240, groups: 3), [1, 240, 5, 4], 0),
        ("a unit of ShuffleNet v1, stride 2, a batch", x => x.ShuffleUnit(144, groups: 4, stride: 2), [2, 72, 7, 6], 1), // its last activation reads the sum of both
        ("a shuffle before groups", x => x.Conv(60, 1).ChannelShuffle(3).Conv(24, 1, groups: 2).Relu() + x, [2, 24, 3, 5], 0),
        ("a shuffled depthwise, strided, with a norm", x => x.ConvBn(36, 1).Relu().ChannelShuffle(4).Depthwise(3, stride: 2, bias: false).BatchNorm().Conv(5, 1), [2, 6, 9, 8], 0),
        ("a concatenation of a batch", x => x.Conv(16, 1).Concat(x.Conv(20, 3), x).Conv(33, 1).Relu(), [2, 7, 4, 5], 0),
        ("pieces that are read twice and backwards", x => x.Conv(20, 1) is var y ? y.Slice(10, 10).Concat(y.Slice(0, 10), y.Slice(5, 9)).Conv(17, 1) : x, [1, 3, 6, 4], 0),
        ("there and back", x => x.Conv(12, 1).ChannelShuffle(3).ChannelShuffle(4).Relu(), [1, 3, 6, 4], 0),
        ("zeros among them", x => x.Conv(12, 1).Embed(3, 2).ChannelShuffle(17).Conv(4, 1), [2, 3, 4, 5], 1),
        ("of the input itself", x => x.ChannelShuffle(2).Conv(4, 1), [2, 34, 4, 5], 0),
        ("another that reads it too", x => x.Conv(20, 1).ChannelShuffle(2) is var y ? y.Conv(20, 1) + y : x, [1, 3, 5, 5], 1),
    ];

    public static TheoryData<string> Cases => [.. s_cases.Select(@case => @case.Name)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Give_what_the_definition_gives(string name)
    {
        var (_, build, shape, moves) = s_cases.Single(@case => @case.Name == name);
        Check.Op(new Case(name, build, shape) { Places = 2 });
        var graph = build(new Input(shape).Apply([], "x")).ToGraph("routed");
        var plan = new Plan(graph, graph.Init(), Team.Of(1), frozen: true);
        Assert.Equal(moves, plan.Steps.Count(step => step.Kernel.Contains("moved", StringComparison.Ordinal)));
    }

    private static Node Unit(string name, Node x, int channels, int stride = 1) => x.Scope(name, u => u.ShuffleUnitV2(channels, stride));
}
