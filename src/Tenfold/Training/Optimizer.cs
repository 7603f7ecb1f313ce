using System.Numerics;
using System.Runtime.InteropServices;

namespace Tenfold;

/// <summary>How gradients change the weights. A record of its numbers; the state it needs for each weight is kept by the training.</summary>
/// <remarks>The arithmetic is number by number without fused multiply-adds: the same bits on every machine and at every vector width.</remarks>
/// <param name="Rate">The learning rate, which the schedule multiplies.</param>
/// <param name="WeightDecay">The pull towards zero.</param>
public abstract record Optimizer(double Rate, double WeightDecay)
{
    /// <summary>True spares parameters of one dimension, which are the scales and shifts of norms and the biases, from the decay.</summary>
    public bool SpareNormsAndBiases { get; init; }

    /// <summary>What is kept for each weight, by name, zeros at first; at most two.</summary>
    internal abstract IReadOnlyList<string> State { get; }

    /// <summary>One step on one parameter.</summary>
    /// <param name="scale">What the gradient is multiplied by first: below 1 where it is clipped.</param>
    /// <param name="step">1 for the first.</param>
    internal abstract void Update(Span<float> weights, ReadOnlySpan<float> gradient, Span<float> first, Span<float> second, double rate, double decay, float scale, long step);

    internal double DecayFor(Shape parameter) => SpareNormsAndBiases && parameter.Rank <= 1 ? 0 : WeightDecay;

    /// <summary>The formula of an optimiser for as many weights as a vector holds.</summary>
    protected interface IRule
    {
        /// <summary>The new weights.</summary>
        Vector<float> Next(Vector<float> w, Vector<float> g, ref Vector<float> first, ref Vector<float> second);
    }

    /// <summary>The rule on all weights; the last few stand in vectors filled up with zeros.</summary>
    protected static void Apply<TRule>(in TRule rule, Span<float> weights, ReadOnlySpan<float> gradient, Span<float> first, Span<float> second) where TRule : struct, IRule
    {
        var whole = weights.Length - weights.Length % Vector<float>.Count;
        ApplyVectors(rule, weights[..whole], gradient[..whole], first.IsEmpty ? first : first[..whole], second.IsEmpty ? second : second[..whole]);
        if (whole == weights.Length) return;
        Span<float> rest = stackalloc float[4 * Vector<float>.Count];
        rest.Clear();
        var (w, g, f, s) = (0, Vector<float>.Count, 2 * Vector<float>.Count, 3 * Vector<float>.Count);
        var length = weights.Length - whole;
        weights[whole..].CopyTo(rest[w..]);
        gradient[whole..].CopyTo(rest[g..]);
        if (!first.IsEmpty) first[whole..].CopyTo(rest[f..]);
        if (!second.IsEmpty) second[whole..].CopyTo(rest[s..]);
        ApplyVectors(rule, rest[w..g], rest[g..f], rest[f..s], rest[s..]);
        rest.Slice(w, length).CopyTo(weights[whole..]);
        if (!first.IsEmpty) rest.Slice(f, length).CopyTo(first[whole..]);
        if (!second.IsEmpty) rest.Slice(s, length).CopyTo(second[whole..]);
    }

    private static void ApplyVectors<TRule>(in TRule rule, Span<float> weights, ReadOnlySpan<float> gradient, Span<float> first, Span<float> second) where TRule : struct, IRule
    {
        var ws = MemoryMarshal.Cast<float, Vector<float>>(weights);
        var gs = MemoryMarshal.Cast<float, Vector<float>>(gradient);
        var fs = MemoryMarshal.Cast<float, Vector<float>>(first);
        var ss = MemoryMarshal.Cast<float, Vector<float>>(second);
        for (var i = 0; i < ws.Length; i++)
        {
            var f = fs.IsEmpty ? default : fs[i];
            var s = ss.IsEmpty ? default : ss[i];
            ws[i] = rule.Next(ws[i], gs[i], ref f, ref s);
            if (!fs.IsEmpty) fs[i] = f;
            if (!ss.IsEmpty) ss[i] = s;
        }
    }
}

/// <summary>Stochastic gradient descent with momentum, as PyTorch's.</summary>
/// <remarks><code>
/// g += decay w;   v = momentum v + g;   w -= rate v          (Nesterov: w -= rate (g + momentum v))
/// </code>
/// Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013.</remarks>
public sealed record Sgd(double Rate = 0.1, double Momentum = 0.9, bool Nesterov = false, double WeightDecay = 0) : Optimizer(Rate, WeightDecay)
{
    internal override IReadOnlyList<string> State => Momentum == 0 ? [] : ["momentum"];

