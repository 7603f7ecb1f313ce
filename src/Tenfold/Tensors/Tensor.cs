namespace Tenfold;

/// <summary>32-bit floats in a shape, row-major: [batch, channels, height, width] for maps (NCHW).</summary>
/// <remarks>Plain garbage-collected memory: nobody has to dispose of it.</remarks>
public sealed class Tensor
{
    private readonly float[] _data;

    /// <summary>A tensor of zeros.</summary>
    public Tensor(Shape shape) : this(shape, new float[Length(shape)])
    {
    }

    /// <summary>A tensor over <paramref name="data"/>, which is not copied.</summary>
    /// <exception cref="ShapeException">The length of the data is not the shape's count.</exception>
    public Tensor(Shape shape, float[] data)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (data.Length != shape.Count) throw new ShapeException($"tensor: {data.Length} numbers do not fill the shape {shape} ({shape.Count})");
        (Shape, _data) = (shape, data);
    }

    public Shape Shape { get; }

    public Span<float> Span => _data;

    public Memory<float> Memory => _data;

    public ref float this[params ReadOnlySpan<int> index]
    {
        get
        {
            if (index.Length != Shape.Rank) throw new ShapeException($"tensor: {index.Length} indices for the shape {Shape}");
            long offset = 0;
            for (var axis = 0; axis < index.Length; axis++)
            {
                if ((uint)index[axis] >= (uint)Shape[axis]) throw new ShapeException($"tensor: index {index[axis]} is outside dimension {axis} of {Shape}");
                offset = offset * Shape[axis] + index[axis];
            }

            return ref _data[offset];
        }
    }

    public Tensor Clone() => new(Shape, (float[])_data.Clone());

    /// <summary>The same numbers, shared, in another shape of the same count.</summary>
    public Tensor Reshape(Shape shape) => new(shape, _data);

    public override string ToString() => $"Tensor {Shape}";

    private static int Length(Shape shape) => shape.Count <= Array.MaxLength
        ? (int)shape.Count
        : throw new ShapeException($"tensor: {shape} has {shape.Count} elements, more than one array holds ({Array.MaxLength})");
}
