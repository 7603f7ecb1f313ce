namespace Tenfold;

// The beginning of a network, as long as its maps are larger than the second-level cache, is computed for one sample of a batch after the other, the rest for all samples together:
// large maps of one sample come to the next layer from a cache, those of a batch from memory; small maps fill tiles, and read their weights once, only together.
internal sealed unsafe partial class Plan
{
    private const long Large = 256 * 1024; // numbers of a sample's map: 1 MB, as the second-level cache has

    private const int Heavy = 2; // as many weights for each number of a sample's map: to read them for every sample costs more than is gained, as behind VGG-16's third pooling

    private readonly Plan? _each; // computes what stands for this plan's input, of one sample; null where there is no such beginning
    private readonly Slot? _samples; // the samples of which it does

    /// <summary>The last value of the beginning, of which alone the rest is made: the last large map, or what first follows it; null where no map is large, or what leads to it is no operation on single samples.</summary>
    private static Node? Cut(Graph graph)
    {
        if (graph.Inputs is not [{ Shape: { Rank: 4, Batch: > 1 and var batch } }] || graph.Outputs.Count != 1) return null;
        var (users, nodes, last, large, heavy) = (graph.Users(), graph.Nodes, new Dictionary<Node, int>(), int.MaxValue, false); // where each value is read last
        for (var i = 0; i < nodes.Count; i++)
        {
            foreach (var read in nodes[i].Inputs) last[read] = i;
            if (nodes[i] is not { Op: not Leaf, Shape: { Rank: 4 } map } node) continue;
            heavy |= node.Op is Convolution && node.Inputs[1].Shape.Count > Math.Max(Large, Heavy * map.Count / batch);
            if (!heavy && map.Count / batch > Large) large = i;
        }

        var open = 0; // where the last of the maps so far is read
        for (var i = 0; i < nodes.Count; i++)
        {
            var node = nodes[i];
            if (node.Op is Tenfold.Parameter) continue;
            if (node.Op is not Tenfold.Input && !OfSamples(node)) return null;
            if (i >= large && open <= i && Ends(node)) return node;
            open = Math.Max(open, last.GetValueOrDefault(node, int.MaxValue));
        }

        return null;

        // What computes each sample by itself; an operation that is not named here ends the search, which costs speed alone.
        bool OfSamples(Node node)
        {
            if (node.Shape is not { Rank: 4 } map || map.Batch != batch) return false;
            if (node.Op is Convolution or BatchNorm { Training: false }) return true;
            return node.Inputs.All(read => read.Op is not Tenfold.Parameter)
                && node.Op is Relu or Relu6 or Silu or HardSwish or Sigmoid or HardSigmoid or Tenfold.Add or Multiply or Concat or ChannelShuffle or MaxPool or AvgPool or AdaptiveAvgPool or Lrn;
        }

        // Nothing that follows is done where the value is stored, and a depthwise convolution stays with the pointwise ones beside it.
        bool Ends(Node node)
        {
            if (IsDepthwise(Made(node)) || users[node].Any(IsDepthwise)) return false;
            return node.Op is MaxPool or AvgPool ? users[node].Count > 0 : users[node].Any(user => user.Op is Convolution);
        }

        static bool IsDepthwise(Node node) => node.Op is Convolution convolution && convolution.IsDepthwise(node.Inputs[0].Channels);

        static Node Made(Node node) => node.Op is BatchNorm or Relu or Relu6 or Silu or HardSwish ? Made(node.Inputs[0]) : node;
    }

    private static Graph OfOne(Graph graph) => graph.Pass((node, _) => node.Op is Tenfold.Input ? new Input(node.Shape.With(0, 1)).Apply([], graph.NameOf(node)) : null);

    private Step OfAll(Step step) =>
        step with { Kernel = $"{step.Kernel}; a sample at a time", Macs = step.Macs * _samples!.Shape.Batch, Bytes = step.Bytes * _samples.Shape.Batch };

    private void RunSamples(Span<long> times)
    {
        var (from, to, into) = (_each!.SlotsIn(Layout.Plain)[_each._inputs[0]], _each.SlotsIn(Layout.Blocked)[_each.Graph.Outputs[0]], SlotsIn(Layout.Blocked)[_inputs[0]]);
        Span<long> own = times.IsEmpty ? default : new long[_each._steps.Count];
        times.Clear();
        try
        {
            for (var n = 0; n < _samples!.Shape.Batch; n++)
            {
                float* x = _samples.P + n * from.Shape.Count, y = into.P + n * to.Size;
                if (from.Whole is null) from.Lent = x;
                else new ReadOnlySpan<float>(x, from.Span.Length).CopyTo(from.Span);
                if (to.Whole is null) to.Lent = y;
                _team.Run(_each._steps, _each.Scratch, own);
                if (to.Whole is not null) Buffer.MemoryCopy(to.P, y, to.Size * sizeof(float), to.Size * sizeof(float));
                for (var i = 0; i < own.Length; i++) times[i] += own[i];
            }
        }
        finally
        {
            from.Lent = null;
            to.Lent = null;
        }
    }
}
