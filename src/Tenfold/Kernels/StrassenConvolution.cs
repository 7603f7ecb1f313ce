using System.Numerics;
using System.Runtime.CompilerServices;

namespace Tenfold.Kernels;

/// <summary>A pointwise convolution with an eighth fewer multiplications: Strassen's seven products of half the output channels, input channels and pixels, in place of eight.</summary>
/// <remarks>
/// A strip's pixels, B, are multiplied by the weights, A; in Winograd's form:
/// <code>
///           | B11 B12 |  input channels         S1 = A21 + A22    T1 = B12 - B11     P1 = A11 B11    P5 = S1 T1      C11 = P1 + P2
///           | B21 B22 |                         S2 = S1 - A11     T2 = B22 - T1      P2 = A12 B21    P6 = S2 T2      C12 = P1 + P6 + P5 + P3
///             pixels                            S3 = A11 - A21    T3 = B22 - B12     P3 = S4 B22     P7 = S3 T3      C21 = P1 + P6 + P7 - P4
/// | A11 A12 | C11 C12 |  output channels        S4 = A12 - S2     T4 = T2 - B21      P4 = A22 T4                     C22 = P1 + P6 + P7 + P5
/// | A21 A22 | C21 C22 |
/// </code>
/// The sums S are made when weights are packed, T once for a strip; the products, of a block of both halves of the output channels at a time, stay in the first-level cache until they are added up.
/// Halves of channels are whole blocks, of output channels an even number; the second half of input channels may be shorter, and so may that of a strip's pixels: what is missing is zero.
/// Each output channel's weights are scaled by a power of two to root mean square 1, so that small ones lose nothing beside large ones.
/// <para>V. Strassen, "Gaussian elimination is not optimal", Numerische Mathematik 13, 1969; the form with 15 additions by S. Winograd, 1971.</para>
/// </remarks>
internal sealed unsafe class StrassenConvolution : ConvolutionKernel
{
    private const int Products = 7;
    private const int LeastHalf = 24, MostHalf = 48; // pixels: the fewer, the more often weights are read
    private const int CacheFloats = 144 * 1024; // of a strip and of T, 576 KB: with the weights of some products well within the second-level cache
    private const int LeastPixels = 96; // of fewer, all the longer weights are waited for
    private const int Pieces = 6; // at least, where there are so many blocks: few threads then wait little for each other
    private const int BlocksOfShare = 4; // of half the output channels, at least: T is computed for each share anew

    private readonly DenseShape _shape;
    private readonly int _half, _strips, _shares; // pixels of half a strip
    private readonly int _first, _second, _pairs; // blocks of either half of the input channels, and of half the output channels
    private readonly int _channels, _rest; // of either half of the input channels
    private readonly DenseSum _mapFirst, _mapSecond, _sumsFirst, _sumsSecond; // over the channels of each half, in the map and in T
    private readonly WeightRows _rowsFirst, _rowsSecond;
    private readonly float[] _mask; // of the lanes of a whole block, and of the last
    private readonly float[] _zeros = GC.AllocateArray<float>(Dense.Block, pinned: true);

    public StrassenConvolution(DenseShape shape)
    {
        _shape = shape;
        (_first, _pairs) = ((shape.InBlocks + 1) / 2, shape.OutBlocks / 2);
        (_second, _channels) = (shape.InBlocks - _first, _first * Dense.Block);
        _rest = shape.In - _channels;
        (_half, _strips) = HalfOf(shape.OutPlane.Area, Math.Clamp(CacheFloats / (2 * 4 * _first * Dense.Block), LeastHalf, MostHalf));
        var items = checked(shape.Batch * _strips);
        _shares = Math.Min((Pieces + items - 1) / items, Math.Max(1, _pairs / BlocksOfShare));
        Items = items * _shares;
        PackItems = _pairs;
        PackedSize = (long)_pairs * PairSize;
        Scratch = (4L * _first + Products) * _half * Dense.Block;
        var plane = shape.InPlane.Area * Dense.Block;
        (_mapFirst, _mapSecond) = (Sum(_channels, plane), Sum(_rest, plane));
        (_sumsFirst, _sumsSecond) = (Sum(_channels, _half * Dense.Block), Sum(_rest, _half * Dense.Block));
        (_rowsFirst, _rowsSecond) = (Rows(_channels), Rows(_rest));
        _mask = GC.AllocateUninitializedArray<float>(2 * Dense.Block, pinned: true);
        for (var lane = 0; lane < 2 * Dense.Block; lane++) _mask[lane] = BitConverter.Int32BitsToSingle(lane < Dense.Block || lane - Dense.Block < shape.In - (shape.InBlocks - 1) * Dense.Block ? -1 : 0);

        static DenseSum Sum(int channels, int plane)
        {
            var runs = new ChannelRun[(channels + Dense.Block - 1) / Dense.Block];
            for (var i = 0; i < runs.Length; i++) runs[i] = new ChannelRun { Offset = checked(i * plane), Channels = Math.Min(Dense.Block, channels - i * Dense.Block) };
            return new DenseSum(runs, sections: 1, pairs: false);
        }

        WeightRows Rows(int channels)
        {
            var places = new int[channels];
            for (var c = 0; c < channels; c++) places[c] = c * shape.WeightStep;
            return new WeightRows(places);
        }
    }

