using System.Numerics;
using Tenfold.Kernels;

namespace Tenfold;

// Operations that move numbers and compute nothing.
internal sealed unsafe partial class Plan
{
    private const int Strip = 1024; // pixels of one item where planes are large

    private bool Movement(Node node)
    {
        switch (node.Op)
        {
            case Concat { Axis: 1 } when Joined(node): return true;
            case Concat { Axis: 1 } when node.Shape.Rank == 4:
                Channels(node, Pick.OneAfterAnother(node.Inputs));
                return true;
            case Pick op: Channels(node, op.Channels); return true;
            case Concat op: Pieces(node, op.Axis, [.. node.Inputs.Select(input => input.Shape[op.Axis])], 0); return true;
            case Slice op: Pieces(node, op.Axis, [op.Length], op.Start); return true;
            case Embed op: Pieces(node, op.Axis, [-op.Before, node.Inputs[0].Shape[op.Axis], -op.After], 0); return true;
            case Transpose op: Transposed(node, op.Order); return true;
            default: return false;
        }
    }

    // Where every map but the last fills its blocks of channels, those of one sample lie side by side, and a map that nothing else holds can be computed
    // in its place in the whole. What begins with an earlier whole, as in DenseNet, takes it in as a piece.
    private bool Joined(Node node)
    {
        var layout = LayoutOf(node);
        if (!CanJoin(node, layout)) return false;
        foreach (var input in node.Inputs)
            if (_plain.Contains(node) != _plain.Contains(input) && !IsView(input)) Get(input, layout);
        var pieces = new List<Slot>();
        for (var i = 0; i < node.Inputs.Count;)
        {
            if (!SlotsIn(layout).TryGetValue(node.Inputs[i], out var slot) || slot.Constant) return false;
            var length = 1;
            if (slot.Whole is { } whole && _joined.TryGetValue(whole, out var parts) && parts.SequenceEqual(node.Inputs.Skip(i).Take(parts.Count)))
                (slot, length) = (whole, parts.Count);
            if (slot.Whole is not null || pieces.Contains(slot)) return false;
            pieces.Add(slot);
            i += length;
        }

        var y = New(node, layout);
        _joined[y] = node.Inputs;
        var offset = 0L;
        foreach (var piece in pieces)
        {
            piece.Become(y, offset);
            offset += piece.Size;
        }

        return true;
    }

    // In plain order they lie side by side anyway, but what is computed there may run over its end, up to a multiple of 16.
    private static bool CanJoin(Node node, Layout layout) =>
        node.Shape is { Rank: 4, Batch: 1 } && node.Inputs.All(input => layout == Layout.Blocked || input.Op is not Leaf) && node.Inputs.SkipLast(1).All(input => (layout == Layout.Plain ? input.Shape.Count : input.Channels) % 16 == 0);

    private readonly Dictionary<Slot, IReadOnlyList<Node>> _joined = []; // what was put together of which maps

    /// <param name="channels">For each channel of the node: which channel of which input, or a negative input for zeros.</param>
    private void Channels(Node node, (int Map, int Channel)[] channels)
    {
        if (LayoutOf(node) == Layout.Plain)
        {
            ToPlanes(node, channels);
            return;
        }

        Slot[] x = [.. node.Inputs.Select(input => Get(input, Layout.Blocked))];
        var y = New(node, Layout.Blocked);
        var moves = new LaneMove[(channels.Length + 15) / 16];
        for (var block = 0; block < moves.Length; block++) moves[block] = new LaneMove(channels.AsSpan(block * 16, Math.Min(16, channels.Length - block * 16)));
        var inBlocks = node.Inputs.Select(Blocks).ToArray();
        var (blocks, pixels) = (Blocks(node), Pixels(node));
        var strips = (pixels + Strip - 1) / Strip;
        Add(Graph.NameOf(node), "lanes moved", checked(Planes(node) * strips), x, [y], (item, _) =>
        {
            var (place, block) = Math.DivRem(item, blocks);
            var (n, strip) = Math.DivRem(place, strips);
            var (move, from) = (moves[block], strip * Strip);
            var planes = stackalloc float*[16];
            for (var i = 0; i < move.Sources.Count; i++)
            {
                var source = move.Sources[i];
                planes[i] = x[source.Map].P + (((long)n * inBlocks[source.Map] + source.Block) * pixels + from) * 16;
            }

            move.Move(planes, y.P + (((long)n * blocks + block) * pixels + from) * 16, Math.Min(Strip, pixels - from));
        });
    }

