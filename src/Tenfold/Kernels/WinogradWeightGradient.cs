using System.Numerics;
using System.Runtime.CompilerServices;

namespace Tenfold.Kernels;

/// <summary>The gradient of a 3x3 kernel of stride 1 by the minimal filtering of <see cref="WinogradConvolution"/>, turned around.</summary>
/// <remarks>
/// y = A' ((G k G') (B' x B)) A is linear in k, so dk = G' (sum over tiles of (A dy A') (B' x B)) G: outer products of transformed tiles, a quarter of the
/// multiplications for m = 4. Tiles fall into chunks, fixed by the shape alone, with sums of their own: [output block][input block][number][16 inputs][16 outputs].
/// </remarks>
internal sealed unsafe class WinogradWeightGradient : WeightGradientKernel
{
    private const int M = 4, Size = M + 2, Numbers = Size * Size;
    private const int CacheFloats = 132 * 1024;
    private const long MostSums = 4 << 20; // floats

    private readonly DenseShape _shape;
    private readonly WinogradTiles _tiles;
    private readonly double[,] _kernel = Winograd.Kernel(Size, 3);
    private readonly int _chunks, _shares, _group;
    private readonly nint _xStep, _dyStep;
    private readonly long _perChunk;
    private readonly bool _pairs;

    /// <param name="shape">Of the forward convolution; not transposed.</param>
    /// <param name="pairs">Whether products may come in pairs.</param>
    public WinogradWeightGradient(DenseShape shape, bool pairs)
    {
        _pairs = pairs;
        (_shape, _tiles) = (shape, new WinogradTiles(shape, new Winograd(3, M)));
        _perChunk = (long)shape.OutBlocks * shape.InBlocks * Numbers * Dense.Block * Dense.Block;
        _chunks = (int)Math.Clamp(MostSums / _perChunk, 1, Math.Min(8, (_tiles.Count + 27) / 28));
        _shares = Math.Min(shape.OutBlocks, (8 + _chunks - 1) / _chunks);
        var outBlocks = (shape.OutBlocks + _shares - 1) / _shares;
        _group = Math.Min((_tiles.Count + _chunks - 1) / _chunks, Math.Clamp(CacheFloats / (Numbers * (shape.InBlocks + outBlocks) * Dense.Block), 28, 112));
        _xStep = (shape.InBlocks * _group | 1) * Dense.Block;
        _dyStep = (outBlocks * _group | 1) * Dense.Block;
        SumsSize = _chunks * _perChunk;
        Items = _chunks * _shares;
        Scratch = Numbers * (_xStep + _dyStep) + Math.Max(2L * Numbers, _group) * Dense.Block;
        AddItems = shape.OutBlocks * shape.InBlocks;
    }

    public static bool Takes(DenseShape shape) => shape.KernelSize == 3 && WinogradConvolution.Takes(shape);

    public override string Name => "Winograd F(4x4) turned around";

    public override int Items { get; }

    public override long Scratch { get; }

    public override long SumsSize { get; }

    public override int AddItems { get; }

    /// <summary>Cycles of one core, in which a multiply-add of 16 lanes is 1.</summary>
    public double Cycles => _tiles.Count * (Numbers * (_pairs ? 0.9 : 1.2) * _shape.InPerGroup * _shape.OutBlocks + 300.0 * _shares * _shape.InBlocks + 260.0 * _shape.OutBlocks)
        + 9.0 * Numbers * Dense.Block * _shape.InBlocks * _shape.OutBlocks * (_chunks + 4);

