using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using Tenfold.Kernels;

namespace Tenfold;

/// <summary>What one core can do at most when it does nothing else, measured in about a tenth of a second: the yardstick of profiles.</summary>
internal static unsafe class MachineLimits
{
    private const int Turns = 1_000_000;

    /// <summary>Fused multiply-adds per second, counted as two operations: the best of several rounds of twelve independent chains.</summary>
    public static double FlopsPerSecond()
    {
        var best = 0.0;
        for (var round = 0; round < 24; round++)
        {
            var start = Stopwatch.GetTimestamp();
            if (Vector512.IsHardwareAccelerated) Chains512(Turns);
            else Chains(Turns);
            var lanes = Vector512.IsHardwareAccelerated ? Vector512<float>.Count : Vector<float>.Count;
            best = Math.Max(best, Turns * 12.0 * 2 * lanes / Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return best;
    }

    /// <summary>Bytes read per second from a piece of memory of this size: of the second-level cache at 512 KB.</summary>
    public static double BytesPerSecond(int bytes = 1 << 19)
    {
        var memory = GC.AllocateArray<float>(bytes / sizeof(float), pinned: true);
        var p = memory.Start();
        var best = 0.0;
        for (var round = 0; round < 24; round++)
        {
            const int repeats = 8;
            var start = Stopwatch.GetTimestamp();
            for (var i = 0; i < repeats; i++)
            {
                if (Vector512.IsHardwareAccelerated) Read512(p, memory.Length);
                else Read(p, memory.Length);
            }

            best = Math.Max(best, (double)repeats * bytes / Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        GC.KeepAlive(memory);
        return best;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float Chains512(int count)
    {
        Vector512<float> b = Vector512.Create(0.5f), c = Vector512.Create(0.25f);
        Vector512<float> a0 = b, a1 = b, a2 = b, a3 = b, a4 = b, a5 = b, a6 = b, a7 = b, a8 = b, a9 = b, a10 = b, a11 = b;
        for (var i = 0; i < count; i++)
        {
            a0 = Vector512.MultiplyAddEstimate(a0, b, c);
            a1 = Vector512.MultiplyAddEstimate(a1, b, c);
            a2 = Vector512.MultiplyAddEstimate(a2, b, c);
            a3 = Vector512.MultiplyAddEstimate(a3, b, c);
            a4 = Vector512.MultiplyAddEstimate(a4, b, c);
            a5 = Vector512.MultiplyAddEstimate(a5, b, c);
            a6 = Vector512.MultiplyAddEstimate(a6, b, c);
            a7 = Vector512.MultiplyAddEstimate(a7, b, c);
            a8 = Vector512.MultiplyAddEstimate(a8, b, c);
            a9 = Vector512.MultiplyAddEstimate(a9, b, c);
            a10 = Vector512.MultiplyAddEstimate(a10, b, c);
            a11 = Vector512.MultiplyAddEstimate(a11, b, c);
        }

        return Vector512.Sum(a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float Chains(int count)
    {
        Vector<float> b = new(0.5f), c = new(0.25f);
        Vector<float> a0 = b, a1 = b, a2 = b, a3 = b, a4 = b, a5 = b, a6 = b, a7 = b, a8 = b, a9 = b, a10 = b, a11 = b;
        for (var i = 0; i < count; i++)
        {
            a0 = Next(a0, b, c);
            a1 = Next(a1, b, c);
            a2 = Next(a2, b, c);
            a3 = Next(a3, b, c);
            a4 = Next(a4, b, c);
            a5 = Next(a5, b, c);
            a6 = Next(a6, b, c);
            a7 = Next(a7, b, c);
            a8 = Next(a8, b, c);
            a9 = Next(a9, b, c);
            a10 = Next(a10, b, c);
            a11 = Next(a11, b, c);
        }

        return Vector.Sum(a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11);
    }

    // Arm's multiply-add overwrites its addend, and would have to copy a chain of factors twice at each; of a sum, as in the kernels, it copies nothing. Where there is no FMA, the product of such a sum would leave the loop.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> Next(Vector<float> a, Vector<float> b, Vector<float> c) => AdvSimd.IsSupported ? Vector.MultiplyAddEstimate(b, c, a) : Vector.MultiplyAddEstimate(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float Read512(float* p, int count)
    {
        Vector512<float> a = default, b = default, c = default, d = default;
        for (var i = 0; i + 64 <= count; i += 64)
        {
            a += Vector512.Load(p + i);
            b += Vector512.Load(p + i + 16);
            c += Vector512.Load(p + i + 32);
            d += Vector512.Load(p + i + 48);
        }

        return Vector512.Sum(a + b + c + d);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float Read(float* p, int count)
    {
        Vector<float> a = default, b = default, c = default, d = default;
        var lanes = Vector<float>.Count;
        for (var i = 0; i + 4 * lanes <= count; i += 4 * lanes)
        {
            a += Vector.Load(p + i);
            b += Vector.Load(p + i + lanes);
            c += Vector.Load(p + i + 2 * lanes);
            d += Vector.Load(p + i + 3 * lanes);
        }

        return Vector.Sum(a + b + c + d);
    }
}
