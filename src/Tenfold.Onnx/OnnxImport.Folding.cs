using DataType = Onnx.TensorProto.Types.DataType;

namespace Tenfold;

/// <summary>Arithmetic on what is known: sizes, axes, indices.</summary>
internal sealed partial class OnnxImport
{
    private static readonly HashSet<string> s_folded =
    [
        "Constant", "ConstantOfShape", "Shape", "Size", "Range", "Gather", "Unsqueeze", "Squeeze", "Concat", "Slice", "Split", "Reshape", "Flatten", "Transpose", "Expand", "Tile", "Identity", "Cast", "CastLike",
        "Add", "Sub", "Mul", "Div", "Mod", "Pow", "Max", "Min", "Neg", "Abs", "Floor", "Ceil", "Round", "Sqrt", "Not", "And", "Or", "Xor", "Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "Where",
        "ReduceProd", "ReduceSum", "ReduceMax", "ReduceMin", "NonZero",
    ];

    private static bool IsFolded(string type) => s_folded.Contains(type);

    /// <summary>The outputs, when they can be told now; null when the network has to compute them.</summary>
    private Constant[]? Fold(OnnxStep step)
    {
        switch (step.Type)
        {
            case "Constant": return [ConstantOf(step)];
            case "Shape":
                var sizes = step[0].Sizes;
                var (from, to) = (Clamp(step.Int("start", 0), sizes.Length), Clamp(step.Int("end", sizes.Length), sizes.Length));
                return [Vector(sizes[from..Math.Max(from, to)])];
            case "Size": return [new Constant([], [step[0].Sizes.Aggregate(1L, (product, size) => checked(product * size))])];
            case "ConstantOfShape":
                var shape = Sizes(step.Wholes(0, "shape"));
                var value = step.Tensor("value") is { } tensor ? Constant.Read(tensor, NoExternal) : new Constant([1], [0f]);
                if (value.Count != 1) throw new FormatException($"its value has {value.Count} numbers, not one");
                return [value.Pick(shape, new int[Limited(Constant.Product(shape))])];
        }

        if (!IsFolded(step.Type) || !step.AllKnown || step.Inputs == 0) return null;
        if (step.Type == "Identity") return [step[0].Known!];
        var x = step[0].Known!;
        switch (step.Type)
        {
            case "Range":
                var (start, limit, delta) = (x, step.Known(1, "limit"), step.Known(2, "delta"));
                if (start.Wholes is null)
                {
                    var count = Limited((long)Math.Max(0, Math.Ceiling((limit.AsReals[0] - start.AsReals[0]) / delta.AsReals[0])));
                    return [new Constant([count], [.. Enumerable.Range(0, count).Select(i => start.Reals![0] + i * delta.AsReals[0])])];
                }
                else
                {
                    var (first, end, by) = (start.Wholes[0], limit.Wholes![0], delta.Wholes![0]);
                    if (by == 0) throw new FormatException("its delta is 0");
                    var count = Limited(Math.Max(0, (long)Math.Ceiling((end - (double)first) / by)));
                    return [Vector([.. Enumerable.Range(0, count).Select(i => checked((int)(first + i * by)))])];
                }

            case "Cast": return [Cast(x, (DataType)step.Int("to", 0))];
            case "CastLike": return [step.Known(1, "target type").Reals is null ? Cast(x, DataType.Int64) : Cast(x, DataType.Float)];
            case "Reshape": return [x.Reshape(ReshapeSizes(step, x.Sizes))];
            case "Flatten": return [x.Reshape(FlattenSizes(step, x.Sizes))];
            case "Unsqueeze": return [x.Reshape(UnsqueezeSizes(step, x.Sizes))];
            case "Squeeze": return [x.Reshape(SqueezeSizes(step, x.Sizes))];
            case "Transpose":
                var perm = Order(step, x.Sizes.Length);
                return [Picked(x, [.. perm.Select(axis => x.Sizes[axis])], place => At(x.Sizes, axis => place[Array.IndexOf(perm, axis)]))];
            case "Gather":
                var axis = Axis(step.Int("axis", 0), x.Sizes.Length);
                var index = step.Known(1, "indices");
                var wanted = index.Wholes ?? throw new FormatException("its indices are not whole numbers");
                return [Picked(x, [.. x.Sizes[..axis], .. index.Sizes, .. x.Sizes[(axis + 1)..]], place =>
                {
                    var at = wanted[At(index.Sizes, i => place[axis + i])];
                    if (at < 0) at += x.Sizes[axis];
                    if (at < 0 || at >= x.Sizes[axis]) throw new FormatException($"its index {at} is outside dimension {axis} of {x.Sizes[axis]}");
                    return At(x.Sizes, i => i < axis ? place[i] : i == axis ? (int)at : place[i - 1 + index.Sizes.Length]);
                })];
            case "Concat":
                var along = Axis(step.Int("axis", 0), x.Sizes.Length);
                var parts = Enumerable.Range(0, step.Inputs).Select(i => step.Known(i, "part")).ToArray();
                if (parts.Any(part => part.Sizes.Length != x.Sizes.Length || !part.Sizes.Where((_, i) => i != along).SequenceEqual(x.Sizes.Where((_, i) => i != along)))) throw new FormatException("its parts differ elsewhere than in its axis");
                return [Joined(parts, along)];
            case "Slice":
                var cuts = Cuts(step, x.Sizes);
                return [Picked(x, [.. cuts.Select(cut => cut.Count)], place => At(x.Sizes, i => cuts[i].Start + place[i] * cuts[i].Step))];
            case "Split":
                var splitAxis = Axis(step.Int("axis", 0), x.Sizes.Length);
                var begin = 0;
                return [.. SplitSizes(step, x.Sizes[splitAxis]).Select(length =>
                {
                    var at = begin;
                    begin += length;
                    return Picked(x, [.. x.Sizes.Select((size, i) => i == splitAxis ? length : size)], place => At(x.Sizes, i => i == splitAxis ? at + place[i] : place[i]));
                })];
            case "Expand": return [Broadcast(x, BroadcastSizes(x.Sizes, Sizes(step.Wholes(1, "shape"))))];
            case "Tile":
                var repeats = Sizes(step.Wholes(1, "repeats"));
                if (repeats.Length != x.Sizes.Length) throw new FormatException($"has {repeats.Length} repeats for {x.Sizes.Length} dimensions");
                return [Picked(x, [.. x.Sizes.Zip(repeats, (size, times) => checked(size * times))], place => At(x.Sizes, i => place[i] % x.Sizes[i]))];
            case "Where": return [Select(x, step.Known(1, "value"), step.Known(2, "value"))];
            case "NonZero":
                var found = Enumerable.Range(0, x.Count).Where(i => x.AsReals[i] != 0).ToArray();
                var places = found.Select(i => PlaceOf(i, x.Sizes)).ToArray();
                return [new Constant([x.Sizes.Length, found.Length], [.. Enumerable.Range(0, x.Sizes.Length).SelectMany(a => places.Select(place => (long)place[a]))])];
            case "ReduceProd" or "ReduceSum" or "ReduceMax" or "ReduceMin" when x.Wholes is not null || step.Type == "ReduceProd": return [Reduced(step, x)];
            case "ReduceSum" or "ReduceMax" or "ReduceMin": return null;
            case "Not": return [new Constant(x.Sizes, [.. x.Wholes!.Select(truth => truth == 0 ? 1L : 0)], truth: true)];
            case "Neg" or "Abs" or "Floor" or "Ceil" or "Round" or "Sqrt":
                return x.Wholes is { } wholes && step.Type is "Neg" or "Abs"
                    ? [new Constant(x.Sizes, Array.ConvertAll(x.Wholes!, number => step.Type == "Neg" ? -number : Math.Abs(number)))]
                    : [new Constant(x.Sizes, Array.ConvertAll(x.AsReals, number => step.Type switch { "Neg" => -number, "Abs" => Math.Abs(number), "Floor" => MathF.Floor(number), "Ceil" => MathF.Ceiling(number), "Round" => MathF.Round(number), _ => MathF.Sqrt(number) }))];
            default:
                return [Enumerable.Range(1, step.Inputs - 1).Aggregate(x, (a, i) => Pointwise(step.Type, a, step.Known(i, "operand")))];
        }
    }