    public override void Run(int item, float* x, float* dy, float* sums, float* scratch)
    {
        var (chunk, share) = Math.DivRem(item, _shares);
        var (begin, end) = (_shape.OutBlocks * share / _shares, _shape.OutBlocks * (share + 1) / _shares);
        var perBlock = (long)_shape.InBlocks * Numbers * Dense.Block * Dense.Block;
        sums += chunk * _perChunk;
        for (var block = begin; block < end; block++) new Span<float>(sums + block * perBlock, checked((int)perBlock)).Clear();
        var (v, d) = ((nint)scratch, (nint)(scratch + Numbers * _xStep));
        var rest = scratch + Numbers * (_xStep + _dyStep);
        var (from, to) = (_shape.Reads(begin * Dense.Block, (begin + 1) * Dense.Block).From / Dense.Block, (_shape.Reads((end - 1) * Dense.Block, end * Dense.Block).To + Dense.Block - 1) / Dense.Block);
        var last = (int)((long)_tiles.Count * (chunk + 1) / _chunks);
        for (var first = (int)((long)_tiles.Count * chunk / _chunks); first < last; first += _group)
        {
            var count = Math.Min(_group, last - first);
            _tiles.Transform(first, count, from, to, x, (float*)v, _group, _xStep, rest);
            _tiles.TransformBack(first, count, begin, end, dy, (float*)d, _group, _dyStep, rest);
            for (var number = 0; number < Numbers; number++)
            {
                float* vs = (float*)v + number * _xStep, ds = (float*)d + number * _dyStep;
                var square = _pairs ? OuterPairs.MeanSquare(new DenseOuter { X = vs + from * _group * Dense.Block, Rows = 1, Pixels = count }, Math.Min(to, _shape.In / Dense.Block) - from, _group * Dense.Block) : 0;
                for (var block = begin; block < end; block++, ds += _group * Dense.Block) Outer(block, number, count, vs, ds, square, sums + block * perBlock, rest);
            }
        }
    }

    // One of the numbers of some tiles, for one block of output channels.
    private void Outer(int outBlock, int number, int count, float* v, float* d, double square, float* sums, float* scaled)
    {
        var outer = new DenseOuter { Rows = 1, Pixels = count };
        var scale = 0f;
        if (square > 0)
        {
            var lanes = Math.Min(Dense.Block, _shape.Out - outBlock * Dense.Block);
            scale = OuterPairs.Scale(square, OuterPairs.Squares(d, count, lanes) / ((double)count * lanes));
            if (scale != 0) OuterPairs.Copy(d, count, scale, scaled);
            (outer.Scale, outer.Limit) = (1 / scale, OuterPairs.Limit(square, count));
        }

        var (low, high) = _shape.Reads(outBlock * Dense.Block, (outBlock + 1) * Dense.Block);
        for (var c = low; c < high; c += Dense.Block)
        {
            var channels = Math.Min(Dense.Block, high - c);
            outer.X = v + c / Dense.Block * _group * Dense.Block;
            outer.Sum = sums + (c / Dense.Block * Numbers + number) * Dense.Block * Dense.Block;
            if (scale != 0 && channels == OuterPairs.Channels)
            {
                outer.Dy = scaled;
                if (OuterPairs.Add(outer)) continue;
            }

            outer.Dy = d;
            for (var lane = 0; lane < channels; lane += Dense.MaxChannels, outer.X += Dense.MaxChannels, outer.Sum += Dense.MaxChannels * Dense.Block)
                Dense.Outer(ref outer, Math.Min(Dense.MaxChannels, channels - lane));
        }
    }

    /// <summary>Adds the chunks up and takes the sums back: dk = G' S G, one output block by one input block.</summary>
    public override void Add(int item, float* sums, float* dk)
    {
        const int Slab = Dense.Block * Dense.Block; // [16 inputs][16 outputs] of one number
        var (outBlock, inBlock) = Math.DivRem(item, _shape.InBlocks);
        if (_shape.Weight(outBlock * Dense.Block, inBlock * Dense.Block) < 0) return; // of two groups
        sums += (long)item * Numbers * Slab;
        AddChunks(sums, Numbers * Slab, _chunks, _perChunk);
        float* half = stackalloc float[3 * Size * Slab], taps = stackalloc float[9 * Slab];
        for (var j = 0; j < Size; j++)
            for (var i = 0; i < 3; i++) Combine(i, sums + j * Slab, Size * Slab, half + (i * Size + j) * Slab);
        for (var i = 0; i < 3; i++)
            for (var j = 0; j < 3; j++) Combine(j, half + i * Size * Slab, Slab, taps + (i * 3 + j) * Slab);
        Store(_shape, outBlock, inBlock, taps, dk);
    }

    // to = column i of G times six slabs
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Combine(int i, float* from, int step, float* to)
    {
        var (g0, g1, g2, g3, g4, g5) = (Of(0), Of(1), Of(2), Of(3), Of(4), Of(5));
        for (var end = from + Dense.Block * Dense.Block; from < end; from += Vector<float>.Count, to += Vector<float>.Count)
            ((Vector.Load(from) * g0 + Vector.Load(from + step) * g1 + Vector.Load(from + 2 * step) * g2)
                + (Vector.Load(from + 3 * step) * g3 + Vector.Load(from + 4 * step) * g4 + Vector.Load(from + 5 * step) * g5)).Store(to);

        Vector<float> Of(int k) => new((float)_kernel[k, i]);
    }
}
