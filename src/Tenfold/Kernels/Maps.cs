using System.Numerics;
using System.Runtime.Intrinsics;

namespace Tenfold.Kernels;

/// <summary>A function of one number, on a vector of them.</summary>
/// <remarks>A generic kernel is compiled for each of these structures, with the function in its loop. Derivatives are called slopes, and are functions of two numbers: of the input or the output of a function, and of the gradient that comes to it.</remarks>
internal interface IMap
{
    Vector<float> Of(Vector<float> x);
}

/// <summary>A function of two numbers, on vectors of them.</summary>
internal interface IMap2
{
    Vector<float> Of(Vector<float> a, Vector<float> b);
}

/// <summary>A function of one number that has a shorter way with the instructions of 512-bit vectors, or is called so often that half of the calls count.</summary>
internal interface IWideMap : IMap
{
    Vector512<float> Of(Vector512<float> x);
}

internal readonly struct SigmoidOf : IWideMap
{
    public Vector<float> Of(Vector<float> x) => Functions.Sigmoid(x);

    public Vector512<float> Of(Vector512<float> x) => Vector512<float>.One / Functions.OnePlusExp(Vector512.MaxNative(Vector512.Create(-200f), x)); // also of minus infinity
}

internal readonly struct TanhOf : IMap
{
    public Vector<float> Of(Vector<float> x) => Functions.Tanh(x);
}

internal readonly struct SiluOf : IWideMap
{
    public Vector<float> Of(Vector<float> x) => x / Functions.OnePlusExp(x);

    public Vector512<float> Of(Vector512<float> x) => x / Functions.OnePlusExp(x);
}

internal readonly struct HardSigmoidOf : IWideMap
{
    public Vector<float> Of(Vector<float> x) => Hard(x);

    public Vector512<float> Of(Vector512<float> x) => Hard(x);

    public static Vector<float> Hard(Vector<float> x) =>
        Vector.MinNative(Vector<float>.One, Vector.MaxNative(Vector<float>.Zero, Vector.MultiplyAddEstimate(x, new Vector<float>(1f / 6), new Vector<float>(0.5f))));

    public static Vector512<float> Hard(Vector512<float> x) =>
        Vector512.MinNative(Vector512<float>.One, Vector512.MaxNative(Vector512<float>.Zero, Vector512.MultiplyAddEstimate(x, Vector512.Create(1f / 6), Vector512.Create(0.5f))));
}

internal readonly struct HardSwishOf : IWideMap
{
    public Vector<float> Of(Vector<float> x) => x * HardSigmoidOf.Hard(x);

    public Vector512<float> Of(Vector512<float> x) => x * HardSigmoidOf.Hard(x);
}

internal readonly struct LeakyOf(float slope) : IMap
{
    public Vector<float> Of(Vector<float> x) => Vector.ConditionalSelect(Vector.GreaterThan(x, Vector<float>.Zero), x, new Vector<float>(slope) * x);
}

internal readonly struct ExpOf : IMap
{
    public Vector<float> Of(Vector<float> x) => Functions.Exp(x);
}

internal readonly struct LogOf : IMap
{
    public Vector<float> Of(Vector<float> x) => Vector.Log(x);
}

internal readonly struct ErfOf : IMap
{
    public Vector<float> Of(Vector<float> x) => Functions.Erf(x);
}

internal readonly struct SoftplusOf : IMap
{
    public Vector<float> Of(Vector<float> x) => Functions.Softplus(x);
}

internal readonly struct EluOf(float alpha) : IMap
{
    public Vector<float> Of(Vector<float> x) => Vector.ConditionalSelect(Vector.GreaterThan(x, Vector<float>.Zero), x, new Vector<float>(alpha) * Functions.Exp1(x));
}

internal readonly struct NotOf : IMap
{
    public Vector<float> Of(Vector<float> x) => Truth.Of(Vector.Equals(x, Vector<float>.Zero));
}

/// <summary>The exponents that have a shorter way than exponential and logarithm, and all others.</summary>
internal readonly struct PowerOf(float exponent) : IMap
{
    public Vector<float> Of(Vector<float> x) => exponent switch
    {
        0.5f => Vector.SquareRoot(x),
        -0.5f => Vector<float>.One / Vector.SquareRoot(x),
        -1 => Vector<float>.One / x,
        2 => x * x,
        3 => x * x * x,
        4 => x * x * (x * x),
        _ => Functions.Power(x, new Vector<float>(exponent)),
    };
}

internal readonly struct PowOf : IMap2
{
    public Vector<float> Of(Vector<float> a, Vector<float> b) => Functions.Power(a, b);
}

