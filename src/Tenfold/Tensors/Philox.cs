namespace Tenfold;

/// <summary>Philox 4x32-10, a counter-based generator: block i of a key is a pure function of (key, i), so random numbers can be
/// drawn in any order, by any number of threads, with the same bits on every machine.</summary>
/// <remarks>Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.</remarks>
public readonly struct Philox(ulong key)
{
    /// <summary>A generator for one purpose: the same seed and the same name give the same numbers, other names independent ones.</summary>
    public static Philox Named(ulong seed, string name)
    {
        var hash = 14695981039346656037UL ^ (seed * 0x9E3779B97F4A7C15UL); // FNV-1a over the UTF-16 units
        foreach (var unit in name) hash = (hash ^ unit) * 1099511628211UL;
        return new Philox(hash);
    }

    /// <summary>The four words of block (high, low).</summary>
    public (uint A, uint B, uint C, uint D) Block(ulong low, ulong high = 0)
    {
        var (c0, c1, c2, c3) = ((uint)low, (uint)(low >> 32), (uint)high, (uint)(high >> 32));
        var (k0, k1) = ((uint)key, (uint)(key >> 32));
        for (var round = 0; round < 10; round++)
        {
            var p0 = 0xD2511F53UL * c0;
            var p1 = 0xCD9E8D57UL * c2;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }

        return (c0, c1, c2, c3);
    }

    /// <summary>The i-th 64-bit word.</summary>
    public ulong Word(ulong index, ulong high = 0)
    {
        var (a, b, c, d) = Block(index >> 1, high);
        return (index & 1) == 0 ? a | ((ulong)b << 32) : c | ((ulong)d << 32);
    }

    /// <summary>The i-th number uniform in (0, 1), never 0 and never 1.</summary>
    public double Uniform(ulong index, ulong high = 0) => ((Word(index, high) >> 12) + 0.5) * (1.0 / (1UL << 52));

    /// <summary>The i-th whole number uniform in [0, bound).</summary>
    public int Below(int bound, ulong index, ulong high = 0) => (int)(((Word(index, high) >> 32) * (ulong)bound) >> 32);

    /// <summary>The i-th number of the standard normal distribution.</summary>
    public double Normal(ulong index, ulong high = 0) => InverseNormal(Uniform(index, high));

    /// <summary>The i-th number of the distribution Beta(a, a), 0 &lt; a &lt;= 4, whose density is (x (1 - x))^(a - 1) but for a factor.</summary>
    /// <remarks>Jöhnk, "Erzeugung von betaverteilten und gammaverteilten Zufallszahlen", 1964: for uniform u and v, x = u^(1/a) and
    /// y = v^(1/a) are drawn until x + y &lt;= 1; then x / (x + y). One draw in 70 passes at a = 4, every second at 1.</remarks>
    public double Beta(double a, ulong index, ulong high = 0)
    {
        if (a is not (> 0 and <= 4)) throw new ArgumentOutOfRangeException(nameof(a), a, "above 0 and at most 4");
        for (ulong attempt = 0; ; attempt++)
        {
            // 2^40 indices, each with its own 2^23 pairs.
            var place = (index << 24) + 2 * attempt;
            var (logX, logY) = (Elementary.Log(Uniform(place, high)) / a, Elementary.Log(Uniform(place + 1, high)) / a);
            if (Elementary.Exp(logX) + Elementary.Exp(logY) <= 1) return 1 / (1 + Elementary.Exp(logY - logX)); // by the logarithms, for x and y may both underflow
        }
    }

    /// <summary>A permutation of 0 .. count-1; each <paramref name="high"/> gives another.</summary>
    public int[] Permutation(int count, ulong high = 0)
    {
        var order = new int[count];
        Permute(order, high);
        return order;
    }

    /// <summary>Fills <paramref name="order"/> with a permutation of 0 .. length-1 (Fisher and Yates).</summary>
    public void Permute(Span<int> order, ulong high = 0)
    {
        for (var i = 0; i < order.Length; i++)
        {
            var j = Below(i + 1, (ulong)i, high);
            order[i] = order[j];
            order[j] = i;
        }
    }

    // The inverse of the normal distribution's integral: Wichura, "Algorithm AS 241: The Percentage Points of the Normal
    // Distribution", 1988, PPND16, relative error about 1e-16. Only + - * / and sqrt, and a logarithm made of them, so that a
    // seed means the same weights everywhere.
    private static double InverseNormal(double p)
    {
        var q = p - 0.5;
        if (Math.Abs(q) <= 0.425)
        {
            var s = 0.180625 - q * q;
            return q * (((((((2509.0809287301226727 * s + 33430.575583588128105) * s + 67265.770927008700853) * s + 45921.953931549871457) * s
                          + 13731.693765509461125) * s + 1971.5909503065514427) * s + 133.14166789178437745) * s + 3.387132872796366608)
                     / (((((((5226.495278852545925 * s + 28729.085735721942674) * s + 39307.89580009271061) * s + 21213.794301586595867) * s
                          + 5394.1960214247511077) * s + 687.1870074920579083) * s + 42.313330701600911252) * s + 1.0);
        }

        var r = Math.Sqrt(-Elementary.Log(q < 0 ? p : 1 - p));
        double x;
        if (r <= 5)
        {
            r -= 1.6;
            x = (((((((7.7454501427834140764e-4 * r + 0.0227238449892691845833) * r + 0.24178072517745061177) * r + 1.27045825245236838258) * r
                   + 3.64784832476320460504) * r + 5.7694972214606914055) * r + 4.6303378461565452959) * r + 1.42343711074968357734)
              / (((((((1.05075007164441684324e-9 * r + 5.475938084995344946e-4) * r + 0.0151986665636164571966) * r + 0.14810397642748007459) * r
                   + 0.68976733498510000455) * r + 1.6763848301838038494) * r + 2.05319162663775882187) * r + 1.0);
        }
        else
        {
            r -= 5;
            x = (((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 0.0012426609473880784386) * r + 0.026532189526576123093) * r
                   + 0.29656057182850489123) * r + 1.7848265399172913358) * r + 5.4637849111641143699) * r + 6.6579046435011037772)
              / (((((((2.04426310338993978564e-15 * r + 1.4215117583164458887e-7) * r + 1.8463183175100546818e-5) * r + 7.868691311456132591e-4) * r
                   + 0.0148753612908506148525) * r + 0.13692988092273580531) * r + 0.59983220655588793769) * r + 1.0);
        }

        return q < 0 ? -x : x;
    }
}
