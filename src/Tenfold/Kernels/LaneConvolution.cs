using System.Numerics;
using System.Runtime.CompilerServices;

namespace Tenfold.Kernels;

/// <summary>A few neighbouring outputs of one block of 16 channels, each of which reads a channel of its own.
/// <code>
/// x: | q0 | q1 | q2 | q3 | q4 |      outputs 0, 1, 2 of a 3 wide kernel: every column is loaded once
/// y:  a0 = q0 w0 + q1 w1 + q2 w2,  a1 = q1 w0 + q2 w1 + q3 w2,  ...
/// </code>
/// </summary>
internal unsafe struct LaneTile
{
    /// <summary>Where the first output's window begins, which may be outside the map by <see cref="From"/> columns.</summary>
    public float* X;

    /// <summary>[plane][row][column][16].</summary>
    public float* W;

    public float* Y;
    public float* Add;
    public float* Bias;

    /// <summary>The columns of the tile, counted from <see cref="X"/> on, that lie in the map.</summary>
    public int From;
    public int To;

    public int Rows;

    /// <summary>Of a kernel for whole rows: the outputs of a row, the rows, whose outputs follow each other, and floats from what one reads to what the next does.</summary>
    public int Count;
    public int Lines;
    public int XLine;

    public int Planes;
    public int XRow;
    public int XPlane;
    public int WPlane;
    public int YPixel;
    public float FirstLow;
    public float FirstHigh;
    public LaneLast Last;
    public float Low;
    public float High;
}

/// <summary>What is done to a sum before it is stored.</summary>
internal enum LaneLast
{
    /// <summary>Nothing.</summary>
    Free,

    /// <summary>Kept between Low and High.</summary>
    Bounded,

    /// <summary>x min(max(x / 6 + 1 / 2, 0), 1), so cheap that storing it twice would cost more.</summary>
    HardSwish,
}

/// <summary>The share of some rows of pixels in the gradient of a row of weights.</summary>
internal unsafe struct LaneOuter
{
    public float* X;
    public float* Dy;

    /// <summary>[column][16], read and written.</summary>
    public float* Sum;

    public int XRow;
    public int DyRow;
    public int Rows;
    public int Pixels;
}

/// <summary>Depthwise convolution, transposed or not, and convolution in groups of few channels, of any kernel, stride and dilation.</summary>
internal sealed unsafe class LaneConvolution : ConvolutionKernel
{
    private const int ScratchFloats = 48 * 1024; // expanded planes stay in the second-level cache
    private const int LinesFloats = 6 * 1024; // 24 KB: what one part of the lanes reads and writes is in the first-level cache for the next

    private readonly DenseShape _shape;
    private readonly LaneMap _map;
    private readonly Phase[] _phases;
    private readonly bool _winograd;

    /// <param name="winograd">Whether products may be left out, where that pays.</param>
    public LaneConvolution(DenseShape shape, LaneMap map, bool winograd = false)
    {
        (_shape, _map) = (shape, map);
        var phases = new List<Phase>();
        foreach (var rows in shape.Rows)
            foreach (var columns in shape.Columns) phases.Add(new Phase(new LaneAxis(rows, shape.InPlane.Height), new LaneAxis(columns, shape.InPlane.Width)));
        _winograd = winograd && map.Whole && phases.Count == 1 && LaneWinograd.Takes(phases[0].Rows, phases[0].Columns, shape.InPlane);
        long packed = 0;
        foreach (var phase in phases)
        {
            var rows = phase.Rows.Geometry;
            phase.Parts = PartsOf(phase.Columns, shape.InPlane.Width);
            phase.Strip = rows.Count;
            long Expanded() => map.Whole ? 0 : (long)map.Planes * rows.Span(phase.Strip) * shape.InPlane.Width * Dense.Block;
            while (phase.Strip > 1 && Expanded() > ScratchFloats) phase.Strip = (phase.Strip + 1) / 2;
            phase.Strip = Math.Min(phase.Strip, Strips.Of(rows.Count, shape.Batch, shape.OutBlocks * phases.Count, map.Whole ? 4 : 1).Height); // rows that strips share would be expanded twice
            if (_winograd) phase.Strip = (phase.Strip + 1) / 2 * 2; // whole tiles
            phase.Strips = (rows.Count + phase.Strip - 1) / phase.Strip;
            (phase.First, phase.Weights) = (Items, packed);
            Items += checked(shape.Batch * shape.OutBlocks * phase.Strips);
            Scratch = Math.Max(Scratch, Expanded());
            packed += shape.OutBlocks * WeightsOfBlock(phase);
        }

        _phases = [.. phases];
        PackedSize = packed;
    }

