using System.Numerics;

namespace Tenfold;

/// <summary>Sigmoid: y = 1 / (1 + exp(-x)), the gate of squeeze-and-excitation.</summary>
public sealed record Sigmoid : ElementwiseOp
{
    public override string Name => "sigmoid";

    protected override T Map<T>(T x) => Of(x);

    protected override Node Gradient(Node x, Node y, Node dy) => new SigmoidGradient().Apply(y, dy);

    // No overflow does harm: exp(-x) = infinity gives 0.
    internal static T Of<T>(T x) where T : struct, IBinaryFloatingPointIeee754<T> => T.One / (T.One + T.Exp(-x));
}

/// <summary>dx = y (1 - y) dy. Inputs: y, dy.</summary>
public sealed record SigmoidGradient : DerivativeOp
{
    public override string Name => "sigmoid gradient";

    protected override T Map<T>(T y, T dy) => y * (T.One - y) * dy;
}

/// <summary>Hyperbolic tangent.</summary>
public sealed record Tanh : ElementwiseOp
{
    public override string Name => "tanh";

    protected override T Map<T>(T x) => T.Tanh(x);

    protected override Node Gradient(Node x, Node y, Node dy) => new TanhGradient().Apply(y, dy);
}

/// <summary>dx = (1 - y^2) dy. Inputs: y, dy.</summary>
public sealed record TanhGradient : DerivativeOp
{
    public override string Name => "tanh gradient";

    protected override T Map<T>(T y, T dy) => (T.One - y * y) * dy;
}

/// <summary>Sigmoid linear unit, also swish: y = x sigmoid(x).</summary>
/// <remarks>Elfwing, Uchibe, Doya, 2017 (arXiv 1702.03118); Ramachandran, Zoph, Le, "Searching for Activation Functions", 2017.</remarks>
public sealed record Silu : ElementwiseOp
{
    public override string Name => "silu";

    protected override T Map<T>(T x) => x * Sigmoid.Of(x);

    // y falls and rises, so it does not tell x.
    protected override Node Gradient(Node x, Node y, Node dy) => new SiluGradient().Apply(x, dy);
}

/// <summary>dx = s (1 + x (1 - s)) dy with s = sigmoid(x). Inputs: x, dy.</summary>
public sealed record SiluGradient : DerivativeOp
{
    public override string Name => "silu gradient";

    protected override T Map<T>(T x, T dy)
    {
        var s = Sigmoid.Of(x);
        return s * (T.One + x * (T.One - s)) * dy;
    }
}

/// <summary>Sigmoid in three straight lines: y = min(max(x + 3, 0), 6) / 6.</summary>
/// <remarks>Howard et al., "Searching for MobileNetV3", ICCV 2019, section 5.2. The derivative at -3 and at 3 is 0.</remarks>
public sealed record HardSigmoid : ElementwiseOp
{
    public override string Name => "hard sigmoid";

    protected override T Map<T>(T x) => Of(x);

    protected override Node Gradient(Node x, Node y, Node dy) => new HardSigmoidGradient().Apply(y, dy);

    internal static T Of<T>(T x) where T : struct, IBinaryFloatingPointIeee754<T> =>
        T.Clamp(x + T.CreateTruncating(3), T.Zero, T.CreateTruncating(6)) / T.CreateTruncating(6);
}

/// <summary>dx = dy / 6 where 0 &lt; y &lt; 1, else 0. Inputs: y, dy.</summary>
public sealed record HardSigmoidGradient : DerivativeOp
{
    public override string Name => "hard sigmoid gradient";

    protected override T Map<T>(T y, T dy) => y > T.Zero && y < T.One ? dy / T.CreateTruncating(6) : T.Zero;
}

/// <summary>SiLU with the hard sigmoid: y = x min(max(x + 3, 0), 6) / 6.</summary>
/// <remarks>Howard et al., "Searching for MobileNetV3", ICCV 2019, section 5.2.</remarks>
public sealed record HardSwish : ElementwiseOp
{
    public override string Name => "hard swish";

    protected override T Map<T>(T x) => x * HardSigmoid.Of(x);

    protected override Node Gradient(Node x, Node y, Node dy) => new HardSwishGradient().Apply(x, dy);
}

/// <summary>dx = 0 up to x = -3, dy from x = 3 on, (2x + 3) / 6 dy between. Inputs: x, dy.</summary>
public sealed record HardSwishGradient : DerivativeOp
{
    public override string Name => "hard swish gradient";

    protected override T Map<T>(T x, T dy)
    {
        var three = T.CreateTruncating(3);
        return x <= -three ? T.Zero : x >= three ? dy : (x + x + three) / (three + three) * dy;
    }
}

public static partial class Verbs
{
    /// <summary>1 / (1 + exp(-x)).</summary>
    public static Node Sigmoid(this Node x) => new Sigmoid().Apply(x);

    /// <summary>The hyperbolic tangent of x.</summary>
    public static Node Tanh(this Node x) => new Tanh().Apply(x);

    /// <summary>x sigmoid(x).</summary>
    public static Node Silu(this Node x) => new Silu().Apply(x);

    /// <summary>min(max(x + 3, 0), 6) / 6.</summary>
    public static Node HardSigmoid(this Node x) => new HardSigmoid().Apply(x);

    /// <summary>x min(max(x + 3, 0), 6) / 6.</summary>
    public static Node HardSwish(this Node x) => new HardSwish().Apply(x);
}
