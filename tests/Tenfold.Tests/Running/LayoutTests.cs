using Xunit;

namespace Tenfold.Tests;

public class LayoutTests
{
    private static readonly (string Name, Func<Node, Node> Build)[] s_plain =
    [
        ("depthwise", x => x.Depthwise(3).Relu()),
        ("depthwise, stride 2", x => x.Depthwise(5, stride: 2)),
        ("two depthwise and their product", x => x.Depthwise(3).Silu() * x.Depthwise(3, dilation: 2)),
        ("small groups", x => x.Conv(40, 3, groups: 5).HardSwish()),
        ("squeeze-and-excitation", x => x.SqueezeExcite()),
        ("means", x => x.GlobalAvgPool()),
    ];

    public static TheoryData<string> Plain => [.. s_plain.Select(@case => @case.Name)];

    [Theory]
    [MemberData(nameof(Plain))]
    public void Where_nothing_mixes_channels_no_map_changes_its_layout(string name)
    {
        var build = s_plain.Single(@case => @case.Name == name).Build;
        Shape shape = [2, 20, 11, 18];
        var graph = build(new Input(shape).Apply([], "x")).ToGraph("plain");
        var plan = new Plan(graph, graph.Init(), Team.Of(1), frozen: true);
        Assert.DoesNotContain(plan.Steps, step => step.Kernel.StartsWith("to ", StringComparison.Ordinal) && step.Bytes > 2 * 2 * 32 * sizeof(float));
        Check.Op(build, shape, differentiable: false);
    }

    [Fact]
    public void Beside_a_convolution_that_mixes_channels_maps_lie_in_blocks()
    {
        var graph = Image.Of(20, 11, 18).Depthwise(3).Conv(16, 3).ToGraph("blocked");
        var plan = new Plan(graph, graph.Init(), Team.Of(1), frozen: true);
        Assert.DoesNotContain(plan.Steps, step => step.Kernel.Contains("planes", StringComparison.Ordinal));
    }
}
