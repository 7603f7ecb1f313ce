namespace Tenfold;

public static partial class Verbs
{
    /// <summary>The same network for another number of classes: its last layer with weights, a linear layer or a convolution, is made anew
    /// under its old name. With several outputs, the last before each.</summary>
    /// <exception cref="ArgumentException">What comes before an output is no such layer.</exception>
    /// <exception cref="ShapeException">What follows the layer does not take so many channels.</exception>
    public static Graph WithClasses(this Graph graph, int classes)
    {
        if (classes < 1) throw new ShapeException($"graph {graph.Name}: {classes} classes; at least 1");
        var heads = graph.Outputs.Select(output => HeadOf(graph, output)).ToHashSet();
        return graph.Rewrite((node, inputs) => heads.Contains(node)
            ? node.Op.Apply([inputs[0], .. node.Inputs.Skip(1).Select(Resized)], graph.NameOf(node))
            : null);

        Node Resized(Node input)
        {
            var parameter = (Parameter)input.Op;
            return new Parameter(parameter.Role, parameter.Shape.With(0, classes), parameter.Initializer, parameter.Trained).Apply();
        }
    }

    /// <summary>The network without its last layer with weights: what that layer reads is the output.</summary>
    /// <exception cref="ArgumentException">What comes before the first output is no such layer.</exception>
    public static Graph Features(this Graph graph)
    {
        // Made anew under their whole names: numbers would be given again, and others, where a part of the network is gone.
        var renamed = graph.Rewriting((node, inputs) => inputs.Length == 0 ? null : node.Op.Apply(inputs, graph.NameOf(node)));
        return new Graph(graph.Name, renamed(HeadOf(graph, graph.Outputs[0]).Inputs[0]));
    }

    /// <summary>A trained network to be trained on other classes: all weights are kept but those of the last layer, which are fresh.</summary>
    /// <exception cref="ArgumentException">The network has no such layer.</exception>
    public static Model WithClasses(this Model model, int classes, ulong seed = 0)
    {
        var graph = model.Graph.WithClasses(classes);
        var heads = graph.Outputs.SelectMany(output => HeadOf(graph, output).Inputs.Skip(1)).ToHashSet();
        var weights = new Weights();
        foreach (var (name, node) in graph.Parameters)
            weights[name] = heads.Contains(node) ? ((Parameter)node.Op).Initializer.Fill(node.Shape, Philox.Named(seed, name)) : model.Weights[name].Clone();
        return new Model(graph, weights) { Preprocessing = model.Preprocessing, Provenance = model.Provenance };
    }

    /// <summary>A trained network without its last layer: from pictures to features.</summary>
    /// <exception cref="ArgumentException">The network has no such layer.</exception>
    public static Model Features(this Model model)
    {
        var graph = model.Graph.Features();
        var weights = new Weights();
        foreach (var name in graph.Parameters.Keys) weights[name] = model.Weights[name];
        return new Model(graph, weights) { Preprocessing = model.Preprocessing, Provenance = model.Provenance };
    }

    // Back from the output, through what has one input and no weights, to the layer that made it.
    private static Node HeadOf(Graph graph, Node output)
    {
        var node = output;
        while (node.Inputs.Count == 1) node = node.Inputs[0];
        return node.Op is Tenfold.Linear or Convolution && node.Inputs.Skip(1).All(input => input.Op is Parameter)
            ? node
            : throw new ArgumentException($"graph {graph.Name}: its output comes from {(node.Inputs.Count == 0 ? $"the {node.Op.Name}" : $"a layer of kind {node.Op.Name}")}, not from a linear layer or a convolution", nameof(output));
    }
}
