using System.Numerics;
using System.Runtime.CompilerServices;

namespace Tenfold.Kernels;

/// <summary>Functions of all channels of a place (a sample, or a pixel of one), for as many places as a vector has lanes.</summary>
/// <remarks>A tile is [channel][place]: places that lie anywhere are gathered into it, so one kernel serves vectors and maps.</remarks>
internal static unsafe class Places
{
    public static int Count => Vector<float>.Count;

    /// <summary>Gathers places [first, first + count) of [samples, channels, inner]; lanes without a place hold zeros.</summary>
    public static void Load(float* x, int channels, int inner, long first, int count, float* tile)
    {
        for (var lane = 0; lane < Count; lane++)
        {
            var from = lane < count ? x + Offset(first + lane, channels, inner) : null;
            for (var c = 0; c < channels; c++) tile[c * Count + lane] = from == null ? 0 : from[(long)c * inner];
        }
    }

    public static void Store(float* tile, int channels, int inner, long first, int count, float* y)
    {
        for (var lane = 0; lane < count; lane++)
        {
            var to = y + Offset(first + lane, channels, inner);
            for (var c = 0; c < channels; c++) to[(long)c * inner] = tile[c * Count + lane];
        }
    }

    /// <summary>y = softmax of x; may be the same tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Softmax(float* x, float* y, int channels)
    {
        var (_, sum) = Exponentials(x, y, channels);
        var factor = Vector<float>.One / sum;
        for (var c = 0; c < channels; c++) (At(y, c) * factor).Store(y + c * Count);
    }

    /// <summary>The softmax of one place whose channels lie side by side.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SoftmaxRow(float* x, float* y, int channels)
    {
        var whole = channels - channels % Count;
        var rest = stackalloc float[Count];
        for (var lane = 0; lane < Count; lane++) rest[lane] = whole + lane < channels ? x[whole + lane] : float.NegativeInfinity;
        var max = Vector.Load(rest);
        for (var c = 0; c < whole; c += Count) max = Vector.Max(max, Vector.Load(x + c));
        var largest = max[0];
        for (var lane = 1; lane < Count; lane++) largest = MathF.Max(largest, max[lane]);
        var shift = new Vector<float>(largest);
        var last = Functions.Exp(Vector.Load(rest) - shift);
        var sum = last;
        for (var c = 0; c < whole; c += Count)
        {
            var e = Functions.Exp(Vector.Load(x + c) - shift);
            e.Store(y + c);
            sum += e;
        }

        var factor = new Vector<float>(1 / Vector.Sum(sum));
        for (var c = 0; c < whole; c += Count) (Vector.Load(y + c) * factor).Store(y + c);
        (last * factor).Store(rest);
        for (var c = whole; c < channels; c++) y[c] = rest[c - whole];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void LogSoftmax(float* x, float* y, int channels)
    {
        var (max, sum) = Sum(x, channels);
        var log = Vector.Log(sum);
        for (var c = 0; c < channels; c++) (At(x, c) - max - log).Store(y + c * Count);
    }

    /// <summary>y (dy - sum of y dy), into dy.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SoftmaxGradient(float* y, float* dy, int channels)
    {
        var sum = Vector<float>.Zero;
        for (var c = 0; c < channels; c++) sum += At(y, c) * At(dy, c);
        for (var c = 0; c < channels; c++) (At(y, c) * (At(dy, c) - sum)).Store(dy + c * Count);
    }

    /// <summary>dy - exp(y) sum of dy, into dy.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void LogSoftmaxGradient(float* y, float* dy, int channels)
    {
        var sum = Vector<float>.Zero;
        for (var c = 0; c < channels; c++) sum += At(dy, c);
        for (var c = 0; c < channels; c++) (At(dy, c) - Functions.Exp(At(y, c)) * sum).Store(dy + c * Count);
    }

    /// <summary>Sum of t (log(sum of exp(x)) - x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static Vector<float> CrossEntropy(float* x, float* t, int channels)
    {
        var (max, sum) = Sum(x, channels);
        var log = Vector.Log(sum) + max;
        var loss = Vector<float>.Zero;
        for (var c = 0; c < channels; c++) loss += At(t, c) * (log - At(x, c));
        return loss;
    }

    /// <summary>(softmax(x) sum(t) - t) dy, into x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void CrossEntropyGradient(float* x, float* t, Vector<float> dy, int channels)
    {
        var (_, sum) = Exponentials(x, x, channels);
        var total = Vector<float>.Zero;
        for (var c = 0; c < channels; c++) total += At(t, c);
        var factor = total / sum;
        for (var c = 0; c < channels; c++) ((At(x, c) * factor - At(t, c)) * dy).Store(x + c * Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (Vector<float> Max, Vector<float> Sum) Exponentials(float* x, float* y, int channels)
    {
        var (max, sum) = (Max(x, channels), Vector<float>.Zero);
        for (var c = 0; c < channels; c++)
        {
            var e = Functions.Exp(At(x, c) - max);
            e.Store(y + c * Count);
            sum += e;
        }

        return (max, sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (Vector<float> Max, Vector<float> Sum) Sum(float* x, int channels)
    {
        var (max, sum) = (Max(x, channels), Vector<float>.Zero);
        for (var c = 0; c < channels; c++) sum += Functions.Exp(At(x, c) - max);
        return (max, sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Vector<float> Max(float* x, int channels)
    {
        var max = At(x, 0);
        for (var c = 1; c < channels; c++) max = Vector.Max(max, At(x, c));
        return max;
    }

    private static Vector<float> At(float* tile, int channel) => Vector.Load(tile + channel * Count);

    private static long Offset(long place, int channels, int inner)
    {
        var (sample, i) = Math.DivRem(place, inner);
        return sample * channels * inner + i;
    }
}
