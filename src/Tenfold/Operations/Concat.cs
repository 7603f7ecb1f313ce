using System.Numerics;

namespace Tenfold;

/// <summary>Tensors one behind another along an axis. Over the channels it joins the branches of an Inception module and the layers of a DenseNet.</summary>
/// <remarks>The sizes of all other dimensions agree. No parameters, no MACs, one pass of memory. The gradient is a split.</remarks>
/// <param name="Axis">Not the batch: 1 for channels.</param>
public sealed record Concat(int Axis) : Op
{
    public override string Name => "concat";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        if (inputs is not [var first, ..]) throw new ShapeException($"{Name}: takes at least one input");
        Require.Axis(Name, first, Axis);
        long size = 0;
        foreach (var x in inputs)
        {
            if (x.Rank != first.Rank || x.With(Axis, first[Axis]) != first) throw new ShapeException($"{Name}: {x} and {first} differ elsewhere than in dimension {Axis}");
            size += x[Axis];
        }

        return first.With(Axis, Require.Size(Name, size));
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var start = 0;
        foreach (var x in inputs)
        {
            for (var i = 0; i < Rows.Count(x.Shape, Axis); i++) Rows.Of(x, Axis, i).CopyTo(Rows.Of(output, Axis, i, start));
            start += x.Shape[Axis];
        }
    }

    public override IReadOnlyList<Node?> Gradient(Node y, Node dy)
    {
        var gradients = new Node[y.Inputs.Count];
        var start = 0;
        for (var i = 0; i < gradients.Length; i++)
        {
            var length = y.Inputs[i].Shape[Axis];
            gradients[i] = dy.Slice(start, length, Axis);
            start += length;
        }

        return gradients;
    }
}

/// <summary>A stretch of a tensor along an axis: <paramref name="Length"/> places from <paramref name="Start"/> on.</summary>
/// <param name="Axis">Not the batch: 1 for channels.</param>
public sealed record Slice(int Axis, int Start, int Length) : UnaryOp
{
    public override string Name => "slice";

    public override Shape Infer(Shape x)
    {
        Require.Axis(Name, x, Axis);
        if (Start < 0 || Length < 1 || (long)Start + Length > x[Axis]) throw new ShapeException($"{Name}: {Length} from {Start} on is outside dimension {Axis} of {x}");
        return x.With(Axis, Length);
    }

    protected override void Define<T>(Values<T> x, Values<T> y)
    {
        for (var i = 0; i < Rows.Count(x.Shape, Axis); i++)
        {
            var to = Rows.Of(y, Axis, i);
            Rows.Of(x, Axis, i, Start)[..to.Length].CopyTo(to);
        }
    }

    protected override Node Gradient(Node x, Node y, Node dy) => dy.Embed(Start, x.Shape[Axis] - Start - Length, Axis);
}

/// <summary>A tensor between zeros along an axis: the gradient of a slice, and the shortcut that widens a ResNet without parameters
/// (He et al. 2016, option A).</summary>
/// <param name="Axis">Not the batch: 1 for channels.</param>
/// <param name="Before">Zeros before.</param>
/// <param name="After">Zeros behind.</param>
public sealed record Embed(int Axis, int Before, int After) : UnaryOp
{
    public override string Name => "embed";

    public override Shape Infer(Shape x)
    {
        Require.Axis(Name, x, Axis);
        if (Before < 0 || After < 0) throw new ShapeException($"{Name}: {Before} before and {After} behind; at least 0");
        return x.With(Axis, Require.Size(Name, (long)x[Axis] + Before + After));
    }

    protected override void Define<T>(Values<T> x, Values<T> y)
    {
        for (var i = 0; i < Rows.Count(x.Shape, Axis); i++) Rows.Of(x, Axis, i).CopyTo(Rows.Of(y, Axis, i, Before));
    }

    protected override Node Gradient(Node x, Node y, Node dy) => dy.Slice(Before, x.Shape[Axis], Axis);
}

/// <summary>A tensor as rows, one for each index in the dimensions before an axis; each holds the axis and all behind it in one piece.</summary>
internal static class Rows
{
    public static int Count(Shape shape, int axis)
    {
        var count = 1;
        foreach (var size in shape.AsSpan()[..axis]) count *= size;
        return count;
    }

    /// <summary>A row from place <paramref name="start"/> of the axis on.</summary>
    public static Span<T> Of<T>(Values<T> x, int axis, int row, int start = 0) where T : struct, IBinaryFloatingPointIeee754<T>
    {
        var length = x.Data.Length / Count(x.Shape, axis);
        return x.Data.AsSpan(row * length, length)[(start * (length / x.Shape[axis]))..];
    }
}

public static partial class Verbs
{
    /// <summary>The channels of this and the others, in order.</summary>
    public static Node Concat(this Node x, params ReadOnlySpan<Node> others) => new Concat(1).Apply([x, .. others]);

    /// <summary>The nodes one behind another along an axis: <c>new[] { a, b }.Concat(axis: 3)</c>.</summary>
    public static Node Concat(this IEnumerable<Node> nodes, int axis = 1) => new Concat(axis).Apply(nodes.ToArray());

    /// <summary>Some of the channels (or places of another axis).</summary>
    public static Node Slice(this Node x, int start, int length, int axis = 1) => new Slice(axis, start, length).Apply(x);

    /// <summary>Equal parts of the channels (or places of another axis).</summary>
    /// <exception cref="ShapeException">The parts are not equal.</exception>
    public static Node[] Split(this Node x, int parts, int axis = 1)
    {
        Require.Axis("split", x.Shape, axis);
        var (length, rest) = parts >= 1 ? Math.DivRem(x.Shape[axis], parts) : (0, 1);
        if (rest != 0) throw new ShapeException($"split: dimension {axis} of {x.Shape} does not divide into {parts} parts");
        return [.. Enumerable.Range(0, parts).Select(i => x.Slice(i * length, length, axis))];
    }

    /// <summary>Zero channels (or places of another axis) before and behind.</summary>
    public static Node Embed(this Node x, int before, int after, int axis = 1) => before == 0 && after == 0 ? x : new Embed(axis, before, after).Apply(x);
}
