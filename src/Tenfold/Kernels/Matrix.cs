using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Tenfold.Kernels;

/// <summary>Products of row-major matrices as they lie, nothing packed: linear layers and their gradients.</summary>
internal static unsafe class Matrix
{
    /// <summary>Rows of w that one step of <see cref="Dots"/> reads.</summary>
    public const int Rows = 8;

    private const int Ahead = 512; // weights: 2 KB

    private const int Piece = 2048; // weights of a row, for several samples: of four rows 32 KB, as the first-level cache has

    /// <summary>y[n, o] = bias[o] + sum over f of w[o, f] x[n, f] for o in [from, to): both operands lie along f.</summary>
    /// <param name="bias">Or null.</param>
    /// <param name="yRow">Floats from one n to the next in y.</param>
    public static void Dots(float* x, float* w, float* bias, float* y, int samples, int features, int from, int to, int yRow)
    {
        for (var n = 0; n < samples; n++)
            for (var o = from; o < to; o++) y[(long)n * yRow + o] = bias == null ? 0 : bias[o];

        // All samples read a piece of eight rows while the next piece comes to the second-level cache, each call asking for its share of it.
        var (piece, calls) = samples < 3 ? (features, 0) : (Piece, 2 * (samples / 3));
        for (var o = from; o < to; o += Rows)
            for (var f = 0; f < features; f += piece)
            {
                var (rows, length, n, call) = (Math.Min(Rows, to - o), Math.Min(piece, features - f), 0, 0);
                var at = w + (long)o * features + f;
                var next = f + piece < features ? at + piece : at - f + (long)Rows * features;
                for (; rows == Rows && n + 3 <= samples; n += 3)
                    for (var row = 0; row < Rows; row += 4, call++)
                    {
                        var ahead = next + (long)(Rows * call / calls) * features;
                        var end = next + (long)(Rows * (call + 1) / calls) * features;
                        Dots3(x + (long)n * features + f, at + (long)row * features, y + (long)n * yRow + o + row, features, length, yRow, ahead, end);
                    }

                for (; n < samples; n++) Dots1(x + (long)n * features + f, at, y + (long)n * yRow + o, features, length, rows);
            }
    }

    /// <summary>Calls what <see cref="Dots"/> calls for one sample, on nothing, so that it is compiled.</summary>
    public static void Warm()
    {
        float y = 0;
        Dots1(&y, &y, &y, features: 0, length: 0, rows: 1);
    }

    /// <summary>c[i, j] = sum over k of a[i, k] b[k, j] for i in [from, to).</summary>
    /// <param name="aRow">Floats from one i to the next in a.</param>
    /// <param name="aStep">Floats from one k to the next in a.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Outer(float* a, int aRow, int aStep, float* b, int bRow, float* c, int cRow, int from, int to, int depth, int columns)
    {
        var v = Vector<float>.Count;
        var j = 0;
        for (; j + 3 * v <= columns; j += 3 * v)
            for (var i = from; i < to; i += 4) Outer3(a, aRow, aStep, b + j, bRow, c + j, cRow, i, Math.Min(4, to - i), depth);
        for (; j + v <= columns; j += v)
            for (var i = from; i < to; i += 4) Outer1(a, aRow, aStep, b + j, bRow, c + j, cRow, i, Math.Min(4, to - i), depth);
        for (; j < columns; j++) // fewer than a vector
            for (var i = from; i < to; i++)
            {
                var sum = 0f;
                for (var k = 0; k < depth; k++) sum += a[(long)i * aRow + (long)k * aStep] * b[(long)k * bRow + j];
                c[(long)i * cRow + j] = sum;
            }
    }

