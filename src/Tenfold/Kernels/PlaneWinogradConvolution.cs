namespace Tenfold.Kernels;

/// <summary>Four rows of four output channels that read the same planes, a vector of neighbouring columns after the other, by F(4, 3) along columns.</summary>
internal unsafe struct PlaneWinogradTile
{
    /// <summary>[plane][6][column]: what output column 0 reads first.</summary>
    public float* V;
    public nint VRow, VPlane;

    /// <summary>From one tap of a row to the next.</summary>
    public nint Tap;

    public int Planes;

    /// <summary>[plane][6][3][4 output channels].</summary>
    public float* W;

    public float* Y;
    public nint YRow, YPlane;

    /// <summary>A number for each output channel.</summary>
    public float* Bias;

    /// <summary>The column at which the last vector begins; it may overlap the one before.</summary>
    public int Last;

    /// <summary>Of the four that lie in the map.</summary>
    public int Rows;

    public float Low, High;
}

/// <summary>A 3x3 convolution of stride 1 in small groups, of maps in plain order, by Winograd's F(4, 3) along columns: four rows of outputs take six multiplications for each column of the kernel in place of twelve.</summary>
/// <remarks>
/// <code>
/// six rows of each channel of a group  --B-->  V[channel][6][columns], zeros on both sides  --U, summed over channels and taps of a row-->  24 registers  --A-->  4 rows of 4 channels
/// </code>
/// Every row of V serves all output channels of the group, and the sums never leave the registers, so transforms are few: 12 operations for a vector of each input channel and 10 for one of each output channel, beside 18 multiply-adds for every pair of them.
/// </remarks>
internal sealed unsafe class PlaneWinogradConvolution : ConvolutionKernel
{
    private const int Outs = 4, Tile = 4, Size = Tile + 2;
    private const int StripTiles = 16; // tiles of rows of an item

    private readonly DenseShape _shape;
    private readonly int _margin, _row, _strips;
    private readonly (int Row, int Rows)[] _tiles; // the first row, and how many there are, Dilation.Height apart
    private readonly double[,] _kernel = Winograd.Kernel(Size, 3);

    public PlaneWinogradConvolution(DenseShape shape)
    {
        _shape = shape;
        _margin = Up(shape.Before.Width);
        _row = _margin + Up(shape.InPlane.Width) + Up(Math.Max(0, shape.OutPlane.Width + 2 * shape.Dilation.Width - shape.Before.Width - shape.InPlane.Width)) + Dense.Block;
        _tiles = [.. Tiles()];
        _strips = (_tiles.Length + StripTiles - 1) / StripTiles;
        Items = checked(shape.Batch * shape.Groups * _strips);
        Scratch = (long)shape.InPerGroup * Size * _row + Up(shape.InPlane.Width);

        static int Up(int floats) => (floats + Dense.Block - 1) / Dense.Block * Dense.Block;
    }

    public override string Name => $"groups of {_shape.InPerGroup}, on planes, Winograd F({Tile}) along columns";

    public override string Packing => $"planes F{Tile} {_shape.In} {_shape.Out} {_shape.Groups}";

    public override int Items { get; }

    public override long Scratch { get; }

    public override long PackedSize => (long)_shape.Out * _shape.InPerGroup * Size * 3;

    public override int PackItems => 1;

    /// <summary>What <see cref="PlaneConvolution"/> takes of groups, at stride 1; with 32 registers of 512 bits.</summary>
    public static bool Takes(DenseShape shape) => Simd.Width == 512 && shape.OutPerGroup > 1 && shape.Stride.Area == 1 && PlaneConvolution.Takes(shape);

    // [output channels of a tile][input channel][6][column of the kernel][output channel]
    public override void Pack(int item, float* kernel, float* scale, float* packed)
    {
        var ins = _shape.InPerGroup;
        for (var o = 0; o < _shape.Out; o++)
            for (var c = 0; c < ins; c++)
                for (var p = 0; p < Size; p++)
                    for (var j = 0; j < 3; j++)
                    {
                        var sum = 0.0;
                        for (var i = 0; i < 3; i++) sum += _kernel[p, i] * kernel[(o * ins + c) * 9 + 3 * i + j];
                        packed[(((o / Outs * ins + c) * Size + p) * 3 + j) * Outs + o % Outs] = (float)(scale == null ? sum : sum * scale[o]);
                    }
    }

    public override void Warm()
    {
        float* nothing = stackalloc float[Size * Dense.Block];
        new Span<float>(nothing, Size * Dense.Block).Clear();
        var from = stackalloc float*[Size];
        for (var i = 0; i < Size; i++) from[i] = nothing;
        PlaneWinograd512.Input(from, Dense.Block, nothing, 0);
        PlaneWinograd512.Products(new PlaneWinogradTile { V = nothing, W = nothing, Y = nothing, Bias = nothing, Rows = 1 });
    }

    public override void Run(int item, float* x, float* packed, float* bias, in DenseEpilogue then, float* y, float* scratch)
    {
        (item, var strip) = Math.DivRem(item, _strips);
        var (n, group) = Math.DivRem(item, _shape.Groups);
        var (ins, outs, width) = (_shape.InPerGroup, _shape.OutPerGroup, _shape.OutPlane.Width);
        var zeros = scratch + (long)ins * Size * _row;
        new Span<float>(scratch, (int)Scratch).Clear(); // what stands before and behind the rows stays 0
        x += ((long)n * _shape.In + group * ins) * _shape.InPlane.Area;
        y += ((long)n * _shape.Out + group * outs) * _shape.OutPlane.Area;
        var tile = new PlaneWinogradTile
        {
            V = scratch + _margin - _shape.Before.Width,
            VRow = _row,
            VPlane = Size * _row,
            Tap = _shape.Dilation.Width,
            Planes = ins,
            YRow = (nint)_shape.Dilation.Height * width,
            YPlane = _shape.OutPlane.Area,
            Last = width - Dense.Block,
            Low = then.Last.Low,
            High = then.Last.High,
        };
        var from = stackalloc float*[Size];
        for (var t = strip * StripTiles; t < Math.Min(_tiles.Length, (strip + 1) * StripTiles); t++)
        {
            (var first, tile.Rows) = _tiles[t];
            for (var c = 0; c < ins; c++)
            {
                for (var i = 0; i < Size; i++)
                {
                    var row = first - _shape.Before.Height + i * _shape.Dilation.Height;
                    from[i] = (uint)row < (uint)_shape.InPlane.Height ? x + (long)c * _shape.InPlane.Area + (long)row * _shape.InPlane.Width : zeros;
                }

                PlaneWinograd512.Input(from, _shape.InPlane.Width, scratch + (long)c * Size * _row + _margin, _row);
            }

            for (var o = 0; o < outs; o += Outs)
            {
                tile.W = packed + (long)(group * outs + o) * ins * Size * 3;
                tile.Bias = bias + group * outs + o;
                tile.Y = y + (long)o * _shape.OutPlane.Area + (long)first * width;
                PlaneWinograd512.Products(tile);
            }
        }
    }

    private IEnumerable<(int, int)> Tiles()
    {
        var (height, apart) = (_shape.OutPlane.Height, _shape.Dilation.Height);
        for (var phase = 0; phase < Math.Min(apart, height); phase++)
            for (var row = phase; row < height; row += Tile * apart) yield return (row, Math.Min(Tile, (height - row + apart - 1) / apart));
    }
}
