using System.Numerics;
using System.Runtime.CompilerServices;

namespace Tenfold.Kernels;

/// <summary>The gradient of a dense convolution's kernel, as sums of outer products of input pixels and output gradients.</summary>
/// <remarks>
/// The samples fall into chunks, fixed by the shape alone; each chunk has sums of its own, which are added up in order at the
/// end, so the bits do not depend on the number of threads. Sums lie as [output block][input block][tap][16 inputs][16 outputs].
/// </remarks>
internal sealed unsafe class DenseWeightGradient : WeightGradientKernel
{
    private const int CacheFloats = 7 * 1024; // 28 KB: the rows that one block of weights is summed over stay in the first-level cache

    private readonly DenseShape _shape;
    private readonly Geometry _rows, _columns;
    private readonly Gather _gather;
    private readonly int _strip, _chunks, _area;

    /// <param name="shape">Of the forward convolution; not transposed.</param>
    public DenseWeightGradient(DenseShape shape)
    {
        _shape = shape;
        (_rows, _columns) = shape.Pointwise ? (new Geometry(1, 1, 0, 1, [0], [0]), new Geometry(shape.OutPlane.Area, 1, 0, 1, [0], [0])) : (shape.Rows[0], shape.Columns[0]);
        _gather = new Gather(_rows, _columns, shape.InPlane.Height, shape.InPlane.Width, shape.InBlocks);
        _strip = _rows.Count;
        while (_strip > 1 && _gather.Plane(_strip) + (long)_strip * _columns.Count * Dense.Block > CacheFloats) _strip = (_strip + 1) / 2;
        _area = shape.KernelSize.Area;
        _chunks = Math.Clamp((16 + shape.OutBlocks - 1) / shape.OutBlocks, 1, shape.Batch);
        SumsSize = (long)_chunks * shape.OutBlocks * shape.InBlocks * _area * Dense.Block * Dense.Block;
        Items = _chunks * shape.OutBlocks;
        Scratch = shape.Pointwise ? 0 : _gather.Size(_strip);
        AddItems = shape.OutBlocks * shape.InBlocks;
    }

    public override string Name => "outer products";

    public override int Items { get; }

    public override long Scratch { get; }

    public override long SumsSize { get; }

    public override int AddItems { get; }

    /// <summary>One block of output channels over one chunk of samples.</summary>
    public override void Run(int item, float* x, float* dy, float* sums, float* scratch)
    {
        var (chunk, outBlock) = Math.DivRem(item, _shape.OutBlocks);
        var perBlock = _area * Dense.Block * Dense.Block;
        sums += (long)item * _shape.InBlocks * perBlock;
        new Span<float>(sums, checked(_shape.InBlocks * perBlock)).Clear();

        var (from, to) = _shape.Reads(outBlock * Dense.Block, (outBlock + 1) * Dense.Block);
        long xPlane = _shape.InPlane.Area * Dense.Block, dyPlane = _shape.OutPlane.Area * Dense.Block;
        var plane = _shape.Pointwise ? xPlane : _gather.Plane(_strip);
        for (var n = _shape.Batch * chunk / _chunks; n < _shape.Batch * (chunk + 1) / _chunks; n++)
            for (var row = 0; row < _rows.Count; row += _strip)
            {
                var rows = Math.Min(_strip, _rows.Count - row);
                var source = x + n * _shape.InBlocks * xPlane;
                if (!_shape.Pointwise)
                {
                    _gather.Fill(source, row, rows, scratch, (int)plane);
                    source = scratch;
                }

                var outer = new DenseOuter { XRow = _rows.InStride * _gather.Row, DyRow = _columns.Count * Dense.Block, Rows = rows, Pixels = _columns.Count };
                var dyRows = dy + (n * _shape.OutBlocks + outBlock) * dyPlane + (long)row * _columns.Count * Dense.Block;
                for (var c = from; c < to; c += Dense.Block - c % Dense.Block)
                    for (var tap = 0; tap < _area; tap++)
                    {
                        var (block, lane) = Math.DivRem(c, Dense.Block);
                        var (i, j) = Math.DivRem(tap, _shape.KernelSize.Width);
                        var last = Math.Min(Dense.Block, lane + to - c);
                        for (; lane < last; lane += Dense.MaxChannels)
                        {
                            outer.X = source + block * plane + (_shape.Pointwise ? 0 : _gather.Tap(i, j)) + lane;
                            outer.Dy = dyRows;
                            outer.Sum = sums + ((long)block * _area + tap) * (Dense.Block * Dense.Block) + lane * Dense.Block;
                            Dense.Outer(ref outer, Math.Min(Dense.MaxChannels, last - lane));
                        }
                    }
            }
    }

    /// <summary>Adds the chunks up and lays the gradient out as [out, in/groups, kh, kw]: one output block by one input block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Add(int item, float* sums, float* dk)
    {
        var (outBlock, inBlock) = Math.DivRem(item, _shape.InBlocks);
        var perChunk = (long)_shape.OutBlocks * _shape.InBlocks * _area * Dense.Block * Dense.Block;
        var count = _area * Dense.Block * Dense.Block;
        sums += (long)item * count;
        for (var i = 0; i < count && _chunks > 1; i += Vector<float>.Count)
        {
            var sum = Vector.Load(sums + i);
            for (var chunk = 1; chunk < _chunks; chunk++) sum += Vector.Load(sums + i + chunk * perChunk);
            sum.Store(sums + i);
        }

        // [tap][c][o] -> [o][c][tap]
        var (channels, outputs) = (Math.Min(Dense.Block, _shape.In - inBlock * Dense.Block), Math.Min(Dense.Block, _shape.Out - outBlock * Dense.Block));
        for (var o = 0; o < outputs; o++)
        {
            var (first, last) = _shape.Reads(outBlock * Dense.Block + o, outBlock * Dense.Block + o + 1);
            var (from, to) = (Math.Max(0, first - inBlock * Dense.Block), Math.Min(channels, last - inBlock * Dense.Block));
            if (from >= to) continue; // of two groups
            var at = dk + _shape.Weight(outBlock * Dense.Block + o, inBlock * Dense.Block + from);
            for (var c = from; c < to; c++)
                for (var tap = 0; tap < _area; tap++) *at++ = sums[(tap * Dense.Block + c) * Dense.Block + o];
        }
    }
}
