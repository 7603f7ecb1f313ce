using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tenfold.Kernels;

/// <summary>Outer products whose products come in pairs, 3 for 2 multiply-adds, where <see cref="Simd.Pairs"/> says that it pays.</summary>
/// <remarks>
/// Each product in a pair is the difference of a product of sums x + d and of products x x' and d d', so its rounding is that of the larger of x and d. The output gradients are
/// therefore multiplied by a power of two that makes their mean square that of the inputs; some twice the rounding of an ordinary product is left. The mean square of the inputs is that of a sample, for
/// reading them all would take a tenth of the time; inputs that the sample has missed show in the sums of their products, which the micro-kernel has anyway. Where they do, or where there is no such power
/// (nothing but zeros, or a number that is not finite), the products are ordinary ones.
/// </remarks>
internal static unsafe class OuterPairs
{
    /// <summary>Input channels of a tile; others take ordinary products.</summary>
    public const int Channels = 16;

    /// <summary>Pixels that one turn of the micro-kernel's loop takes; the rest of a row are ordinary products.</summary>
    public const int Turn = 6;

    private const float Allowed = 256; // channels may have so many times the mean square of all

    /// <summary>Adds the products up, or does nothing where they would not be exact enough.</summary>
    public static bool Add(in DenseOuter outer) => OuterPairs512.Outer(outer);

    /// <summary>The largest sum of squares of a channel in every other pair.</summary>
    /// <param name="square">The mean square of all inputs.</param>
    public static float Limit(double square, int pixels) => (float)(Allowed / Turn * square * pixels);

    /// <summary>The sum of squares of the first lanes of some pixels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Squares(float* x, int pixels, int lanes = Dense.Block)
    {
        Vector512<float> a = default, b = default, c = default, d = default;
        var end = x + (nint)pixels * Dense.Block;
        for (; x + 4 * Dense.Block <= end; x += 4 * Dense.Block)
        {
            var (x0, x1, x2, x3) = (Vector512.Load(x), Vector512.Load(x + Dense.Block), Vector512.Load(x + 2 * Dense.Block), Vector512.Load(x + 3 * Dense.Block));
            a = Vector512.MultiplyAddEstimate(x0, x0, a);
            b = Vector512.MultiplyAddEstimate(x1, x1, b);
            c = Vector512.MultiplyAddEstimate(x2, x2, c);
            d = Vector512.MultiplyAddEstimate(x3, x3, d);
        }

        for (; x < end; x += Dense.Block) a = Vector512.MultiplyAddEstimate(Vector512.Load(x), Vector512.Load(x), a);
        a = (a + b) + (c + d);
        double sum = 0;
        for (var lane = 0; lane < lanes; lane++) sum += a[lane];
        return sum;
    }

    /// <summary>The power of two that brings numbers of mean square <paramref name="dy"/> to those of <paramref name="x"/>, within a factor of 1.5; 0 where there is none.</summary>
    public static float Scale(double x, double dy) =>
        x / dy is > 1e-60 and < 1e60 and var ratio ? MathF.ScaleB(1, (Math.ILogB(ratio) + 1) >> 1) : 0;

    /// <summary>The mean square of every eleventh of the pixels that an outer product reads, which fall into all columns of the usual widths.</summary>
    /// <param name="plane">Floats from one block of channels to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double MeanSquare(in DenseOuter outer, int blocks, long plane)
    {
        const int Step = 11;
        var sum = Vector512<float>.Zero;
        var count = 0;
        for (var block = 0; block < blocks; block++)
        {
            var row = outer.X + block * plane;
            for (int r = 0, p = 0; ; count++)
            {
                for (; p >= outer.Pixels; p -= outer.Pixels, row += outer.XRow) r++;
                if (r >= outer.Rows) break;
                var x = Vector512.Load(row + (nint)p * Dense.Block);
                sum = Vector512.MultiplyAddEstimate(x, x, sum);
                p += Step;
            }
        }

        return count == 0 ? 0 : (double)Vector512.Sum(sum) / ((double)count * Dense.Block);
    }

    /// <summary>to = scale * from.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Copy(float* from, int pixels, float scale, float* to)
    {
        var factor = Vector512.Create(scale);
        for (var end = from + (nint)pixels * Dense.Block; from < end; from += Dense.Block, to += Dense.Block) (Vector512.Load(from) * factor).Store(to);
    }
}
