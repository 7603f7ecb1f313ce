using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Tenfold.Kernels;

/// <summary>Between planes and blocks, four pixels of four channels at a time.
/// <code>
/// [channel][pixel]           [pixel][16 channels]
/// a0 a1 a2 a3                a0 b0 c0 d0
/// b0 b1 b2 b3      &lt;->      a1 b1 c1 d1
/// c0 c1 c2 c3                a2 b2 c2 d2
/// d0 d1 d2 d3                a3 b3 c3 d3
/// </code>
/// </summary>
internal static unsafe class Repack
{
    /// <summary>Moves no pixels, so that what is called for them is compiled.</summary>
    public static void Warm()
    {
        ToBlock(null, 0, 0, null);
        ToPlanes(null, 0, 0, null);
    }

    /// <summary>One block of channels of one sample, from planes to lanes; lanes behind the last channel become 0.</summary>
    public static void ToBlock(float* planes, int channels, int pixels, float* block) => ToBlock(planes, channels, pixels, block, pixels);

    /// <param name="plane">Floats from one plane to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ToBlock(float* planes, int channels, int pixels, float* block, long plane)
    {
        var real = Math.Min(channels, Dense.Block);
        var p = 0;
        for (; p + 4 <= pixels; p += 4)
        {
            var c = 0;
            for (; Avx.IsSupported && c + 8 <= real; c += 8) // the upper halves are of four channels more
            {
                var from = planes + c * plane + p;
                var a = Vector256.Create(Vector128.Load(from), Vector128.Load(from + 4 * plane));
                var b = Vector256.Create(Vector128.Load(from + plane), Vector128.Load(from + 5 * plane));
                var d = Vector256.Create(Vector128.Load(from + 2 * plane), Vector128.Load(from + 6 * plane));
                var e = Vector256.Create(Vector128.Load(from + 3 * plane), Vector128.Load(from + 7 * plane));
                Transpose(ref a, ref b, ref d, ref e);
                var to = block + (long)p * 16 + c;
                a.Store(to);
                b.Store(to + 16);
                d.Store(to + 32);
                e.Store(to + 48);
            }

            for (; c < Dense.Block; c += 4)
            {
                var from = planes + c * plane + p;
                var a = c < real ? Vector128.Load(from) : default;
                var b = c + 1 < real ? Vector128.Load(from + plane) : default;
                var d = c + 2 < real ? Vector128.Load(from + 2 * plane) : default;
                var e = c + 3 < real ? Vector128.Load(from + 3 * plane) : default;
                Transpose(ref a, ref b, ref d, ref e);
                var to = block + (long)p * 16 + c;
                a.Store(to);
                b.Store(to + 16);
                d.Store(to + 32);
                e.Store(to + 48);
            }
        }

        for (; p < pixels; p++)
            for (var c = 0; c < Dense.Block; c++) block[(long)p * 16 + c] = c < real ? planes[c * plane + p] : 0;
    }

    /// <summary>One block of channels of one sample, from lanes to planes.</summary>
    public static void ToPlanes(float* block, int channels, int pixels, float* planes) => ToPlanes(block, channels, pixels, planes, pixels);

    /// <param name="plane">Floats from one plane to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ToPlanes(float* block, int channels, int pixels, float* planes, long plane)
    {
        var real = Math.Min(channels, Dense.Block);
        var p = 0;
        for (; Avx.IsSupported && p + 8 <= pixels; p += 8) // the upper halves are of four pixels more
            for (var c = 0; c < real; c += 4)
            {
                var from = block + (long)p * 16 + c;
                var a = Vector256.Create(Vector128.Load(from), Vector128.Load(from + 64));
                var b = Vector256.Create(Vector128.Load(from + 16), Vector128.Load(from + 80));
                var d = Vector256.Create(Vector128.Load(from + 32), Vector128.Load(from + 96));
                var e = Vector256.Create(Vector128.Load(from + 48), Vector128.Load(from + 112));
                Transpose(ref a, ref b, ref d, ref e);
                var to = planes + c * plane + p;
                a.Store(to);
                if (c + 1 < real) b.Store(to + plane);
                if (c + 2 < real) d.Store(to + 2 * plane);
                if (c + 3 < real) e.Store(to + 3 * plane);
            }

        for (; p + 4 <= pixels; p += 4)
            for (var c = 0; c < real; c += 4)
            {
                var from = block + (long)p * 16 + c;
                var (a, b, d, e) = (Vector128.Load(from), Vector128.Load(from + 16), Vector128.Load(from + 32), Vector128.Load(from + 48));
                Transpose(ref a, ref b, ref d, ref e);
                var to = planes + c * plane + p;
                a.Store(to);
                if (c + 1 < real) b.Store(to + plane);
                if (c + 2 < real) d.Store(to + 2 * plane);
                if (c + 3 < real) e.Store(to + 3 * plane);
            }

        for (; p < pixels; p++)
            for (var c = 0; c < real; c++) planes[c * plane + p] = block[(long)p * 16 + c];
    }

    /// <param name="planes">Where each channel goes, wherever that is; null for those that are not wanted.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ToPlanes(float* block, int pixels, float** planes)
    {
        for (var c = 0; c < Dense.Block; c += 4)
        {
            float* toA = planes[c], toB = planes[c + 1], toD = planes[c + 2], toE = planes[c + 3], from = block + c;
            if (toA == null && toB == null && toD == null && toE == null) continue;
            var p = 0;
            for (; p + 4 <= pixels; p += 4, from += 4 * Dense.Block)
            {
                var (a, b, d, e) = (Vector128.Load(from), Vector128.Load(from + 16), Vector128.Load(from + 32), Vector128.Load(from + 48));
                Transpose(ref a, ref b, ref d, ref e);
                if (toA != null) a.Store(toA + p);
                if (toB != null) b.Store(toB + p);
                if (toD != null) d.Store(toD + p);
                if (toE != null) e.Store(toE + p);
            }

            for (; p < pixels; p++, from += Dense.Block)
                for (var lane = 0; lane < 4; lane++)
                    if (planes[c + lane] != null) planes[c + lane][p] = from[lane];
        }
    }

    // In each half by itself.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(ref Vector256<float> a, ref Vector256<float> b, ref Vector256<float> c, ref Vector256<float> d)
    {
        var (ac, bd, ac2, bd2) = (Avx.UnpackLow(a, c), Avx.UnpackLow(b, d), Avx.UnpackHigh(a, c), Avx.UnpackHigh(b, d));
        (a, b, c, d) = (Avx.UnpackLow(ac, bd), Avx.UnpackHigh(ac, bd), Avx.UnpackLow(ac2, bd2), Avx.UnpackHigh(ac2, bd2));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Transpose(ref Vector128<float> a, ref Vector128<float> b, ref Vector128<float> c, ref Vector128<float> d)
    {
        var (ac, bd, ac2, bd2) = (Low(a, c), Low(b, d), High(a, c), High(b, d)); // a0 c0 a1 c1, b0 d0 b1 d1, a2 c2 a3 c3, b2 d2 b3 d3
        (a, b, c, d) = (Low(ac, bd), High(ac, bd), Low(ac2, bd2), High(ac2, bd2));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Low(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b) : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b) : Vector128.Create(a[0], b[0], a[1], b[1]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> High(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b) : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b) : Vector128.Create(a[2], b[2], a[3], b[3]);
}
