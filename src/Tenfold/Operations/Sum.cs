namespace Tenfold;

/// <summary>Dimensions of a tensor, as a set.</summary>
[Flags]
public enum Axes
{
    None = 0,
    Batch = 1,
    Channels = 2,
    Height = 4,
    Width = 8,
    Plane = Height | Width,
}

/// <summary>The sum along some dimensions, each kept with size 1.</summary>
/// <remarks>The gradient of broadcasting, as <see cref="Expand"/> is the gradient of this.</remarks>
public sealed record Sum(Axes Axes) : UnaryOp
{
    public override string Name => "sum";

    public override Shape Infer(Shape x)
    {
        if (((int)Axes & ~((1 << x.Rank) - 1)) != 0) throw new ShapeException($"{Name}: {x} has no {Axes}");
        var shape = x;
        for (var axis = 0; axis < x.Rank; axis++)
            if (Axes.HasFlag((Axes)(1 << axis))) shape = shape.With(axis, 1);
        return shape;
    }

    protected override void Define<T>(Values<T> x, Values<T> y)
    {
        for (var i = 0; i < x.Data.Length; i++) y[Broadcasting.Source(i, x.Shape, y.Shape)] += x[i];
    }

    protected override Node Gradient(Node x, Node y, Node dy) => dy.Expand(x);
}

/// <summary>The sum over all but the channels, as a vector: [N, C, H, W] -> [C]. The gradient of a bias.</summary>
public sealed record ChannelSum : UnaryOp
{
    public override string Name => "channel sum";

    public override Shape Infer(Shape x)
    {
        Require.Channels(Name, x);
        return [x.Channels];
    }

    protected override void Define<T>(Values<T> x, Values<T> y)
    {
        for (var n = 0; n < x.Shape[0]; n++)
            for (var c = 0; c < x.Shape[1]; c++)
                foreach (var value in x.Plane(n, c)) y[c] += value;
    }

    protected override Node Gradient(Node x, Node y, Node dy) =>
        new Reshape(Shape.Of([1, x.Channels, .. Enumerable.Repeat(1, x.Shape.Rank - 2)]), Kept: 0).Apply(dy).Expand(x);
}

/// <summary>x repeated along its dimensions of size 1 until it has the shape of <c>like</c>, whose numbers do not matter. Inputs: x, like.</summary>
public sealed record Expand : Op
{
    public override string Name => "expand";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 2, "x and what it is to be like");
        var (x, like) = (inputs[0], inputs[1]);
        if (x.Rank != like.Rank) throw new ShapeException($"{Name}: {x} and {like} differ in rank");
        for (var axis = 0; axis < x.Rank; axis++)
            if (x[axis] != like[axis] && x[axis] != 1) throw new ShapeException($"{Name}: {x} does not repeat to {like}");
        return like;
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        for (var i = 0; i < output.Data.Length; i++) output[i] = inputs[0][Broadcasting.Source(i, output.Shape, inputs[0].Shape)];
    }

    public override IReadOnlyList<Node?> Gradient(Node y, Node dy) => [dy.SumTo(y.Inputs[0]), null];
}

public static partial class Verbs
{
    /// <summary>The sum along <paramref name="axes"/>, each kept with size 1.</summary>
    public static Node Sum(this Node x, Axes axes) => axes == Axes.None ? x : new Sum(axes).Apply(x);

    /// <summary>The sum over all but the channels: [C].</summary>
    public static Node ChannelSum(this Node x) => new ChannelSum().Apply(x);

    /// <summary>x broadcast to the shape of <paramref name="like"/>.</summary>
    public static Node Expand(this Node x, Node like) => x.Shape == like.Shape ? x : new Expand().Apply(x, like);

    /// <summary>The sum along the dimensions in which <paramref name="like"/> has size 1: undoes a broadcast.</summary>
    internal static Node SumTo(this Node x, Node like)
    {
        var axes = Axes.None;
        for (var axis = 0; axis < x.Shape.Rank; axis++)
            if (like.Shape[axis] == 1 && x.Shape[axis] != 1) axes |= (Axes)(1 << axis);
        return x.Sum(axes);
    }
}