    internal override void Update(Span<float> weights, ReadOnlySpan<float> gradient, Span<float> first, Span<float> second, double rate, double decay, float scale, long step)
    {
        if (Momentum == 0) Apply(new Plain((float)rate, (float)decay, scale), weights, gradient, first, second);
        else if (Nesterov) Apply(new Ahead((float)rate, (float)decay, (float)Momentum, scale), weights, gradient, first, second);
        else Apply(new Heavy((float)rate, (float)decay, (float)Momentum, scale), weights, gradient, first, second);
    }

    private readonly struct Plain(float rate, float decay, float scale) : IRule
    {
        public Vector<float> Next(Vector<float> w, Vector<float> g, ref Vector<float> first, ref Vector<float> second) => w - (g * scale + w * decay) * rate;
    }

    private readonly struct Heavy(float rate, float decay, float momentum, float scale) : IRule
    {
        public Vector<float> Next(Vector<float> w, Vector<float> g, ref Vector<float> v, ref Vector<float> second)
        {
            v = v * momentum + (g * scale + w * decay);
            return w - v * rate;
        }
    }

    private readonly struct Ahead(float rate, float decay, float momentum, float scale) : IRule
    {
        public Vector<float> Next(Vector<float> w, Vector<float> g, ref Vector<float> v, ref Vector<float> second)
        {
            g = g * scale + w * decay;
            v = v * momentum + g;
            return w - (g + v * momentum) * rate;
        }
    }
}

/// <summary>Adam with decoupled weight decay, as PyTorch's.</summary>
/// <remarks><code>
/// w *= 1 - rate decay;   m += (1 - b1)(g - m);   v = b2 v + (1 - b2) g g
/// w -= rate / (1 - b1^t)  m / (sqrt(v) / sqrt(1 - b2^t) + epsilon)                        t = 1, 2, ...
/// </code>
/// Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2017 (arXiv 1711.05101), algorithm 2.</remarks>
public sealed record AdamW(double Rate = 1e-3, double Beta1 = 0.9, double Beta2 = 0.999, double Epsilon = 1e-8, double WeightDecay = 1e-2) : Optimizer(Rate, WeightDecay)
{
    internal override IReadOnlyList<string> State => ["mean", "square"];

    internal override void Update(Span<float> weights, ReadOnlySpan<float> gradient, Span<float> first, Span<float> second, double rate, double decay, float scale, long step) =>
        Apply(new Rule(
            (float)(1 - rate * decay), (float)(1 - Beta1), (float)Beta2, (float)(1 - Beta2),
            (float)(rate / (1 - Math.Pow(Beta1, step))), (float)Math.Sqrt(1 - Math.Pow(Beta2, step)), (float)Epsilon, scale), weights, gradient, first, second);

    private readonly struct Rule(float shrink, float newMean, float oldSquare, float newSquare, float rate, float correction, float epsilon, float scale) : IRule
    {
        public Vector<float> Next(Vector<float> w, Vector<float> g, ref Vector<float> m, ref Vector<float> v)
        {
            g *= scale;
            m += (g - m) * newMean;
            v = v * oldSquare + g * g * newSquare;
            return w * shrink - m / (Vector.SquareRoot(v) / new Vector<float>(correction) + new Vector<float>(epsilon)) * rate;
        }
    }
}

/// <summary>The gradient divided by a running root of its mean square, with momentum, as PyTorch's.</summary>
/// <remarks><code>
/// g += decay w;   s = a s + (1 - a) g g;   v = momentum v + g / (sqrt(s) + epsilon);   w -= rate v
/// </code>
/// Tieleman and Hinton, lecture 6.5 of "Neural Networks for Machine Learning", 2012. Inception v3 and MobileNet were trained with it.</remarks>
/// <param name="Smoothing">a.</param>
public sealed record RmsProp(double Rate = 1e-2, double Smoothing = 0.99, double Momentum = 0, double Epsilon = 1e-8, double WeightDecay = 0) : Optimizer(Rate, WeightDecay)
{
    internal override IReadOnlyList<string> State => ["square", "momentum"];

    internal override void Update(Span<float> weights, ReadOnlySpan<float> gradient, Span<float> first, Span<float> second, double rate, double decay, float scale, long step) =>
        Apply(new Rule((float)rate, (float)decay, (float)Smoothing, (float)(1 - Smoothing), (float)Momentum, (float)Epsilon, scale), weights, gradient, first, second);

    private readonly struct Rule(float rate, float decay, float oldSquare, float newSquare, float momentum, float epsilon, float scale) : IRule
    {
        public Vector<float> Next(Vector<float> w, Vector<float> g, ref Vector<float> s, ref Vector<float> v)
        {
            g = g * scale + w * decay;
            s = s * oldSquare + g * g * newSquare;
            v = v * momentum + g / (Vector.SquareRoot(s) + new Vector<float>(epsilon));
            return w - v * rate;
        }
    }
}
