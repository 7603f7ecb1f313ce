using System.Numerics;

namespace Tenfold;

/// <summary>How a number between pixels is found: the nearest pixel's (of two the even one's), or between the nearest two or four along each axis.</summary>
public enum GridMode
{
    Nearest,
    Bilinear,

    /// <summary>Keys' cubic with a = -0.75, as PyTorch and OpenCV have it.</summary>
    Bicubic,
}

/// <summary>What lies outside of a map: zeros, its edge repeated, or its mirror image.</summary>
public enum GridPadding
{
    Zeros,
    Border,
    Reflection,
}

/// <summary>A map read at the places that a grid names: the sampler of spatial transformers.</summary>
/// <remarks>
/// <code>y[n, c, h, w] = x[n, c] at column (g0 + 1) W/2 - 1/2 and row (g1 + 1) H/2 - 1/2,   (g0, g1) = grid[n, h, w]</code>
/// So -1 and 1 are the outer edges of the map; with <paramref name="AlignCorners"/> they are the centres of its outermost pixels, (g + 1) (size - 1)/2, and the
/// mirrors of <see cref="GridPadding.Reflection"/> stand there too. A place that is not a number is read as 0. Inputs: x [N, C, H, W], grid [N, Ho, Wo, 2]. MACs: 1, 4 or 16
/// for each number. Jaderberg, Simonyan, Zisserman, Kavukcuoglu, "Spatial Transformer Networks", NIPS 2015; the conventions are those of PyTorch's grid_sample and of ONNX.
/// </remarks>
public sealed record GridSampling(GridMode Mode, GridPadding Outside, bool AlignCorners) : Op
{
    public override string Name => "grid sampling";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 2, "a map and a grid");
        var (x, grid) = (inputs[0], inputs[1]);
        Require.Map(Name, x);
        if (grid.Rank != 4 || grid[3] != 2 || grid[0] != x.Batch) throw new ShapeException($"{Name}: a grid {grid} for {x}; it must be {x.Batch}, height, width, 2");
        return [x.Batch, x.Channels, grid[1], grid[2]];
    }

    public override Cost Cost(ReadOnlySpan<Shape> inputs, Shape output) => Tenfold.Cost.Multiplies(checked(output.Count * Taps * Taps), inputs, output);

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var x = inputs[0];
        foreach (var at in Samples(inputs[1], x.Shape.Plane))
            for (var c = 0; c < x.Shape.Channels; c++)
                output[at.N, c, at.H, at.W] += at.Weight * x[at.N, c, at.Row, at.Column];
    }

    public override IReadOnlyList<Node?> Gradient(Node y, Node dy)
    {
        var (x, grid) = (y.Inputs[0], y.Inputs[1]);
        return [new GridInputGradient(this, x.Shape.Plane).Apply(dy, grid), Mode == GridMode.Nearest ? null : new GridGradient(this).Apply(dy, x, grid)];
    }

    /// <summary>At most so many pixels along an axis take part in a number.</summary>
    internal int Taps => Mode switch { GridMode.Nearest => 1, GridMode.Bilinear => 2, _ => 4 };

    /// <summary>One pixel of the map's part in one pixel of the output, and the derivatives of its weight by the grid's two numbers.</summary>
    internal readonly record struct Sample<T>(int N, int H, int W, int Row, int Column, T Weight, T ByRow, T ByColumn);

    internal IEnumerable<Sample<T>> Samples<T>(Values<T> grid, Size map) where T : struct, IBinaryFloatingPointIeee754<T>
    {
        var (rows, columns) = (new GridTap<T>[4], new GridTap<T>[4]);
        for (var n = 0; n < grid.Shape[0]; n++)
            for (var h = 0; h < grid.Shape[1]; h++)
                for (var w = 0; w < grid.Shape[2]; w++)
                {
                    var down = Along(grid[n, h, w, 1], map.Height, rows);
                    var right = Along(grid[n, h, w, 0], map.Width, columns);
                    for (var i = 0; i < down; i++)
                        for (var j = 0; j < right; j++)
                        {
                            var (row, column) = (rows[i], columns[j]);
                            yield return new Sample<T>(n, h, w, row.Pixel, column.Pixel, row.Weight * column.Weight, row.Slope * column.Weight, row.Weight * column.Slope);
                        }
                }
    }

    /// <summary>The pixels of an axis that take part, at most four; how many they are.</summary>
    internal int Along<T>(T coordinate, int size, Span<GridTap<T>> taps) where T : struct, IBinaryFloatingPointIeee754<T>
    {
        var (half, length) = (T.CreateTruncating(0.5), T.CreateTruncating(size));
        var place = AlignCorners ? (coordinate + T.One) * half * (length - T.One) : ((coordinate + T.One) * length - T.One) * half;
        if (Outside == GridPadding.Reflection)
        {
            var period = 2 * (AlignCorners ? size - 1 : size); // of the mirror images
            if (period > 0) place -= T.CreateTruncating(period) * T.Floor(place / T.CreateTruncating(period));
            else if (T.IsFinite(place)) place = T.Zero;
            if (!T.IsFinite(place)) return 0;
            if (Mode == GridMode.Nearest && place > length - (AlignCorners ? T.One : half)) place = T.CreateTruncating(period - (AlignCorners ? 0 : 1)) - place; // of two the even one, as seen in the mirror
        }
        else
        {
            if (T.IsNaN(place)) return 0;
            place = T.Clamp(place, T.CreateTruncating(-4), length + T.CreateTruncating(3)); // further out nothing changes
        }

        if (Mode == GridMode.Nearest) return Tap(int.CreateTruncating(T.Round(place, MidpointRounding.ToEven)), T.One, T.Zero, 0, taps);
        var first = T.Floor(place);
        var (pixel, t) = (int.CreateTruncating(first), place - first);
        var scale = AlignCorners ? (length - T.One) * half : length * half; // pixels to one of the grid's units
        if (Mode == GridMode.Bilinear) return Tap(pixel + 1, t, scale, Tap(pixel, T.One - t, -scale, 0, taps), taps);
        var count = 0;
        for (var i = -1; i <= 2; i++)
        {
            var (weight, slope) = Cubic(T.Abs(t - T.CreateTruncating(i)));
            count = Tap(pixel + i, weight, i <= 0 ? slope * scale : -slope * scale, count, taps);
        }

        return count;

        int Tap(int at, T weight, T slope, int count, Span<GridTap<T>> to)
        {
            if (Outside == GridPadding.Border) at = Math.Clamp(at, 0, size - 1);
            else if (Outside == GridPadding.Reflection)
            {
                var period = Math.Max(1, 2 * (AlignCorners ? size - 1 : size));
                at = (at % period + period) % period;
                if (at >= size) at = period - (AlignCorners ? 0 : 1) - at;
            }
            else if ((uint)at >= (uint)size) return count;
            to[count] = new GridTap<T>(at, weight, slope);
            return count + 1;
        }
    }

    // Keys' cubic at a distance of 0 to 2, and its derivative.
    private static (T Value, T Slope) Cubic<T>(T d) where T : struct, IBinaryFloatingPointIeee754<T>
    {
        var a = N(-0.75);
        return d <= T.One
            ? (((a + N(2)) * d - (a + N(3))) * d * d + T.One, (N(3) * (a + N(2)) * d - N(2) * (a + N(3))) * d)
            : (((a * d - N(5) * a) * d + N(8) * a) * d - N(4) * a, (N(3) * a * d - N(10) * a) * d + N(8) * a);

        static T N(double number) => T.CreateTruncating(number);
    }
}