    public override string Name => _winograd ? "depthwise, Winograd F(2) along columns" : !_map.Whole ? $"lanes across groups, {_map.Planes} planes"
        : _phases.All(phase => phase.Columns.Regular || phase.Columns.Apart) ? "depthwise, tiles" : "depthwise, any taps";

    /// <summary>Whether each channel is convolved for itself, in tiles that share what they load.</summary>
    public static bool InTiles(DenseShape shape) => LaneMap.Of(shape) is { Whole: true } && shape.Columns.All(columns => new LaneAxis(columns, shape.InPlane.Width).Regular);

    public override string Packing => (_shape.Transposed ? $"lanes {_shape}" : $"lanes {_shape.In} {_shape.Out} {_shape.KernelSize} {_shape.Groups}") + (_winograd ? " F2" : "");

    public override bool Activates => true;

    public override int Items { get; }

    public override long Scratch { get; }

    public override long PackedSize { get; }

    public override int PackItems => _shape.OutBlocks;

    private long WeightsOfBlock(Phase phase) => _winograd ? LaneWinograd.Packed : (long)_map.Planes * phase.Rows.Taps * phase.Columns.Taps * Dense.Block;

    public override void Warm()
    {
        if (_winograd)
        {
            LaneWinograd.Warm();
            return;
        }

        float* nothing = stackalloc float[9 * Dense.Block];
        new Span<float>(nothing, 9 * Dense.Block).Clear();
        var tile = new LaneTile { W = nothing, Bias = nothing, Y = nothing };
        foreach (var phase in _phases)
        {
            var whole = WholeRows(phase);
            if (whole != null)
            {
                for (var rows = 0; rows < phase.Rows.Taps; rows++) whole[rows](tile);
                continue;
            }

            var (tiles, _) = Tiles(phase.Columns);
            foreach (var part in phase.Parts) tiles![part.Outputs - 1](tile);
        }
    }

    public override void Pack(int block, float* kernel, float* scale, float* packed)
    {
        foreach (var phase in _phases)
        {
            var w = packed + phase.Weights + block * WeightsOfBlock(phase);
            var taps = phase.Rows.Taps * phase.Columns.Taps * Dense.Block;
            for (var lane = 0; lane < Dense.Block; lane++)
            {
                var o = block * Dense.Block + lane;
                var factor = scale == null || o >= _shape.Out ? 1 : scale[o];
                for (var plane = 0; plane < _map.Planes; plane++)
                {
                    var from = o >= _shape.Out ? -1 : _shape.Weight(o, o / _shape.OutPerGroup * _shape.InPerGroup + plane);
                    var to = w + plane * taps + lane;
                    for (var i = 0; i < phase.Rows.Taps; i++)
                        for (var j = 0; j < phase.Columns.Taps; j++, to += Dense.Block)
                            *to = from < 0 ? 0 : kernel[from + phase.Rows.Tap(i) * _shape.KernelSize.Width + phase.Columns.Tap(j)] * factor;
                }
            }

            if (_winograd) LaneWinograd.Pack(w);
        }
    }

    public override void Run(int item, float* x, float* packed, float* bias, in DenseEpilogue then, float* y, float* scratch) => Run(item, x, packed, bias, then, y, null, scratch);

    /// <summary>How many sums of 16 lanes there are for each block of a sample's channels; 0 where rows are not whole.</summary>
    public int Sums => _phases.Length == 1 ? _phases[0].Strips : 0;

    /// <param name="sums">[batch][block][strip][16]: the sums of what was stored. Null for none.</param>
    public void Run(int item, float* x, float* packed, float* bias, in DenseEpilogue then, float* y, float* sums, float* scratch)
    {
        var p = _phases.Length - 1;
        while (item < _phases[p].First) p--;
        var phase = _phases[p];
        var (place, block) = Math.DivRem(item - phase.First, _shape.OutBlocks);
        var (n, strip) = Math.DivRem(place, phase.Strips);
        var source = x + ((long)n * _shape.InBlocks + (_map.Whole ? block : 0)) * _shape.InPlane.Area * Dense.Block;
        var plane = (long)n * _shape.OutBlocks + block;
        if (sums != null) sums += (plane * phase.Strips + strip) * Dense.Block;
        Rows(phase, block, strip * phase.Strip, Math.Min(phase.Rows.Geometry.Count, (strip + 1) * phase.Strip), source, packed, bias, then,
            plane * _shape.OutPlane.Area * Dense.Block, 0, y, sums, scratch);
    }