    public override string Name => "pointwise, Strassen";

    public override string Packing => $"Strassen {_shape.In} {_shape.Out} {_shape.Transposed}";

    public override bool Activates => true;

    public override int Items { get; }

    public override long Scratch { get; }

    public override long PackedSize { get; }

    public override int PackItems { get; }

    // Of a block of both halves of the output channels: two rows of factors, and the weights of each product.
    private int PairSize => (2 + 4 * _channels + 3 * _rest) * Dense.Block;

    /// <summary>Whether it pays: where products in pairs do not, which save a third of the time, and an eighth of the products takes longer than the additions, which outputs need more of than inputs.</summary>
    public static bool Takes(DenseShape shape) =>
        !Simd.Pairs && shape is { Pointwise: true, Groups: 1, In: >= 192, Out: >= 128 } && shape.OutBlocks % 2 == 0 && shape.OutPlane.Area >= LeastPixels;

    // Whole tiles of the micro-kernel: as few as can be, and then as many together.
    private static (int Half, int Strips) HalfOf(int area, int most)
    {
        var (tile, best, fewest) = (Dense.MaxPixels(1), 0, int.MaxValue);
        for (var half = (LeastHalf + tile - 1) / tile * tile; half <= most || best == 0; half += tile)
        {
            var (strips, rest) = Math.DivRem(area, 2 * half);
            var tiles = 2 * (strips * (half / tile) + ((rest + 1) / 2 + tile - 1) / tile);
            if (tiles <= fewest) (best, fewest) = (half, tiles);
        }

        return (best, (area + 2 * best - 1) / (2 * best));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Pack(int item, float* kernel, float* scale, float* packed)
    {
        packed += (long)item * PairSize;
        var (first, rest) = (_channels * Dense.Block, _rest * Dense.Block);
        float* p1 = packed + 2 * Dense.Block, p2 = p1 + first, p3 = p2 + rest, p4 = p3 + rest, p5 = p4 + rest, p6 = p5 + first, p7 = p6 + first;
        Block(item, kernel, scale, packed, p1, p2); // A11, A12
        Block(_pairs + item, kernel, scale, packed + Dense.Block, p7, p4); // A21, A22
        for (var lane = 0; lane < Dense.Block; lane += Vector<float>.Count)
        {
            var (upper, lower) = (Over(Vector.Load(packed + lane)), Over(Vector.Load(packed + Dense.Block + lane)));
            for (var i = lane; i < first; i += Dense.Block)
            {
                var (a11, a21) = (Vector.Load(p1 + i) * upper, Vector.Load(p7 + i) * lower);
                var s1 = a21;
                if (i < rest)
                {
                    var a22 = Vector.Load(p4 + i) * lower;
                    a22.Store(p4 + i);
                    s1 += a22;
                }

                var s2 = s1 - a11;
                a11.Store(p1 + i);
                s1.Store(p5 + i);
                s2.Store(p6 + i);
                (a11 - a21).Store(p7 + i);
                if (i >= rest) continue;
                var a12 = Vector.Load(p2 + i) * upper;
                a12.Store(p2 + i);
                (a12 - s2).Store(p3 + i);
            }
        }

        static Vector<float> Over(Vector<float> factor) => Vector.ConditionalSelect(Vector.Equals(factor, Vector<float>.Zero), Vector<float>.One, Vector<float>.One / factor);
    }

    // The weights of a block of output channels from either half of the input channels, and the factors by which they are too large.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Block(int block, float* kernel, float* scale, float* factor, float* w1, float* w2)
    {
        long* begin = stackalloc long[Dense.Block], beginRest = stackalloc long[Dense.Block];
        float* by = stackalloc float[Dense.Block];
        for (var v = 0; v < Dense.Block; v++)
        {
            var o = block * Dense.Block + v;
            begin[v] = _shape.Weight(o < _shape.Out ? o : 0, 0);
            beginRest[v] = begin[v] + (long)_channels * _shape.WeightStep;
            by[v] = o >= _shape.Out ? 0 : scale == null ? 1 : scale[o];
        }

        var count = (long)_shape.Out * _shape.In;
        _rowsFirst.Pack(kernel, count, begin, by, Dense.Block, w1);
        _rowsSecond.Pack(kernel, count, beginRest, by, Dense.Block, w2);
        for (var lane = 0; lane < Dense.Block; lane += Vector<float>.Count)
        {
            var squares = Vector<float>.Zero;
            for (var i = lane; i < _channels * Dense.Block; i += Dense.Block) squares += Vector.Load(w1 + i) * Vector.Load(w1 + i);
            for (var i = lane; i < _rest * Dense.Block; i += Dense.Block) squares += Vector.Load(w2 + i) * Vector.Load(w2 + i);
            squares.Store(factor + lane);
        }

        for (var v = 0; v < Dense.Block; v++) factor[v] = DenseSum.FactorOf(MathF.Sqrt(factor[v] / _shape.In));
    }

    public override void Warm()
    {
        Dense.Warm(_half, 1);
        if (_shape.OutPlane.Area % (2 * _half) is > 0 and var rest)
        {
            Dense.Warm((rest + 1) / 2, 1);
            if (rest > 1) Dense.Warm(rest / 2, 1);
        }
    }

    public override void Run(int item, float* x, float* packed, float* bias, in DenseEpilogue then, float* y, float* scratch)
    {
        var (strip, share) = Math.DivRem(item, _shares);
        var (n, from) = Math.DivRem(strip, _strips);
        from *= 2 * _half;
        var pixels = Math.Min(2 * _half, _shape.OutPlane.Area - from);
        var (count, others) = ((pixels + 1) / 2, pixels / 2); // of the strip's halves
        nint plane = _shape.InPlane.Area * Dense.Block, outPlane = _shape.OutPlane.Area * Dense.Block, all = _half * Dense.Block;
        x += n * _shape.InBlocks * plane + from * Dense.Block;
        float* b21 = x + _first * plane, b22 = b21 + count * Dense.Block;
        float* t1 = scratch, t2 = t1 + _first * all, t3 = t2 + _first * all, t4 = t3 + _first * all, p = t4 + _first * all;
        for (var block = 0; block < _first; block++) Sums(block, x + block * plane, count, others, scratch + block * all);
        for (var pair = _pairs * share / _shares; pair < _pairs * (share + 1) / _shares; pair++)
        {
            var factors = packed + (long)pair * PairSize;
            var w = factors + 2 * Dense.Block;
            Multiply(_mapFirst, x, count, ref w, p);
            Multiply(_mapSecond, b21, count, ref w, p + all);
            Multiply(_mapSecond, b22, others, ref w, p + 2 * all);
            Multiply(_sumsSecond, t4, count, ref w, p + 3 * all);
            Multiply(_sumsFirst, t1, count, ref w, p + 4 * all);
            Multiply(_sumsFirst, t2, count, ref w, p + 5 * all);
            Multiply(_sumsFirst, t3, count, ref w, p + 6 * all);
            AddUp(p, all, count * Dense.Block);
            for (var quarter = 0; quarter < 4; quarter++)
            {
                var block = pair + quarter / 2 * _pairs;
                var at = (n * _shape.OutBlocks + block) * outPlane + (from + quarter % 2 * count) * Dense.Block;
                Finish(p + quarter * all, quarter % 2 == 0 ? count : others, factors + quarter / 2 * Dense.Block, bias + block * Dense.Block,
                    then.Gate == null ? null : then.Gate + (n * _shape.OutBlocks + block) * Dense.Block, then, then.Add == null ? null : then.Add + at, y + at);
            }
        }
    }

    // T1 to T4 of a block of either half of the channels.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Sums(int block, float* b11, int count, int others, float* t)
    {
        nint size = (nint)_first * _half * Dense.Block;
        var below = block < _second;
        var b21 = b11 + (nint)_first * _shape.InPlane.Area * Dense.Block;
        var mask = _mask.Start() + (block == _second - 1 ? Dense.Block : 0); // lanes behind the last channel hold anything
        for (var lane = 0; lane < Dense.Block; lane += Vector<float>.Count)
        {
            var there = below ? Vector.Load(mask + lane) : Vector<float>.Zero;
            for (nint i = lane, next = i + (nint)count * Dense.Block, p = 0; p < count; p++, i += Dense.Block, next += Dense.Block)
            {
                var (v11, v12) = (Vector.Load(b11 + i), p < others ? Vector.Load(b11 + next) : Vector<float>.Zero);
                var (v21, v22) = below ? (Vector.Load(b21 + i) & there, p < others ? Vector.Load(b21 + next) & there : Vector<float>.Zero) : (Vector<float>.Zero, Vector<float>.Zero);
                var t1 = v12 - v11;
                var t2 = v22 - t1;
                t1.Store(t + i);
                t2.Store(t + size + i);
                (v22 - v12).Store(t + 2 * size + i);
                (t2 - v21).Store(t + 3 * size + i);
            }
        }
    }

    // One product, whose weights are the next.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Multiply(DenseSum sum, float* x, int pixels, ref float* w, float* to)
    {
        var kernel = new DenseTile { Bias = _zeros.Start(), WStep = Dense.Block, YPixel = Dense.Block, Low = float.NegativeInfinity, High = float.PositiveInfinity };
        sum.Set(ref kernel, sum.Places, w);
        w += sum.PackedSize(Dense.Block);
        var segments = Dense.Segments(pixels, 1);
        for (var segment = 0; segment < segments; segment++)
        {
            var (first, end) = (pixels * segment / segments, pixels * (segment + 1) / segments);
            kernel.X = x + first * Dense.Block;
            kernel.Y = to + first * Dense.Block;
            Dense.Tile(ref kernel, end - first, 1);
        }
    }

    // From the products C11, C12, C21 and C22, in the place of the first four.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddUp(float* p, nint step, int n)
    {
        for (var end = p + n; p < end; p += Vector<float>.Count)
        {
            var (p1, p3, p4, p5) = (Vector.Load(p), Vector.Load(p + 2 * step), Vector.Load(p + 3 * step), Vector.Load(p + 4 * step));
            var u = p1 + Vector.Load(p + 5 * step);
            var low = u + Vector.Load(p + 6 * step);
            (p1 + Vector.Load(p + step)).Store(p);
            (u + p5 + p3).Store(p + step);
            (low - p4).Store(p + 2 * step);
            (low + p5).Store(p + 3 * step);
        }
    }

    // What follows, to some pixels of one block.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Finish(float* sum, int pixels, float* factor, float* bias, float* gate, in DenseEpilogue then, float* add, float* y)
    {
        var (firstLow, firstHigh) = (new Vector<float>(then.First.Low), new Vector<float>(then.First.High));
        var (lastLow, lastHigh) = (new Vector<float>(then.Last.Low), new Vector<float>(then.Last.High));
        for (var lane = 0; lane < Dense.Block; lane += Vector<float>.Count)
        {
            var (f, b) = (Vector.Load(factor + lane), Vector.Load(bias + lane));
            if (gate != null) (f, b) = (f * Vector.Load(gate + lane), b * Vector.Load(gate + lane));
            for (int p = 0, i = lane; p < pixels; p++, i += Dense.Block)
            {
                var value = Vector.MultiplyAddEstimate(Vector.Load(sum + i), f, b);
                if (add != null) value = Vector.MinNative(firstHigh, Vector.MaxNative(firstLow, value)) + Vector.Load(add + i);
                Vector.MinNative(lastHigh, Vector.MaxNative(lastLow, value)).Store(y + i);
            }
        }

        then.Activation?.Apply(y, y, pixels * Dense.Block);
    }
}
