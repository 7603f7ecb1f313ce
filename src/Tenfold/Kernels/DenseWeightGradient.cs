using System.Runtime.CompilerServices;

namespace Tenfold.Kernels;

/// <summary>The gradient of a dense convolution's kernel, as sums of outer products of input pixels and output gradients.</summary>
/// <remarks>
/// The rows of all samples fall into chunks, fixed by the shape alone; each chunk has sums of its own, which are added up in order at the
/// end, so the bits do not depend on the number of threads. Sums lie as [output block][input block][tap][16 inputs][16 outputs].
/// </remarks>
internal sealed unsafe class DenseWeightGradient : WeightGradientKernel
{
    private const int CacheFloats = 14 * 1024; // 56 KB: what one block of weights is summed over comes from the second-level cache, ahead of its use
    private const int ChunkPixels = 2048; // with fewer, adding the chunks takes too much of the time

    private readonly DenseShape _shape;
    private readonly Geometry _rows, _columns;
    private readonly Gather _gather;
    private readonly int _strip, _strips, _chunks, _shares, _area;
    private readonly bool _pairs;

    /// <param name="shape">Of the forward convolution; not transposed.</param>
    /// <param name="pairs">Whether products may come in pairs.</param>
    public DenseWeightGradient(DenseShape shape, bool pairs)
    {
        _shape = shape;
        // a plane without borders is cut anywhere: rows of one pixel
        (_rows, _columns) = shape.Pointwise ? (new Geometry(shape.OutPlane.Area, 1, 0, 1, [0], [0]), new Geometry(1, 1, 0, 1, [0], [0])) : (shape.Rows[0], shape.Columns[0]);
        _gather = new Gather(_rows, _columns, shape.InPlane.Height, shape.InPlane.Width, shape.InBlocks);
        _strip = _rows.Count;
        _area = shape.KernelSize.Area;
        while (_strip > 1 && Math.Min(_gather.Plane(_strip), Outputs * _area) + Outputs > CacheFloats) _strip = (_strip + 1) / 2;
        if (shape.Pointwise) _strip = (_strip + OuterPairs.Turn - 1) / OuterPairs.Turn * OuterPairs.Turn;
        _strips = (_rows.Count + _strip - 1) / _strip;
        _pairs = pairs && shape.InBlocks * _area >= 4; // else scaling the output gradients takes what pairs spare
        _chunks = (int)Math.Clamp((long)shape.Batch * shape.OutPlane.Area / ChunkPixels, 1, Math.Min(shape.Batch * _strips, 16));
        _shares = Math.Min(shape.OutBlocks, (16 + _chunks - 1) / _chunks);
        SumsSize = (long)_chunks * shape.OutBlocks * shape.InBlocks * _area * Dense.Block * Dense.Block;
        Items = _chunks * _shares;
        Scratch = (shape.Pointwise ? 0 : _gather.Size(_strip)) + (_pairs ? Outputs : 0);
        AddItems = shape.OutBlocks * shape.InBlocks;
    }

    private long Outputs => (long)_strip * _columns.Count * Dense.Block; // floats of a strip of the output gradients' one block

    public override string Name => _pairs ? "outer products in pairs" : "outer products";

    public override int Items { get; }

    public override long Scratch { get; }

    public override long SumsSize { get; }

    public override int AddItems { get; }

    /// <summary>Cycles of one core, in which a multiply-add of 16 lanes is 1.</summary>
    public double Cycles => _area * (double)_shape.InPerGroup * (_shape.Batch * _shape.OutPlane.Area * (double)_shape.OutBlocks / (_pairs ? 1.06 : 0.85) + 2.4 * _shape.Out);

