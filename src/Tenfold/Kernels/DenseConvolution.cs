using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Tenfold.Kernels;

/// <summary>A convolution or transposed convolution of any kernel, stride, padding, dilation and groups as tiles of one micro-kernel.</summary>
/// <remarks>
/// <para>Work is cut into items: a sample (or a strip of its rows), gathered once into scratch, for all output channels or a share of them.</para>
/// <para>A tile's sum runs over a list of runs of input channels, one per tap and channel block, so groups are shorter lists and
/// nothing else. Where a group is smaller than a block, a tile also multiplies by the zeros between the groups. Rows of the kernel that lie outside the map
/// are left out of the list, unless rows of the map are so short that a tile spans several (<see cref="ShortRows"/>).</para>
/// </remarks>
internal sealed unsafe class DenseConvolution : ConvolutionKernel
{
    private const int Pieces = 12; // at least, where there is so much: few threads then wait little for each other at the end of a step
    private const int ScratchFloats = 48 * 1024; // 192 KB: with the weights of a tile well within the second-level cache
    private const int RunFloats = 192 * 1024; // 768 KB, where rows are short: each strip reads all weights, from memory or the third-level cache
    private const int RunPixels = 112; // four tiles

    private readonly DenseShape _shape;
    private readonly Phase[] _phases;
    private readonly int _tileGroups;

    /// <param name="pairs">Whether products may be computed in pairs, where that pays.</param>
    public DenseConvolution(DenseShape shape, bool pairs = false)
    {
        (_shape, Pairs) = (shape, pairs && DenseSum.Pays(shape.InPerGroup * shape.KernelSize.Width, shape.OutPerGroup));
        var (tiles, parts) = (shape.OutTiles(Pairs), shape.OutParts(Pairs));
        var phases = new List<Phase>();
        foreach (var rows in shape.Pointwise ? [new Geometry(1, 1, 0, 1, [0], [0])] : shape.Rows)
            foreach (var columns in shape.Pointwise ? [new Geometry(shape.OutPlane.Area, 1, 0, 1, [0], [0])] : shape.Columns)
                phases.Add(new Phase(rows, columns));

        var pixels = PixelStrips.Of(shape, tiles.Length);
        long packed = 0;
        foreach (var phase in phases)
        {
            phase.OneRow = phase.Rows.OutStride == 1 && phase.Columns.OutStride == 1 && phase.Columns.Count == shape.OutPlane.Width && (shape.KernelSize.Area == 1 || (Pairs && ShortRows(shape)));
            phase.Gather = new Gather(phase.Rows, phase.Columns, shape.InPlane.Height, shape.InPlane.Width, shape.InBlocks, phase.OneRow);
            var strip = phase.OneRow ? RowsOfRun(phase, tiles[0].Blocks) : RowsOf(phase, shape.Batch * phases.Count);
            (phase.Strip, phase.Strips) = shape.Pointwise ? (pixels.Pixels, pixels.Count) : (strip, (phase.Rows.Count + strip - 1) / strip);
            phase.First = Items;
            Items += shape.Batch * phase.Strips;
            phase.ScratchSize = shape.Pointwise ? 0 : phase.Gather.Size(phase.Strip);
            phase.RoomAt = phase.ScratchSize + DenseSum.ProductsSize(phase.Strip * (shape.Pointwise ? 1 : phase.Columns.Count));
            var plane = shape.Pointwise ? (long)shape.InPlane.Area * Dense.Block : phase.Gather.Plane(phase.Strip);
            foreach (var part in parts)
            {
                var tile = phase.Tiles.Count > 0 && phase.Tiles[^1] is var last && last.Reads == part.Reads ? new Tile(part, packed, last.Terms, last.Kernel, last.Sum) : Of(phase, part, packed, plane);
                packed += tile.Sum.PackedSize(part.Blocks * Dense.Block);
                phase.Tiles.Add(tile);
                phase.Most = Math.Max(phase.Most, tile.Sum.PackedSize(Dense.Block));
            }

            Scratch = Math.Max(Scratch, Pairs ? phase.RoomAt + phase.Most : phase.ScratchSize);
        }

        _phases = [.. phases];
        _tileGroups = shape.Pointwise ? pixels.Shares : phases[0].OneRow ? PixelStrips.SharesOf(tiles.Length, Items) : Items >= Pieces ? 1 : Math.Min(tiles.Length, (Pieces + Items - 1) / Items);
        Items *= _tileGroups;
        PackItems = _phases.Sum(PackItemsOf);
        PackedSize = packed;
    }

