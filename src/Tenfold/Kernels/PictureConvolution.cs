using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tenfold.Kernels;

/// <summary>A convolution of a map of few channels in plain order, as a picture comes: its columns and channels are laid side by side first.
/// <code>
/// a row of 3 channels, stride 2:   r0 g0 b0 r1 g1 b1 r2 g2 b2 r3 g3 b3 r4 g4 b4 r5 ...        zeros where the map ends
/// output 0:                        r0 g0 b0 r1 g1 b1 r2 g2 b2 r3 g3 b3 r4 g4 b4 r5            16 numbers from its first column on
/// output 1:                        r2 g2 b2 r3 g3 b3 ...                                      from two columns further on
/// </code>
/// A row of a 7x7 kernel is 21 numbers, so it is a run of 16 in the output's own pixel and one of 5 in a later pixel, in place of 7 runs of 3. Rows outside the map are left out of the sum.
/// Where a micro-kernel reads pixels as far apart as these outputs lie, and no products of vectors are wanted, the row stays as it is: a run of 9 for a 3x3 kernel.
/// </summary>
internal sealed unsafe class PictureConvolution : ConvolutionKernel
{
    private const int ScratchFloats = 48 * 1024; // as of the other direct kernel
    private const int LineFloats = 8 * 1024; // rows that stay as they are: in the first-level cache
    private const int LeastStrips = 8;

    private readonly DenseShape _shape;
    private readonly (int Block, int Blocks)[] _tiles;
    private readonly DenseSum _sum; // a section for each row of the kernel
    private readonly int _lanes, _step, _pixels, _line, _row, _strip, _strips;
    private readonly bool _asLine; // pixels as far apart as outputs lie, in place of 16 floats

    /// <param name="pairs">Whether products may be computed in pairs, where that pays.</param>
    public PictureConvolution(DenseShape shape, bool pairs = false)
    {
        (_lanes, _step) = (shape.KernelSize.Width * shape.In, shape.Stride.Width * shape.In);
        pairs &= _lanes > Dense.Block && DenseSum.Pays(_lanes * shape.KernelSize.Height, shape.Out);
        (_shape, _tiles) = (shape, shape.OutTiles(pairs));
        _asLine = Simd.Width == 512 && !pairs && _step == Dense512.PicturePixel;
        var (row, count) = (new ChannelRun[_lanes], 0);
        if (_asLine) row[count++] = new ChannelRun { Channels = _lanes };
        for (var lane = 0; lane < _lanes && !_asLine; lane += row[count - 1].Channels)
        {
            var (pixel, first) = lane < Dense.Block ? (0, lane) : Math.DivRem(lane, _step);
            row[count++] = new ChannelRun { Offset = pixel * Dense.Block + first, Channels = Math.Min(Dense.Block - first, _lanes - lane) };
        }

        _pixels = shape.OutPlane.Width + row[count - 1].Offset / Dense.Block;
        _line = (Math.Max((_pixels - 1) * _step + Math.Max(_lanes, Dense.Block), (shape.Before.Width + shape.InPlane.Width) * shape.In) + Dense.Block - 1) / Dense.Block * Dense.Block;
        _row = _asLine ? _line : _pixels * Dense.Block;
        var runs = new ChannelRun[shape.KernelSize.Height * count];
        for (var i = 0; i < runs.Length; i++) runs[i] = row[i % count] with { Offset = row[i % count].Offset + i / count * shape.Dilation.Height * _row };
        _sum = new DenseSum(runs, shape.KernelSize.Height, pairs);
        _strip = shape.OutPlane.Height;
        while (_strip > 1 && Size(_strip) > (_asLine ? LineFloats : ScratchFloats)) _strip = (_strip + 1) / 2;
        while (_strip > 4 && shape.Batch * ((shape.OutPlane.Height + _strip - 1) / _strip) < LeastStrips) _strip = (_strip + 1) / 2;
        _strips = (shape.OutPlane.Height + _strip - 1) / _strip;
        (Items, PackItems, Scratch) = (shape.Batch * _strips, _tiles.Length, Size(_strip));
        PackedSize = _sum.PackedSize(shape.OutBlocks * Dense.Block);
        if (pairs) Scratch += Products(_strip) + _sum.PackedSize(Dense.Block);
    }

    /// <summary>Whether an output's window begins within the 16 numbers of the one before it.</summary>
    public static bool Takes(DenseShape shape) => shape is { In: <= 4, Groups: 1, Transposed: false, Pointwise: false, Dilation.Width: 1, Before.Width: >= 0 }
        && shape.Stride.Width * shape.In <= Dense.Block;

    public override bool ReadsPlain => true;

    public override bool Activates => true;

    public override string Name => $"direct, of a picture{(_sum.Pairs ? ", in pairs" : "")}";

    public override string Packing => $"picture {_shape.In} {_shape.Out} {_shape.KernelSize}{(_sum.Pairs ? $" pairs {Magnitude}" : "")}";

    public override int Items { get; }