    /// <summary>c[i, j] = sum over k of a[i, k] b[k, j] for i in [from, to), in double precision.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Compose(double* a, float* b, float* c, int from, int to, int depth, int columns)
    {
        var j = 0;
        for (; j + Vector<float>.Count <= columns; j += Vector<float>.Count)
            for (var i = from; i < to; i += 4)
            {
                double* p0 = a + (long)i * depth, p1 = a + (long)Math.Min(i + 1, to - 1) * depth, p2 = a + (long)Math.Min(i + 2, to - 1) * depth, p3 = a + (long)Math.Min(i + 3, to - 1) * depth;
                Vector<double> l0 = default, l1 = default, l2 = default, l3 = default, h0 = default, h1 = default, h2 = default, h3 = default;
                for (var k = 0; k < depth; k++)
                {
                    Vector.Widen(Vector.Load(b + (long)k * columns + j), out var low, out var high);
                    var s = new Vector<double>(p0[k]);
                    l0 = Vector.MultiplyAddEstimate(s, low, l0);
                    h0 = Vector.MultiplyAddEstimate(s, high, h0);
                    s = new Vector<double>(p1[k]);
                    l1 = Vector.MultiplyAddEstimate(s, low, l1);
                    h1 = Vector.MultiplyAddEstimate(s, high, h1);
                    s = new Vector<double>(p2[k]);
                    l2 = Vector.MultiplyAddEstimate(s, low, l2);
                    h2 = Vector.MultiplyAddEstimate(s, high, h2);
                    s = new Vector<double>(p3[k]);
                    l3 = Vector.MultiplyAddEstimate(s, low, l3);
                    h3 = Vector.MultiplyAddEstimate(s, high, h3);
                }

                var y = c + (long)i * columns + j;
                Vector.Narrow(l0, h0).Store(y);
                if (i + 1 < to) Vector.Narrow(l1, h1).Store(y + columns);
                if (i + 2 < to) Vector.Narrow(l2, h2).Store(y + 2L * columns);
                if (i + 3 < to) Vector.Narrow(l3, h3).Store(y + 3L * columns);
            }

        for (; j < columns; j++) // fewer than a vector
            for (var i = from; i < to; i++)
            {
                var sum = 0.0;
                for (var k = 0; k < depth; k++) sum += a[(long)i * depth + k] * b[(long)k * columns + j];
                c[(long)i * columns + j] = (float)sum;
            }
    }

    // Adds four rows of w by three of x, and asks for as much of the rows [ahead, end). One stride for all, since more pointers than these would not stay in registers.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Dots3(float* x, float* w, float* y, nint features, int length, int yRow, float* ahead, float* end)
    {
        Vector<float> a00 = default, a01 = default, a02 = default, a10 = default, a11 = default, a12 = default;
        Vector<float> a20 = default, a21 = default, a22 = default, a30 = default, a31 = default, a32 = default;
        var (two, three, step, left) = (2 * features, 3 * features, Vector<float>.Count, length);
        for (; left >= step; left -= step, x += step, w += step, ahead += step, end += step)
        {
            if (Sse.IsSupported)
                for (var row = ahead; row < end; row += features) Sse.Prefetch1(row);
            var p = Vector.Load(x);
            var q = Vector.Load(x + features);
            var r = Vector.Load(x + two);
            var u = Vector.Load(w);
            a00 = Vector.MultiplyAddEstimate(u, p, a00);
            a01 = Vector.MultiplyAddEstimate(u, q, a01);
            a02 = Vector.MultiplyAddEstimate(u, r, a02);
            u = Vector.Load(w + features);
            a10 = Vector.MultiplyAddEstimate(u, p, a10);
            a11 = Vector.MultiplyAddEstimate(u, q, a11);
            a12 = Vector.MultiplyAddEstimate(u, r, a12);
            u = Vector.Load(w + two);
            a20 = Vector.MultiplyAddEstimate(u, p, a20);
            a21 = Vector.MultiplyAddEstimate(u, q, a21);
            a22 = Vector.MultiplyAddEstimate(u, r, a22);
            u = Vector.Load(w + three);
            a30 = Vector.MultiplyAddEstimate(u, p, a30);
            a31 = Vector.MultiplyAddEstimate(u, q, a31);
            a32 = Vector.MultiplyAddEstimate(u, r, a32);
        }

        var sums = stackalloc[] { a00, a01, a02, a10, a11, a12, a20, a21, a22, a30, a31, a32 };
        for (var row = 0; row < 4; row++)
            for (var n = 0; n < 3; n++) y[(long)n * yRow + row] += Vector.Sum(sums[3 * row + n]) + Rest(w + row * features, x + n * features, 0, left);
    }

