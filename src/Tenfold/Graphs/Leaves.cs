namespace Tenfold;

/// <summary>What a graph is given when it runs: an image, targets.</summary>
public sealed record Input(Shape Shape) : Leaf(Shape)
{
    public override string Name => "input";
}

/// <summary>What a graph learns, or keeps: a weight.</summary>
/// <param name="Role">The last part of its name, after the layer's: <c>weight</c>, <c>bias</c>, <c>running_mean</c>.</param>
/// <param name="Initializer">Its first values.</param>
/// <param name="Trained">False for running statistics and fixed kernels: saved with the model, not counted, not trained.</param>
public sealed record Parameter(string Role, Shape Shape, Initializer Initializer, bool Trained = true) : Leaf(Shape)
{
    public override string Name => "parameter";
}

/// <summary>A node without inputs.</summary>
public abstract record Leaf(Shape Shape) : Op
{
    public sealed override Shape Infer(ReadOnlySpan<Shape> inputs) => Shape;

    public sealed override Cost Cost(ReadOnlySpan<Shape> inputs, Shape output) => default;

    public sealed override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output) => throw new InvalidOperationException($"{Name}: is given, not computed");

    public sealed override IReadOnlyList<Node?> Gradient(Node y, Node dy) => [];
}

/// <summary>Where networks begin.</summary>
public static class Image
{
    /// <summary>Three channels: [1, 3, height, width].</summary>
    public static Node Rgb(int height, int width) => Of(3, height, width);

    /// <summary>[1, channels, height, width]; the batch is set when the graph is compiled.</summary>
    public static Node Of(int channels, int height, int width) => new Input([1, channels, height, width]).Apply([], "image");
}