    // The same to plain order, from maps in whichever: each block of channels of a map goes to the planes that want some of it.
    private void ToPlanes(Node node, (int Map, int Channel)[] channels)
    {
        Slot[] x = [.. node.Inputs.Select(input => SlotsIn(Layout.Plain).TryGetValue(input, out var slot) ? slot : Any(input))];
        var y = New(node, Layout.Plain);
        var moves = new List<PlaneMove>();
        for (var plane = 0; plane < channels.Length; plane++)
        {
            var (map, channel) = channels[plane];
            var move = moves.Find(known => known.Map == map && known.Block == channel / 16);
            if (move is null) moves.Add(move = new PlaneMove(map, channel / 16));
            move.Lanes.Add(channel % 16);
            move.Planes.Add(plane);
        }

        var area = Pixels(node);
        Add(Graph.NameOf(node), "planes moved", checked(node.Shape.Batch * moves.Count), x, [y], (item, _) =>
        {
            var (n, place) = Math.DivRem(item, moves.Count);
            var (map, block) = moves[place];
            var (lanes, wanted) = (moves[place].Lanes, moves[place].Planes);
            var planes = stackalloc float*[16];
            new Span<nint>(planes, 16).Clear();
            for (var i = 0; i < lanes.Count; i++)
            {
                var lane = lanes[i];
                var target = y.P + ((long)n * channels.Length + wanted[i]) * area;
                if (map < 0) new Span<float>(target, area).Clear();
                else if (x[map].Layout == Layout.Plain) Copy(x[map].P + ((long)n * node.Inputs[map].Channels + block * 16 + lane) * area, target);
                else if (planes[lane] == null) planes[lane] = target;
            }

            if (map < 0 || x[map].Layout == Layout.Plain) return;
            Repack.ToPlanes(x[map].P + ((long)n * Blocks(node.Inputs[map]) + block) * area * 16, area, planes);
            for (var i = 0; i < lanes.Count; i++) // those that want the same channel once more
                if (y.P + ((long)n * channels.Length + wanted[i]) * area is var target && target != planes[lanes[i]]) Copy(planes[lanes[i]], target);
        });

        void Copy(float* from, float* to) => new ReadOnlySpan<float>(from, area).CopyTo(new Span<float>(to, area));
    }

    /// <summary>What becomes of block <paramref name="Block"/> of map <paramref name="Map"/>: its lanes, and the planes that want them.</summary>
    private sealed record PlaneMove(int Map, int Block)
    {
        public List<int> Lanes { get; } = [];

        public List<int> Planes { get; } = [];
    }

    /// <param name="lengths">Along the axis: pieces of the inputs, in order, and negative ones for zeros.</param>
    /// <param name="start">Where the piece of a single input begins.</param>
    private void Pieces(Node node, int axis, int[] lengths, int start)
    {
        Slot[] x = [.. node.Inputs.Select(input => Get(input, Layout.Plain))];
        var y = New(node, Layout.Plain);
        var rows = 1;
        foreach (var size in node.Shape.AsSpan()[..axis]) rows *= size;
        var unit = node.Shape.Count / rows / node.Shape[axis];
        Add(Graph.NameOf(node), "rows moved", rows, x, [y], (row, _) =>
        {
            var to = y.P + row * unit * node.Shape[axis];
            var input = 0;
            foreach (var length in lengths)
            {
                var target = new Span<float>(to, checked((int)(unit * Math.Abs(length))));
                if (length < 0) target.Clear();
                else if (length > 0)
                {
                    new ReadOnlySpan<float>(x[input].P + (row * (long)node.Inputs[input].Shape[axis] + start) * unit, target.Length).CopyTo(target);
                    input++;
                }

                to += target.Length;
            }
        });
    }

    private void Transposed(Node node, Permutation order)
    {
        var source = node.Inputs[0].Shape;
        var x = Get(node.Inputs[0], Layout.Plain);
        var y = New(node, Layout.Plain);
        var strides = new long[source.Rank]; // of the source, in the node's order
        for (var i = 0; i < strides.Length; i++)
        {
            strides[i] = 1;
            for (var axis = order[i] + 1; axis < source.Rank; axis++) strides[i] *= source[axis];
        }

        var (length, step) = (node.Shape[node.Shape.Rank - 1], strides[^1]);
        EachRow(node, "in another order", node.Shape.Count / length, Math.Max(1, Chunk / length), [x], [y], row =>
        {
            var rest = row;
            var from = x.P;
            for (var axis = strides.Length - 2; axis >= 0; axis--)
            {
                (rest, var place) = Math.DivRem(rest, node.Shape[axis]);
                from += place * strides[axis];
            }

            var to = y.P + row * length;
            for (var i = 0; i < length; i++) to[i] = from[i * step];
        });
    }
}
