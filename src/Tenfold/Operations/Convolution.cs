using System.Numerics;

namespace Tenfold;

/// <summary>2-D convolution (cross-correlation: the kernel is not flipped) with groups, dilation, stride and zero padding.</summary>
/// <remarks>
/// <code>
/// y[n, o, h, w] = b[o] + sum over c &lt; C/g, i, j of  k[o, c, i, j] * x[n, q C/g + c, h s - p + i d, w s - p + j d],   q = floor(o / (O/g))
/// </code>
/// Reads outside the map are 0. Inputs: x [N, C, H, W], kernel [O, C/g, kh, kw], bias [O] (optional); C and O divide by g.
/// Size: floor((H + top + bottom - d (kh - 1) - 1) / s) + 1. Parameters: O C/g kh kw (+ O). MACs: that times the output plane.
/// <para>One operation, many names: groups = 2 on two devices is AlexNet (Krizhevsky et al. 2012); groups = C is depthwise;
/// kernel 1 is the pointwise convolution of Network in Network (Lin et al. 2014); dilation above 1 is the atrous convolution of
/// Yu and Koltun 2016.</para>
/// </remarks>
public sealed record Convolution(Size Stride, Padding Padding, Size Dilation, int Groups) : Op
{
    public override string Name => "conv";

    /// <summary>Whether each of the map's channels, more than one, is a group of its own.</summary>
    internal bool IsDepthwise(int channels) => Groups > 1 && Groups == channels;

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        if (inputs is not ([_, _] or [_, _, _])) throw new ShapeException($"conv: takes a map, a kernel and perhaps a bias, not {inputs.Length} inputs");
        var (x, kernel) = (inputs[0], inputs[1]);
        if (x.Rank != 4 || kernel.Rank != 4) throw new ShapeException($"conv: takes a map of rank 4 and a kernel of rank 4, not {x} and {kernel}");
        Require.Groups(Name, x.Channels, kernel[0], Groups);
        if (kernel[1] != x.Channels / Groups) throw new ShapeException($"conv: a kernel {kernel} reads {kernel[1]} channels, but {x.Channels} channels in {Groups} groups are {x.Channels / Groups}");
        if (inputs is [_, _, var bias] && (bias.Rank != 1 || bias[0] != kernel[0])) throw new ShapeException($"conv: a bias {bias} does not fit {kernel[0]} channels");
        var size = OutputSize("conv", x.Plane, new Size(kernel[2], kernel[3]), Stride, Padding, Dilation);
        return [x.Batch, kernel[0], size.Height, size.Width];
    }

    public override Cost Cost(ReadOnlySpan<Shape> inputs, Shape output) =>
        Tenfold.Cost.Multiplies(output.Count * (inputs[1].Count / inputs[1][0]), inputs, output);

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (x, k, y, bias) = (inputs[0], inputs[1], output, inputs.Length > 2 ? inputs[2] : null);
        var (perGroupIn, perGroupOut) = (k.Shape[1], y.Shape[1] / Groups);
        // Planes know nothing of each other, so all cores take part; a sum's order is that of the equation.
        Parallel.For(0, y.Shape[0] * y.Shape[1], plane =>
        {
            var (n, o) = Math.DivRem(plane, y.Shape[1]);
            var sums = y.Plane(n, o);
            sums.Fill(bias is null ? T.Zero : bias[o]);
            for (var c = 0; c < perGroupIn; c++)
                for (var i = 0; i < k.Shape[2]; i++)
                    for (var j = 0; j < k.Shape[3]; j++)
                        Add(k[o, c, i, j], x.Plane(n, o / perGroupOut * perGroupIn + c), i, j, sums);
        });

        // One tap, for all pixels of a plane.
        void Add(T tap, ReadOnlySpan<T> from, int i, int j, Span<T> sums)
        {
            var (high, wide, width) = (x.Shape[2], x.Shape[3], y.Shape[3]);
            for (var h = 0; h < y.Shape[2]; h++)
            {
                var row = h * Stride.Height - Padding.Top + i * Dilation.Height;
                if ((uint)row >= (uint)high) continue;
                for (var w = 0; w < width; w++)
                {
                    var column = w * Stride.Width - Padding.Left + j * Dilation.Width;
                    if ((uint)column < (uint)wide) sums[h * width + w] += tap * from[row * wide + column];
                }
            }
        }
    }

    // Each input pixel collects what it gave: the transposed convolution with the same kernel.
    public override IReadOnlyList<Node?> Gradient(Node y, Node dy)
    {
        var (x, kernel) = (y.Inputs[0], y.Inputs[1]);
        var size = new Size(kernel.Shape[2], kernel.Shape[3]);
        var dx = new ConvolutionTranspose(Stride, Padding, Dilation, Groups, Remainder(x.Shape.Plane, size)).Apply(dy, kernel);
        var dk = new ConvolutionWeightGradient(Stride, Padding, Dilation, Groups, size).Apply(x, dy);
        return y.Inputs.Count > 2 ? [dx, dk, dy.ChannelSum()] : [dx, dk];
    }

    /// <summary>The size rule that convolution and pooling share: floor((H + pads - d (k - 1) - 1) / s) + 1.</summary>
    internal static Size OutputSize(string op, Size x, Size kernel, Size stride, Padding pad, Size dilation)
    {
        return new Size(
            Along("high", x.Height, kernel.Height, stride.Height, pad.Top, pad.Bottom, dilation.Height),
            Along("wide", x.Width, kernel.Width, stride.Width, pad.Left, pad.Right, dilation.Width));

        int Along(string way, int size, int k, int s, int before, int after, int d)
        {
            if (k < 1 || s < 1 || d < 1) throw new ShapeException($"{op}: kernel {k}, stride {s} and dilation {d} must each be at least 1");
            if (before < 0 || after < 0) throw new ShapeException($"{op}: padding {before} and {after} must not be negative");
            var span = (long)d * (k - 1) + 1;
            var room = (long)size + before + after;
            if (room > int.MaxValue) throw new ShapeException($"{op}: a map {size} {way} with padding {before} and {after} is longer than {int.MaxValue}");
            return span <= room
                ? (int)((room - span) / s + 1)
                : throw new ShapeException($"{op}: a kernel that spans {span} does not fit a map {size} {way} with padding {before} and {after}");
        }
    }

    // The rows and columns at the bottom right that the last window did not reach.
    private Size Remainder(Size x, Size kernel) => new(
        (x.Height + Padding.Rows - Dilation.Height * (kernel.Height - 1) - 1) % Stride.Height,
        (x.Width + Padding.Columns - Dilation.Width * (kernel.Width - 1) - 1) % Stride.Width);
}