    // Adds eight rows of w by one of x: at the speed at which w comes from memory. Where there are fewer rows the last is computed again and not stored.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Dots1(float* x, float* w, float* y, int features, int length, int rows)
    {
        var w1 = w + (long)Math.Min(1, rows - 1) * features;
        var w2 = w + (long)Math.Min(2, rows - 1) * features;
        var w3 = w + (long)Math.Min(3, rows - 1) * features;
        var w4 = w + (long)Math.Min(4, rows - 1) * features;
        var w5 = w + (long)Math.Min(5, rows - 1) * features;
        var w6 = w + (long)Math.Min(6, rows - 1) * features;
        var w7 = w + (long)Math.Min(7, rows - 1) * features;
        Vector<float> a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default, a6 = default, a7 = default;
        var f = 0;
        var step = Vector<float>.Count;
        for (; f + 2 * step <= length; f += 2 * step)
        {
            if (Sse.IsSupported)
            {
                // 2 KB ahead in the row, behind its end in the row eight further on, into the second-level cache, which waits for more lines at a time
                // than the first: the processor's own reading ahead ends at every page and starts anew with every row.
                var ahead = f + (f + Ahead < features ? Ahead : Ahead + (Rows - 1) * (nint)features);
                Sse.Prefetch1(w + ahead);
                Sse.Prefetch1(w1 + ahead);
                Sse.Prefetch1(w2 + ahead);
                Sse.Prefetch1(w3 + ahead);
                Sse.Prefetch1(w4 + ahead);
                Sse.Prefetch1(w5 + ahead);
                Sse.Prefetch1(w6 + ahead);
                Sse.Prefetch1(w7 + ahead);
            }

            var p = Vector.Load(x + f);
            var q = Vector.Load(x + f + step);
            a0 = Vector.MultiplyAddEstimate(Vector.Load(w + f + step), q, Vector.MultiplyAddEstimate(Vector.Load(w + f), p, a0));
            a1 = Vector.MultiplyAddEstimate(Vector.Load(w1 + f + step), q, Vector.MultiplyAddEstimate(Vector.Load(w1 + f), p, a1));
            a2 = Vector.MultiplyAddEstimate(Vector.Load(w2 + f + step), q, Vector.MultiplyAddEstimate(Vector.Load(w2 + f), p, a2));
            a3 = Vector.MultiplyAddEstimate(Vector.Load(w3 + f + step), q, Vector.MultiplyAddEstimate(Vector.Load(w3 + f), p, a3));
            a4 = Vector.MultiplyAddEstimate(Vector.Load(w4 + f + step), q, Vector.MultiplyAddEstimate(Vector.Load(w4 + f), p, a4));
            a5 = Vector.MultiplyAddEstimate(Vector.Load(w5 + f + step), q, Vector.MultiplyAddEstimate(Vector.Load(w5 + f), p, a5));
            a6 = Vector.MultiplyAddEstimate(Vector.Load(w6 + f + step), q, Vector.MultiplyAddEstimate(Vector.Load(w6 + f), p, a6));
            a7 = Vector.MultiplyAddEstimate(Vector.Load(w7 + f + step), q, Vector.MultiplyAddEstimate(Vector.Load(w7 + f), p, a7));
        }

        var sums = stackalloc[] { a0, a1, a2, a3, a4, a5, a6, a7 };
        for (var row = 0; row < rows; row++) y[row] += Vector.Sum(sums[row]) + Rest(w + (long)row * features, x, f, length);
    }