/// <summary>A pixel of an axis with its weight and the derivative of that by the grid's number.</summary>
internal readonly record struct GridTap<T>(int Pixel, T Weight, T Slope);

/// <summary>dx of <see cref="GridSampling"/>: every pixel collects, by weight, from the samples it took part in. Inputs: dy, grid.</summary>
/// <param name="Map">The size of x.</param>
public sealed record GridInputGradient(GridSampling Sampling, Size Map) : Op
{
    public override string Name => "grid input gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 2, "dy and a grid");
        Require.Map(Name, inputs[0]);
        Shape x = [inputs[0].Batch, inputs[0].Channels, Map.Height, Map.Width];
        Require.Same(Name, "dy", inputs[0], Sampling.Infer([x, inputs[1]]));
        return x;
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        foreach (var at in Sampling.Samples(inputs[1], Map))
            for (var c = 0; c < output.Shape.Channels; c++)
                output[at.N, c, at.Row, at.Column] += at.Weight * inputs[0][at.N, c, at.H, at.W];
    }
}

/// <summary>What moving each sample changes, summed over the channels. Inputs: dy, x, grid.</summary>
public sealed record GridGradient(GridSampling Sampling) : Op
{
    public override string Name => "grid gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 3, "dy, a map and a grid");
        Require.Same(Name, "dy", inputs[0], Sampling.Infer(inputs[1..]));
        return inputs[2];
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (dy, x) = (inputs[0], inputs[1]);
        foreach (var at in Sampling.Samples(inputs[2], x.Shape.Plane))
            for (var c = 0; c < x.Shape.Channels; c++)
            {
                var pull = dy[at.N, c, at.H, at.W] * x[at.N, c, at.Row, at.Column];
                output[at.N, at.H, at.W, 0] += pull * at.ByColumn;
                output[at.N, at.H, at.W, 1] += pull * at.ByRow;
            }
    }
}

public static partial class Verbs
{
    /// <summary>The map at the places that the grid names; see <see cref="Tenfold.GridSampling"/>.</summary>
    public static Node GridSample(this Node x, Node grid, GridMode mode = GridMode.Bilinear, GridPadding outside = GridPadding.Zeros, bool alignCorners = false) =>
        new GridSampling(mode, outside, alignCorners).Apply(x, grid);
}
