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

    private static readonly (string Name, Func<Node, Node> Build, Shape X)[] s_filtered =
    [
        ("one pixel", x => x.Depthwise(3), [2, 20, 1, 1]),
        ("one row", x => x.Depthwise(3).Relu(), [1, 16, 1, 9]),
        ("one column", x => x.Depthwise(3, bias: true), [1, 33, 8, 1]),
        ("an odd number of rows", x => x.Depthwise(3).Relu6(), [3, 17, 7, 6]),
        ("no padding", x => x.Depthwise(3, 1, 0), [1, 16, 3, 3]),
        ("no padding, even and odd", x => x.Depthwise(3, 1, 0).HardSwish(), [2, 16, 8, 5]),
        ("uneven padding", x => x.Depthwise(3, 1, new Padding(1, 0, 0, 1)), [1, 24, 6, 9]),
        ("strips", x => x.Depthwise(3).Silu(), [1, 40, 61, 50]),
        ("a skip and bounds around it", x => (x.Depthwise(3).Relu6() + x).Relu(), [2, 20, 9, 7]),
        ("transposed", x => x.ConvTranspose(16, 3, pad: 1, groups: 16), [2, 16, 5, 8]),
        ("with a norm", x => x.ConvBn(24, 3, groups: 24).Relu(), [1, 24, 6, 10]),
    ];

    public static TheoryData<string, bool> Filtered
    {
        get
        {
            var data = new TheoryData<string, bool>();
            foreach (var (name, _, _) in s_filtered)
                foreach (var exact in new[] { false, true }) data.Add(name, exact);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Filtered))]
    public void Two_rows_by_Winograd_give_the_convolution_and_its_gradients(string name, bool exact)
    {
        var (_, build, shape) = s_filtered.Single(@case => @case.Name == name);
        var filtered = Kernels.Simd.Pairs && !exact;
        Check.Gradients(build, shape, new RunOptions { Exact = exact, Blocks = true }, exact ? 2e-6 : 5e-6,
            plan => Assert.Equal(filtered, plan.Steps.Any(step => step.Kernel.Contains("depthwise, Winograd F(2)", StringComparison.Ordinal))));
    }
}
