using System.Numerics;
using System.Runtime.CompilerServices;

namespace Tenfold.Kernels;

/// <summary>One dimension of a convolution, seen from its output: which inputs the t-th of <see cref="Count"/> outputs reads.</summary>
/// <remarks>Output <c>OutStart + t OutStride</c> reads input <c>t InStride + Shifts[i]</c> through tap <c>Taps[i]</c> of the kernel, for every i.
/// A convolution is one such dimension; a transposed convolution with stride s is s of them, one for each phase of its output.</remarks>
internal sealed record Geometry(int Count, int InStride, int OutStart, int OutStride, int[] Shifts, int[] Taps)
{
    // Shifts rise or fall from tap to tap.
    public int MinShift { get; } = Shifts.Length == 0 ? 0 : Math.Min(Shifts[0], Shifts[^1]);

    /// <summary>How many inputs lie from the first that <paramref name="count"/> outputs read to the last.</summary>
    public int Span(int count) => (count - 1) * InStride + (Shifts.Length == 0 ? 0 : Math.Max(Shifts[0], Shifts[^1]) - MinShift) + 1;

    /// <summary>Whether any output reads inputs of this phase: those at <see cref="MinShift"/> + phase + q InStride for some q.</summary>
    public bool Reads(int phase)
    {
        foreach (var shift in Shifts)
            if ((shift - MinShift) % InStride == phase % InStride) return true;
        return false;
    }

    /// <summary>Of output t the taps [First, End) that read one of <paramref name="inputs"/>; shifts rise or fall from tap to tap.</summary>
    public (int First, int End) Inside(int t, int inputs)
    {
        var (first, end) = (0, Shifts.Length);
        while (first < end && (uint)(t * InStride + Shifts[first]) >= (uint)inputs) first++;
        while (first < end && (uint)(t * InStride + Shifts[end - 1]) >= (uint)inputs) end--;
        return (first, end);
    }

    public static Geometry[] Forward(int outputs, int kernel, int stride, int before, int dilation) =>
        [new Geometry(outputs, stride, 0, 1, Along(kernel, dilation, -before), Along(kernel, 1, 0))];

    // start, start + step, ...: by itself, as all that a process does before its first run; LINQ over numbers would be compiled anew in each.
    private static int[] Along(int count, int step, int start)
    {
        var places = new int[count];
        for (var i = 0; i < count; i++) places[i] = start + i * step;
        return places;
    }

    public static Geometry[] Transposed(int outputs, int kernel, int stride, int before, int dilation)
    {
        var phases = new List<Geometry>();
        for (var phase = 0; phase < Math.Min(stride, outputs); phase++)
        {
            var taps = Enumerable.Range(0, kernel).Where(k => (phase + before - k * dilation) % stride == 0).ToArray();
            phases.Add(new Geometry((outputs - phase + stride - 1) / stride, 1, phase, stride, [.. taps.Select(k => (phase + before - k * dilation) / stride)], taps));
        }

        return [.. phases];
    }
}

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

/// <summary>The numbers of a dense convolution that its kernels share.</summary>
/// <param name="KernelSize">Height and width.</param>
/// <param name="Transposed">Whether the kernel is [in, out/groups, kh, kw] and paints, or [out, in/groups, kh, kw] and collects.</param>
internal sealed record DenseShape(int Batch, int In, int Out, Size InPlane, Size OutPlane, Size KernelSize, Size Stride, Size Before, Size Dilation, int Groups, bool Transposed)
{
    public int InBlocks => (In + Dense.Block - 1) / Dense.Block;

    public int OutBlocks => (Out + Dense.Block - 1) / Dense.Block;

    public int InPerGroup => In / Groups;

    public int OutPerGroup => Out / Groups;

    public Geometry[] Rows => Axis(OutPlane.Height, KernelSize.Height, Stride.Height, Before.Height, Dilation.Height);

    public Geometry[] Columns => Axis(OutPlane.Width, KernelSize.Width, Stride.Width, Before.Width, Dilation.Width);

    /// <summary>Kernel 1, stride 1, no padding: the plane is one long row and needs no gathering.</summary>
    public bool Pointwise => KernelSize.Area == 1 && Stride.Area == 1 && Before is (0, 0) && InPlane == OutPlane;

    /// <summary>The input channels that output channels [from, to) read: those of their groups.</summary>
    public (int From, int To) Reads(int from, int to) => (from / OutPerGroup * InPerGroup, ((Math.Min(to, Out) - 1) / OutPerGroup + 1) * InPerGroup);

