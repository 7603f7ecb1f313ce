namespace Tenfold;

/// <summary>The compiler's rewrites of a graph, in the order in which they are done. Each leaves a graph that computes the same, so any can be left out.</summary>
[Flags]
public enum CompilerPasses
{
    None = 0,

    /// <summary>Batch norms become part of the kernels and biases of the convolutions before them.</summary>
    FoldNorms = 1,

    /// <summary>The gates of squeeze-and-excitation are computed from what the pointwise convolution before them reads, and multiplied in where it stores its result.</summary>
    MeansFirst = 2,

    /// <summary>Activations and sums are done where the operation before them stores its result.</summary>
    FuseEpilogues = 4,

    /// <summary>Slices, concatenations and shuffles of channels become lists of channels, which convolutions read.</summary>
    RouteChannels = 8,

    /// <summary>A depthwise convolution and the pointwise one behind it are computed in strips of rows.</summary>
    ChainSeparable = 16,
}

/// <summary>The compiler's rewrites: each takes a graph and gives one that computes the same, with other operations in it.</summary>
/// <remarks>
/// What a rewrite leaves is still a graph: its operations have definitions, so the reference executor runs it, and a test compares it with the
/// graph before. Inputs and parameters stay the nodes they were.
/// </remarks>
internal static class Passes
{
    private static readonly (CompilerPasses Pass, bool FrozenOnly, Func<Graph, bool, Graph> In, Func<Graph, Graph, string> Tell)[] s_all =
    [
        (CompilerPasses.FoldNorms, true, (graph, _) => FoldNorms.In(graph), FoldNorms.Tell),
        (CompilerPasses.MeansFirst, true, (graph, _) => MeansFirst.In(graph), MeansFirst.Tell),
        (CompilerPasses.FuseEpilogues, false, (graph, _) => FuseEpilogues.In(graph), FuseEpilogues.Tell),
        (CompilerPasses.RouteChannels, false, RouteChannels.In, RouteChannels.Tell),
        (CompilerPasses.ChainSeparable, true, (graph, _) => ChainSeparable.In(graph), ChainSeparable.Tell),
    ];

    /// <param name="frozen">Whether the weights never change, so that what depends on them alone is computed once.</param>
    public static Graph All(Graph graph, bool frozen, CompilerPasses without = CompilerPasses.None)
    {
        foreach (var (pass, frozenOnly, rewrite, _) in s_all)
            if ((frozen || !frozenOnly) && !without.HasFlag(pass)) graph = rewrite(graph, frozen);
        return graph;
    }

    /// <summary>What each pass does to a graph, as <see cref="All"/> does them; read from the graphs before and after it.</summary>
    public static IReadOnlyList<(CompilerPasses Pass, string Did)> Tell(Graph graph, bool frozen, CompilerPasses without)
    {
        var told = new List<(CompilerPasses, string)>();
        foreach (var (pass, frozenOnly, rewrite, tell) in s_all)
        {
            if (without.HasFlag(pass) || (frozenOnly && !frozen))
            {
                told.Add((pass, without.HasFlag(pass) ? "left out, as asked" : "not where weights change"));
                continue;
            }

            var after = rewrite(graph, frozen);
            told.Add((pass, tell(graph, after)));
            graph = after;
        }

        return told;
    }

    /// <summary>"2 relu, 1 add": the operations by name, the most frequent first.</summary>
    public static string Counted(IEnumerable<Op> ops) =>
        string.Join(", ", ops.GroupBy(op => op.Name).OrderByDescending(group => group.Count()).ThenBy(group => group.Key, StringComparer.Ordinal).Select(group => $"{group.Count()} {group.Key}"));

    /// <summary>For each node those that use it, as often as they do.</summary>
    public static Dictionary<Node, List<Node>> Users(this Graph graph)
    {
        var all = new Dictionary<Node, List<Node>>();
        foreach (var node in graph.Nodes) all[node] = [];
        foreach (var node in graph.Nodes)
            foreach (var input in node.Inputs) all[input].Add(node);
        return all;
    }

    /// <summary>The values that one node uses once and nothing else does.</summary>
    public static HashSet<Node> UsedOnce(this Graph graph)
    {
        var once = new HashSet<Node>();
        foreach (var (node, users) in graph.Users())
            if (users.Count == 1 && !graph.Outputs.Contains(node)) once.Add(node);
        return once;
    }

    /// <summary>The operation without what is done to each of its numbers afterwards.</summary>
    public static Op Unfused(this Op op) => op is Fused fused ? fused.First : op;

    /// <summary>Whether what is done afterwards reads values of its own: what is added, a gate.</summary>
    public static bool ReadsMore(this Node node) => node.Op is Fused fused && fused.Arity < node.Inputs.Count;

    /// <summary>Whether a value is never negative, as what it is made of shows.</summary>
    public static bool IsRectified(this Node node) => node.Op switch
    {
        Fused { Then: [.., var last] } => last is Relu or Relu6,
        Relu or Relu6 => true,
        MaxPool or AvgPool => node.Inputs[0].IsRectified(),
        Concat => node.Inputs.All(IsRectified),
        _ => false,
    };

    /// <summary>The nodes that depend on parameters alone.</summary>
    public static HashSet<Node> Constants(this Graph graph)
    {
        var constants = new HashSet<Node>();
        foreach (var node in graph.Nodes)
            if (node.Op is Parameter || (node.Inputs.Count > 0 && node.Inputs.All(constants.Contains))) constants.Add(node);
        return constants;
    }
}
