using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Tenfold.Kernels;

/// <summary>A few rows of outputs of one plane, or of four that read the same planes, a vector of neighbouring columns after the other.
/// <code>
/// x: | a b c d ...      y row 0: a w0 + b w1 + ...       a vector: neighbouring columns of one row; tap j is the same row, loaded
///    | e f g h ...      y row 1: e w0 + f w1 + ...       from another place
/// </code>
/// </summary>
internal unsafe struct PlaneTile
{
    /// <summary>Tap 0 of the first row that output column 0 reads; what lies outside of the map is 0 in memory.</summary>
    public float* X;

    /// <summary>[input channel][output channel][row][column].</summary>
    public float* W;

    public float* Y;

    /// <summary>Where each tap of a row lies, from X on.</summary>
    public fixed int Offsets[5];

    public int XRow;
    public int YRow;

    /// <summary>The columns at which the first and the last vector begin; the last one may overlap the one before.</summary>
    public int First;
    public int Last;

    /// <summary>How many input channels are summed, from one to the next in X.</summary>
    public int Planes;
    public int XPlane;

    /// <summary>From one output channel to the next.</summary>
    public int YPlane;

    /// <summary>A number for each output channel.</summary>
    public float* Bias;

    public float Low;
    public float High;
}

/// <summary>Depthwise convolution, and convolution in small groups, of maps in plain order. It reads and writes what it must and nothing else, so between plain maps it beats
/// a kernel on blocks of channels, which pays for two changes of layout; between blocked maps it is the other way round.</summary>
/// <remarks>
/// Rows are copied to scratch between zeros, so that the kernel knows no border; at stride 2 even columns before odd ones, so that neighbouring outputs read
/// neighbouring numbers: <c>z a b c d e z</c> becomes <c>z a c e z | z b d z z</c>. Where rows are dilated, those that share their taps make a tile.
/// The most frequent cases by far need no copies where vectors have 512 bits: <see cref="PlaneRowConvolution"/>.
/// </remarks>
internal sealed unsafe class PlaneConvolution : ConvolutionKernel
{
    private const int ScratchFloats = 3 * 1024; // 12 KB, twice: the rows of two channels and the outputs of a tile stay in the first-level cache
    private const int ItemMacs = 192 * 1024;
    private const int MostRows = 8; // of a tile of one channel
    private const int GroupOuts = 4; // channels of a tile where groups are larger

    private readonly DenseShape _shape;
    private readonly int _stride, _margin, _phase, _row; // floats before the first column, of a phase, and of a row
    private readonly int _strip, _strips, _groups, _shares, _map; // rows of an item, groups of an item, floats of a channel's rows

    public PlaneConvolution(DenseShape shape)
    {
        _shape = shape;
        _stride = shape.Stride.Width;
        _margin = Up(shape.Before.Width / _stride + 1);
        _phase = _margin + Up(Math.Max(shape.InPlane.Width / _stride, shape.OutPlane.Width + shape.KernelSize.Width * shape.Dilation.Width / _stride) + 1) + Dense.Block;
        _row = _stride * _phase;
        var height = shape.OutPlane.Height;
        _strip = height;
        while (_strip > MostRows && (long)Span(_strip) * _row * shape.InPerGroup > ScratchFloats * (shape.InPerGroup > 1 ? 2 : 1)) _strip = (_strip + 1) / 2;
        _strips = (height + _strip - 1) / _strip;
        _map = Span(_strip) * _row;
        _groups = (int)Math.Clamp((Grouped ? 6L : 1) * ItemMacs / (_strip * shape.OutPlane.Width * shape.KernelSize.Area * shape.InPerGroup * shape.OutPerGroup), 1, shape.Groups);
        _shares = (shape.Groups + _groups - 1) / _groups;
        Items = checked(shape.Batch * _shares * _strips);
        Scratch = 2L * _map * shape.InPerGroup + MostRows * Dense.Block;

        static int Up(int floats) => (floats + Dense.Block - 1) / Dense.Block * Dense.Block;
    }

