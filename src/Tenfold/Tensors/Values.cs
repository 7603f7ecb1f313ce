using System.Numerics;

namespace Tenfold;

/// <summary>What a node holds while the reference executor runs: a shape and its numbers, row-major, in float or in double.</summary>
public sealed class Values<T>(Shape shape, T[] data) where T : struct, IBinaryFloatingPointIeee754<T>
{
    public Values(Shape shape) : this(shape, new T[shape.Count])
    {
    }

    public Shape Shape { get; } = shape;

    public T[] Data { get; } = data.Length == shape.Count ? data : throw new ShapeException($"values: {data.Length} numbers do not fill the shape {shape}");

    /// <summary>One element of a map.</summary>
    public ref T this[int n, int c, int h, int w] => ref Data[((n * Shape[1] + c) * Shape[2] + h) * Shape[3] + w];

    /// <summary>One element of a matrix.</summary>
    public ref T this[int row, int column] => ref Data[row * Shape[1] + column];

    public ref T this[int index] => ref Data[index];

    /// <summary>The height x width numbers of one channel of one sample (everything behind the second dimension).</summary>
    public Span<T> Plane(int n, int c)
    {
        var size = (int)(Shape.Count / (Shape[0] * Shape[1]));
        return Data.AsSpan((n * Shape[1] + c) * size, size);
    }

    public static Values<T> From(Tensor tensor)
    {
        var values = new Values<T>(tensor.Shape);
        for (var i = 0; i < values.Data.Length; i++) values.Data[i] = T.CreateTruncating(tensor.Span[i]);
        return values;
    }

    public Tensor ToTensor()
    {
        var tensor = new Tensor(Shape);
        for (var i = 0; i < Data.Length; i++) tensor.Span[i] = float.CreateTruncating(Data[i]);
        return tensor;
    }
}
