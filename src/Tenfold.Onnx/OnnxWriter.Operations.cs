namespace Tenfold;

internal sealed partial class OnnxWriter
{
    private static int FirstOpset(Op op) => op switch
    {
        DeformableConvolution or DeformableSampling or Pad { Mode: PadMode.Circular } => 19,
        _ => 17,
    };

    /// <summary>What a node is in ONNX: one node under the same name, or a few of which the last has it.</summary>
    private void Write(Node node)
    {
        var y = _names[node];
        string[] x = [.. node.Inputs.Select(input => _names[input])];
        var shape = node.Inputs[0].Shape;
        if (_folded.TryGetValue(node, out var layer))
        {
            var (kernel, bias) = Fold(layer, node);
            x = [.. layer.Inputs.Select(input => _names[input])];
            x = layer.Op is DeformableConvolution ? [x[0], kernel, .. x[2..(layer.Op is DeformableConvolution { Masked: true } ? 4 : 3)], bias] : [x[0], kernel, bias];
            Layer(layer.Op, x, Kernel(layer), y);
            return;
        }

        switch (node.Op)
        {
            case Convolution or ConvolutionTranspose or DeformableConvolution or Linear: Layer(node.Op, x, Kernel(node), y); break;
            case DeformableSampling sampling: Samples(sampling.Grid, x, shape.Channels, y); break;
            case BatchNorm { Training: false } norm: Emit("BatchNormalization", x, y, ("epsilon", norm.Epsilon), ("momentum", 1 - norm.Momentum)); break;
            case Lrn lrn: Normalize(lrn, x[0], shape, y); break;
            case MaxPool pool: Maximum(pool, x[0], node, y); break;
            case AvgPool pool: Average(pool, x[0], node, y); break;
            case AdaptiveAvgPool { Size: var size }: AdaptiveAverage(size, x[0], shape.Plane, y); break;
            case AdaptiveMaxPool { Size: var size }: AdaptiveMaximum(size, x[0], shape.Plane, y); break;
            case Relu: Emit("Relu", x, y); break;
            case Relu6: Emit("Clip", [x[0], Scalar("min", 0), Scalar("max", 6)], y); break;
            case LeakyRelu { Slope: var slope }: Emit("LeakyRelu", x, y, ("alpha", slope)); break;
            case Sigmoid: Emit("Sigmoid", x, y); break;
            case Tanh: Emit("Tanh", x, y); break;
            case Silu: Emit("Mul", [x[0], Emit("Sigmoid", x)], y); break;
            case HardSigmoid: Emit("HardSigmoid", x, y, ("alpha", 1 / 6f), ("beta", 0.5f)); break;
            case HardSwish: Emit("HardSwish", x, y); break;
            case Exp: Emit("Exp", x, y); break;
            case Log: Emit("Log", x, y); break;
            case Power { Exponent: var exponent }: Emit("Pow", [x[0], Scalar("exponent", exponent)], y); break;
            case Erf: Emit("Erf", x, y); break;
            case Softplus: Emit("Softplus", x, y); break;
            case Elu { Alpha: var alpha }: Emit("Elu", x, y, ("alpha", alpha)); break;
            case Clip { Min: var min, Max: var max }: Emit("Clip", [x[0], Scalar("min", min), Scalar("max", max)], y); break;
            case Pow: Emit("Pow", x, y); break;
            case PRelu: Emit("PRelu", x, y); break;
            case Tenfold.Maximum: Emit("Max", x, y); break;
            case Minimum: Emit("Min", x, y); break;
            case Compare { Relation: var relation }: Emit("Cast", [Emit(relation.ToString(), x)], y, ("to", 1)); break;
            case Not: Emit("Cast", [Emit("Equal", [x[0], Scalar("zero", 0)])], y, ("to", 1)); break;
            case Where: Emit("Where", [Emit("Cast", [x[0]], null, ("to", 9)), x[1], x[2]], y); break;
            case GridSampling sampler:
                var mode = sampler.Mode switch { GridMode.Nearest => "nearest", GridMode.Bilinear => _opset < 20 ? "bilinear" : "linear", _ => _opset < 20 ? "bicubic" : "cubic" };
                Emit("GridSample", x, y, ("mode", mode), ("padding_mode", sampler.Outside.ToString().ToLowerInvariant()), ("align_corners", sampler.AlignCorners));
                break;
            case Product { Axes: var axes }: Reduce("ReduceProd", x[0], [.. Enumerable.Range(0, shape.Rank).Where(axis => ((int)axes >> axis & 1) != 0)], y); break;
            case Standardize norm: Standardized(norm, x[0], shape.Rank, y); break;
            case MatMul: Emit("MatMul", x, y); break;
            case Max { Axes: var axes }: Reduce("ReduceMax", x[0], [.. Enumerable.Range(0, shape.Rank).Where(axis => ((int)axes >> axis & 1) != 0)], y); break;
            case ArgMax most: Emit("Cast", [Emit("ArgMax", x, null, ("axis", most.Axis), ("keepdims", 1), ("select_last_index", most.Last))], y, ("to", 1)); break;
            case Softmax: Emit("Softmax", x, y, ("axis", 1)); break;
            case LogSoftmax: Emit("LogSoftmax", x, y, ("axis", 1)); break;
            case Dropout { Rate: var rate }: Emit("Dropout", [x[0], Scalar("ratio", rate)], y); break;
            case Add: Emit("Add", x, y); break;
            case Multiply: Emit("Mul", x, y); break;
            case Affine affine: Line(affine, x[0], y); break;
            case Sum { Axes: var axes }: Emit("ReduceSum", [x[0], Whole("axes", [.. Enumerable.Range(0, shape.Rank).Where(axis => ((int)axes >> axis & 1) != 0).Select(axis => (long)axis)])], y, ("keepdims", 1)); break;
            case ChannelSum: Emit("ReduceSum", [x[0], Whole("axes", [.. Enumerable.Range(0, shape.Rank).Where(axis => axis != 1).Select(axis => (long)axis)])], y, ("keepdims", 0)); break;
            case Expand: Emit("Expand", [x[0], Emit("Shape", [x[1]])], y); break;
            case Concat { Axis: var axis }: Emit("Concat", x, y, ("axis", axis)); break;
            case Slice slice: Cut(x[0], slice.Axis, slice.Start, slice.Start + slice.Length, y); break;
            case Embed embed:
                var pads = new long[2 * shape.Rank];
                (pads[embed.Axis], pads[shape.Rank + embed.Axis]) = (embed.Before, embed.After);
                Emit("Pad", [x[0], Whole("pads", pads)], y);
                break;
            case Pad { Padding: var p, Mode: var padding }:
                Emit("Pad", [x[0], Whole("pads", 0, 0, p.Top, p.Left, 0, 0, p.Bottom, p.Right)], y,
                    ("mode", padding switch { PadMode.Reflect => "reflect", PadMode.Replicate => "edge", PadMode.Circular => "wrap", _ => "constant" }));
                break;
            case ChannelShuffle { Groups: var groups }:
                long[] rest = [.. shape.Skip(2).Select(size => (long)size)];
                var grid = Emit("Reshape", [x[0], Whole("grid", [0, groups, shape.Channels / groups, .. rest])]);
                var crossed = Emit("Transpose", [grid], null, ("perm", (int[])[0, 2, 1, .. Enumerable.Range(3, rest.Length)]));
                Emit("Reshape", [crossed, Whole("shape", [0, shape.Channels, .. rest])], y);
                break;
            case Reshape { Kept: var kept, Sizes: var sizes }: Emit("Reshape", [x[0], Whole("shape", [.. Enumerable.Repeat(0L, kept), .. sizes.Select(size => (long)size)])], y); break;
            case Flatten: Emit("Flatten", x, y, ("axis", 1)); break;
            case Transpose { Order: var order }: Emit("Transpose", x, y, ("perm", Enumerable.Range(0, order.Rank).Select(i => order[i]).ToArray())); break;
            case Resize resize: Scale(resize, x[0], shape.Plane, y); break;
            default: throw new NotSupportedException($"onnx: {_graph.NameOf(node)}: {node.Op.Name} has no ONNX form");
        }
    }

