using System.Runtime.CompilerServices;

namespace Tenfold.Kernels;

/// <summary>A pointwise convolution, in groups or not, of channels that lie wherever they do: in several maps, in any order.</summary>
/// <remarks>A sum does not care for the order of its terms, so each tile reads its channels as they lie, in runs, and the weights are packed in that order.
/// <code>
/// maps:   | a0 a1 a2 ... a15 | a16 ... |     | b0 ... b15 | ...
/// runs:          a2  ... a15 , a16 ...         b0 ... b7          nothing is moved
/// </code>
/// </remarks>
internal sealed unsafe class ListedConvolution : PackedKernel
{
    private const int ScratchFloats = 48 * 1024; // what a strip reads stays in the second-level cache
    private const int Pieces = 12;

    private readonly DenseShape _shape;
    private readonly (int Map, int Channel)[] _channels;
    private readonly int[] _blocks; // of each map
    private readonly Tile[] _tiles;
    private readonly int _strip, _strips, _shares;

    /// <param name="channels">For each input channel of the shape: which channel of which map.</param>
    /// <param name="blocks">Blocks of channels of each map.</param>
    public ListedConvolution(DenseShape shape, (int Map, int Channel)[] channels, int[] blocks)
    {
        (_shape, _channels, _blocks) = (shape, channels, blocks);
        var (tiles, packed) = (new List<Tile>(), 0L);
        foreach (var (block, count) in shape.OutTiles())
        {
            tiles.Add(new Tile(block, count, packed, Ordered(block, count)));
            packed += (long)tiles[^1].Order.Length * count * Dense.Block;
        }

        (_tiles, PackedSize) = ([.. tiles], packed);
        var pixels = shape.OutPlane.Area;
        _strip = Math.Clamp(ScratchFloats / (shape.InBlocks * Dense.Block), 28, 1 << 20);
        while (_strip > 56 && shape.Batch * ((pixels + _strip - 1) / _strip) < 8) _strip = (_strip + 1) / 2;
        _strip = Math.Min(_strip, pixels);
        _strips = (pixels + _strip - 1) / _strip;
        var items = checked(shape.Batch * _strips);
        _shares = items >= Pieces ? 1 : Math.Min(_tiles.Length, (Pieces + items - 1) / items);
        Items = items * _shares;
    }

    public override string Name => "pointwise, by a list";

    public override string Packing => $"listed {_shape.In} {_shape.Out} {_shape.Groups} {string.Join(",", _channels)}";

    public override int Items { get; }

    public override long Scratch => 0;

    public override long PackedSize { get; }

    public override int PackItems => _tiles.Length;

    /// <summary>The most pieces that the channels of one sum lie in.</summary>
    public int Runs => _tiles.Max(tile => tile.Runs.Length);

    public override void Pack(int item, float* kernel, float* scale, float* packed)
    {
        var tile = _tiles[item];
        var w = packed + tile.Weights;
        foreach (var c in tile.Order)
            for (var v = 0; v < tile.Blocks * Dense.Block; v++, w++)
            {
                var o = tile.Block * Dense.Block + v;
                var from = o < _shape.Out ? _shape.Weight(o, c) : -1;
                *w = from < 0 ? 0 : kernel[from] * (scale == null ? 1 : scale[o]);
            }
    }

    /// <param name="x">The maps.</param>
    public void Run(int item, float** x, float* packed, float* bias, in DenseEpilogue then, float* y)
    {
        var (work, share) = Math.DivRem(item, _shares);
        var (n, strip) = Math.DivRem(work, _strips);
        var from = strip * _strip;
        var pixels = Math.Min(_strip, _shape.OutPlane.Area - from);
        var plane = _shape.OutPlane.Area * Dense.Block;
        var runs = stackalloc DenseBlock[Runs];
        for (var t = _tiles.Length * share / _shares; t < _tiles.Length * (share + 1) / _shares; t++)
        {
            var tile = _tiles[t];
            for (var i = 0; i < tile.Runs.Length; i++)
            {
                var run = tile.Runs[i];
                var at = x[run.Map] + ((long)n * _blocks[run.Map] + run.Channel / Dense.Block) * plane + run.Channel % Dense.Block;
                runs[i] = new DenseBlock { Offset = checked((int)(at - x[0])), Channels = run.Count }; // maps lie in one arena
            }

            var first = ((long)n * _shape.OutBlocks + tile.Block) * plane + (long)from * Dense.Block;
            var kernel = then.Tile(bias + tile.Block * Dense.Block, tile.Blocks, plane);
            kernel.W = packed + tile.Weights;
            kernel.Blocks = runs;
            kernel.Count = tile.Runs.Length;
            var segments = Dense.Segments(pixels, tile.Blocks);
            for (var segment = 0; segment < segments; segment++)
            {
                var begin = pixels * segment / segments;
                var count = pixels * (segment + 1) / segments - begin;
                kernel.X = x[0] + (long)(from + begin) * Dense.Block;
                kernel.Y = y + first + (long)begin * Dense.Block;
                kernel.Add = then.Add == null ? null : then.Add + first + (long)begin * Dense.Block;
                Dense.Tile(ref kernel, count, tile.Blocks);
                then.Activation?.Apply(kernel.Y, tile.Blocks, plane, count, Dense.Block);
            }
        }
    }

    // The channels that a tile's outputs read, as they lie.
    private (int Channel, (int Map, int Channel) At)[] Ordered(int block, int blocks)
    {
        var (from, to) = _shape.Reads(block * Dense.Block, (block + blocks) * Dense.Block);
        return [.. Enumerable.Range(from, to - from).Select(c => (c, At: _channels[c])).OrderBy(c => c.At)];
    }

    /// <summary>Channels that lie side by side in one block of a map.</summary>
    private readonly record struct Stretch(int Map, int Channel, int Count);

    private sealed class Tile
    {
        public Tile(int block, int blocks, long weights, (int Channel, (int Map, int Channel) At)[] channels)
        {
            (Block, Blocks, Weights, Order) = (block, blocks, weights, [.. channels.Select(c => c.Channel)]);
            var runs = new List<Stretch>();
            foreach (var (_, (map, channel)) in channels)
            {
                if (runs.Count > 0 && runs[^1] is var last && last.Map == map && last.Channel + last.Count == channel && channel % Dense.Block != 0) runs[^1] = last with { Count = last.Count + 1 };
                else runs.Add(new Stretch(map, channel, 1));
            }

            Runs = [.. runs];
        }

        public int Block { get; }

        public int Blocks { get; }

        /// <summary>Where its packed weights begin.</summary>
        public long Weights { get; }

        /// <summary>The input channels in the order in which they are read.</summary>
        public int[] Order { get; }

        public Stretch[] Runs { get; }
    }
}
