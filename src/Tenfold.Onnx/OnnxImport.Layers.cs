namespace Tenfold;

/// <summary>Operators with windows and weights, and the norms.</summary>
internal sealed partial class OnnxImport
{
    /// <summary>Height and width out of an attribute of a window.</summary>
    private static Size Sides(OnnxStep step, string name, Size without, int least = 1) => step.Ints(name) switch
    {
        null => without,
        [var h, var w] when h >= least && w >= least && h <= 1 << 20 && w <= 1 << 20 => new Size((int)h, (int)w),
        { Length: 1 or 3 } => throw new NotSupportedException("it is not two-dimensional"),
        var other => throw new FormatException($"its {name} are {string.Join(", ", other.Take(8))}; two numbers of at least {least}"),
    };

    private static void Map(Node x, string what = "its input")
    {
        if (x.Shape.Rank is 3 or 5) throw new NotSupportedException($"it is not two-dimensional: {what} is {x.Shape}");
        if (x.Shape.Rank != 4) throw new FormatException($"{what} is {x.Shape}, not a map of rank 4");
    }

    private static Padding Pads(OnnxStep step, Size map, Size kernel, Size stride, Size dilation)
    {
        const long Most = 1 << 20;
        switch (step.Text("auto_pad", "NOTSET"))
        {
            case "NOTSET":
                return step.Ints("pads") switch
                {
                    null => Padding.None,
                    [>= 0 and <= Most, >= 0 and <= Most, >= 0 and <= Most, >= 0 and <= Most] and var pads => new Padding((int)pads[0], (int)pads[1], (int)pads[2], (int)pads[3]),
                    var pads => throw new FormatException($"its pads are {string.Join(", ", pads.Take(10))}; four numbers of at least 0"),
                };
            case "VALID": return Padding.None;
            case var mode and ("SAME_UPPER" or "SAME_LOWER"):
                var (rows, columns) = (Along(map.Height, kernel.Height, stride.Height, dilation.Height), Along(map.Width, kernel.Width, stride.Width, dilation.Width));
                return mode == "SAME_UPPER"
                    ? new Padding(rows / 2, columns / 2, rows - rows / 2, columns - columns / 2)
                    : new Padding(rows - rows / 2, columns - columns / 2, rows / 2, columns / 2);
            case var other: throw new FormatException($"its auto_pad is {OnnxModel.Short(other)}");
        }

        static int Along(int size, int k, int s, int d) => checked((int)Math.Max(0, ((size + s - 1L) / s - 1) * s + d * (k - 1L) + 1 - size));
    }

    private static int Groups(OnnxStep step, string name = "group") => step.Int(name, 1) is >= 1 and <= int.MaxValue and var groups ? (int)groups : throw new FormatException($"its {name} is {step.Int(name, 1)}");

    private static Size Kernel(OnnxStep step, Node weight)
    {
        Map(weight, "its weight");
        var kernel = new Size(weight.Shape.Height, weight.Shape.Width);
        return Sides(step, "kernel_shape", kernel) == kernel ? kernel : throw new FormatException($"its kernel_shape is not {kernel}, the size of its weight");
    }

    private static Node Convolution(OnnxStep step)
    {
        var x = step.X(0);
        Map(x);
        var weight = step.X(1, "weight");
        var kernel = Kernel(step, weight);
        var (stride, dilation) = (Sides(step, "strides", 1), Sides(step, "dilations", 1));
        var op = new Convolution(stride, Pads(step, x.Shape.Plane, kernel, stride, dilation), dilation, Groups(step));
        return step.Has(2) ? step.Make(op, x, weight, step.X(2, "bias")) : step.Make(op, x, weight);
    }

