namespace Tenfold.Kernels;

/// <summary>A 3x3 convolution of stride 1 in groups of few channels, by Winograd's F(4, 3) along rows: four outputs of a row take six multiplications for each row of the kernel in place of twelve.</summary>
/// <remarks>
/// <code>
/// x[row]  six pixels  --B-->  V[0 ... 5][row]  --three rows of U, summed over the lanes of a group-->  M[0 ... 5][row]  --A-->  four pixels of y[row]
/// </code>
/// The numbers of one kind lie below one another, so that the micro-kernel runs down a column of them with its weights in registers. In two dimensions, F(4x4), the multiplications would fall by half
/// again, to a quarter; but with few channels it is the transforms that count, which would take more than is spared, most of all in stores.
/// </remarks>
internal sealed unsafe class GroupWinogradConvolution : ConvolutionKernel
{
    private const int Tile = 4, Size = Tile + 2;
    private const int CacheFloats = 7 * 1024; // V and M stay in the first-level cache

    private readonly DenseShape _shape;
    private readonly int _exchanges, _passes; // of a call, and how many calls take all of a group
    private readonly (int Phase, int From, int Count)[] _strips;
    private readonly nint _step;
    private readonly double[,] _kernel = Winograd.Kernel(Size, 3);

    public GroupWinogradConvolution(DenseShape shape)
    {
        _shape = shape;
        _exchanges = Math.Min(shape.InPerGroup, Group.MaxExchanges);
        _passes = shape.InPerGroup / _exchanges;
        var strip = Math.Min(CacheFloats / (2 * Size * Dense.Block) - 2, shape.OutPlane.Height);
        _strips = [.. Strips(strip)];
        while (strip > 8 && shape.Batch * shape.OutBlocks * _strips.Length < 8) _strips = [.. Strips(strip = (strip + 1) / 2)];
        _step = (_strips.Max(piece => Math.Max(2, piece.Count)) + 2 | 1) * Dense.Block;
        Items = checked(shape.Batch * shape.OutBlocks * _strips.Length);
        Tiles = (long)shape.Batch * shape.OutPlane.Height * Enumerable.Range(0, shape.Dilation.Width).Sum(side => (shape.OutPlane.Width - side + Tile * shape.Dilation.Width - 1) / (Tile * shape.Dilation.Width));
        Scratch = 2 * Size * _step + Dense.Block;
    }

    public override string Name => $"groups, Winograd F({Tile}) along rows";

    public override string Packing => $"group F{Tile} {_shape.In} {_shape.Out} {_shape.Groups} {_shape.Transposed}";

    public override bool Activates => true;

    public override int Items { get; }

    public override long Scratch { get; }

    public override long PackedSize => _shape.OutBlocks * WeightsOfBlock;

    public override int PackItems => _shape.OutBlocks;

    private int WeightsOfPass => _exchanges * 3 * Dense.Block;

    private long WeightsOfBlock => (long)Size * _passes * WeightsOfPass;

    /// <summary>How many tiles of four pixels there are, for each block of channels.</summary>
    public long Tiles { get; }

    public static bool Takes(DenseShape shape) => shape.KernelSize == new Size(3, 3) && shape.Stride.Area == 1
        && shape.Groups > 1 && shape.InPerGroup == shape.OutPerGroup && shape.InPerGroup is 2 or 4 or 8 or 16;

    private IEnumerable<(int, int, int)> Strips(int most)
    {
        for (var phase = 0; phase < Math.Min(_shape.Dilation.Height, _shape.OutPlane.Height); phase++)
        {
            var rows = (_shape.OutPlane.Height - phase + _shape.Dilation.Height - 1) / _shape.Dilation.Height;
            var strips = (rows + most - 1) / most;
            for (var s = 0; s < strips; s++) yield return (phase, rows * s / strips, rows * (s + 1) / strips - rows * s / strips);
        }
    }

    public override void Warm() => Group.Warm(_exchanges, _passes, strided: false, winograd: true);

