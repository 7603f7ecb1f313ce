namespace Tenfold;

/// <summary>ReLU whose leak is learned: y = x where x > 0, else slope x. Inputs: x, slope, one for each channel ([1, C, 1, 1]) or of any shape that broadcasts.</summary>
/// <remarks>He, Zhang, Ren, Sun, "Delving Deep into Rectifiers", ICCV 2015. The derivative at 0 is that of the leak.</remarks>
public sealed record PRelu : BinaryOp
{
    public override string Name => "prelu";

    protected override T Map<T>(T x, T slope) => x > T.Zero ? x : slope * x;

    public override IReadOnlyList<Node?> Gradient(Node y, Node dy)
    {
        var (x, slope) = (y.Inputs[0], y.Inputs[1]);
        return [x.Relu().Where(dy, dy * slope).SumTo(x), (dy * x.Clip(float.MinValue, 0)).SumTo(slope)];
    }
}

public static partial class Verbs
{
    /// <summary>x where x > 0, else slope x.</summary>
    public static Node PRelu(this Node x, Node slope) => new PRelu().Apply(x, slope);
}
