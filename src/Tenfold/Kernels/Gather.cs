using System.Numerics;
using System.Runtime.CompilerServices;

namespace Tenfold.Kernels;

/// <summary>Copies the rows that a strip of outputs reads into scratch memory: zeros where the map ends, and rows and columns split by phase, so that
/// whatever stride and padding a convolution has, its neighbouring outputs read neighbouring pixels.</summary>
/// <remarks>
/// Stride 2, one row, z padding: <c>z a b c d e</c> becomes <c>z b d | a c e</c>: tap 0 reads from the first part, tap 1 from the second.
/// Layout: [channel block][part][row phase][row / stride][column][16]. Along an axis with a single tap nothing but what it reads is kept: of a 1x1 kernel, one output's pixel beside the next one's.
/// </remarks>
/// <param name="apart">Whether each column of the kernel has a part of its own, which holds what it reads and nothing else, so that pixels of one row of outputs and of the next follow each other:
/// <c>z a b c d e</c> of stride 1 and three columns becomes <c>z a b c | a b c d | b c d e</c>.</param>
internal readonly unsafe struct Gather(Geometry rows, Geometry columns, int height, int width, int blocks, bool apart = false)
{
    private readonly int[] _left = Left(columns, apart); // the first column of each part
    private readonly int _columns = apart || columns.Shifts.Length == 1 ? columns.Count : (columns.Span(columns.Count) + columns.InStride - 1) / columns.InStride; // of a part
    private readonly int _rowPhases = rows.Shifts.Length == 1 ? 1 : rows.InStride;

    private static int[] Left(Geometry columns, bool apart)
    {
        if (apart) return columns.Shifts;
        var left = new int[columns.Shifts.Length == 1 ? 1 : columns.InStride];
        for (var phase = 0; phase < left.Length; phase++) left[phase] = columns.MinShift + phase;
        return left;
    }

    /// <summary>Floats from one output row to the next.</summary>
    public int Step => _columns * Dense.Block;

    // Rows of a phase, of a strip of so many output rows.
    private int Rows(int outputRows) => (rows.Span(outputRows) + rows.InStride - 1) / rows.InStride;

    /// <summary>Floats from one channel block to the next, for a strip of so many output rows.</summary>
    public int Plane(int outputRows) => _left.Length * _rowPhases * Rows(outputRows) * Step;

    public long Size(int outputRows) => (long)blocks * Plane(outputRows);

    /// <summary>Where tap (i, j) of the first output lies in a plane of a strip of so many output rows; the next output is 16 floats on, the next row of outputs
    /// <see cref="Step"/> on.</summary>
    public int Tap(int i, int j, int outputRows)
    {
        var (row, column) = (rows.Shifts[i] - rows.MinShift, columns.Shifts[j] - columns.MinShift);
        var (part, shift) = apart ? (j, 0) : (column % columns.InStride, column / columns.InStride);
        return ((part * _rowPhases + row % rows.InStride) * Rows(outputRows) + row / rows.InStride) * Step + shift * Dense.Block;
    }

    // Of the columns left + q stride for q = 0, 1, ...: those from `Begin` to `End` lie in the map.
    private (int Begin, int End) Real(int left)
    {
        var stride = columns.InStride;
        var begin = left >= 0 ? 0 : Math.Min((-left + stride - 1) / stride, _columns);
        return (begin, width <= left ? begin : Math.Clamp((width - left + stride - 1) / stride, begin, _columns));
    }

    /// <param name="x">One sample: [channel block][height][width][16].</param>
    /// <param name="strip">Output rows that scratch is laid out for, of which there may be fewer at the map's end.</param>
    public void Fill(float* x, int firstOutputRow, int outputRows, float* scratch, int strip) => Fill(x, firstOutputRow, outputRows, scratch, strip, (0, blocks));

    /// <param name="of">The channel blocks that will be read, <c>End</c> behind the last; others are left as they are.</param>
    /// <inheritdoc cref="Fill(float*, int, int, float*, int)"/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Fill(float* x, int firstOutputRow, int outputRows, float* scratch, int strip, (int Begin, int End) of)
    {
        x += of.Begin * (long)height * width * Dense.Block;
        scratch += of.Begin * (long)Plane(strip);
        var (span, first, rowSize) = (rows.Span(outputRows), firstOutputRow * rows.InStride + rows.MinShift, width * Dense.Block);
        var (phaseSize, step) = (Rows(strip) * Step, columns.InStride * Dense.Block);
        for (var part = 0; part < _left.Length; part++)
        {
            var (begin, end) = Real(_left[part]);
            for (var phase = 0; phase < _rowPhases; phase++)
            {
                if (!rows.Reads(phase) || (!apart && !columns.Reads(part))) continue;
                var from = x + (first + phase) * (long)rowSize + (_left[part] + begin * columns.InStride) * (long)Dense.Block;
                var to = scratch + (part * _rowPhases + phase) * (long)phaseSize;
                for (var block = of.Begin; block < of.End; block++, from += (long)height * rowSize, to += (long)_left.Length * _rowPhases * phaseSize)
                {
                    float* source = from, row = to;
                    for (var r = phase; r < span; r += rows.InStride, source += (long)rows.InStride * rowSize, row += Step)
                    {
                        if ((uint)(first + r) >= (uint)height)
                        {
                            Clear(row, row + Step);
                            continue;
                        }

                        float* pixel = source, at = row + begin * Dense.Block;
                        Clear(row, at);
                        for (var last = row + end * Dense.Block; at < last; at += Dense.Block, pixel += step)
                            for (var lane = 0; lane < Dense.Block; lane += Vector<float>.Count) Vector.Load(pixel + lane).Store(at + lane);
                        Clear(at, row + Step);
                    }
                }
            }
        }
    }

    // Of a few pixels, for which a call would take longer.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Clear(float* from, float* end)
    {
        for (; from < end; from += Vector<float>.Count) Vector<float>.Zero.Store(from);
    }
}
