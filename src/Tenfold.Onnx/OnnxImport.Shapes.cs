namespace Tenfold;

/// <summary>Operators that move numbers: reshape, transpose, cut, join, repeat, reduce.</summary>
internal sealed partial class OnnxImport
{
    /// <summary>A stretch of one dimension: <paramref name="Count"/> places from <paramref name="Start"/> on, <paramref name="Step"/> apart.</summary>
    private readonly record struct Cut(int Start, int Count, int Step);

    private static int[] ReshapeSizes(OnnxStep step, int[] from)
    {
        var wanted = (step.Opset < 5 ? step.Ints("shape") : step.Wholes(1, "shape")) ?? throw new FormatException("has no shape");
        var count = from.Aggregate(1L, (product, size) => checked(product * size));
        if (wanted.Length > Shape.MaxRank) throw new FormatException($"reshapes to {wanted.Length} dimensions, more than {Shape.MaxRank}");
        var sizes = wanted.Select((size, axis) => size == 0 && !step.Flag("allowzero") ? axis < from.Length ? from[axis] : throw new FormatException($"keeps dimension {axis} of {Constant.Text(from)}")
            : size is >= -1 and <= int.MaxValue ? (int)size : throw new FormatException($"reshapes to a dimension of {size}")).ToArray();
        var free = Array.IndexOf(sizes, -1);
        if (free < 0) return sizes;
        if (Array.LastIndexOf(sizes, -1) != free) throw new FormatException("leaves two dimensions free");
        var rest = sizes.Where((_, axis) => axis != free).Aggregate(1L, (product, size) => checked(product * size));
        if (rest == 0 || count % rest != 0) throw new FormatException($"the {count} numbers of {Constant.Text(from)} do not divide into {rest}");
        sizes[free] = checked((int)(count / rest));
        return sizes;
    }

    private static int[] FlattenSizes(OnnxStep step, int[] from)
    {
        var axis = step.Int("axis", 1);
        var at = axis == from.Length ? from.Length : Axis(axis, from.Length);
        return [Constant.Product(from[..at]), Constant.Product(from[at..])];
    }

    private static long[]? AxesOf(OnnxStep step, int since) => step.Opset < since ? step.Ints("axes") : step.Has(1) ? step.Wholes(1, "axes") : null;

    private static int[] UnsqueezeSizes(OnnxStep step, int[] from)
    {
        var axes = AxesOf(step, since: 13) ?? throw new FormatException("names no axes");
        var rank = from.Length + axes.Length;
        if (rank > Shape.MaxRank) throw new FormatException($"makes {rank} dimensions, more than {Shape.MaxRank}");
        var places = axes.Select(axis => Axis(axis, rank)).ToArray();
        if (places.Distinct().Count() != places.Length) throw new FormatException("names an axis twice");
        var next = 0;
        return [.. Enumerable.Range(0, rank).Select(axis => places.Contains(axis) ? 1 : from[next++])];
    }

    private static int[] SqueezeSizes(OnnxStep step, int[] from)
    {
        if (AxesOf(step, since: 13) is not { } axes) return [.. from.Where(size => size != 1)];
        var places = axes.Select(axis => Axis(axis, from.Length)).ToArray();
        foreach (var axis in places)
            if (from[axis] != 1) throw new FormatException($"dimension {axis} of {Constant.Text(from)} is not 1");
        return [.. from.Where((_, axis) => !places.Contains(axis))];
    }

    private static int[] Order(OnnxStep step, int rank)
    {
        var order = step.Ints("perm") is { } perm ? [.. perm.Select(axis => Axis(axis, rank))] : Enumerable.Range(0, rank).Reverse().ToArray();
        return order.Length == rank && order.Distinct().Count() == rank ? order : throw new FormatException($"({string.Join(", ", order)}) is no order of {rank} dimensions");
    }

