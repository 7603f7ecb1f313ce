namespace Tenfold;

/// <summary>Deformable convolution: every tap of the kernel reads where an offset, different at every pixel, has moved it.</summary>
/// <remarks>
/// <code>
/// y[n, o, h, w] = b[o] + sum over c &lt; C/g, i, j of  k[o, c, i, j] m x[n, q C/g + c](h s - p + i d + dy, w s - p + j d + dx),   q = floor(o / (O/g))
/// </code>
/// Inputs: x [N, C, H, W], kernel [O, C/g, kh, kw], offset [N, 2 G kh kw, Ho, Wo], mask [N, G kh kw, Ho, Wo] when <paramref name="Masked"/>
/// (else m = 1), bias [O] (optional). <see cref="DeformableGrid"/> gives the order of the offsets and how a map is read between pixels.
/// Weight groups g and offset groups G are independent. Size and parameters: a convolution's. MACs: a convolution's and 4 for each sample,
/// C kh kw samples to a pixel.
/// <para>With zero offsets (and a mask of ones) it is a convolution. Version 1: Dai et al., "Deformable Convolutional Networks", ICCV 2017;
/// version 2, with the mask: Zhu et al., "Deformable ConvNets v2", CVPR 2019.</para>
/// </remarks>
/// <param name="Groups">Of channels and kernels, as in a convolution.</param>
/// <param name="OffsetGroups">Of channels that share their offsets.</param>
/// <param name="Masked">Whether a mask follows the offset, so that with four inputs the last is not taken for a bias.</param>
public sealed record DeformableConvolution(Size Stride, Padding Padding, Size Dilation, int Groups, int OffsetGroups, bool Masked) : Op
{
    public override string Name => "deformable conv";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        var least = Masked ? 4 : 3;
        if (inputs.Length != least && inputs.Length != least + 1)
            throw new ShapeException($"{Name}: takes a map, a kernel, an offset{(Masked ? ", a mask" : "")} and perhaps a bias, not {inputs.Length} inputs");
        var (x, kernel) = (inputs[0], inputs[1]);
        if (x.Rank != 4 || kernel.Rank != 4) throw new ShapeException($"{Name}: takes a map of rank 4 and a kernel of rank 4, not {x} and {kernel}");
        Require.Groups(Name, x.Channels, kernel[0], Groups);
        if (kernel[1] != x.Channels / Groups) throw new ShapeException($"{Name}: a kernel {kernel} reads {kernel[1]} channels, but {x.Channels} channels in {Groups} groups are {x.Channels / Groups}");
        if (inputs.Length > least && (inputs[^1].Rank != 1 || inputs[^1][0] != kernel[0])) throw new ShapeException($"{Name}: a bias {inputs[^1]} does not fit {kernel[0]} channels");
        var size = Grid(kernel).Infer(Name, x, inputs[2], Masked ? inputs[3] : null);
        return [x.Batch, kernel[0], size.Height, size.Width];
    }

    public override Cost Cost(ReadOnlySpan<Shape> inputs, Shape output)
    {
        var (x, kernel) = (inputs[0], inputs[1]);
        var samples = output.Count / output.Channels * x.Channels * kernel[2] * kernel[3];
        return Tenfold.Cost.Multiplies(output.Count * (kernel.Count / kernel[0]) + 4 * samples, inputs, output);
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (x, k, offset, y) = (inputs[0], inputs[1], inputs[2], output);
        var (taps, perGroupIn, perGroupOut) = (k.Shape[2] * k.Shape[3], k.Shape[1], y.Shape[1] / Groups);
        if (inputs.Length > (Masked ? 4 : 3))
            foreach (var (n, o, h, w) in y.Shape.Positions) y[n, o, h, w] = inputs[^1][o];

        foreach (var at in Grid(k.Shape).Samples(y.Shape.With(1, x.Shape.Channels * taps), offset, Masked ? inputs[3] : null))
        {
            var sample = T.Zero;
            foreach (var (row, column, weight, _, _) in at.Corners(x.Shape.Plane)) sample += weight * x[at.N, at.C, row, column];
            var group = at.C / perGroupIn;
            for (var o = group * perGroupOut; o < (group + 1) * perGroupOut; o++)
                y[at.N, o, at.H, at.W] += k.Plane(o, at.C % perGroupIn)[at.K % taps] * at.Mask * sample;
        }
    }

    // A 1x1 convolution over the samples, and its gradient.
    public override IReadOnlyList<Node?> Gradient(Node y, Node dy)
    {
        var (x, kernel, offset) = (y.Inputs[0], y.Inputs[1], y.Inputs[2]);
        var pointwise = new Convolution(1, Padding.None, 1, Groups);
        var columns = new DeformableSampling(Grid(kernel.Shape)).Apply(Masked ? [x, offset, y.Inputs[3]] : [x, offset]);
        var matrix = new Reshape([kernel.Shape[0], (int)(kernel.Shape.Count / kernel.Shape[0]), 1, 1], Kept: 0).Apply(kernel);
        var product = y.Inputs.Count > (Masked ? 4 : 3) ? pointwise.Apply(columns, matrix, y.Inputs[^1]) : pointwise.Apply(columns, matrix);
        var toProduct = pointwise.Gradient(product, dy);
        var toSamples = columns.Op.Gradient(columns, toProduct[0]!);
        var dkernel = new Reshape(kernel.Shape, Kept: 0).Apply(toProduct[1]!);
        return [toSamples[0], dkernel, .. toSamples.Skip(1), .. toProduct.Skip(2)];
    }

    private DeformableGrid Grid(Shape kernel) => new(new Size(kernel[2], kernel[3]), Stride, Padding, Dilation, OffsetGroups);
}

public static partial class Verbs
{
    /// <summary>Deformable convolution with given offsets, and a mask for version 2; see <see cref="DeformableConvolution"/>.</summary>
    /// <param name="offset">[N, 2 G kh kw, Ho, Wo]: its channels tell the number G of offset groups.</param>
    /// <param name="mask">[N, G kh kw, Ho, Wo], as it is: whoever makes it applies the sigmoid.</param>
    /// <param name="pad">Centred by default, as <see cref="Conv"/>'s.</param>
    public static Node DeformableConv(this Node x, Node offset, Node? mask, int channels, Size kernel, Size? stride = null, Padding? pad = null,
        Size? dilation = null, int groups = 1, bool bias = true, Initializer? init = null, string? name = null)
    {
        const string op = "deformable conv";
        Require.Groups(op, x.Channels, channels, groups);
        var perGroup = 2L * kernel.Height * kernel.Width;
        if (perGroup < 1 || offset.Channels % perGroup != 0) throw new ShapeException($"{op}: {offset.Channels} offset channels do not divide into 2 for each of {kernel} taps");
        var spread = dilation ?? 1;
        var layer = new DeformableConvolution(stride ?? 1, pad ?? Padding.Same(kernel, spread), spread, groups, (int)(offset.Channels / perGroup), mask is not null);
        List<Node> inputs = [x, new Parameter("weight", [channels, x.Channels / groups, kernel.Height, kernel.Width], init ?? Initializer.KaimingFanOut).Apply(), offset];
        if (mask is not null) inputs.Add(mask);
        if (bias) inputs.Add(new Parameter("bias", [channels], Initializer.Zeros).Apply());
        return layer.Apply([.. inputs], name);
    }
}