    private static Node ConvolutionTranspose(OnnxStep step)
    {
        var x = step.X(0);
        Map(x);
        var weight = step.X(1, "weight");
        var kernel = Kernel(step, weight);
        var (stride, dilation, extra) = (Sides(step, "strides", 1), Sides(step, "dilations", 1), Sides(step, "output_padding", 0, least: 0));
        var auto = step.Text("auto_pad", "NOTSET");
        var wanted = step.Ints("output_shape") is { } given
            ? given.Length >= 2 && given[^1] is >= 1 and <= int.MaxValue && given[^2] is >= 1 and <= int.MaxValue ? new Size((int)given[^2], (int)given[^1]) : throw new FormatException($"its output_shape is {string.Join(", ", given.Take(8))}")
            : auto is "SAME_UPPER" or "SAME_LOWER" ? new Size(checked(x.Shape.Height * stride.Height), checked(x.Shape.Width * stride.Width)) : (Size?)null;

        // Rows and columns of the result of all kernels, before padding takes some away (or, below 0, adds some).
        var full = new Size(checked((x.Shape.Height - 1) * stride.Height + dilation.Height * (kernel.Height - 1) + 1 + extra.Height), checked((x.Shape.Width - 1) * stride.Width + dilation.Width * (kernel.Width - 1) + 1 + extra.Width));
        int top, left, bottom, right;
        if (wanted is { } size)
        {
            var (rows, columns) = (full.Height - size.Height, full.Width - size.Width);
            (top, left) = auto == "SAME_UPPER" ? (rows / 2, columns / 2) : (rows - rows / 2, columns - columns / 2);
            (top, left) = (rows < 0 ? 0 : top, columns < 0 ? 0 : left); // more than the kernels reach: behind
            (bottom, right) = (rows - top, columns - left);
        }
        else
        {
            var pads = Pads(step, x.Shape.Plane, kernel, stride, dilation);
            (top, left, bottom, right) = (pads.Top, pads.Left, pads.Bottom, pads.Right);
        }

        // Padding at the end and extra rows cancel.
        var (below, beside) = (bottom - extra.Height, right - extra.Width);
        if (top >= 0 && left >= 0 && below > -stride.Height && beside > -stride.Width)
        {
            var op = new ConvolutionTranspose(stride, new Padding(top, left, Math.Max(0, below), Math.Max(0, beside)), dilation, Groups(step), new Size(Math.Max(0, -below), Math.Max(0, -beside)));
            return step.Has(2) ? step.Make(op, x, weight, step.X(2, "bias")) : step.Make(op, x, weight);
        }

        var bare = step.Make(new ConvolutionTranspose(stride, new Padding(Math.Max(0, top), Math.Max(0, left), Math.Max(0, below), Math.Max(0, beside)), dilation, Groups(step), 0), x, weight);
        var wide = step.Part(new Pad(new Padding(Math.Max(0, -top), Math.Max(0, -left), Math.Max(0, -below), Math.Max(0, -beside)), PadMode.Zero), bare);
        return step.Has(2) ? step.Part(new Add(), wide, step.Weight(2, "bias", 1, wide.Channels, 1, 1)) : wide;
    }

    private static Node DeformableConvolution(OnnxStep step)
    {
        var x = step.X(0);
        Map(x);
        var weight = step.X(1, "weight");
        var kernel = Kernel(step, weight);
        var (stride, dilation) = (Sides(step, "strides", 1), Sides(step, "dilations", 1));
        var op = new DeformableConvolution(stride, Pads(step, x.Shape.Plane, kernel, stride, dilation), dilation, Groups(step), Groups(step, "offset_group"), step.Has(4));
        List<Node> inputs = [x, weight, step.X(2, "offset")];
        if (step.Has(4)) inputs.Add(step.X(4, "mask"));
        if (step.Has(3)) inputs.Add(step.X(3, "bias"));
        return step.Make(op, [.. inputs]);
    }

