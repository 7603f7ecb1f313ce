using Xunit;

namespace Tenfold.Tests;

public class SeparableTests
{
    private static readonly (string Name, Func<Node, Node> Build, Shape X, bool Expanded)[] s_cases =
    [
        ("as in MobileNet", x => x.Relu().Depthwise(3, bias: false).BatchNorm().Relu6().Conv(24, 1, bias: false).BatchNorm().Relu6(), [1, 32, 61, 57], false),
        ("stride 2 and a skip", x => x.Depthwise(3, stride: 2).Relu().Conv(19, 1) + x.Conv(19, 1, stride: 2), [2, 40, 91, 90], false),
        ("5 wide, activations that are no bounds", x => x.Depthwise(5).HardSwish().Conv(8, 1).Silu(), [1, 20, 70, 51], false),
        ("expanded, stride 2, as in MobileNet v2", x => x.ConvBn(72, 1).Relu6().Depthwise(3, stride: 2, bias: false).BatchNorm().Relu6().ConvBn(24, 1), [1, 17, 79, 75], true),
        ("expanded, with a skip, activations that are no bounds", x => x + x.Conv(200, 1).HardSwish().Depthwise(5).Silu().Conv(24, 1), [2, 24, 40, 33], true),
        ("expanded, dilated, bare, flat", x => x.Conv(40, 1, bias: false).Depthwise(3, dilation: 2, bias: false).Conv(70, 1, bias: false), [3, 5, 19, 291], true),
        ("expanded, behind a depthwise one, as in MobileNet v1", x => x.Depthwise(3).Relu6().ConvBn(72, 1).Relu6().Depthwise(3, stride: 2).Relu6().ConvBn(20, 1).Relu6(), [1, 33, 75, 70], true),
        ("expanded, behind two, no stride", x => x.Depthwise(3).Conv(65, 1).Relu().Depthwise(3).Conv(70, 1).Depthwise(3).Relu().Conv(9, 1), [2, 20, 77, 65], true),
        ("dilated, bare", x => x.Depthwise(3, dilation: 2, bias: false).Conv(40, 1, bias: false), [1, 33, 47, 50], false),
    ];

    public static TheoryData<string> Cases => [.. s_cases.Select(@case => @case.Name)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Strips_give_what_two_convolutions_give(string name)
    {
        var (_, build, shape, expanded) = s_cases.Single(@case => @case.Name == name);
        var graph = build(new Input(shape).Apply([], "x")).ToGraph("separable");
        Assert.Contains(Passes.All(graph, frozen: true).Nodes, node => node.Op is Chained chain && chain.Second is Chained == expanded);
        Check.Op(build, shape, differentiable: false);
    }

    [Fact]
    public void An_expanded_map_that_others_read_is_stored()
    {
        var wide = Image.Of(24, 60, 60).Conv(144, 1).Relu();
        var graph = wide.Depthwise(3).Relu().Conv(16, 1).Concat(wide).ToGraph("read twice");
        Assert.Contains(Passes.All(graph, frozen: true).Nodes, node => node.Op is Chained { Second: not Chained });
    }

    [Fact]
    public void A_small_map_is_left_in_two_steps()
    {
        var graph = Image.Of(32, 7, 7).Depthwise(3).Relu().Conv(16, 1).ToGraph("small");
        Assert.DoesNotContain(Passes.All(graph, frozen: true).Nodes, node => node.Op is Chained);
    }
}
