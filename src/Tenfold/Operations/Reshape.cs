namespace Tenfold;

/// <summary>The same numbers, in the same order, under other sizes.</summary>
/// <param name="Sizes">The sizes behind those that are kept.</param>
/// <param name="Kept">How many dimensions stay as they are: 1 keeps the batch, whatever it is; 0, for parameters, keeps none.</param>
public sealed record Reshape(Shape Sizes, int Kept = 1) : UnaryOp
{
    public override string Name => "reshape";

    public override Shape Infer(Shape x)
    {
        if (Kept < 0 || Kept > x.Rank) throw new ShapeException($"{Name}: {x} has no {Kept} dimensions to keep");
        var y = Shape.Of([.. x.AsSpan()[..Kept], .. Sizes.AsSpan()]);
        return y.Count == x.Count ? y : throw new ShapeException($"{Name}: the {x.Count} numbers of {x} do not fill {y}");
    }

    protected override void Define<T>(Values<T> x, Values<T> y) => x.Data.CopyTo(y.Data, 0);

    protected override Node Gradient(Node x, Node y, Node dy) => new Reshape(Shape.Of(x.Shape.AsSpan()[Kept..]), Kept).Apply(dy);
}

/// <summary>All dimensions behind the batch as one: [N, C, H, W] -> [N, C H W], in that order.</summary>
/// <remarks>TensorFlow's weights of the linear layer behind it expect the order H, W, C.</remarks>
public sealed record Flatten : UnaryOp
{
    public override string Name => "flatten";

    public override Shape Infer(Shape x)
    {
        Require.Channels(Name, x);
        return [x.Batch, Require.Size(Name, x.Count / x.Batch)];
    }

    protected override void Define<T>(Values<T> x, Values<T> y) => x.Data.CopyTo(y.Data, 0);

    protected override Node Gradient(Node x, Node y, Node dy) => dy.Reshape(Shape.Of(x.Shape.AsSpan()[1..]));
}

public static partial class Verbs
{
    /// <summary>Other sizes behind the batch: <c>x.Reshape([12, 5, 7])</c>.</summary>
    public static Node Reshape(this Node x, Shape sizes) => new Reshape(sizes).Apply(x);

    /// <summary>[N, ...] -> [N, the product of the rest].</summary>
    public static Node Flatten(this Node x) => new Flatten().Apply(x);
}
