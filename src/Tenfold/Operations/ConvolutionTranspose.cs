namespace Tenfold;

/// <summary>Transposed convolution: each input pixel paints its kernel onto the output. The gradient of a convolution with respect to its
/// input, and a learned upsampling of its own.</summary>
/// <remarks>
/// <code>
/// y[n, q O/g + o, h s - p + i d, w s - p + j d] += k[c, o, i, j] * x[n, c, h, w],   q = floor(c / (C/g));   then + b
/// </code>
/// Inputs: x [N, C, H, W], kernel [C, O/g, kh, kw] (PyTorch's order), bias [O] (optional).
/// Size: (H - 1) s - top - bottom + d (kh - 1) + 1 + extra. MACs: C O/g kh kw times the <i>input</i> plane.
/// Zeiler et al., "Deconvolutional Networks", 2010; Long et al., "Fully Convolutional Networks", 2015.
/// </remarks>
/// <param name="Extra">Rows below and columns right of what the kernels reach, in [0, stride): a convolution with a stride maps several input sizes to one.</param>
public sealed record ConvolutionTranspose(Size Stride, Padding Padding, Size Dilation, int Groups, Size Extra) : Op
{
    public override string Name => "conv transpose";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        if (inputs is not ([_, _] or [_, _, _])) throw new ShapeException($"{Name}: takes a map, a kernel and perhaps a bias, not {inputs.Length} inputs");
        var (x, kernel) = (inputs[0], inputs[1]);
        if (x.Rank != 4 || kernel.Rank != 4) throw new ShapeException($"{Name}: takes a map of rank 4 and a kernel of rank 4, not {x} and {kernel}");
        if (kernel[0] != x.Channels) throw new ShapeException($"{Name}: a kernel {kernel} reads {kernel[0]} channels, not {x.Channels}");
        Require.Groups(Name, x.Channels, x.Channels, Groups);
        var channels = Require.Size(Name, (long)kernel[1] * Groups);
        if (inputs is [_, _, var bias] && (bias.Rank != 1 || bias[0] != channels)) throw new ShapeException($"{Name}: a bias {bias} does not fit {channels} channels");
        return [x.Batch, channels,
            Along(x.Height, kernel[2], Stride.Height, Padding.Top, Padding.Bottom, Dilation.Height, Extra.Height),
            Along(x.Width, kernel[3], Stride.Width, Padding.Left, Padding.Right, Dilation.Width, Extra.Width)];
    }

    public override Cost Cost(ReadOnlySpan<Shape> inputs, Shape output) =>
        Tenfold.Cost.Multiplies(inputs[0].Count * (inputs[1].Count / inputs[1][0]), inputs, output);

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (x, k, y) = (inputs[0], inputs[1], output);
        var (perGroupIn, perGroupOut) = (x.Shape[1] / Groups, k.Shape[1]);
        if (inputs.Length > 2)
            foreach (var (n, o, h, w) in y.Shape.Positions) y[n, o, h, w] = inputs[2][o];

        foreach (var (n, c, h, w) in x.Shape.Positions)
            for (var o = 0; o < perGroupOut; o++)
                for (var i = 0; i < k.Shape[2]; i++)
                    for (var j = 0; j < k.Shape[3]; j++)
                    {
                        var row = h * Stride.Height - Padding.Top + i * Dilation.Height;
                        var column = w * Stride.Width - Padding.Left + j * Dilation.Width;
                        if ((uint)row < (uint)y.Shape[2] && (uint)column < (uint)y.Shape[3])
                            y[n, c / perGroupIn * perGroupOut + o, row, column] += k[c, o, i, j] * x[n, c, h, w];
                    }
    }

    // The transpose of the transpose is the convolution; for the kernel, x and dy change places.
    public override IReadOnlyList<Node?> Gradient(Node y, Node dy)
    {
        var (x, kernel) = (y.Inputs[0], y.Inputs[1]);
        var dx = new Convolution(Stride, Padding, Dilation, Groups).Apply(dy, kernel);
        var dk = new ConvolutionWeightGradient(Stride, Padding, Dilation, Groups, new Size(kernel.Shape[2], kernel.Shape[3])).Apply(dy, x);
        return y.Inputs.Count > 2 ? [dx, dk, dy.ChannelSum()] : [dx, dk];
    }

    private int Along(int size, int k, int s, int before, int after, int d, int extra)
    {
        if (k < 1 || s < 1 || d < 1) throw new ShapeException($"{Name}: kernel {k}, stride {s} and dilation {d} must each be at least 1");
        if (before < 0 || after < 0) throw new ShapeException($"{Name}: padding {before} and {after} must not be negative");
        if (extra < 0 || extra >= s) throw new ShapeException($"{Name}: {extra} extra rows or columns; at least 0 and below the stride {s}");
        var painted = (size - 1L) * s + (long)d * (k - 1) + 1 + extra; // at most 2^63 - 10^10
        var result = painted - before - after;
        return result >= 1 && painted <= int.MaxValue
            ? (int)result
            : throw new ShapeException($"{Name}: a map {size} long with kernel {k}, stride {s} and padding {before} and {after} leaves {result}");
    }
}

public static partial class Verbs
{
    /// <summary>Transposed convolution; see <see cref="ConvolutionTranspose"/>. No padding by default.</summary>
    public static Node ConvTranspose(this Node x, int channels, Size kernel, Size? stride = null, Padding? pad = null, Size? dilation = null,
        int groups = 1, bool bias = true, Size? extra = null, Initializer? init = null, string? name = null)
    {
        Require.Groups("conv transpose", x.Channels, channels, groups);
        var op = new ConvolutionTranspose(stride ?? 1, pad ?? Padding.None, dilation ?? 1, groups, extra ?? 0);
        var weight = new Parameter("weight", [x.Channels, channels / groups, kernel.Height, kernel.Width], init ?? Initializer.Default).Apply();
        return bias
            ? op.Apply([x, weight, new Parameter("bias", [channels], Initializer.Zeros).Apply()], name)
            : op.Apply([x, weight], name);
    }
}