    /// <summary>Some rows of one block of channels of a depthwise convolution that is not transposed.</summary>
    /// <param name="plane">Where the first row of the map's block is, or would be.</param>
    /// <param name="y">Where the first of the rows goes.</param>
    public void RunRows(int block, int from, int to, float* plane, in DenseLayer layer, float* y) =>
        Rows(_phases[0], block, from, to, plane, layer.Packed, layer.Bias, layer.Then, 0, from, y, null, null);

    /// <summary>The rows of the map that some rows read.</summary>
    public (int From, int To) Reads(int from, int to) => Reads(_phases[0].Rows, from, to);

    private (int From, int To) Reads(LaneAxis rows, int from, int to)
    {
        var top = Math.Clamp(rows.Place(from), 0, _shape.InPlane.Height);
        return (top, Math.Clamp(rows.Place(to - 1) + (rows.Taps - 1) * rows.Step + 1, top, _shape.InPlane.Height));
    }

    // Source is the block's plane, or all planes where lanes are spread; row `first` of the outputs lies `outPlane` floats into y.
    private void Rows(Phase phase, int block, int from, int to, float* source, float* packed, float* bias, in DenseEpilogue then, long outPlane, int first, float* y, float* sums, float* scratch)
    {
        var (rows, columns) = (phase.Rows, phase.Columns);
        var (width, plane) = (_shape.InPlane.Width * Dense.Block, (long)_shape.InPlane.Area * Dense.Block);
        var tile = new LaneTile
        {
            Bias = bias + block * Dense.Block,
            Planes = _map.Planes,
            XRow = rows.Step * width,
            WPlane = rows.Taps * columns.Taps * Dense.Block,
            YPixel = columns.Geometry.OutStride * Dense.Block,
            FirstLow = then.First.Low,
            FirstHigh = then.First.High,
            Last = (columns.Regular || columns.Apart) && then.Activation?.Is<HardSwishOf>() == true ? LaneLast.HardSwish
                : then.Last is (float.NegativeInfinity, float.PositiveInfinity) ? LaneLast.Free : LaneLast.Bounded,
            Low = then.Last.Low,
            High = then.Last.High,
        };
        var activation = tile.Last == LaneLast.HardSwish ? null : then.Activation;
        var weights = packed + phase.Weights + block * WeightsOfBlock(phase);
        if (sums != null) new Span<float>(sums, Dense.Block).Clear();
        if (!_map.Whole)
        {
            var (top, last) = Reads(rows, from, to);
            tile.XPlane = (last - top) * width;
            for (var k = 0; k < _map.Planes; k++)
            {
                var (inBlock, lanes) = _map.Source(block, k);
                LaneMove.Permute(source + inBlock * plane + (long)top * width, lanes, scratch + (long)k * tile.XPlane, (last - top) * _shape.InPlane.Width, add: false);
            }

            source = scratch - (long)top * width;
        }

        var outWidth = (long)_shape.OutPlane.Width * Dense.Block;
        var (tiles, apart) = Tiles(columns);
        var (count, pixel, parts) = (columns.Geometry.Count, tile.YPixel, phase.Parts);
        tile.YPixel *= apart;
        var lines = Math.Max(1, LinesFloats / (rows.Geometry.InStride * width + (int)outWidth));
        if (_winograd)
        {
            lines = Math.Max(2, lines / 2 * 2);
            for (var t = from; t < to; t += lines)
            {
                var (at, together) = (outPlane + (t - first) * outWidth, Math.Min(lines, to - t));
                LaneWinograd.Run(new LaneRows
                {
                    X = source,
                    XRow = width,
                    Map = _shape.InPlane,
                    Top = rows.Place(t),
                    Left = columns.Place(0),
                    Rows = together,
                    Columns = count,
                    W = weights,
                    Bias = tile.Bias,
                    Y = y + at,
                    Add = then.Add == null ? null : then.Add + at,
                    First = then.First,
                    Last = tile.Last,
                    Bounds = then.Last,
                });
                Finish(at, together);
            }

            return;
        }

        var wholeRows = then.Add == null ? WholeRows(phase) : null;
        for (var t = from; t < to; t++)
        {
            var (i, end) = rows.Inside(t);
            tile.Rows = end - i;
            tile.W = weights + (long)i * columns.Taps * Dense.Block;
            var row = source + (rows.Place(t) + (long)i * rows.Step) * width;
            var at = outPlane + (rows.Geometry.OutStart + (long)(t - first) * rows.Geometry.OutStride) * outWidth + columns.Geometry.OutStart * Dense.Block;
            if (tiles == null)
            {
                Any(ref tile, columns, row, then.Add == null ? null : then.Add + at, y + at);
                Finish(at, 1);
                continue;
            }

            if (wholeRows != null && tile.Rows > 0)
            {
                var place = columns.Place(0);
                tile.X = row + place * Dense.Block;
                (tile.From, tile.To, tile.Count) = (-place, _shape.InPlane.Width - place, count);
                tile.Y = y + at;
                tile.XLine = rows.Geometry.InStride * width;
                for (tile.Lines = 1; t + 1 < to && tile.Lines < lines && rows.Inside(t + 1) == (i, end); t++) tile.Lines++;
                wholeRows[tile.Rows - 1](tile);
                Finish(at, tile.Lines);
                continue;
            }

            for (var p = 0; p < parts.Length; p++)
            {
                ref readonly var part = ref parts[p];
                tile.X = row + part.X;
                (tile.From, tile.To) = (part.From, part.To);
                tile.Y = y + at + part.Y;
                tile.Add = then.Add == null ? null : then.Add + at + part.Y;
                tiles[part.Outputs - 1](tile);
            }

            Finish(at, 1);
        }

        // While the rows are in the first-level cache.
        void Finish(long at, int lines)
        {
            activation?.Apply(y + at, 1, 0, lines * count, pixel);
            if (sums != null) Lanes.Sum(y + at, lines * count, sums, add: true);
        }
    }

