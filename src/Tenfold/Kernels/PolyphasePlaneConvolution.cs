using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tenfold.Kernels;

/// <summary>A 3x3 convolution of few channels whose dilation is at least a vector wide, of maps in plain order, by Winograd's F(4x4, 3x3).
/// <code>
/// columns:  | 0 1 ... 15 | 16 17 ... 31 | 32 33 ... 47 | ...        dilation 16: sixteen interleaved convolutions,
///             a vector     its neighbour                            whose tiles are the lanes of one transform
/// </code>
/// </summary>
/// <remarks>Neighbouring columns belong to convolutions of their own, so no map changes its layout, and the products of 16 tiles are those of a panel (<see cref="PanelConvolution"/>): no lane is empty, however many channels there are.</remarks>
internal sealed unsafe class PolyphasePlaneConvolution : ConvolutionKernel
{
    private const int M = 4, Size = M + 2, Area = Size * Size, Lanes = Dense.Block;
    private const int Most = 28; // output channels of a tile of the micro-kernel
    private const int MostChannels = 64; // of inputs and of outputs: their weights stay in the second-level cache
    private const int ScratchFloats = 64 * 1024; // of an item's transformed tiles and products

    private readonly DenseShape _shape;
    private readonly Winograd _winograd = new(3, M);
    private readonly ChannelRun[] _runs; // the input channels
    private readonly int _tiles, _most, _weights; // tiles of output channels, their size, and floats of a tile's weights
    private readonly int _vectors, _across, _down; // vectors of a tile's columns, tiles along both axes
    private readonly int _all, _group; // tiles, and those of an item
    private readonly nint _vStep, _mStep; // floats from one of the 36 numbers to the next

    public PolyphasePlaneConvolution(DenseShape shape)
    {
        _shape = shape;
        _tiles = (shape.Out + Most - 1) / Most;
        _most = (shape.Out + _tiles - 1) / _tiles;
        _runs = GC.AllocateUninitializedArray<ChannelRun>(shape.InBlocks, pinned: true);
        for (var i = 0; i < _runs.Length; i++) _runs[i] = new ChannelRun { Offset = i * _most * Lanes, Channels = Math.Min(Lanes, shape.In - i * Lanes) };
        _weights = shape.InBlocks * _most * Lanes;
        _vectors = (shape.Dilation.Width + Lanes - 1) / Lanes;
        _across = Along(shape.OutPlane.Width, shape.Dilation.Width);
        _down = Along(shape.OutPlane.Height, shape.Dilation.Height);
        _all = checked(shape.Batch * shape.Dilation.Height * _down * _across * _vectors);
        _group = Math.Clamp(ScratchFloats / (Area * Lanes * (shape.In + shape.Out)), 1, 8);
        Items = (_all + _group - 1) / _group;

        // An odd number of lines, so that the numbers of one tile do not all fall into the same sets of a cache.
        _vStep = (_group * shape.In | 1) * Lanes;
        _mStep = (_group * shape.Out | 1) * Lanes;

        static int Along(int size, int dilation) => ((size + dilation - 1) / dilation + M - 1) / M;
    }

    public override string Name => "on planes, Winograd F(4x4), polyphase";

    public override string Packing => $"planes F4x4 {_shape.In} {_shape.Out}";

    public override int Items { get; }

    // V, M, both transforms, a tile whose ends are not in the map, and numbers for a panel's output channels.
    public override long Scratch => Area * ((long)_vStep + _mStep) + (2 * Area + 1) * Lanes + 2 * 32;

    public override long PackedSize => (long)Area * _tiles * _weights;

    public override int PackItems => _tiles;

    /// <summary>Where vectors are full, and tiles for the most part in the map.</summary>
    public static bool Takes(DenseShape shape) =>
        Simd.Width == 512 && shape is { Transposed: false, Groups: 1, In: >= 4 and <= MostChannels, Out: >= 4 and <= MostChannels, KernelSize: (3, 3), Stride: (1, 1) } && shape.OutPlane == shape.InPlane
        && shape.Dilation.Width >= Lanes && shape.Dilation.Width * 4 >= (shape.Dilation.Width + Lanes - 1) / Lanes * Lanes * 3 && shape.OutPlane.Width % shape.Dilation.Width == 0
        && shape.OutPlane.Width >= 3 * shape.Dilation.Width && shape.OutPlane.Height >= 3 * shape.Dilation.Height;

    /// <summary>[36][tile of output channels][block of 16 input channels][output channel][16] for one tile: U = G k G', in double.</summary>
    public override void Pack(int item, float* kernel, float* scale, float* packed)
    {
        var g = _winograd.Columns;
        for (var i = 0; i < Area; i++)
        {
            var u = packed + ((long)i * _tiles + item) * _weights;
            new Span<float>(u, _weights).Clear();
            for (var o = First(item); o < First(item + 1); o++)
                for (var c = 0; c < _shape.In; c++)
                {
                    var k = kernel + ((long)o * _shape.In + c) * 9;
                    var sum = 0.0;
                    for (var tap = 0; tap < 9; tap++) sum += g[i / Size, tap / 3] * g[i % Size, tap % 3] * k[tap];
                    u[(c / Lanes * _most + o - First(item)) * Lanes + c % Lanes] = (float)(sum * (scale == null ? 1 : scale[o]));
                }
        }
    }

