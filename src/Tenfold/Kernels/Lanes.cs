using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tenfold.Kernels;

/// <summary>Kernels that treat every channel for itself, on planes of 16 lanes: [pixel][16 channels]. Written once on <see cref="Vector{T}"/>;
/// a block of 16 is a whole number of vectors on every machine.</summary>
internal static unsafe class Lanes
{
    private const int Run = 2048; // floats that stay in the first-level cache while one part of the lanes after the other passes over them

    private static int Step => Vector<float>.Count;

    /// <summary>y = f(x), n a multiple of 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Map<TMap>(TMap map, float* x, float* y, int n) where TMap : struct, IMap
    {
        for (var i = 0; i < n; i += Step) map.Of(Vector.Load(x + i)).Store(y + i);
    }

    /// <summary>y = f(a, b), n a multiple of 16.</summary>
    public static void Map2<TMap>(TMap map, float* a, float* b, float* y, int n) where TMap : struct, IMap2
    {
        for (var i = 0; i < n; i += Step) map.Of(Vector.Load(a + i), Vector.Load(b + i)).Store(y + i);
    }

    /// <summary>Sum of each lane over a plane, and of the squares of its distances from the plane's own mean.</summary>
    /// <remarks>Two passes over a plane that the first leaves in the cache: no cancellation, whatever the mean.</remarks>
    public static void Moments(float* x, int pixels, float* sum, float* squares)
    {
        for (var lane = 0; lane < Dense.Block; lane += Step)
        {
            var total = Total(x + lane, pixels);
            total.Store(sum + lane);
            var mean = total / pixels;
            Vector<float> s0 = default, s1 = default, s2 = default, s3 = default;
            var p = 0;
            for (; p + 4 <= pixels; p += 4)
            {
                var d0 = Vector.Load(x + lane + p * 16) - mean;
                var d1 = Vector.Load(x + lane + p * 16 + 16) - mean;
                var d2 = Vector.Load(x + lane + p * 16 + 32) - mean;
                var d3 = Vector.Load(x + lane + p * 16 + 48) - mean;
                (s0, s1, s2, s3) = (s0 + d0 * d0, s1 + d1 * d1, s2 + d2 * d2, s3 + d3 * d3);
            }

            for (; p < pixels; p++)
            {
                var d = Vector.Load(x + lane + p * 16) - mean;
                s0 += d * d;
            }

            (s0 + s1 + (s2 + s3)).Store(squares + lane);
        }
    }

    /// <summary>Sum of each lane over a plane.</summary>
    /// <param name="add">Whether to what stands in <paramref name="sum"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Sum(float* x, int pixels, float* sum, bool add = false)
    {
        for (var lane = 0; lane < Dense.Block; lane += Step)
        {
            var total = Total(x + lane, pixels);
            (add ? Vector.Load(sum + lane) + total : total).Store(sum + lane);
        }
    }

    /// <summary>Sum of n numbers that lie side by side.</summary>
    public static float Sum(float* x, int n)
    {
        Vector<float> s0 = default, s1 = default, s2 = default, s3 = default;
        var i = 0;
        for (; i + 4 * Step <= n; i += 4 * Step)
        {
            s0 += Vector.Load(x + i);
            s1 += Vector.Load(x + i + Step);
            s2 += Vector.Load(x + i + 2 * Step);
            s3 += Vector.Load(x + i + 3 * Step);
        }

        var sum = 0f;
        for (; i < n; i++) sum += x[i];
        return Vector.Sum(s0 + s1 + (s2 + s3)) + sum;
    }