    public override long Scratch { get; }

    public override long PackedSize { get; }

    public override int PackItems { get; }

    /// <summary>Packs the weights of tile <paramref name="item"/>: by row, column and channel of the kernel.</summary>
    public override void Pack(int item, float* kernel, float* scale, float* packed)
    {
        var (block, blocks) = _tiles[item];
        var width = blocks * Dense.Block;
        var w = _sum.Rows(packed + Weights(block));
        foreach (var term in _sum.Order)
        {
            var (i, lane) = Math.DivRem(term, _lanes);
            for (var v = 0; v < width; v++)
            {
                var o = block * Dense.Block + v;
                w[v] = o >= _shape.Out ? 0 : kernel[_shape.Weight(o, lane % _shape.In) + i * _shape.KernelSize.Width + lane / _shape.In] * (scale == null ? 1 : scale[o]);
            }

            w += width;
        }

        _sum.Finish(packed + Weights(block), Magnitude);
    }

    public override void Warm()
    {
        fixed (float* nothing = new float[_line]) Lay(nothing, 0, 0, nothing);
        foreach (var (block, blocks) in _tiles) Dense.Warm(_shape.OutPlane.Width, blocks, _sum.Pairs, _shape.Half(block, blocks), _asLine);
    }

    public override void Run(int item, float* x, float* packed, float* bias, in DenseEpilogue then, float* y, float* scratch)
    {
        var (n, strip) = Math.DivRem(item, _strips);
        var (from, columns) = (strip * _strip, _shape.OutPlane.Width);
        var to = Math.Min(from + _strip, _shape.OutPlane.Height);
        var top = from * _shape.Stride.Height - _shape.Before.Height; // the first row that the strip reads
        Lay(x + (long)n * _shape.In * _shape.InPlane.Area, top, Rows(to - from), scratch);

        var (outPlane, outWidth) = (_shape.OutPlane.Area * Dense.Block, columns * Dense.Block);
        var products = scratch + Size(_strip);
        float* start = stackalloc float[Dense.Block];
        var (exponent, limit) = ((int?)null, 0f);
        if (_sum.Pairs)
        {
            exponent = _sum.Exponent(_sum.Places, scratch, columns, to - from, _shape.Stride.Height * _row, Magnitude);
            limit = _sum.Limit(exponent, Magnitude);
            var below = exponent is not null;
            for (var row = from; row < to && exponent is not null; row++)
            {
                var (first, end) = Inside(row);
                below &= _sum.Products(Row(scratch, row, top), columns, first, end, products + (row - from) * columns, limit);
            }

            if (below) limit = float.PositiveInfinity;
        }

        foreach (var (block, blocks) in _tiles)
        {
            var weights = _sum.Scaled(packed + Weights(block), exponent, products + Products(_strip));
            var kernel = then.Tile(bias + block * Dense.Block, blocks, outPlane);
            kernel.Half = _shape.Half(block, blocks);
            var segments = Dense.Segments(columns, blocks);
            for (var row = from; row < to; row++)
            {
                var (first, end) = Inside(row);
                _sum.Set(ref kernel, weights, first, end, start);
                var at = ((long)n * _shape.OutBlocks + block) * outPlane + (long)row * outWidth;
                for (var segment = 0; segment < segments; segment++)
                {
                    var column = columns * segment / segments;
                    var pixels = columns * (segment + 1) / segments - column;
                    kernel.X = Row(scratch, row, top) + column * (_asLine ? _step : Dense.Block);
                    kernel.Products = DenseSum.Within(limit, products + (row - from) * columns + column, pixels);
                    kernel.Y = y + at + column * Dense.Block;
                    kernel.Add = then.Add == null ? null : then.Add + at + column * Dense.Block;
                    if (_asLine) Dense.PictureTile(ref kernel, pixels, blocks);
                    else Dense.Tile(ref kernel, pixels, blocks);
                    then.Activation?.Apply(kernel.Y, blocks, outPlane, pixels, kernel.YPixel);
                }
            }
        }
    }

    // Rows of the kernel that lie in the map.
    private (int First, int End) Inside(int row)
    {
        var (start, dilation) = (row * _shape.Stride.Height - _shape.Before.Height, _shape.Dilation.Height);
        var first = Math.Clamp((-start + dilation - 1) / dilation, 0, _shape.KernelSize.Height);
        return (first, Math.Clamp((_shape.InPlane.Height - start + dilation - 1) / dilation, first, _shape.KernelSize.Height));
    }

    // Where the first row of the kernel stands for a row of outputs.
    private float* Row(float* scratch, int row, int top) => scratch + (long)(row * _shape.Stride.Height - _shape.Before.Height - top) * _row;

    // Floats, for so many rows of outputs.
    private int Products(int rows) => DenseSum.ProductsSize(rows * _shape.OutPlane.Width);

    private int Rows(int rows) => (rows - 1) * _shape.Stride.Height + (_shape.KernelSize.Height - 1) * _shape.Dilation.Height + 1;

