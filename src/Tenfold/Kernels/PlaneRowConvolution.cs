namespace Tenfold.Kernels;

/// <summary>A few rows of outputs of one plane, and the rows of inputs that they read.</summary>
internal unsafe struct PlaneRows
{
    /// <summary>The first row of inputs that the outputs read, those behind it, and the last one: zeros where the map ends.</summary>
    public float* Above;
    public float* X;
    public float* Below;

    /// <summary>Nine weights.</summary>
    public float* W;

    public float* Y;

    /// <summary>Columns of inputs and of outputs.</summary>
    public int XRow;
    public int YRow;

    public float* Bias;
    public float Low;
    public float High;
}

/// <summary>Depthwise convolution 3x3 of stride 1 or 2, padded by 1, of maps in plain order, whose rows are read where they lie: what <see cref="PlaneConvolution"/> computes of rows that it copies between
/// zeros first, which takes a quarter to a half of its time.</summary>
internal sealed unsafe class PlaneRowConvolution : ConvolutionKernel
{
    private const int ItemMacs = 192 * 1024;
    private const int LeastItems = 4;
    private const int MostRows = 8; // of a tile

    private readonly DenseShape _shape;
    private readonly int _stride, _strip, _strips, _channels, _shares; // rows of an item, channels of an item

    public PlaneRowConvolution(DenseShape shape)
    {
        (_shape, _stride) = (shape, shape.Stride.Width);
        var (height, width) = shape.OutPlane;
        _strip = Math.Min(height, Math.Max(1, ItemMacs / (9 * width * MostRows)) * MostRows);
        _strips = (height + _strip - 1) / _strip;
        _channels = Math.Clamp(Math.Min(ItemMacs / (9 * width * _strip), (shape.Batch * _strips * shape.Out + LeastItems - 1) / LeastItems), 1, shape.Out);
        _shares = (shape.Out + _channels - 1) / _channels;
        Items = checked(shape.Batch * _shares * _strips);
    }

    public override string Name => "depthwise, on planes as they lie";

    public override string Packing => $"planes {_shape.In} {_shape.Out} {_shape.KernelSize} {_shape.Groups}";

    public override int Items { get; }

    // A row of zeros, and a tile's rows where they are shorter than a vector.
    public override long Scratch => Zeros + MostRows * Dense.Block;

    public override long PackedSize => (long)_shape.Out * 9;

    public override int PackItems => 1;

    private delegate*<in PlaneRows, void>[] Tiles => _stride == 1 ? PlaneRows512.TilesBy1 : PlaneRows512.TilesBy2;

    private int Zeros => (_stride * _shape.OutPlane.Width + 3 * Dense.Block - 1) / Dense.Block * Dense.Block;

    /// <summary>With vectors of 512 bits alone, whose lanes one instruction moves.</summary>
    public static bool Takes(DenseShape shape) =>
        Simd.Width == 512 && shape is { Transposed: false, InPerGroup: 1, OutPerGroup: 1 } && shape.KernelSize is (3, 3) && shape.Stride is (1, 1) or (2, 2) && shape.Dilation.Area == 1
        && shape.Before is (1, 1) && shape.OutPlane == new Size((shape.InPlane.Height - 1) / shape.Stride.Height + 1, (shape.InPlane.Width - 1) / shape.Stride.Width + 1) && shape.OutPlane.Width >= 7;

    public override void Pack(int item, float* kernel, float* scale, float* packed)
    {
        for (var o = 0; o < _shape.Out; o++)
            for (var k = 0; k < 9; k++) packed[o * 9 + k] = kernel[o * 9 + k] * (scale == null ? 1 : scale[o]);
    }

    public override void Warm()
    {
        float* nothing = stackalloc float[2 * Dense.Block];
        new Span<float>(nothing, 2 * Dense.Block).Clear();
        var empty = new PlaneRows { Above = nothing, X = nothing, Below = nothing, W = nothing, Y = nothing + Dense.Block, Bias = nothing };
        for (var strip = 0; strip < _strips; strip += Math.Max(1, _strips - 1))
        {
            var (row, to) = Strip(strip);
            for (; row < to; row += RowsOf(to - row)) Tiles[RowsOf(to - row) - 1](empty);
        }
    }

    public override void Run(int item, float* x, float* packed, float* bias, in DenseEpilogue then, float* y, float* scratch)
    {
        (item, var strip) = Math.DivRem(item, _strips);
        var (n, share) = Math.DivRem(item, _shares);
        var (height, width) = _shape.OutPlane;
        var (xHeight, xWidth) = _shape.InPlane;
        var (tiles, (from, to)) = (Tiles, Strip(strip));
        var (first, end) = (share * _channels, Math.Min(_shape.Out, (share + 1) * _channels));
        new Span<float>(scratch, Zeros).Clear();
        var tile = new PlaneRows { XRow = xWidth, YRow = width, Low = then.Last.Low, High = then.Last.High };
        for (var channel = first; channel < end; channel++)
        {
            var plane = (long)n * _shape.Out + channel;
            tile.W = packed + channel * 9;
            tile.Bias = bias + channel;
            for (int row = from, rows; row < to; row += rows)
            {
                rows = RowsOf(to - row);
                var (place, last) = (row * _stride, (row + rows - 1) * _stride + 1);
                tile.X = x + plane * _shape.InPlane.Area + (long)place * xWidth;
                tile.Above = row > 0 ? tile.X - xWidth : scratch;
                tile.Below = last < xHeight ? tile.X + (long)(last - place) * xWidth : scratch;
                tile.Y = y + plane * _shape.OutPlane.Area + (long)row * width;
                // What runs over the end of a row is written again by what follows in the item; behind that there is what is not its own.
                var following = (long)(to - row - rows) * width + (_strips == 1 ? (long)(end - channel - 1) * height * width : 0);
                if (width + following >= Dense.Block) tiles[rows - 1](tile);
                else Apart(tile, tiles[rows - 1], rows, scratch + Zeros);
            }
        }
    }

    private (int From, int To) Strip(int strip) => (strip * _strip, Math.Min(_shape.OutPlane.Height, (strip + 1) * _strip));

    // Of the rows that are left, those of the next tile: as many in all, so that there are few kinds to compile (28 rows are four tiles of 7).
    private static int RowsOf(int left) => left / ((left + MostRows - 1) / MostRows);

    private static void Apart(PlaneRows tile, delegate*<in PlaneRows, void> kernel, int rows, float* scratch)
    {
        var (y, width) = ((nint)tile.Y, tile.YRow);
        tile.Y = scratch;
        tile.YRow = Dense.Block;
        kernel(tile);
        for (var row = 0; row < rows; row++) new ReadOnlySpan<float>(scratch + row * Dense.Block, width).CopyTo(new Span<float>((float*)y + (long)row * width, width));
    }
}
