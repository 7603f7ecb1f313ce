using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tenfold.Kernels;

/// <summary>A convolution of maps of one pixel, as between the means and the gates of squeeze-and-excitation: a matrix by a vector, summed in double precision.</summary>
/// <remarks>
/// What is rounded here changes a gate, and with it a whole channel: summed in single precision these layers, a thousandth of the products, make nine tenths of SE-ResNet-101's error. Eight products
/// are summed in single precision, which rounds by half a unit in the last place of the whole, and those sums in double.
/// <code>
/// w[c]:  | o0 o1 ... o15 |  times x[c]     c = 0 ... 7      one sum, added as double
///                                          c = 8 ... 15     the next
/// </code>
/// Four outputs' sums run side by side, of as many blocks or of as many samples: memory gives more from four places than from one, and one place serves four samples.
/// </remarks>
internal sealed unsafe class VectorConvolution : ConvolutionKernel
{
    private const int LeastProducts = 1 << 13; // of an item
    private const int Sums = 4; // side by side
    private const int Terms = 8; // of a sum in single precision
    private const int Ahead = 512; // weights: 2 KB at each of four places, 8 KB at one

    private readonly DenseShape _shape;
    private readonly WeightRows _rows;

    public VectorConvolution(DenseShape shape)
    {
        var rows = new int[shape.In];
        for (var c = 0; c < rows.Length; c++) rows[c] = c;
        (_shape, _rows) = (shape, new WeightRows(rows));
        Items = (int)Math.Clamp((long)shape.Batch * PackedSize / LeastProducts, 1, shape.Batch >= Sums ? shape.OutBlocks : (shape.OutBlocks + Sums - 1) / Sums);
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
        var (begin, end) = (_shape.OutBlocks * item / Items, _shape.OutBlocks * (item + 1) / Items);
        if (_shape.Batch >= Sums)
        {
            for (var block = begin; block < end; block++)
                for (var n = 0; n < _shape.Batch; n += Sums) Run(n, Math.Min(Sums, _shape.Batch - n), block, 1, x, packed, bias, then, y);
        }
        else
        {
            for (var n = 0; n < _shape.Batch; n++)
                for (var block = begin; block < end; block += Sums) Run(n, 1, block, Math.Min(Sums, end - block), x, packed, bias, then, y);
        }
    }

