using System.IO.Compression;

namespace Tenfold;

/// <summary>How the tensors of a file fit the parameters of a network.</summary>
/// <param name="Missing">Parameters that the file has no tensor for.</param>
/// <param name="Unexpected">Tensors that the network has no parameter for.</param>
/// <param name="Mismatched">Parameters whose tensor has another shape, with both shapes.</param>
/// <param name="Naming">Whose names the file uses: <c>torchvision</c>, <c>timm</c>, ...</param>
public sealed record WeightReport(IReadOnlyList<string> Missing, IReadOnlyList<string> Unexpected, IReadOnlyList<string> Mismatched, string Naming)
{
    public bool Fits => Missing.Count + Unexpected.Count + Mismatched.Count == 0;

    /// <summary>Each list with at most ten of its names.</summary>
    public override string ToString() => Fits ? "all fits" : string.Join("; ", new[] { List("missing", Missing), List("unexpected", Unexpected), List("of another shape", Mismatched) }.Where(list => list.Length > 0));

    private static string List(string what, IReadOnlyList<string> names) =>
        names.Count == 0 ? "" : $"{what}: {string.Join(", ", names.Take(10))}{(names.Count > 10 ? $" and {names.Count - 10} more" : "")}";
}

/// <summary>A file of weights that does not fit the network.</summary>
public sealed class WeightMismatchException(string message, WeightReport report) : MalformedFileException(message)
{
    public WeightReport Report { get; } = report;
}

/// <summary>Weights in a file of their own, by name: safetensors or NumPy's npz.</summary>
/// <remarks>
/// Names are those of torchvision, else timm; other names of the same tensors (<see cref="WeightNaming"/>) are understood. <c>num_batches_tracked</c> and
/// auxiliary heads that the network is made without are passed over. A matrix is taken for a 1x1 convolution of the same size, and the other way round.
/// </remarks>
internal static class WeightFile
{
    // A network without its auxiliary heads takes the file of the one with them.
    private static readonly string[] s_heads = ["aux1.", "aux2.", "AuxLogits.", "aux_classifier."];

    public static Weights Read(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
        Span<byte> start = stackalloc byte[4];
        var got = stream.ReadAtLeast(start, 4, throwOnEndOfStream: false);
        stream.Position = 0;
        if (got > 1 && start is [0x80, >= 2 and <= 5, ..] && !path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase)) throw Pickle(path);
        if (got < 4 || start is not [(byte)'P', (byte)'K', 3, 4]) return Safetensors.Read(stream, path).Tensors;
        if (IsTorch(stream)) throw Pickle(path);
        stream.Position = 0;
        return NpzFile.Read(stream, path);
    }

    /// <summary>The tensors under the network's names; what does not fit is in the report.</summary>
    public static (Weights Weights, WeightReport Report) Fit(Graph graph, Weights file) => WeightNaming.All.Select(naming => Fit(graph, file, naming))
        .MinBy(fit => fit.Report.Missing.Count + fit.Report.Unexpected.Count + fit.Report.Mismatched.Count);

    private static (Weights Weights, WeightReport Report) Fit(Graph graph, Weights file, WeightNaming naming)
    {
        var (weights, unexpected, mismatched, other) = (new Weights(), new List<string>(), new List<string>(), new HashSet<string>());
        foreach (var (given, tensor) in file)
        {
            var name = naming.Rename(given);
            if (!graph.Parameters.TryGetValue(name, out var parameter))
            {
                if (!name.EndsWith(".num_batches_tracked", StringComparison.Ordinal) && !IsHeadLeftOut(name, graph)) unexpected.Add(given);
            }
            else if (Matches(tensor.Shape, parameter.Shape)) weights[name] = tensor.Reshape(parameter.Shape);
            else
            {
                mismatched.Add($"{given} ({tensor.Shape}, not {parameter.Shape})");
                other.Add(name);
            }
        }

        string[] missing = [.. graph.Parameters.Keys.Where(name => !weights.TryGet(name, out _) && !other.Contains(name))];
        return (weights, new WeightReport(missing, unexpected, mismatched, naming.Name));
    }

    private static bool IsHeadLeftOut(string name, Graph graph) =>
        Array.Find(s_heads, head => name.StartsWith(head, StringComparison.Ordinal)) is { } head && !graph.Parameters.Keys.Any(own => own.StartsWith(head, StringComparison.Ordinal));

    private static bool Matches(Shape given, Shape own) => given == own || (given.Rank == 2 != (own.Rank == 2) && Math.Min(given.Rank, own.Rank) == 2 && given[0] == own[0] && given.Count == own.Count);

    private static bool IsTorch(Stream stream)
    {
        try
        {
            using var archive = new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen: true);
            return archive.Entries.Any(entry => entry.Name == "data.pkl");
        }
        catch (InvalidDataException)
        {
            return false; // the reader of arrays says what is wrong
        }
    }

    private static NotSupportedException Pickle(string path) => new(
        $"{path}: is a pickle, which can run code when it is opened, and is not read; turn it into safetensors, in Python: "
        + $"import torch, safetensors.torch as s; s.save_file(torch.load('{Path.GetFileName(path)}', map_location='cpu', weights_only=True), '{Path.GetFileNameWithoutExtension(path)}.safetensors')");
}

