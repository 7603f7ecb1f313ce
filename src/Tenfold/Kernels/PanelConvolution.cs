using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tenfold.Kernels;

/// <summary>Pointwise convolution, in groups or not, of maps in plain order: the micro-kernel of <see cref="DenseSum"/> with maps and weights exchanged.
/// <code>
/// panel:        | p0 p1 ... p15 |          a row for each input channel: 16 neighbouring pixels, copied as they lie
/// w[o 0][c] *   | a  a  ... a   |          every accumulator is a register: up to 28 output channels
/// w[o 1][c] *   | a  a  ... a   |
/// </code>
/// </summary>
/// <remarks>No map changes its layout, and groups of any number of output channels fill all lanes. Channels may come from several maps in any order: a row is copied from wherever it lies.
/// The panel is read once for each tile of output channels and all weights for each strip of panels, so it suits weights that stay in the second-level cache.</remarks>
internal sealed unsafe class PanelConvolution : ConvolutionKernel
{
    private const int Lanes = Dense.Block;
    private const int Most = 28; // output channels of a tile
    private const int Head = 2 * 32; // floats before a tile's weights: a factor for each output channel, and less its products of weights
    private const int StripFloats = 32 * 1024; // 128 KB of panels
    private const int LeastItems = 4;
    private const int MostWeights = 128 * 1024; // floats
    private const int MostMap = 256 * 1024; // floats

    private readonly DenseShape _shape;
    private readonly (int Map, int Channel)[] _rows; // group by group, in the order of the panel's rows
    private readonly int[] _channelsOf; // of each map
    private readonly int[] _places; // triples, behind them those that the micro-kernel asks for, and the rest
    private readonly bool _pairs;
    private readonly int _paired, _restAt, _most, _tiles, _block, _panels, _strips, _tripleCount, _runsAt, _runCount; // _panels: the most of a strip
    private readonly long _tileSize;

    /// <param name="pairs">Whether products may be computed in pairs, where that pays.</param>
    /// <param name="channels">For each input channel of the shape: which channel of which map; null for those of one map in order.</param>
    /// <param name="maps">The channels of each map.</param>
    public PanelConvolution(DenseShape shape, bool pairs, (int Map, int Channel)[]? channels = null, int[]? maps = null)
    {
        var ins = shape.InPerGroup;
        (_shape, _pairs, _channelsOf) = (shape, pairs && Simd.Pairs && ins >= 12, maps ?? [shape.In]);
        _paired = _pairs ? ins / 3 & ~1 : 0;
        (_most, _tiles) = Tiles(shape.OutPerGroup);
        _block = _most * Lanes; // a tile's weights: [block of 16 places][output channel][16]
        (_tripleCount, _restAt) = (_paired / 2, 3 * ((_paired + Lanes - 1) / Lanes));
        _runsAt = _tripleCount > 0 ? 4 * (_tripleCount + DenseSum.Soon) : 0;
        _runCount = (ins - 3 * _paired + Lanes - 1) / Lanes;
        _places = GC.AllocateArray<int>(_runsAt + 2 * _runCount, pinned: true);
        for (var i = 0; i < _runsAt; i += 4)
        {
            var pair = 2 * (i / 4 % _tripleCount);
            var at = 3 * (pair / Lanes) * _block + pair % Lanes;
            (_places[i], _places[i + 1], _places[i + 2], _places[i + 3]) = (at, at + _block, at + 2 * _block, at + 2 * _block + 1);
        }

        for (var i = 0; i < _runCount; i++) (_places[_runsAt + 2 * i], _places[_runsAt + 2 * i + 1]) = ((_restAt + i) * _block, Math.Min(Lanes, ins - 3 * _paired - i * Lanes));
        _tileSize = Head + (_restAt + (long)_runCount) * _block;

        // Rows of the panel: of each triple the second, the first and the third channel, then the rest.
        _rows = new (int, int)[shape.Groups * ins];
        for (var row = 0; row < _rows.Length; row++)
        {
            var (group, k) = Math.DivRem(row, ins);
            var channel = group * ins + (k >= 3 * _paired ? k : (k % 3) switch { 0 => _paired, 1 => 0, _ => 2 * _paired } + k / 3);
            _rows[row] = channels is null ? (0, channel) : channels[channel];
        }

        // Strips are long: each reads its weights anew. Of two panels at least, where there are so many, for a map's last panel may begin in the one before.
        var all = Panels(shape);
        var most = Math.Clamp(StripFloats / (ins * Lanes), 1, all);
        _strips = Math.Clamp(Math.Max((all + most - 1) / most, (LeastItems - 1) / (shape.Batch * shape.Groups) + 1), 1, Math.Max(1, all / 2));
        _panels = (all + _strips - 1) / _strips;
        Items = checked(shape.Batch * _strips * shape.Groups);
    }

    public override string Name => $"pointwise{(_pairs ? ", in pairs" : "")}, on planes";