    private static Node Gemm(OnnxStep step)
    {
        var (alpha, beta) = (step.Float("alpha", 1), step.Float("beta", 1));
        var turn = new Transpose(new Permutation(1, 0));
        var a = step.X(0);
        if (a.Shape.Rank != 2 || step[1].Sizes.Length != 2) throw new FormatException($"takes two matrices, not {a.Shape} and {Constant.Text(step[1].Sizes)}");
        if (step.Flag("transA")) a = step.Part(turn, a);
        Node b;
        if (step[1].Known is { } known && (!step.Flag("transB") || alpha != 1))
        {
            var (rows, columns) = (known.Sizes[0], known.Sizes[1]);
            var numbers = known.AsReals;
            b = step.Flag("transB")
                ? step.Lift(new Constant(known.Sizes, Array.ConvertAll(numbers, number => alpha * number)), "weight", known.Sizes)
                : step.Lift(new Value(null, new Constant([columns, rows], Turn(numbers, rows, columns, alpha)), alpha == 1 ? step[1].Source : null), "weight", columns, rows);
        }
        else
        {
            b = step.Flag("transB") ? step.X(1, "weight") : step.Part(turn, step.X(1, "weight"));
            if (alpha != 1) a = step.Part(new Affine(alpha, 0), a);
        }

        if (!step.Has(2) || beta == 0) return step.Make(new Linear(), a, b);
        if (step[2].Known is { } c && beta == 1 && c.Count == b.Shape[0] && c.Sizes.Length is 1 or 2 && step[2].Sizes[^1] == b.Shape[0]) return step.Make(new Linear(), a, b, step.Weight(2, "bias", b.Shape[0]));
        var product = step.Part(new Linear(), a, b);
        return step[2].Known is { } bias
            ? Both(step, new Add(), product, new Constant(bias.Sizes, Array.ConvertAll(bias.AsReals, number => beta * number)), "bias")
            : Both(step, new Add(), product, step.Part(new Affine(beta, 0), step.X(2)));
    }

    private static float[] Turn(float[] numbers, int rows, int columns, float factor)
    {
        var turned = new float[numbers.Length];
        for (var row = 0; row < rows; row++)
            for (var column = 0; column < columns; column++) turned[column * rows + row] = factor * numbers[row * columns + column];
        return turned;
    }

    private static Node MatMul(OnnxStep step)
    {
        if (step[1].Known is { Sizes: [var rows, var columns] } known && step[0].Node is { Shape.Rank: 2 } vectors && !step.AllKnown)
            return step.Make(new Linear(), vectors, step.Lift(new Value(null, new Constant([columns, rows], Turn(known.AsReals, rows, columns, 1)), step[1].Source), "weight", columns, rows));

        // A vector on the left is a row, on the right a column.
        var (left, right) = (step[0].Sizes, step[1].Sizes);
        if (left.Length == 0 || right.Length == 0) throw new FormatException("a scalar is no matrix");
        int[] a = left.Length == 1 ? [1, left[0]] : left;
        int[] b = right.Length == 1 ? [right[0], 1] : right;
        var rank = Math.Max(a.Length, b.Length);
        var product = step.Make(new MatMul(), Ranked(0, a), Ranked(1, b));
        int[] sizes = [.. product.Shape];
        if (left.Length == 1) sizes = [.. sizes[..^2], sizes[^1]];
        if (right.Length == 1) sizes = sizes[..^1];
        return Between(step, product, sizes);

        Node Ranked(int i, int[] matrix)
        {
            int[] wide = [.. Enumerable.Repeat(1, rank - matrix.Length), .. matrix];
            return step[i].Node is { } node ? Between(step, node, wide) : step.Weight(i, "weight", wide);
        }
    }

    private static Node[] BatchNormalization(OnnxStep step)
    {
        var (x, epsilon) = (step.X(0), step.Float("epsilon", 1e-5f));
        if (step.Opset >= 14 ? step.Flag("training_mode") : step.Outputs > 1 && !(step.Opset < 7 && step.Flag("is_test"))) return TrainingNorm(step, x, epsilon);
        if (!step.Flag("spatial", true)) return [NormOfPlaces(step, x, epsilon)];
        return [step.Make(new BatchNorm(epsilon, 1 - step.Float("momentum", 0.9f)), x, step.X(1, "weight"), step.X(2, "bias"), step.X(3, "running_mean"), step.X(4, "running_var"))];
    }

