namespace Tenfold;

/// <summary>Weighted skip connections: how much of a branch is added to x, learned.</summary>
/// <remarks>
/// <para>The article's open question: can connections be weighted as squeeze-and-excitation weights channels? Weights on the branch work
/// and can start at 0, so that any depth starts as the identity. Weights on the shortcut do not: over many blocks they multiply, and their
/// product vanishes or explodes (He et al., "Identity Mappings", 2016, table 1), highway gates being the exception that learns to stay open.</para>
/// <para>A skip is what <see cref="Verbs.WeightedResidual"/> takes: from x and F(x), of one shape, to y.</para>
/// </remarks>
public static class Skip
{
    /// <summary>y = x + a F(x), one learned a for the block. One parameter.</summary>
    /// <remarks>Starts at 0: ReZero (Bachlechner et al. 2020, arXiv 2003.04887) and SkipInit (De and Smith 2020, arXiv 2002.10444).
    /// dL/da = the sum of dL/dy F(x).</remarks>
    public static Node Scalar(Node x, Node branch) => x + branch.Weighted([1, 1, 1, 1], 0);

    /// <summary>y = x + a[c] F(x), one learned number per channel. C parameters.</summary>
    /// <remarks>LayerScale: Touvron et al., "Going Deeper with Image Transformers", 2021, arXiv 2103.17239.</remarks>
    /// <param name="first">0.1 for networks of up to 18 blocks, 1e-5 for 24, 1e-6 for deeper ones; 0 starts as the identity.</param>
    public static Func<Node, Node, Node> PerChannel(float first = 0.1f) => (x, branch) => x + branch.Weighted([1, x.Channels, 1, 1], first);

    /// <summary>y = x + s(F(x)) F(x), s a squeeze-and-excitation of the branch: weights that depend on the picture. 2 C^2 / r parameters and biases.</summary>
    /// <remarks>Hu et al. 2018, as SE-ResNet places it.</remarks>
    public static Func<Node, Node, Node> Gated(int reduction = 16) => (x, branch) => x + branch.SqueezeExcite(reduction);

    /// <summary>y = T(x) F(x) + (1 - T(x)) x with T(x) = sigmoid(1x1 convolution of x). C^2 + C parameters.</summary>
    /// <remarks>Srivastava, Greff, Schmidhuber, "Highway Networks", 2015, arXiv 1505.00387.</remarks>
    /// <param name="bias">The gate's first bias, -1 to -4: the lower, the more of x passes at first.</param>
    public static Func<Node, Node, Node> Highway(float bias = -2) => (x, branch) =>
    {
        var gate = new Convolution(1, 0, 1, 1).Apply(
            [x, new Parameter("weight", [x.Channels, x.Channels, 1, 1], Initializer.KaimingFanOut).Apply(), new Parameter("bias", [x.Channels], new Initializer.Constant(bias)).Apply()],
            "gate?").Sigmoid();
        return gate * branch + gate.Affine(-1, 1) * x;
    };

    private static Node Weighted(this Node branch, Shape shape, float first) =>
        new Multiply().Apply([branch, new Parameter("scale", shape, new Initializer.Constant(first)).Apply()], "skip?");
}

public static partial class Verbs
{
    /// <summary>A residual connection whose branch is weighted: see <see cref="Skip"/> for the ways.</summary>
    /// <exception cref="ShapeException">The branch changes the shape.</exception>
    public static Node WeightedResidual(this Node x, Func<Node, Node> branch, Func<Node, Node, Node> skip)
    {
        var y = branch(x);
        return y.Shape == x.Shape ? skip(x, y) : throw new ShapeException($"weighted residual: the branch makes {y.Shape} of {x.Shape}");
    }
}
