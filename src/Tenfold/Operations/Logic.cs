using System.Numerics;

namespace Tenfold;

/// <summary>How two numbers stand to each other.</summary>
public enum Relation
{
    Equal,
    Greater,
    GreaterOrEqual,
}

/// <summary>y = 1 where a stands in the relation to b, else 0; sizes of 1 broadcast. With NaN nothing does. It has no gradient.</summary>
/// <remarks>Truth is 1 and 0 throughout, so that "and" is a product and "or" a <see cref="Tenfold.Maximum"/>.</remarks>
public sealed record Compare(Relation Relation) : BinaryOp
{
    public override string Name => "compare";

    protected override T Map<T>(T a, T b) => (Relation switch { Relation.Equal => a == b, Relation.Greater => a > b, _ => a >= b }) ? T.One : T.Zero;

    public override IReadOnlyList<Node?> Gradient(Node y, Node dy) => [null, null];
}

/// <summary>y = 1 where x is 0, else 0. It has no gradient.</summary>
public sealed record Not : ElementwiseOp
{
    public override string Name => "not";

    protected override T Map<T>(T x) => x == T.Zero ? T.One : T.Zero;

    protected override Node? Gradient(Node x, Node y, Node dy) => null;
}

/// <summary>y = a where the condition is not 0, else b; sizes of 1 broadcast. What is not chosen may be anything, NaN included.</summary>
/// <remarks>Inputs: condition, a, b, of the same rank. The condition has no gradient.</remarks>
public sealed record Where : Op
{
    public override string Name => "where";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 3, "a condition and two operands");
        return Broadcasting.Common(Name, inputs[0], Broadcasting.Common(Name, inputs[1], inputs[2]));
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        for (var i = 0; i < output.Data.Length; i++)
        {
            var chosen = inputs[At(inputs[0], i) != T.Zero ? 1 : 2];
            output[i] = At(chosen, i);
        }

        T At(Values<T> operand, int i) => operand[Broadcasting.Source(i, output.Shape, operand.Shape)];
    }

    public override IReadOnlyList<Node?> Gradient(Node y, Node dy)
    {
        var other = y.Inputs[0].Not();
        return [null, (dy * other.Not()).SumTo(y.Inputs[1]), (dy * other).SumTo(y.Inputs[2])];
    }
}

/// <summary>y = the larger of a and b; sizes of 1 broadcast. Where they are equal, the gradient is a's.</summary>
public sealed record Maximum : BinaryOp
{
    public override string Name => "maximum";

    protected override T Map<T>(T a, T b) => T.Max(a, b);

    public override IReadOnlyList<Node?> Gradient(Node y, Node dy) => Chosen(y.Inputs[0].Is(Relation.GreaterOrEqual, y.Inputs[1]), y, dy);

    internal static IReadOnlyList<Node?> Chosen(Node first, Node y, Node dy) => [(dy * first).SumTo(y.Inputs[0]), (dy * first.Not()).SumTo(y.Inputs[1])];
}

/// <summary>y = the smaller of a and b; sizes of 1 broadcast. Where they are equal, the gradient is a's.</summary>
public sealed record Minimum : BinaryOp
{
    public override string Name => "minimum";

    protected override T Map<T>(T a, T b) => T.Min(a, b);

    public override IReadOnlyList<Node?> Gradient(Node y, Node dy) => Maximum.Chosen(y.Inputs[1].Is(Relation.GreaterOrEqual, y.Inputs[0]), y, dy);
}

public static partial class Verbs
{
    /// <summary>1 where a stands in the relation to b, else 0.</summary>
    public static Node Is(this Node a, Relation relation, Node b) => new Compare(relation).Apply(a, b);

    /// <summary>1 where x is 0, else 0.</summary>
    public static Node Not(this Node x) => new Not().Apply(x);

    /// <summary>a where the condition is not 0, else b.</summary>
    public static Node Where(this Node condition, Node a, Node b) => new Where().Apply(condition, a, b);

    /// <summary>The larger of a and b.</summary>
    public static Node Maximum(this Node a, Node b) => new Maximum().Apply(a, b);

    /// <summary>The smaller of a and b.</summary>
    public static Node Minimum(this Node a, Node b) => new Minimum().Apply(a, b);
}