    private void Standardized(Standardize norm, string x, int rank, string y)
    {
        int[] axes = [.. Enumerable.Range(norm.Axis, rank - norm.Axis)];
        var centred = Emit("Sub", [x, Reduce("ReduceMean", x, axes)]);
        var variance = Reduce("ReduceMean", Emit("Mul", [centred, centred]), axes);
        Emit("Div", [centred, Emit("Sqrt", [Emit("Add", [variance, Scalar("epsilon", norm.Epsilon)])])], y);
    }

    // The axes became an input in opset 18.
    private string Reduce(string type, string x, int[] axes, string? y = null) => _opset < 18
        ? Emit(type, [x], y, ("axes", axes), ("keepdims", 1))
        : Emit(type, [x, Whole("axes", [.. axes.Select(axis => (long)axis)])], y, ("keepdims", 1));

    private static Size Kernel(Node layer) => layer.Inputs[1].Shape is { Rank: 4 } kernel ? new Size(kernel[2], kernel[3]) : 1;

    private void Layer(Op op, string[] x, Size kernel, string y)
    {
        switch (op)
        {
            case Convolution conv:
                Emit("Conv", x, y, ("kernel_shape", Sides(kernel)), ("strides", Sides(conv.Stride)), ("pads", Pads(conv.Padding)), ("dilations", Sides(conv.Dilation)), ("group", conv.Groups));
                break;
            case ConvolutionTranspose conv:
                Emit("ConvTranspose", x, y, ("kernel_shape", Sides(kernel)), ("strides", Sides(conv.Stride)), ("pads", Pads(conv.Padding)), ("dilations", Sides(conv.Dilation)), ("group", conv.Groups),
                    ("output_padding", Sides(conv.Extra)));
                break;
            case DeformableConvolution conv: // ONNX has the bias before the mask
                x = conv.Masked ? [x[0], x[1], x[2], x.Length > 4 ? x[4] : "", x[3]] : x;
                Emit("DeformConv", x, y, ("kernel_shape", Sides(kernel)), ("strides", Sides(conv.Stride)), ("pads", Pads(conv.Padding)), ("dilations", Sides(conv.Dilation)), ("group", conv.Groups),
                    ("offset_group", conv.OffsetGroups));
                break;
            default: Emit("Gemm", x, y, ("transB", 1)); break;
        }
    }

