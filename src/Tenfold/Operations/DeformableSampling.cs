using System.Numerics;

namespace Tenfold;

/// <summary>Where a deformable convolution samples: the taps of a convolution, each moved by a learned offset.</summary>
/// <remarks>
/// Tap k = i kw + j of output pixel (h, w) stands at row h s - p + i d + dy and column w s - p + j d + dx. Offsets [N, 2 G K, Ho, Wo], K = kh kw:
/// channel 2 (q K + k) holds dy and the next one dx of offset group q, which serves the input channels q C/G and following.
/// Masks [N, G K, Ho, Wo]: channel q K + k. (The order of torchvision and ONNX.)
/// <para>A sample is bilinear in the four pixels around it, each 0 outside the map, so that it fades within a pixel of the border; from a
/// pixel outside on, and for an offset that is not a number, it is 0. Where a coordinate is a whole number, the derivative is that of the cell behind it.</para>
/// </remarks>
/// <param name="OffsetGroups">G: the channels share offsets in so many groups.</param>
public readonly record struct DeformableGrid(Size Kernel, Size Stride, Padding Padding, Size Dilation, int OffsetGroups)
{
    /// <summary>The size of the output plane.</summary>
    internal Size Infer(string op, Shape x, Shape offset, Shape? mask)
    {
        Require.Map(op, x);
        if (OffsetGroups < 1 || x.Channels % OffsetGroups != 0) throw new ShapeException($"{op}: {x.Channels} channels do not divide into {OffsetGroups} offset groups");
        var size = Convolution.OutputSize(op, x.Plane, Kernel, Stride, Padding, Dilation);
        var taps = (long)Kernel.Height * Kernel.Width;
        Require.Size(op, 2 * taps);
        Require.Size(op, x.Channels * taps);
        Require.Same(op, "the offset", offset, [x.Batch, Require.Size(op, 2 * taps * OffsetGroups), size.Height, size.Width]);
        if (mask is { } m) Require.Same(op, "the mask", m, [x.Batch, (int)taps * OffsetGroups, size.Height, size.Width]);
        return size;
    }

    /// <summary>Every place of the columns [N, C K, Ho, Wo], with where it is sampled.</summary>
    internal IEnumerable<Sample<T>> Samples<T>(Shape columns, Values<T> offset, Values<T>? mask) where T : struct, IBinaryFloatingPointIeee754<T>
    {
        var taps = Kernel.Area;
        var perGroup = columns.Channels / taps / OffsetGroups;
        foreach (var (n, k, h, w) in columns.Positions)
        {
            var (c, tap) = Math.DivRem(k, taps);
            var (i, j) = Math.DivRem(tap, Kernel.Width);
            var channel = c / perGroup * taps + tap;
            yield return new Sample<T>(n, k, h, w, c, channel,
                T.CreateTruncating(h * Stride.Height - Padding.Top + i * Dilation.Height) + offset[n, 2 * channel, h, w],
                T.CreateTruncating(w * Stride.Width - Padding.Left + j * Dilation.Width) + offset[n, 2 * channel + 1, h, w],
                mask is null ? T.One : mask[n, channel, h, w]);
        }
    }

    /// <summary>One number of the columns: channel k of output pixel (n, h, w), read from channel c of the map at (Row, Column), times Mask;
    /// Channel is that of the mask, and half that of the offsets.</summary>
    internal readonly record struct Sample<T>(int N, int K, int H, int W, int C, int Channel, T Row, T Column, T Mask) where T : struct, IBinaryFloatingPointIeee754<T>
    {
        /// <summary>The pixels in the map around the sample, with their weights and the derivatives of these by row and by column.</summary>
        /// <remarks>None for coordinates at which no pixel can be near, infinite ones and NaN among them.</remarks>
        public IEnumerable<(int Row, int Column, T Weight, T ByRow, T ByColumn)> Corners(Size map)
        {
            if (!(Row >= -T.One && Row < T.CreateTruncating(map.Height) && Column >= -T.One && Column < T.CreateTruncating(map.Width))) yield break;
            var (top, left) = (T.Floor(Row), T.Floor(Column));
            var (a, b) = (Row - top, Column - left);
            for (var i = 0; i < 2; i++)
                for (var j = 0; j < 2; j++)
                {
                    var (row, column) = (int.CreateTruncating(top) + i, int.CreateTruncating(left) + j);
                    if ((uint)row >= (uint)map.Height || (uint)column >= (uint)map.Width) continue;
                    var (down, right) = (i == 0 ? T.One - a : a, j == 0 ? T.One - b : b);
                    yield return (row, column, down * right, i == 0 ? -right : right, j == 0 ? -down : down);
                }
        }
    }
}

