namespace Tenfold.Kernels;

/// <summary>A depthwise convolution and the pointwise one that alone reads it, a strip of rows at a time, so that what lies between never leaves the cache; and, where it alone reads
/// another pointwise one, as an inverted residual's does, that too.
/// <code>
/// rows of x, all channels  ->  rows of the expanded map, one or two blocks of channels  ->  the strip's rows of the same blocks      for all blocks in turn
///                              the strip's rows of all blocks                           ->  rows of y, all channels
/// </code>
/// The rows of the expanded map that two strips read are computed for each of them.
/// </summary>
internal sealed unsafe class SeparableConvolution
{
    private const int ScratchFloats = 32 * 1024; // 128 KB between the two
    private const int ExpandedFloats = 200 * 1024; // 800 KB with the expanded rows: few rows are then computed twice
    private const int LeastExpanded = 256 * 1024; // 1 MB, the second-level cache: smaller expanded maps were as fast in two steps

    private readonly DenseShape _depthwise, _pointwise;
    private readonly int _strip, _strips, _between, _rows; // floats from one block to the next: of what lies between the two, of the expanded rows
    private readonly PointwiseStrip _second;
    private readonly PointwiseStrip? _expansion;

    /// <param name="expansion">Null for none.</param>
    /// <param name="pairs">Whether products may be computed in pairs, where that pays.</param>
    public SeparableConvolution(DenseShape? expansion, DenseShape depthwise, DenseShape pointwise, bool pairs = false)
    {
        (_depthwise, _pointwise) = (depthwise, pointwise);
        First = new LaneConvolution(depthwise, LaneMap.Of(depthwise)!, winograd: pairs);
        var (height, width) = pointwise.InPlane;
        if (expansion is null)
        {
            _strip = Math.Clamp(ScratchFloats / (pointwise.InBlocks * width * Dense.Block), 1, height);
            while (_strip * width > 112 && pointwise.Batch * ((height + _strip - 1) / _strip) < 8) _strip = (_strip + 1) / 2;
        }
        else
        {
            // The most rows that fit, since each strip expands the rows that it shares with the next once more; but four strips, and an even number of them, so that two threads share the work.
            _strip = height;
            while (_strip > 1 && (long)_strip * width * pointwise.InBlocks * Dense.Block + (long)Reads(_strip) * depthwise.InPlane.Width * Dense.MaxBlocks * Dense.Block > ExpandedFloats) _strip--;
            var strips = (height + _strip - 1) / _strip;
            while (pointwise.Batch * strips < 4 || pointwise.Batch * strips % 2 != 0) strips++;
            _strip = (height + strips - 1) / strips;
        }

        _strips = (height + _strip - 1) / _strip;
        Items = checked(pointwise.Batch * _strips);
        _between = _strip * width * Dense.Block;
        _second = new PointwiseStrip(pointwise, _between, _strip * width, pairs);
        Scratch = (long)pointwise.InBlocks * _between + _second.Scratch;
        if (expansion is null) return;
        _rows = Reads(_strip) * depthwise.InPlane.Width * Dense.Block;
        _expansion = new PointwiseStrip(expansion, expansion.InPlane.Area * Dense.Block, Reads(_strip) * depthwise.InPlane.Width, pairs);
        Scratch += (long)Dense.MaxBlocks * _rows + _expansion.Scratch;

        int Reads(int rows) => Math.Min(depthwise.InPlane.Height, (rows - 1) * depthwise.Stride.Height + (depthwise.KernelSize.Height - 1) * depthwise.Dilation.Height + 1);
    }

    /// <summary>The kernels of each by itself, whose packed weights this one reads.</summary>
    public LaneConvolution First { get; }

    public DenseConvolution Second => _second.Whole;

    public DenseConvolution? Expansion => _expansion?.Whole;

    public int Items { get; }

    public long Scratch { get; }

    /// <summary>Whether it pays: what lies between would leave the second-level cache, and the pointwise weights, which every strip reads again, stay in it.</summary>
    public static bool Takes(DenseShape depthwise, DenseShape pointwise) =>
        !depthwise.Transposed && depthwise.Groups == depthwise.In && depthwise.In == depthwise.Out && LaneMap.Of(depthwise) is not null
        && pointwise is { Pointwise: true, Groups: 1, Transposed: false }
        && (long)pointwise.InBlocks * pointwise.InPlane.Area * Dense.Block > 96 * 1024
        && (long)pointwise.In * pointwise.OutBlocks * Dense.Block < 64 * 1024;

    /// <summary>Whether a pointwise convolution before the two pays, for the same reasons.</summary>
    public static bool Expands(DenseShape expansion) =>
        expansion is { Pointwise: true, Groups: 1, Transposed: false }
        && (long)expansion.OutBlocks * expansion.OutPlane.Area * Dense.Block > LeastExpanded;

    /// <summary>Calls the micro-kernels that <see cref="Run"/> will call, on nothing.</summary>
    public void Warm()
    {
        First.Warm();
        var (height, width) = _pointwise.InPlane;
        for (var from = 0; from < height; from += _strip)
        {
            var to = Math.Min(height, from + _strip);
            var (top, bottom) = First.Reads(from, to);
            _expansion?.Warm((bottom - top) * _depthwise.InPlane.Width);
            _second.Warm((to - from) * width);
        }
    }

    /// <param name="expansion">Of nothing where there is none.</param>
    public void Run(int item, float* x, in DenseLayer expansion, in DenseLayer depthwise, in DenseLayer pointwise, float* y, float* scratch)
    {
        var (n, strip) = Math.DivRem(item, _strips);
        var (from, to) = (strip * _strip, Math.Min(_pointwise.InPlane.Height, (strip + 1) * _strip));
        var (row, plane) = (_depthwise.InPlane.Width * Dense.Block, _depthwise.InPlane.Area * Dense.Block);
        var room = scratch + (long)_pointwise.InBlocks * _between;
        if (_expansion is null)
        {
            for (var block = 0; block < _depthwise.InBlocks; block++)
                First.RunRows(block, from, to, x + ((long)n * _depthwise.InBlocks + block) * plane, depthwise, scratch + (long)block * _between);
        }
        else
        {
            var (top, bottom) = First.Reads(from, to);
            var pixels = (bottom - top) * _depthwise.InPlane.Width;
            var expanded = room + _second.Scratch;
            room = expanded + (long)Dense.MaxBlocks * _rows;
            x += (long)n * _expansion.InBlocks * plane + (long)top * row;
            var begun = _expansion.Begin(x, pixels, room);
            for (var t = 0; t < _expansion.Tiles.Length; t++)
            {
                var (block, blocks) = _expansion.Tiles[t];
                _expansion.Run(t, begun, x, pixels, expansion, expanded, 0, _rows, room);
                for (var i = 0; i < blocks; i++)
                    First.RunRows(block + i, from, to, expanded + (long)i * _rows - (long)top * row, depthwise, scratch + (long)(block + i) * _between);
            }

            room = scratch + (long)_pointwise.InBlocks * _between;
        }

        var (outPlane, count) = (_pointwise.OutPlane.Area * Dense.Block, (to - from) * _pointwise.InPlane.Width);
        var whole = _second.Begin(scratch, count, room);
        for (var t = 0; t < _second.Tiles.Length; t++)
            _second.Run(t, whole, scratch, count, pointwise, y, ((long)n * _pointwise.OutBlocks + _second.Tiles[t].Block) * outPlane + (long)from * _pointwise.InPlane.Width * Dense.Block, outPlane, room);
    }
}
