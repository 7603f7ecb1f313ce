using System.Numerics;

namespace Tenfold;

/// <summary>Average pooling to a size: the map is divided into that many bins. To 1x1 it is global average pooling.</summary>
/// <remarks>
/// Bin i of n along H rows is [floor(i H / n), ceil((i + 1) H / n)); bins overlap where n does not divide H. No parameters, no MACs.
/// Global average pooling in place of large linear layers: Lin, Chen, Yan, "Network in Network", ICLR 2014, section 3.2.
/// </remarks>
public sealed record AdaptiveAvgPool(Size Size) : UnaryOp
{
    public override string Name => Size == 1 ? "global avg pool" : "adaptive avg pool";

    public override Shape Infer(Shape x) => Bins.Infer(Name, x, Size);

    protected override void Define<T>(Values<T> x, Values<T> y)
    {
        foreach (var (n, c, h, w) in y.Shape.Positions)
        {
            var (rows, columns) = Bins.Of(x.Shape.Plane, Size, h, w);
            var sum = T.Zero;
            for (var row = rows.From; row < rows.To; row++)
                for (var column = columns.From; column < columns.To; column++) sum += x[n, c, row, column];
            y[n, c, h, w] = sum / T.CreateTruncating(rows.Length * columns.Length);
        }
    }

    protected override Node Gradient(Node x, Node y, Node dy) => new AdaptiveAvgPoolGradient(x.Shape.Plane).Apply(dy);
}

/// <summary>dx of <see cref="AdaptiveAvgPool"/>: each bin's gradient in equal shares to its pixels. Input: dy.</summary>
/// <param name="Map">The size of x.</param>
public sealed record AdaptiveAvgPoolGradient(Size Map) : Op
{
    public override string Name => "adaptive avg pool gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 1, "dy");
        var dy = inputs[0];
        Require.Map(Name, dy);
        return [dy.Batch, dy.Channels, Map.Height, Map.Width];
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (dy, dx) = (inputs[0], output);
        foreach (var (n, c, h, w) in dy.Shape.Positions)
        {
            var (rows, columns) = Bins.Of(Map, dy.Shape.Plane, h, w);
            var share = dy[n, c, h, w] / T.CreateTruncating(rows.Length * columns.Length);
            for (var row = rows.From; row < rows.To; row++)
                for (var column = columns.From; column < columns.To; column++) dx[n, c, row, column] += share;
        }
    }
}

/// <summary>Max pooling to a size, over the bins of <see cref="AdaptiveAvgPool"/>. To 1x1 it is global max pooling.</summary>
public sealed record AdaptiveMaxPool(Size Size) : UnaryOp
{
    public override string Name => Size == 1 ? "global max pool" : "adaptive max pool";

    public override Shape Infer(Shape x) => Bins.Infer(Name, x, Size);

    protected override void Define<T>(Values<T> x, Values<T> y)
    {
        foreach (var (n, c, h, w) in y.Shape.Positions)
        {
            var (row, column) = Winner(x, n, c, h, w);
            y[n, c, h, w] = x[n, c, row, column];
        }
    }

    protected override Node Gradient(Node x, Node y, Node dy) => new AdaptiveMaxPoolGradient(Size).Apply(x, dy);

    /// <summary>Where the bin's first maximum in scan order lies; a NaN wins.</summary>
    internal (int Row, int Column) Winner<T>(Values<T> x, int n, int c, int h, int w) where T : struct, IBinaryFloatingPointIeee754<T>
    {
        var (rows, columns) = Bins.Of(x.Shape.Plane, Size, h, w);
        var (r, q) = (rows.From, columns.From);
        for (var row = rows.From; row < rows.To; row++)
            for (var column = columns.From; column < columns.To; column++)
                if (x[n, c, row, column] > x[n, c, r, q] || T.IsNaN(x[n, c, row, column])) (r, q) = (row, column);
        return (r, q);
    }
}

/// <summary>dx of <see cref="AdaptiveMaxPool"/>: each bin's gradient goes to its first maximum in scan order. Inputs: x, dy.</summary>
public sealed record AdaptiveMaxPoolGradient(Size Size) : Op
{
    public override string Name => "adaptive max pool gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 2, "x and dy");
        Require.Same(Name, "dy", inputs[1], Bins.Infer(Name, inputs[0], Size));
        return inputs[0];
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (x, dy, dx) = (inputs[0], inputs[1], output);
        var pool = new AdaptiveMaxPool(Size);
        foreach (var (n, c, h, w) in dy.Shape.Positions)
        {
            var (row, column) = pool.Winner(x, n, c, h, w);
            dx[n, c, row, column] += dy[n, c, h, w];
        }
    }
}

internal static class Bins
{
    public static Shape Infer(string op, Shape x, Size size)
    {
        Require.Map(op, x);
        return [x.Batch, x.Channels, Require.Size(op, size.Height), Require.Size(op, size.Width)];
    }

    public static (Interval Rows, Interval Columns) Of(Size map, Size bins, int h, int w) =>
        (Along(h, map.Height, bins.Height), Along(w, map.Width, bins.Width));

    private static Interval Along(int i, int size, int bins) => new((int)((long)i * size / bins), (int)(((i + 1L) * size + bins - 1) / bins));
}

public static partial class Verbs
{
    /// <summary>The mean of each of size bins; see <see cref="Tenfold.AdaptiveAvgPool"/>.</summary>
    public static Node AdaptiveAvgPool(this Node x, Size size) => new AdaptiveAvgPool(size).Apply(x);

    /// <summary>The largest number of each of size bins.</summary>
    public static Node AdaptiveMaxPool(this Node x, Size size) => new AdaptiveMaxPool(size).Apply(x);

    /// <summary>The mean of each plane: [N, C, H, W] -> [N, C, 1, 1].</summary>
    public static Node GlobalAvgPool(this Node x) => x.AdaptiveAvgPool(1);

    /// <summary>The largest number of each plane: [N, C, H, W] -> [N, C, 1, 1].</summary>
    public static Node GlobalMaxPool(this Node x) => x.AdaptiveMaxPool(1);
}
