namespace Tenfold;

/// <summary>y = a^b, both computed; sizes of 1 broadcast. NaN for a negative a and a b that is not whole; x^0 is 1. For one constant exponent there is <see cref="Tenfold.Power"/>.</summary>
/// <remarks>da = dy b a^(b-1), 0 where b is 0; db = dy y log a, 0 where a is 0, and NaN where a is negative.</remarks>
public sealed record Pow : BinaryOp
{
    public override string Name => "pow";

    protected override T Map<T>(T a, T b) => T.Pow(a, b);

    public override IReadOnlyList<Node?> Gradient(Node y, Node dy)
    {
        var (a, b) = (y.Inputs[0], y.Inputs[1]);
        return [(dy * b.Where(b * a.Pow(b.Affine(1, -1)), b)).SumTo(a), (dy * a.Where(y * a.Log(), a)).SumTo(b)];
    }
}

public static partial class Verbs
{
    /// <summary>a^b.</summary>
    public static Node Pow(this Node a, Node b) => new Pow().Apply(a, b);
}