    public override string Packing => $"panels {_shape.In} {_shape.Out} {_shape.Groups}{(_pairs ? $" pairs {Magnitude}" : "")}";

    public override bool Activates => true;

    public override int Items { get; }

    // Panels, what their sums begin with, factors and biases.
    public override long Scratch => (long)_panels * (_shape.InPerGroup + 1) * Lanes + 64;

    public override long PackedSize => _shape.Groups * _tiles * _tileSize;

    public override int PackItems => _shape.Groups * _tiles;

    /// <summary>Enough output channels for a tile, pixels of which few are computed twice (at 14x14 one in sixteen), weights that stay in the second-level cache beside them; and, of larger maps,
    /// as many output channels as input channels: rows of many planes are read more slowly than two changes of layout read them.</summary>
    public static bool Takes(DenseShape shape) =>
        Simd.Width == 512 && shape is { Pointwise: true, Transposed: false, OutPerGroup: >= 12 }
        && shape.OutPlane.Area >= Lanes && Panels(shape) * Lanes * 15L <= shape.OutPlane.Area * 16L
        && (long)shape.In * shape.OutPerGroup <= MostWeights
        && (shape.Groups > 1 || (long)shape.In * shape.OutPlane.Area <= MostMap || shape.OutPerGroup >= shape.InPerGroup);

    /// <summary>Whether fewer numbers are computed than in blocks of 16 output channels: 58 of 64 lanes are channels there, and 784 of 784 pixels here.</summary>
    public static bool FillsMore(DenseShape shape) => (long)shape.Out * Panels(shape) < (long)shape.OutBlocks * shape.OutPlane.Area;

    /// <summary>Tile <paramref name="item"/>: factors, products of weights, and weights scaled to the size of the map's numbers.</summary>
    public override void Pack(int item, float* kernel, float* scale, float* packed)
    {
        var (group, tile) = Math.DivRem(item, _tiles);
        var (first, end) = Outputs(tile);
        var ins = _shape.InPerGroup;
        float* factors = packed + item * _tileSize, products = factors + 32, w = factors + Head;
        new Span<float>(factors, checked((int)_tileSize)).Clear();
        for (var o = 0; o < end - first; o++)
        {
            var channel = group * _shape.OutPerGroup + first + o;
            var from = kernel + (long)channel * ins;
            var (by, squares) = (scale == null ? 1 : scale[channel], 0.0);
            for (var c = 0; c < ins; c++) squares += (double)(from[c] * by) * (from[c] * by);
            factors[o] = _pairs ? DenseSum.FactorOf((float)Math.Sqrt(squares / ins) / Magnitude) : 1;
            if (factors[o] != 0) by /= factors[o];
            var sum = 0.0;
            for (var i = 0; i < _paired; i++)
            {
                float a = from[i] * by, b = from[_paired + i] * by;
                sum += i % 2 == 0 ? -(double)a * b : (double)a * b;
                var at = w + 3 * (i / Lanes) * _block + o * Lanes + i % Lanes;
                (at[0], at[_block], at[2 * _block]) = (a, b, from[2 * _paired + i] * by);
            }

            products[o] = (float)sum;
            for (var k = 3 * _paired; k < ins; k++) w[(_restAt + (k - 3 * _paired) / Lanes) * _block + o * Lanes + (k - 3 * _paired) % Lanes] = from[k] * by;
        }
    }

    public override void Warm()
    {
        float* nothing = stackalloc float[Most * Lanes];
        new Span<float>(nothing, Most * Lanes).Clear();
        Lay(null, 0, nothing, nothing);
        for (var tile = 0; tile < _tiles; tile++)
        {
            var outs = Outputs(tile).End - Outputs(tile).First;
            var empty = new DenseTile { Bias = nothing, Factor = nothing, Start = nothing, Products = nothing, Y = nothing, YPixel = Lanes };
            (_paired > 0 ? Paired512.Panels : Paired512.PanelAparts)[outs - 1](empty);
        }
    }

    public override void Run(int item, float* x, float* packed, float* bias, in DenseEpilogue then, float* y, float* scratch) => Run(item, &x, packed, bias, then, y, scratch);

