namespace Tenfold;

/// <summary>Dilated (atrous) convolution: taps d pixels apart see d (k - 1) + 1 pixels at the cost of k.</summary>
/// <remarks>
/// The operation is <see cref="Convolution"/> with a dilation. One 3x3 of dilation 2 sees 5x5, not 7x7: 7x7 is what it sees behind a plain 3x3. 3x3
/// convolutions of dilation 1, 2, 4, ..., 2^i see 2^(i + 2) - 1 pixels. But a stack sees only sums of multiples of its dilations: those of
/// [2, 2, 2] leave out every odd pixel. That is gridding, and the two rules below find it.
/// </remarks>
public static class Gridding
{
    /// <summary>How many pixels of a row, within the field of a stack of convolutions, no tap ever reads. 0 is no gridding.</summary>
    /// <param name="kernel">Of all, odd.</param>
    /// <param name="dilations">First layer first; the order does not matter.</param>
    public static int Unseen(int kernel, params ReadOnlySpan<int> dilations)
    {
        Check(kernel, dilations);
        var seen = new HashSet<int> { 0 };
        foreach (var dilation in dilations)
            seen = [.. seen.SelectMany(place => Enumerable.Range(-(kernel / 2), kernel).Select(tap => place + dilation * tap))];
        return seen.Max() - seen.Min() + 1 - seen.Count;
    }

    /// <summary>The rule of hybrid dilated convolution: the largest distance between two nonzero taps from the second layer on is at most the kernel, and
    /// the dilations have no common factor.</summary>
    /// <remarks>M_n = r_n, M_i = max(M_(i+1) - 2 r_i, 2 r_i - M_(i+1), r_i), and M_2 at most k. [1, 2, 5] passes, [1, 2, 9] does not.
    /// Wang et al., "Understanding Convolution for Semantic Segmentation", WACV 2018, arXiv 1702.08502, section 3.2.</remarks>
    public static bool IsHybrid(int kernel, params ReadOnlySpan<int> dilations)
    {
        Check(kernel, dilations);
        var (gap, factor) = (dilations[^1], 0);
        for (var i = dilations.Length - 2; i >= 1; i--) gap = Math.Max(dilations[i], Math.Max(gap - 2 * dilations[i], 2 * dilations[i] - gap));
        foreach (var dilation in dilations) factor = (int)System.Numerics.BigInteger.GreatestCommonDivisor(factor, dilation);
        return gap <= kernel && factor == 1;
    }

    private static void Check(int kernel, ReadOnlySpan<int> dilations)
    {
        if (kernel < 1 || kernel % 2 == 0) throw new ShapeException($"gridding: kernel {kernel} must be odd");
        if (dilations.Length == 0) throw new ShapeException("gridding: of no layers");
        foreach (var dilation in dilations)
            if (dilation < 1) throw new ShapeException($"gridding: dilation {dilation} must be at least 1");
    }
}

public static partial class Verbs
{
    /// <summary>The context module: seven 3x3 convolutions of dilation 1, 1, 2, 4, 8, 16, 1 and a 1x1, from C class maps to C class maps of the same size.</summary>
    /// <remarks>
    /// Sees 67x67. Basic: C channels throughout, 64 C^2 weights. Large: 2, 2, 4, 8, 16, 32, 32 times C, 15,422 C^2. It starts as the identity
    /// (on maps that are nowhere negative), for random weights did not learn. Every layer pads by its dilation, as the authors' released
    /// model; the paper pads the input by 33 once. Yu, Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions", ICLR 2016,
    /// arXiv 1511.07122, table 1. Parameters carry the released model's names.
    /// </remarks>
    /// <param name="large">Whether inner layers are wider than C.</param>
    /// <param name="deviation">Of the noise on the taps that are no part of the large module's identity: well below 1/32.</param>
    public static Node ContextModule(this Node x, bool large = false, double deviation = 1e-3)
    {
        var classes = x.Channels;
        foreach (var (name, dilation, wide) in s_context)
            x = x.Conv(large ? wide * classes : classes, kernel: 3, dilation: dilation, init: Init(), name: name).Relu();
        return x.Conv(classes, kernel: 1, init: Init(), name: "ctx_final");

        Initializer Init() => large ? new Initializer.Identity(classes, deviation) : new Initializer.Identity();
    }

    private static readonly (string Name, int Dilation, int Wide)[] s_context =
        [("ctx_conv1_1", 1, 2), ("ctx_conv1_2", 1, 2), ("ctx_conv2_1", 2, 4), ("ctx_conv3_1", 4, 8), ("ctx_conv4_1", 8, 16), ("ctx_conv5_1", 16, 32), ("ctx_fc1", 1, 32)];
}