    private static Constant ConstantOf(OnnxStep step)
    {
        if (step.Tensor("value") is { } tensor) return Constant.Read(tensor, NoExternal);
        if (step.HasAttribute("value_int")) return new Constant([], [step.Int("value_int", 0)]);
        if (step.HasAttribute("value_float")) return new Constant([], [step.Float("value_float", 0)]);
        if (step.Ints("value_ints") is { } wholes) return new Constant([wholes.Length], wholes);
        if (step.Floats("value_floats") is { } reals) return new Constant([reals.Length], reals);
        throw new NotSupportedException("it holds no tensor of numbers");
    }

    // Tensors of attributes could name files too, but nobody writes that.
    private static byte[] NoExternal(Onnx.TensorProto tensor, long length) => throw new FormatException("holds a tensor whose numbers lie in another file");

    private static Constant Cast(Constant x, DataType to) => to switch
    {
        DataType.Float or DataType.Double or DataType.Float16 or DataType.Bfloat16 => new Constant(x.Sizes, x.AsReals),
        DataType.Bool => new Constant(x.Sizes, x.Wholes is { } w ? Array.ConvertAll(w, number => number != 0 ? 1L : 0) : Array.ConvertAll(x.Reals!, number => number != 0 ? 1L : 0), truth: true),
        DataType.Int8 or DataType.Int16 or DataType.Int32 or DataType.Int64 or DataType.Uint8 or DataType.Uint16 or DataType.Uint32 or DataType.Uint64 =>
            new Constant(x.Sizes, x.Wholes ?? Array.ConvertAll(x.Reals!, number => (long)number)),
        _ => throw new NotSupportedException($"it casts to {to}"),
    };

