using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tenfold.Kernels;

/// <summary>From weights as an operation has them, one output channel after another, to rows of the same weight of all output channels.
/// <code>
/// output 0:  a0 b0 c0 d0 ...          row of a:  a0 a1 a2 a3 ...
/// output 1:  a1 b1 c1 d1 ...    ->    row of b:  b0 b1 b2 b3 ...         rows in any order
/// </code>
/// Four weights of four output channels at a time, sixteen weights of them in turn: what lies in one line of the cache.
/// </summary>
internal sealed unsafe class WeightRows
{
    private const int Window = 16; // weights that lie side by side

    private readonly int[] _from; // of each window the first weight; there are as many as rows have
    private readonly int[] _rows; // [window][16]: where each of its weights goes, -1 for nowhere

    /// <param name="weights">Where, from an output channel's first weight on, those lie that are wanted, in the order of the rows.</param>
    public WeightRows(int[] weights)
    {
        var (places, order) = ((int[])weights.Clone(), new int[weights.Length]);
        for (var row = 0; row < order.Length; row++) order[row] = row;
        Array.Sort(places, order);
        var (from, windows) = (new int[places.Length], 0);
        for (var k = 0; k < places.Length; k++)
            if (k == 0 || places[k] - from[windows - 1] >= Window) from[windows++] = places[k];
        _from = from;
        _rows = GC.AllocateUninitializedArray<int>(windows * Window, pinned: true);
        for (var k = 0; k < _rows.Length; k++) _rows[k] = -1;
        for (var (k, window) = (0, 0); k < places.Length; k++)
        {
            while (places[k] - from[window] >= Window) window++;
            _rows[window * Window + places[k] - from[window]] = order[k];
        }
    }

    /// <summary>Packs nothing, so that what is called for it is compiled.</summary>
    public static void Warm() => new WeightRows([]).Pack(null, 0, null, null, 0, null);

    /// <param name="kernel">All weights.</param>
    /// <param name="count">How many.</param>
    /// <param name="begin">Where each output channel's begin.</param>
    /// <param name="factor">By which each output channel's are multiplied.</param>
    /// <param name="width">Output channels, a multiple of 4.</param>
    /// <param name="to">[row][width].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Pack(float* kernel, long count, long* begin, float* factor, int width, float* to)
    {
        var rows = _rows.Start();
        for (var window = 0; window < _rows.Length / Window; window++)
        {
            var from = _from[window];
            for (var v = 0; v < width; v += 4)
            {
                float* a = kernel + begin[v] + from, b = kernel + begin[v + 1] + from, c = kernel + begin[v + 2] + from, d = kernel + begin[v + 3] + from;
                var (scale, room) = (Vector128.Load(factor + v), count - from - Math.Max(Math.Max(begin[v], begin[v + 1]), Math.Max(begin[v + 2], begin[v + 3])));
                for (var k = 0; k < Window; k += 4)
                {
                    var (r0, r1, r2, r3) = (rows[k], rows[k + 1], rows[k + 2], rows[k + 3]);
                    if ((r0 & r1 & r2 & r3) < 0) continue;
                    Vector128<float> w0, w1, w2, w3;
                    if (k + 4 <= room)
                    {
                        (w0, w1, w2, w3) = (Vector128.Load(a + k), Vector128.Load(b + k), Vector128.Load(c + k), Vector128.Load(d + k));
                        Repack.Transpose(ref w0, ref w1, ref w2, ref w3);
                    }
                    else
                    {
                        // Behind the last of all weights there may be nothing to read.
                        w0 = Vector128.Create(a[k], b[k], c[k], d[k]);
                        w1 = k + 1 < room ? Vector128.Create(a[k + 1], b[k + 1], c[k + 1], d[k + 1]) : default;
                        w2 = k + 2 < room ? Vector128.Create(a[k + 2], b[k + 2], c[k + 2], d[k + 2]) : default;
                        w3 = default;
                    }

                    if (r0 >= 0) (w0 * scale).Store(to + (nint)r0 * width + v);
                    if (r1 >= 0) (w1 * scale).Store(to + (nint)r1 * width + v);
                    if (r2 >= 0) (w2 * scale).Store(to + (nint)r2 * width + v);
                    if (r3 >= 0) (w3 * scale).Store(to + (nint)r3 * width + v);
                }
            }

            rows += Window;
        }
    }
}
