using System.Numerics;
using System.Runtime.CompilerServices;

namespace Tenfold.Kernels;

/// <summary>Local response normalisation on blocked maps: the channels of a pixel are laid out in one line, so that neighbours are unaligned loads.</summary>
/// <param name="size">Channels in a window.</param>
internal sealed unsafe class ResponseNorm(int channels, int pixels, int size, float alpha, float beta, float k)
{
    private readonly int _blocks = (channels + Dense.Block - 1) / Dense.Block;

    // Zeros before and behind the channels, for windows reach over the ends.
    private int Line => _blocks * Dense.Block + 2 * (size + Dense.Block);

    private int Begin => size + Dense.Block - (size + Dense.Block) % Dense.Block;

    public long Scratch => 3L * (Line + Dense.Block);

    /// <summary>y = x / energy^beta for pixels [from, to) of one sample.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run(float* x, float* y, int from, int to, float* scratch)
    {
        new Span<float>(scratch, (int)Scratch).Clear();
        var squares = scratch + Begin;
        for (var p = from; p < to; p++)
        {
            Squares(x, p, squares);
            for (var c = 0; c < _blocks * Dense.Block; c += Vector<float>.Count)
                (At(x, p, c) * Functions.Power(Energy(squares, c), -beta)).Store(Place(y, p, c));
        }
    }

    /// <summary>dx = dy energy^-beta - x times the pulls of the channels in whose window it is, pull[j] = 2 alpha beta / size dy[j] x[j] energy[j]^(-beta-1).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Gradient(float* x, float* dy, float* dx, int from, int to, float* scratch)
    {
        new Span<float>(scratch, (int)Scratch).Clear();
        float* squares = scratch + Begin, pulls = squares + Line, direct = pulls + Line;
        var factor = new Vector<float>(2 * alpha * beta / size);
        for (var p = from; p < to; p++)
        {
            Squares(x, p, squares);
            for (var c = 0; c < _blocks * Dense.Block; c += Vector<float>.Count)
            {
                var energy = Energy(squares, c);
                var power = Functions.Power(energy, -beta) * At(dy, p, c);
                power.Store(direct + c);
                var real = Vector.LessThan(Vector<int>.Indices + new Vector<int>(c), new Vector<int>(channels));
                Vector.ConditionalSelect(real, factor * power / energy * At(x, p, c), Vector<float>.Zero).Store(pulls + c);
            }

            for (var c = 0; c < _blocks * Dense.Block; c += Vector<float>.Count)
            {
                var sum = Vector<float>.Zero;
                for (var j = -((size - 1) / 2); j <= size / 2; j++) sum += Vector.Load(pulls + c + j);
                (Vector.Load(direct + c) - At(x, p, c) * sum).Store(Place(dx, p, c));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Squares(float* x, int pixel, float* squares)
    {
        for (var c = 0; c < _blocks * Dense.Block; c += Vector<float>.Count)
        {
            var value = At(x, pixel, c);
            var real = Vector.LessThan(Vector<int>.Indices + new Vector<int>(c), new Vector<int>(channels));
            Vector.ConditionalSelect(real, value * value, Vector<float>.Zero).Store(squares + c);
        }
    }

    private Vector<float> Energy(float* squares, int c)
    {
        var sum = Vector<float>.Zero;
        for (var j = -(size / 2); j < size - size / 2; j++) sum += Vector.Load(squares + c + j);
        return Vector.MultiplyAddEstimate(new Vector<float>(alpha / size), sum, new Vector<float>(k));
    }

    private Vector<float> At(float* map, int pixel, int channel) => Vector.Load(Place(map, pixel, channel));

    private float* Place(float* map, int pixel, int channel) => map + ((long)(channel / Dense.Block) * pixels + pixel) * Dense.Block + channel % Dense.Block;
}
