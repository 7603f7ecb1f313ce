using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Tenfold.Kernels;

/// <summary>A convolution of a map of few channels in plain order, as a picture comes: its columns and channels are laid side by side first.
/// <code>
/// a row of 3 channels, stride 2:   r0 g0 b0 r1 g1 b1 r2 g2 b2 r3 g3 b3 r4 g4 b4 r5 ...        zeros where the map ends
/// output 0:                        r0 g0 b0 r1 g1 b1 r2 g2 b2 r3 g3 b3 r4 g4 b4 r5            16 numbers from its first column on
/// output 1:                        r2 g2 b2 r3 g3 b3 ...                                      from two columns further on
/// </code>
/// A row of a 7x7 kernel is 21 numbers, so it is a run of 16 in the output's own pixel and one of 5 in a later pixel, in place of 7 runs of 3. Rows outside the map are left out of the sum.
/// </summary>
internal sealed unsafe class PictureConvolution : ConvolutionKernel
{
    private const int ScratchFloats = 48 * 1024; // as of the other direct kernel
    private const int LeastStrips = 8;

    private readonly DenseShape _shape;
    private readonly List<(int Block, int Blocks)> _tiles;
    private readonly DenseBlock[] _runs; // pinned: of each row of the kernel in turn
    private readonly int _runsOfRow, _lanes, _step, _pixels, _line, _strip, _strips;

    public PictureConvolution(DenseShape shape)
    {
        (_shape, _tiles) = (shape, shape.OutTiles());
        (_lanes, _step) = (shape.KernelSize.Width * shape.In, shape.Stride.Width * shape.In);
        var row = new List<DenseBlock>();
        for (var lane = 0; lane < _lanes; lane += row[^1].Channels)
        {
            var (pixel, first) = lane < Dense.Block ? (0, lane) : Math.DivRem(lane, _step);
            row.Add(new DenseBlock { Offset = pixel * Dense.Block + first, Channels = Math.Min(Dense.Block - first, _lanes - lane) });
        }

        _pixels = shape.OutPlane.Width + row[^1].Offset / Dense.Block;
        _line = Math.Max((_pixels - 1) * _step + Dense.Block, (shape.Before.Width + shape.InPlane.Width) * shape.In);
        _runsOfRow = row.Count;
        _runs = GC.AllocateArray<DenseBlock>(_runsOfRow * shape.KernelSize.Height, pinned: true);
        for (var i = 0; i < _runs.Length; i++)
            _runs[i] = row[i % _runsOfRow] with { Offset = row[i % _runsOfRow].Offset + i / _runsOfRow * shape.Dilation.Height * _pixels * Dense.Block };

        _strip = shape.OutPlane.Height;
        while (_strip > 1 && Size(_strip) > ScratchFloats) _strip = (_strip + 1) / 2;
        while (_strip > 4 && shape.Batch * ((shape.OutPlane.Height + _strip - 1) / _strip) < LeastStrips) _strip = (_strip + 1) / 2;
        _strips = (shape.OutPlane.Height + _strip - 1) / _strip;
        (Items, PackItems, Scratch) = (shape.Batch * _strips, _tiles.Count, Size(_strip));
        PackedSize = (long)shape.KernelSize.Height * _lanes * shape.OutBlocks * Dense.Block;
    }

    /// <summary>Whether an output's window begins within the 16 numbers of the one before it.</summary>
    public static bool Takes(DenseShape shape) => shape is { In: <= 4, Groups: 1, Transposed: false, Pointwise: false, Dilation.Width: 1, Before.Width: >= 0 }
        && shape.Stride.Width * shape.In <= Dense.Block;

    public override bool ReadsPlain => true;

    public override bool Activates => true;

    public override string Name => "direct, of a picture";

    public override string Packing => $"picture {_shape.In} {_shape.Out} {_shape.KernelSize}";

    public override int Items { get; }

    public override long Scratch { get; }

    public override long PackedSize { get; }

    public override int PackItems { get; }

