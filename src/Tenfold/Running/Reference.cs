using System.Numerics;

namespace Tenfold;

/// <summary>The reference executor: interprets a graph with each operation's own plain definition. Slow, obvious, and the truth that
/// every fast kernel, fusion and gradient is tested against.</summary>
public static class Reference
{
    /// <summary>The graph's outputs in single or double precision.</summary>
    /// <param name="weights">By the names of the graph's parameters.</param>
    /// <param name="inputs">In the order of <see cref="Graph.Inputs"/>, of their shapes.</param>
    /// <exception cref="ShapeException">An input or a weight has another shape than the graph says.</exception>
    public static Values<T>[] Run<T>(Graph graph, IReadOnlyDictionary<string, Values<T>> weights, params IReadOnlyList<Values<T>> inputs)
        where T : struct, IBinaryFloatingPointIeee754<T>
    {
        var values = new Dictionary<Node, Values<T>>();
        for (var i = 0; i < graph.Inputs.Count; i++) values[graph.Inputs[i]] = inputs[i];
        foreach (var (name, node) in graph.Parameters) values[node] = weights[name];
        foreach (var node in graph.Nodes)
        {
            if (values.TryGetValue(node, out var given))
            {
                if (given.Shape != node.Shape) throw new ShapeException($"{graph.NameOf(node)}: is {given.Shape}, not {node.Shape}");
                continue;
            }

            var output = values[node] = new Values<T>(node.Shape);
            node.Op.Define<T>([.. node.Inputs.Select(input => values[input])], output);
        }

        return [.. graph.Outputs.Select(output => values[output])];
    }

    /// <summary>The graph's outputs in single precision.</summary>
    public static Tensor[] Run(Graph graph, Weights weights, params IReadOnlyList<Tensor> inputs) => [.. Run(
        graph, weights.ToDictionary(pair => pair.Key, pair => Values<float>.From(pair.Value)), [.. inputs.Select(Values<float>.From)]).Select(y => y.ToTensor())];
}
