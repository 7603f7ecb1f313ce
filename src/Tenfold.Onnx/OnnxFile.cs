using Google.Protobuf;
using Onnx;

namespace Tenfold;

/// <summary>How a model is written as ONNX.</summary>
public sealed record OnnxOptions
{
    /// <summary>The version of the operator set, 17 to 24. By default 17, or 19 where the graph needs it (deformable convolution, circular padding).</summary>
    public int? Opset { get; init; }

    /// <summary>Multiplies every batch norm into the convolution before it, where nothing else reads that. Runtimes do it themselves; kept, the
    /// model can still be trained.</summary>
    public bool FoldBatchNorm { get; init; }

    /// <summary>Leaves the size of the batch free, under the name <c>batch</c>.</summary>
    public bool DynamicBatch { get; init; } = true;
}

/// <summary>Models as ONNX files (<see href="https://onnx.ai"/>): written for other runtimes, read from other frameworks.</summary>
public static class OnnxFile
{
    internal const string Classes = "tenfold.classes", Mean = "tenfold.mean", Deviation = "tenfold.deviation", Share = "tenfold.share", Order = "tenfold.order", Provenance = "tenfold.provenance";

    /// <summary>Writes the model, atomically. Layers and parameters keep their names; class names, preprocessing and provenance are metadata.</summary>
    /// <exception cref="NotSupportedException">An operation has no ONNX form (those that exist only in training and as gradients), or none in the opset asked for.</exception>
    /// <exception cref="IOException">The file could not be written, or the model is larger than the 2 GiB that an ONNX file holds.</exception>
    public static void Save(Model model, string path, OnnxOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        var proto = OnnxWriter.Write(model, options ?? new OnnxOptions());
        if (proto.CalculateSize() < 0) throw new IOException($"{path}: could not be written: an ONNX file holds at most 2 GiB"); // the size wraps
        AtomicFile.Write(path, proto.WriteTo);
    }

    /// <summary>A file, read and checked; <see cref="OnnxModel.Build"/> makes models of it.</summary>
    /// <exception cref="MalformedFileException">Not an ONNX file, or one that breaks a rule.</exception>
    public static OnnxModel Open(string path) => OnnxModel.Open(path);

    /// <summary>The model in a file, for inputs of these shapes, or of those that the file states; see <see cref="OnnxModel.Build"/>.</summary>
    public static Model Load(string path, params ReadOnlySpan<Shape> shapes) => Open(path).Build(shapes);
}
