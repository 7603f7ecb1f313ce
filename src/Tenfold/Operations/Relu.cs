namespace Tenfold;

/// <summary>Rectified linear unit: y = max(x, 0).</summary>
/// <remarks>Nair and Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines", ICML 2010. The derivative at 0 is 0.</remarks>
public sealed record Relu : ElementwiseOp
{
    public override string Name => "relu";

    protected override T Map<T>(T x) => x > T.Zero ? x : T.Zero;

    // y > 0 exactly where x > 0, so x need not be kept.
    protected override Node Gradient(Node x, Node y, Node dy) => new ReluGradient().Apply(y, dy);
}

/// <summary>dx = dy where y > 0, else 0. Inputs: y, dy.</summary>
public sealed record ReluGradient : DerivativeOp
{
    public override string Name => "relu gradient";

    protected override T Map<T>(T y, T dy) => y > T.Zero ? dy : T.Zero;
}

public static partial class Verbs
{
    /// <summary>max(x, 0).</summary>
    public static Node Relu(this Node x) => new Relu().Apply(x);
}