    /// <summary>Packs the weights of tile <paramref name="item"/>: by row, column and channel of the kernel.</summary>
    public override void Pack(int item, float* kernel, float* scale, float* packed)
    {
        var (block, blocks) = _tiles[item];
        var width = blocks * Dense.Block;
        var w = packed + Weights(block);
        for (var i = 0; i < _shape.KernelSize.Height; i++)
            for (var lane = 0; lane < _lanes; lane++, w += width)
                for (var v = 0; v < width; v++)
                {
                    var o = block * Dense.Block + v;
                    w[v] = o >= _shape.Out ? 0 : kernel[_shape.Weight(o, lane % _shape.In) + i * _shape.KernelSize.Width + lane / _shape.In] * (scale == null ? 1 : scale[o]);
                }
    }

    public override void Warm()
    {
        foreach (var blocks in _tiles.Select(tile => tile.Blocks).Distinct()) Dense.Warm(_shape.OutPlane.Width, blocks);
    }

    public override void Run(int item, float* x, float* packed, float* bias, in DenseEpilogue then, float* y, float* scratch)
    {
        var (n, strip) = Math.DivRem(item, _strips);
        var (from, columns) = (strip * _strip, _shape.OutPlane.Width);
        var to = Math.Min(from + _strip, _shape.OutPlane.Height);
        var top = from * _shape.Stride.Height - _shape.Before.Height; // the first row that the strip reads
        Lay(x + (long)n * _shape.In * _shape.InPlane.Area, top, Rows(to - from), scratch);

        var (outPlane, outWidth) = (_shape.OutPlane.Area * Dense.Block, columns * Dense.Block);
        foreach (var (block, blocks) in _tiles)
        {
            var kernel = then.Tile(bias + block * Dense.Block, blocks, outPlane);
            var segments = Dense.Segments(columns, blocks);
            for (var row = from; row < to; row++)
            {
                // Rows [first, end) of the kernel lie in the map.
                var (start, dilation) = (row * _shape.Stride.Height - _shape.Before.Height, _shape.Dilation.Height);
                var first = Math.Clamp((-start + dilation - 1) / dilation, 0, _shape.KernelSize.Height);
                var end = Math.Clamp((_shape.InPlane.Height - start + dilation - 1) / dilation, first, _shape.KernelSize.Height);
                kernel.W = packed + Weights(block) + (long)first * _lanes * kernel.WStep;
                kernel.Blocks = (DenseBlock*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_runs)) + first * _runsOfRow; // pinned
                kernel.Count = (end - first) * _runsOfRow;
                var at = ((long)n * _shape.OutBlocks + block) * outPlane + (long)row * outWidth;
                for (var segment = 0; segment < segments; segment++)
                {
                    var column = columns * segment / segments;
                    var pixels = columns * (segment + 1) / segments - column;
                    kernel.X = scratch + ((long)(start - top) * _pixels + column) * Dense.Block;
                    kernel.Y = y + at + column * Dense.Block;
                    kernel.Add = then.Add == null ? null : then.Add + at + column * Dense.Block;
                    Dense.Tile(ref kernel, pixels, blocks);
                    then.Activation?.Apply(kernel.Y, blocks, outPlane, pixels, kernel.YPixel);
                }
            }
        }
    }

    private int Rows(int rows) => (rows - 1) * _shape.Stride.Height + (_shape.KernelSize.Height - 1) * _shape.Dilation.Height + 1;

    private long Size(int rows) => (long)Rows(rows) * _pixels * Dense.Block + (_line + Dense.Block - 1) / Dense.Block * Dense.Block;

    private long Weights(int block) => (long)_shape.KernelSize.Height * _lanes * block * Dense.Block;

    // Rows [top, top + count) of one sample that lie in the map, to scratch[row][pixel][16].
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Lay(float* x, int top, int count, float* scratch)
    {
        var (channels, (height, width)) = (_shape.In, _shape.InPlane);
        var line = scratch + (long)count * _pixels * Dense.Block;
        new Span<float>(line, _line).Clear();
        for (var r = Math.Max(0, -top); r < count && top + r < height; r++)
        {
            var plane = (long)height * width;
            var from = x + (long)(top + r) * width;
            var to = line + _shape.Before.Width * channels;
            if (channels == 3)
            {
                float* green = from + plane, blue = green + plane;
                for (var q = 0; q < width; q++, to += 3)
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

            var pixel = scratch + (long)r * _pixels * Dense.Block;
            for (var p = 0; p < _pixels; p++, pixel += Dense.Block)
            {
                var numbers = line + p * _step;
                Vector256.Load(numbers).Store(pixel);
                Vector256.Load(numbers + 8).Store(pixel + 8);
            }
        }
    }
}