    private long Size(int rows) => (long)Rows(rows) * _row + (_asLine ? 0 : _line);

    private long Weights(int block) => _sum.PackedSize(block * Dense.Block);

    // Rows [top, top + count) of one sample, to scratch[row][pixel][16], or to scratch[row] as they are.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Lay(float* x, int top, int count, float* scratch)
    {
        var (channels, (height, width)) = (_shape.In, _shape.InPlane);
        var line = scratch + (long)count * _row;
        var (before, behind) = (_shape.Before.Width * channels, (_shape.Before.Width + width) * channels);
        if (!_asLine) new Span<float>(line, _line).Clear();
        var ((two0, third0), (two1, third1), (two2, third2)) = (Mix(0), Mix(1), Mix(2));
        for (var r = 0; r < count; r++)
        {
            if (top + r < 0 || top + r >= height)
            {
                if (_sum.Pairs) new Span<float>(scratch + (long)r * _row, _row).Clear(); // looked at when numbers are measured
                continue;
            }

            var plane = (long)height * width;
            var from = x + (long)(top + r) * width;
            if (_asLine)
            {
                line = scratch + (long)r * _row;
                new Span<float>(line, before).Clear();
                new Span<float>(line + behind, _line - behind).Clear();
            }

            var to = line + before;
            if (channels == 3)
            {
                float* green = from + plane, blue = green + plane;
                var q = 0;
                if (Avx512F.IsSupported)
                    for (; q + 16 <= width; q += 16, to += 48)
                    {
                        var (red, greens, blues) = (Vector512.Load(from + q), Vector512.Load(green + q), Vector512.Load(blue + q));
                        Avx512F.PermuteVar16x32x2(Avx512F.PermuteVar16x32x2(red, two0, greens), third0, blues).Store(to);
                        Avx512F.PermuteVar16x32x2(Avx512F.PermuteVar16x32x2(red, two1, greens), third1, blues).Store(to + 16);
                        Avx512F.PermuteVar16x32x2(Avx512F.PermuteVar16x32x2(red, two2, greens), third2, blues).Store(to + 32);
                    }
                else if (Vector256.IsHardwareAccelerated)
                    for (; q + 8 <= width; q += 8, to += 24)
                    {
                        // Each of the three vectors takes lanes from all planes: r0 g0 b0 r1 g1 b1 r2 g2, b2 r3 g3 b3 r4 g4 b4 r5, g5 b5 r6 g6 b6 r7 g7 b7.
                        var red = Vector256.Shuffle(Vector256.Load(from + q), Vector256.Create(0, 3, 6, 1, 4, 7, 2, 5));
                        var greens = Vector256.Shuffle(Vector256.Load(green + q), Vector256.Create(5, 0, 3, 6, 1, 4, 7, 2));
                        var blues = Vector256.Shuffle(Vector256.Load(blue + q), Vector256.Create(2, 5, 0, 3, 6, 1, 4, 7));
                        Third(red, greens, blues).Store(to);
                        Third(blues, red, greens).Store(to + 8);
                        Third(greens, blues, red).Store(to + 16);
                    }

                for (; q < width; q++, to += 3)
                {
                    to[0] = from[q];
                    to[1] = green[q];
                    to[2] = blue[q];
                }
            }
            else
            {
                for (var c = 0; c < channels; c++, from += plane)
                    for (var q = 0; q < width; q++) to[q * channels + c] = from[q];
            }

            if (_asLine) continue;
            var pixel = scratch + (long)r * _row;
            for (var p = 0; p < _pixels; p++, pixel += Dense.Block)
            {
                var numbers = line + p * _step;
                Vector256.Load(numbers).Store(pixel);
                Vector256.Load(numbers + 8).Store(pixel + 8);
            }
        }
    }

    // Lanes 0, 3 and 6 of the first, 1, 4 and 7 of the second, 2 and 5 of the third.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Third(Vector256<float> first, Vector256<float> second, Vector256<float> third) => Vector256.ConditionalSelect(Vector256.Create(-1, 0, 0, -1, 0, 0, -1, 0).AsSingle(), first,
        Vector256.ConditionalSelect(Vector256.Create(0, -1, 0, 0, -1, 0, 0, -1).AsSingle(), second, third));

    // Of 16 pixels side by side, r0 g0 b0 r1 ..., vector k: first from red and green, then from those and blue. 16 and more means the second of two.
    private static (Vector512<int> Two, Vector512<int> Third) Mix(int k)
    {
        int* two = stackalloc int[Dense.Block], third = stackalloc int[Dense.Block];
        for (var i = 0; i < Dense.Block; i++)
        {
            var (pixel, channel) = Math.DivRem(k * Dense.Block + i, 3);
            two[i] = channel == 1 ? Dense.Block + pixel : pixel;
            third[i] = channel == 2 ? Dense.Block + pixel : i;
        }

        return (Vector512.Load(two), Vector512.Load(third));
    }
}
