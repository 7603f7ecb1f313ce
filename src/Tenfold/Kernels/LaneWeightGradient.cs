using System.Numerics;
using System.Runtime.CompilerServices;

namespace Tenfold.Kernels;

/// <summary>The gradient of the kernel of a <see cref="LaneConvolution"/>: how each lane of dy correlates with the lanes of x that it read.</summary>
/// <remarks>Samples fall into chunks fixed by the shape alone, as in <see cref="DenseWeightGradient"/>. Sums lie as [chunk][block][plane][row][column][16].</remarks>
internal sealed unsafe class LaneWeightGradient : WeightGradientKernel
{
    private const int CacheFloats = 7 * 1024; // 28 KB of rows, read once for each row of the kernel

    private readonly DenseShape _shape;
    private readonly LaneMap _map;
    private readonly LaneAxis _rows, _columns;
    private readonly int _chunks, _strip, _sumsOfBlock;

    /// <param name="shape">Of the forward convolution.</param>
    public LaneWeightGradient(DenseShape shape, LaneMap map)
    {
        (_shape, _map) = (shape, map);
        (_rows, _columns) = (new LaneAxis(shape.Rows[0], shape.InPlane.Height), new LaneAxis(shape.Columns[0], shape.InPlane.Width));
        _chunks = Math.Clamp((16 + shape.OutBlocks - 1) / shape.OutBlocks, 1, shape.Batch);
        _strip = Math.Min(Math.Max(4, CacheFloats / ((shape.InPlane.Width * _rows.Geometry.InStride + shape.OutPlane.Width) * Dense.Block)), shape.OutPlane.Height);
        _sumsOfBlock = map.Planes * shape.KernelSize.Area * Dense.Block;
        Items = _chunks * shape.OutBlocks;
        SumsSize = (long)Items * _sumsOfBlock;
        Scratch = map.Whole ? 0 : (long)_rows.Geometry.Span(_strip) * shape.InPlane.Width * Dense.Block;
    }

    public override string Name => "lanes by lanes";

    public override int Items { get; }

    public override long Scratch { get; }

    public override long SumsSize { get; }

    public override int AddItems => _shape.OutBlocks;

    /// <summary>One block of output channels over one chunk of samples.</summary>
    public override void Run(int item, float* x, float* dy, float* sums, float* scratch)
    {
        var (chunk, block) = Math.DivRem(item, _shape.OutBlocks);
        sums += (long)item * _sumsOfBlock;
        new Span<float>(sums, _sumsOfBlock).Clear();
        var (width, plane) = (_shape.InPlane.Width * Dense.Block, (long)_shape.InPlane.Area * Dense.Block);
        var kernelPlane = _shape.KernelSize.Area * Dense.Block;
        for (var n = _shape.Batch * chunk / _chunks; n < _shape.Batch * (chunk + 1) / _chunks; n++)
            for (var from = 0; from < _shape.OutPlane.Height; from += _strip)
            {
                var to = Math.Min(_shape.OutPlane.Height, from + _strip);
                var first = Math.Clamp(_rows.Place(from), 0, _shape.InPlane.Height);
                var last = Math.Clamp(_rows.Place(to - 1) + (_rows.Taps - 1) * _rows.Step + 1, first, _shape.InPlane.Height);
                for (var k = 0; k < _map.Planes; k++)
                {
                    var (inBlock, lanes) = _map.Source(block, k);
                    var source = x + ((long)n * _shape.InBlocks + inBlock) * plane;
                    if (!_map.Whole)
                    {
                        LaneMove.Permute(source + (long)first * width, lanes, scratch, (last - first) * _shape.InPlane.Width, add: false);
                        source = scratch - (long)first * width;
                    }

                    Strip(source, dy + ((long)n * _shape.OutBlocks + block) * _shape.OutPlane.Area * Dense.Block, from, to, sums + (long)k * kernelPlane);
                }
            }
    }

    /// <summary>Adds the chunks up and lays the gradient out as [out, in/groups, kh, kw]: one block of output channels.</summary>
    public override void Add(int block, float* sums, float* dk)
    {
        var area = _shape.KernelSize.Area;
        for (var lane = 0; lane < Math.Min(Dense.Block, _shape.Out - block * Dense.Block); lane++)
            for (var k = 0; k < _map.Planes; k++)
                for (var tap = 0; tap < area; tap++)
                {
                    var sum = 0f;
                    for (var chunk = 0; chunk < _chunks; chunk++) sum += sums[((long)chunk * _shape.OutBlocks + block) * _sumsOfBlock + (k * area + tap) * Dense.Block + lane];
                    dk[((long)(block * Dense.Block + lane) * _map.Planes + k) * area + tap] = sum;
                }
    }