    public override string Name => Grouped ? $"groups of {_shape.InPerGroup}, on planes" : "depthwise, on planes";

    public override string Packing => $"planes {_shape.In} {_shape.Out} {_shape.KernelSize} {_shape.Groups}";

    public override int Items { get; }

    public override long Scratch { get; }

    public override long PackedSize => (long)_shape.Out * _shape.InPerGroup * _shape.KernelSize.Area;

    public override int PackItems => 1;

    private bool Grouped => _shape.OutPerGroup > 1;

    /// <summary>Square kernels of 3 and 5 (of 7 the multiply-adds weigh more than the changes of layout), stride 1 with any dilation or stride 2, on rows that fill
    /// most of a vector; in groups of up to 8 channels, 3x3.</summary>
    public static bool Takes(DenseShape shape) =>
        !shape.Transposed && shape.KernelSize is (3, 3) or (5, 5)
        && (shape.InPerGroup == 1 && shape.OutPerGroup == 1
            ? shape.OutPlane.Width >= Math.Min(7, Vector<float>.Count)
            : shape.Groups > 1 && shape.InPerGroup <= 8 && shape.OutPerGroup % GroupOuts == 0 && shape.KernelSize.Width == 3 && shape.OutPlane.Width >= Dense.Block)
        && shape.Stride.Height == shape.Stride.Width && (shape.Stride.Width == 1 || (shape.Stride.Width == 2 && shape.Dilation.Area == 1))
        && shape.Before is { Height: >= 0, Width: >= 0 };

