using System.CommandLine;

namespace Tenfold.Cli;

/// <summary>What a command line means by NAME or FILE: a network of the zoo, or a model in a file.</summary>
internal static class Models
{
    public const string Extension = ".safetensors";

    public static Argument<string> Argument { get; } = new("NAME|FILE") { Description = "A network of the zoo ('tenfold networks' lists them), or a model file (.safetensors)" };

    public static Option<string?> Input { get; } = Options.Sizes("--input", "Size of a picture; the network's own by default");

    public static Option<int?> Classes { get; } = Options.WholeOrChosen("--classes", "Classes to tell apart; the network's own by default", least: 1, most: 1_000_000);

    /// <summary>The network alone, for a batch of one.</summary>
    /// <exception cref="UsageException">No network and no file is meant by it.</exception>
    public static Graph OpenGraph(string nameOrFile, Shape? input = null, int? classes = null) =>
        IsFile(nameOrFile) ? Fitted(Load(nameOrFile).Graph, nameOrFile, input, classes) : Create(nameOrFile, input, classes);

    /// <summary>The network with its numbers: the file's, or fresh ones.</summary>
    /// <exception cref="UsageException">No network and no file is meant by it.</exception>
    public static Model Open(string nameOrFile, Shape? input = null, int? classes = null, ulong seed = 0)
    {
        if (!IsFile(nameOrFile)) return new Model(Create(nameOrFile, input, classes), seed);
        var model = Load(nameOrFile);
        return new Model(Fitted(model.Graph, nameOrFile, input, classes), model.Weights)
        {
            Classes = model.Classes,
            Preprocessing = model.Preprocessing,
            Provenance = model.Provenance,
        };
    }

    /// <summary>A file by its ending, by a separator in it, or because it is there; all else is a name.</summary>
    public static bool IsFile(string nameOrFile) =>
        Path.GetExtension(nameOrFile).ToLowerInvariant() is Extension or ".onnx" or ".pt" or ".pth" || nameOrFile.AsSpan().ContainsAny('/', '\\')
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

    /// <summary>The preprocessing that a model file states; none for a file of weights alone.</summary>
    public static Preprocessing PreprocessingOf(string path) => Safetensors.Read(path).Metadata.ContainsKey("tenfold") ? ModelFile.Load(path).Preprocessing : Preprocessing.None;

    /// <summary>The model in a file.</summary>
    public static Model Load(string path)
    {
        if (Directory.Exists(path)) throw new InvalidDataException($"{path}: is a folder, not a model file");
        if (!File.Exists(path)) throw new FileNotFoundException($"{path}: there is no such file");
        return Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".pt" or ".pth" => throw new NotSupportedException($"{path}: a pickle can run code when it is opened and is not read; in Python, turn it into safetensors: "
                + "safetensors.torch.save_file(torch.load(\"model.pth\", weights_only=True), \"model.safetensors\")"),
            ".onnx" => throw new NotSupportedException($"{path}: this version reads no ONNX files"),
            _ => ModelFile.Load(path),
        };
    }

    private static Graph Fitted(Graph graph, string path, Shape? input, int? classes)
    {
        if (classes is { } wanted && graph.Outputs[0].Shape is var output && (output.Rank < 2 || output[1] != wanted))
            throw new UsageException($"--classes {wanted}: {path} makes {output}; the classes of a file are fixed");
        return input is { } size ? graph.WithInputs([1, .. size]) : graph;
    }
}