    public override void Pack(int block, float* kernel, float* scale, float* packed) => Group.Pack(_shape, block, _kernel, kernel, scale, packed + block * WeightsOfBlock);

    public override void Run(int item, float* x, float* packed, float* bias, in DenseEpilogue then, float* y, float* scratch)
    {
        var (image, s) = Math.DivRem(item, _strips.Length);
        var block = image % _shape.OutBlocks;
        var (phase, from, count) = _strips[s];
        var (height, width) = _shape.InPlane;
        var (dh, dw) = _shape.Dilation;
        var (top, left) = _shape.Transposed ? (2 * dh - _shape.Before.Height, 2 * dw - _shape.Before.Width) : _shape.Before;
        var (outRow, outColumns) = (phase + from * dh, _shape.OutPlane.Width);
        var rows = Math.Max(2, count);

        // Rows of V outside of the map stay 0.
        var inRow = outRow - top;
        var begin = Math.Min(rows + 2, inRow >= 0 ? 0 : (-inRow + dh - 1) / dh);
        var end = Math.Clamp((height - inRow + dh - 1) / dh, begin, rows + 2);
        var products = scratch + Size * _step;
        var zeros = products + Size * _step;
        for (var p = 0; p < Size; p++)
        {
            new Span<float>(scratch + p * _step, begin * Dense.Block).Clear();
            new Span<float>(scratch + p * _step + end * Dense.Block, (rows + 2 - end) * Dense.Block).Clear();
        }

        new Span<float>(zeros, Dense.Block).Clear();
        x += ((long)image * _shape.InPlane.Area + (long)(inRow + begin * dh) * width) * Dense.Block;
        var at = ((long)image * _shape.OutPlane.Area + (long)outRow * outColumns) * Dense.Block;
        var input = new GroupRows { Row = (nint)dh * width * Dense.Block, Pixel = dw * Dense.Block, V = scratch + begin * Dense.Block, VStep = _step, Rows = end - begin };
        var output = new GroupRows
        {
            Row = (nint)dh * outColumns * Dense.Block,
            Pixel = dw * Dense.Block,
            V = products,
            VStep = _step,
            Rows = count,
            Bias = bias + block * Dense.Block,
            FirstLow = then.First.Low,
            FirstHigh = then.First.High,
            Low = then.Last.Low,
            High = then.Last.High,
        };
        var column = new GroupColumn { XRow = Dense.Block, YRow = Dense.Block, Rows = rows };
        for (var side = 0; side < dw; side++)
            for (var c = side; c < outColumns; c += Tile * dw)
            {
                var place = c - left;
                input.From = place >= 0 ? 0 : (-place + dw - 1) / dw;
                input.To = (width - place + dw - 1) / dw;
                input.X = x + (nint)place * Dense.Block;
                Group.Input(input);

                column.W = packed + block * WeightsOfBlock;
                Multiply(column, scratch, products, zeros);
                output.X = y + at + (nint)c * Dense.Block;
                output.Add = then.Add == null ? null : then.Add + at + (nint)c * Dense.Block;
                output.To = Math.Min(Tile, (outColumns - c + dw - 1) / dw);
                Group.Output(output);
                then.Activation?.Apply(output.X, count, output.Row, output.To, output.Pixel);
            }
    }

    // Of a column of tiles, for each of its six numbers: a column of sums, of all exchanges where two passes take them.
    private void Multiply(GroupColumn column, float* v, float* products, float* zeros)
    {
        for (var p = 0; p < Size; p++)
        {
            column.X = v + p * _step;
            column.Y = products + p * _step;
            column.Init = zeros;
            column.InitRow = 0;
            for (var pass = 0; pass < _passes; pass++, column.W += WeightsOfPass)
            {
                Group.Column(_exchanges, pass * _exchanges)(column);
                column.Init = column.Y;
                column.InitRow = Dense.Block;
            }
        }
    }
}
