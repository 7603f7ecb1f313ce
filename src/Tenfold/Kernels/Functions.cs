using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tenfold.Kernels;

/// <summary>Elementary functions on vectors, good to two or three units in the last place.</summary>
internal static class Functions
{
    /// <summary>e^x as 2^n times a polynomial in the rest, |r| at most ln(2) / 2. Cephes' expf (Moshier).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Exp(Vector<float> x)
    {
        // Beyond these bounds the result is infinity or 0. The bound comes first, so that NaN passes.
        var bounded = Vector.MinNative(new Vector<float>(89), Vector.MaxNative(new Vector<float>(-104), x));
        var shifted = Vector.MultiplyAddEstimate(bounded, new Vector<float>(1.44269504f), new Vector<float>(Magic));
        var n = shifted - new Vector<float>(Magic);
        var r = Vector.MultiplyAddEstimate(n, new Vector<float>(-0.693359375f), bounded);
        r = Vector.MultiplyAddEstimate(n, new Vector<float>(2.12194440e-4f), r);
        var p = Vector<float>.One + Rest(r);
        // 2^n in two factors, for n from -150 to 128 is more than an exponent holds.
        var whole = Vector.AsVectorInt32(shifted) - Vector.AsVectorInt32(new Vector<float>(Magic));
        var half = Vector.ShiftRightArithmetic(whole, 1);
        return p * Power(half) * Power(whole - half);
    }

    /// <summary>1 / (1 + e^-x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Sigmoid(Vector<float> x) => Vector<float>.One / OnePlusExp(x);

    /// <summary>1 + e^-x, what a sigmoid divides by.</summary>
    /// <remarks>Where e^-x would leave an exponent's range the result is nearly 0 or 1, so it is bounded and 2^n is one factor;
    /// ln(2) needs no second half, for its error grows with n as the result goes to 0 or 1: a unit in the last place at x = -30.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> OnePlusExp(Vector<float> x)
    {
        var bounded = Vector.MinNative(new Vector<float>(87), Vector.MaxNative(new Vector<float>(-87), x));
        if (Avx2.IsSupported && Vector<float>.Count == 8) return OnePlusExp(bounded.AsVector256()).AsVector();
        var shifted = Vector.MultiplyAddEstimate(bounded, new Vector<float>(-1.44269504f), new Vector<float>(Magic));
        var n = shifted - new Vector<float>(Magic);
        var r = Vector.MultiplyAddEstimate(n, new Vector<float>(-0.693147181f), -bounded);
        var power = Vector.AsVectorSingle(Vector.ShiftLeft(Vector.AsVectorInt32(shifted), 23) + Vector.AsVectorInt32(Vector<float>.One)); // of Magic nothing is left
        return Vector.MultiplyAddEstimate(Rest(r), power, power + Vector<float>.One);
    }

    // For AVX2, whose permutation is a table of 2^(i/8): the rest is so small that its cube is enough, and the chain of dependent operations, which is what bounds the loop, so much shorter.
    //
    //   -x = (8 n + i) ln(2) / 8 + r     e^-x = 2^n 2^(i/8) (1 + r + (1/2 + h^2 / 24) r^2 + r^3 / 6)     |r| at most h = ln(2) / 16
    //
    // h^2 / 24 spreads what is missing of the fourth power. 8 n + i moved to the exponent leaves i in the highest bits of the fraction: the table's numbers are less by as much.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> OnePlusExp(Vector256<float> bounded)
    {
        var table = Vector256.Create(0x3f800000, 0x3f7b95c2, 0x3f7837f0, 0x3f75fed7, 0x3f7504f3, 0x3f75672a, 0x3f7744fd, 0x3f7ac0c7);
        var shifted = Vector256.MultiplyAddEstimate(bounded, Vector256.Create(-1.44269504f), Vector256.Create(Magic / 8));
        var n = shifted - Vector256.Create(Magic / 8); // in whole eighths
        var r = Vector256.MultiplyAddEstimate(n, Vector256.Create(0.693147181f), bounded); // -r: no change of sign
        var p = Vector256.MultiplyAddEstimate(r, Vector256.Create(-1f / 6), Vector256.Create(0.500078f));
        p = Vector256.MultiplyAddEstimate(Vector256.MultiplyAddEstimate(p, r, -Vector256<float>.One), r, Vector256<float>.One);
        var power = (Vector256.ShiftLeft(shifted.AsInt32(), 20) + Avx2.PermuteVar8x32(table, shifted.AsInt32())).AsSingle();
        return Vector256.MultiplyAddEstimate(power, p, Vector256<float>.One);
    }