    private static Cut[] Cuts(OnnxStep step, int[] from)
    {
        var old = step.Opset < 10;
        var starts = (old ? step.Ints("starts") : step.Wholes(1, "starts")) ?? throw new FormatException("has no starts");
        var ends = (old ? step.Ints("ends") : step.Wholes(2, "ends")) ?? throw new FormatException("has no ends");
        var axes = (old ? step.Ints("axes") : step.Has(3) ? step.Wholes(3, "axes") : null) ?? [.. Enumerable.Range(0, starts.Length).Select(axis => (long)axis)];
        var steps = !old && step.Has(4) ? step.Wholes(4, "steps") : [.. Enumerable.Repeat(1L, starts.Length)];
        if (ends.Length != starts.Length || axes.Length != starts.Length || steps.Length != starts.Length) throw new FormatException("its starts, ends, axes and steps differ in number");
        var cuts = from.Select(size => new Cut(0, size, 1)).ToArray();
        for (var i = 0; i < starts.Length; i++)
        {
            var axis = Axis(axes[i], from.Length);
            var by = steps[i] is 0 or < -int.MaxValue or > int.MaxValue ? throw new FormatException($"a step of {steps[i]}") : (int)steps[i];
            var size = from[axis];
            var start = starts[i] < 0 ? starts[i] + size : starts[i];
            var end = ends[i] < 0 ? ends[i] < -size ? -1 : ends[i] + size : ends[i];
            if (by > 0) (start, end) = (Math.Clamp(start, 0, size), Math.Clamp(end, 0, size));
            else (start, end) = (Math.Clamp(start, -1, size - 1), Math.Clamp(end, -1, size - 1));
            var span = by > 0 ? end - start : start - end;
            cuts[axis] = new Cut((int)start, (int)Math.Max(0, (span + Math.Abs((long)by) - 1) / Math.Abs((long)by)), by);
        }

        return cuts;
    }

    private static int[] SplitSizes(OnnxStep step, int size)
    {
        var given = step.Opset < 13 ? step.Ints("split") : step.Has(1) ? step.Wholes(1, "split") : null;
        if (given is not null)
        {
            var sizes = Sizes(given);
            return sizes.Sum(part => (long)part) == size ? sizes : throw new FormatException($"its parts {string.Join(", ", sizes)} are not {size} together");
        }

        var count = step.Small("num_outputs", step.Outputs);
        if (count < 1 || count > size || step.Outputs > count) throw new FormatException($"{size} do not divide into {count} parts");
        var part = (size + count - 1) / count; // the last one may be smaller
        var last = size - part * (count - 1);
        return last >= 1 ? [.. Enumerable.Repeat(part, count - 1), last] : throw new FormatException($"{size} do not divide into {count} parts");
    }

    private static int[] ReduceAxes(OnnxStep step, int rank)
    {
        var axes = AxesOf(step, since: step.Type == "ReduceSum" ? 13 : 18);
        if (axes is null or []) return step.Flag("noop_with_empty_axes") ? [] : [.. Enumerable.Range(0, rank)];
        return [.. axes.Select(axis => Axis(axis, rank)).Distinct()];
    }

    /// <summary>x in other sizes. The batch is kept by name, not by number, where it can be: another batch then means the same.</summary>
    private static Node Reshaped(Node x, int[] sizes, Func<Op, Node[], Node> make)
    {
        if (x.Shape == Shape.Of(sizes)) return x;
        if (sizes.Length == 2 && x.Shape.Rank > 2 && sizes[0] == x.Shape[0]) return make(new Flatten(), [x]);
        var kept = sizes.Length > 0 && x.Shape.Rank > 0 && sizes[0] == x.Shape[0] ? 1 : 0;
        return make(new Reshape(Shape.Of(sizes.AsSpan()[kept..]), kept), [x]);
    }

    private static Node Final(OnnxStep step, Node x, int[] sizes) => Reshaped(x, sizes, (op, inputs) => step.Make(op, inputs));

    private static Node Between(OnnxStep step, Node x, int[] sizes) => Reshaped(x, sizes, (op, inputs) => step.Part(op, inputs));

    /// <summary>x as a map in which dimension <paramref name="axis"/> is the height: [N, before, size, behind].</summary>
    private static Node AsMap(OnnxStep step, Node x, int axis)
    {
        var shape = x.Shape;
        if (axis == 0) throw new NotSupportedException("it works along the batch");
        return Between(step, x, [shape[0], Constant.Product(shape.Take(axis).Skip(1)), shape[axis], Constant.Product(shape.Skip(axis + 1))]);
    }

    /// <summary>Back from there, with another size along the axis.</summary>
    private static Node FromMap(OnnxStep step, Node map, Shape shape, int axis) => Between(step, map, [.. shape.With(axis, map.Shape.Height)]);

