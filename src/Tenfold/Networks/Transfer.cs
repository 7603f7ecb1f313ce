using System.IO.Enumeration;

namespace Tenfold;

public static partial class Verbs
{
    /// <summary>The same network for another number of classes: the last layer with weights of every output is made anew, with its own name.</summary>
    /// <exception cref="ShapeException">An output does not come from a linear layer or a convolution.</exception>
    public static Graph WithClasses(this Graph graph, int classes)
    {
        var heads = graph.Outputs.Select(output => Classifier(graph, output)).ToHashSet();
        return graph.Rewrite((node, inputs) =>
        {
            if (!heads.Contains(node)) return null;
            for (var i = 1; i < inputs.Length; i++)
            {
                var parameter = (Parameter)inputs[i].Op;
                inputs[i] = (parameter with { Shape = parameter.Shape.With(0, classes) }).Apply();
            }

            return node.Op.Apply(inputs, graph.NameOf(node));
        });
    }

    /// <summary>The network without its last layer with weights: from a picture to what that layer would read. Weights fit by name.</summary>
    /// <exception cref="ShapeException">The first output does not come from a linear layer or a convolution.</exception>
    public static Graph Features(this Graph graph)
    {
        var features = new Graph($"{graph.Name}_features", Classifier(graph, graph.Outputs[0]).Inputs[0]);
        var names = graph.Parameters.Values.ToDictionary(node => node, graph.NameOf);
        return features.Parameters.All(pair => names[pair.Value] == pair.Key)
            ? features
            : throw new ShapeException($"{graph.Name}: its layers are numbered otherwise without the last; give them names");
    }

    /// <summary>The same network with the parameters whose names match kept as they are by training, and so no longer counted as its parameters.
    /// A norm whose scale is frozen keeps its running statistics too.</summary>
    /// <param name="pattern">A name, in which <c>*</c> is any text and <c>?</c> any letter: <c>features.*</c>.</param>
    /// <exception cref="ArgumentException">No parameter's name matches.</exception>
    public static Graph Freeze(this Graph graph, string pattern)
    {
        var found = graph.Parameters.Where(pair => FileSystemName.MatchesSimpleExpression(pattern, pair.Key, ignoreCase: false)).Select(pair => pair.Value).ToHashSet();
        if (found.Count == 0) throw new ArgumentException($"freeze: no parameter of {graph.Name} is named {pattern}; {string.Join(", ", graph.Parameters.Keys.Take(3))} are the first", nameof(pattern));
        return graph.Rewrite((node, _) => found.Contains(node) && node.Op is Parameter { Trained: true } parameter ? (parameter with { Trained = false }).Apply() : null);
    }

    // Back from the output past all that has no weights.
    private static Node Classifier(Graph graph, Node output)
    {
        var node = output;
        while (node.Inputs.Count == 1) node = node.Inputs[0];
        return node.Op is Tenfold.Linear or Convolution ? node : throw new ShapeException($"{graph.Name}: ends in {node.Op.Name}, not in a linear layer or a convolution that tells classes apart");
    }
}
