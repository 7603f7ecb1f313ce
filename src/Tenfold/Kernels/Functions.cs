using System.Numerics;

namespace Tenfold.Kernels;

/// <summary>Elementary functions on vectors, good to two or three units in the last place.</summary>
internal static class Functions
{
    /// <summary>e^x as 2^n times a polynomial in the rest, |r| at most ln(2) / 2. Cephes' expf (Moshier).</summary>
    public static Vector<float> Exp(Vector<float> x)
    {
        // Beyond these bounds the result is infinity or 0. The bound comes first, so that NaN passes.
        var bounded = Vector.MinNative(new Vector<float>(89), Vector.MaxNative(new Vector<float>(-104), x));
        var magic = new Vector<float>(12582912f); // 1.5 2^23: adding it leaves the nearest whole number in the lowest bits
        var shifted = Vector.FusedMultiplyAdd(bounded, new Vector<float>(1.44269504f), magic);
        var n = shifted - magic;
        var r = Vector.FusedMultiplyAdd(n, new Vector<float>(-0.693359375f), bounded);
        r = Vector.FusedMultiplyAdd(n, new Vector<float>(2.12194440e-4f), r);
        var p = new Vector<float>(1.9875691500e-4f);
        p = Vector.FusedMultiplyAdd(p, r, new Vector<float>(1.3981999507e-3f));
        p = Vector.FusedMultiplyAdd(p, r, new Vector<float>(8.3334519073e-3f));
        p = Vector.FusedMultiplyAdd(p, r, new Vector<float>(4.1665795894e-2f));
        p = Vector.FusedMultiplyAdd(p, r, new Vector<float>(1.6666665459e-1f));
        p = Vector.FusedMultiplyAdd(p, r, new Vector<float>(0.5f));
        p = Vector.FusedMultiplyAdd(p, r * r, r + Vector<float>.One);
        // 2^n in two factors, for n from -150 to 128 is more than an exponent holds.
        var whole = Vector.AsVectorInt32(shifted) - Vector.AsVectorInt32(magic);
        var half = Vector.ShiftRightArithmetic(whole, 1);
        return p * Power(half) * Power(whole - half);
    }

    /// <summary>1 / (1 + e^-x).</summary>
    public static Vector<float> Sigmoid(Vector<float> x) => Vector<float>.One / (Vector<float>.One + Exp(-x));

    /// <summary>Near 0 a polynomial in x, for there 1 - 2 / (e^2x + 1) loses its digits. Cephes' tanhf.</summary>
    public static Vector<float> Tanh(Vector<float> x)
    {
        var size = Vector.Abs(x);
        var far = Vector<float>.One - new Vector<float>(2) / (Exp(size + size) + Vector<float>.One);
        var z = x * x;
        var p = new Vector<float>(-5.70498872745e-3f);
        p = Vector.FusedMultiplyAdd(p, z, new Vector<float>(2.06390887954e-2f));
        p = Vector.FusedMultiplyAdd(p, z, new Vector<float>(-5.37397155531e-2f));
        p = Vector.FusedMultiplyAdd(p, z, new Vector<float>(1.33314422036e-1f));
        p = Vector.FusedMultiplyAdd(p, z, new Vector<float>(-3.33332819422e-1f));
        var near = Vector.FusedMultiplyAdd(p * z, size, size);
        var y = Vector.ConditionalSelect(Vector.LessThan(size, new Vector<float>(0.625f)), near, far);
        return Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), -y, y);
    }

    /// <summary>x^exponent for positive x.</summary>
    public static Vector<float> Power(Vector<float> x, float exponent) => exponent switch
    {
        -0.75f => Vector<float>.One / (Vector.SquareRoot(x) * Vector.SquareRoot(Vector.SquareRoot(x))), // response normalisation
        -0.5f => Vector<float>.One / Vector.SquareRoot(x),
        _ => Exp(new Vector<float>(exponent) * Vector.Log(x)),
    };

    private static Vector<float> Power(Vector<int> n) => Vector.AsVectorSingle(Vector.ShiftLeft(n + new Vector<int>(127), 23));
}

/// <summary>The activations and their derivatives.</summary>
internal readonly struct SigmoidOf : IMap
{
    public Vector<float> Of(Vector<float> x) => Functions.Sigmoid(x);
}

internal readonly struct TanhOf : IMap
{
    public Vector<float> Of(Vector<float> x) => Functions.Tanh(x);
}

internal readonly struct SiluOf : IMap
{
    public Vector<float> Of(Vector<float> x) => x * Functions.Sigmoid(x);
}

internal readonly struct HardSigmoidOf : IMap
{
    public Vector<float> Of(Vector<float> x) => Hard(x);

    public static Vector<float> Hard(Vector<float> x) =>
        Vector.MinNative(new Vector<float>(6), Vector.MaxNative(Vector<float>.Zero, x + new Vector<float>(3))) * new Vector<float>(1f / 6);
}

internal readonly struct HardSwishOf : IMap
{
    public Vector<float> Of(Vector<float> x) => x * HardSigmoidOf.Hard(x);
}

internal readonly struct LeakyOf(float slope) : IMap
{
    public Vector<float> Of(Vector<float> x) => Vector.ConditionalSelect(Vector.GreaterThan(x, Vector<float>.Zero), x, new Vector<float>(slope) * x);
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
