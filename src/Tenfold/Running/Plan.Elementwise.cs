using Tenfold.Kernels;

namespace Tenfold;

// Every number for itself, in whatever layout it lies.
internal sealed unsafe partial class Plan
{
    private const int Chunk = 8192; // floats of an elementwise step's item: a quarter of the first-level cache

    private bool Elementwise(Node node)
    {
        switch (node.Op)
        {
            case Relu: Map(node, new Bounds(0, float.PositiveInfinity)); return true;
            case Relu6: Map(node, new Bounds(0, 6)); return true;
            case LeakyRelu op: Map(node, new LeakyOf(op.Slope)); return true;
            case Affine op: Map(node, new Line(op.Factor, op.Offset)); return true;
            case Sigmoid or Silu or HardSigmoid or HardSwish or Tanh: Map(node, Activated(node.Op)!); return true;
            case Exp: Map(node, new ExpOf()); return true;
            case Log: Map(node, new LogOf()); return true;
            case Power op: Map(node, new PowerOf(op.Exponent)); return true;
            case Erf: Map(node, new ErfOf()); return true;
            case Softplus: Map(node, new SoftplusOf()); return true;
            case Elu op: Map(node, new EluOf(op.Alpha)); return true;
            case Clip op: Map(node, new Bounds(op.Min, op.Max)); return true;
            case Not: Map(node, new NotOf()); return true;
            case EluGradient op: Map2(node, new EluSlope(op.Alpha)); return true;
            case ClipGradient op: Map2(node, new Between(op.Min, op.Max, 1)); return true;
            case ReluGradient: Map2(node, new WherePositive()); return true;
            case Relu6Gradient: Map2(node, new Between(0, 6, 1)); return true;
            case LeakyReluGradient op: Map2(node, new LeakySlope(op.Slope)); return true;
            case SigmoidGradient: Map2(node, new SigmoidSlope()); return true;
            case TanhGradient: Map2(node, new TanhSlope()); return true;
            case SiluGradient: Map2(node, new SiluSlope()); return true;
            case HardSigmoidGradient: Map2(node, new Between(0, 1, 1f / 6)); return true;
            case HardSwishGradient: Map2(node, new HardSwishSlope()); return true;
            case Tenfold.Add: Both(node, new Plus()); return true;
            case Fused { First: Multiply }: Gate(node); return true;
            case Multiply: Both(node, new Times()); return true;
            case Pow: Both(node, new PowOf()); return true;
            case PRelu: Both(node, new PReluOf()); return true;
            case Maximum: Both(node, new MaximumOf()); return true;
            case Minimum: Both(node, new MinimumOf()); return true;
            case Compare { Relation: Relation.Equal }: Both(node, new Equals()); return true;
            case Compare { Relation: Relation.Greater }: Both(node, new Exceeds()); return true;
            case Compare: Both(node, new Reaches()); return true;
            case Where: Choose(node); return true;
            case Expand: Repeat(node, node.Inputs[0], new First()); return true;
            case Sum op: Total(node, op.Axes); return true;
            default: return false;
        }
    }

    /// <summary>The activations that a convolution applies to what it just stored; null for others.</summary>
    private static Activation? Activated(Op op) => op switch
    {
        Sigmoid => Activation.Of(default(SigmoidOf)),
        Silu => Activation.Of(default(SiluOf)),
        HardSigmoid => Activation.Of(default(HardSigmoidOf)),
        HardSwish => Activation.Of(default(HardSwishOf)),
        Tanh => new Activation.Narrow<TanhOf>(default),
        _ => null,
    };

    private void Both<TMap>(Node node, TMap map) where TMap : struct, IMap2
    {
        if (node.Inputs[0].Shape == node.Inputs[1].Shape) Map2(node, map);
        else Repeat(node, node.Inputs[1], map);
    }

    private void Map<TMap>(Node node, TMap map) where TMap : struct, IMap => Map(node, new Activation.Narrow<TMap>(map));

