using System.Numerics;

namespace Tenfold;

/// <summary>Max pooling: the largest number in each window.</summary>
/// <remarks>
/// <code>y[n, c, h, w] = max over i, j of  x[n, c, h s - p + i d, w s - p + j d]</code>
/// Padding counts as minus infinity, and may be at most half of what a window spans. A NaN in the window wins.
/// Size: as a convolution's; see <see cref="CeilMode"/>. No parameters, no MACs.
/// Zhou and Chellappa, "Computation of Optical Flow Using a Neural Network", 1988; AlexNet (Krizhevsky et al. 2012) lets windows overlap.
/// </remarks>
/// <param name="CeilMode">Rounds the size up instead of down, so that a window may hang over the end; it may not start behind the map and the
/// padding before it (PyTorch's rule: 6 long, kernel 2, stride 3 gives 2, not 3).</param>
public sealed record MaxPool(Size Kernel, Size Stride, Padding Padding, Size Dilation, bool CeilMode) : UnaryOp
{
    public override string Name => "max pool";

    public override Shape Infer(Shape x)
    {
        Require.Map(Name, x);
        var size = Pooling.OutputSize(Name, x.Plane, Kernel, Stride, Padding, Dilation, CeilMode);
        return [x.Batch, x.Channels, size.Height, size.Width];
    }

    protected override void Define<T>(Values<T> x, Values<T> y)
    {
        foreach (var (n, c, h, w) in y.Shape.Positions)
            y[n, c, h, w] = Winner(x, n, c, h, w) is var (row, column) ? x[n, c, row, column] : T.NegativeInfinity;
    }

    protected override Node Gradient(Node x, Node y, Node dy) => new MaxPoolGradient(this).Apply(x, dy);

    /// <summary>Where the window's first maximum in scan order lies; null for a window that touches only padding.</summary>
    internal (int Row, int Column)? Winner<T>(Values<T> x, int n, int c, int h, int w) where T : struct, IBinaryFloatingPointIeee754<T>
    {
        (int Row, int Column)? winner = null;
        for (var i = 0; i < Kernel.Height; i++)
            for (var j = 0; j < Kernel.Width; j++)
            {
                var row = h * Stride.Height - Padding.Top + i * Dilation.Height;
                var column = w * Stride.Width - Padding.Left + j * Dilation.Width;
                if ((uint)row >= (uint)x.Shape.Height || (uint)column >= (uint)x.Shape.Width) continue;
                if (winner is not var (r, q) || x[n, c, row, column] > x[n, c, r, q] || T.IsNaN(x[n, c, row, column])) winner = (row, column);
            }

        return winner;
    }
}

/// <summary>dx of <see cref="MaxPool"/>: each window's gradient goes to its first maximum in scan order. Inputs: x, dy.</summary>
public sealed record MaxPoolGradient(MaxPool Pool) : Op
{
    public override string Name => "max pool gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 2, "x and dy");
        Require.Same(Name, "dy", inputs[1], Pool.Infer(inputs[0]));
        return inputs[0];
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (x, dy, dx) = (inputs[0], inputs[1], output);
        foreach (var (n, c, h, w) in dy.Shape.Positions)
            if (Pool.Winner(x, n, c, h, w) is var (row, column)) dx[n, c, row, column] += dy[n, c, h, w];
    }
}

/// <summary>Average pooling: the mean of each window.</summary>
/// <remarks>
/// <code>y[n, c, h, w] = (1 / count) sum over i, j of  x[n, c, h s - p + i, w s - p + j]</code>
/// Padding is 0 and at most half the kernel. Size: as <see cref="MaxPool"/>'s. No parameters, no MACs. LeCun et al., "Handwritten Digit Recognition
/// with a Back-Propagation Network", 1990.
/// </remarks>
/// <param name="CountIncludePad">Whether the count takes in the padding that a window covers (PyTorch's default) or the map's own pixels only
/// (ONNX's default, and TensorFlow's way). What hangs over the padding in ceil mode never counts.</param>
public sealed record AvgPool(Size Kernel, Size Stride, Padding Padding, bool CeilMode, bool CountIncludePad) : UnaryOp
{
    public override string Name => "avg pool";

    public override Shape Infer(Shape x)
    {
        Require.Map(Name, x);
        var size = Pooling.OutputSize(Name, x.Plane, Kernel, Stride, Padding, dilation: 1, CeilMode);
        return [x.Batch, x.Channels, size.Height, size.Width];
    }