    /// <summary>Whether tiles of products in pairs go on from one row of pixels to the next. A tile of a short row waits for its weights; with longer rows less is gained than is lost by
    /// rows of the kernel outside the map, which are then not left out, and by a copy of each row for each column of the kernel.</summary>
    public static bool ShortRows(DenseShape shape) => shape.OutPlane.Width < 12;

    // Runs are ordered by row of the kernel, channel and column whatever the map's size.
    public override string Packing => (_shape.Transposed ? $"direct {_shape}" : $"direct {_shape.In} {_shape.Out} {_shape.KernelSize} {_shape.Groups}") + (Pairs ? $" pairs {Magnitude}" : "");

    public override string Name => (_shape.Pointwise ? "pointwise" : _shape.Transposed ? "transposed, by phases" : "direct") + (Pairs ? ", in pairs" : "");

    public override bool Pairs { get; }

    public override bool Activates => true;

    public override int Items { get; }

    public override long Scratch { get; }

    public override long PackedSize { get; }

    public override int PackItems { get; }

    /// <summary>Packs the weights of some neighbouring tiles: for each k a row of a tile's output channels.</summary>
    public override void Pack(int item, float* kernel, float* scale, float* packed)
    {
        var phase = 0;
        for (; item >= PackItemsOf(_phases[phase]); phase++) item -= PackItemsOf(_phases[phase]);
        var tiles = _phases[phase].Tiles;
        var (first, end) = (item * PackTogether, Math.Min((item + 1) * PackTogether, tiles.Count));
        if (Rowwise) CopyRows(tiles, first, end, kernel, packed);
        for (; first < end; first++) Pack(tiles[first], kernel, scale, packed);
    }

    // Whether output channels lie side by side in the kernel, as in a row of packed weights.
    private bool Rowwise => _shape is { Transposed: true, KernelSize.Area: 1, Groups: 1 };

    // Of few rows a line of the cache would be all that is read before the next, which is elsewhere.
    private int PackTogether => Rowwise ? 8 : 1;

    private int PackItemsOf(Phase phase) => (phase.Tiles.Count + PackTogether - 1) / PackTogether;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void CopyRows(List<Tile> tiles, int first, int end, float* kernel, float* packed)
    {
        var order = tiles[first].Sum.Order; // the only tap of channel c is its c-th number
        float** to = stackalloc float*[end - first];
        for (var t = first; t < end; t++) to[t - first] = tiles[t].Sum.Rows(packed + tiles[t].Weights);
        for (var k = 0; k < order.Length; k++)
        {
            var from = kernel + (long)order[k] * _shape.Out + tiles[first].Block * Dense.Block;
            for (var t = first; t < end; t++)
            {
                var width = tiles[t].Blocks * Dense.Block;
                var w = to[t - first] + (long)k * width;
                var real = Math.Min(width, _shape.Out - tiles[t].Block * Dense.Block);
                if (real == width)
                    for (var v = 0; v < width; v += Vector<float>.Count) Vector.Load(from + v).Store(w + v);
                else
                    for (var v = 0; v < width; v++) w[v] = v < real ? from[v] : 0;
                from += width;
            }
        }
    }

