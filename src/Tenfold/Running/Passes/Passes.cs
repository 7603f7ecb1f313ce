namespace Tenfold;

/// <summary>The compiler's rewrites: each takes a graph and gives one that computes the same, with other operations in it.</summary>
/// <remarks>
/// What a rewrite leaves is still a graph: its operations have definitions, so the reference executor runs it, and a test compares it with the
/// graph before. Inputs and parameters stay the nodes they were.
/// </remarks>
internal static class Passes
{
    /// <param name="frozen">Whether the weights never change, so that what depends on them alone is computed once.</param>
    public static Graph All(Graph graph, bool frozen)
    {
        if (frozen) graph = FoldNorms.In(graph);
        graph = FuseEpilogues.In(graph);
        graph = RouteChannels.In(graph, frozen);
        return frozen ? ChainSeparable.In(graph) : graph;
    }

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
    public static HashSet<Node> UsedOnce(this Graph graph) =>
        [.. graph.Users().Where(pair => pair.Value.Count == 1 && !graph.Outputs.Contains(pair.Key)).Select(pair => pair.Key)];

    /// <summary>The nodes that depend on parameters alone.</summary>
    public static HashSet<Node> Constants(this Graph graph)
    {
        var constants = new HashSet<Node>();
        foreach (var node in graph.Nodes)
            if (node.Op is Parameter || (node.Inputs.Count > 0 && node.Inputs.All(constants.Contains))) constants.Add(node);
        return constants;
    }
}