    // Concat and slices are not along the batch; there, batch and channels change places around it.
    private static Node Turned(OnnxStep step, Node x) => step.Part(new Transpose(new Permutation([1, 0, .. Enumerable.Range(2, x.Shape.Rank - 2)])), x);

    private static Node Concatenated(OnnxStep step)
    {
        var nodes = Enumerable.Range(0, step.Inputs).Select(i => step.X(i, $"part{i}")).ToArray();
        return Joined(step, nodes, Axis(step.Int("axis", 1), nodes[0].Shape.Rank));
    }

    private static Node Joined(OnnxStep step, IReadOnlyList<Node> nodes, int axis)
    {
        if (nodes.Count == 1) return nodes[0];
        if (axis > 0) return step.Make(new Concat(axis), [.. nodes]);
        if (nodes[0].Shape.Rank == 1) return Final(step, step.Part(new Concat(1), [.. nodes.Select(node => Between(step, node, [1, node.Shape[0]]))]), [nodes.Sum(node => node.Shape[0])]);
        return Turned(step, step.Make(new Concat(1), [.. nodes.Select(node => Turned(step, node))]));
    }

    private static Node Cutted(OnnxStep step, Node x, int axis, Cut cut)
    {
        if (cut.Count == 0) throw new NotSupportedException("it leaves nothing");
        if (cut == new Cut(0, x.Shape[axis], 1)) return x;
        if (cut.Step < 0 && cut.Count > 1) throw new NotSupportedException($"it reads dimension {axis} backwards");
        if (axis == 0)
        {
            if (x.Shape.Rank == 1) return Between(step, Cutted(step, Between(step, x, [1, x.Shape[0]]), 1, cut), [cut.Count]);
            return Turned(step, Cutted(step, Turned(step, x), 1, cut));
        }

        if (cut.Step == 1 || cut.Count == 1) return step.Part(new Slice(axis, cut.Start, cut.Count), x);

        // Every so many: windows of one pixel, so many apart.
        var span = (cut.Count - 1) * cut.Step + 1;
        var stretch = span == x.Shape[axis] && cut.Start == 0 ? x : step.Part(new Slice(axis, cut.Start, span), x);
        var picked = step.Part(new MaxPool(1, new Size(cut.Step, 1), Padding.None, 1, CeilMode: false), AsMap(step, stretch, axis));
        return FromMap(step, picked, stretch.Shape, axis);
    }

    private static Node Sliced(OnnxStep step)
    {
        var x = step.X(0);
        foreach (var (axis, cut) in Cuts(step, [.. x.Shape]).Index()) x = Cutted(step, x, axis, cut);
        return x;
    }

    private static Node[] Splitted(OnnxStep step)
    {
        var x = step.X(0);
        var axis = Axis(step.Int("axis", 0), x.Shape.Rank);
        var start = 0;
        return [.. SplitSizes(step, x.Shape[axis]).Select(length =>
        {
            var part = Cutted(step, x, axis, new Cut(start, length, 1));
            start += length;
            return part;
        })];
    }

    private static Node Gathered(OnnxStep step)
    {
        var x = step.X(0);
        var axis = Axis(step.Int("axis", 0), x.Shape.Rank);
        var indices = step.Wholes(1, "indices");
        if (indices.Length is 0 or > 4096) throw new NotSupportedException($"it picks {indices.Length} indices");
        var places = indices.Select(index => index >= -x.Shape[axis] && index < x.Shape[axis] ? (int)(index < 0 ? index + x.Shape[axis] : index) : throw new FormatException($"its index {index} is outside dimension {axis} of {x.Shape}")).ToArray();
        var parts = new List<Node>();
        for (var i = 0; i < places.Length;)
        {
            var run = 1;
            while (i + run < places.Length && places[i + run] == places[i] + run) run++;
            parts.Add(Cutted(step, x, axis, new Cut(places[i], run, 1)));
            i += run;
        }

        var joined = Joined(step, parts, axis);
        return Between(step, joined, [.. x.Shape.Take(axis), .. step.Known(1, "indices").Sizes, .. x.Shape.Skip(axis + 1)]);
    }