    /// <param name="x">The maps.</param>
    public void Run(int item, float** x, float* packed, float* bias, in DenseEpilogue then, float* y, float* scratch)
    {
        (item, var group) = Math.DivRem(item, _shape.Groups);
        var (n, strip) = Math.DivRem(item, _strips);
        var (ins, area, all) = (_shape.InPerGroup, _shape.OutPlane.Area, Panels(_shape));
        var from = (int)((long)all * strip / _strips) * Lanes;
        var pixels = Math.Min(area, (int)((long)all * (strip + 1) / _strips) * Lanes) - from;
        float* starts = scratch + (long)_panels * ins * Lanes, factors = starts + _panels * Lanes, biases = factors + 32;
        var rows = stackalloc float*[ins];
        for (var k = 0; k < ins; k++)
        {
            var (map, channel) = _rows[group * ins + k];
            rows[k] = x[map] + ((long)n * _channelsOf[map] + channel) * area + from;
        }

        var exponent = Lay(rows, pixels, scratch, starts);
        for (var t = 0; t < _tiles; t++)
        {
            var (first, end) = Outputs(t);
            var o = group * _shape.OutPerGroup + first;
            var weights = packed + (group * _tiles + t) * _tileSize;
            var tile = then.Tile(bias + o, 1, 0, area);
            tile.X = weights + Head;
            tile.Triples = (DenseTriples*)_places.Start();
            tile.TripleCount = _tripleCount;
            tile.Runs = (ChannelRun*)(_places.Start() + _runsAt);
            tile.RunCount = _runCount;
            tile.Products = weights + 32;
            tile.Factor = weights;
            if (then.Gate != null || exponent is not (null or 0))
            {
                var by = MathF.ScaleB(1, exponent ?? 0);
                for (var r = 0; r < end - first; r++)
                {
                    var gate = then.Gate == null ? 1 : then.Gate[(long)n * _shape.Out + o + r];
                    (factors[r], biases[r]) = (weights[r] * by * gate, bias[o + r] * gate);
                }

                tile.Factor = factors;
                tile.Bias = biases;
            }

            var kernel = (exponent is null ? Paired512.PanelAparts : Paired512.Panels)[end - first - 1];
            var panel = scratch;
            for (var p = 0; p < pixels; p += Lanes, panel += ins * Lanes)
            {
                var at = ((long)n * _shape.Out + o) * area + from + First(p, pixels);
                tile.TripleW = panel;
                tile.W = panel + 3 * _paired * Lanes;
                tile.Start = starts + p;
                tile.Y = y + at;
                tile.Add = then.Add == null ? null : then.Add + at;
                kernel(tile);
                then.Activation?.Apply(tile.Y, 1, 0, end - first, area);
            }
        }
    }

    private static int Panels(DenseShape shape) => (shape.OutPlane.Area + Lanes - 1) / Lanes;

    // The first pixel of a panel: the last panel of a map that ends within it begins earlier, so some pixels are computed twice.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int First(int pixel, int pixels) => Math.Min(pixel, pixels - Lanes);

    // Tiles of one size and a last one of what is left, so that there are few kinds to compile: of 28, 24 or 20 output channels, as that leaves the least empty.
    private static (int Most, int Count) Tiles(int outs)
    {
        var (most, count) = (Math.Min(outs, Most), (outs + Most - 1) / Most);
        for (var fewer = Most - 4; fewer >= 20 && outs > Most; fewer -= 4)
            if ((outs + fewer - 1) / fewer is var tiles && tiles * fewer < count * most) (most, count) = (fewer, tiles);
        return (most, count);
    }

    private (int First, int End) Outputs(int tile) => (tile * _most, Math.Min(_shape.OutPerGroup, (tile + 1) * _most));

    // Copies a group's rows to panels, those of second pairs negated as the micro-kernel wants them, and for each pixel less its products in pairs.
    // Numbers much larger or smaller than expected are scaled; the exponent says by what. Null if each product must be computed by itself: for zeros, infinities and what is no number.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int? Lay(float** rows, int pixels, float* to, float* starts)
    {
        var ins = _shape.InPerGroup;
        var squares = Vector512<float>.Zero;
        var at = to;
        var count = 0;
        for (; count < pixels; count += Lanes, at += ins * Lanes)
        {
            var p = First(count, pixels);
            var start = Vector512<float>.Zero;
            var k = 0;
            for (; k < 3 * _paired; k += 6)
            {
                var (b0, a0) = (Vector512.Load(rows[k] + p), Vector512.Load(rows[k + 1] + p));
                var (b1, a1) = (Vector512.Load(rows[k + 3] + p), Vector512.Load(rows[k + 4] + p));
                start += a1 * b1 - a0 * b0;
                squares += a0 * a0 + b0 * b0 + (a1 * a1 + b1 * b1);
                b0.Store(at + k * Lanes);
                a0.Store(at + (k + 1) * Lanes);
                Vector512.Load(rows[k + 2] + p).Store(at + (k + 2) * Lanes);
                b1.Store(at + (k + 3) * Lanes);
                (-a1).Store(at + (k + 4) * Lanes);
                Vector512.Load(rows[k + 5] + p).Store(at + (k + 5) * Lanes);
            }

            for (; k < ins; k++) Vector512.Load(rows[k] + p).Store(at + k * Lanes);
            start.Store(starts + count);
        }

        if (_paired == 0) return null;
        var exponent = DenseSum.ExponentOf(Vector512.Sum(squares) / (2f * _paired * count) / (Magnitude * Magnitude));
        if (exponent is null or 0) return exponent;
        var by = Vector512.Create(MathF.ScaleB(1, -exponent.Value));
        for (var p = 0; p < count; p += Lanes) (Vector512.Load(starts + p) * by * by).Store(starts + p);
        for (var row = to; row < at; row += Lanes) (Vector512.Load(row) * by).Store(row);
        return exponent;
    }
}
