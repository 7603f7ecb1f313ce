using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tenfold.Kernels;

/// <summary>The places of a window along an axis that lie in the map.</summary>
/// <param name="Step">From one to the next: the dilation.</param>
internal readonly record struct Window(int First, int Count, int Step);

/// <summary>The largest number in each window, on planes of 16 lanes.</summary>
internal sealed unsafe class MaxPooling(Window[] rows, Window[] columns, int width)
{
    /// <summary>Floats: one row of x.</summary>
    public long Scratch => (long)width * Dense.Block;

    /// <summary>Pools a row of no columns, so that what is called for it is compiled.</summary>
    public static void Warm()
    {
        float* nothing = stackalloc float[Dense.Block];
        new MaxPooling([new Window(0, 2, 1)], [], width: 0).Run(nothing, nothing, 0, 1, nothing);
    }

    /// <summary>Rows [from, to) of y: first over the rows of x, which lie in one piece, then over columns. NaN wins.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run(float* x, float* y, int from, int to, float* scratch)
    {
        y += (long)from * columns.Length * Dense.Block;
        for (var h = from; h < to; h++)
        {
            var window = rows[h];
            var row = x + (long)window.First * width * Dense.Block;
            if (window.Count is 2 or 3 && (Vector512.IsHardwareAccelerated ? Finite(row, window, scratch) : FiniteByParts(row, window, scratch)))
            {
                if (Vector512.IsHardwareAccelerated) Columns(scratch, y);
                else ColumnsByParts(scratch, y);
                y += columns.Length * Dense.Block;
                continue;
            }

            if (window.Count > 1)
            {
                MaxRows(row, window, scratch);
                row = scratch;
            }

            foreach (var column in columns)
            {
                for (var lane = 0; lane < Dense.Block; lane += Vector<float>.Count)
                {
                    var best = new Vector<float>(float.NegativeInfinity);
                    if (window.Count > 0)
                        for (var j = 0; j < column.Count; j++) best = Vector.Max(best, Vector.Load(row + (column.First + j * column.Step) * Dense.Block + lane));
                    best.Store(y + lane);
                }

                y += Dense.Block;
            }
        }
    }

    // The largest of two or three rows by the processor's own maximum, which forgets NaN; false where there may be one. A maximum that keeps it takes
    // three instructions. Zero times a sum is not zero where a NaN or infinity, or too large a number, is in it.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool Finite(float* row, Window window, float* max)
    {
        var step = window.Step * width * Dense.Block;
        var last = (window.Count - 1) * step;
        var seen = Vector512<float>.Zero;
        for (var i = 0; i < width * Dense.Block; i += Dense.Block)
        {
            var (a, b, c) = (Vector512.Load(row + i), Vector512.Load(row + i + step), Vector512.Load(row + i + last));
            Vector512.MaxNative(Vector512.MaxNative(a, b), c).Store(max + i);
            seen = Vector512.MultiplyAddEstimate(a + b + c, Vector512<float>.Zero, seen);
        }

        return Vector512.EqualsAll(seen, Vector512<float>.Zero);
    }

    // The same for vectors of which a block has several.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool FiniteByParts(float* row, Window window, float* max)
    {
        var step = window.Step * width * Dense.Block;
        var last = (window.Count - 1) * step;
        var seen = Vector<float>.Zero;
        for (var i = 0; i < width * Dense.Block; i += Vector<float>.Count)
        {
            var (a, b, c) = (Vector.Load(row + i), Vector.Load(row + i + step), Vector.Load(row + i + last));
            Vector.MaxNative(Vector.MaxNative(a, b), c).Store(max + i);
            seen = Vector.MultiplyAddEstimate(a + b + c, Vector<float>.Zero, seen);
        }

        return Vector.EqualsAll(seen, Vector<float>.Zero);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Columns(float* row, float* y)
    {
        foreach (var column in columns)
        {
            var from = row + column.First * Dense.Block;
            var step = column.Step * Dense.Block;
            var best = Vector512.Create(float.NegativeInfinity);
            if (column.Count == 3) best = Vector512.MaxNative(Vector512.MaxNative(Vector512.Load(from), Vector512.Load(from + step)), Vector512.Load(from + 2 * step));
            else
                for (var j = 0; j < column.Count; j++) best = Vector512.MaxNative(best, Vector512.Load(from + j * step));
            best.Store(y);
            y += Dense.Block;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ColumnsByParts(float* row, float* y)
    {
        foreach (var column in columns)
        {
            var step = column.Step * Dense.Block;
            for (var lane = 0; lane < Dense.Block; lane += Vector<float>.Count)
            {
                var from = row + column.First * Dense.Block + lane;
                var best = new Vector<float>(float.NegativeInfinity);
                if (column.Count == 3) best = Vector.MaxNative(Vector.MaxNative(Vector.Load(from), Vector.Load(from + step)), Vector.Load(from + 2 * step));
                else
                    for (var j = 0; j < column.Count; j++) best = Vector.MaxNative(best, Vector.Load(from + j * step));
                best.Store(y + lane);
            }

            y += Dense.Block;
        }
    }

    /// <summary>dx of a whole plane: what a window got goes to its first maximum in scan order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Gradient(float* x, float* dy, float* dx, int height)
    {
        new Span<float>(dx, checked(height * width * Dense.Block)).Clear();
        foreach (var window in rows)
            foreach (var column in columns)
            {
                var first = ((long)window.First * width + column.First) * Dense.Block;
                for (var lane = 0; lane < Dense.Block; lane += Vector<float>.Count)
                {
                    var best = new Vector<float>(float.NegativeInfinity);
                    var winner = Vector<float>.Zero; // counted in scan order
                    for (var i = 0; i < window.Count; i++)
                        for (var j = 0; j < column.Count; j++)
                        {
                            var value = Vector.Load(x + first + Place(window, column, i, j) + lane);
                            var place = i * column.Count + j;
                            var better = place == 0 ? Vector<int>.AllBitsSet : Vector.GreaterThan(value, best) | ~Vector.Equals(value, value);
                            best = Vector.ConditionalSelect(better, value, best);
                            winner = Vector.ConditionalSelect(better, new Vector<float>(place), winner);
                        }

                    var gradient = Vector.Load(dy + lane);
                    for (var i = 0; i < window.Count; i++)
                        for (var j = 0; j < column.Count; j++)
                        {
                            var to = dx + first + Place(window, column, i, j) + lane;
                            var mine = Vector.Equals(winner, new Vector<float>(i * column.Count + j));
                            (Vector.Load(to) + Vector.ConditionalSelect(mine, gradient, Vector<float>.Zero)).Store(to);
                        }
                }

                dy += Dense.Block;
            }
    }

    private long Place(Window row, Window column, int i, int j) => ((long)i * row.Step * width + j * column.Step) * Dense.Block;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void MaxRows(float* row, Window window, float* best)
    {
        var n = width * Dense.Block;
        var step = (long)window.Step * n;
        for (var i = 0; i < n; i += Vector<float>.Count)
        {
            var value = Vector.Max(Vector.Load(row + i), Vector.Load(row + step + i));
            for (var k = 2; k < window.Count; k++) value = Vector.Max(value, Vector.Load(row + k * step + i));
            value.Store(best + i);
        }
    }
}