    // A deformable convolution whose kernels each copy one tap of one channel.
    private void Samples(DeformableGrid grid, string[] x, int channels, string y)
    {
        var taps = grid.Kernel.Area;
        var copies = Matrix("weight", [channels * taps, 1, grid.Kernel.Height, grid.Kernel.Width], (row, column) => row / grid.Kernel.Height % taps == row % grid.Kernel.Height * grid.Kernel.Width + column ? 1 : 0);
        Layer(new DeformableConvolution(grid.Stride, grid.Padding, grid.Dilation, channels, grid.OffsetGroups, x.Length > 2), [x[0], copies, .. x[1..]], grid.Kernel, y);
    }

    // Where its size is even, ONNX's window is the mirror image (and ONNX Runtime has none): then energy is a 1x1 convolution of the squares.
    private void Normalize(Lrn lrn, string x, Shape shape, string y)
    {
        if (lrn.Size % 2 != 0)
        {
            Emit("LRN", [x], y, ("size", lrn.Size), ("alpha", lrn.Alpha), ("beta", lrn.Beta), ("bias", lrn.K));
            return;
        }

        if (shape.Rank != 4) throw new NotSupportedException($"onnx: {_layer}: a {lrn.Name} of an even window ({lrn.Size}) has an ONNX form for maps, not for {shape}");
        var channels = shape.Channels;
        var band = Matrix("band", [channels, channels, 1, 1], (i, _) => lrn.Window(i / channels, channels) is var window && i % channels >= window.From && i % channels < window.To ? lrn.Alpha / lrn.Size : 0);
        var k = Matrix("k", [channels], (_, _) => lrn.K);
        var energy = Emit("Conv", [Emit("Mul", [x, x]), band, k], null, ("kernel_shape", Sides(1)));
        Emit("Mul", [x, Emit("Pow", [energy, Scalar("exponent", -lrn.Beta)])], y);
    }

