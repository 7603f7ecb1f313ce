using System.Runtime.CompilerServices;
using Xunit;

namespace Tenfold.Tests;

/// <summary>What a session holds: sums that are written where one of their operands lay, and packed weights within a budget.</summary>
public class MemoryTests
{
    private static Node Block(Node x) => (x.Conv(32, 3).Relu().Conv(32, 1) + x).Relu();

    private static readonly (string Name, Func<Node, Node> Build, Shape X, double Maps)[] s_sums =
    [
        // The maps of the first convolution's size that live at once: two of a block and the one between its convolutions.
        ("blocks", x => Block(Block(Block(x.Conv(32, 1)))).GlobalAvgPool(), [1, 5, 15, 17], 2.1),
        ("blocks without an activation", x => Enumerable.Range(0, 4).Aggregate(x.Conv(32, 1), (y, _) => y.Conv(32, 3) + y.Relu()).GlobalAvgPool(), [2, 3, 9, 7], 2.1),
        ("elementwise", x => (x.Conv(32, 1).Relu() is var a ? (a.Sigmoid() * a.Tanh() + a).Silu() : x).GlobalAvgPool(), [1, 3, 7, 5], 3.1),
        ("a gate", x => x.Conv(32, 3) is var a ? (a * a.GlobalAvgPool().Conv(32, 1).Sigmoid() + x.Conv(32, 1)).Relu().GlobalAvgPool() : x, [2, 6, 5, 7], 2.7),

        // Whatever else reads the operand keeps it.
        ("an operand that is read later", x => x.Conv(32, 1) is var a ? (Block(a) + a).GlobalAvgPool() + a.Relu().GlobalAvgPool() : x, [1, 4, 6, 5], 9),
        ("an operand that is read beside", x => x.Conv(16, 1) is var a ? (a.Conv(16, 3) + a).Conv(5, 1) : x, [1, 4, 6, 5], 9),
        ("twice the same", x => x.Conv(16, 1) is var a ? (a + a).Conv(5, 1) : x, [1, 4, 6, 5], 9),
        ("a piece of a concatenation", x =>
        {
            var a = x.Conv(16, 1);
            var joined = new Concat(1).Apply(a, a.Conv(16, 3));
            return (a.Conv(16, 1) + a).Conv(32, 1) + joined;
        }, [1, 4, 6, 5], 9),
        ("the input", x => (x.Conv(16, 3) + x).Conv(4, 1), [1, 16, 6, 5], 9),
        ("the output", x => x.Conv(16, 1) is var a ? a.Conv(16, 3) + a : x, [1, 4, 4, 4], 9),
    ];

    public static TheoryData<string> Sums => [.. s_sums.Select(@case => @case.Name)];

    [Theory]
    [MemberData(nameof(Sums))]
    public void Sums_take_the_place_of_an_operand_that_nobody_needs(string name)
    {
        var (_, build, shape, maps) = s_sums.Single(@case => @case.Name == name);
        Check.Op(build, shape, differentiable: false);
        var graph = build(new Input(shape).Apply([], "x")).ToGraph("sums");
        var first = graph.Nodes.First(node => node.Op is Convolution).Shape;
        var plan = new Plan(graph, graph.Init(), Team.Of(1), frozen: true, new RunOptions { Blocks = true });
        Assert.InRange(plan.ArenaBytes / 4.0 / first.Count, 0, maps);
    }

    [Fact]
    public void Several_outputs_all_keep_their_values()
    {
        var x = new Input([1, 3, 6, 6]).Apply([], "x");
        var a = x.Conv(16, 1);
        var b = (a.Conv(16, 3) + a).Relu();
        var graph = new Graph("outputs", a, b, b.Conv(16, 3) + b);
        var (weights, input) = (graph.Init(), new Tensor([1, 3, 6, 6]));
        input.Span.Fill(0.3f);
        var expected = Reference.Run(graph, weights, input);
        var session = new Session(graph, weights);
        for (var run = 0; run < 2; run++)
        {
            var actual = session.RunAll(input);
            for (var i = 0; i < actual.Length; i++) Check.Close(Array.ConvertAll(expected[i].Span.ToArray(), v => (double)v), Array.ConvertAll(actual[i].Span.ToArray(), v => (double)v), 1e-5, $"output {i}");
        }
    }

    [Fact]
    public void Constants_are_shared_as_long_as_somebody_has_them()
    {
        var constants = new Constants();
        var (held, gone) = (constants.Get("held", Made), Gone());
        GC.Collect();
        Assert.Same(held, constants.Get("held", () => throw new InvalidOperationException("made twice")));
        Assert.False(gone.IsAlive);

        static Slot Made() => new([16], Layout.Plain);

        [MethodImpl(MethodImplOptions.NoInlining)]
        WeakReference Gone() => new(constants.Get("gone", Made));
    }

    // Each convolution has 2.4 MB of weights; those of F(4x4) are 9.4 MB, those of F(2x2) 4.2.
    private static Graph Wide(int convolutions, int dilation)
    {
        var x = Image.Of(256, 24, 24);
        for (var i = 0; i < convolutions; i++) x = x.Conv(256, 3, dilation: dilation).Relu();
        return x.GlobalAvgPool().ToGraph("wide");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Packed_weights_stay_within_the_budget(int dilation)
    {
        var graph = Wide(24, dilation);
        var weights = graph.Init(1);
        long own = 0;
        foreach (var (_, tensor) in weights) own += 4 * tensor.Shape.Count;
        var plan = new Plan(graph, weights, Team.Of(1), frozen: true);
        Assert.InRange(plan.Bytes - plan.ArenaBytes, own, 2 * own + 80_000_000);
        var told = plan.Steps.Where(step => step.Kernel.Contains("budget", StringComparison.Ordinal)).ToArray();
        Assert.NotEmpty(told);
        Assert.Contains(plan.Steps, step => step.Kernel.Contains("F(4x4)", StringComparison.Ordinal)); // no tighter than needed
        Assert.Equal(plan.Steps.Select(step => step.Kernel), new Plan(graph, graph.Init(2), Team.Of(1), frozen: true).Steps.Select(step => step.Kernel)); // by shapes alone
    }

    [Fact]
    public void Small_networks_have_no_budget_and_what_is_asked_for_is_kept()
    {
        var small = Wide(3, 1);
        Assert.DoesNotContain(new Plan(small, small.Init(), Team.Of(1), frozen: true).Steps, step => step.Kernel.Contains("budget", StringComparison.Ordinal));
        var large = Wide(24, 1);
        var forced = new RunOptions { Algorithms = new Dictionary<string, ConvolutionAlgorithm> { ["*"] = ConvolutionAlgorithm.Winograd4 } };
        Assert.Equal(24, new Plan(large, large.Init(), Team.Of(1), frozen: true, forced).Steps.Count(step => step.Kernel.Contains("F(4x4)", StringComparison.Ordinal)));
    }
}