    private void Pack(Tile tile, float* kernel, float* scale, float* packed)
    {
        var width = tile.Blocks * Dense.Block;
        var w = tile.Sum.Rows(packed + tile.Weights);

        // Where each output channel's weights begin, as if its group's input channels began with the first of all; and its factor.
        long* begin = stackalloc long[width];
        float* factor = stackalloc float[width];
        for (var v = 0; v < width; v++)
        {
            var o = tile.Block * Dense.Block + v;
            var first = o / _shape.OutPerGroup * _shape.InPerGroup;
            begin[v] = o < _shape.Out ? _shape.Weight(o, first) - first * (long)_shape.WeightStep : -1;
            factor[v] = o >= _shape.Out ? 0 : scale == null ? 1 : scale[o];
            if (o >= _shape.Out) begin[v] = begin[0];
        }

        if (Rowwise)
        {
            if (scale != null)
                for (var k = 0; k < tile.Sum.Order.Length; k++)
                    for (var v = 0; v < width; v++) w[k * width + v] *= factor[v];
        }
        else if (tile.Kernel is { } rows)
        {
            rows.Pack(kernel, (long)_shape.Out * _shape.InPerGroup * _shape.KernelSize.Area, begin, factor, width, w);
        }
        else
        {
            for (var k = 0; k < tile.Terms.Length; k++, w += width)
            {
                var (c, tap) = tile.Terms[k];
                for (var v = 0; v < width; v++) w[v] = tile.Block * Dense.Block + v is var o && o < _shape.Out && _shape.Weight(o, c) >= 0 ? kernel[begin[v] + c * (long)_shape.WeightStep + tap] * factor[v] : 0;
            }
        }

        tile.Sum.Finish(packed + tile.Weights, Magnitude);
    }

    public override void Warm()
    {
        foreach (var phase in _phases)
            foreach (var tile in phase.Tiles)
            {
                var (pixels, all) = (_shape.Pointwise ? 1 : phase.Columns.Count, _shape.Pointwise ? phase.Columns.Count : phase.Rows.Count);
                var together = _shape.Pointwise || phase.OneRow;
                Dense.Warm(together ? phase.Strip * pixels : pixels, tile.Blocks, Pairs, tile.Half);
                if (together && all % phase.Strip is > 0 and var rest) Dense.Warm(rest * pixels, tile.Blocks, Pairs, tile.Half);
            }
    }

