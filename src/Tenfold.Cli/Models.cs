using System.CommandLine;

namespace Tenfold.Cli;

/// <summary>What a command line means by NAME or FILE: a network of the zoo, or a model in a file.</summary>
internal static class Models
{
    public const string Extension = ".safetensors";

    public static Argument<string> Argument { get; } = new("NAME|FILE") { Description = "A network of the zoo ('tenfold networks' lists them), or a model file (.safetensors or .onnx)" };

    public static Option<string?> Input { get; } = Options.Sizes("--input", "Size of a picture; the network's own by default");

    public static Option<string?> Weights { get; } = new("--weights") { Description = "Weights for a network by name, .safetensors or .npz with the names of torchvision or timm; fresh ones by default", HelpName = "FILE" };

    public static Option<int?> Classes { get; } = Options.WholeOrChosen("--classes", "Classes to tell apart; the network's own by default", least: 1, most: 1_000_000);

    /// <summary>The network alone, for a batch of one.</summary>
    /// <exception cref="UsageException">No network and no file is meant by it.</exception>
    public static Graph OpenGraph(string nameOrFile, Shape? input = null, int? classes = null) =>
        IsFile(nameOrFile) ? Fitted(Load(nameOrFile, input).Graph, input, classes) : Create(nameOrFile, input, classes);

    /// <summary>The network with its numbers: the file's, those of <paramref name="weights"/>, or fresh ones.</summary>
    /// <exception cref="UsageException">No network and no file is meant by it.</exception>
    /// <exception cref="MalformedFileException">The weights do not fit.</exception>
    public static Model Open(string nameOrFile, Shape? input = null, int? classes = null, ulong seed = 0, string? weights = null)
    {
        if (!IsFile(nameOrFile))
            return weights is null ? new Model(Create(nameOrFile, input, classes), seed) : Create(nameOrFile, input, classes).Load(Existing(weights));
        if (weights is not null) throw new UsageException($"--weights {weights}: {nameOrFile} has weights of its own");
        var model = Load(nameOrFile, input);
        return new Model(Fitted(model.Graph, input, classes), model.Weights)
        {
            Classes = model.Classes,
            Preprocessing = model.Preprocessing,
            Provenance = model.Provenance,
        };
    }

    /// <summary>A file by its ending, by a separator in it, or because it is there; all else is a name.</summary>
    public static bool IsFile(string nameOrFile) =>
        Path.GetExtension(nameOrFile).ToLowerInvariant() is Extension or ".onnx" or ".npz" or ".pt" or ".pth" || nameOrFile.AsSpan().ContainsAny('/', '\\')
        || (File.Exists(nameOrFile) && !IsName(nameOrFile));

    /// <summary>3x224x224 as a shape; null for null.</summary>
    public static Shape? ParseSizes(string? text)
    {
        if (text is null) return null;
        var sizes = text.Split('x', '×').Select(part => int.TryParse(part, out var size) && size is >= 1 and <= 65536 ? size : 0).ToArray();
        return sizes.Length == 3 && !sizes.Contains(0) ? Shape.Of(sizes) : throw new UsageException($"--input is {text}; it must be channels, height and width from 1 to 65536, such as 3x224x224");
    }

    private static bool IsName(string name) => Network.All.Any(network => network.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>The network of this name.</summary>
    /// <exception cref="UsageException">There is none.</exception>
    public static Network Named(string name) => IsName(name)
        ? Network.Named(name)
        : throw new UsageException($"there is no network {name}{Names.Suggest(name, Network.All.Select(network => network.Name))}{(Names.Near(name, Network.All.Select(network => network.Name)).Count == 0 ? "; 'tenfold networks' lists them" : "")}");

    private static Graph Create(string name, Shape? input, int? classes) => Network.Create(Named(name).Name, classes, input);

    /// <summary>The model in a file, for commands that make no sense with fresh weights.</summary>
    /// <exception cref="UsageException">It is the name of a network.</exception>
    public static Model LoadTrained(string file) => IsFile(file) || !IsName(file) ? Load(file)
        : throw new UsageException($"{file} is a network without trained weights; this takes a model file, such as 'tenfold train --network {file}' makes");

    /// <summary>The model in a file; one whose sizes are free (.onnx) for pictures of this size.</summary>
    public static Model Load(string path, Shape? input = null) => Path.GetExtension(Existing(path)).ToLowerInvariant() switch
    {
        ".onnx" => input is { } size ? OnnxFile.Load(path, Shape.Of([1, .. size])) : OnnxFile.Load(path),
        ".pt" or ".pth" => throw new NotSupportedException($"{path}: a pickle can run code when it is opened and is not read; in Python, turn it into safetensors: "
            + "safetensors.torch.save_file(torch.load(\"model.pth\", weights_only=True), \"model.safetensors\")"),
        ".npz" => throw new NotSupportedException($"{path}: holds weights but no network: give them to a network by name"),
        _ => ModelFile.Load(path),
    };

    /// <summary>The path, if there is a file.</summary>
    public static string Existing(string path) => Directory.Exists(path) ? throw new InvalidDataException($"{path}: is a folder, not a model file")
        : File.Exists(path) ? path : throw new FileNotFoundException($"{path}: there is no such file");

    private static Graph Fitted(Graph graph, Shape? input, int? classes)
    {
        if (classes is { } wanted && graph.Outputs[0].Shape is var output && (output.Rank < 2 || output[1] != wanted))
            throw new UsageException($"--classes {wanted}: the file's network makes {output}; its classes are fixed");
        return input is { } size ? graph.WithInputs([1, .. size]) : graph;
    }
}