    public override void Warm()
    {
        float* nothing = stackalloc float[Most * Lanes];
        new Span<float>(nothing, Most * Lanes).Clear();
        for (var tile = 0; tile < _tiles; tile++)
            Paired512.PanelAparts[First(tile + 1) - First(tile) - 1](new DenseTile { Bias = nothing, Factor = nothing, Y = nothing, YPixel = Lanes });
    }

    public override void Run(int item, float* x, float* packed, float* bias, in DenseEpilogue then, float* y, float* scratch)
    {
        var first = item * _group;
        var count = Math.Min(_group, _all - first);
        float* v = scratch, m = v + Area * _vStep, room = m + Area * _mStep;
        for (var t = 0; t < count; t++) Transform(this[first + t], x, v + t * _shape.In * Lanes, room);
        Multiply(count, v, packed, m, room);
        for (var t = 0; t < count; t++) Return(this[first + t], m + t * _shape.Out * Lanes, bias, then, y, room);
    }

    // Tiles, counted through vectors of columns, tiles of a row, tiles of a column, phases of rows and samples: the first output of lane 0.
    private (int Sample, int Row, int Column) this[int tile]
    {
        get
        {
            (tile, var vector) = Math.DivRem(tile, _vectors);
            (tile, var across) = Math.DivRem(tile, _across);
            (tile, var down) = Math.DivRem(tile, _down);
            var (n, phase) = Math.DivRem(tile, _shape.Dilation.Height);
            return (n, phase + down * M * _shape.Dilation.Height, Math.Min(vector * Lanes, _shape.Dilation.Width - Lanes) + across * M * _shape.Dilation.Width); // the last vector may overlap the one before
        }
    }

    private int First(int tile) => _shape.Out * tile / _tiles;

    // V = B' d B for all input channels of one tile.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Transform((int Sample, int Row, int Column) place, float* x, float* v, float* room)
    {
        var ((height, width), (down, across)) = (_shape.InPlane, _shape.Dilation);
        var (top, left) = (place.Row - _shape.Before.Height, place.Column - _shape.Before.Width);
        var patch = room + Area * Lanes;
        var inside = top >= 0 && top + (Size - 1) * down < height && left >= 0 && left + (Size - 1) * across + Lanes <= width;
        if (!inside) new Span<float>(patch, Area * Lanes).Clear();
        for (var c = 0; c < _shape.In; c++, v += Lanes)
        {
            var plane = x + ((long)place.Sample * _shape.In + c) * _shape.InPlane.Area;
            if (inside)
            {
                _winograd.Input(plane + (long)top * width + left, down * width, across, v, _vStep, room);
                continue;
            }

            for (var r = 0; r < Size; r++)
                for (var k = 0; k < Size; k++)
                    if (top + r * down is var row && left + k * across is var column && (uint)row < (uint)height && column >= 0 && column + Lanes <= width)
                        Vector512.Load(plane + (long)row * width + column).Store(patch + (r * Size + k) * Lanes);
            _winograd.Input(patch, Size * Lanes, Lanes, v, _vStep, room);
        }
    }

    // M[i] = V[i] U[i], i = 1 ... 36.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Multiply(int count, float* v, float* packed, float* m, float* room)
    {
        float* ones = room, zeros = room + 32;
        new Span<float>(ones, 32).Fill(1);
        new Span<float>(zeros, 32).Clear();
        var kernel = new DenseTile
        {
            Runs = _runs.Start(),
            RunCount = _runs.Length,
            Factor = ones,
            Bias = zeros,
            YPixel = Lanes,
            Low = float.NegativeInfinity,
            High = float.PositiveInfinity,
        };
        for (var i = 0; i < Area; i++)
            for (var tile = 0; tile < _tiles; tile++)
            {
                kernel.X = packed + ((long)i * _tiles + tile) * _weights;
                for (var t = 0; t < count; t++)
                {
                    kernel.W = v + i * _vStep + t * _shape.In * Lanes;
                    kernel.Y = m + i * _mStep + (t * _shape.Out + First(tile)) * Lanes;
                    Paired512.PanelAparts[First(tile + 1) - First(tile) - 1](kernel);
                }
            }
    }

    // y = A' M A and what follows, for all output channels of one tile.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Return((int Sample, int Row, int Column) place, float* m, float* bias, in DenseEpilogue then, float* y, float* room)
    {
        var ((height, width), (down, across)) = (_shape.OutPlane, _shape.Dilation);
        float* corner = room + Area * Lanes, splat = corner + Area * Lanes;
        var inside = place.Row + (M - 1) * down < height && place.Column + (M - 1) * across + Lanes <= width;
        var output = new WinogradOutput
        {
            Step = _mStep,
            Bias = splat,
            FirstLow = then.First.Low,
            FirstHigh = then.First.High,
            Low = then.Last.Low,
            High = then.Last.High,
        };
        for (var o = 0; o < _shape.Out; o++)
        {
            var to = y + ((long)place.Sample * _shape.Out + o) * _shape.OutPlane.Area + (long)place.Row * width + place.Column;
            Vector512.Create(bias[o]).Store(splat);
            output.M = m + o * Lanes;
            output.Y = inside ? to : corner;
            (output.YRow, output.YPixel) = inside ? (down * width, across) : (M * Lanes, Lanes);
            _winograd.Output(output, room);
            if (inside) continue;
            for (var r = 0; r < M && place.Row + r * down < height; r++)
                for (var k = 0; k < M && place.Column + k * across + Lanes <= width; k++) Vector512.Load(corner + (r * M + k) * Lanes).Store(to + (long)r * down * width + k * across);
        }
    }
}