    /// <summary>1 + e^-x, what a sigmoid divides by, for AVX-512: a table of 2^(i/32) leaves so small a rest that its square is enough.</summary>
    /// <remarks>
    /// <code>
    /// -x = (32 n + i) ln(2) / 32 + r     e^-x = 2^n 2^(i/32) (1 + (1 + h^2 / 8) r + r^2 / 2)     |r| at most h = ln(2) / 64
    /// </code>
    /// h^2 / 8 spreads what is missing of the cube: 5e-8 at most. With 5 multiply-adds it takes as long as the division that follows, on other units.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> OnePlusExp(Vector512<float> x)
    {
        var low = Vector512.Create(1, 1.0218972f, 1.0442737f, 1.0671405f, 1.0905077f, 1.1143868f, 1.1387886f, 1.1637249f, 1.1892071f, 1.2152474f, 1.2418578f, 1.2690509f, 1.2968396f, 1.3252367f, 1.3542556f, 1.3839099f);
        var high = Vector512.Create(1.4142135f, 1.4451808f, 1.4768262f, 1.5091645f, 1.5422108f, 1.5759809f, 1.6104903f, 1.6457555f, 1.6817929f, 1.7186193f, 1.7562522f, 1.7947091f, 1.8340081f, 1.8741677f, 1.9152066f, 1.9571441f);
        var bounded = Vector512.MinNative(Vector512.Create(200f), x); // beyond, 0 times a rest that is none would not be 0
        var shifted = Vector512.MultiplyAddEstimate(bounded, Vector512.Create(-1.44269504f), Vector512.Create(Magic / 32));
        var n = shifted - Vector512.Create(Magic / 32); // in whole 32nds
        var r = Vector512.MultiplyAddEstimate(n, Vector512.Create(0.693147181f), bounded); // -r: no change of sign
        var p = Vector512.MultiplyAddEstimate(Vector512.MultiplyAddEstimate(r, Vector512.Create(0.5f), Vector512.Create(-1.00001466f)), r, Vector512<float>.One);
        var power = Avx512F.PermuteVar16x32x2(low, shifted.AsInt32(), high); // looks at the lowest five bits
        return Vector512.MultiplyAddEstimate(Avx512F.Scale(power, n), p, Vector512<float>.One); // infinity and 0 where an exponent ends
    }

