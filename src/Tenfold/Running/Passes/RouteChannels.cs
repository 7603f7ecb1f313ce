namespace Tenfold;

/// <summary>Slices, concatenations and shuffles of channels become lists of channels, which cost nothing where a pointwise convolution reads them.</summary>
/// <remarks>
/// <para>One list stands for any chain of them: what passes by in ShuffleNet v2 unit after unit is read where it was once computed.</para>
/// <para>A depthwise convolution behind a list that reorders one map keeps the map's order, its own kernels reordered, and the list follows it.</para>
/// <para>Behind a pointwise convolution in groups nobody but the list knows where the channels lie, so each group begins with a block of 16 where that spares work:
/// <code>
/// 4 groups of 12:   | a0 ... a11 b0 ... b3 | b4 ... b11 c0 ... c7 | c8 ... c11 d0 ... d11 |    3 blocks, each of which reads the inputs of two groups, the weights between them zeros
/// become            | a0 ... a11 -   -   - | b0 ... b11 -   -   - | c0 ... c11  -   -   - | d0 ... d11 -  -  - |       4 blocks, each of which reads those of one
/// </code></para>
/// </remarks>
internal static class RouteChannels
{
    private const double MostSpare = 1.4; // channels that are computed for one that is read

    /// <param name="frozen">Whether the weights never change, so that they can be reordered once.</param>
    public static Graph In(Graph graph, bool frozen) => Read(Compose(graph, frozen));

    public static string Tell(Graph before, Graph after)
    {
        var (moves, left) = (Moves(before), Moves(after));
        if (moves.Length == 0) return "nothing: there are no slices, concatenations or shuffles of channels";
        var lists = after.Nodes.Count(node => node.Op is Chained { First: Pick });
        var moved = after.Nodes.Count(node => node.Op is Pick);
        string[] parts =
        [
            .. lists > 0 ? [$"{lists} convolutions read lists of channels where they lie"] : (string[])[],
            .. moved > 0 ? [$"{moved} lists are moved, in a step each"] : (string[])[],
            .. left.Length > 0 ? [$"{Passes.Counted(left)} stay: what they join is computed in its place where channels line up in blocks of 16, else copied"] : (string[])[],
        ];
        return $"of {Passes.Counted(moves)}: {(parts.Length > 0 ? string.Join("; ", parts) : "none is left")}";

        static Op[] Moves(Graph graph) => [.. graph.Nodes.Where(node => node.Shape.Rank == 4 && node.Op is Concat { Axis: 1 } or Slice { Axis: 1 } or Embed { Axis: 1 } or ChannelShuffle).Select(node => node.Op)];
    }

    private static Graph Compose(Graph graph, bool frozen)
    {
        var (once, constants) = (graph.UsedOnce(), frozen ? graph.Constants() : []);
        return graph.Pass((node, inputs) =>
        {
            if (node.Shape.Rank != 4 || inputs.Length == 0) return null;
            if (node.Op is Concat && !inputs.Any(input => input.Op is Pick)) return null; // its inputs may be computed in their place
            var (first, name) = (node.Inputs[0], graph.NameOf(node));
            if (node.Op is ChannelShuffle && once.Contains(first) && HasConstantWeights(first) && InWholeBlocks(inputs[0], graph.NameOf(first)) is { } whole) inputs = [whole];
            if (Channels(node.Op, inputs) is { } channels) return Listed(inputs, channels, name);
            if (node.Op is Add && inputs is [{ Op: Pick a }, { Op: Pick b }] && Together(a, b, inputs[0].Inputs.Count) is { } both)
                return Listed([.. inputs[0].Inputs, .. inputs[1].Inputs], both, name);
            return once.Contains(first) && Depthwise(node) && HasConstantWeights(node) ? BeforeItsList(node, inputs, name) : null;
        });

        bool HasConstantWeights(Node node) => node.Inputs.Skip(1).All(constants.Contains);
    }

    // A depthwise convolution of the map that a list reorders, in that map's order, and the list behind it; null where the map has too many channels that the list leaves out.
    private static Node? BeforeItsList(Node node, Node[] inputs, string name)
    {
        if (inputs[0] is not { Op: Pick { IsSelection: true } list, Inputs: [var map] } || map.Channels > MostSpare * node.Channels) return null;
        var order = Absent(map.Channels);
        for (var place = 0; place < list.Channels.Length; place++) order[list.Channels[place].Channel] = place;
        var weights = inputs.Skip(1).Select(input => Reorder(input, order, name));
        return list.Apply([InGroups(node.Op, map.Channels).Apply([map.Outermost, .. weights], name)], $"{name}.order#");
    }

