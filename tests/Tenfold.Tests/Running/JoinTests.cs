using Xunit;

namespace Tenfold.Tests;

/// <summary>Maps that are computed in their place in a concatenation.</summary>
public class JoinTests
{
    private static readonly (string Name, Func<Node, Node> Build, Shape X, bool Copies)[] s_cases =
    [
        ("two branches", x => Concatenated(x.Conv(16, 1).Relu(), x.Conv(5, 3)), [1, 6, 5, 7], false),
        ("the input too", x => Concatenated(x, x.Conv(16, 1)).Conv(4, 1), [1, 16, 3, 4], false),
        ("a branch that others use", x =>
        {
            var a = x.Conv(32, 3).Relu();
            return Concatenated(a, a.Conv(16, 3)).Conv(7, 1) + a.Conv(7, 1);
        }, [1, 8, 5, 5], false),
        ("layer after layer", x =>
        {
            var a = x.Conv(16, 1);
            for (var i = 0; i < 3; i++) a = Concatenated(a, a.Conv(16, 3));
            return a.Conv(3, 1);
        }, [1, 5, 6, 4], false),
        ("all maps again and again", x =>
        {
            List<Node> maps = [x.Conv(16, 1)];
            for (var i = 0; i < 3; i++) maps.Add(Concatenated([.. maps]).Conv(16, 3));
            return Concatenated([.. maps]).Conv(3, 1);
        }, [1, 5, 6, 4], true), // the first is a concatenation of one
        ("twice the same", x => x.Conv(16, 1) is var a ? Concatenated(a, a) : x, [1, 3, 4, 4], true),
        ("channels that do not fill a block", x => Concatenated(x.Conv(17, 1), x.Conv(16, 1)), [1, 3, 4, 4], true),
        ("a batch", x => Concatenated(x.Conv(16, 1), x.Conv(16, 1)), [2, 3, 4, 4], true),
        ("in another order", x => x.Conv(16, 1) is var a && x.Conv(16, 3) is var b ? Concatenated(Concatenated(a, b).Conv(4, 1), Concatenated(b, a).Conv(4, 1)) : x, [1, 3, 4, 4], true),
    ];

    public static TheoryData<string> Cases => [.. s_cases.Select(@case => @case.Name)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Give_what_a_copy_gives(string name)
    {
        var (_, build, shape, copies) = s_cases.Single(@case => @case.Name == name);
        Check.Op(build, shape, differentiable: false);
        var graph = build(new Input(shape).Apply([], "x")).ToGraph("joined");
        var plan = new Plan(graph, graph.Init(), Team.Of(1), frozen: true);
        Assert.Equal(copies, plan.Steps.Any(step => step.Kernel.Contains("moved", StringComparison.Ordinal)));
    }

    private static Node Concatenated(params Node[] maps) => new Concat(1).Apply(maps);
}
