using System.Runtime.CompilerServices;

namespace Tenfold.Kernels;

/// <summary>A few rows of outputs of one plane, and the rows of inputs that they read.</summary>
internal unsafe struct PlaneRows
{
    /// <summary>The row of inputs before those of the outputs, these, and the one behind them: zeros where the map ends.</summary>
    public float* Above;
    public float* X;
    public float* Below;

    /// <summary>Nine weights.</summary>
    public float* W;

    public float* Y;

    /// <summary>Columns, of inputs and outputs.</summary>
    public int Row;

    public float* Bias;
    public float Low;
    public float High;
}

/// <summary>Depthwise convolution 3x3 of stride 1, padded by 1, of maps in plain order, whose rows are read where they lie: what <see cref="PlaneConvolution"/> computes of rows that it copies between
/// zeros first, which takes a quarter of its time.</summary>
internal sealed unsafe class PlaneRowConvolution : ConvolutionKernel
{
    private const int ItemMacs = 192 * 1024;
    private const int MostRows = 8; // of a tile

    private readonly DenseShape _shape;
    private readonly int _strip, _strips, _channels, _shares; // rows of an item, channels of an item

    public PlaneRowConvolution(DenseShape shape)
    {
        _shape = shape;
        var (height, width) = shape.OutPlane;
        _strip = Math.Min(height, Math.Max(1, ItemMacs / (9 * width * MostRows)) * MostRows);
        _strips = (height + _strip - 1) / _strip;
        _channels = Math.Clamp(ItemMacs / (9 * width * _strip), 1, shape.Out);
        _shares = (shape.Out + _channels - 1) / _channels;
        Items = checked(shape.Batch * _shares * _strips);
    }

    public override string Name => "depthwise, on planes as they lie";

    public override string Packing => $"planes {_shape.In} {_shape.Out} {_shape.KernelSize} {_shape.Groups}";

    public override int Items { get; }

    // A row of zeros, and one that is shorter than a vector.
    public override long Scratch => Zeros + Dense.Block;

    public override long PackedSize => (long)_shape.Out * 9;

    public override int PackItems => 1;

    private int Zeros => (_shape.OutPlane.Width + 2 * Dense.Block - 1) / Dense.Block * Dense.Block;

    /// <summary>With vectors of 512 bits alone, whose lanes one instruction moves.</summary>
    public static bool Takes(DenseShape shape) =>
        Simd.Width == 512 && shape is { Transposed: false, InPerGroup: 1, OutPerGroup: 1 } && shape.KernelSize is (3, 3) && shape.Stride.Area == 1 && shape.Dilation.Area == 1
        && shape.Before is (1, 1) && shape.OutPlane == shape.InPlane && shape.OutPlane.Width >= 7;

    public override void Pack(int item, float* kernel, float* scale, float* packed)
    {
        for (var o = 0; o < _shape.Out; o++)
            for (var k = 0; k < 9; k++) packed[o * 9 + k] = kernel[o * 9 + k] * (scale == null ? 1 : scale[o]);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(int item, float* x, float* packed, float* bias, in DenseEpilogue then, float* y, float* scratch)
    {
        (item, var strip) = Math.DivRem(item, _strips);
        var (n, share) = Math.DivRem(item, _shares);
        var (height, width) = _shape.OutPlane;
        var (from, to) = (strip * _strip, Math.Min(height, (strip + 1) * _strip));
        var (first, end) = (share * _channels, Math.Min(_shape.Out, (share + 1) * _channels));
        new Span<float>(scratch, Zeros).Clear();
        var tile = new PlaneRows { Row = width, Low = then.Last.Low, High = then.Last.High };
        for (var channel = first; channel < end; channel++)
        {
            var plane = ((long)n * _shape.Out + channel) * _shape.OutPlane.Area;
            tile.W = packed + channel * 9;
            tile.Bias = bias + channel;
            for (int row = from, rows; row < to; row += rows)
            {
                var left = to - row;
                rows = left > 2 * MostRows ? MostRows : left > MostRows ? (left + 1) / 2 : left;
                tile.X = x + plane + (long)row * width;
                tile.Above = row > 0 ? tile.X - width : scratch;
                tile.Below = row + rows < height ? tile.X + (long)rows * width : scratch;
                tile.Y = y + plane + (long)row * width;
                // What runs over the end of a row is written again by what follows; behind an item's last row there is what is not its own.
                if (width >= Dense.Block || row + rows < to || (channel + 1 < end && _strips == 1)) PlaneRows512.Tiles[rows - 1](tile);
                else Apart(tile, rows, scratch + Zeros);
            }
        }
    }

    private static void Apart(PlaneRows tile, int rows, float* scratch)
    {
        var (one, row) = (tile, tile.Row);
        for (var r = 0; r < rows; r++)
        {
            one.X = tile.X + (long)r * row;
            one.Above = r > 0 ? one.X - row : tile.Above;
            one.Below = r + 1 < rows ? one.X + row : tile.Below;
            one.Y = scratch;
            PlaneRows512.Tiles[0](one);
            new ReadOnlySpan<float>(scratch, row).CopyTo(new Span<float>(tile.Y + (long)r * row, row));
        }
    }
}