    /// <summary>The blocks of output channels that a tile of the micro-kernel computes together: two, where the registers allow and both read the same channels.</summary>
    /// <param name="pairs">With products in pairs it is one.</param>
    public (int Block, int Blocks)[] OutTiles(bool pairs = false)
    {
        var (tiles, count) = (new (int Block, int Blocks)[OutBlocks], 0);
        for (var block = 0; block < OutBlocks;)
        {
            var blocks = pairs ? 1 : Math.Min(Dense.MaxBlocks, OutBlocks - block);
            if (blocks > 1 && Range(block) != Range(block + 1)) blocks = 1;
            tiles[count++] = (block, blocks);
            block += blocks;
        }

        Array.Resize(ref tiles, count);
        return tiles;

        (int, int) Range(int block) => Reads(block * Dense.Block, (block + 1) * Dense.Block);
    }

    /// <summary>Where the weight from input channel <paramref name="c"/> to output channel <paramref name="o"/> of tap 0 lies; -1 when they are in different groups.</summary>
    public int Weight(int o, int c) => o / OutPerGroup != c / InPerGroup ? -1
        : KernelSize.Area * (Transposed ? c * OutPerGroup + o % OutPerGroup : o * InPerGroup + c % InPerGroup);

    /// <summary>From one input channel's weight to the next within a group.</summary>
    public int WeightStep => KernelSize.Area * (Transposed ? OutPerGroup : 1);

    private Geometry[] Axis(int outputs, int kernel, int stride, int before, int dilation) => Transposed
        ? Geometry.Transposed(outputs, kernel, stride, before, dilation)
        : Geometry.Forward(outputs, kernel, stride, before, dilation);
}

/// <summary>The rows of a map in strips of equal height.</summary>
/// <remarks>Items go through all channels of a strip before the next strip begins, as those of convolutions do that read all channels: the items with which a thread
/// begins are then the same part of the map in one step after another, and what it reads is mostly what it wrote itself. Where cores lie far apart this makes
/// MobileNet v2 and ShuffleNet v2 on two threads 4 to 7 % faster.</remarks>
internal readonly record struct Strips(int Height, int Count)
{
    /// <param name="least">How many strips all samples together shall have where they are more than a few rows high; 1 for whole planes, unless there are few of them.</param>
    public static Strips Of(int rows, int samples, int blocks, int least = 4)
    {
        var (height, count) = (rows, 1);
        while ((height > 7 && samples * count < least) || (height > 4 && samples * blocks * count < 8))
        {
            height = (height + 1) / 2;
            count = (rows + height - 1) / height;
        }

        return new Strips(height, count);
    }
}

/// <summary>The pixels of pointwise convolutions in strips of whole tiles, and the output channels in shares.</summary>
internal readonly record struct PixelStrips(int Pixels, int Count, int Shares)
{
    private const int Pieces = 12; // where there is so much: few threads then wait little for each other at the end of a step
    private const int Fewest = 4; // whatever the tiles
    private const int TilesOfShare = 8; // at least: what is known of a strip's pixels before the first tile, products in pairs above all, is computed for each share anew
    private const int Most = 28; // pixels of a tile
    private const int MostFloats = 48 * 1024; // of a strip, 192 KB: with the weights of a tile well within the second-level cache

    /// <param name="tiles">Tiles of output channels.</param>
    public static PixelStrips Of(DenseShape shape, int tiles)
    {
        var across = (shape.OutPlane.Area + Most - 1) / Most;
        var pixels = (shape.OutPlane.Area + across - 1) / across;
        if (Simd.Width < 512) pixels = (pixels + Dense.MaxPixels(1) - 1) / Dense.MaxPixels(1) * Dense.MaxPixels(1); // tiles so small want to be whole: of 5 pixels they reach 93 % of the peak, of 6 97 %
        // Three tiles, or two where three would leave one by itself, so that weights come to the first-level cache for all of them, and as many as fill the second-level one if all threads have their strips.
        var together = Math.Clamp(Math.Min(shape.Batch * across / Pieces, MostFloats / (shape.InBlocks * Dense.Block * pixels)), Math.Min(across % 3 == 1 ? 2 : 3, across), across);
        var count = (across + together - 1) / together;
        var strip = (across + count - 1) / count * pixels;
        count = (shape.OutPlane.Area + strip - 1) / strip;
        var items = checked(shape.Batch * count);
        return new PixelStrips(strip, count, SharesOf(tiles, items));
    }

    /// <summary>The shares of so many tiles of output channels, where each shall be computed for so many strips.</summary>
    public static int SharesOf(int tiles, int items) => Math.Min(tiles, Math.Clamp(tiles / TilesOfShare, (Fewest + items - 1) / items, (Pieces + items - 1) / items));
}