    private void Map(Node node, Activation f)
    {
        var x = _plain.Contains(node) ? Get(node.Inputs[0], Layout.Plain) : Any(node.Inputs[0]);
        var y = New(node, x.Layout, node.Inputs[0]);
        Add(Graph.NameOf(node), "elementwise", Chunks(y), [x], [y], (item, _) =>
        {
            var (at, count) = Part(y, item);
            f.Apply(x.P + at, y.P + at, count);
        });
    }

    private void Map2<TMap>(Node node, TMap map) where TMap : struct, IMap2
    {
        var a = _plain.Contains(node) ? Get(node.Inputs[0], Layout.Plain) : Any(node.Inputs[0]);
        var b = Get(node.Inputs[1], a.Layout);
        var y = New(node, a.Layout, node.Inputs[0], node.Inputs[1]);
        Add(Graph.NameOf(node), "elementwise", Chunks(y), [a, b], [y], (item, _) =>
        {
            var (at, count) = Part(y, item);
            Lanes.Map2(map, a.P + at, b.P + at, y.P + at, count);
        });
    }

    // One operand repeats, or each does along another axis.
    private void Repeat<TMap>(Node node, Node second, TMap map) where TMap : struct, IMap2
    {
        var first = node.Inputs[0];
        var layout = node.Shape.Rank == 4 ? LayoutOf(node) : Layout.Plain;
        var (a, b) = (Get(first, layout), Get(second, layout));
        var y = New(node, layout, first, second);
        if (layout == Layout.Blocked) RepeatInBlocks(node, second, map, a, b, y);
        else if (node.Shape.Rank == 4) RepeatInPlanes(node, second, map, a, b, y);
        else RepeatInRows(node, second, map, a, b, y);
    }

    // From the last plane to the first: what was passed over just before, as for the means that scale it, is still in the cache at its end.
    private void RepeatInPlanes<TMap>(Node node, Node second, TMap map, Slot a, Slot b, Slot y) where TMap : struct, IMap2
    {
        var (planes, area) = (node.Shape.Batch * node.Channels, Pixels(node));
        var (p, q) = (Pixels(node.Inputs[0]), Pixels(second)); // as many, or one
        Add(Graph.NameOf(node), "elementwise, repeating", planes, [a, b], [y], (item, _) =>
        {
            var plane = planes - 1L - item;
            Broadcast.Row(map, a.P + plane * p, p == area ? 1 : 0, b.P + plane * q, q == area ? 1 : 0, y.P + plane * area, area);
        });
    }

    private void RepeatInRows<TMap>(Node node, Node second, TMap map, Slot a, Slot b, Slot y) where TMap : struct, IMap2
    {
        var (first, shape, length) = (node.Inputs[0].Shape, node.Shape, node.Shape[node.Shape.Rank - 1]);
        var (firstStep, secondStep) = (first[shape.Rank - 1] == 1 ? 0 : 1, second.Shape[shape.Rank - 1] == 1 ? 0 : 1);
        EachRow(node, "elementwise, repeating", shape.Count / length, Math.Max(1, Chunk / length), [a, b], [y], row =>
        {
            var at = checked((int)(row * length));
            Broadcast.Row(map, a.P + Broadcasting.Source(at, shape, first), firstStep, b.P + Broadcasting.Source(at, shape, second.Shape), secondStep, y.P + at, length);
        });
    }