    /// <summary>A share of the output channels over one chunk of the strips of all samples.</summary>
    public override void Run(int item, float* x, float* dy, float* sums, float* scratch)
    {
        var (chunk, share) = Math.DivRem(item, _shares);
        var (begin, end) = (_shape.OutBlocks * share / _shares, _shape.OutBlocks * (share + 1) / _shares);
        var perBlock = _area * Dense.Block * Dense.Block * _shape.InBlocks;
        sums += (long)chunk * _shape.OutBlocks * perBlock;
        for (var block = begin; block < end; block++) new Span<float>(sums + (long)block * perBlock, perBlock).Clear();

        long xPlane = _shape.InPlane.Area * Dense.Block, dyPlane = _shape.OutPlane.Area * Dense.Block, plane = _shape.Pointwise ? xPlane : _gather.Plane(_strip);
        var scaled = scratch + (_shape.Pointwise ? 0 : _gather.Size(_strip));
        for (var strip = _shape.Batch * _strips * chunk / _chunks; strip < _shape.Batch * _strips * (chunk + 1) / _chunks; strip++)
        {
            var (n, row) = (strip / _strips, strip % _strips * _strip);
            var rows = Math.Min(_strip, _rows.Count - row);
            var source = x + n * _shape.InBlocks * xPlane;
            if (_shape.Pointwise) source += row * Dense.Block;
            else
            {
                _gather.Fill(source, row, rows, scratch, _strip);
                source = scratch;
            }

            var square = _pairs ? MeanSquare(source, plane, rows, begin, end) : 0;
            for (var block = begin; block < end; block++)
                Strip(block, source, plane, square, dy + (n * _shape.OutBlocks + block) * dyPlane + (long)row * _columns.Count * Dense.Block, rows, sums + (long)block * perBlock, scaled);
        }
    }

    // One block of output channels over some rows.
    private void Strip(int outBlock, float* x, long plane, double square, float* dy, int rows, float* sums, float* scaled)
    {
        var outer = Outer(rows);
        if (_area == 1) outer.Ahead = (int)plane; // the next block of channels
        var scale = 0f;
        if (square > 0)
        {
            var (pixels, lanes) = (rows * _columns.Count, Math.Min(Dense.Block, _shape.Out - outBlock * Dense.Block));
            scale = OuterPairs.Scale(square, OuterPairs.Squares(dy, pixels, lanes) / ((double)pixels * lanes));
            if (scale != 0) OuterPairs.Copy(dy, pixels, scale, scaled);
            (outer.Scale, outer.Limit) = (1 / scale, OuterPairs.Limit(square, pixels));
        }

        var (from, to) = _shape.Reads(outBlock * Dense.Block, (outBlock + 1) * Dense.Block);
        for (var c = from; c < to; c += Dense.Block - c % Dense.Block)
            for (var tap = 0; tap < _area; tap++)
            {
                var (block, lane) = Math.DivRem(c, Dense.Block);
                var last = Math.Min(Dense.Block, lane + to - c);
                outer.X = x + block * plane + Tap(tap) + lane;
                outer.Sum = sums + ((long)block * _area + tap) * (Dense.Block * Dense.Block) + lane * Dense.Block;
                if (scale != 0 && last - lane == OuterPairs.Channels)
                {
                    outer.Dy = scaled;
                    if (OuterPairs.Add(outer)) continue;
                }

                outer.Dy = dy;
                for (; lane < last; lane += Dense.MaxChannels, outer.X += Dense.MaxChannels, outer.Sum += Dense.MaxChannels * Dense.Block)
                    Dense.Outer(ref outer, Math.Min(Dense.MaxChannels, last - lane));
            }
    }

    // Of some rows in whole blocks of channels, as the middle of the kernel reads them: other blocks take ordinary products.
    private double MeanSquare(float* x, long plane, int rows, int begin, int end)
    {
        var outer = Outer(rows);
        var from = (_shape.Reads(begin * Dense.Block, end * Dense.Block).From + Dense.Block - 1) / Dense.Block;
        outer.X = x + from * plane + Tap(_area / 2);
        return OuterPairs.MeanSquare(outer, _shape.Reads(begin * Dense.Block, end * Dense.Block).To / Dense.Block - from, plane);
    }

    private DenseOuter Outer(int rows) => _shape.Pointwise
        ? new DenseOuter { Rows = 1, Pixels = rows }
        : new DenseOuter { XRow = _gather.Step, DyRow = _columns.Count * Dense.Block, Rows = rows, Pixels = _columns.Count };

    private int Tap(int tap) => _shape.Pointwise ? 0 : _gather.Tap(tap / _shape.KernelSize.Width, tap % _shape.KernelSize.Width, _strip);

    /// <summary>Adds the chunks up and lays the gradient out as [out, in/groups, kh, kw]: one output block by one input block.</summary>
    public override void Add(int item, float* sums, float* dk)
    {
        var (outBlock, inBlock) = Math.DivRem(item, _shape.InBlocks);
        var count = _area * Dense.Block * Dense.Block;
        sums += (long)item * count;
        AddChunks(sums, count, _chunks, (long)_shape.OutBlocks * _shape.InBlocks * count);
        Store(_shape, outBlock, inBlock, sums, dk);
    }
}
