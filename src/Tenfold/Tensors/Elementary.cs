namespace Tenfold;

/// <summary>Elementary functions of + - * / alone: the C library's differ between systems in the last bit, and a seed must mean the
/// same numbers on every machine.</summary>
internal static class Elementary
{
    private const double Log2 = 0.6931471805599453;

    /// <summary>The natural logarithm of a positive normal number: log(m 2^e) = e log 2 + 2 artanh((m-1)/(m+1)), m in [1/sqrt 2, sqrt 2), the series to the 21st power.</summary>
    public static double Log(double x)
    {
        var bits = BitConverter.DoubleToInt64Bits(x);
        var exponent = (int)(bits >> 52) - 1023;
        var mantissa = BitConverter.Int64BitsToDouble((bits & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000);
        if (mantissa > 1.4142135623730951) (mantissa, exponent) = (mantissa / 2, exponent + 1);
        var t = (mantissa - 1) / (mantissa + 1);
        var sum = 0.0;
        for (var power = 21; power >= 1; power -= 2) sum = sum * t * t + 1.0 / power;
        return exponent * Log2 + 2 * t * sum;
    }

    /// <summary>e^x: 2^n e^r with n = round(x / log 2), |r| at most 0.35, the series to the 17th power. 0 below -700, infinity above 700.</summary>
    public static double Exp(double x)
    {
        if (x < -700) return 0;
        if (x > 700) return double.PositiveInfinity;
        var n = Math.Round(x / Log2);
        var r = x - n * Log2;
        var sum = 1.0;
        for (var power = 17; power >= 1; power--) sum = 1 + r / power * sum;
        return sum * BitConverter.Int64BitsToDouble((long)(n + 1023) << 52);
    }
}