    // A plane is one run where an operand repeats over all of it or not at all; else a row is.
    private void RepeatInBlocks<TMap>(Node node, Node second, TMap map, Slot a, Slot b, Slot y) where TMap : struct, IMap2
    {
        var (first, height, width, blocks) = (node.Inputs[0], node.Shape.Height, node.Shape.Width, Blocks(node));
        var (firstLane, secondLane) = (first.Channels < node.Channels, second.Channels < node.Channels);
        var whole = IsRun(first) && IsRun(second);
        var (firstStep, secondStep) = (Step(first), Step(second));
        InStripsOfRows(node, "elementwise, repeating", [a, b], [y], (n, block, from, to, _) =>
        {
            var rows = whole ? to - from : 1; // at once
            var pixels = rows * width;
            for (var row = from; row < to; row += rows)
            {
                var p = a.P + Place(first, n, block, row);
                var q = b.P + Place(second, n, block, row);
                var result = y.P + (((long)n * blocks + block) * height + row) * width * 16;
                if (firstLane && secondLane) Broadcast.Pixels<TMap, FirstLane, FirstLane>(map, p, firstStep, q, secondStep, result, pixels);
                else if (firstLane) Broadcast.Pixels<TMap, FirstLane, EachLane>(map, p, firstStep, q, secondStep, result, pixels);
                else if (secondLane) Broadcast.Pixels<TMap, EachLane, FirstLane>(map, p, firstStep, q, secondStep, result, pixels);
                else Broadcast.Pixels<TMap, EachLane, EachLane>(map, p, firstStep, q, secondStep, result, pixels);
            }
        });

        bool IsRun(Node operand) => operand.Shape.Plane == node.Shape.Plane || operand.Shape.Plane.Area == 1;

        int Step(Node operand) => operand.Shape.Width == 1 && (!whole || operand.Shape.Height == 1) ? 0 : 16;

        static long Place(Node operand, int n, int block, int row) =>
            (((operand.Shape.Batch == 1 ? 0 : n) * (long)Blocks(operand) + (operand.Channels == 1 ? 0 : block)) * operand.Shape.Height + (operand.Shape.Height == 1 ? 0 : row)) * operand.Shape.Width * 16;
    }

    // Row by row as numbers lie, each of the three operands with its own step.
    private void Choose(Node node)
    {
        var shape = node.Shape;
        Slot[] x = [.. node.Inputs.Select(input => Get(input, Layout.Plain))];
        var shapes = node.Inputs.Select(input => input.Shape).ToArray();
        var steps = shapes.Select(operand => operand.Rank == 0 || operand[operand.Rank - 1] == 1 ? 0 : 1).ToArray();
        var y = New(node, Layout.Plain);
        var length = shape.Rank == 0 ? 1 : shape[shape.Rank - 1];
        EachRow(node, "a choice at every place", shape.Count / length, Math.Max(1, Chunk / length), x, [y], row =>
        {
            var at = checked((int)(row * length));
            Broadcast.Choose(Row(0), steps[0], Row(1), steps[1], Row(2), steps[2], y.P + at, length);

            float* Row(int i) => x[i].P + Broadcasting.Source(at, shape, shapes[i]);
        });
    }

    // A map times a number for each channel, and what follows.
    private void Gate(Node node)
    {
        var then = Split(node).Then;
        var layout = LayoutOf(node);
        var (x, gate) = (Get(node.Inputs[0], layout), Get(node.Inputs[1], layout));
        var (add, (low, high)) = (then.Add, then.Last);
        var y = New(node, layout, then.Added, node.Inputs[0]);
        if (layout == Layout.Plain)
        {
            // From the last plane to the first, as what repeats.
            var (planes, area) = (node.Shape.Batch * node.Channels, Pixels(node));
            Add(Graph.NameOf(node), "each channel times its gate, and what follows", planes, add is null ? [x, gate] : [x, gate, add], [y], (item, _) =>
            {
                var plane = planes - 1L - item;
                Lanes.Scale(x.P + plane * area, gate.P[plane], add is null ? null : add.P + plane * area, low, high, y.P + plane * area, area);
            });
            return;
        }

        var (height, width, blocks) = (node.Shape.Height, node.Shape.Width, Blocks(node));
        InStripsOfRows(node, "each channel times its gate, and what follows", add is null ? [x, gate] : [x, gate, add], [y], (n, block, from, to, _) =>
        {
            float* offset = stackalloc float[16];
            new Span<float>(offset, 16).Clear();
            var plane = (long)n * blocks + block;
            var at = (plane * height + from) * width * 16;
            Lanes.Scale(x.P + at, gate.P + plane * 16, offset, add is null ? null : add.P + at, low, high, y.P + at, (to - from) * width);
        });
    }