public static partial class Verbs
{
    /// <summary>The network with the weights of a file: <c>Network.Create("resnet50").Load("resnet50.safetensors")</c>.</summary>
    /// <param name="path">Safetensors (also a model file, whose network is not looked at) or npz. Names are torchvision's or timm's; half-precision and double numbers become floats.</param>
    /// <exception cref="WeightMismatchException">Something is missing, unexpected or of another shape; nothing is loaded.</exception>
    /// <exception cref="MalformedFileException">The file breaks a rule of its format.</exception>
    /// <exception cref="NotSupportedException">The file is a pickle (<c>.pt</c>, <c>.pth</c>); the message says how to convert it.</exception>
    public static Model Load(this Graph graph, string path)
    {
        var (weights, report) = WeightFile.Fit(graph, WeightFile.Read(path));
        return report.Fits ? Bound(graph, weights, trained: true) : throw new WeightMismatchException($"{path}: does not fit {graph.Name}; {report}", report);
    }

    /// <summary>The same for a file that fits in part, such as the weights of other classes: what does not fit gets fresh values from <paramref name="seed"/>.</summary>
    /// <param name="report">What did not fit.</param>
    /// <exception cref="WeightMismatchException">Nothing fits.</exception>
    /// <inheritdoc cref="Load(Graph, string)"/>
    public static Model LoadMatching(this Graph graph, string path, out WeightReport report, ulong seed = 0)
    {
        (var weights, report) = WeightFile.Fit(graph, WeightFile.Read(path));
        if (weights.Count == 0) throw new WeightMismatchException($"{path}: nothing in it fits {graph.Name}; {report}", report);
        var fresh = graph.Init(seed);
        foreach (var (name, tensor) in weights) fresh[name] = tensor;
        return Bound(graph, fresh, trained: report.Fits);
    }

    /// <summary>Writes the weights alone by their names, atomically, as safetensors or, if the name ends in <c>.npz</c>, NumPy's arrays: PyTorch loads them
    /// with <c>model.load_state_dict(safetensors.torch.load_file(path))</c>.</summary>
    /// <exception cref="IOException">The file could not be written.</exception>
    public static void SaveWeights(this Model model, string path)
    {
        if (path.EndsWith(".npz", StringComparison.OrdinalIgnoreCase)) NpzFile.Write(path, model.Weights);
        else Safetensors.Write(path, model.Weights, new Dictionary<string, string> { ["format"] = "pt" });
    }

    // What a file of weights does not say about the pictures and classes that it was trained on, the network's entry does.
    private static Model Bound(Graph graph, Weights weights, bool trained)
    {
        var network = Network.All.FirstOrDefault(network => network.Name == graph.Name);
        var classes = graph.Outputs[0].Shape.Count / graph.Outputs[0].Shape[0];
        return new Model(graph, weights)
        {
            Preprocessing = network?.Preprocessing ?? Preprocessing.None,
            Classes = trained && network?.Classes == ImageNet.Classes.Count && classes == ImageNet.Classes.Count ? ImageNet.Classes : [],
        };
    }
}
