using System.Text;

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
    private readonly DenseShape _shape;
    private readonly int[] _lanes; // where each channel lies, counted through all blocks of all maps
    private readonly int[] _blocks; // of each map
    private readonly int[] _begin; // where each map would begin, if one sample's maps lay one behind another
    private readonly Tile[] _tiles;
    private readonly int _most, _strip, _strips, _shares;
    private readonly bool _pairs;
    private readonly long _largest; // floats of a tile's packed weights

    /// <param name="channels">For each input channel of the shape: which channel of which map.</param>
    /// <param name="blocks">Blocks of channels of each map.</param>
    /// <param name="pairs">Whether products may be computed in pairs, where that pays.</param>
    public ListedConvolution(DenseShape shape, (int Map, int Channel)[] channels, int[] blocks, bool pairs = false)
    {
        (_shape, _blocks) = (shape, blocks);
        var plane = shape.OutPlane.Area * Dense.Block;
        _begin = new int[blocks.Length + 1];
        for (var map = 0; map < blocks.Length; map++) _begin[map + 1] = checked(_begin[map] + blocks[map] * plane);
        _lanes = new int[channels.Length];
        for (var c = 0; c < _lanes.Length; c++) _lanes[c] = _begin[channels[c].Map] / shape.OutPlane.Area + channels[c].Channel;
        _pairs = pairs && DenseSum.Pays(shape.InPerGroup, shape.OutPerGroup) && !Scattered(_lanes[..shape.InPerGroup]);
        var (tiles, packed) = (new List<Tile>(), 0L);
        foreach (var part in shape.OutParts(_pairs))
        {
            if (tiles.Count > 0 && tiles[^1] is var last && last.Reads == part.Reads)
            {
                tiles.Add(new Tile(part, packed, last.Order, last.Sum, last.Pieces));
            }
            else
            {
                var (from, to) = part.Reads;
                var (lanes, ordered) = (_lanes[from..to], new int[to - from]);
                for (var k = 0; k < ordered.Length; k++) ordered[k] = from + k;
                Array.Sort(lanes, ordered);
                var (runs, run) = (new ChannelRun[RunsOf(lanes)], -1);
                for (var k = 0; k < lanes.Length; k++)
                {
                    if (Begins(lanes, k)) runs[++run].Offset = lanes[k] / Dense.Block * plane + lanes[k] % Dense.Block;
                    runs[run].Channels++;
                }

                Runs = Math.Max(Runs, runs.Length);
                var sum = new DenseSum(runs, sections: 1, _pairs);
                var order = new int[sum.Order.Length];
                for (var k = 0; k < order.Length; k++) order[k] = ordered[sum.Order[k]];
                tiles.Add(new Tile(part, packed, order, sum, sum.Pieces(_begin)));
                _most = Math.Max(_most, sum.PlacesSize);
                _largest = Math.Max(_largest, sum.PackedSize(Dense.Block));
            }

            packed += tiles[^1].Sum.PackedSize(part.Blocks * Dense.Block);
        }

        (_tiles, PackedSize) = ([.. tiles], packed);
        (_strip, _strips, _shares) = PixelStrips.Of(shape, _tiles.Length);
        Items = checked(shape.Batch * _strips * _shares);
    }

    // Few channels, a few from each block: the sum is over before pairs have paid for their pixels' products, of which each takes a vector of two blocks.
    private static bool Scattered(int[] lanes)
    {
        Array.Sort(lanes);
        return lanes.Length < 32 && lanes.Length < 4 * RunsOf(lanes);
    }

    private static int RunsOf(int[] lanes)
    {
        var runs = 0;
        for (var k = 0; k < lanes.Length; k++)
            if (Begins(lanes, k)) runs++;
        return runs;
    }

    // Whether another run begins with the k-th of the lanes, which are in order.
    private static bool Begins(int[] lanes, int k) => k == 0 || lanes[k] % Dense.Block == 0 || lanes[k] != lanes[k - 1] + 1;

    public override string Name => _pairs ? "pointwise, in pairs" : "pointwise";

    public override string Packing => $"listed {_shape.In} {_shape.Out} {_shape.Groups} {Listed(_lanes)}{(_pairs ? $" pairs {Magnitude}" : "")}";

    public override int Items { get; }

    public override long Scratch => _pairs ? DenseSum.ProductsSize(_strip) + _largest : 0; // products, scaled weights

    public override long PackedSize { get; }

    public override int PackItems => _tiles.Length;

    /// <summary>The most pieces that the channels of one sum lie in.</summary>
    public int Runs { get; }

    public override void Pack(int item, float* kernel, float* scale, float* packed)
    {
        var tile = _tiles[item];
        var w = tile.Sum.Rows(packed + tile.Weights);
        foreach (var c in tile.Order)
            for (var v = 0; v < tile.Blocks * Dense.Block; v++, w++)
            {
                var o = tile.Block * Dense.Block + v;
                var from = o < _shape.Out ? _shape.Weight(o, c) : -1;
                *w = from < 0 ? 0 : kernel[from] * (scale == null ? 1 : scale[o]);
            }

        tile.Sum.Finish(packed + tile.Weights, Magnitude);
    }

    public void Warm()
    {
        foreach (var tile in _tiles)
        {
            Dense.Warm(_strip, tile.Blocks, _pairs, tile.Half);
            if (_shape.OutPlane.Area % _strip is > 0 and var rest) Dense.Warm(rest, tile.Blocks, _pairs, tile.Half);
        }

        int* moved = stackalloc int[_most];
        _tiles[0].Sum.Move(_tiles[0].Pieces, new int[_blocks.Length + 1], moved);
    }

    /// <param name="x">The maps.</param>
    public void Run(int item, float** x, float* packed, float* bias, in DenseEpilogue then, float* y, float* scratch)
    {
        var (work, share) = Math.DivRem(item, _shares);
        var (n, strip) = Math.DivRem(work, _strips);
        var from = strip * _strip;
        var pixels = Math.Min(_strip, _shape.OutPlane.Area - from);
        var plane = _shape.OutPlane.Area * Dense.Block;
        int* moved = stackalloc int[_most];
        var places = default(DensePlaces);
        Span<int> by = stackalloc int[_blocks.Length + 1];
        by[^1] = 0;
        for (var map = 0; map < _blocks.Length; map++) by[map] = checked((int)(x[map] - x[0] + (long)n * _blocks[map] * plane - _begin[map])); // maps lie in one arena
        DenseSum? sum = null;
        var (exponent, limit) = ((int?)null, 0f);
        var kernel = then.Tile(plane);
        var (blocks, segments, least, more) = (0, 0, 0, 0);
        for (var (t, end) = (OutTile.First(_tiles, share, _shares), OutTile.First(_tiles, share + 1, _shares)); t < end; t++)
        {
            var tile = _tiles[t];
            if (tile.Sum != sum)
            {
                sum = tile.Sum;
                places = sum.Move(tile.Pieces, by, moved);
                var start = x[0] + (long)from * Dense.Block;
                exponent = _pairs ? sum.Exponent(places, start, pixels, 1, 0, Magnitude) : null;
                limit = sum.Products(places, start, pixels, scratch, exponent, Magnitude);
            }

            var first = ((long)n * _shape.OutBlocks + tile.Block) * plane + (long)from * Dense.Block + tile.Lane;
            kernel.Bias = bias + tile.Block * Dense.Block + tile.Lane;
            kernel.Half = tile.Half;
            if (tile.Blocks != blocks)
            {
                blocks = tile.Blocks;
                kernel.WStep = blocks * Dense.Block;
                segments = Dense.Segments(pixels, blocks);
                (least, more) = Math.DivRem(pixels, segments);
            }

            sum.Set(ref kernel, places, sum.Scaled(packed + tile.Weights, exponent, scratch + DenseSum.ProductsSize(_strip)) + tile.Lane);
            for (var (segment, begin, count) = (0, 0, 0); segment < segments; segment++, begin += count)
            {
                count = segment < more ? least + 1 : least;
                kernel.X = x[0] + (long)(from + begin) * Dense.Block;
                kernel.Products = DenseSum.Within(limit, scratch + begin, count);
                kernel.Y = y + first + (long)begin * Dense.Block;
                kernel.Add = then.Add == null ? null : then.Add + first + (long)begin * Dense.Block;
                Dense.Tile(ref kernel, count, tile.Blocks);
                if (!tile.Continued) then.Activation?.Apply(kernel.Y - tile.Lane, tile.Blocks, plane, count, Dense.Block);
            }
        }
    }

    private static string Listed(int[] lanes)
    {
        var text = new StringBuilder();
        foreach (var lane in lanes) text.Append(lane).Append(',');
        return text.ToString();
    }

    /// <param name="Weights">Where its packed weights begin.</param>
    /// <param name="Order">The input channels in the order of the packed weights.</param>
    /// <param name="Pieces">Which map each of the sum's places lies in.</param>
    private sealed record Tile(OutTile Part, long Weights, int[] Order, DenseSum Sum, int[] Pieces) : OutTile(Part);
}