    // The statistics are those of the batch: every channel standardised over all samples. The running ones move on by the momentum.
    private static Node[] TrainingNorm(OnnxStep step, Node x, float epsilon)
    {
        if (step.Opset < 14) throw new NotSupportedException("it is in training");
        var rank = x.Shape.Rank;
        if (rank < 2) throw new FormatException($"takes channels, not {x.Shape}");
        var turn = new Transpose(new Permutation([1, 0, .. Enumerable.Range(2, rank - 2)]));
        var normal = step.Part(turn, step.Part(new Standardize(1, epsilon), step.Part(turn, x)));
        var y = PerChannel(step, normal);
        if (!step.UsesOutput(1) && !step.UsesOutput(2)) return [y];
        int[] axes = [.. Enumerable.Range(0, rank).Where(axis => axis != 1)];
        var (mean, variance) = Moments(step, x, axes);
        var momentum = step.Float("momentum", 0.9f);
        return [y, Moved(3, mean, "running_mean"), Moved(4, variance, "running_var")];

        Node Moved(int i, Node now, string role) => step.Part(new Add(), step.Part(new Affine(momentum, 0), step.X(i, role)), step.Part(new Affine(1 - momentum, 0), Between(step, now, [x.Channels])));
    }

    // Before opset 9 there could be statistics, scale and shift for every pixel.
    private static Node NormOfPlaces(OnnxStep step, Node x, float epsilon)
    {
        int[] sizes = [1, .. x.Shape.Skip(1)];
        var (scale, shift, mean, variance) = (Numbers(1, "scale"), Numbers(2, "shift"), Numbers(3, "mean"), Numbers(4, "variance"));
        var factor = scale.Zip(variance, (s, v) => s / MathF.Sqrt(v + epsilon)).ToArray();
        var offset = factor.Select((f, i) => shift[i] - mean[i] * f).ToArray();
        return step.Make(new Add(), step.Part(new Multiply(), x, step.Lift(new Constant(sizes, factor), "weight")), step.Lift(new Constant(sizes, offset), "bias"));

        float[] Numbers(int i, string role) => step.Known(i, role) is { } known && known.Count == Constant.Product(sizes) ? known.AsReals
            : throw new FormatException($"its {role} has {step.Known(i, role).Count} numbers for {x.Shape}");
    }

    /// <summary>Mean and biased variance over some axes, each kept with size 1.</summary>
    private static (Node Mean, Node Variance) Moments(OnnxStep step, Node x, int[] axes)
    {
        var mean = Mean(step, x, axes);
        var centred = step.Part(new Add(), x, step.Part(new Affine(-1, 0), mean));
        return (mean, Mean(step, step.Part(new Power(2), centred), axes));
    }

    private static Node InstanceNormalization(OnnxStep step)
    {
        var normal = step.Part(new Standardize(2, step.Float("epsilon", 1e-5f)), step.X(0));
        return PerChannel(step, normal);
    }

    private static Node PerChannel(OnnxStep step, Node normal)
    {
        int[] sizes = [1, normal.Channels, .. Enumerable.Repeat(1, normal.Shape.Rank - 2)];
        var scaled = step.Part(new Multiply(), normal, step[1].Node is { } scale ? Between(step, scale, sizes) : step.Weight(1, "weight", sizes));
        return step.Make(new Add(), scaled, step[2].Node is { } shift ? Between(step, shift, sizes) : step.Weight(2, "bias", sizes));
    }