    /// <summary>Sums over a plane of dy and of dy (x - mean), for each lane.</summary>
    public static void NormSums(float* x, float* dy, int pixels, float* mean, float* sum, float* product)
    {
        for (var lane = 0; lane < Dense.Block; lane += Step)
        {
            var m = Vector.Load(mean + lane);
            Vector<float> s0 = default, s1 = default, p0 = default, p1 = default;
            var p = 0;
            for (; p + 2 <= pixels; p += 2)
            {
                var d0 = Vector.Load(dy + lane + p * 16);
                var d1 = Vector.Load(dy + lane + p * 16 + 16);
                (s0, s1) = (s0 + d0, s1 + d1);
                p0 += d0 * (Vector.Load(x + lane + p * 16) - m);
                p1 += d1 * (Vector.Load(x + lane + p * 16 + 16) - m);
            }

            for (; p < pixels; p++)
            {
                var d = Vector.Load(dy + lane + p * 16);
                s0 += d;
                p0 += d * (Vector.Load(x + lane + p * 16) - m);
            }

            (s0 + s1).Store(sum + lane);
            (p0 + p1).Store(product + lane);
        }
    }

    /// <summary>y = within bounds of (x factor + offset + add), factor and offset a number per lane.</summary>
    /// <param name="add">Null for nothing.</param>
    public static void Scale(float* x, float* factor, float* offset, float* add, float low, float high, float* y, int pixels)
    {
        if (Vector512.IsHardwareAccelerated) // a pixel is a vector: one pass
        {
            var (f, o, least, most) = (Vector512.Load(factor), Vector512.Load(offset), Vector512.Create(low), Vector512.Create(high));
            if (add == null)
                for (var p = 0; p < pixels * 16; p += 16) Vector512.MinNative(most, Vector512.MaxNative(least, Vector512.FusedMultiplyAdd(Vector512.Load(x + p), f, o))).Store(y + p);
            else
                for (var p = 0; p < pixels * 16; p += 16)
                    Vector512.MinNative(most, Vector512.MaxNative(least, Vector512.FusedMultiplyAdd(Vector512.Load(x + p), f, o) + Vector512.Load(add + p))).Store(y + p);
            return;
        }

        var (lowest, highest) = (new Vector<float>(low), new Vector<float>(high));
        for (var from = 0; from < pixels * 16; from += Run)
            for (var lane = 0; lane < Dense.Block; lane += Step)
            {
                var (f, o) = (Vector.Load(factor + lane), Vector.Load(offset + lane));
                for (var p = from + lane; p < Math.Min(pixels * 16, from + Run); p += 16)
                {
                    var value = Vector.FusedMultiplyAdd(Vector.Load(x + p), f, o);
                    if (add != null) value += Vector.Load(add + p);
                    Vector.MinNative(highest, Vector.MaxNative(lowest, value)).Store(y + p);
                }
            }
    }

    /// <summary>y = x factor + dy slope + offset, each a number per lane.</summary>
    public static void Blend(float* x, float* dy, float* factor, float* slope, float* offset, float* y, int pixels)
    {
        for (var from = 0; from < pixels * 16; from += Run)
            for (var lane = 0; lane < Dense.Block; lane += Step)
            {
                var (f, s, o) = (Vector.Load(factor + lane), Vector.Load(slope + lane), Vector.Load(offset + lane));
                for (var p = from + lane; p < Math.Min(pixels * 16, from + Run); p += 16)
                    Vector.FusedMultiplyAdd(Vector.Load(x + p), f, Vector.FusedMultiplyAdd(Vector.Load(dy + p), s, o)).Store(y + p);
            }
    }

    private static Vector<float> Total(float* x, int pixels)
    {
        Vector<float> s0 = default, s1 = default, s2 = default, s3 = default;
        var p = 0;
        for (; p + 4 <= pixels; p += 4)
        {
            s0 += Vector.Load(x + p * 16);
            s1 += Vector.Load(x + p * 16 + 16);
            s2 += Vector.Load(x + p * 16 + 32);
            s3 += Vector.Load(x + p * 16 + 48);
        }

        for (; p < pixels; p++) s0 += Vector.Load(x + p * 16);
        return s0 + s1 + (s2 + s3);
    }
}

/// <summary>A function of one number, on a vector of them.</summary>
internal interface IMap
{
    Vector<float> Of(Vector<float> x);
}

/// <summary>A function of two numbers, on vectors of them.</summary>
internal interface IMap2
{
    Vector<float> Of(Vector<float> a, Vector<float> b);
}
