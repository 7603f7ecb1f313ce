using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tenfold.Kernels;

/// <summary>Some rows of one block of 16 channels of a depthwise 3x3 convolution of stride 1, and of the map that they read.</summary>
internal unsafe struct LaneRows
{
    /// <summary>The map, and floats from one of its rows to the next.</summary>
    public float* X;
    public int XRow;
    public Size Map;

    /// <summary>The map's row and column that the first tap of the first output reads: -1, where there is nothing but zeros, and upwards; columns 0 at most.</summary>
    public int Top;
    public int Left;

    /// <summary>Rows and columns of outputs.</summary>
    public int Rows;
    public int Columns;

    /// <summary>[column of the kernel][4][16].</summary>
    public float* W;

    public float* Bias;
    public float* Y;

    /// <summary>What is added, laid out as <see cref="Y"/>; null for nothing.</summary>
    public float* Add;

    /// <summary>Between what a sum is kept before something is added to it.</summary>
    public (float Low, float High) First;

    public LaneLast Last;

    /// <summary>Those of <see cref="LaneLast.Bounded"/>.</summary>
    public (float Low, float High) Bounds;
}

/// <summary>Depthwise 3x3 convolution of stride 1 by Winograd's F(2, 3) along columns: two outputs below one another take 12 multiply-adds in place of 18, and 8 additions, which units of their own do
/// where products pay in pairs (<see cref="Simd.Pairs"/>).</summary>
/// <remarks>
/// <code>
/// four pixels of a column of the map        x0 - x2 | x1 + x2 | x2 - x1 | x1 - x3
///   times the kernel's column 2, 1 and 0    finishes the sums before its own, goes on with its own, begins those behind
/// two outputs of a finished column          m0 + m1 + m2
///                                           m1 - m2 - m3
/// </code>
/// All 12 weights of a vector of channels and the sums of three columns stay in registers, and four rows of the map are read side by side, each as it lies.
/// </remarks>
internal static unsafe class LaneWinograd
{
    /// <summary>Floats of the packed weights of a block.</summary>
    public const int Packed = 3 * 4 * Dense.Block;

    /// <summary>Whether the taps are those of a 3x3 kernel of stride 1 with at most one row or column outside the map on either side.</summary>
    public static bool Takes(LaneAxis rows, LaneAxis columns, Size map) => Simd.Pairs && Takes(rows, map.Height) && Takes(columns, map.Width);

    private static bool Takes(LaneAxis axis, int size) =>
        axis is { Taps: 3, Step: 1, Geometry: { InStride: 1, OutStride: 1 } } && axis.Place(0) is 0 or -1 && axis.Place(axis.Geometry.Count - 1) + 2 <= size;

    /// <param name="packed">[row][column][16], which becomes [column][4][16].</param>
    public static void Pack(float* packed)
    {
        float* kernel = stackalloc float[9 * Dense.Block];
        new ReadOnlySpan<float>(packed, 9 * Dense.Block).CopyTo(new Span<float>(kernel, 9 * Dense.Block));
        for (var j = 0; j < 3; j++)
            for (var lane = 0; lane < Dense.Block; lane++)
            {
                float* w = kernel + j * Dense.Block + lane, u = packed + j * 4 * Dense.Block + lane;
                double above = w[0], middle = w[3 * Dense.Block], below = w[6 * Dense.Block];
                u[0] = (float)above;
                u[Dense.Block] = (float)((above + middle + below) / 2);
                u[2 * Dense.Block] = (float)((above - middle + below) / 2);
                u[3 * Dense.Block] = (float)below;
            }
    }