    private void Maximum(MaxPool pool, string x, Node node, string y)
    {
        var (ceils, pads) = Rounding(node, pool.Kernel, pool.Stride, pool.Padding, pool.Dilation);
        Emit("MaxPool", [x], y, ("kernel_shape", Sides(pool.Kernel)), ("strides", Sides(pool.Stride)), ("pads", Pads(pads)), ("dilations", Sides(pool.Dilation)), ("ceil_mode", ceils));
    }

    private void Average(AvgPool pool, string x, Node node, string y)
    {
        var (ceils, pads) = Rounding(node, pool.Kernel, pool.Stride, pool.Padding, dilation: 1);
        var counts = pool.CountIncludePad;
        if (counts && (ceils || pads != pool.Padding))
        {
            // What hangs over the end does not count, and before opset 19 it was not said that it does not: so the padding that counts is made part of the map.
            var p = pool.Padding;
            if (p != Padding.None) x = Emit("Pad", [x, Whole("pads", 0, 0, p.Top, p.Left, 0, 0, p.Bottom, p.Right)]);
            (pads, counts) = (new Padding(0, 0, pads.Bottom - p.Bottom, pads.Right - p.Right), false);
        }

        Emit("AveragePool", [x], y, ("kernel_shape", Sides(pool.Kernel)), ("strides", Sides(pool.Stride)), ("pads", Pads(pads)), ("ceil_mode", ceils), ("count_include_pad", counts));
    }

    // How ONNX comes to the size of this node. Its own rule for rounding up knows no window that PyTorch's takes back; where the two differ, rounding
    // down does it, with more padding behind in the dimension that still rounds up.
    private static (bool Ceils, Padding Pads) Rounding(Node node, Size kernel, Size stride, Padding pad, Size dilation)
    {
        var (x, y) = (node.Inputs[0].Shape, node.Shape);
        var (below, beside) = (Over(x.Height, y.Height, kernel.Height, stride.Height, pad.Rows, dilation.Height), Over(x.Width, y.Width, kernel.Width, stride.Width, pad.Columns, dilation.Width));
        return (below, beside) is ( <= 0, <= 0) ? (false, pad)
            : below >= 0 && beside >= 0 ? (true, pad) // rounding up leaves no row unreached
            : (false, pad with { Bottom = pad.Bottom + Math.Max(0, below), Right = pad.Right + Math.Max(0, beside) });

        // How far the last window hangs over the end; negative for rows that no window reaches.
        static int Over(int size, int windows, int k, int s, int pads, int d) => (windows - 1) * s + d * (k - 1) + 1 - size - pads;
    }

    // Where the bins are no windows, each row of the result is a weighted sum of rows, and each column of columns.
    private void AdaptiveAverage(Size size, string x, Size map, string y)
    {
        if (size == 1) Emit("GlobalAveragePool", [x], y);
        else if (map == size) Emit("Identity", [x], y);
        else if (map.Height % size.Height == 0 && map.Width % size.Width == 0)
        {
            int[] window = [map.Height / size.Height, map.Width / size.Width];
            Emit("AveragePool", [x], y, ("kernel_shape", window), ("strides", window));
        }
        else
        {
            var rows = Matrix("rows", [size.Height, map.Height], (bin, row) => Share(Bins.Of(map, size, bin, 0).Rows, row));
            var columns = Matrix("columns", [map.Width, size.Width], (column, bin) => Share(Bins.Of(map, size, 0, bin).Columns, column));
            Emit("MatMul", [Emit("MatMul", [rows, x]), columns], y);
        }

        static float Share(Interval bin, int i) => i >= bin.From && i < bin.To ? 1f / bin.Length : 0;
    }