    // Where all weights of a kernel fit the registers beside few sums, and a row has at most one column outside the map on either side; else null.
    private delegate*<in LaneTile, void>[]? WholeRows(Phase phase)
    {
        var (rows, columns) = (phase.Rows, phase.Columns);
        if (Simd.Width == 512 || _shape.Transposed || !_map.Whole || !columns.Regular || columns.Taps != 3 || rows.Taps > 3) return null;
        var last = columns.Place(columns.Geometry.Count - 1) + 3 - _shape.InPlane.Width;
        return columns.Place(0) is not (0 or -1) || last > 1 ? null : columns.Geometry.InStride == 1 ? LaneAny.Rows3By1 : LaneAny.Rows3By2;
    }

    // The tiles of a row of outputs; none where no tile has such taps.
    private static Part[] PartsOf(LaneAxis columns, int width)
    {
        var (tiles, apart) = Tiles(columns);
        var (count, pixel) = (columns.Geometry.Count, columns.Geometry.OutStride * Dense.Block);
        var (sides, all, next) = (tiles == null ? 0 : Math.Min(apart, count), 0, 0);
        for (var side = 0; side < sides; side++) all += Segments(Outputs(side));
        var parts = new Part[all];
        for (var side = 0; side < sides; side++)
        {
            var (outputs, segments) = (Outputs(side), Segments(Outputs(side)));
            for (var segment = 0; segment < segments; segment++)
            {
                var start = outputs * segment / segments;
                var first = side + start * apart;
                var place = columns.Place(first);
                parts[next++] = new Part(place * Dense.Block, (-place + apart - 1) / apart, (width - place + apart - 1) / apart, first * pixel, outputs * (segment + 1) / segments - start);
            }
        }

        return parts;

        int Outputs(int side) => (count - side + apart - 1) / apart;
    }

    // Into how many tiles a row of outputs falls.
    private static int Segments(int outputs)
    {
        var most = Simd.Width == 512 ? 14 : 8;
        return (outputs + most - 1) / most;
    }

    // By the number of outputs, less 1, and how far apart these are; null where no tile has such taps.
    private static (delegate*<in LaneTile, void>[]? Tiles, int Apart) Tiles(LaneAxis columns) =>
        columns.Regular ? (Tiles(columns.Taps, columns.Geometry.InStride), 1)
        : columns.Apart ? (Simd.Width == 512 ? Lane512.Tiles3Apart : LaneAny.Tiles3Apart, columns.Step)
        : (null, 1);

