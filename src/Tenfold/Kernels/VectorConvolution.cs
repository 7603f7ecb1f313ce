using System.Numerics;
using System.Runtime.CompilerServices;

namespace Tenfold.Kernels;

/// <summary>A convolution of maps of one pixel, as between the means and the gates of squeeze-and-excitation: a matrix by a vector, summed in double precision.</summary>
/// <remarks>
/// One pixel has one sum for 16 output channels, so a micro-kernel that sums in single precision waits for each multiply-add before the next; four sums side by side in double take no longer.
/// They are worth it: what is rounded here changes a gate, and with it a whole channel. In single precision these layers, a thousandth of the products, make nine tenths of SE-ResNet-101's error.
/// <code>
/// w[c]:  | o0 o1 ... o15 |  as double, times x[c]     c = 0, 4, 8 ...    one sum
///                                                     c = 1, 5, 9 ...    another
/// </code>
/// </remarks>
internal sealed unsafe class VectorConvolution : ConvolutionKernel
{
    private const int LeastProducts = 1 << 13; // of an item

    private readonly DenseShape _shape;
    private readonly WeightRows _rows;

    public VectorConvolution(DenseShape shape)
    {
        var rows = new int[shape.In];
        for (var c = 0; c < rows.Length; c++) rows[c] = c;
        (_shape, _rows) = (shape, new WeightRows(rows));
        Items = (int)Math.Clamp((long)shape.Batch * PackedSize / LeastProducts, 1, shape.OutBlocks);
    }

    public override string Name => "matrix by vector, in double";

    public override string Packing => $"vector {_shape.In} {_shape.Out}";

    public override bool Activates => true;

    public override int Items { get; }

    public override long Scratch => 0;

    public override long PackedSize => _shape.OutBlocks * WeightsOfBlock;

    public override int PackItems => _shape.OutBlocks;

    private long WeightsOfBlock => (long)_shape.In * Dense.Block;

    public static bool Takes(DenseShape shape) => shape is { Pointwise: true, InPlane.Area: 1, Groups: 1, Transposed: false };

    public override void Pack(int block, float* kernel, float* scale, float* packed)
    {
        long* begin = stackalloc long[Dense.Block];
        float* factor = stackalloc float[Dense.Block];
        for (var v = 0; v < Dense.Block; v++)
        {
            var o = block * Dense.Block + v;
            begin[v] = o < _shape.Out ? (long)o * _shape.In : begin[0];
            factor[v] = o >= _shape.Out ? 0 : scale == null ? 1 : scale[o];
        }

        _rows.Pack(kernel, (long)_shape.Out * _shape.In, begin, factor, Dense.Block, packed + block * WeightsOfBlock);
    }

    public override void Run(int item, float* x, float* packed, float* bias, in DenseEpilogue then, float* y, float* scratch)
    {
        var end = _shape.OutBlocks * (item + 1) / Items;
        for (var block = _shape.OutBlocks * item / Items; block < end; block++)
            for (var n = 0; n < _shape.Batch; n++)
            {
                var at = ((long)n * _shape.OutBlocks + block) * Dense.Block;
                Block(x + (long)n * _shape.InBlocks * Dense.Block, packed + block * WeightsOfBlock, bias + block * Dense.Block, then, at, y + at);
                then.Activation?.Apply(y + at, y + at, Dense.Block);
            }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Block(float* x, float* weights, float* bias, in DenseEpilogue then, long at, float* y)
    {
        var (firstLow, firstHigh) = (new Vector<float>(then.First.Low), new Vector<float>(then.First.High));
        var (low, high) = (new Vector<float>(then.Last.Low), new Vector<float>(then.Last.High));
        for (var lane = 0; lane < Dense.Block; lane += Vector<float>.Count)
        {
            Vector<double> l0 = default, l1 = default, l2 = default, l3 = default, h0 = default, h1 = default, h2 = default, h3 = default;
            var w = weights + lane;
            var c = 0;
            for (; c + 4 <= _shape.In; c += 4, w += 4 * Dense.Block)
            {
                (l0, h0) = Add(w, x[c], l0, h0);
                (l1, h1) = Add(w + Dense.Block, x[c + 1], l1, h1);
                (l2, h2) = Add(w + 2 * Dense.Block, x[c + 2], l2, h2);
                (l3, h3) = Add(w + 3 * Dense.Block, x[c + 3], l3, h3);
            }

            for (; c < _shape.In; c++, w += Dense.Block) (l0, h0) = Add(w, x[c], l0, h0);
            Vector.Widen(Vector.Load(bias + lane), out var lowBias, out var highBias);
            var value = Vector.Narrow(l0 + l1 + (l2 + l3) + lowBias, h0 + h1 + (h2 + h3) + highBias);
            if (then.Gate != null) value *= Vector.Load(then.Gate + at + lane);
            if (then.Add != null) value = Vector.MinNative(firstHigh, Vector.MaxNative(firstLow, value)) + Vector.Load(then.Add + at + lane);
            Vector.MinNative(high, Vector.MaxNative(low, value)).Store(y + lane);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector<double> Low, Vector<double> High) Add(float* w, float x, Vector<double> low, Vector<double> high)
    {
        Vector.Widen(Vector.Load(w), out var wLow, out var wHigh);
        var by = new Vector<double>(x);
        return (Vector.MultiplyAddEstimate(wLow, by, low), Vector.MultiplyAddEstimate(wHigh, by, high));
    }
}
