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
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Map2<TMap>(TMap map, float* a, float* b, float* y, int n) where TMap : struct, IMap2
    {
        for (var i = 0; i < n; i += Step) map.Of(Vector.Load(a + i), Vector.Load(b + i)).Store(y + i);
    }

    /// <summary>Sum of each lane over a plane, and of the squares of its distances from the plane's own mean.</summary>
    /// <remarks>Two passes over a run of pixels that the first leaves in the first-level cache, and what the run's mean is off the mean before:
    /// no cancellation, whatever the mean (Chan, Golub and LeVeque, 1979).</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Moments(float* x, int pixels, float* sum, float* squares)
    {
        new Span<float>(sum, Dense.Block).Clear();
        new Span<float>(squares, Dense.Block).Clear();
        for (var first = 0; first < pixels; first += Run / Dense.Block)
        {
            var count = Math.Min(Run / Dense.Block, pixels - first);
            for (var lane = 0; lane < Dense.Block; lane += Step)
            {
                var from = x + (nint)first * Dense.Block + lane;
                var total = Total(from, count);
                var mean = total / count;
                Vector<float> s0 = default, s1 = default, s2 = default, s3 = default;
                var p = 0;
                for (; p + 4 <= count; p += 4)
                {
                    var d0 = Vector.Load(from + p * 16) - mean;
                    var d1 = Vector.Load(from + p * 16 + 16) - mean;
                    var d2 = Vector.Load(from + p * 16 + 32) - mean;
                    var d3 = Vector.Load(from + p * 16 + 48) - mean;
                    (s0, s1, s2, s3) = (s0 + d0 * d0, s1 + d1 * d1, s2 + d2 * d2, s3 + d3 * d3);
                }

                for (; p < count; p++)
                {
                    var d = Vector.Load(from + p * 16) - mean;
                    s0 += d * d;
                }

                var before = Vector.Load(sum + lane);
                var off = first == 0 ? default : mean - before / first;
                (Vector.Load(squares + lane) + (s0 + s1 + (s2 + s3)) + off * off * ((float)first * count / (first + count))).Store(squares + lane);
                (before + total).Store(sum + lane);
            }
        }
    }

    /// <summary>The mean of a plane of one pixel, so that what is called for means is compiled.</summary>
    public static void Warm()
    {
        float* block = stackalloc float[Dense.Block];
        new Span<float>(block, Dense.Block).Clear();
        Sum(block, 1, block);
        Map(new Line(1, 0), block, block, Dense.Block);
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
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void NormSums(float* x, float* dy, in LaneMask mask, int pixels, float* mean, float* sum, float* product)
    {
        new Span<float>(sum, Dense.Block).Clear();
        new Span<float>(product, Dense.Block).Clear();
        for (var from = 0; from < pixels * 16; from += Run)
            for (var lane = 0; lane < Dense.Block; lane += Step)
            {
                var m = Vector.Load(mean + lane);
                Vector<float> s0 = Vector.Load(sum + lane), s1 = default, p0 = Vector.Load(product + lane), p1 = default;
                var (p, end) = (from + lane, Math.Min(pixels * 16, from + Run));
                if (mask.Factor != null)
                {
                    var (f, o, low, high) = (Vector.Load(mask.Factor + lane), Vector.Load(mask.Offset + lane), new Vector<float>(mask.Low), new Vector<float>(mask.High));
                    for (; p + 16 < end; p += 32)
                    {
                        var (v0, v1) = (Vector.Load(x + p), Vector.Load(x + p + 16));
                        var d0 = LaneMask.Pass(Vector.MultiplyAddEstimate(v0, f, o), low, high, Vector.Load(dy + p));
                        var d1 = LaneMask.Pass(Vector.MultiplyAddEstimate(v1, f, o), low, high, Vector.Load(dy + p + 16));
                        (s0, s1) = (s0 + d0, s1 + d1);
                        p0 = Vector.MultiplyAddEstimate(d0, v0 - m, p0);
                        p1 = Vector.MultiplyAddEstimate(d1, v1 - m, p1);
                    }

                    if (p < end)
                    {
                        var v = Vector.Load(x + p);
                        var d = LaneMask.Pass(Vector.MultiplyAddEstimate(v, f, o), low, high, Vector.Load(dy + p));
                        s0 += d;
                        p0 = Vector.MultiplyAddEstimate(d, v - m, p0);
                    }
                }
                else
                {
                    for (; p + 16 < end; p += 32)
                    {
                        var (d0, d1) = (Vector.Load(dy + p), Vector.Load(dy + p + 16));
                        (s0, s1) = (s0 + d0, s1 + d1);
                        p0 = Vector.MultiplyAddEstimate(d0, Vector.Load(x + p) - m, p0);
                        p1 = Vector.MultiplyAddEstimate(d1, Vector.Load(x + p + 16) - m, p1);
                    }

                    if (p < end)
                    {
                        var d = Vector.Load(dy + p);
                        s0 += d;
                        p0 = Vector.MultiplyAddEstimate(d, Vector.Load(x + p) - m, p0);
                    }
                }

                (s0 + s1).Store(sum + lane);
                (p0 + p1).Store(product + lane);
            }
    }

    /// <summary>y = within bounds of (x factor + offset + add), factor and offset a number per lane.</summary>
    /// <param name="add">Null for nothing.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale(float* x, float* factor, float* offset, float* add, float low, float high, float* y, int pixels)
    {
        if (Vector512.IsHardwareAccelerated) // a pixel is a vector: one pass
        {
            var (f, o, least, most) = (Vector512.Load(factor), Vector512.Load(offset), Vector512.Create(low), Vector512.Create(high));
            if (add == null)
                for (var p = 0; p < pixels * 16; p += 16) Vector512.MinNative(most, Vector512.MaxNative(least, Vector512.MultiplyAddEstimate(Vector512.Load(x + p), f, o))).Store(y + p);
            else
                for (var p = 0; p < pixels * 16; p += 16)
                    Vector512.MinNative(most, Vector512.MaxNative(least, Vector512.MultiplyAddEstimate(Vector512.Load(x + p), f, o) + Vector512.Load(add + p))).Store(y + p);
            return;
        }

        var (lowest, highest) = (new Vector<float>(low), new Vector<float>(high));
        for (var from = 0; from < pixels * 16; from += Run)
            for (var lane = 0; lane < Dense.Block; lane += Step)
            {
                var (f, o) = (Vector.Load(factor + lane), Vector.Load(offset + lane));
                for (var p = from + lane; p < Math.Min(pixels * 16, from + Run); p += 16)
                {
                    var value = Vector.MultiplyAddEstimate(Vector.Load(x + p), f, o);
                    if (add != null) value += Vector.Load(add + p);
                    Vector.MinNative(highest, Vector.MaxNative(lowest, value)).Store(y + p);
                }
            }
    }

    /// <summary>y = within bounds of (x factor + add) for n numbers of a plane.</summary>
    /// <param name="add">Null for nothing.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale(float* x, float factor, float* add, float low, float high, float* y, int n)
    {
        var (f, least, most) = (new Vector<float>(factor), new Vector<float>(low), new Vector<float>(high));
        var i = 0;
        for (; i + Step <= n; i += Step) Vector.MinNative(most, Vector.MaxNative(least, Of(Vector.Load(x + i), add == null ? default : Vector.Load(add + i)))).Store(y + i);
        for (; i < n; i++) y[i] = Vector.MinNative(most, Vector.MaxNative(least, Of(new Vector<float>(x[i]), new Vector<float>(add == null ? 0 : add[i]))))[0];

        Vector<float> Of(Vector<float> value, Vector<float> other) => add == null ? value * f : Vector.MultiplyAddEstimate(value, f, other);
    }

    /// <summary>y = x factor + dy slope + offset, each a number per lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Blend(float* x, float* dy, in LaneMask mask, float* factor, float* slope, float* offset, float* y, int pixels)
    {
        for (var from = 0; from < pixels * 16; from += Run)
            for (var lane = 0; lane < Dense.Block; lane += Step)
            {
                var (f, s, o) = (Vector.Load(factor + lane), Vector.Load(slope + lane), Vector.Load(offset + lane));
                var (p, end) = (from + lane, Math.Min(pixels * 16, from + Run));
                if (mask.Factor != null)
                {
                    var (mf, mo, low, high) = (Vector.Load(mask.Factor + lane), Vector.Load(mask.Offset + lane), new Vector<float>(mask.Low), new Vector<float>(mask.High));
                    for (; p < end; p += 16)
                    {
                        var v = Vector.Load(x + p);
                        var d = LaneMask.Pass(Vector.MultiplyAddEstimate(v, mf, mo), low, high, Vector.Load(dy + p));
                        Vector.MultiplyAddEstimate(v, f, Vector.MultiplyAddEstimate(d, s, o)).Store(y + p);
                    }
                }

                for (; p < end; p += 16) Vector.MultiplyAddEstimate(Vector.Load(x + p), f, Vector.MultiplyAddEstimate(Vector.Load(dy + p), s, o)).Store(y + p);
            }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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

/// <summary>Which numbers of a gradient an activation lets pass: those where low &lt; x factor + offset &lt; high, with a factor and an offset per lane; all where the factors are null.</summary>
internal unsafe struct LaneMask
{
    public float* Factor;
    public float* Offset;
    public float Low;
    public float High;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Pass(Vector<float> value, Vector<float> low, Vector<float> high, Vector<float> dy) =>
        Vector.AsVectorSingle(Vector.GreaterThan(value, low) & Vector.LessThan(value, high) & Vector.AsVectorInt32(dy));
}