/// <summary>The samples of a deformable convolution as a map, from which a 1x1 convolution makes the rest.</summary>
/// <remarks>
/// <code>y[n, c K + k, h, w] = mask * x[n, c] at the place that <see cref="DeformableGrid"/> gives for tap k of pixel (h, w)</code>
/// Inputs: x [N, C, H, W], offset, mask (optional). MACs: 4 for each sample.
/// </remarks>
public sealed record DeformableSampling(DeformableGrid Grid) : Op
{
    public override string Name => "deformable sampling";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        if (inputs is not ([_, _] or [_, _, _])) throw new ShapeException($"{Name}: takes a map, an offset and perhaps a mask, not {inputs.Length} inputs");
        var size = Grid.Infer(Name, inputs[0], inputs[1], inputs is [_, _, var mask] ? mask : null);
        return [inputs[0].Batch, inputs[0].Channels * Grid.Kernel.Area, size.Height, size.Width];
    }

    public override Cost Cost(ReadOnlySpan<Shape> inputs, Shape output) => Tenfold.Cost.Multiplies(4 * output.Count, inputs, output);

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var x = inputs[0];
        foreach (var at in Grid.Samples(output.Shape, inputs[1], inputs.Length > 2 ? inputs[2] : null))
        {
            var sum = T.Zero;
            foreach (var (row, column, weight, _, _) in at.Corners(x.Shape.Plane)) sum += weight * x[at.N, at.C, row, column];
            output[at.N, at.K, at.H, at.W] = at.Mask * sum;
        }
    }

    public override IReadOnlyList<Node?> Gradient(Node y, Node dy)
    {
        var (x, offset) = (y.Inputs[0], y.Inputs[1]);
        var dx = new DeformableInputGradient(Grid, x.Shape.Plane);
        var doffset = new DeformableOffsetGradient(Grid);
        return y.Inputs is [_, _, var mask]
            ? [dx.Apply(dy, offset, mask), doffset.Apply(dy, x, offset, mask), new DeformableMaskGradient(Grid).Apply(dy, x, offset)]
            : [dx.Apply(dy, offset), doffset.Apply(dy, x, offset)];
    }
}

/// <summary>dx of <see cref="DeformableSampling"/>: every pixel collects, by weight, from the samples it took part in. Inputs: dy, offset, mask (optional).</summary>
/// <param name="Map">The size of x.</param>
public sealed record DeformableInputGradient(DeformableGrid Grid, Size Map) : Op
{
    public override string Name => "deformable input gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        if (inputs is not ([_, _] or [_, _, _])) throw new ShapeException($"{Name}: takes dy, an offset and perhaps a mask, not {inputs.Length} inputs");
        Require.Map(Name, inputs[0]);
        if (Grid.Kernel.Height < 1 || Grid.Kernel.Width < 1) throw new ShapeException($"{Name}: a kernel {Grid.Kernel}; at least 1x1");
        Shape x = [inputs[0].Batch, Require.Size(Name, inputs[0].Channels / ((long)Grid.Kernel.Height * Grid.Kernel.Width)), Map.Height, Map.Width];
        Require.Same(Name, "dy", inputs[0], new DeformableSampling(Grid).Infer([x, .. inputs[1..]]));
        return x;
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (dy, dx) = (inputs[0], output);
        foreach (var at in Grid.Samples(dy.Shape, inputs[1], inputs.Length > 2 ? inputs[2] : null))
            foreach (var (row, column, weight, _, _) in at.Corners(Map))
                dx[at.N, at.C, row, column] += at.Mask * weight * dy[at.N, at.K, at.H, at.W];
    }
}

/// <summary>What moving each sample down or right changes, summed over the channels that share the offset. Inputs: dy, x, offset, mask (optional).</summary>
public sealed record DeformableOffsetGradient(DeformableGrid Grid) : Op
{
    public override string Name => "deformable offset gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        if (inputs is not ([_, _, _] or [_, _, _, _])) throw new ShapeException($"{Name}: takes dy, a map, an offset and perhaps a mask, not {inputs.Length} inputs");
        Require.Same(Name, "dy", inputs[0], new DeformableSampling(Grid).Infer(inputs[1..]));
        return inputs[2];
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (dy, x, doffset) = (inputs[0], inputs[1], output);
        foreach (var at in Grid.Samples(dy.Shape, inputs[2], inputs.Length > 3 ? inputs[3] : null))
        {
            var pull = at.Mask * dy[at.N, at.K, at.H, at.W];
            foreach (var (row, column, _, byRow, byColumn) in at.Corners(x.Shape.Plane))
            {
                doffset[at.N, 2 * at.Channel, at.H, at.W] += pull * byRow * x[at.N, at.C, row, column];
                doffset[at.N, 2 * at.Channel + 1, at.H, at.W] += pull * byColumn * x[at.N, at.C, row, column];
            }
        }
    }
}

/// <summary>The samples before the mask times dy, summed over the channels that share the mask. Inputs: dy, x, offset.</summary>
public sealed record DeformableMaskGradient(DeformableGrid Grid) : Op
{
    public override string Name => "deformable mask gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 3, "dy, a map and an offset");
        Require.Same(Name, "dy", inputs[0], new DeformableSampling(Grid).Infer(inputs[1..]));
        return inputs[2].With(1, inputs[2].Channels / 2);
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (dy, x, dmask) = (inputs[0], inputs[1], output);
        foreach (var at in Grid.Samples(dy.Shape, inputs[2], mask: null))
            foreach (var (row, column, weight, _, _) in at.Corners(x.Shape.Plane))
                dmask[at.N, at.Channel, at.H, at.W] += dy[at.N, at.K, at.H, at.W] * weight * x[at.N, at.C, row, column];
    }
}