    public override void Run(int item, float* x, float* packed, float* bias, in DenseEpilogue then, float* y, float* scratch)
    {
        var (work, share) = Math.DivRem(item, _tileGroups);
        var p = _phases.Length - 1;
        while (work < _phases[p].First) p--;
        var phase = _phases[p];
        var (n, strip) = Math.DivRem(work - phase.First, phase.Strips);
        var from = strip * phase.Strip;

        var (firstTile, endTile) = (OutTile.First(phase.Tiles, share, _tileGroups), OutTile.First(phase.Tiles, share + 1, _tileGroups));
        x += (long)n * _shape.InPlane.Area * _shape.InBlocks * Dense.Block;
        var (rows, columns, rowStep) = (Math.Min(phase.Strip, phase.Rows.Count - from), phase.Columns.Count, phase.Gather.Step);
        if (_shape.Pointwise)
        {
            (rows, columns) = (1, Math.Min(phase.Strip, columns - from));
            x += (long)from * Dense.Block;
        }
        else
        {
            phase.Gather.Fill(x, from, rows, scratch, phase.Strip, (phase.Tiles[firstTile].Reads.From / Dense.Block, (phase.Tiles[endTile - 1].Reads.To + Dense.Block - 1) / Dense.Block));
            x = scratch;
            if (phase.OneRow) (rows, columns) = (1, rows * columns);
        }

        var (outPlane, outWidth) = (_shape.OutPlane.Area * Dense.Block, _shape.OutPlane.Width * Dense.Block);
        var first = (long)n * _shape.OutBlocks * outPlane + (_shape.Pointwise
            ? (long)from * Dense.Block
            : (long)(phase.Rows.OutStart + from * phase.Rows.OutStride) * outWidth + phase.Columns.OutStart * Dense.Block);
        var products = scratch + phase.ScratchSize;
        float* start = stackalloc float[Dense.Block];
        var (sum, exponent, limit) = ((DenseSum?)null, (int?)null, 0f);
        var (together, places) = (_shape.Pointwise || phase.OneRow, default(DensePlaces));
        var kernel = then.Tile(outPlane, phase.Columns.OutStride * Dense.Block);
        var (blocks, segments, least, more) = (0, 0, 0, 0);
        for (var t = firstTile; t < endTile; t++)
        {
            var tile = phase.Tiles[t];
            kernel.Bias = bias + tile.Block * Dense.Block + tile.Lane;
            kernel.Half = tile.Half;
            kernel.Gate = then.Gate == null ? null : then.Gate + ((long)n * _shape.OutBlocks + tile.Block) * Dense.Block + tile.Lane;
            if (tile.Blocks != blocks)
            {
                blocks = tile.Blocks;
                kernel.WStep = blocks * Dense.Block;
                segments = Dense.Segments(columns, blocks);
                (least, more) = Math.DivRem(columns, segments);
            }

            if (tile.Sum != sum)
            {
                sum = tile.Sum;
                places = sum.Places;
                if (Pairs)
                {
                    exponent = sum.Exponent(places, x, columns, rows, rowStep, Magnitude);
                    limit = sum.Limit(exponent, Magnitude);
                    var below = exponent is not null;
                    for (var row = 0; row < rows && exponent is not null; row++)
                    {
                        var (begun, ended) = Inside(row);
                        below &= sum.Products(x + (long)row * rowStep, columns, begun, ended, products + row * columns, limit);
                    }

                    if (below) limit = float.PositiveInfinity;
                }
            }

            var weights = sum.Scaled(packed + tile.Weights, exponent, scratch + phase.RoomAt) + tile.Lane;
            for (var row = 0; row < rows; row++)
            {
                var at = first + (long)tile.Block * outPlane + (long)row * phase.Rows.OutStride * outWidth + tile.Lane;
                if (together)
                {
                    sum.Set(ref kernel, places, weights);
                }
                else
                {
                    var (begun, ended) = Inside(row);
                    sum.Set(ref kernel, weights, begun, ended, start);
                }

                for (var (segment, column, pixels) = (0, 0, 0); segment < segments; segment++, column += pixels)
                {
                    pixels = segment < more ? least + 1 : least;
                    kernel.X = x + (long)row * rowStep + column * Dense.Block;
                    kernel.Products = DenseSum.Within(limit, products + row * columns + column, pixels);
                    kernel.Y = y + at + (long)column * kernel.YPixel;
                    kernel.Add = then.Add == null ? null : then.Add + at + (long)column * kernel.YPixel;
                    Dense.Tile(ref kernel, pixels, tile.Blocks);
                    if (!tile.Continued) then.Activation?.Apply(kernel.Y - tile.Lane, tile.Blocks, outPlane, pixels, kernel.YPixel);
                }
            }
        }

        // Rows of the kernel that lie in the map.
        (int, int) Inside(int row) => _shape.Pointwise ? (0, 1) : phase.OneRow ? (0, phase.Rows.Shifts.Length) : phase.Rows.Inside(from + row, _shape.InPlane.Height);
    }

    // As many rows of a strip as fit the scratch, but enough strips that a small batch still keeps several threads busy.
    private static int RowsOf(Phase phase, int planes)
    {
        var rows = phase.Rows.Count;
        while (rows > 1 && phase.Gather.Size(rows) > ScratchFloats) rows = (rows + 1) / 2;
        while (rows > 4 && planes * ((phase.Rows.Count + rows - 1) / rows) < 8) rows = (rows + 1) / 2;
        return rows;
    }