    private static Node[] LayerNormalization(OnnxStep step)
    {
        var x = step.X(0);
        var axis = Axis(step.Int("axis", -1), x.Shape.Rank);
        var epsilon = step.Float("epsilon", 1e-5f);
        var normal = axis > 0 ? step.Part(new Standardize(axis, epsilon), x) : Between(step, step.Part(new Standardize(1, epsilon), Between(step, x, [1, Constant.Product(x.Shape)])), [.. x.Shape]);
        var scaled = Both(step, new Multiply(), normal, step[1], "weight");
        var y = step.Has(2) ? Both(step, new Add(), scaled, step[2], "bias") : scaled;
        if (!step.UsesOutput(1) && !step.UsesOutput(2)) return [y];
        var (mean, variance) = Moments(step, x, [.. Enumerable.Range(axis, x.Shape.Rank - axis)]);
        return [y, mean, step.Part(new Power(-0.5f), step.Part(new Affine(1, epsilon), variance))];
    }

    private static Node GroupNormalization(OnnxStep step)
    {
        var x = step.X(0);
        var groups = Groups(step, "num_groups");
        if (x.Shape.Rank < 2 || x.Channels % groups != 0) throw new FormatException($"{x.Shape} does not divide into {groups} groups");
        int[] split = [x.Shape[0], groups, x.Channels / groups, .. x.Shape.Skip(2)];
        var normal = step.Part(new Standardize(2, step.Float("epsilon", 1e-5f)), Between(step, x, split));
        if (step[1].Sizes is [var count] && count == x.Channels) return PerChannel(step, Between(step, normal, [.. x.Shape]));

        // Before opset 21: a scale and a shift per group.
        int[] sizes = [1, groups, .. Enumerable.Repeat(1, split.Length - 2)];
        return Between(step, step.Part(new Add(), step.Part(new Multiply(), normal, step.Weight(1, "weight", sizes)), step.Weight(2, "bias", sizes)), [.. x.Shape]);
    }

    private static Node Lrn(OnnxStep step)
    {
        var x = step.X(0);
        var size = step.Small("size", 0);
        if (size < 1) throw new FormatException($"its size is {size}");
        var (alpha, beta, k) = (step.Float("alpha", 1e-4f), step.Float("beta", 0.75f), step.Float("bias", 1));
        if (size % 2 != 0) return step.Make(new Lrn(size, alpha, beta, k), x);

        // ONNX's window of an even size is the mirror image of ours: c - (size/2 - 1) to c + size/2. The energy is a 1x1 convolution of the squares.
        Map(x);
        var channels = x.Channels;
        if ((long)channels * channels > 1 << 24) throw new NotSupportedException($"it has an even window over {channels} channels");
        var band = step.Fixed("band", [channels, channels, 1, 1], i => i % channels - i / channels is var reach && reach >= 1 - size / 2 && reach <= size / 2 ? alpha / size : 0);
        var energy = step.Part(new Convolution(1, Padding.None, 1, 1), step.Part(new Power(2), x), band, step.Fixed("k", [channels], _ => k));
        return step.Make(new Multiply(), x, step.Part(new Power(-beta), energy));
    }

    private static Node MaxPool(OnnxStep step)
    {
        var (x, kernel, stride, dilation, pads, ceil) = Window(step);
        if (step.UsesOutput(1)) throw new NotSupportedException("its indices are read");
        if (Reach(pads, kernel, dilation))
        {
            // More padding than a window may have here. The edge pixel repeated is no larger than the window's own.
            if (dilation != 1) throw new NotSupportedException("its padding is more than half of a dilated window");
            (x, pads) = (step.Part(new Pad(pads, PadMode.Replicate), x), Padding.None);
        }

        return step.Make(new MaxPool(kernel, stride, pads, dilation, ceil), x);
    }

