using Xunit;

namespace Tenfold.Tests;

/// <summary>The beginning of a network is computed a sample at a time where its maps are large.</summary>
public class SampleTests
{
    private static readonly (string Name, Func<Node, Node> Build, Shape X, int Each)[] s_cases =
    [
        ("a pool", x => x.Conv(32, 3).Relu().MaxPool(3, 2, 1).Conv(20, 1).Relu().Conv(12, 3), [3, 3, 97, 95], 1),
        ("joined maps", x => x.Conv(40, 3).Relu().Concat(x.Conv(24, 1).Relu()).Conv(17, 1, stride: 2).Relu().Conv(9, 3), [2, 20, 83, 85], 2),
        ("a skip", Skip, [2, 5, 90, 91], 2),
        ("a depthwise convolution", x => x.ConvBn(72, 1).Relu6().Depthwise(3, stride: 2, bias: false).BatchNorm().Relu6().ConvBn(24, 1).Conv(60, 1).Relu(), [3, 17, 75, 79], 1),
        ("groups", x => Shuffled(Shuffled(x)).Conv(16, 1, groups: 4).Relu().MaxPool(2), [2, 48, 75, 79], 4),
    ];

    public static TheoryData<string> Cases => [.. s_cases.Select(@case => @case.Name)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Samples_one_after_the_other_give_what_all_together_give(string name)
    {
        var (_, build, shape, each) = s_cases.Single(@case => @case.Name == name);
        var graph = build(new Input(shape).Apply([], "x")).ToGraph("samples");
        var steps = new Plan(graph, graph.Init(), Team.Of(1), frozen: true).Steps;
        Assert.Equal(each, steps.TakeWhile(step => step.Kernel.EndsWith("a sample at a time", StringComparison.Ordinal)).Count(step => step.Macs > 0));
        Check.Op(build, shape, differentiable: false);
    }

    [Fact]
    public void What_mixes_samples_and_small_maps_are_computed_together()
    {
        Assert.DoesNotContain("sample at a time", Explained(x => x.Conv(32, 3).Relu().MaxPool(2).Conv(8, 1), [2, 3, 40, 40]), StringComparison.Ordinal);
        Assert.DoesNotContain("sample at a time", Explained(x => x.Transpose(1, 0, 2, 3).Conv(32, 3).Relu().MaxPool(2).Conv(8, 1), [3, 3, 96, 96]), StringComparison.Ordinal);
        Assert.DoesNotContain("sample at a time", Explained(x => x.Conv(32, 3).Relu().MaxPool(2).Conv(8, 1), [1, 3, 96, 96]), StringComparison.Ordinal);
        Assert.Contains("sample at a time", Explained(x => x.Conv(32, 3).Relu().MaxPool(2).Conv(8, 1), [2, 3, 96, 96]), StringComparison.Ordinal);
    }

    private static Node Skip(Node x)
    {
        var wide = x.ConvBn(33, 3).Relu();
        var sum = (wide + wide.ConvBn(33, 3)).Relu();
        return sum.ConvBn(16, 1, stride: 2) + sum.ConvBn(16, 3, stride: 2).Relu();
    }

    private static Node Shuffled(Node x) => (x + x.Conv(32, 1, groups: 4).Relu().ChannelShuffle(4).Conv(48, 1, groups: 4)).Relu();

    private static string Explained(Func<Node, Node> build, Shape shape)
    {
        var graph = build(new Input(shape).Apply([], "x")).ToGraph("samples");
        return new Session(graph, graph.Init()).Explain();
    }
}