    protected override void Define<T>(Values<T> x, Values<T> y)
    {
        foreach (var (n, c, h, w) in y.Shape.Positions)
        {
            var (rows, columns, count) = Window(x.Shape.Plane, h, w);
            var sum = T.Zero;
            for (var row = rows.From; row < rows.To; row++)
                for (var column = columns.From; column < columns.To; column++) sum += x[n, c, row, column];
            y[n, c, h, w] = sum / T.CreateTruncating(count);
        }
    }

    protected override Node Gradient(Node x, Node y, Node dy) => new AvgPoolGradient(this, x.Shape.Plane).Apply(dy);

    /// <summary>The window's rows and columns that lie in the map, and what its sum is divided by.</summary>
    internal (Interval Rows, Interval Columns, int Count) Window(Size map, int h, int w)
    {
        var rows = Interval.Of(h * Stride.Height - Padding.Top, Kernel.Height);
        var columns = Interval.Of(w * Stride.Width - Padding.Left, Kernel.Width);
        var (rowsIn, columnsIn) = (rows.Within(0, map.Height), columns.Within(0, map.Width));
        return (rowsIn, columnsIn, CountIncludePad
            ? rows.Within(-Padding.Top, map.Height + Padding.Bottom).Length * columns.Within(-Padding.Left, map.Width + Padding.Right).Length
            : rowsIn.Length * columnsIn.Length);
    }
}

/// <summary>dx of <see cref="AvgPool"/>: each window's gradient in equal shares to its pixels. Input: dy.</summary>
/// <param name="Map">The size of x.</param>
public sealed record AvgPoolGradient(AvgPool Pool, Size Map) : Op
{
    public override string Name => "avg pool gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 1, "dy");
        var dy = inputs[0];
        Require.Map(Name, dy);
        Shape x = [dy.Batch, dy.Channels, Map.Height, Map.Width];
        Require.Same(Name, "dy", dy, Pool.Infer(x));
        return x;
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (dy, dx) = (inputs[0], output);
        foreach (var (n, c, h, w) in dy.Shape.Positions)
        {
            var (rows, columns, count) = Pool.Window(Map, h, w);
            for (var row = rows.From; row < rows.To; row++)
                for (var column = columns.From; column < columns.To; column++) dx[n, c, row, column] += dy[n, c, h, w] / T.CreateTruncating(count);
        }
    }
}

/// <summary>Rows or columns, the first and the one behind the last.</summary>
internal readonly record struct Interval(int From, int To)
{
    public static Interval Of(int start, int length) => new(start, start + length);

    public int Length => To - From;

    public Interval Within(int from, int to) => new(Math.Max(From, from), Math.Min(To, to));
}

internal static class Pooling
{
    /// <summary>The size rule of pooling: a convolution's, rounded down or up.</summary>
    public static Size OutputSize(string op, Size x, Size kernel, Size stride, Padding pad, Size dilation, bool ceil)
    {
        var floor = Convolution.OutputSize(op, x, kernel, stride, pad, dilation);
        return new Size(
            Along(floor.Height, x.Height, kernel.Height, stride.Height, pad.Top, pad.Bottom, dilation.Height),
            Along(floor.Width, x.Width, kernel.Width, stride.Width, pad.Left, pad.Right, dilation.Width));

        int Along(int result, int size, int k, int s, int before, int after, int d)
        {
            var span = d * (k - 1) + 1;
            if (Math.Max(before, after) > span / 2) throw new ShapeException($"{op}: padding {before} and {after} is more than half of a window that spans {span}");
            var left = size + before + after - span - (result - 1) * s; // rows that the last window did not reach
            return ceil && left > 0 && (long)result * s < size + before ? result + 1 : result;
        }
    }
}

public static partial class Verbs
{
    /// <summary>The largest number in each window; see <see cref="Tenfold.MaxPool"/>.</summary>
    /// <param name="stride">As the kernel by default: windows side by side.</param>
    /// <param name="pad">None by default.</param>
    public static Node MaxPool(this Node x, Size kernel, Size? stride = null, Padding? pad = null, Size? dilation = null, bool ceilMode = false) =>
        new MaxPool(kernel, stride ?? kernel, pad ?? Padding.None, dilation ?? 1, ceilMode).Apply(x);

    /// <summary>The mean of each window; see <see cref="Tenfold.AvgPool"/>.</summary>
    /// <param name="stride">As the kernel by default: windows side by side.</param>
    /// <param name="pad">None by default.</param>
    /// <param name="countIncludePad">False divides by the number of real pixels at the border.</param>
    public static Node AvgPool(this Node x, Size kernel, Size? stride = null, Padding? pad = null, bool ceilMode = false, bool countIncludePad = true) =>
        new AvgPool(kernel, stride ?? kernel, pad ?? Padding.None, ceilMode, countIncludePad).Apply(x);
}