internal readonly struct PReluOf : IMap2
{
    public Vector<float> Of(Vector<float> x, Vector<float> slope) => Vector.ConditionalSelect(Vector.GreaterThan(x, Vector<float>.Zero), x, slope * x);
}

internal readonly struct MaximumOf : IMap2
{
    public Vector<float> Of(Vector<float> a, Vector<float> b) => Vector.Max(a, b);
}

internal readonly struct MinimumOf : IMap2
{
    public Vector<float> Of(Vector<float> a, Vector<float> b) => Vector.Min(a, b);
}

/// <summary>Truth as numbers.</summary>
internal static class Truth
{
    public static Vector<float> Of(Vector<int> mask) => Vector.ConditionalSelect(Vector.AsVectorSingle(mask), Vector<float>.One, Vector<float>.Zero);
}

internal readonly struct Equals : IMap2
{
    public Vector<float> Of(Vector<float> a, Vector<float> b) => Truth.Of(Vector.Equals(a, b));
}

internal readonly struct Exceeds : IMap2
{
    public Vector<float> Of(Vector<float> a, Vector<float> b) => Truth.Of(Vector.GreaterThan(a, b));
}

internal readonly struct Reaches : IMap2
{
    public Vector<float> Of(Vector<float> a, Vector<float> b) => Truth.Of(Vector.GreaterThanOrEqual(a, b));
}

internal readonly struct EluSlope(float alpha) : IMap2
{
    public Vector<float> Of(Vector<float> x, Vector<float> dy) => Vector.ConditionalSelect(Vector.GreaterThan(x, Vector<float>.Zero), dy, new Vector<float>(alpha) * Functions.Exp(x) * dy);
}

internal readonly struct SigmoidSlope : IMap2
{
    public Vector<float> Of(Vector<float> y, Vector<float> dy) => y * (Vector<float>.One - y) * dy;
}

internal readonly struct TanhSlope : IMap2
{
    public Vector<float> Of(Vector<float> y, Vector<float> dy) => (Vector<float>.One - y * y) * dy;
}

internal readonly struct SiluSlope : IMap2
{
    public Vector<float> Of(Vector<float> x, Vector<float> dy)
    {
        var s = Functions.Sigmoid(x);
        return s * (Vector<float>.One + x * (Vector<float>.One - s)) * dy;
    }
}

/// <summary>factor dy where low &lt; value &lt; high, else 0.</summary>
internal readonly struct Between(float low, float high, float factor) : IMap2
{
    public Vector<float> Of(Vector<float> value, Vector<float> dy) => Vector.ConditionalSelect(
        Vector.GreaterThan(value, new Vector<float>(low)) & Vector.LessThan(value, new Vector<float>(high)), dy * new Vector<float>(factor), Vector<float>.Zero);
}

internal readonly struct HardSwishSlope : IMap2
{
    public Vector<float> Of(Vector<float> x, Vector<float> dy)
    {
        var three = new Vector<float>(3);
        var inner = Vector.ConditionalSelect(Vector.GreaterThanOrEqual(x, three), dy, (x + x + three) * new Vector<float>(1f / 6) * dy);
        return Vector.ConditionalSelect(Vector.LessThanOrEqual(x, -three), Vector<float>.Zero, inner);
    }
}

internal readonly struct LeakySlope(float slope) : IMap2
{
    public Vector<float> Of(Vector<float> value, Vector<float> dy) =>
        Vector.ConditionalSelect(Vector.GreaterThan(value, Vector<float>.Zero), dy, new Vector<float>(slope) * dy);
}

/// <summary>At least low and at most high; NaN stays.</summary>
internal readonly struct Bounds(float low, float high) : IMap
{
    public Vector<float> Of(Vector<float> x) => Vector.MinNative(new Vector<float>(high), Vector.MaxNative(new Vector<float>(low), x));
}

/// <summary>factor x + offset.</summary>
internal readonly struct Line(float factor, float offset) : IMap
{
    public Vector<float> Of(Vector<float> x) => Vector.MultiplyAddEstimate(x, new Vector<float>(factor), new Vector<float>(offset));
}

internal readonly struct Plus : IMap2
{
    public Vector<float> Of(Vector<float> a, Vector<float> b) => a + b;
}

internal readonly struct Times : IMap2
{
    public Vector<float> Of(Vector<float> a, Vector<float> b) => a * b;
}

/// <summary>dy where y is positive, else 0.</summary>
internal readonly struct WherePositive : IMap2
{
    public Vector<float> Of(Vector<float> y, Vector<float> dy) => Vector.ConditionalSelect(Vector.GreaterThan(y, Vector<float>.Zero), dy, Vector<float>.Zero);
}

/// <summary>a, whatever b.</summary>
internal readonly struct First : IMap2
{
    public Vector<float> Of(Vector<float> a, Vector<float> b) => a;
}
