namespace Tenfold.Kernels;

/// <summary>A pointwise convolution of a strip of pixels, a tile of output channels at a time, from and to wherever the strip lies: one that is part of a chain.</summary>
internal sealed unsafe class PointwiseStrip
{
    private readonly DenseShape _shape;
    private readonly DenseSum _sum;
    private readonly long[] _weights; // where those of each tile begin
    private readonly int _room; // floats: where, behind the pixels' products, there is room for scaled weights

    /// <param name="plane">Floats from one block of input channels to the next.</param>
    /// <param name="pixels">At most.</param>
    /// <param name="pairs">Whether products may be computed in pairs, where that pays.</param>
    public PointwiseStrip(DenseShape shape, int plane, int pixels, bool pairs)
    {
        (_shape, Whole, InBlocks) = (shape, new DenseConvolution(shape, pairs), shape.InBlocks);
        var runs = new ChannelRun[shape.InBlocks];
        for (var i = 0; i < runs.Length; i++) runs[i] = new ChannelRun { Offset = i * plane, Channels = Math.Min(Dense.Block, shape.In - i * Dense.Block) };
        _sum = new DenseSum(runs, sections: 1, Whole.Pairs);
        Tiles = shape.OutTiles(Whole.Pairs);
        _weights = new long[Tiles.Length];
        for (var t = 1; t < Tiles.Length; t++) _weights[t] = _weights[t - 1] + _sum.PackedSize(Tiles[t - 1].Blocks * Dense.Block);
        _room = DenseSum.ProductsSize(pixels);
        Scratch = Whole.Pairs ? _room + _sum.PackedSize(Dense.Block) : 0;
    }

    /// <summary>The kernel of the whole map, which packs the weights.</summary>
    public DenseConvolution Whole { get; }

    public (int Block, int Blocks)[] Tiles { get; }

    public int InBlocks { get; }

    public long Scratch { get; }

    /// <summary>Calls the micro-kernels for so many pixels on nothing.</summary>
    public void Warm(int pixels)
    {
        foreach (var (block, blocks) in Tiles) Dense.Warm(pixels, blocks, Whole.Pairs, _shape.Half(block, blocks));
    }

    /// <summary>Computes what all tiles share.</summary>
    /// <returns>For <see cref="Run"/>, with the same scratch memory.</returns>
    public (int? Exponent, float Limit) Begin(float* x, int pixels, float* scratch)
    {
        if (!Whole.Pairs) return default;
        var exponent = _sum.Exponent(_sum.Places, x, pixels, 1, 0, Whole.Magnitude);
        return (exponent, _sum.Products(_sum.Places, x, pixels, scratch, exponent, Whole.Magnitude));
    }

    /// <param name="y">What is added lies alike.</param>
    /// <param name="at">Floats from there to the tile's first block of the strip.</param>
    /// <param name="plane">Floats from one block of output channels to the next.</param>
    public void Run(int tile, (int? Exponent, float Limit) begun, float* x, int pixels, in DenseLayer layer, float* y, long at, int plane, float* scratch)
    {
        var (block, blocks) = Tiles[tile];
        var kernel = layer.Then.Tile(layer.Bias + block * Dense.Block, blocks, plane);
        kernel.Half = _shape.Half(block, blocks);
        _sum.Set(ref kernel, _sum.Places, _sum.Scaled(layer.Packed + _weights[tile], begun.Exponent, scratch + _room));
        var segments = Dense.Segments(pixels, blocks);
        var (least, more) = Math.DivRem(pixels, segments);
        for (var (segment, first, count) = (0, 0, 0); segment < segments; segment++, first += count)
        {
            count = segment < more ? least + 1 : least;
            kernel.X = x + first * Dense.Block;
            kernel.Products = DenseSum.Within(begun.Limit, scratch + first, count);
            kernel.Y = y + at + first * Dense.Block;
            kernel.Add = layer.Then.Add == null ? null : layer.Then.Add + at + first * Dense.Block;
            Dense.Tile(ref kernel, count, blocks);
            layer.Then.Activation?.Apply(kernel.Y, blocks, plane, count, Dense.Block);
        }
    }
}
