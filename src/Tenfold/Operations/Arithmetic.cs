using System.Numerics;

namespace Tenfold;

/// <summary>y = a + b, sizes of 1 broadcast along the other operand. A residual connection is this operation.</summary>
public sealed record Add : BinaryOp
{
    public override string Name => "add";

    protected override T Map<T>(T a, T b) => a + b;

    public override IReadOnlyList<Node?> Gradient(Node y, Node dy) => [dy.SumTo(y.Inputs[0]), dy.SumTo(y.Inputs[1])];
}

/// <summary>y = a b, sizes of 1 broadcast along the other operand. The scale step of squeeze-and-excitation is this operation.</summary>
public sealed record Multiply : BinaryOp
{
    public override string Name => "multiply";

    protected override T Map<T>(T a, T b) => a * b;

    public override IReadOnlyList<Node?> Gradient(Node y, Node dy) =>
        [(dy * y.Inputs[1]).SumTo(y.Inputs[0]), (dy * y.Inputs[0]).SumTo(y.Inputs[1])];
}

/// <summary>y = a(x) = factor x + offset with constant numbers.</summary>
public sealed record Affine(float Factor, float Offset) : ElementwiseOp
{
    public override string Name => "affine";

    protected override T Map<T>(T x) => T.CreateTruncating(Factor) * x + T.CreateTruncating(Offset);

    protected override Node Gradient(Node x, Node y, Node dy) => dy.Affine(Factor);
}

/// <summary>An operation on two operands of the same rank, number by number; a size of 1 is broadcast.</summary>
public abstract record BinaryOp : Op
{
    protected abstract T Map<T>(T a, T b) where T : struct, IBinaryFloatingPointIeee754<T>;

    public sealed override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        if (inputs is not [var a, var b]) throw new ShapeException($"{Name}: takes two inputs, not {inputs.Length}");
        return Broadcasting.Common(Name, a, b);
    }

    public sealed override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (a, b) = (inputs[0], inputs[1]);
        for (var i = 0; i < output.Data.Length; i++)
            output[i] = Map(a[Broadcasting.Source(i, output.Shape, a.Shape)], b[Broadcasting.Source(i, output.Shape, b.Shape)]);
    }
}

/// <summary>dx from y or x, and dy: an elementwise derivative times the gradient. Inputs of one shape.</summary>
public abstract record DerivativeOp : Op
{
    protected abstract T Map<T>(T value, T dy) where T : struct, IBinaryFloatingPointIeee754<T>;

    public sealed override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 2, "a value and a gradient");
        Require.Same(Name, "the gradient", inputs[1], inputs[0]);
        return inputs[0];
    }

    public sealed override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        for (var i = 0; i < output.Data.Length; i++) output[i] = Map(inputs[0][i], inputs[1][i]);
    }
}

/// <summary>The broadcasting rule: a size of 1 repeats.</summary>
internal static class Broadcasting
{
    /// <summary>The shape to which both broadcast.</summary>
    public static Shape Common(string op, Shape a, Shape b)
    {
        if (a.Rank != b.Rank) throw new ShapeException($"{op}: {a} and {b} differ in rank");
        Span<int> sizes = stackalloc int[a.Rank];
        for (var axis = 0; axis < sizes.Length; axis++)
            sizes[axis] = a[axis] == b[axis] || b[axis] == 1 ? a[axis]
                : a[axis] == 1 ? b[axis]
                : throw new ShapeException($"{op}: {a} and {b} differ in dimension {axis}, and neither is 1");
        return Shape.Of(sizes);
    }

    /// <summary>Which element of a tensor <paramref name="from"/> stands at element <paramref name="index"/> of its broadcast.</summary>
    public static int Source(int index, Shape broadcast, Shape from)
    {
        var (source, stride) = (0, 1);
        for (var axis = broadcast.Rank - 1; axis >= 0; axis--)
        {
            if (from[axis] != 1) source += index % broadcast[axis] * stride;
            stride *= from[axis];
            index /= broadcast[axis];
        }

        return source;
    }
}

public static partial class Verbs
{
    extension(Node)
    {
        /// <summary>Elementwise sum; sizes of 1 are broadcast.</summary>
        public static Node operator +(Node a, Node b) => new Add().Apply(a, b);

        /// <summary>Elementwise difference; sizes of 1 are broadcast.</summary>
        public static Node operator -(Node a, Node b) => a + b.Affine(-1);

        /// <summary>Elementwise product; a [n, c, 1, 1] operand is broadcast over the planes of the other.</summary>
        public static Node operator *(Node a, Node b) => new Multiply().Apply(a, b);

        public static Node operator *(float factor, Node x) => x.Affine(factor);
    }

    /// <summary>factor x + offset.</summary>
    public static Node Affine(this Node x, float factor, float offset = 0) => factor == 1 && offset == 0 ? x : new Affine(factor, offset).Apply(x);
}