    /// <summary>x repeated along its dimensions of 1.</summary>
    private static Node Expanded(OnnxStep step, Node x, int[] sizes)
    {
        if (x.Shape.Rank < sizes.Length) x = Between(step, x, [.. Enumerable.Repeat(1, sizes.Length - x.Shape.Rank), .. x.Shape]);
        for (var axis = 0; axis < sizes.Length; axis++)
        {
            if (x.Shape[axis] == sizes[axis]) continue;
            var shape = x.Shape;
            if (axis == 0)
            {
                if (shape.Rank < 2) x = Between(step, Expanded(step, Between(step, x, [1, 1]), [1, sizes[0]]), [sizes[0]]);
                else x = Turned(step, Expanded(step, Turned(step, x), [shape[1], sizes[0], .. shape.Skip(2)]));
            }
            else x = FromMap(step, step.Part(new Resize(new Size(sizes[axis], AsMap(step, x, axis).Shape.Width), Interpolation.Nearest), AsMap(step, x, axis)), shape, axis);
        }

        return x;
    }

    private static Node Tiled(OnnxStep step)
    {
        var x = step.X(0);
        var repeats = Sizes(step.Wholes(1, "repeats"));
        if (repeats.Length != x.Shape.Rank || repeats.Contains(0)) throw new FormatException($"has the repeats {string.Join(", ", repeats)} for {x.Shape}");
        for (var axis = 0; axis < repeats.Length; axis++)
        {
            if (repeats[axis] == 1) continue;
            if (repeats[axis] > 4096) throw new NotSupportedException($"it repeats {repeats[axis]} times");
            x = Joined(step, [.. Enumerable.Repeat(x, repeats[axis])], axis);
        }

        return x;
    }

    private static Node Reduced(OnnxStep step, string type)
    {
        var x = step.X(0);
        var axes = ReduceAxes(step, x.Shape.Rank);
        var given = x.Shape;
        var set = axes.Aggregate(Axes.None, (all, axis) => all | (Axes)(1 << axis));
        var reduced = type switch
        {
            _ when axes.Length == 0 => Before(x),
            "ReduceMax" when given.Rank == 4 && set == Axes.Plane => step.Part(new AdaptiveMaxPool(1), x),
            "ReduceMax" => step.Part(new Max(set), x),
            "ReduceMin" => step.Part(new Affine(-1, 0), step.Part(new Max(set), step.Part(new Affine(-1, 0), x))),
            "ReduceMean" when given.Rank == 4 && set == Axes.Plane => step.Part(new AdaptiveAvgPool(1), x),
            "ReduceMean" => Mean(step, x, axes),
            "ReduceProd" => step.Part(new Product(set), x),
            "ReduceLogSumExp" => LogSumExp(x),
            _ => After(step.Part(new Sum(set), Before(x))),
        };
        if (axes.Length == 0) reduced = After(reduced);
        int[] kept = [.. given.Select((size, axis) => axes.Contains(axis) ? 1 : size)];
        return Between(step, reduced, step.Flag("keepdims", true) ? kept : [.. given.Where((_, axis) => !axes.Contains(axis))]);

        Node Before(Node node) => type switch
        {
            "ReduceL1" => Absolute(step, node),
            "ReduceL2" or "ReduceSumSquare" => step.Part(new Power(2), node),
            _ => node,
        };

        Node After(Node node) => type switch
        {
            "ReduceL2" => step.Part(new Power(0.5f), node),
            "ReduceLogSum" => step.Part(new Log(), node),
            _ => node,
        };

        Node LogSumExp(Node node)
        {
            var most = step.Part(new Max(set), node);
            var less = step.Part(new Exp(), step.Part(new Add(), node, step.Part(new Affine(-1, 0), most)));
            return step.Part(new Add(), most, step.Part(new Log(), step.Part(new Sum(set), less)));
        }
    }

    // Each axis kept with size 1. The number of samples is not a constant of the network, unlike the other sizes.
    private static Node Mean(OnnxStep step, Node x, int[] axes)
    {
        var others = axes.Where(axis => axis > 0).Aggregate(Axes.None, (all, axis) => all | (Axes)(1 << axis));
        var count = axes.Where(axis => axis > 0).Aggregate(1.0, (product, axis) => product * x.Shape[axis]);
        var mean = others == Axes.None ? x : step.Part(new Affine((float)(1 / count), 0), step.Part(new Sum(others), x));
        if (!axes.Contains(0)) return mean;
        int[] sizes = [1, .. mean.Shape.Skip(1)];
        return Between(step, step.Part(new BatchMean(), Between(step, mean, [mean.Shape[0], Constant.Product(sizes)])), sizes);
    }