    private Constant Pointwise(string type, Constant a, Constant b)
    {
        var sizes = BroadcastSizes(a.Sizes, b.Sizes);
        var (x, y) = (Broadcast(a, sizes), Broadcast(b, sizes));
        if (x.Wholes is { } left && y.Wholes is { } right)
        {
            var truth = type is "And" or "Or" or "Xor" or "Equal" or "Greater" or "Less" or "GreaterOrEqual" or "LessOrEqual";
            return new Constant(sizes, [.. left.Zip(right, (p, q) => type switch
            {
                "Add" => checked(p + q), "Sub" => checked(p - q), "Mul" => checked(p * q), "Div" => p / q, "Mod" => q == 0 ? throw new DivideByZeroException() : (p % q + q) % q,
                "Pow" => (long)Math.Pow(p, q), "Max" => Math.Max(p, q), "Min" => Math.Min(p, q), "And" => p & q, "Or" => p | q, "Xor" => p ^ q,
                "Equal" => p == q ? 1 : 0, "Greater" => p > q ? 1 : 0, "Less" => p < q ? 1 : 0, "GreaterOrEqual" => p >= q ? 1 : 0, _ => p <= q ? 1L : 0,
            })], truth);
        }

        if (type is "Equal" or "Greater" or "Less" or "GreaterOrEqual" or "LessOrEqual")
            return new Constant(sizes, [.. x.AsReals.Zip(y.AsReals, (p, q) => (type switch { "Equal" => p == q, "Greater" => p > q, "Less" => p < q, "GreaterOrEqual" => p >= q, _ => p <= q }) ? 1L : 0)], truth: true);
        return new Constant(sizes, [.. x.AsReals.Zip(y.AsReals, (p, q) => type switch
        {
            "Add" => p + q, "Sub" => p - q, "Mul" => p * q, "Div" => p / q, "Mod" => MathF.IEEERemainder(p, q), "Pow" => MathF.Pow(p, q), "Max" => MathF.Max(p, q), "Min" => MathF.Min(p, q),
            _ => throw new NotSupportedException("it is not for reals"),
        })]);
    }

    private Constant Select(Constant condition, Constant a, Constant b)
    {
        var sizes = BroadcastSizes(condition.Sizes, BroadcastSizes(a.Sizes, b.Sizes));
        var (truth, x, y) = (Broadcast(condition, sizes).Wholes ?? throw new FormatException("its condition holds no truth values"), Broadcast(a, sizes), Broadcast(b, sizes));
        return x.Wholes is { } left && y.Wholes is { } right
            ? new Constant(sizes, [.. truth.Select((t, i) => t != 0 ? left[i] : right[i])])
            : new Constant(sizes, [.. truth.Select((t, i) => t != 0 ? x.AsReals[i] : y.AsReals[i])]);
    }