    // For each channel of the operation: which channel of which input; a negative input is zeros. In a loop, as all that is done to lists of pairs: .NET's own code for them would be compiled at the start of each process.
    private static (int Map, int Channel)[]? Channels(Op op, IReadOnlyList<Node> inputs)
    {
        if (op is Concat { Axis: 1 }) return Pick.OneAfterAnother(inputs);
        if (op is not (Slice { Axis: 1 } or Embed { Axis: 1 } or ChannelShuffle)) return null;
        var all = inputs[0].Channels;
        var channels = new (int Map, int Channel)[op switch { Slice slice => slice.Length, Embed embed => embed.Before + all + embed.After, _ => all }];
        for (var c = 0; c < channels.Length; c++)
        {
            var channel = op switch
            {
                Slice slice => slice.Start + c,
                Embed embed => c - embed.Before,
                ChannelShuffle shuffle => c % shuffle.Groups * (all / shuffle.Groups) + c / shuffle.Groups,
                _ => c,
            };
            channels[c] = channel >= 0 && channel < all ? (0, channel) : (-1, 0);
        }

        return channels;
    }

    // The list over the maps that are computed, with those that are lists themselves looked through.
    private static Node Listed(Node[] inputs, (int Map, int Channel)[] channels, string name)
    {
        var (maps, list, inOrder) = (new List<Node>(), new (int Map, int Channel)[channels.Length], true);
        for (var c = 0; c < list.Length; c++)
        {
            list[c] = (-1, 0);
            if (channels[c].Map >= 0 && Source(inputs[channels[c].Map], channels[c].Channel) is ({ } map, var channel))
            {
                if (!maps.Contains(map)) maps.Add(map);
                list[c] = (maps.IndexOf(map), channel);
            }

            inOrder &= list[c] == (0, c);
        }

        if (maps.Count == 0) maps.Add(inputs[0].Value); // zeros alone, of its size
        return inOrder && list.Length == maps[0].Channels ? maps[0] : new Pick(list).Apply([.. maps.Select(map => map.Outermost)], name);

        static (Node? Map, int Channel) Source(Node map, int channel)
        {
            for (map = map.Value; ;)
            {
                switch (map.Op)
                {
                    case Pick pick:
                        (var i, channel) = pick.Channels[channel];
                        if (i < 0) return (null, 0);
                        map = map.Inputs[i];
                        break;
                    case Concat { Axis: 1 }:
                        var piece = 0;
                        for (; channel >= map.Inputs[piece].Channels; piece++) channel -= map.Inputs[piece].Channels;
                        map = map.Inputs[piece];
                        break;
                    default: return (map, channel);
                }
            }
        }
    }

    // The sum of two lists of which one has a zero wherever the other has none: the gradient of a split.
    private static (int Map, int Channel)[]? Together(Pick a, Pick b, int maps)
    {
        var both = new (int Map, int Channel)[a.Channels.Length];
        for (var c = 0; c < both.Length; c++)
        {
            if (a.Channels[c].Map >= 0 && b.Channels[c].Map >= 0) return null;
            both[c] = b.Channels[c].Map < 0 ? a.Channels[c] : (b.Channels[c].Map + maps, b.Channels[c].Channel);
        }

        return both;
    }

    private static bool Depthwise(Node node) => Convolves(node) is { } conv && conv.Groups == node.Channels && conv.Groups == node.Inputs[0].Channels;

    // A convolution, with an activation perhaps, but nothing that is added.
    private static Convolution? Convolves(Node node) => node.ReadsMore() ? null : node.Op.Unfused() as Convolution;

    private static Op InGroups(Op op, int groups) => op is Fused fused ? fused with { First = InGroups(fused.First, groups) } : (Convolution)op with { Groups = groups };

    // A list of the channels of a wider pointwise convolution, whose groups all begin with a block; null where that would spare nothing.
    private static Node? InWholeBlocks(Node node, string name)
    {
        if (Convolves(node) is not { Groups: > 1 } || DenseShapes.Of(node) is not { Pointwise: true } shape || Kernels.LaneMap.Of(shape) is not null) return null;
        if (shape.Batch == 1 && Kernels.PanelConvolution.Takes(shape)) return null; // on planes no lane is empty
        var (own, wide) = (shape.OutPerGroup, (shape.OutPerGroup + 15) / 16 * 16);
        var reads = 0; // groups, of all blocks
        for (var first = 0; first < shape.Out; first += 16)
        {
            var (from, to) = shape.Reads(first, first + 16);
            reads += (to - from) / shape.InPerGroup;
        }

        if (wide > MostSpare * own || reads <= shape.Groups * wide / 16) return null;
        var (order, list) = (Absent(shape.Groups * wide), new (int Map, int Channel)[shape.Out]);
        for (var channel = 0; channel < shape.Out; channel++)
        {
            var place = channel / own * wide + channel % own;
            (order[place], list[channel]) = (channel, (0, place));
        }

        return new Pick(list).Apply([node.Op.Apply([node.Inputs[0].Outermost, .. node.Inputs.Skip(1).Select(weights => Reorder(weights, order, name))], name)], $"{name}.own#");
    }