    // Where the bins are no windows: the maximum of each bin of rows, then of each bin of columns.
    private void AdaptiveMaximum(Size size, string x, Size map, string y)
    {
        if (size == 1) Emit("GlobalMaxPool", [x], y);
        else if (map == size) Emit("Identity", [x], y);
        else if (map.Height % size.Height == 0 && map.Width % size.Width == 0)
        {
            int[] window = [map.Height / size.Height, map.Width / size.Width];
            Emit("MaxPool", [x], y, ("kernel_shape", window), ("strides", window));
        }
        else
        {
            var rows = Emit("Concat", Enumerable.Range(0, size.Height).Select(bin => Most(x, axis: 2, Bins.Of(map, size, bin, 0).Rows)).ToArray(), null, ("axis", 2));
            Emit("Concat", Enumerable.Range(0, size.Width).Select(bin => Most(rows, axis: 3, Bins.Of(map, size, 0, bin).Columns)).ToArray(), y, ("axis", 3));
        }

        string Most(string from, int axis, Interval bin)
        {
            var cut = Cut(from, axis, bin.From, bin.To);
            int[] window = axis == 2 ? [bin.Length, 1] : [1, bin.Length];
            return Emit("MaxPool", [cut], null, ("kernel_shape", window), ("strides", window));
        }
    }

    private string Cut(string x, int axis, int from, int to, string? y = null) => Emit("Slice", [x, Whole("starts", from), Whole("ends", to), Whole("axes", axis)], y);

    private void Line(Affine affine, string x, string y)
    {
        if (affine.Offset == 0) Emit("Mul", [x, Scalar("factor", affine.Factor)], y);
        else if (affine.Factor == 1) Emit("Add", [x, Scalar("offset", affine.Offset)], y);
        else Emit("Add", [Emit("Mul", [x, Scalar("factor", affine.Factor)]), Scalar("offset", affine.Offset)], y);
    }

    private void Scale(Resize resize, string x, Size map, string y)
    {
        var to = resize.Size;
        if (resize.Mode == Interpolation.Nearest && (to.Height % map.Height != 0 || to.Width % map.Width != 0))
        {
            // Which pixel is nearest must not hang on the rounding of a quotient in single precision.
            var rows = Whole("rows", [.. Enumerable.Range(0, to.Height).Select(i => (long)resize.Along(i, map.Height, to.Height).Pixel)]);
            var columns = Whole("columns", [.. Enumerable.Range(0, to.Width).Select(i => (long)resize.Along(i, map.Width, to.Width).Pixel)]);
            Emit("Gather", [Emit("Gather", [x, rows], null, ("axis", 2)), columns], y, ("axis", 3));
            return;
        }

        // Sizes rather than scales, since a scale may round to a pixel less; those of batch and channels are read from x.
        var kept = Emit("Slice", [Emit("Shape", [x]), Whole("starts", 0), Whole("ends", 2)]);
        var sizes = Emit("Concat", [kept, Whole("size", to.Height, to.Width)], null, ("axis", 0));
        (string, object)[] attributes = resize.Mode == Interpolation.Nearest
            ? [("mode", "nearest"), ("coordinate_transformation_mode", "asymmetric"), ("nearest_mode", "floor")]
            : [("mode", "linear"), ("coordinate_transformation_mode", resize.Mode == Interpolation.Bilinear ? "half_pixel" : "align_corners")];
        Emit("Resize", [x, "", "", sizes], y, attributes);
    }

    private static int[] Sides(Size size) => [size.Height, size.Width];

    private static int[] Pads(Padding pad) => [pad.Top, pad.Left, pad.Bottom, pad.Right];
}