    // Of several samples or of several blocks.
    private void Run(int n, int samples, int block, int blocks, float* x, float* packed, float* bias, in DenseEpilogue then, float* y)
    {
        var (count, at) = (samples * blocks, ((long)n * _shape.OutBlocks + block) * Dense.Block);
        float* made = stackalloc float[Sums * Dense.Block]; // not where they go: what is to be added may lie there
        var sums = new VectorSums
        {
            X = x + (long)n * _shape.InBlocks * Dense.Block,
            W = packed + block * WeightsOfBlock,
            Bias = bias + block * Dense.Block,
            Y = made,
            Channels = _shape.In,
            XStep = samples > 1 ? _shape.InBlocks * Dense.Block : 0,
            WStep = samples > 1 ? 0 : (nint)WeightsOfBlock,
            BiasStep = samples > 1 ? 0 : Dense.Block,
        };
        if (Simd.Width == 512 && count == Sums) Sum4(sums);
        else
            for (var i = 0; i < count; i++, sums.Next()) Sum(sums);

        var numbers = blocks * Dense.Block;
        for (var i = 0; i < samples; i++, at += _shape.OutBlocks * Dense.Block)
        {
            Finish(then, at, made + i * numbers, y + at, numbers);
            then.Activation?.Apply(y + at, y + at, numbers);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum4(in VectorSums sums)
    {
        float* x = sums.X, w = sums.W, bias = sums.Bias, y = sums.Y;
        nint x1 = sums.XStep, x2 = 2 * x1, x3 = 3 * x1, w1 = sums.WStep, w2 = 2 * w1, w3 = 3 * w1;
        var (low0, high0) = Vector512.Widen(Vector512.Load(bias));
        var (low1, high1) = Vector512.Widen(Vector512.Load(bias + sums.BiasStep));
        var (low2, high2) = Vector512.Widen(Vector512.Load(bias + 2 * sums.BiasStep));
        var (low3, high3) = Vector512.Widen(Vector512.Load(bias + 3 * sums.BiasStep));
        var distance = w1 == 0 ? Sums * Ahead : Ahead;
        for (var left = sums.Channels; left > 0; left -= Terms, x += Terms, w += Terms * Dense.Block)
        {
            var terms = Math.Min(left, Terms);
            if (Sse.IsSupported)
                for (float* ahead = w + distance, last = ahead + Terms * Dense.Block; ahead < last; ahead += Dense.Block)
                {
                    Sse.Prefetch1(ahead);
                    if (w1 == 0) continue;
                    Sse.Prefetch1(ahead + w1);
                    Sse.Prefetch1(ahead + w2);
                    Sse.Prefetch1(ahead + w3);
                }

            var part = Part(x, w, terms);
            low0 += Vector512.WidenLower(part);
            high0 += Vector512.WidenUpper(part);
            part = Part(x + x1, w + w1, terms);
            low1 += Vector512.WidenLower(part);
            high1 += Vector512.WidenUpper(part);
            part = Part(x + x2, w + w2, terms);
            low2 += Vector512.WidenLower(part);
            high2 += Vector512.WidenUpper(part);
            part = Part(x + x3, w + w3, terms);
            low3 += Vector512.WidenLower(part);
            high3 += Vector512.WidenUpper(part);
        }

        Vector512.Narrow(low0, high0).Store(y);
        Vector512.Narrow(low1, high1).Store(y + Dense.Block);
        Vector512.Narrow(low2, high2).Store(y + 2 * Dense.Block);
        Vector512.Narrow(low3, high3).Store(y + 3 * Dense.Block);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Part(float* x, float* w, int terms)
    {
        var sum = Vector512.Load(w) * Vector512.Create(x[0]);
        if (terms == Terms)
        {
            sum = Vector512.MultiplyAddEstimate(Vector512.Load(w + Dense.Block), Vector512.Create(x[1]), sum);
            sum = Vector512.MultiplyAddEstimate(Vector512.Load(w + 2 * Dense.Block), Vector512.Create(x[2]), sum);
            sum = Vector512.MultiplyAddEstimate(Vector512.Load(w + 3 * Dense.Block), Vector512.Create(x[3]), sum);
            sum = Vector512.MultiplyAddEstimate(Vector512.Load(w + 4 * Dense.Block), Vector512.Create(x[4]), sum);
            sum = Vector512.MultiplyAddEstimate(Vector512.Load(w + 5 * Dense.Block), Vector512.Create(x[5]), sum);
            sum = Vector512.MultiplyAddEstimate(Vector512.Load(w + 6 * Dense.Block), Vector512.Create(x[6]), sum);
            return Vector512.MultiplyAddEstimate(Vector512.Load(w + 7 * Dense.Block), Vector512.Create(x[7]), sum);
        }

        for (var c = 1; c < terms; c++) sum = Vector512.MultiplyAddEstimate(Vector512.Load(w + c * Dense.Block), Vector512.Create(x[c]), sum);
        return sum;
    }

    // One sum, on vectors of any width.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum(in VectorSums sums)
    {
        for (var lane = 0; lane < Dense.Block; lane += Vector<float>.Count)
        {
            Vector.Widen(Vector.Load(sums.Bias + lane), out var low, out var high);
            float* x = sums.X, w = sums.W + lane;
            for (var left = sums.Channels; left > 0; left -= Terms)
            {
                var part = Vector<float>.Zero;
                for (var terms = Math.Min(left, Terms); terms > 0; terms--, x++, w += Dense.Block) part = Vector.MultiplyAddEstimate(Vector.Load(w), new Vector<float>(*x), part);
                low += Vector.WidenLower(part);
                high += Vector.WidenUpper(part);
            }

            Vector.Narrow(low, high).Store(sums.Y + lane);
        }
    }

    private static void Finish(in DenseEpilogue then, long at, float* made, float* y, int numbers)
    {
        for (var i = 0; i < numbers; i += Vector<float>.Count)
        {
            var value = Vector.Load(made + i);
            if (then.Gate != null) value *= Vector.Load(then.Gate + at + i);
            if (then.Add != null) value = Vector.MinNative(new Vector<float>(then.First.High), Vector.MaxNative(new Vector<float>(then.First.Low), value)) + Vector.Load(then.Add + at + i);
            Vector.MinNative(new Vector<float>(then.Last.High), Vector.MaxNative(new Vector<float>(then.Last.Low), value)).Store(y + i);
        }
    }

    // What one sum reads and writes, and floats from there to what the next does.
    private struct VectorSums
    {
        public float* X;
        public float* W;
        public float* Bias;
        public float* Y;
        public int Channels;
        public nint XStep;
        public nint WStep;
        public nint BiasStep;

        public void Next()
        {
            X += XStep;
            W += WStep;
            Bias += BiasStep;
            Y += Dense.Block;
        }
    }
}
