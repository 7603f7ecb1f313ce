using Xunit;

namespace Tenfold.Tests;

/// <summary>What depthwise convolution does besides: activations and sums in its store.</summary>
public class LaneTests
{
    private static readonly (string Name, Func<Node, Node> Build, Shape X)[] s_cases =
    [
        ("hard swish", x => x.Depthwise(3).HardSwish(), [2, 40, 9, 31]),
        ("hard swish, stride 2", x => x.Depthwise(5, stride: 2).HardSwish(), [1, 20, 13, 30]),
        ("hard swish, dilated", x => x.Depthwise(3, dilation: 2).HardSwish(), [1, 24, 12, 15]),
        ("silu", x => x.Depthwise(5).Silu(), [2, 33, 7, 7]),
        ("relu", x => x.Depthwise(3, stride: 2).Relu(), [1, 16, 57, 56]),
        ("relu 6", x => x.Depthwise(7).Relu6(), [1, 17, 14, 15]),
        ("nothing", x => x.Depthwise(3), [1, 48, 3, 2]),
        ("small groups", x => x.Conv(36, 5, stride: 2, groups: 9).HardSwish(), [2, 36, 10, 17]),
    ];

    public static TheoryData<string> Cases => [.. s_cases.Select(@case => @case.Name)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Squeeze_and_excitation_begins_with_sums_that_come_with_the_map(string name)
    {
        var (_, build, shape) = s_cases.Single(@case => @case.Name == name);
        Node Excited(Node x) => build(x.Conv(x.Channels, 1)).SqueezeExcite().Conv(8, 1);
        var graph = Excited(new Input(shape).Apply([], "x")).ToGraph("excited");
        var plan = new Plan(graph, graph.Init(), Team.Of(1), frozen: true);
        Assert.Contains(plan.Steps, step => step.Kernel.Contains("with sums of each plane", StringComparison.Ordinal));
        Assert.DoesNotContain(plan.Steps, step => step.Kernel == "means of planes");
        Check.Op(Excited, shape, differentiable: false);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Activations_in_the_store_are_those_of_the_definition(string name)
    {
        var (_, build, shape) = s_cases.Single(@case => @case.Name == name);
        Check.Op(x => build(x.Conv(x.Channels, 1)).Conv(8, 1), shape, differentiable: false);
    }

    [Theory]
    [InlineData(1, 0, 0)]
    [InlineData(1, 1, 1)]
    [InlineData(1, 0, 1)]
    [InlineData(1, 2, 1)]
    [InlineData(1, 1, 2)]
    [InlineData(2, 0, 0)]
    [InlineData(2, 1, 1)]
    [InlineData(2, 0, 1)]
    [InlineData(2, 2, 0)]
    public void Rows_begin_and_end_with_the_map_or_outside_it(int stride, int before, int after)
    {
        foreach (var (height, width) in new[] { (1, 1), (2, 2), (1, 3), (3, 1), (3, 3), (4, 4), (5, 4), (6, 13), (31, 9), (9, 70) })
            if (height + before + after >= 3 && width + before + after >= 3)
                Check.Op(x => x.Conv(x.Channels, 1).Depthwise(3, stride, new Padding(before, before, after, after)).Relu6().Conv(8, 1), [2, 20, height, width], differentiable: false);
    }
}
