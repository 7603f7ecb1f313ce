using System.Numerics;
using System.Runtime.CompilerServices;

namespace Tenfold.Kernels;

/// <summary>One way to compute the gradient of a dense convolution's kernel: sums over chunks of the batch, and their addition in order.</summary>
internal abstract unsafe class WeightGradientKernel
{
    public abstract string Name { get; }

    public abstract int Items { get; }

    /// <summary>Floats of scratch memory that an item needs.</summary>
    public abstract long Scratch { get; }

    /// <summary>Floats of the sums of all chunks.</summary>
    public abstract long SumsSize { get; }

    public abstract int AddItems { get; }

    public abstract void Run(int item, float* x, float* dy, float* sums, float* scratch);

    /// <param name="dk">[out, in/groups, kh, kw].</param>
    public abstract void Add(int item, float* sums, float* dk);

    /// <summary>Adds the sums of all chunks to those of the first.</summary>
    /// <param name="perChunk">Floats from one chunk to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected static void AddChunks(float* sums, int count, int chunks, long perChunk)
    {
        for (var i = 0; i < count && chunks > 1; i += Vector<float>.Count)
        {
            var sum = Vector.Load(sums + i);
            for (var chunk = 1; chunk < chunks; chunk++) sum += Vector.Load(sums + i + chunk * perChunk);
            sum.Store(sums + i);
        }
    }

    /// <summary>Lays one output block by one input block out as a kernel has them: [tap][16 inputs][16 outputs] to [out][in/groups][tap].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected static void Store(DenseShape shape, int outBlock, int inBlock, float* sums, float* dk)
    {
        const int Tap = Dense.Block * Dense.Block;
        var area = shape.KernelSize.Area;
        var (channels, outputs) = (Math.Min(Dense.Block, shape.In - inBlock * Dense.Block), Math.Min(Dense.Block, shape.Out - outBlock * Dense.Block));
        if (area == 1 && shape.Groups == 1)
        {
            Repack.ToPlanes(sums, outputs, channels, dk + shape.Weight(outBlock * Dense.Block, inBlock * Dense.Block), shape.In);
            return;
        }

        for (var o = 0; o < outputs; o++)
        {
            var (first, last) = shape.Reads(outBlock * Dense.Block + o, outBlock * Dense.Block + o + 1);
            var (from, to) = (Math.Max(0, first - inBlock * Dense.Block), Math.Min(channels, last - inBlock * Dense.Block));
            if (from >= to) continue; // of two groups
            var at = dk + shape.Weight(outBlock * Dense.Block + o, inBlock * Dense.Block + from);
            var end = sums + to * Dense.Block + o;
            for (var number = sums + from * Dense.Block + o; number < end; number += Dense.Block)
                for (var tap = number; tap < number + area * Tap; tap += Tap) *at++ = *tap;
        }
    }
}