    /// <summary>Has the kernel compiled: no rows of nothing.</summary>
    public static void Warm()
    {
        float* nothing = stackalloc float[Packed];
        Run(new LaneRows { W = nothing, Bias = nothing });
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(in LaneRows t)
    {
        float* zeros = stackalloc float[Dense.Block];
        Vector512<float>.Zero.Store(zeros);
        float* w = t.W;
        Vector512<float> a0 = Vector512.Load(w), a1 = Vector512.Load(w + 16), a2 = Vector512.Load(w + 32), a3 = Vector512.Load(w + 48);
        Vector512<float> b0 = Vector512.Load(w + 64), b1 = Vector512.Load(w + 80), b2 = Vector512.Load(w + 96), b3 = Vector512.Load(w + 112);
        Vector512<float> c0 = Vector512.Load(w + 128), c1 = Vector512.Load(w + 144), c2 = Vector512.Load(w + 160), c3 = Vector512.Load(w + 176);
        var (bias, low, high) = (Vector512.Load(t.Bias), Vector512.Create(t.Bounds.Low), Vector512.Create(t.Bounds.High));
        var inside = Math.Min(t.Columns, t.Map.Width - 2 - t.Left); // outputs that a column of the map finishes; one more may be finished by zeros
        nint yRow = (nint)t.Columns * Dense.Block;
        for (var row = 0; row < t.Rows; row += 2)
        {
            var place = t.Top + row;
            var x1 = t.X + (nint)(place + 1) * t.XRow;
            float* x0 = x1 - t.XRow, x2 = x1 + t.XRow, x3 = x2 + t.XRow;
            nint step0 = Dense.Block, step2 = Dense.Block, step3 = Dense.Block;
            if (place < 0)
            {
                x0 = zeros;
                step0 = 0;
            }

            if (place + 2 >= t.Map.Height)
            {
                x2 = zeros;
                step2 = 0;
            }

            if (place + 3 >= t.Map.Height)
            {
                x3 = zeros;
                step3 = 0;
            }

            var y = t.Y + row * yRow;
            var next = row + 1 < t.Rows ? yRow : 0; // a second row that is not wanted is written where the first goes, before it
            Vector512<float> s0 = default, s1 = bias, s2 = default, s3 = default;
            if (t.Left == 0)
            {
                var (v1, v2) = (Vector512.Load(x1), Vector512.Load(x2));
                s0 = (Vector512.Load(x0) - v2) * a0;
                s1 = Vector512.MultiplyAddEstimate(v1 + v2, a1, bias);
                s2 = (v2 - v1) * a2;
                s3 = (v1 - Vector512.Load(x3)) * a3;
                x0 += step0;
                x1 += Dense.Block;
                x2 += step2;
                x3 += step3;
            }

            var (p1, p2) = (Vector512.Load(x1), Vector512.Load(x2));
            Vector512<float> q0 = Vector512.Load(x0) - p2, q1 = p1 + p2, q2 = p2 - p1, q3 = p1 - Vector512.Load(x3);
            var r0 = Vector512.MultiplyAddEstimate(q0, b0, s0);
            var r1 = Vector512.MultiplyAddEstimate(q1, b1, s1);
            var r2 = Vector512.MultiplyAddEstimate(q2, b2, s2);
            var r3 = Vector512.MultiplyAddEstimate(q3, b3, s3);
            s0 = q0 * a0;
            s1 = Vector512.MultiplyAddEstimate(q1, a1, bias);
            s2 = q2 * a2;
            s3 = q3 * a3;
            for (var column = inside; column > 0; column--)
            {
                x0 += step0;
                x1 += Dense.Block;
                x2 += step2;
                x3 += step3;
                (p1, p2) = (Vector512.Load(x1), Vector512.Load(x2));
                q0 = Vector512.Load(x0) - p2;
                q1 = p1 + p2;
                q2 = p2 - p1;
                q3 = p1 - Vector512.Load(x3);
                var m0 = Vector512.MultiplyAddEstimate(q0, c0, r0);
                var m1 = Vector512.MultiplyAddEstimate(q1, c1, r1);
                var m2 = Vector512.MultiplyAddEstimate(q2, c2, r2);
                var m3 = Vector512.MultiplyAddEstimate(q3, c3, r3);
                r0 = Vector512.MultiplyAddEstimate(q0, b0, s0);
                r1 = Vector512.MultiplyAddEstimate(q1, b1, s1);
                r2 = Vector512.MultiplyAddEstimate(q2, b2, s2);
                r3 = Vector512.MultiplyAddEstimate(q3, b3, s3);
                s0 = q0 * a0;
                s1 = Vector512.MultiplyAddEstimate(q1, a1, bias);
                s2 = q2 * a2;
                s3 = q3 * a3;
                Store(t, low, high, m0 + m1 + m2, m1 - m2 - m3, y, next);
                y += Dense.Block;
            }

            if (inside < t.Columns) Store(t, low, high, r0 + r1 + r2, r1 - r2 - r3, y, next);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(in LaneRows t, Vector512<float> low, Vector512<float> high, Vector512<float> first, Vector512<float> second, float* y, nint next)
    {
        if (t.Add != null)
        {
            var add = t.Add + (y - t.Y);
            var (least, most) = (Vector512.Create(t.First.Low), Vector512.Create(t.First.High));
            first = Vector512.MinNative(most, Vector512.MaxNative(least, first)) + Vector512.Load(add);
            second = Vector512.MinNative(most, Vector512.MaxNative(least, second)) + Vector512.Load(add + next);
        }

        if (t.Last == LaneLast.Bounded)
        {
            first = Vector512.MinNative(high, Vector512.MaxNative(low, first));
            second = Vector512.MinNative(high, Vector512.MaxNative(low, second));
        }
        else if (t.Last == LaneLast.HardSwish)
        {
            first *= Gate(first);
            second *= Gate(second);
        }

        second.Store(y + next);
        first.Store(y);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Gate(Vector512<float> x) => Vector512.MinNative(Vector512<float>.One, Vector512.MaxNative(Vector512<float>.Zero, Vector512.MultiplyAddEstimate(x, Vector512.Create(1f / 6), Vector512.Create(0.5f))));
}
