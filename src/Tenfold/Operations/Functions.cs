using System.Numerics;

namespace Tenfold;

/// <summary>y = e^x.</summary>
public sealed record Exp : ElementwiseOp
{
    public override string Name => "exp";

    protected override T Map<T>(T x) => T.Exp(x);

    protected override Node Gradient(Node x, Node y, Node dy) => dy * y;
}

/// <summary>The natural logarithm; of 0 minus infinity, of a negative number NaN.</summary>
public sealed record Log : ElementwiseOp
{
    public override string Name => "log";

    protected override T Map<T>(T x) => T.Log(x);

    protected override Node Gradient(Node x, Node y, Node dy) => dy * x.Power(-1);
}

/// <summary>y = x^exponent: 0.5 is the square root, -1 the reciprocal. NaN for a negative x and an exponent that is not whole.</summary>
public sealed record Power(float Exponent) : ElementwiseOp
{
    public override string Name => "power";

    // Square roots and reciprocals are rounded correctly, powers in general are not.
    protected override T Map<T>(T x) => Exponent switch
    {
        0.5f => T.Sqrt(x),
        -1 => T.One / x,
        2 => x * x,
        _ => T.Pow(x, T.CreateTruncating(Exponent)),
    };

    protected override Node Gradient(Node x, Node y, Node dy) => dy * x.Power(Exponent - 1).Affine(Exponent);
}

/// <summary>Error function: y = 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.</summary>
/// <remarks>The part of a normal distribution of deviation 1 / sqrt 2 within x of its mean; GELU (Hendrycks and Gimpel 2016) is made of it.</remarks>
public sealed record Erf : ElementwiseOp
{
    public override string Name => "erf";

    protected override T Map<T>(T x) => T.CreateTruncating(Of(double.CreateTruncating(x)));

    protected override Node Gradient(Node x, Node y, Node dy) => dy * (x * x).Affine(-1).Exp().Affine((float)(2 / Math.Sqrt(Math.PI)));

    // 2/sqrt(pi) e^(-x^2) (x + 2 x^3 / 3 + 4 x^5 / 15 + ...): all terms of one sign, so nothing cancels. From 6 on 1 to the last bit.
    internal static double Of(double x)
    {
        if (!(Math.Abs(x) < 6)) return double.IsNaN(x) ? x : Math.Sign(x);
        var (sum, term) = (x, x);
        for (var n = 1; Math.Abs(term) > 1e-17 * Math.Abs(sum); n++) sum += term *= 2 * x * x / (2 * n + 1);
        return 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum;
    }
}

/// <summary>Softplus, a smooth ReLU: y = log(1 + e^x).</summary>
/// <remarks>Dugas et al., "Incorporating Second-Order Functional Knowledge for Better Option Pricing", NIPS 2000.</remarks>
public sealed record Softplus : ElementwiseOp
{
    public override string Name => "softplus";

    protected override T Map<T>(T x) => T.Max(x, T.Zero) + T.LogP1(T.Exp(-T.Abs(x)));

    protected override Node Gradient(Node x, Node y, Node dy) => dy * x.Sigmoid();
}

/// <summary>Exponential linear unit: y = x where x > 0, else alpha (e^x - 1).</summary>
/// <remarks>Clevert, Unterthiner, Hochreiter, "Fast and Accurate Deep Network Learning by Exponential Linear Units", ICLR 2016.
/// SELU (Klambauer et al. 2017) is 1.0507 times the one with alpha 1.6733.</remarks>
public sealed record Elu(float Alpha) : ElementwiseOp
{
    public override string Name => "elu";

    protected override T Map<T>(T x) => x > T.Zero ? x : T.CreateTruncating(Alpha) * T.ExpM1(x);

    protected override Node Gradient(Node x, Node y, Node dy) => new EluGradient(Alpha).Apply(x, dy);
}

/// <summary>dx = dy where x > 0, else alpha e^x dy. Inputs: x, dy.</summary>
public sealed record EluGradient(float Alpha) : DerivativeOp
{
    public override string Name => "elu gradient";

    protected override T Map<T>(T x, T dy) => x > T.Zero ? dy : T.CreateTruncating(Alpha) * T.Exp(x) * dy;
}

/// <summary>y = min(max(x, min), max). The derivative at both bounds is 0.</summary>
/// <param name="Min">Finite; <see cref="float.MinValue"/> for none.</param>
/// <param name="Max">Finite, at least <paramref name="Min"/>; <see cref="float.MaxValue"/> for none.</param>
public sealed record Clip(float Min, float Max) : ElementwiseOp
{
    public override string Name => "clip";

    // Where the bounds cross, the upper one holds.
    protected override T Map<T>(T x) => T.Min(T.Max(x, T.CreateTruncating(Min)), T.CreateTruncating(Max));

    protected override Node Gradient(Node x, Node y, Node dy) => new ClipGradient(Min, Max).Apply(y, dy);
}

/// <summary>dx = dy where min &lt; y &lt; max, else 0. Inputs: y, dy.</summary>
public sealed record ClipGradient(float Min, float Max) : DerivativeOp
{
    public override string Name => "clip gradient";

    protected override T Map<T>(T y, T dy) => y > T.CreateTruncating(Min) && y < T.CreateTruncating(Max) ? dy : T.Zero;
}

public static partial class Verbs
{
    /// <summary>e^x.</summary>
    public static Node Exp(this Node x) => new Exp().Apply(x);

    /// <summary>The natural logarithm.</summary>
    public static Node Log(this Node x) => new Log().Apply(x);

    /// <summary>x^exponent.</summary>
    public static Node Power(this Node x, float exponent) => exponent == 1 ? x : new Power(exponent).Apply(x);

    /// <summary>The error function.</summary>
    public static Node Erf(this Node x) => new Erf().Apply(x);

    /// <summary>log(1 + e^x).</summary>
    public static Node Softplus(this Node x) => new Softplus().Apply(x);

    /// <summary>x where x > 0, else alpha (e^x - 1).</summary>
    public static Node Elu(this Node x, float alpha = 1) => new Elu(alpha).Apply(x);

    /// <summary>min(max(x, min), max).</summary>
    public static Node Clip(this Node x, float min, float max) => new Clip(min, max).Apply(x);
}