    private static Node AveragePool(OnnxStep step)
    {
        var (x, kernel, stride, dilation, pads, ceil) = Window(step);
        var counts = step.Flag("count_include_pad");
        if (dilation == 1 && !Reach(pads, kernel, dilation)) return step.Make(new AvgPool(kernel, stride, pads, ceil, counts), x);
        var (sum, size) = Summed(step, x, kernel, stride, dilation, pads, ceil);
        var counted = counts ? pads : Padding.None;
        return step.Make(new Multiply(), sum, step.Fixed("count", [1, 1, size.Height, size.Width], i =>
            1f / (Inside(i / size.Width, kernel.Height, stride.Height, dilation.Height, pads.Top, x.Shape.Height, counted.Top, counted.Bottom)
                * Inside(i % size.Width, kernel.Width, stride.Width, dilation.Width, pads.Left, x.Shape.Width, counted.Left, counted.Right))));

        static int Inside(int window, int k, int s, int d, int before, int size, int more, int behind) =>
            Enumerable.Range(0, k).Count(tap => window * s - before + tap * d is var place && place >= -more && place < size + behind);
    }

    private static Node LpPool(OnnxStep step)
    {
        var (x, kernel, stride, dilation, pads, ceil) = Window(step);
        var p = step.Int("p", 2);
        if (p < 1) throw new FormatException($"its p is {p}");
        return step.Make(new Power(1f / p), Summed(step, Powered(step, x, p), kernel, stride, dilation, pads, ceil).Sum);
    }

    private static Node GlobalLpPool(OnnxStep step)
    {
        var x = step.X(0);
        Map(x);
        var p = step.Int("p", 2);
        if (p < 1) throw new FormatException($"its p is {p}");
        return step.Make(new Power(1f / p), step.Part(new Sum(Axes.Plane), Powered(step, x, p)));
    }

    private static Node Powered(OnnxStep step, Node x, long p) => p == 1 ? Absolute(step, x) : step.Part(new Power(p), p % 2 == 0 ? x : Absolute(step, x));

    // The sum of every window: a convolution with ones.
    private static (Node Sum, Size Size) Summed(OnnxStep step, Node x, Size kernel, Size stride, Size dilation, Padding pads, bool ceil)
    {
        if ((long)x.Channels * kernel.Height * kernel.Width > 1 << 24) throw new NotSupportedException($"its window is {kernel}");
        var ones = step.Fixed("ones", [x.Channels, 1, kernel.Height, kernel.Width], _ => 1);
        if (ceil) pads = pads with { Bottom = pads.Bottom + Over(x.Shape.Height, pads.Top, pads.Bottom, kernel.Height, stride.Height, dilation.Height), Right = pads.Right + Over(x.Shape.Width, pads.Left, pads.Right, kernel.Width, stride.Width, dilation.Width) };
        var sum = step.Part(new Convolution(stride, pads, dilation, x.Channels), x, ones);
        return (sum, sum.Shape.Plane);

        // How far one more window would hang over the end; 0 where it would start behind the map and the padding before it.
        static int Over(int size, int before, int after, int k, int s, int d)
        {
            var (room, span) = (size + before + after, d * (k - 1) + 1);
            var windows = (room - span + s - 1) / s + 1;
            if ((windows - 1) * s >= size + before) windows--;
            return Math.Max(0, (windows - 1) * s + span - room);
        }
    }

    private static (Node X, Size Kernel, Size Stride, Size Dilation, Padding Pads, bool Ceil) Window(OnnxStep step)
    {
        var x = step.X(0);
        Map(x);
        if (step.Ints("kernel_shape") is null) throw new FormatException("has no kernel_shape");
        var kernel = Sides(step, "kernel_shape", 1);
        var (stride, dilation) = (Sides(step, "strides", 1), Sides(step, "dilations", 1));
        return (x, kernel, stride, dilation, Pads(step, x.Shape.Plane, kernel, stride, dilation), step.Flag("ceil_mode"));
    }

    private static bool Reach(Padding pads, Size kernel, Size dilation) =>
        Math.Max(pads.Top, pads.Bottom) > (dilation.Height * (kernel.Height - 1) + 1) / 2 || Math.Max(pads.Left, pads.Right) > (dilation.Width * (kernel.Width - 1) + 1) / 2;
}