    /// <summary>Near 0 a polynomial in x, for there 1 - 2 / (e^2x + 1) loses its digits. Cephes' tanhf.</summary>
    public static Vector<float> Tanh(Vector<float> x)
    {
        var size = Vector.Abs(x);
        var far = Vector<float>.One - new Vector<float>(2) / (Exp(size + size) + Vector<float>.One);
        var z = x * x;
        var p = new Vector<float>(-5.70498872745e-3f);
        p = Vector.MultiplyAddEstimate(p, z, new Vector<float>(2.06390887954e-2f));
        p = Vector.MultiplyAddEstimate(p, z, new Vector<float>(-5.37397155531e-2f));
        p = Vector.MultiplyAddEstimate(p, z, new Vector<float>(1.33314422036e-1f));
        p = Vector.MultiplyAddEstimate(p, z, new Vector<float>(-3.33332819422e-1f));
        var near = Vector.MultiplyAddEstimate(p * z, size, size);
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

    /// <summary>a^b. NaN for a negative a and a b that is not whole; a^0 is 1.</summary>
    public static Vector<float> Power(Vector<float> a, Vector<float> b)
    {
        var size = Exp(b * Vector.Log(Vector.Abs(a)));
        var half = b * new Vector<float>(0.5f);
        var signed = Vector.ConditionalSelect(Vector.Equals(Vector.Floor(half), half), size, -size); // odd exponents keep the sign
        signed = Vector.ConditionalSelect(Vector.Equals(Vector.Floor(b), b), signed, new Vector<float>(float.NaN));
        var y = Vector.ConditionalSelect(Vector.LessThan(a, Vector<float>.Zero), signed, size);
        return Vector.ConditionalSelect(Vector.Equals(b, Vector<float>.Zero), Vector<float>.One, y);
    }

    /// <summary>The error function: up to 1 a polynomial in x^2, beyond it 1 - e^p for a polynomial p, both fitted to the largest error; from 4 on 1.</summary>
    public static Vector<float> Erf(Vector<float> x)
    {
        var z = x * x;
        var p = new Vector<float>(7.889119297e-5f);
        p = Vector.MultiplyAddEstimate(p, z, new Vector<float>(-8.020820841e-4f));
        p = Vector.MultiplyAddEstimate(p, z, new Vector<float>(5.189535208e-3f));
        p = Vector.MultiplyAddEstimate(p, z, new Vector<float>(-2.685444430e-2f));
        p = Vector.MultiplyAddEstimate(p, z, new Vector<float>(0.1128360033f));
        p = Vector.MultiplyAddEstimate(p, z, new Vector<float>(-0.3761262596f));
        p = Vector.MultiplyAddEstimate(p, z, new Vector<float>(0.1283791661f));
        var near = Vector.MultiplyAddEstimate(p, x, x);
        var size = Vector.Abs(x);
        var t = Vector.MinNative(new Vector<float>(4), size);
        var q = new Vector<float>(-4.314356829e-6f);
        q = Vector.MultiplyAddEstimate(q, t, new Vector<float>(3.793162250e-5f));
        q = Vector.MultiplyAddEstimate(q, t, new Vector<float>(8.883974806e-5f));
        q = Vector.MultiplyAddEstimate(q, t, new Vector<float>(-3.039451063e-3f));
        q = Vector.MultiplyAddEstimate(q, t, new Vector<float>(2.285253070e-2f));
        q = Vector.MultiplyAddEstimate(q, t, new Vector<float>(-0.1054334790f));
        q = Vector.MultiplyAddEstimate(q, t, new Vector<float>(-0.6355364323f));
        q = Vector.MultiplyAddEstimate(q, t, new Vector<float>(-1.128571153f));
        var far = Vector<float>.One - Exp(q * t);
        return Vector.ConditionalSelect(Vector.LessThan(size, Vector<float>.One), near, Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), -far, far));
    }

    /// <summary>log(1 + e^x). Below, log(1 + u) where u = e^-|x| is corrected by what 1 + u lost of u.</summary>
    public static Vector<float> Softplus(Vector<float> x)
    {
        var u = Exp(-Vector.Abs(x));
        var w = Vector<float>.One + u;
        var log = Vector.Log(w) + (u - (w - Vector<float>.One)) / w;
        return Vector.MaxNative(Vector<float>.Zero, x) + log;
    }

    /// <summary>e^x - 1, near 0 without the 1.</summary>
    public static Vector<float> Exp1(Vector<float> x) =>
        Vector.ConditionalSelect(Vector.LessThan(Vector.Abs(x), new Vector<float>(0.34f)), Rest(x), Exp(x) - Vector<float>.One);

    private const float Magic = 12582912f; // 1.5 2^23: adding it leaves the nearest whole number in the lowest bits

    // e^r - 1 for |r| of at most ln(2) / 2.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> Rest(Vector<float> r)
    {
        var p = new Vector<float>(1.9875691500e-4f);
        p = Vector.MultiplyAddEstimate(p, r, new Vector<float>(1.3981999507e-3f));
        p = Vector.MultiplyAddEstimate(p, r, new Vector<float>(8.3334519073e-3f));
        p = Vector.MultiplyAddEstimate(p, r, new Vector<float>(4.1665795894e-2f));
        p = Vector.MultiplyAddEstimate(p, r, new Vector<float>(1.6666665459e-1f));
        p = Vector.MultiplyAddEstimate(p, r, new Vector<float>(0.5f));
        return Vector.MultiplyAddEstimate(p, r * r, r);
    }

    private static Vector<float> Power(Vector<int> n) => Vector.AsVectorSingle(Vector.ShiftLeft(n + new Vector<int>(127), 23));
}
