namespace Tenfold;

/// <summary>32-bit floats in a shape, row-major: [batch, channels, height, width] for maps (NCHW).</summary>
/// <remarks>Plain garbage-collected memory: nobody has to dispose of it. The numbers of a large tensor of a file are read when they are first asked for.</remarks>
public sealed class Tensor
{
    private readonly TensorPlace? _place;
    private volatile float[]? _data;

    /// <summary>A tensor of zeros.</summary>
    public Tensor(Shape shape) : this(shape, new float[Length(shape)]) => LargePages.Ask(_data);

    /// <summary>A tensor over <paramref name="data"/>, which is not copied.</summary>
    /// <exception cref="ShapeException">The length of the data is not the shape's count.</exception>
    public Tensor(Shape shape, float[] data)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (data.Length != shape.Count) throw new ShapeException($"tensor: {data.Length} numbers do not fill the shape {shape} ({shape.Count})");
        (Shape, _data) = (shape, data);
    }

    /// <summary>A tensor whose numbers lie in a file.</summary>
    internal Tensor(Shape shape, TensorPlace place) => (Shape, _place) = (shape, place);

    public Shape Shape { get; }

    /// <exception cref="IOException">The numbers have to be read from a file, and it was changed after it was loaded.</exception>
    public Span<float> Span => Data;

    /// <inheritdoc cref="Span"/>
    public Memory<float> Memory => Data;

    /// <summary>Where the numbers lie, as long as nobody has asked for them; null for numbers in memory.</summary>
    internal TensorPlace? Place => _data is null ? _place : null;

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

            return ref Data[offset];
        }
    }

    private float[] Data
    {
        get
        {
            if (_data is { } data) return data;
            lock (_place!)
            {
                if (_data is { } read) return read;
                data = GC.AllocateUninitializedArray<float>((int)Shape.Count);
                LargePages.Ask(data);
                _place.Read(0, data);
                return _data = data;
            }
        }
    }

    public Tensor Clone() => Place is { } place ? new Tensor(Shape, place) : new Tensor(Shape, (float[])Data.Clone());

    /// <summary>The same numbers, shared, in another shape of the same count.</summary>
    public Tensor Reshape(Shape shape) => shape == Shape ? this : new Tensor(shape, Data);

    public override string ToString() => $"Tensor {Shape}";

    private static int Length(Shape shape) => shape.Count <= Array.MaxLength
        ? (int)shape.Count
        : throw new ShapeException($"tensor: {shape} has {shape.Count} elements, more than one array holds ({Array.MaxLength})");
}
