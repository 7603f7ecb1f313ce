namespace Tenfold;

/// <summary>A network rewritten to learn: the loss, its gradient with respect to every parameter, and what its norms saw, as one graph.</summary>
/// <remarks>
/// Batch norms take the statistics of the batch; dropout becomes a product with a random mask; a softmax at the end is left out, for the
/// loss contains it. Further outputs are auxiliary classifiers: their losses count <see cref="AuxiliaryWeight"/> each. Inputs: pictures, targets, and the key of the masks where there are any. Parameters are the network's own nodes, but
/// may carry other names, for running statistics are no part of this graph.
/// </remarks>
internal sealed class TrainingGraph
{
    /// <param name="frozen">Which parameters do not learn, by name; by default all that are trained do.</param>
    public TrainingGraph(Graph network, int batch, Func<string, bool>? frozen = null)
    {
        if (network.Inputs.Count != 1) throw new ArgumentException($"training {network.Name}: a network with {network.Inputs.Count} inputs; one is supported");
        network = network.WithBatch(batch);
        var statistics = new List<(Node Norm, Node Mean, Node Variance)>();
        Node? key = null;
        ulong masks = 0;
        var trained = network.Rewriting((node, inputs) =>
        {
            switch (node.Op)
            {
                case BatchNorm { Training: false } when frozen is not null && frozen(network.NameOf(node.Inputs[1])) && frozen(network.NameOf(node.Inputs[2])):
                    return null;
                case BatchNorm { Training: false } norm:
                    var mean = new BatchMean().Apply(inputs[0]);
                    var variance = new BatchVariance().Apply(inputs[0], mean);
                    statistics.Add((node, mean, variance));
                    return (norm with { Training = true }).Apply([inputs[0], inputs[1], inputs[2], mean, variance], network.NameOf(node));
                case Dropout { Rate: > 0 } dropout:
                    key ??= new Input([4]).Apply([], "key");
                    return inputs[0] * new RandomMask(dropout.Rate, masks++).Apply(inputs[0], key);
                case Dropout:
                    return inputs[0];
                default:
                    return null;
            }
        });

        Node[] heads = [.. network.Outputs.Select(end => trained(end.Op is Softmax or LogSoftmax ? end.Inputs[0] : end)).Select(head => head.Shape.Rank == 2 ? head : head.Flatten())];
        var logits = heads[0];
        Classes = logits.Channels;
        var targets = new Input(logits.Shape).Apply([], "targets");
        var loss = logits.SoftmaxCrossEntropy(targets).Affine(1f / batch);
        foreach (var head in heads[1..])
        {
            if (head.Shape != logits.Shape) throw new ArgumentException($"training {network.Name}: an auxiliary head makes {head.Shape}, not {logits.Shape} as the first output");
            loss += head.SoftmaxCrossEntropy(targets).Affine(AuxiliaryWeight / batch);
        }

        var parameters = network.Parameters.Where(parameter => ((Parameter)parameter.Value.Op).Trained && frozen?.Invoke(parameter.Key) != true).ToArray();
        var gradients = loss.Gradient([.. parameters.Select(parameter => parameter.Value)]);
        var outputs = new List<Node> { loss, logits };
        var learned = new List<(string Name, Node Node, int Output)>();
        for (var i = 0; i < parameters.Length; i++)
        {
            if (gradients[i] is not { } gradient) continue; // does not reach the loss
            learned.Add((parameters[i].Key, parameters[i].Value, outputs.Count));
            outputs.Add(gradient);
        }

        if (learned.Count == 0) throw new ArgumentException($"training {network.Name}: it has no parameter that learns and that the loss depends on");
        foreach (var (_, mean, variance) in statistics) outputs.AddRange([mean, variance]);
        Graph = new Graph(network.Name, outputs);
        Learned = [.. learned.Select(item => new Learned(item.Name, Graph.NameOf(item.Node), item.Node.Shape, item.Output))];
        Running = [.. statistics.Select((item, i) => new Running(
            network.NameOf(item.Norm.Inputs[3]), network.NameOf(item.Norm.Inputs[4]), ((BatchNorm)item.Norm.Op).Momentum,
            item.Norm.Shape.Count / item.Norm.Channels, outputs.Count - 2 * statistics.Count + 2 * i))];
        Image = IndexOf(trained(network.Inputs[0]));
        Targets = IndexOf(targets);
        Key = key is null ? -1 : IndexOf(key);
        Names = [.. network.Parameters.Where(parameter => Graph.Parameters.Values.Contains(parameter.Value)).Select(parameter => (parameter.Key, Graph.NameOf(parameter.Value)))];
    }

    /// <summary>Szegedy et al., "Going Deeper with Convolutions", 2015, section 5.</summary>
    private const float AuxiliaryWeight = 0.3f;

    public Graph Graph { get; }

    /// <summary>Output 0: [N, 1], the loss of each sample divided by N.</summary>
    public const int Loss = 0;

    /// <summary>Output 1: [N, classes].</summary>
    public const int Logits = 1;

    public int Classes { get; }

    /// <summary>Which input holds the pictures.</summary>
    public int Image { get; }

    /// <summary>Which input holds the target probabilities.</summary>
    public int Targets { get; }

    /// <summary>Which input holds the key of the random masks; -1 where there are none.</summary>
    public int Key { get; }

    public Learned[] Learned { get; }

    /// <summary>What each parameter of the network that is part of this graph is called in both.</summary>
    public (string Network, string Own)[] Names { get; }

    public Running[] Running { get; }

    /// <summary>The network's weights under this graph's names, not copied.</summary>
    public Weights Bind(Weights weights)
    {
        var bound = new Weights();
        foreach (var (network, own) in Names) bound[own] = weights[network];
        return bound;
    }

    private int IndexOf(Node input)
    {
        for (var i = 0; i < Graph.Inputs.Count; i++)
            if (Graph.Inputs[i] == input.Value) return i;
        throw new ArgumentException($"training {Graph.Name}: the loss does not depend on the input {input}");
    }
}

/// <summary>A parameter that is trained.</summary>
/// <param name="Name">In the network.</param>
/// <param name="Own">In the training graph.</param>
/// <param name="Output">Which output is its gradient.</param>
internal readonly record struct Learned(string Name, string Own, Shape Shape, int Output);

/// <summary>Running averages of one norm.</summary>
/// <param name="Momentum">The weight of the new batch.</param>
/// <param name="Count">How many numbers each statistic is made of: n in the n / (n - 1) of the unbiased variance.</param>
/// <param name="Output">Which output is the mean of the batch; the next is its variance.</param>
internal readonly record struct Running(string Mean, string Variance, float Momentum, long Count, int Output);
