using System.Numerics;

namespace Tenfold;

/// <summary>How a map is read between its pixels.</summary>
public enum Interpolation
{
    /// <summary>Pixel floor(i from / to).</summary>
    Nearest,

    /// <summary>Linear along both axes between pixel centres, which lie at halves: place (i + 1/2) from / to - 1/2, not below 0. The map's edges match.</summary>
    Bilinear,

    /// <summary>The same with the centres of the corner pixels matching (PyTorch's align_corners): place i (from - 1) / (to - 1).</summary>
    BilinearCorners,
}

/// <summary>A map in another size.</summary>
/// <remarks>No parameters, no MACs. The places are PyTorch's; behind the last pixel the map goes on unchanged.</remarks>
public sealed record Resize(Size Size, Interpolation Mode) : UnaryOp
{
    public override string Name => "resize";

    public override Shape Infer(Shape x)
    {
        Require.Map(Name, x);
        return [x.Batch, x.Channels, Require.Size(Name, Size.Height), Require.Size(Name, Size.Width)];
    }

    protected override void Define<T>(Values<T> x, Values<T> y)
    {
        foreach (var (n, c, h, w) in y.Shape.Positions)
            foreach (var (row, column, weight) in Sources<T>(x.Shape.Plane, h, w)) y[n, c, h, w] += weight * x[n, c, row, column];
    }

    protected override Node Gradient(Node x, Node y, Node dy) => new ResizeGradient(this, x.Shape.Plane).Apply(dy);

    /// <summary>The pixels of the map that make pixel (h, w), and their weights.</summary>
    internal (int Row, int Column, T Weight)[] Sources<T>(Size map, int h, int w) where T : struct, IBinaryFloatingPointIeee754<T>
    {
        var (row, down) = Along(h, map.Height, Size.Height);
        var (column, right) = Along(w, map.Width, Size.Width);
        var (below, beside) = (Math.Min(row + 1, map.Height - 1), Math.Min(column + 1, map.Width - 1));
        if (Mode == Interpolation.Nearest) return [(row, column, T.One)];
        var (a, b) = (T.CreateTruncating(down), T.CreateTruncating(right));
        return
        [
            (row, column, (T.One - a) * (T.One - b)), (row, beside, (T.One - a) * b),
            (below, column, a * (T.One - b)), (below, beside, a * b),
        ];
    }

    /// <summary>The pixel at or before place i, and how far behind it the place lies, in [0, 1).</summary>
    internal (int Pixel, double Fraction) Along(int i, int from, int to)
    {
        if (Mode == Interpolation.Nearest) return ((int)((long)i * from / to), 0);
        var place = Mode == Interpolation.Bilinear ? Math.Max(0, (i + 0.5) * from / to - 0.5)
            : to > 1 ? (double)i * (from - 1) / (to - 1) : 0;
        var pixel = Math.Min((int)place, from - 1);
        return (pixel, place - pixel);
    }
}

/// <summary>dx of <see cref="Resize"/>: every pixel collects, by weight, from the pixels that it made. Input: dy.</summary>
/// <param name="Map">The size of x.</param>
public sealed record ResizeGradient(Resize Resize, Size Map) : Op
{
    public override string Name => "resize gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 1, "dy");
        var dy = inputs[0];
        Require.Map(Name, dy);
        Shape x = [dy.Batch, dy.Channels, Map.Height, Map.Width];
        Require.Same(Name, "dy", dy, Resize.Infer(x));
        return x;
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (dy, dx) = (inputs[0], output);
        foreach (var (n, c, h, w) in dy.Shape.Positions)
            foreach (var (row, column, weight) in Resize.Sources<T>(Map, h, w)) dx[n, c, row, column] += weight * dy[n, c, h, w];
    }
}

public static partial class Verbs
{
    /// <summary>The map in another size; see <see cref="Tenfold.Resize"/>.</summary>
    public static Node Resize(this Node x, Size size, Interpolation mode = Interpolation.Bilinear) => x.Shape.Plane == size ? x : new Resize(size, mode).Apply(x);
}