    private static delegate*<in LaneTile, void>[] Tiles(int taps, int stride) => Simd.Width == 512
        ? (taps, stride) switch
        {
            (1, 1) => Lane512.Tiles1By1,
            (2, 1) => Lane512.Tiles2By1,
            (3, 1) => Lane512.Tiles3By1,
            (4, 1) => Lane512.Tiles4By1,
            (5, 1) => Lane512.Tiles5By1,
            (7, 1) => Lane512.Tiles7By1,
            (3, 2) => Lane512.Tiles3By2,
            (5, 2) => Lane512.Tiles5By2,
            _ => Lane512.Tiles7By2,
        }
        : (taps, stride) switch
        {
            (1, 1) => LaneAny.Tiles1By1,
            (2, 1) => LaneAny.Tiles2By1,
            (3, 1) => LaneAny.Tiles3By1,
            (4, 1) => LaneAny.Tiles4By1,
            (5, 1) => LaneAny.Tiles5By1,
            (7, 1) => LaneAny.Tiles7By1,
            (3, 2) => LaneAny.Tiles3By2,
            (5, 2) => LaneAny.Tiles5By2,
            _ => LaneAny.Tiles7By2,
        };

    // One row of outputs with any taps: four at a time where all of them lie in the map.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Any(ref LaneTile tile, LaneAxis columns, float* row, float* add, float* y)
    {
        var (outStep, tapStep) = (columns.Geometry.InStride * Dense.Block, columns.Step * Dense.Block);
        var (whole, wholeEnd) = columns.Whole;
        for (var t = 0; t < columns.Geometry.Count;)
        {
            var four = t >= whole && t + 4 <= wholeEnd;
            var (from, to) = columns.Inside(t);
            var x = row + columns.Place(t) * (long)Dense.Block;
            for (var lane = 0; lane < Dense.Block; lane += Vector<float>.Count)
            {
                var a0 = Vector.Load(tile.Bias + lane);
                var (a1, a2, a3) = (a0, a0, a0);
                for (var plane = 0; plane < tile.Planes; plane++)
                    for (var i = 0; i < tile.Rows; i++)
                    {
                        var s = x + (long)plane * tile.XPlane + (long)i * tile.XRow + lane;
                        var w = tile.W + (long)plane * tile.WPlane + (long)i * columns.Taps * Dense.Block + lane;
                        if (four)
                            for (var j = 0; j < columns.Taps; j++, s += tapStep, w += Dense.Block)
                            {
                                var weight = Vector.Load(w);
                                a0 = Vector.MultiplyAddEstimate(Vector.Load(s), weight, a0);
                                a1 = Vector.MultiplyAddEstimate(Vector.Load(s + outStep), weight, a1);
                                a2 = Vector.MultiplyAddEstimate(Vector.Load(s + 2 * outStep), weight, a2);
                                a3 = Vector.MultiplyAddEstimate(Vector.Load(s + 3 * outStep), weight, a3);
                            }
                        else
                            for (var j = from; j < to; j++) a0 = Vector.MultiplyAddEstimate(Vector.Load(s + j * tapStep), Vector.Load(w + j * Dense.Block), a0);
                    }

                Put(tile, a0, add, y, lane);
                if (!four) continue;
                Put(tile, a1, add == null ? null : add + tile.YPixel, y + tile.YPixel, lane);
                Put(tile, a2, add == null ? null : add + 2 * tile.YPixel, y + 2 * tile.YPixel, lane);
                Put(tile, a3, add == null ? null : add + 3 * tile.YPixel, y + 3 * tile.YPixel, lane);
            }

            var done = four ? 4 : 1;
            t += done;
            y += done * tile.YPixel;
            if (add != null) add += done * tile.YPixel;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(in LaneTile tile, Vector<float> value, float* add, float* y, int lane)
    {
        if (add != null) value = Vector.MinNative(new Vector<float>(tile.FirstHigh), Vector.MaxNative(new Vector<float>(tile.FirstLow), value)) + Vector.Load(add + lane);
        Vector.MinNative(new Vector<float>(tile.High), Vector.MaxNative(new Vector<float>(tile.Low), value)).Store(y + lane);
    }

    /// <summary>A tile of a row: floats from the row to its first window and to its first output, the columns of its windows that lie in the map, and how many outputs it has.</summary>
    private readonly record struct Part(int X, int From, int To, int Y, int Outputs);

    private sealed class Phase(LaneAxis rows, LaneAxis columns)
    {
        public LaneAxis Rows { get; } = rows;
        public LaneAxis Columns { get; } = columns;

        /// <summary>The tiles of a row: divisions between two rows would cost more than a third of a short one.</summary>
        public Part[] Parts { get; set; } = [];

        public int Strip { get; set; }
        public int Strips { get; set; }
        public int First { get; set; }

        /// <summary>Where its packed weights begin: [block][plane][row][column][16], or [block] as <see cref="LaneWinograd"/> packs them.</summary>
        public long Weights { get; set; }
    }
}
