using System.Numerics;
using System.Runtime.CompilerServices;

namespace Tenfold.Kernels;

/// <summary>Many numbers made one, of tensors as they lie: [count][inner] to [inner], a vector of columns at a time, or a row to one number.</summary>
internal static unsafe class Reduction
{
    /// <summary>y[j] = x[0, j] combined with x[1, j] and so on, for n of the columns.</summary>
    /// <param name="stride">Floats from one row to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Columns<TMap>(TMap map, float* x, long stride, int count, float* y, int n) where TMap : struct, IMap2
    {
        var j = 0;
        for (; j + Vector<float>.Count <= n; j += Vector<float>.Count)
        {
            var all = Vector.Load(x + j);
            for (var i = 1; i < count; i++) all = map.Of(all, Vector.Load(x + j + i * stride));
            all.Store(y + j);
        }

        for (; j < n; j++) y[j] = Column(map, x + j, stride, count);
    }

    /// <summary>All of a row of n: four vectors side by side, then their lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Row<TMap>(TMap map, float* x, int n) where TMap : struct, IMap2
    {
        var v = Vector<float>.Count;
        if (n < 4 * v) return Column(map, x, 1, n);
        var (a, b, c, d) = (Vector.Load(x), Vector.Load(x + v), Vector.Load(x + 2 * v), Vector.Load(x + 3 * v));
        var i = 4 * v;
        for (; i + 4 * v <= n; i += 4 * v)
            (a, b, c, d) = (map.Of(a, Vector.Load(x + i)), map.Of(b, Vector.Load(x + i + v)), map.Of(c, Vector.Load(x + i + 2 * v)), map.Of(d, Vector.Load(x + i + 3 * v)));
        for (; i + v <= n; i += v) a = map.Of(a, Vector.Load(x + i));
        var lanes = stackalloc float[v];
        map.Of(map.Of(a, b), map.Of(c, d)).Store(lanes);
        var all = Column(map, lanes, 1, v);
        return i < n ? Two(map, all, Column(map, x + i, 1, n - i)) : all;
    }

    /// <summary>y[j] = where in column j the largest number stands, the first such place or the last.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Places(float* x, long stride, int count, bool last, float* y, int n)
    {
        var j = 0;
        for (; j + Vector<float>.Count <= n; j += Vector<float>.Count)
        {
            var (best, at) = (Vector.Load(x + j), Vector<float>.Zero);
            for (var i = 1; i < count; i++)
            {
                var value = Vector.Load(x + j + i * stride);
                var better = Vector.AsVectorSingle(last ? Vector.GreaterThanOrEqual(value, best) : Vector.GreaterThan(value, best));
                (best, at) = (Vector.ConditionalSelect(better, value, best), Vector.ConditionalSelect(better, new Vector<float>(i), at));
            }

            at.Store(y + j);
        }

        for (; j < n; j++)
        {
            var best = 0;
            for (var i = 1; i < count; i++)
                if (last ? x[j + i * stride] >= x[j + best * stride] : x[j + i * stride] > x[j + best * stride]) best = i;
            y[j] = best;
        }
    }

    /// <summary>y = (x - mean) / sqrt(variance + epsilon) of a row, in three passes, so that nothing cancels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Standardize(float* x, float* y, int n, float epsilon)
    {
        var mean = Row(new Plus(), x, n) / n;
        Each(new Less(mean), x, y, n);
        var spread = 0f;
        var (v, i) = (Vector<float>.Count, 0);
        Vector<float> s0 = default, s1 = default;
        for (; i + 2 * v <= n; i += 2 * v)
        {
            var (p, q) = (Vector.Load(y + i), Vector.Load(y + i + v));
            (s0, s1) = (Vector.MultiplyAddEstimate(p, p, s0), Vector.MultiplyAddEstimate(q, q, s1));
        }

        for (; i < n; i++) spread += y[i] * y[i];
        Each(new TimesOne(1 / MathF.Sqrt((spread + Vector.Sum(s0 + s1)) / n + epsilon)), y, y, n);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Each<TMap>(TMap map, float* x, float* y, int n) where TMap : struct, IMap
    {
        var i = 0;
        for (; i + Vector<float>.Count <= n; i += Vector<float>.Count) map.Of(Vector.Load(x + i)).Store(y + i);
        for (; i < n; i++) y[i] = map.Of(new Vector<float>(x[i]))[0];
    }

    private static float Column<TMap>(TMap map, float* x, long stride, int count) where TMap : struct, IMap2
    {
        var all = *x;
        for (var i = 1; i < count; i++) all = Two(map, all, x[i * stride]);
        return all;
    }

    private static float Two<TMap>(TMap map, float a, float b) where TMap : struct, IMap2 => map.Of(new Vector<float>(a), new Vector<float>(b))[0];

    private readonly struct Less(float mean) : IMap
    {
        public Vector<float> Of(Vector<float> x) => x - new Vector<float>(mean);
    }

    private readonly struct TimesOne(float factor) : IMap
    {
        public Vector<float> Of(Vector<float> x) => x * new Vector<float>(factor);
    }
}