    private Constant Reduced(OnnxStep step, Constant x)
    {
        var axes = ReduceAxes(step, x.Sizes.Length);
        var kept = x.Sizes.Select((size, axis) => axes.Contains(axis) ? 1 : size).ToArray();
        var sums = new double[Constant.Product(kept)];
        Array.Fill(sums, step.Type switch { "ReduceProd" => 1, "ReduceMax" => double.NegativeInfinity, "ReduceMin" => double.PositiveInfinity, _ => 0 });
        for (var i = 0; i < x.Count; i++)
        {
            var place = PlaceOf(i, x.Sizes);
            ref var sum = ref sums[At(kept, axis => axes.Contains(axis) ? 0 : place[axis])];
            var value = x.Wholes is { } wholes ? wholes[i] : (double)x.Reals![i];
            sum = step.Type switch { "ReduceProd" => sum * value, "ReduceMax" => Math.Max(sum, value), "ReduceMin" => Math.Min(sum, value), _ => sum + value };
        }

        var sizes = step.Flag("keepdims", true) ? kept : [.. x.Sizes.Where((_, axis) => !axes.Contains(axis))];
        return x.Wholes is not null ? new Constant(sizes, Array.ConvertAll(sums, sum => checked((long)sum))) : new Constant(sizes, Array.ConvertAll(sums, sum => (float)sum));
    }

    private Constant Joined(Constant[] parts, int axis)
    {
        int[] sizes = [.. parts[0].Sizes];
        sizes[axis] = parts.Sum(part => part.Sizes[axis]);
        var (count, inner) = (Limited(Constant.Product(sizes)), Constant.Product(sizes[(axis + 1)..]));
        var whole = parts.All(part => part.Wholes is not null);
        var (reals, wholes) = (whole ? null : new float[count], whole ? new long[count] : null);
        var row = sizes[axis] * inner;
        var start = 0;
        foreach (var part in parts)
        {
            var length = part.Sizes[axis] * inner;
            for (var i = 0; length > 0 && i < part.Count / length; i++)
            {
                if (whole) part.Wholes.AsSpan(i * length, length).CopyTo(wholes.AsSpan(i * row + start));
                else part.AsReals.AsSpan(i * length, length).CopyTo(reals.AsSpan(i * row + start));
            }

            start += length;
        }

        return whole ? new Constant(sizes, wholes!) : new Constant(sizes, reals!);
    }

    private Constant Broadcast(Constant x, int[] sizes)
    {
        if (x.Sizes.AsSpan().SequenceEqual(sizes)) return x;
        var shift = sizes.Length - x.Sizes.Length;
        return Picked(x, sizes, place => At(x.Sizes, i => x.Sizes[i] == 1 ? 0 : place[i + shift]));
    }

    internal static int[] BroadcastSizes(int[] a, int[] b)
    {
        var sizes = new int[Math.Max(a.Length, b.Length)];
        for (var i = 1; i <= sizes.Length; i++)
        {
            var (p, q) = (i <= a.Length ? a[^i] : 1, i <= b.Length ? b[^i] : 1);
            sizes[^i] = p == q || q == 1 ? p : p == 1 ? q : throw new FormatException($"{Constant.Text(a)} and {Constant.Text(b)} do not broadcast");
        }

        return sizes;
    }

    private Constant Picked(Constant x, int[] sizes, Func<int[], int> source)
    {
        var places = new int[Limited(Constant.Product(sizes))];
        var place = new int[sizes.Length];
        for (var i = 0; i < places.Length; i++)
        {
            places[i] = source(place);
            for (var axis = sizes.Length - 1; axis >= 0 && ++place[axis] == sizes[axis]; axis--) place[axis] = 0;
        }

        return x.Pick(sizes, places);
    }

    // The index in memory of the element at `place`.
    private static int At(int[] sizes, Func<int, int> place)
    {
        var index = 0;
        for (var axis = 0; axis < sizes.Length; axis++) index = index * sizes[axis] + place(axis);
        return index;
    }

    private static int[] PlaceOf(int index, int[] sizes)
    {
        var place = new int[sizes.Length];
        for (var axis = sizes.Length - 1; axis >= 0; axis--) (index, place[axis]) = Math.DivRem(index, sizes[axis]);
        return place;
    }

    private static Constant Vector(int[] numbers) => new([numbers.Length], [.. numbers.Select(number => (long)number)]);

    private int Limited(long count) => count <= _budget ? (int)count : throw new NotSupportedException($"it makes a constant of {count} numbers");

    private static int Clamp(long place, int length) => (int)Math.Clamp(place < 0 ? place + length : place, 0, length);

    internal static int[] Sizes(long[] sizes) => [.. sizes.Select(size => size is >= 0 and <= int.MaxValue ? (int)size : throw new FormatException($"has a dimension of {size}"))];

    internal static int Axis(long axis, int rank) => axis >= -rank && axis < rank ? (int)(axis < 0 ? axis + rank : axis) : throw new FormatException($"its axis {axis} is none of {rank} dimensions");
}