    private static Node DepthToSpace(OnnxStep step)
    {
        var x = step.X(0);
        var (n, c, h, w) = (x.Shape.Batch, x.Shape.Channels, x.Shape.Height, x.Shape.Width);
        var block = step.Small("blocksize", 0);
        if (block < 1 || c % ((long)block * block) != 0) throw new FormatException($"{c} channels do not divide into blocks of {block}");
        var columns = step.Text("mode", "DCR") == "CRD";
        var deep = Between(step, x, columns ? [n, c / block / block, block, block, h, w] : [n, block, block, c / block / block, h, w]);
        var turned = step.Part(new Transpose(columns ? new Permutation(0, 1, 4, 2, 5, 3) : new Permutation(0, 3, 4, 1, 5, 2)), deep);
        return Final(step, turned, [n, c / block / block, checked(h * block), checked(w * block)]);
    }

    private static Node SpaceToDepth(OnnxStep step)
    {
        var x = step.X(0);
        var (n, c, h, w) = (x.Shape.Batch, x.Shape.Channels, x.Shape.Height, x.Shape.Width);
        var block = step.Small("blocksize", 0);
        if (block < 1 || h % block != 0 || w % block != 0) throw new FormatException($"{h}x{w} do not divide into blocks of {block}");
        var deep = Between(step, x, [n, c, h / block, block, w / block, block]);
        return Final(step, step.Part(new Transpose(new Permutation(0, 3, 5, 1, 2, 4)), deep), [n, checked(c * block * block), h / block, w / block]);
    }

    private static Node Padded(OnnxStep step)
    {
        var x = step.X(0);
        var rank = x.Shape.Rank;
        var given = (step.Opset < 11 ? step.Ints("pads") ?? step.Ints("paddings") : step.Wholes(1, "pads")) ?? throw new FormatException("has no pads");
        var axes = step.Opset >= 18 && step.Has(3) ? [.. step.Wholes(3, "axes").Select(axis => Axis(axis, rank))] : Enumerable.Range(0, rank).ToArray();
        if (given.Length != 2 * axes.Length) throw new FormatException($"has {given.Length} pads for {axes.Length} dimensions");
        var mode = step.Text("mode", "constant") switch
        {
            "constant" => PadMode.Zero,
            "reflect" => PadMode.Reflect,
            "edge" => PadMode.Replicate,
            "wrap" => PadMode.Circular,
            var other => throw new NotSupportedException($"it pads in the mode {other}"),
        };
        var value = step.Opset < 11 ? step.Float("value", 0) : step.Has(2) ? step.Scalar(2, "value") : 0;
        if (mode == PadMode.Zero && !float.IsFinite(value)) throw new NotSupportedException($"it pads with {value}");
        var shifted = mode == PadMode.Zero && value != 0;
        if (shifted) x = step.Part(new Affine(1, -value), x);
        var (before, after) = (new int[rank], new int[rank]);
        foreach (var (i, axis) in axes.Index())
        {
            (before[axis], after[axis]) = (checked((int)given[i]), checked((int)given[i + axes.Length]));
            if (before[axis] >= 0 && after[axis] >= 0) continue;

            // Less than nothing cuts.
            var (from, to) = (Math.Max(0, -before[axis]), x.Shape[axis] - Math.Max(0, -after[axis]));
            x = Cutted(step, x, axis, new Cut(from, to > from ? to - from : 0, 1));
            (before[axis], after[axis]) = (Math.Max(0, before[axis]), Math.Max(0, after[axis]));
        }

        if (rank == 4)
        {
            var pad = new Padding(before[2], before[3], after[2], after[3]);
            if (pad != Padding.None) x = step.Part(new Pad(pad, mode), x);
        }

        for (var axis = 0; axis < (rank == 4 ? 2 : rank); axis++)
        {
            if (before[axis] == 0 && after[axis] == 0) continue;
            if (axis == 0 && (rank == 1 || mode != PadMode.Zero)) throw new NotSupportedException("it pads the batch");
            x = axis == 0 ? Turned(step, step.Part(new Embed(1, before[0], after[0]), Turned(step, x)))
                : mode == PadMode.Zero ? step.Part(new Embed(axis, before[axis], after[axis]), x)
                : FromMap(step, step.Part(new Pad(new Padding(before[axis], 0, after[axis], 0), mode), AsMap(step, x, axis)), x.Shape, axis);
        }

        return shifted ? step.Part(new Affine(1, value), x) : x;
    }
}