/// <summary>The gradient of a convolution with respect to its kernel: how input and output gradient correlate at each tap.</summary>
/// <remarks>dk[o, c, i, j] = sum over n, h, w of dy[n, o, h, w] * x[n, q C/g + c, h s - p + i d, w s - p + j d]. Inputs: x, dy.
/// Costs the MACs of the forward pass.</remarks>
public sealed record ConvolutionWeightGradient(Size Stride, Padding Padding, Size Dilation, int Groups, Size Kernel) : Op
{
    public override string Name => "conv weight gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 2, "x and dy");
        var (x, dy) = (inputs[0], inputs[1]);
        Require.Map(Name, x);
        Require.Map(Name, dy);
        Require.Groups(Name, x.Channels, dy.Channels, Groups);
        var size = Convolution.OutputSize(Name, x.Plane, Kernel, Stride, Padding, Dilation);
        Require.Same(Name, "dy", dy, [x.Batch, dy.Channels, size.Height, size.Width]);
        return [dy.Channels, x.Channels / Groups, Kernel.Height, Kernel.Width];
    }

    public override Cost Cost(ReadOnlySpan<Shape> inputs, Shape output) =>
        Tenfold.Cost.Multiplies(inputs[1].Count * (output.Count / output[0]), inputs, output);

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (x, dy, dk) = (inputs[0], inputs[1], output);
        var (perGroupIn, perGroupOut) = (dk.Shape[1], dy.Shape[1] / Groups);
        foreach (var (o, c, i, j) in dk.Shape.Positions)
        {
            var sum = T.Zero;
            for (var n = 0; n < dy.Shape[0]; n++)
                for (var h = 0; h < dy.Shape[2]; h++)
                    for (var w = 0; w < dy.Shape[3]; w++)
                    {
                        var row = h * Stride.Height - Padding.Top + i * Dilation.Height;
                        var column = w * Stride.Width - Padding.Left + j * Dilation.Width;
                        if ((uint)row < (uint)x.Shape[2] && (uint)column < (uint)x.Shape[3])
                            sum += dy[n, o, h, w] * x[n, o / perGroupOut * perGroupIn + c, row, column];
                    }

            dk[o, c, i, j] = sum;
        }
    }
}

/// <summary>The fluent vocabulary: one verb per operation, each at the bottom of the operation's page.</summary>
public static partial class Verbs
{
    /// <summary>Convolution; see <see cref="Convolution"/>.</summary>
    /// <param name="pad">Centred by default: an odd kernel at stride 1 keeps the size of the map.</param>
    /// <param name="bias">False where a batch norm follows, which has its own.</param>
    /// <param name="mode">What stands in the padding; anything but zeros is a <see cref="Tenfold.Pad"/> before the convolution.</param>
    /// <exception cref="ShapeException">Channels do not divide into the groups, or the kernel does not fit the map.</exception>
    public static Node Conv(this Node x, int channels, Size kernel, Size? stride = null, Padding? pad = null, Size? dilation = null,
        int groups = 1, bool bias = true, Initializer? init = null, string? name = null, PadMode mode = PadMode.Zero)
    {
        Require.Groups("conv", x.Channels, channels, groups);
        var spread = dilation ?? 1;
        var padding = pad ?? Padding.Same(kernel, spread);
        if (mode != PadMode.Zero) (x, padding) = (x.Pad(padding, mode), Padding.None);
        var op = new Convolution(stride ?? 1, padding, spread, groups);
        var weight = new Parameter("weight", [channels, x.Channels / groups, kernel.Height, kernel.Width], init ?? Initializer.KaimingFanOut).Apply();
        return bias
            ? op.Apply([x, weight, new Parameter("bias", [channels], Initializer.Zeros).Apply()], name)
            : op.Apply([x, weight], name);
    }

    /// <summary>One kernel per channel, times <paramref name="multiplier"/>: a convolution with as many groups as channels.</summary>
    public static Node Depthwise(this Node x, Size kernel, Size? stride = null, Padding? pad = null, Size? dilation = null,
        int multiplier = 1, bool bias = true, Initializer? init = null, string? name = null, PadMode mode = PadMode.Zero) =>
        x.Conv(x.Channels * multiplier, kernel, stride, pad, dilation, x.Channels, bias, init, name, mode);
}
