using System.Numerics;

namespace Tenfold;

/// <summary>What one node computes: an immutable record of the operation's attributes, and all there is to know about it.</summary>
/// <remarks>
/// <para>An operation is a page in <c>Operations/</c>: documentation with formula and paper, attributes, shape rule, cost, plain
/// definition, gradient, and the fluent verb at the bottom. Everything else (compiling, drawing, training, exporting) is a
/// function of the graph that needs no other member than these.</para>
/// <para>Every operation has one output. What would have several is several nodes: a split is slices, batch normalisation in
/// training is a mean, a variance and a normalisation.</para>
/// </remarks>
public abstract record Op
{
    /// <summary>The operation in lower-case words, as messages and summaries print it.</summary>
    public abstract string Name { get; }

    /// <summary>The shape of the output.</summary>
    /// <exception cref="ShapeException">The inputs break the operation's rule.</exception>
    public abstract Shape Infer(ReadOnlySpan<Shape> inputs);

    /// <summary>Multiply-adds and memory traffic; the parameters are the node's to count. The default is one pass over all operands.</summary>
    public virtual Cost Cost(ReadOnlySpan<Shape> inputs, Shape output) => Tenfold.Cost.Moves(inputs, output);

    /// <summary>The definition: plain loops that fill <paramref name="output"/> (zeros at first), in single or double precision.</summary>
    public abstract void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output) where T : struct, IBinaryFloatingPointIeee754<T>;

    /// <summary>For a scalar loss L, the nodes dL/d(input i), given y (a node of this operation) and dy = dL/dy;
    /// null where an input has no gradient (targets, random masks, statistics).</summary>
    public virtual IReadOnlyList<Node?> Gradient(Node y, Node dy) => throw new NotSupportedException($"{Name}: has no gradient");

    /// <summary>A node that applies this operation.</summary>
    /// <param name="inputs">In the order that the operation's page gives.</param>
    /// <param name="name">Names the node, and its parameters after it; a <c>#</c> becomes a number when the graph is made, a <c>?</c> one from the second of the name on.</param>
    public Node Apply(ReadOnlySpan<Node> inputs, string? name = null) => new(this, inputs, name);

    public Node Apply(params ReadOnlySpan<Node> inputs) => new(this, inputs, null);
}

/// <summary>An operation of one input.</summary>
public abstract record UnaryOp : Op
{
    public abstract Shape Infer(Shape x);

    protected abstract void Define<T>(Values<T> x, Values<T> y) where T : struct, IBinaryFloatingPointIeee754<T>;

    protected virtual Node? Gradient(Node x, Node y, Node dy) => throw new NotSupportedException($"{Name}: has no gradient");

    public sealed override Shape Infer(ReadOnlySpan<Shape> inputs) => inputs is [var x]
        ? Infer(x)
        : throw new ShapeException($"{Name}: takes one input, not {inputs.Length}");

    public sealed override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output) => Define(inputs[0], output);

    public sealed override IReadOnlyList<Node?> Gradient(Node y, Node dy) => [Gradient(y.Inputs[0], y, dy)];
}

/// <summary>An operation on every number for itself: y = f(x).</summary>
public abstract record ElementwiseOp : UnaryOp
{
    protected abstract T Map<T>(T x) where T : struct, IBinaryFloatingPointIeee754<T>;

    public sealed override Shape Infer(Shape x) => x;

    protected sealed override void Define<T>(Values<T> x, Values<T> y)
    {
        for (var i = 0; i < x.Data.Length; i++) y[i] = Map(x[i]);
    }
}

/// <summary>What a node costs for one pass over its shapes, batch included.</summary>
/// <param name="Parameters">Numbers that training learns.</param>
/// <param name="Macs">Multiply-adds of convolutions and linear layers (no bias, normalisation, pooling or activation), as the papers count; FLOPs are twice that.</param>
/// <param name="Bytes">Read and written once, at four bytes a number.</param>
public readonly record struct Cost(long Parameters, long Macs, long Bytes)
{
    public static Cost operator +(Cost a, Cost b) => new(a.Parameters + b.Parameters, a.Macs + b.Macs, a.Bytes + b.Bytes);

    public long Flops => 2 * Macs;

    /// <summary>No arithmetic that counts; every operand passes once.</summary>
    public static Cost Moves(ReadOnlySpan<Shape> inputs, Shape output)
    {
        var count = output.Count;
        foreach (var input in inputs) count += input.Count;
        return new Cost(0, 0, checked(4 * count));
    }

    public static Cost Multiplies(long macs, ReadOnlySpan<Shape> inputs, Shape output) => Moves(inputs, output) with { Macs = macs };
}
