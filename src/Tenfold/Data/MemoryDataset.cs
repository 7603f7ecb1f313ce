namespace Tenfold;

/// <summary>Samples held in memory, one byte a pixel.</summary>
public sealed class MemoryDataset : Dataset
{
    private readonly byte[] _pixels;
    private readonly byte[] _labels;
    private readonly int _size;

    /// <param name="shape">Of one sample: [channels, height, width].</param>
    /// <param name="pixels">Sample after sample, plane after plane; not copied.</param>
    /// <param name="labels">One per sample, at most 256 classes; not copied.</param>
    /// <exception cref="DataException">The sizes do not agree, or a label is not a class.</exception>
    public MemoryDataset(string name, Shape shape, IReadOnlyList<string> classes, byte[] pixels, byte[] labels, Preprocessing? preprocessing = null)
    {
        ArgumentNullException.ThrowIfNull(classes);
        ArgumentNullException.ThrowIfNull(pixels);
        ArgumentNullException.ThrowIfNull(labels);
        if (shape.Rank != 3) throw new DataException($"{name}: a sample has channels, height and width, not the shape {shape}");
        if (pixels.LongLength != shape.Count * labels.LongLength) throw new DataException($"{name}: {pixels.Length} pixels do not make {labels.Length} samples of {shape} ({shape.Count} each)");
        for (var i = 0; i < labels.Length; i++)
            if (labels[i] >= classes.Count) throw new DataException($"{name}: sample {i} has label {labels[i]}; labels of {classes.Count} classes go from 0 to {classes.Count - 1}");
        (Name, Shape, Classes, _pixels, _labels, _size) = (name, shape, classes, pixels, labels, (int)shape.Count);
        DefaultPreprocessing = preprocessing ?? Preprocessing.None;
    }

    public override string Name { get; }

    public override int Count => _labels.Length;

    public override IReadOnlyList<string> Classes { get; }

    public override Shape Shape { get; }

    public override Preprocessing DefaultPreprocessing { get; }

    public override int Label(int index) => _labels[index];

    public override void Read(int index, Span<byte> pixels) => _pixels.AsSpan(checked(index * _size), _size).CopyTo(pixels);
}
