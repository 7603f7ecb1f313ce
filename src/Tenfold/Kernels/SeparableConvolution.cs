namespace Tenfold.Kernels;

/// <summary>A depthwise convolution and the pointwise one that alone reads it, a strip of rows at a time, so that what lies between never leaves the cache.</summary>
internal sealed unsafe class SeparableConvolution
{
    private const int ScratchFloats = 32 * 1024; // 128 KB between the two

    private readonly DenseShape _pointwise;
    private readonly int _strip, _strips;
    private readonly long _between, _room; // floats: of what lies between the two; where, behind its products, there is room for scaled weights
    private readonly (int Block, int Blocks)[] _tiles;
    private readonly long[] _weights; // where those of each tile begin
    private readonly DenseSum _sum;

    /// <param name="pairs">Whether products may be computed in pairs, where that pays.</param>
    public SeparableConvolution(DenseShape depthwise, DenseShape pointwise, bool pairs = false)
    {
        _pointwise = pointwise;
        (First, Second) = (new LaneConvolution(depthwise, LaneMap.Of(depthwise)!), new DenseConvolution(pointwise, pairs));
        var (height, width) = pointwise.InPlane;
        _strip = Math.Clamp(ScratchFloats / (pointwise.InBlocks * width * Dense.Block), 1, height);
        while (_strip * width > 112 && pointwise.Batch * ((height + _strip - 1) / _strip) < 8) _strip = (_strip + 1) / 2;
        _strips = (height + _strip - 1) / _strip;
        Items = checked(pointwise.Batch * _strips);
        var plane = _strip * width * Dense.Block;
        _between = (long)pointwise.InBlocks * plane;
        _room = _between + DenseSum.ProductsSize(_strip * width);
        var runs = new DenseBlock[pointwise.InBlocks];
        for (var i = 0; i < runs.Length; i++) runs[i] = new DenseBlock { Offset = i * plane, Channels = Math.Min(Dense.Block, pointwise.In - i * Dense.Block) };
        _sum = new DenseSum(runs, sections: 1, Second.Pairs);
        _tiles = pointwise.OutTiles(Second.Pairs);
        _weights = new long[_tiles.Length];
        for (var t = 1; t < _tiles.Length; t++) _weights[t] = _weights[t - 1] + _sum.PackedSize(_tiles[t - 1].Blocks * Dense.Block);

        Scratch = Second.Pairs ? _room + _sum.PackedSize(Dense.Block) : _between;
    }

    /// <summary>The kernels of the two by themselves, whose packed weights this one reads.</summary>
    public LaneConvolution First { get; }

    public DenseConvolution Second { get; }

    public int Items { get; }

    public long Scratch { get; }

    /// <summary>Whether it pays: what lies between would leave the second-level cache, and the pointwise weights, which every strip reads again, stay in it.</summary>
    public static bool Takes(DenseShape depthwise, DenseShape pointwise) =>
        !depthwise.Transposed && depthwise.Groups == depthwise.In && depthwise.In == depthwise.Out && LaneMap.Of(depthwise) is not null
        && pointwise is { Pointwise: true, Groups: 1, Transposed: false }
        && (long)pointwise.InBlocks * pointwise.InPlane.Area * Dense.Block > 96 * 1024
        && (long)pointwise.In * pointwise.OutBlocks * Dense.Block < 64 * 1024;

    public void Run(int item, float* x, float* firstPacked, float* firstBias, in DenseEpilogue firstThen, float* packed, float* bias, in DenseEpilogue then, float* y, float* scratch)
    {
        var (n, strip) = Math.DivRem(item, _strips);
        var (from, to) = (strip * _strip, Math.Min(_pointwise.InPlane.Height, (strip + 1) * _strip));
        var (width, plane) = (_pointwise.InPlane.Width, _strip * _pointwise.InPlane.Width * Dense.Block);
        var pixels = (to - from) * width;
        for (var block = 0; block < _pointwise.InBlocks; block++) First.RunRows(n, block, from, to, x, firstPacked, firstBias, firstThen, scratch + (long)block * plane);

        var products = scratch + _between;
        var exponent = Second.Pairs ? _sum.Exponent(_sum.Places, scratch, pixels, 1, 0, Second.Magnitude) : null;
        if (exponent is null) products = null;
        else _sum.Products(scratch, pixels, 0, 1, products);
        var outPlane = _pointwise.OutPlane.Area * Dense.Block;
        for (var t = 0; t < _tiles.Length; t++)
        {
            var (block, blocks) = _tiles[t];
            var at = ((long)n * _pointwise.OutBlocks + block) * outPlane + (long)from * width * Dense.Block;
            var tile = then.Tile(bias + block * Dense.Block, blocks, outPlane);
            _sum.Set(ref tile, _sum.Scaled(packed + _weights[t], exponent, scratch + _room), 0, 1, null);
            var segments = Dense.Segments(pixels, blocks);
            for (var segment = 0; segment < segments; segment++)
            {
                var first = pixels * segment / segments;
                var count = pixels * (segment + 1) / segments - first;
                tile.X = scratch + first * Dense.Block;
                tile.Products = products == null ? null : products + first;
                tile.Y = y + at + first * Dense.Block;
                tile.Add = then.Add == null ? null : then.Add + at + first * Dense.Block;
                Dense.Tile(ref tile, count, blocks);
                then.Activation?.Apply(tile.Y, blocks, outPlane, count, Dense.Block);
            }
        }
    }
}
