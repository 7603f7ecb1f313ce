namespace Tenfold;

/// <summary>Rectified linear unit: y = max(x, 0); NaN stays.</summary>
/// <remarks>Nair and Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines", ICML 2010. The derivative at 0 is 0.</remarks>
public sealed record Relu : ElementwiseOp
{
    public override string Name => "relu";

    protected override T Map<T>(T x) => T.Max(x, T.Zero);

    // y > 0 exactly where x > 0, so x need not be kept.
    protected override Node Gradient(Node x, Node y, Node dy) => new ReluGradient().Apply(y, dy);
}

/// <summary>dx = dy where y > 0, else 0. Inputs: y, dy.</summary>
public sealed record ReluGradient : DerivativeOp
{
    public override string Name => "relu gradient";

    protected override T Map<T>(T y, T dy) => y > T.Zero ? dy : T.Zero;
}

/// <summary>ReLU with a ceiling: y = min(max(x, 0), 6), which fixed-point arithmetic likes; NaN stays.</summary>
/// <remarks>Krizhevsky, "Convolutional Deep Belief Networks on CIFAR-10", 2010; MobileNet v2 (Sandler et al. 2018) uses it throughout.
/// The derivative at 0 and at 6 is 0.</remarks>
public sealed record Relu6 : ElementwiseOp
{
    public override string Name => "relu6";

    protected override T Map<T>(T x) => T.Min(T.Max(x, T.Zero), T.CreateTruncating(6));

    protected override Node Gradient(Node x, Node y, Node dy) => new Relu6Gradient().Apply(y, dy);
}

/// <summary>dx = dy where 0 &lt; y &lt; 6, else 0. Inputs: y, dy.</summary>
public sealed record Relu6Gradient : DerivativeOp
{
    public override string Name => "relu6 gradient";

    protected override T Map<T>(T y, T dy) => y > T.Zero && y < T.CreateTruncating(6) ? dy : T.Zero;
}

/// <summary>ReLU that leaks: y = x where x > 0, else slope x.</summary>
/// <remarks>Maas, Hannun, Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models", ICML 2013.</remarks>
public sealed record LeakyRelu(float Slope) : ElementwiseOp
{
    public override string Name => "leaky relu";

    protected override T Map<T>(T x) => x > T.Zero ? x : T.CreateTruncating(Slope) * x;

    // With a slope of at least 0, y > 0 exactly where x > 0.
    protected override Node Gradient(Node x, Node y, Node dy) => new LeakyReluGradient(Slope).Apply(Slope >= 0 ? y : x, dy);
}

/// <summary>dx = dy where the value > 0, else slope dy. Inputs: y (or x), dy.</summary>
public sealed record LeakyReluGradient(float Slope) : DerivativeOp
{
    public override string Name => "leaky relu gradient";

    protected override T Map<T>(T value, T dy) => value > T.Zero ? dy : T.CreateTruncating(Slope) * dy;
}

public static partial class Verbs
{
    /// <summary>max(x, 0).</summary>
    public static Node Relu(this Node x) => new Relu().Apply(x);

    /// <summary>min(max(x, 0), 6).</summary>
    public static Node Relu6(this Node x) => new Relu6().Apply(x);

    /// <summary>x where x > 0, else slope x.</summary>
    public static Node LeakyRelu(this Node x, float slope = 0.01f) => new LeakyRelu(slope).Apply(x);
}
