using System.Numerics;

namespace Tenfold;

/// <summary>The dimensions in another order: dimension i of y is dimension Order[i] of x.</summary>
/// <remarks>NCHW to NHWC is 0, 2, 3, 1. No parameters, no MACs, one pass of memory.</remarks>
public sealed record Transpose(Permutation Order) : UnaryOp
{
    public override string Name => "transpose";

    public override Shape Infer(Shape x)
    {
        if (Order.Rank != x.Rank) throw new ShapeException($"{Name}: {Order} orders {Order.Rank} dimensions, and {x} has {x.Rank}");
        Span<int> sizes = stackalloc int[x.Rank];
        for (var axis = 0; axis < sizes.Length; axis++) sizes[axis] = x[Order[axis]];
        return Shape.Of(sizes);
    }

    protected override void Define<T>(Values<T> x, Values<T> y)
    {
        Span<int> place = stackalloc int[x.Shape.Rank]; // in x
        for (var i = 0; i < y.Data.Length; i++)
        {
            var rest = i;
            for (var axis = place.Length - 1; axis >= 0; axis--) (rest, place[Order[axis]]) = Math.DivRem(rest, y.Shape[axis]);
            var from = 0;
            for (var axis = 0; axis < place.Length; axis++) from = from * x.Shape[axis] + place[axis];
            y[i] = x[from];
        }
    }

    protected override Node Gradient(Node x, Node y, Node dy) => new Transpose(Order.Inverse).Apply(dy);
}

/// <summary>An order of at most 8 dimensions, as a value: equal when the orders are.</summary>
public readonly record struct Permutation
{
    private readonly uint _axes; // four bits each

    /// <exception cref="ShapeException">The numbers are not 0 to rank - 1, each once.</exception>
    public Permutation(params ReadOnlySpan<int> axes)
    {
        if (axes.Length > Shape.MaxRank) throw new ShapeException($"permutation: {axes.Length} dimensions; at most {Shape.MaxRank}");
        var named = 0u; // a bit for each: every process that reads a model makes a permutation, and a search through numbers is compiled anew in each
        for (var i = 0; i < axes.Length; i++)
        {
            if ((uint)axes[i] < (uint)axes.Length) named |= 1u << axes[i];
            _axes |= (uint)axes[i] << (4 * i);
        }

        if (named != (1u << axes.Length) - 1) throw new ShapeException($"permutation: ({string.Join(", ", axes.ToArray())}) does not name dimension {BitOperations.TrailingZeroCount(~named)}");
        Rank = axes.Length;
    }

    public int Rank { get; }

    public int this[int i] => (uint)i < (uint)Rank ? (int)(_axes >> (4 * i)) & 15 : throw new ShapeException($"permutation: ({this}) has no place {i}");

    /// <summary>The order that undoes this one.</summary>
    public Permutation Inverse
    {
        get
        {
            Span<int> axes = stackalloc int[Rank];
            for (var i = 0; i < Rank; i++) axes[this[i]] = i;
            return new Permutation(axes);
        }
    }

    public override string ToString()
    {
        var text = "";
        for (var i = 0; i < Rank; i++) text += i == 0 ? $"{this[i]}" : $", {this[i]}";
        return text;
    }
}

public static partial class Verbs
{
    /// <summary>The dimensions in another order: <c>x.Transpose(0, 2, 3, 1)</c> puts the channels last.</summary>
    public static Node Transpose(this Node x, params ReadOnlySpan<int> order) => new Transpose(new Permutation(order)).Apply(x);
}