    // What is left behind the last whole vectors: fewer than two of them.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Rest(float* w, float* x, int from, int to)
    {
        var sum = 0f;
        for (var f = from; f < to; f++) sum += w[f] * x[f];
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Outer3(float* a, int aRow, int aStep, float* b, int bRow, float* c, int cRow, int i, int rows, int depth)
    {
        var p0 = a + (long)i * aRow;
        var p1 = a + (long)(i + Math.Min(1, rows - 1)) * aRow;
        var p2 = a + (long)(i + Math.Min(2, rows - 1)) * aRow;
        var p3 = a + (long)(i + Math.Min(3, rows - 1)) * aRow;
        var step = Vector<float>.Count;
        Vector<float> a00 = default, a01 = default, a02 = default, a10 = default, a11 = default, a12 = default;
        Vector<float> a20 = default, a21 = default, a22 = default, a30 = default, a31 = default, a32 = default;
        for (var k = 0; k < depth; k++, b += bRow)
        {
            var at = (long)k * aStep;
            var q0 = Vector.Load(b);
            var q1 = Vector.Load(b + step);
            var q2 = Vector.Load(b + 2 * step);
            var s = new Vector<float>(p0[at]);
            a00 = Vector.MultiplyAddEstimate(s, q0, a00);
            a01 = Vector.MultiplyAddEstimate(s, q1, a01);
            a02 = Vector.MultiplyAddEstimate(s, q2, a02);
            s = new Vector<float>(p1[at]);
            a10 = Vector.MultiplyAddEstimate(s, q0, a10);
            a11 = Vector.MultiplyAddEstimate(s, q1, a11);
            a12 = Vector.MultiplyAddEstimate(s, q2, a12);
            s = new Vector<float>(p2[at]);
            a20 = Vector.MultiplyAddEstimate(s, q0, a20);
            a21 = Vector.MultiplyAddEstimate(s, q1, a21);
            a22 = Vector.MultiplyAddEstimate(s, q2, a22);
            s = new Vector<float>(p3[at]);
            a30 = Vector.MultiplyAddEstimate(s, q0, a30);
            a31 = Vector.MultiplyAddEstimate(s, q1, a31);
            a32 = Vector.MultiplyAddEstimate(s, q2, a32);
        }

        c += (long)i * cRow;
        for (var row = 0; row < rows; row++, c += cRow)
        {
            var (s0, s1, s2) = row switch { 0 => (a00, a01, a02), 1 => (a10, a11, a12), 2 => (a20, a21, a22), _ => (a30, a31, a32) };
            s0.Store(c);
            s1.Store(c + step);
            s2.Store(c + 2 * step);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Outer1(float* a, int aRow, int aStep, float* b, int bRow, float* c, int cRow, int i, int rows, int depth)
    {
        var p0 = a + (long)i * aRow;
        var p1 = a + (long)(i + Math.Min(1, rows - 1)) * aRow;
        var p2 = a + (long)(i + Math.Min(2, rows - 1)) * aRow;
        var p3 = a + (long)(i + Math.Min(3, rows - 1)) * aRow;
        Vector<float> a0 = default, a1 = default, a2 = default, a3 = default;
        for (var k = 0; k < depth; k++, b += bRow)
        {
            var at = (long)k * aStep;
            var q = Vector.Load(b);
            a0 = Vector.MultiplyAddEstimate(new Vector<float>(p0[at]), q, a0);
            a1 = Vector.MultiplyAddEstimate(new Vector<float>(p1[at]), q, a1);
            a2 = Vector.MultiplyAddEstimate(new Vector<float>(p2[at]), q, a2);
            a3 = Vector.MultiplyAddEstimate(new Vector<float>(p3[at]), q, a3);
        }

        a0.Store(c + (long)i * cRow);
        if (rows > 1) a1.Store(c + (long)(i + 1) * cRow);
        if (rows > 2) a2.Store(c + (long)(i + 2) * cRow);
        if (rows > 3) a3.Store(c + (long)(i + 3) * cRow);
    }
}