    // Rows [from, to) of dy, one row of the kernel after the other.
    private void Strip(float* x, float* dy, int from, int to, float* sums)
    {
        var (width, outWidth, taps) = (_shape.InPlane.Width * Dense.Block, _shape.OutPlane.Width * Dense.Block, _columns.Taps);
        var (whole, wholeEnd) = _columns.Whole;
        for (var i = 0; i < _rows.Taps; i++)
        {
            var (begin, end) = (from, to); // the rows for which tap i lies in the map
            while (begin < end && Row(begin, i) < 0) begin++;
            while (end > begin && Row(end - 1, i) >= _shape.InPlane.Height) end--;
            if (begin == end) continue;
            var outer = new LaneOuter
            {
                Sum = sums + (long)i * taps * Dense.Block,
                XRow = _rows.Geometry.InStride * width,
                DyRow = outWidth,
                Rows = end - begin,
            };
            var xRow = x + Row(begin, i) * (long)width;
            var dyRow = dy + (long)begin * outWidth;
            var tiles = _columns.Regular && taps >= 3 && taps != 4 && whole < wholeEnd;
            if (tiles)
            {
                outer.X = xRow + _columns.Place(whole) * Dense.Block;
                outer.Dy = dyRow + (long)whole * Dense.Block;
                outer.Pixels = wholeEnd - whole;
                Tiles(taps, _columns.Geometry.InStride, outer);
            }

            // What is left: columns at the edges, or all of them.
            for (var j = 0; j < taps; j++)
            {
                var sum = outer.Sum + j * Dense.Block;
                if (!tiles)
                {
                    Tap(xRow, dyRow, outer, j, 0, _shape.OutPlane.Width, sum);
                    continue;
                }

                Tap(xRow, dyRow, outer, j, 0, whole, sum);
                Tap(xRow, dyRow, outer, j, wholeEnd, _shape.OutPlane.Width, sum);
            }
        }

        int Row(int t, int i) => _rows.Place(t) + i * _rows.Step;
    }

    // Tap j over the outputs [from, to) of some rows.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Tap(float* xRow, float* dyRow, in LaneOuter outer, int j, int from, int to, float* sum)
    {
        while (from < to && Column(from) < 0) from++;
        while (to > from && Column(to - 1) >= _shape.InPlane.Width) to--;
        if (from == to) return;
        var step = _columns.Geometry.InStride * Dense.Block;
        for (var lane = 0; lane < Dense.Block; lane += Vector<float>.Count)
        {
            var (a, b) = (Vector.Load(sum + lane), Vector<float>.Zero);
            for (var row = 0; row < outer.Rows; row++)
            {
                var x = xRow + (long)row * outer.XRow + (long)Column(from) * Dense.Block + lane;
                var dy = dyRow + (long)row * outer.DyRow + (long)from * Dense.Block + lane;
                var n = to - from;
                for (; n >= 2; n -= 2, x += 2 * step, dy += 2 * Dense.Block)
                {
                    a = Vector.MultiplyAddEstimate(Vector.Load(dy), Vector.Load(x), a);
                    b = Vector.MultiplyAddEstimate(Vector.Load(dy + Dense.Block), Vector.Load(x + step), b);
                }

                if (n > 0) a = Vector.MultiplyAddEstimate(Vector.Load(dy), Vector.Load(x), a);
            }

            (a + b).Store(sum + lane);
        }

        int Column(int t) => _columns.Place(t) + j * _columns.Step;
    }

    private static void Tiles(int taps, int stride, in LaneOuter outer)
    {
        if (Simd.Width == 512)
            switch (taps, stride)
            {
                case (3, 1): Lane512.Outer3By1(outer); break;
                case (5, 1): Lane512.Outer5By1(outer); break;
                case (7, 1): Lane512.Outer7By1(outer); break;
                case (3, 2): Lane512.Outer3By2(outer); break;
                case (5, 2): Lane512.Outer5By2(outer); break;
                default: Lane512.Outer7By2(outer); break;
            }
        else
            switch (taps, stride)
            {
                case (3, 1): LaneAny.Outer3By1(outer); break;
                case (5, 1): LaneAny.Outer5By1(outer); break;
                case (7, 1): LaneAny.Outer7By1(outer); break;
                case (3, 2): LaneAny.Outer3By2(outer); break;
                case (5, 2): LaneAny.Outer5By2(outer); break;
                default: LaneAny.Outer7By2(outer); break;
            }
    }
}