    private static int[] Absent(int channels)
    {
        var order = new int[channels];
        Array.Fill(order, -1);
        return order;
    }

    // Weights of a convolution in the order of the map behind the list.
    private static Node Reorder(Node weights, int[] order, string name)
    {
        if (weights.Op is ScaledKernel) return weights.Op.Apply([.. weights.Inputs.Select(input => Reorder(input.Outermost, order, name))], $"{name}.kernel#");
        return new Reordered(order).Apply([weights], $"{name}.weights#");
    }

    // Lists that pointwise convolutions alone read are theirs. What lines up in blocks of 16 is left to be computed in its place, which also serves others.
    private static Graph Read(Graph graph)
    {
        var (users, constants) = (graph.Users(), graph.Constants());
        return graph.Pass((node, inputs) =>
        {
            if (inputs.Length < 2 || !Reads(node) || !IsList(node.Inputs[0]) || graph.Outputs.Contains(node.Inputs[0])) return null;
            if (!users[node.Inputs[0]].All(user => Reads(user) && !user.Inputs.Skip(1).Contains(node.Inputs[0]))) return null;
            var maps = inputs[0].Inputs;
            if (node.Inputs[0].Inputs.Any(constants.Contains)) return null;
            var list = inputs[0].Op as Pick ?? new Pick(Channels(inputs[0].Op, maps)!);
            if (list.HasZeros) return null;
            return new Chained(list, maps.Count, node.Op).Apply([.. maps.Select(map => map.Outermost), .. inputs.Skip(1)], graph.NameOf(node));
        });

        static bool IsList(Node node) => node.Op is Pick
            || (node is { Op: Concat { Axis: 1 }, Shape.Rank: 4 } && (node.Shape.Batch > 1 || node.Inputs.SkipLast(1).Any(input => input.Channels % 16 != 0)));

        static bool Reads(Node node) => node.Op.Unfused() is Convolution && node.Op is not Fused { Then: [Multiply, ..] }
            && DenseShapes.Of(node) is { Pointwise: true } shape && Kernels.LaneMap.Of(shape) is null;
    }
}

/// <summary>Channels of several maps of one size, in any order, as often as wanted, and zeros. Inputs: the maps.</summary>
/// <param name="Channels">For each channel of the result: which channel of which map; a negative map for zeros.</param>
internal sealed record Pick((int Map, int Channel)[] Channels) : Op
{
    public override string Name => "channels";

    /// <summary>Whether some are zeros.</summary>
    public bool HasZeros { get; } = AreZeros(Channels);

    /// <summary>Whether they are some of one map, each once at most.</summary>
    public bool IsSelection { get; } = AreApart(Channels);

    /// <summary>All channels of one map, then all of the next.</summary>
    public static (int Map, int Channel)[] OneAfterAnother(IReadOnlyList<Node> maps)
    {
        var (all, at) = (0, 0);
        foreach (var map in maps) all += map.Channels;
        var channels = new (int Map, int Channel)[all];
        for (var map = 0; map < maps.Count; map++)
            for (var c = 0; c < maps[map].Channels; c++) channels[at++] = (map, c);
        return channels;
    }

    public override Shape Infer(ReadOnlySpan<Shape> inputs) => inputs[0].With(1, Channels.Length);

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        for (var n = 0; n < output.Shape.Batch; n++)
            for (var c = 0; c < Channels.Length; c++)
                if (Channels[c] is { Map: >= 0 } from) inputs[from.Map].Plane(n, from.Channel).CopyTo(output.Plane(n, c));
    }

    private static bool AreZeros((int Map, int Channel)[] channels)
    {
        foreach (var (map, _) in channels)
            if (map < 0) return true;
        return false;
    }

    private static bool AreApart((int Map, int Channel)[] channels)
    {
        var most = 0;
        foreach (var (map, channel) in channels)
        {
            if (map != 0) return false;
            most = Math.Max(most, channel);
        }

        var taken = new bool[most + 1];
        foreach (var (_, channel) in channels)
        {
            if (taken[channel]) return false;
            taken[channel] = true;
        }

        return true;
    }
}

/// <summary>Weights with the first dimension in another order: y[i] = x[Order[i]], or zeros where that is negative.</summary>
internal sealed record Reordered(IReadOnlyList<int> Order) : Op
{
    public override string Name => "reordered";

    public override Shape Infer(ReadOnlySpan<Shape> inputs) => inputs[0].With(0, Order.Count);

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var row = output.Data.Length / Order.Count;
        for (var i = 0; i < Order.Count; i++)
            if (Order[i] >= 0) inputs[0].Data.AsSpan(Order[i] * row, row).CopyTo(output.Data.AsSpan(i * row, row));
    }

    public override string ToString() => $"reordered ({string.Join(", ", Order)})";
}
