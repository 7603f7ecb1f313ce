using System.Numerics;
using System.Runtime.CompilerServices;

namespace Tenfold.Kernels;

/// <summary>A 3x3 convolution in groups of 4 or 8 channels, at stride 2 also of 2, with every product.</summary>
/// <remarks>
/// Some columns of pixels are copied to scratch, each of them from top to bottom, zeros where the map ends; the micro-kernel runs down a column of them, with the
/// weights of one column of the kernel in registers, three times for a column of sums.
/// </remarks>
internal sealed unsafe class GroupConvolution : ConvolutionKernel
{
    private const int CacheFloats = 7 * 1024; // pixels and sums stay in the first-level cache
    private const int MaxRows = 28;

    private static readonly double[,] s_columns = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } };

    private readonly DenseShape _shape;
    private readonly int _stride, _strip, _strips, _columns, _rows, _width; // rows of an item, columns of sums at a time, rows and columns of pixels that they read
    private readonly nint _xStep, _yStep;

    public GroupConvolution(DenseShape shape)
    {
        (_shape, _stride) = (shape, shape.Stride.Height);
        var height = shape.OutPlane.Height;
        _strips = (height + MaxRows - 1) / MaxRows;
        while (shape.Batch * shape.OutBlocks * _strips < 8 && height / _strips > 8) _strips++;
        _strip = Math.Max(2, (height + _strips - 1) / _strips);
        _rows = (_strip - 1) * _stride + 3;
        (_xStep, _yStep) = ((_rows | 1) * Dense.Block, (_strip | 1) * Dense.Block); // odd numbers of lines, so that columns do not fall into the same sets of a cache
        _columns = (int)Math.Clamp((CacheFloats - 3 * _xStep) / (_stride * _xStep + _yStep), 2, shape.OutPlane.Width + 1);
        _width = (_columns - 1) * _stride + 3;
        Items = checked(shape.Batch * shape.OutBlocks * _strips);
        Scratch = _width * _xStep + _columns * _yStep;
    }

    public override string Name => $"groups of {_shape.InPerGroup}";

    public override string Packing => $"group {_shape.In} {_shape.Out} {_shape.Groups} {_shape.Transposed}";

    public override bool Activates => true;

    public override int Items { get; }

    public override long Scratch { get; }

    public override long PackedSize => _shape.OutBlocks * WeightsOfBlock;

    public override int PackItems => _shape.OutBlocks;

    private int WeightsOfColumn => _shape.InPerGroup * 3 * Dense.Block;

    private long WeightsOfBlock => 3 * WeightsOfColumn;

    public static bool Takes(DenseShape shape) => shape.KernelSize == new Size(3, 3) && shape.Groups > 1 && shape.InPerGroup == shape.OutPerGroup && shape.InPerGroup is 2 or 4 or 8
        && shape.Dilation.Area == 1 && ((shape.Stride.Area == 1 && shape.InPerGroup > 2) || (shape.Stride == new Size(2, 2) && !shape.Transposed));

    public override void Warm() => Group.Warm(_shape.InPerGroup, 1, _stride > 1, winograd: false);

    public override void Pack(int block, float* kernel, float* scale, float* packed) => Group.Pack(_shape, block, s_columns, kernel, scale, packed + block * WeightsOfBlock);

    public override void Run(int item, float* x, float* packed, float* bias, in DenseEpilogue then, float* y, float* scratch)
    {
        var (image, strip) = Math.DivRem(item, _strips);
        var block = image % _shape.OutBlocks;
        var from = _shape.OutPlane.Height * strip / _strips;
        var rows = _shape.OutPlane.Height * (strip + 1) / _strips - from;
        var (top, left) = _shape.Transposed ? (2 - _shape.Before.Height, 2 - _shape.Before.Width) : _shape.Before;
        x += (long)image * _shape.InPlane.Area * Dense.Block;
        var sums = scratch + _width * _xStep;
        var kernel = _stride == 1 ? Group.Column(_shape.InPerGroup, 0) : Group.Strided(_shape.InPerGroup);
        var column = new GroupColumn { XRow = Dense.Block, YRow = Dense.Block, Rows = Math.Max(2, rows) };
        for (var c = 0; c < _shape.OutPlane.Width; c += _columns)
        {
            var columns = Math.Min(_columns, _shape.OutPlane.Width - c);
            Gather(x, from * _stride - top, (Math.Max(2, rows) - 1) * _stride + 3, c * _stride - left, (columns - 1) * _stride + 3, scratch);
            column.W = packed + block * WeightsOfBlock;
            column.Init = bias + block * Dense.Block;
            column.InitRow = 0;
            for (var j = 0; j < 3; j++, column.W += WeightsOfColumn)
                for (var t = 0; t < columns; t++)
                {
                    column.X = scratch + (t * _stride + j) * _xStep;
                    column.Y = sums + t * _yStep;
                    if (j > 0)
                    {
                        column.Init = column.Y;
                        column.InitRow = Dense.Block;
                    }

                    kernel(column);
                }

            var at = (long)image * _shape.OutPlane.Area * Dense.Block + ((long)from * _shape.OutPlane.Width + c) * Dense.Block;
            Store(sums, rows, columns, then, then.Add == null ? null : then.Add + at, y + at);
            then.Activation?.Apply(y + at, rows, (nint)_shape.OutPlane.Width * Dense.Block, columns, Dense.Block);
        }
    }

    // Rows of the map to columns.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Gather(float* x, int row, int rows, int column, int columns, float* to)
    {
        var (height, width) = _shape.InPlane;
        for (var i = 0; i < rows; i++, row++, to += Dense.Block)
        {
            var from = x + ((long)row * width + column) * Dense.Block;
            var inside = (uint)row < (uint)height;
            for (var j = 0; j < columns; j++)
                for (var lane = 0; lane < Dense.Block; lane += Vector<float>.Count)
                    (inside && (uint)(column + j) < (uint)width ? Vector.Load(from + j * Dense.Block + lane) : default).Store(to + j * _xStep + lane);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Store(float* sums, int rows, int columns, in DenseEpilogue then, float* add, float* y)
    {
        var (firstLow, firstHigh) = (new Vector<float>(then.First.Low), new Vector<float>(then.First.High));
        var (low, high) = (new Vector<float>(then.Last.Low), new Vector<float>(then.Last.High));
        var row = (nint)_shape.OutPlane.Width * Dense.Block;
        for (var i = 0; i < rows; i++, sums += Dense.Block, y += row)
        {
            for (var j = 0; j < columns; j++)
                for (var lane = 0; lane < Dense.Block; lane += Vector<float>.Count)
                {
                    var value = Vector.Load(sums + j * _yStep + lane);
                    if (add != null) value = Vector.MinNative(firstHigh, Vector.MaxNative(firstLow, value)) + Vector.Load(add + j * Dense.Block + lane);
                    Vector.MinNative(high, Vector.MaxNative(low, value)).Store(y + j * Dense.Block + lane);
                }

            if (add != null) add += row;
        }
    }
}