    // Where rows follow each other: the most rows with which the map has as few tiles as can be.
    private static int RowsOfRun(Phase phase, int blocks)
    {
        var (best, fewest) = (1, int.MaxValue);
        for (var rows = phase.Rows.Count; rows > 0; rows--)
        {
            var (whole, rest) = Math.DivRem(phase.Rows.Count, rows);
            var all = whole * Dense.Segments(rows * phase.Columns.Count, blocks) + Dense.Segments(rest * phase.Columns.Count, blocks);
            if (rows * phase.Columns.Count <= RunPixels && phase.Gather.Size(rows) <= RunFloats && all < fewest) (best, fewest) = (rows, all);
        }

        return best;
    }

    private Tile Of(Phase phase, OutTile part, long weights, long plane)
    {
        var (range, count) = (part.Reads, 0);
        for (var c = range.From; c < range.To; c += Dense.Block - c % Dense.Block) count++;
        count *= phase.Rows.Shifts.Length * phase.Columns.Shifts.Length;
        var (inputs, runs, r) = (new InputRun[count], new ChannelRun[count], 0);
        for (var i = 0; i < phase.Rows.Shifts.Length; i++)
            for (var c = range.From; c < range.To; c += Dense.Block - c % Dense.Block)
                for (var j = 0; j < phase.Columns.Shifts.Length; j++, r++)
                {
                    inputs[r] = new InputRun(c, Math.Min(Dense.Block - c % Dense.Block, range.To - c), i, j);
                    runs[r] = new ChannelRun { Offset = checked((int)(c / Dense.Block * plane + (_shape.Pointwise ? 0 : phase.Gather.Tap(i, j, phase.Strip)) + c % Dense.Block)), Channels = inputs[r].Channels };
                }

        var sum = new DenseSum(runs, phase.Rows.Shifts.Length, Pairs);
        // Terms of the sum in the order of the packed weights, and where they lie from an output channel's first weight on, if it reads all of them.
        var (all, terms, places, term) = (new (int Channel, int Tap)[sum.Order.Length], new (int Channel, int Tap)[sum.Order.Length], new int[sum.Order.Length], 0);
        foreach (var run in inputs)
            for (var c = 0; c < run.Channels; c++) all[term++] = (run.Channel + c, phase.Rows.Taps[run.I] * _shape.KernelSize.Width + phase.Columns.Taps[run.J]);
        for (var k = 0; k < terms.Length; k++)
        {
            terms[k] = all[sum.Order[k]];
            places[k] = terms[k].Channel * _shape.WeightStep + terms[k].Tap;
        }

        var whole = _shape.Groups == 1 || range.To - range.From == _shape.InPerGroup;
        return new Tile(part, weights, terms, whole && !Rowwise ? new WeightRows(places) : null, sum);
    }

    /// <summary>Channels [Channel, Channel + Channels) through tap (I, J).</summary>
    private readonly record struct InputRun(int Channel, int Channels, int I, int J);

    private sealed class Phase(Geometry rows, Geometry columns)
    {
        public Geometry Rows { get; } = rows;
        public Geometry Columns { get; } = columns;
        public Gather Gather { get; set; }
        public List<Tile> Tiles { get; } = [];
        public int Strip { get; set; }
        public int Strips { get; set; }
        public int First { get; set; }

        /// <summary>Whether rows follow each other without a gap, in scratch and in the output, as of a 1x1 kernel of stride 2 or where they are short: tiles then do not end with them.</summary>
        public bool OneRow { get; set; }

        /// <summary>Of the gathered rows; the products of their pixels follow, and at <see cref="RoomAt"/> scaled weights.</summary>
        public long ScratchSize { get; set; }

        public long RoomAt { get; set; }

        /// <summary>Floats of the longest weights of a tile.</summary>
        public long Most { get; set; }
    }

    /// <param name="Weights">Where its packed weights begin.</param>
    /// <param name="Terms">The input channel and the tap of each row of packed weights.</param>
    /// <param name="Kernel">How they are packed; null where a tile's output channels are of several groups, or lie side by side anyway.</param>
    private sealed record Tile(OutTile Part, long Weights, (int Channel, int Tap)[] Terms, WeightRows? Kernel, DenseSum Sum) : OutTile(Part);
}