    // [output channels of a tile][input channel][output channel][row][column]
    public override void Pack(int item, float* kernel, float* scale, float* packed)
    {
        var (taps, ins, outs) = (_shape.KernelSize.Area, _shape.InPerGroup, Grouped ? GroupOuts : 1);
        for (var o = 0; o < _shape.Out; o++)
            for (var c = 0; c < ins; c++)
                for (var k = 0; k < taps; k++) packed[((o / outs * ins + c) * outs + o % outs) * taps + k] = kernel[(o * ins + c) * taps + k] * (scale == null ? 1 : scale[o]);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(int item, float* x, float* packed, float* bias, in DenseEpilogue then, float* y, float* scratch)
    {
        (item, var strip) = Math.DivRem(item, _strips);
        var (n, share) = Math.DivRem(item, _shares);
        var (from, to) = (strip * _strip, Math.Min(_shape.OutPlane.Height, (strip + 1) * _strip));
        var (first, end) = (share * _groups, Math.Min(_shape.Groups, (share + 1) * _groups));
        var (width, ins, outs, taps) = (_shape.OutPlane.Width, _shape.InPerGroup, Grouped ? GroupOuts : 1, _shape.KernelSize.Area);
        var narrow = Vector<float>.Count;
        var wide = Simd.Width == 512 && width > narrow ? Dense.Block : narrow;
        var rest = !Grouped && width > wide && width % wide <= narrow && narrow < wide ? width % wide : 0; // columns at the end for which a narrow vector is enough
        var (tiles, restTiles) = (Tiles(wide), Tiles(narrow));
        var apart = _shape.Dilation.Height; // outputs so many rows apart share rows of the input
        var most = !Grouped ? MostRows : wide == Dense.Block ? Plane512.Most : PlaneAny.Most;
        var tile = new PlaneTile
        {
            XRow = apart * _row,
            YRow = apart * width,
            Last = Math.Max(0, width - rest - wide),
            Planes = ins,
            XPlane = _map,
            YPlane = _shape.OutPlane.Area,
            Low = then.Last.Low,
            High = then.Last.High,
        };
        Taps(ref tile);

        // While one group is computed, the rows of the next are copied: they are in the cache before they are read again.
        var (here, there) = ((nint)scratch, (nint)(scratch + (long)_map * ins));
        for (var c = 0; c < (end - first > 1 ? 2 : 1) * ins; c++) Zeros(from, to, scratch + (long)c * _map);
        FillGroup(x, n, first, from, to, (float*)here);
        for (var group = first; group < end; group++)
        {
            if (group + 1 < end) FillGroup(x, n, group + 1, from, to, (float*)there);
            for (var o = group * _shape.OutPerGroup; o < (group + 1) * _shape.OutPerGroup; o += outs)
            {
                var plane = y + ((long)n * _shape.Out + o) * _shape.OutPlane.Area;
                tile.W = packed + (long)o * ins * taps;
                tile.Bias = bias + o;
                for (var phase = 0; phase < apart; phase++)
                    for (int row = from + phase, rows; row < to; row += rows * apart)
                    {
                        var left = (to - row + apart - 1) / apart;
                        rows = left > 2 * most ? most : left > most ? (left + 1) / 2 : left;
                        tile.X = (float*)here + (long)(row - from) * _stride * _row;
                        tile.Y = plane + (long)row * width;
                        if (width >= wide)
                        {
                            tiles[rows - 1](tile);
                            if (rest > 0) Rest(tile, restTiles[rows - 1], width - narrow);
                        }
                        else if (apart == 1 && (rows < left || (group + 1 < end && _strips == 1))) tiles[rows - 1](tile); // what runs over the end is written again by what follows
                        else Apart(tile, tiles[rows - 1], rows, width, scratch + 2L * _map * ins);
                    }
            }

            (here, there) = (there, here);
        }
    }

    private static void Rest(PlaneTile tile, delegate*<in PlaneTile, void> kernel, int at)
    {
        tile.First = tile.Last = at;
        kernel(tile);
    }

    // Rows shorter than a vector, with nothing behind their ends that may be overwritten.
    private static void Apart(PlaneTile tile, delegate*<in PlaneTile, void> kernel, int rows, int width, float* scratch)
    {
        var (y, step) = ((nint)tile.Y, tile.YRow);
        tile.Y = scratch;
        tile.YRow = Dense.Block;
        kernel(tile);
        for (var row = 0; row < rows; row++) new Span<float>(scratch + row * Dense.Block, width).CopyTo(new Span<float>((float*)y + (long)row * step, width));
    }

    // Where each tap of a row lies.
    private void Taps(ref PlaneTile tile)
    {
        for (var j = 0; j < _shape.KernelSize.Width; j++)
        {
            var place = j * _shape.Dilation.Width - _shape.Before.Width;
            var phase = place & (_stride - 1);
            tile.Offsets[j] = _margin + phase * _phase + (place - phase) / _stride;
        }
    }

    private int Span(int outputs) => (outputs - 1) * _stride + (_shape.KernelSize.Height - 1) * _shape.Dilation.Height + 1;

    // What is 0 for all channels: the rows outside of the map, and what stands before and behind the others.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Zeros(int from, int to, float* scratch)
    {
        var first = from * _stride - _shape.Before.Height;
        for (var row = 0; row < Span(to - from); row++)
        {
            var outside = (uint)(first + row) >= (uint)_shape.InPlane.Height;
            for (var phase = 0; phase < _stride; phase++)
            {
                var start = scratch + (long)row * _row + phase * _phase;
                for (var i = 0; i < (outside ? _phase : _margin); i += Dense.Block) Zero(start + i);
                for (var i = _margin + _shape.InPlane.Width / _stride / Dense.Block * Dense.Block; i < _phase; i += Dense.Block) Zero(start + i);
            }
        }
    }

    private void FillGroup(float* x, int n, int group, int from, int to, float* scratch)
    {
        for (var c = 0; c < _shape.InPerGroup; c++) Fill(x + ((long)n * _shape.In + group * _shape.InPerGroup + c) * _shape.InPlane.Area, from, to, scratch + (long)c * _map);
    }

    // The rows of a plane that outputs [from, to) read. A vector may run over the end of a row, and leaves zeros there.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Fill(float* x, int from, int to, float* scratch)
    {
        var (height, width) = _shape.InPlane;
        var first = from * _stride - _shape.Before.Height;
        var (begin, end) = (Math.Max(first, 0), Math.Min(first + Span(to - from), height));
        var source = x + (long)begin * width;
        var target = scratch + (long)(begin - first) * _row + _margin;
        var even = Vector512<int>.Indices * 2;
        var odd = even + Vector512<int>.One;
        var rest = width % (_stride * Dense.Block);
        var (last, evens, odds) = (First(rest), First((rest + 1) / 2), First(rest / 2));
        for (var row = begin; row < end; row++, source += width, target += _row)
        {
            if (_stride == 1)
            {
                var i = 0;
                for (; i + Dense.Block <= width; i += Dense.Block) Vector512.Load(source + i).Store(target + i);
                if (i < width) (Vector512.Load(source + i) & last).Store(target + i);
            }
            else if (Avx512F.IsSupported)
            {
                var i = 0;
                for (; i + 2 * Dense.Block <= width; i += 2 * Dense.Block)
                {
                    var (a, b) = (Vector512.Load(source + i), Vector512.Load(source + i + Dense.Block));
                    Avx512F.PermuteVar16x32x2(a, even, b).Store(target + i / 2);
                    Avx512F.PermuteVar16x32x2(a, odd, b).Store(target + _phase + i / 2);
                }

                if (i < width)
                {
                    var (a, b) = (Vector512.Load(source + i), i + Dense.Block < width ? Vector512.Load(source + i + Dense.Block) : default);
                    (Avx512F.PermuteVar16x32x2(a, even, b) & evens).Store(target + i / 2);
                    (Avx512F.PermuteVar16x32x2(a, odd, b) & odds).Store(target + _phase + i / 2);
                }
            }
            else
            {
                for (var i = 0; i < width; i += 8)
                {
                    var (a, b) = (Vector128.Load(source + i), i + 4 < width ? Vector128.Load(source + i + 4) : default);
                    Even(a, b).Store(target + i / 2);
                    Odd(a, b).Store(target + _phase + i / 2);
                }

                Zero(target + (width + 1) / 2);
                Zero(target + _phase + width / 2);
            }
        }
    }

    private delegate*<in PlaneTile, void>[] Tiles(int lanes) => (lanes > Vector<float>.Count, Grouped ? 1 : _shape.KernelSize.Width, _stride) switch
    {
        (true, 1, 1) => Plane512.Groups3By1,
        (true, 1, _) => Plane512.Groups3By2,
        (true, 3, 1) => Plane512.Tiles3By1,
        (true, 3, _) => Plane512.Tiles3By2,
        (true, _, 1) => Plane512.Tiles5By1,
        (true, _, _) => Plane512.Tiles5By2,
        (_, 1, 1) => PlaneAny.Groups3By1,
        (_, 1, _) => PlaneAny.Groups3By2,
        (_, 3, 1) => PlaneAny.Tiles3By1,
        (_, 3, _) => PlaneAny.Tiles3By2,
        (_, _, 1) => PlaneAny.Tiles5By1,
        _ => PlaneAny.Tiles5By2,
    };

    private static Vector512<float> First(int lanes) => Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(lanes)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Even(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.Shuffle(a, b, 0b10_00_10_00) : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.UnzipEven(a, b) : Vector128.Create(a[0], a[2], b[0], b[2]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Odd(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.Shuffle(a, b, 0b11_01_11_01) : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.UnzipOdd(a, b) : Vector128.Create(a[1], a[3], b[1], b[3]);

    private static void Zero(float* to) => Vector512<float>.Zero.Store(to);
}