    private void Total(Node node, Axes axes)
    {
        var source = node.Inputs[0];
        if (source.Shape.Rank != 4 || (axes & Axes.Plane) != Axes.Plane)
        {
            TotalOfAny(node, axes);
            return;
        }

        // Sums of planes; then over samples and channels, of which there are few, in double.
        var x = Get(source, Layout.Blocked);
        var (pixels, blocks, samples, channels) = (Pixels(source), Blocks(source), source.Shape.Batch, source.Channels);
        var sums = axes == Axes.Plane ? New(node, Layout.Blocked) : Floats(Planes(source) * 16L);
        Add(Graph.NameOf(node), "sums of each plane", Planes(source), [x], [sums], (plane, _) => Lanes.Sum(x.P + (long)plane * pixels * 16, pixels, sums.P + plane * 16));
        if (axes == Axes.Plane) return;
        var y = New(node, Layout.Plain);
        Add(Graph.NameOf(node), "over the planes", 1, [sums], [y], (_, _) =>
        {
            for (var i = 0; i < node.Shape.Count; i++)
            {
                var (n, c) = Math.DivRem(i, node.Channels);
                var total = 0.0;
                for (var m = axes.HasFlag(Axes.Batch) ? 0 : n; m < (axes.HasFlag(Axes.Batch) ? samples : n + 1); m++)
                    for (var d = axes.HasFlag(Axes.Channels) ? 0 : c; d < (axes.HasFlag(Axes.Channels) ? channels : c + 1); d++)
                        total += sums.P[m * blocks * 16 + d];
                y.P[i] = (float)total;
            }
        });
    }

    // Any axes: the first that is summed steps through memory, the others are walked through for every number of the result.
    private void TotalOfAny(Node node, Axes axes)
    {
        var source = node.Inputs[0].Shape;
        var x = Get(node.Inputs[0], Layout.Plain);
        var y = New(node, Layout.Plain);
        var count = source.Count / node.Shape.Count; // numbers in a sum
        var places = new long[count];
        for (long i = 0; i < count; i++)
        {
            var (rest, stride) = (i, 1L);
            for (var axis = source.Rank - 1; axis >= 0; axis--)
            {
                if (axes.HasFlag((Axes)(1 << axis)))
                {
                    (rest, var place) = Math.DivRem(rest, source[axis]);
                    places[i] += place * stride;
                }

                stride *= source[axis];
            }
        }

        EachRow(node, "sums of any axes", node.Shape.Count, perItem: 256, [x], [y], i =>
        {
            var from = x.P;
            var (rest, stride) = (i, 1L);
            for (var axis = source.Rank - 1; axis >= 0; axis--)
            {
                (rest, var place) = Math.DivRem(rest, node.Shape[axis]);
                from += place * stride;
                stride *= source[axis];
            }

            var total = 0.0;
            foreach (var place in places) total += from[place];
            y.P[i] = (float)total;
        });
    }

    private delegate void OnRow(long row);

    // A step of rows that do not depend on each other, so many in an item.
    private void EachRow(Node node, string what, long rows, int perItem, Slot[] reads, Slot[] writes, OnRow work) =>
        Add(Graph.NameOf(node), what, checked((int)((rows + perItem - 1) / perItem)), reads, writes, (item, _) =>
        {
            var (first, end) = ((long)item * perItem, Math.Min(rows, ((long)item + 1) * perItem));
            for (var row = first; row < end; row++) work(row);
        });

    private delegate void OnRows(int n, int block, int from, int to, float* scratch);

    // A step of rows [from, to) of each block of channels of each sample.
    private void InStripsOfRows(Node node, string what, Slot[] reads, Slot[] writes, OnRows work, long scratch = 0)
    {
        var (height, blocks) = (node.Shape.Height, Blocks(node));
        var strips = Strips.Of(height, node.Shape.Batch, blocks);
        Add(Graph.NameOf(node), what, checked(Planes(node) * strips.Count), reads, writes, (item, room) =>
        {
            var (place, block) = Math.DivRem(item, blocks);
            var (n, strip) = Math.DivRem(place, strips.Count);
            work(n, block, strip * strips.Height, Math.Min(height, (strip + 1) * strips.Height), room);
        }, scratch);
    }

    private static int Chunks(Slot slot) => checked((int)((slot.Size + Chunk - 1) / Chunk));

    private static (long At, int Count) Part(Slot slot, int item) => ((long)item * Chunk, (int)Math.Min(Chunk, slot.Size - (long)item * Chunk));
}
