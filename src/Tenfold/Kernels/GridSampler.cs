using System.Numerics;
using System.Runtime.CompilerServices;

namespace Tenfold.Kernels;

/// <summary>Pixels that are weighted sums of other pixels, anywhere in a plane of 16 lanes.</summary>
/// <remarks>The places and weights of a row of the output are worked out once; each block of channels then reads by them:
/// <code>y[p] [c0 .. c15] = sum over t of  weight[p, t] * x[place[p, t]] [c0 .. c15]</code></remarks>
internal readonly unsafe struct GridSampler(int taps, int pixels)
{
    /// <summary>Numbers of the list that <see cref="Set"/> fills for a row: how many taps each pixel has, then the places of all, then the weights.</summary>
    public int Size => pixels * (2 * taps + 1);

    /// <summary>The next tap of a pixel; <see cref="Begin"/> comes before the first.</summary>
    public void Set(float* list, int pixel, int place, float weight)
    {
        var counts = (int*)list;
        var at = pixels + pixel * taps + counts[pixel]++;
        ((int*)list)[at] = place;
        list[at + pixels * taps] = weight;
    }

    public void Begin(float* list) => new Span<int>(list, pixels).Clear();

    /// <summary>A row of one block of channels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run(float* list, float* x, float* y)
    {
        for (var p = 0; p < pixels; p++, y += Dense.Block)
        {
            var count = ((int*)list)[p];
            var places = (int*)list + pixels + p * taps;
            var weights = list + pixels + pixels * taps + p * taps;
            if (count == 4) // bilinear, inside
            {
                float* p0 = x + (long)places[0] * Dense.Block, p1 = x + (long)places[1] * Dense.Block, p2 = x + (long)places[2] * Dense.Block, p3 = x + (long)places[3] * Dense.Block;
                Vector<float> w0 = new(weights[0]), w1 = new(weights[1]), w2 = new(weights[2]), w3 = new(weights[3]);
                for (var lane = 0; lane < Dense.Block; lane += Vector<float>.Count)
                {
                    var above = Vector.MultiplyAddEstimate(w1, Vector.Load(p1 + lane), w0 * Vector.Load(p0 + lane));
                    Vector.MultiplyAddEstimate(w3, Vector.Load(p3 + lane), Vector.MultiplyAddEstimate(w2, Vector.Load(p2 + lane), above)).Store(y + lane);
                }

                continue;
            }

            for (var lane = 0; lane < Dense.Block; lane += Vector<float>.Count)
            {
                var sum = Vector<float>.Zero;
                for (var t = 0; t < count; t++) sum = Vector.MultiplyAddEstimate(new Vector<float>(weights[t]), Vector.Load(x + (long)places[t] * Dense.Block + lane), sum);
                sum.Store(y + lane);
            }
        }
    }
}
