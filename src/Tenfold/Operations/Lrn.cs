using System.Numerics;

namespace Tenfold;

/// <summary>Local response normalisation: every number is divided by a power of the energy in neighbouring channels.</summary>
/// <remarks>
/// <code>y[n, c, ...] = x[n, c, ...] / (k + alpha / size * sum over j in window(c) of x[n, j, ...]^2)^beta,   window(c) = c - floor(size/2) .. c + floor((size-1)/2)</code>
/// The window is cut at the first and the last channel; the divisor stays size. No parameters, no MACs as they are counted.
/// Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", NIPS 2012, section 3.3, who do not divide
/// alpha by size: their 1e-4 with size 5 is 5e-4 here, with k = 2 and beta = 0.75.
/// ONNX's window is the mirror image where size is even.
/// </remarks>
/// <param name="Size">Channels in a window.</param>
public sealed record Lrn(int Size, float Alpha, float Beta, float K) : UnaryOp
{
    public override string Name => "lrn";

    public override Shape Infer(Shape x)
    {
        Require.Channels(Name, x);
        return Size >= 1 ? x : throw new ShapeException($"{Name}: a window of {Size} channels; at least 1");
    }

    protected override void Define<T>(Values<T> x, Values<T> y)
    {
        foreach (var place in Softmax.Places(x.Shape))
            for (var c = 0; c < place.Length; c++) y[place[c]] = x[place[c]] * T.Pow(Energy(x, place, c), T.CreateTruncating(-Beta));
    }

    protected override Node Gradient(Node x, Node y, Node dy) => new LrnGradient(this).Apply(x, dy);

    internal Interval Window(int c, int channels) => new Interval(c - Size / 2, c - Size / 2 + Size).Within(0, channels);

    /// <summary>k + alpha / size times the sum of squares around channel c.</summary>
    internal T Energy<T>(Values<T> x, int[] place, int c) where T : struct, IBinaryFloatingPointIeee754<T>
    {
        var sum = T.Zero;
        var window = Window(c, place.Length);
        for (var j = window.From; j < window.To; j++) sum += x[place[j]] * x[place[j]];
        return T.CreateTruncating(K) + T.CreateTruncating(Alpha) / T.CreateTruncating(Size) * sum;
    }
}

/// <summary>dx of <see cref="Lrn"/>. With D[c] the energy: dx[c] = dy[c] D[c]^-beta - 2 alpha beta / size x[c] times the sum of
/// dy[j] x[j] D[j]^(-beta-1) over the channels j whose window holds c. Inputs: x, dy.</summary>
public sealed record LrnGradient(Lrn Lrn) : Op
{
    public override string Name => "lrn gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 2, "x and dy");
        Require.Same(Name, "dy", inputs[1], Lrn.Infer(inputs[0]));
        return inputs[0];
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (x, dy, dx) = (inputs[0], inputs[1], output);
        var beta = T.CreateTruncating(Lrn.Beta);
        var factor = T.CreateTruncating(2) * T.CreateTruncating(Lrn.Alpha) * beta / T.CreateTruncating(Lrn.Size);
        foreach (var place in Softmax.Places(x.Shape))
            for (var j = 0; j < place.Length; j++)
            {
                var energy = Lrn.Energy(x, place, j);
                dx[place[j]] += dy[place[j]] * T.Pow(energy, -beta);
                var pull = factor * dy[place[j]] * x[place[j]] * T.Pow(energy, -beta - T.One);
                var window = Lrn.Window(j, place.Length);
                for (var c = window.From; c < window.To; c++) dx[place[c]] -= pull * x[place[c]];
            }
    }
}

public static partial class Verbs
{
    /// <summary>Divides by the energy of <paramref name="size"/> neighbouring channels; see <see cref="Tenfold.Lrn"/>. The defaults are PyTorch's.</summary>
    public static Node Lrn(this Node x, int size = 5, float alpha = 1e-4f, float beta = 0.75f, float k = 1) => new Lrn(size, alpha, beta, k).Apply(x);
}
