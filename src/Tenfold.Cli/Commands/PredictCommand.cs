using System.CommandLine;
using System.Globalization;

namespace Tenfold.Cli;

/// <summary><c>tenfold predict</c>: what a model sees in pictures.</summary>
internal sealed class PredictCommand : ToolCommand
{
    private readonly Argument<string> _model = new("MODEL") { Description = "A model file (.safetensors), or a network by name with --weights" };
    private readonly Argument<string[]> _images = new("IMAGE") { Description = "Pictures (PNG, JPEG, WebP, BMP, GIF), folders of them, or patterns such as photos/*.jpg", Arity = ArgumentArity.OneOrMore };
    private readonly Option<int> _top = Cli.Options.Whole("--top", "How many classes to name", 5, 1, 1000);
    private readonly Option<int> _threads = Cli.Options.Threads();

    public PredictCommand() : base("predict", "Name what is in pictures: the most probable classes of each")
    {
        Add(_model);
        Add(_images);
        Add(Models.Weights);
        Add(_top);
        Add(_threads);
    }

    public override string[] Examples => ["tenfold predict model.safetensors photo.jpg", "tenfold predict model.safetensors photos/ --top 1 --json", "tenfold predict resnet50 photo.jpg --weights resnet50.safetensors"];

    public override int Run(ParseResult given, Screen screen, CancellationToken stop)
    {
        var name = given.GetRequiredValue(_model);
        var model = (given.GetValue(Models.Weights) is { } weights ? Models.Open(name, weights: weights) : Models.LoadTrained(name)).WithoutHeads();
        var input = model.Graph.Inputs[0].Shape;
        var output = model.Graph.Outputs[0].Shape;
        var classes = (int)(output.Count / output[0]);
        var files = given.GetRequiredValue(_images).SelectMany(Files).ToArray();
        var session = model.Compile(new RunOptions { Threads = given.GetValue(_threads) });
        var (fit, top) = (DataSource.FitOf(model), Math.Min(given.GetValue(_top), classes));
        var (documents, broken) = (new List<PredictDocument>(), 0);
        foreach (var file in files)
        {
            stop.ThrowIfCancellationRequested();
            screen.Progress($"{documents.Count + broken} of {files.Length}");
            try
            {
                var picture = Picture.Load(file);
                if (fit == PictureFit.Stretch) picture = picture.Resize(input.Plane);
                var scores = session.RunAll(picture.ToTensor(input, model.Preprocessing))[0].Span[..classes];
                var probabilities = Probabilities(model.Graph.Outputs[0].Op, scores);
                if (!probabilities.All(double.IsFinite)) throw new InvalidDataException($"{file}: the network's output is not a number");
                documents.Add(new PredictDocument(file, [.. Enumerable.Range(0, classes).OrderByDescending(c => probabilities[c]).ThenBy(c => c).Take(top)
                    .Select(c => new GuessDocument(model.Classes.Count > 0 ? model.Classes[c] : c.ToString(CultureInfo.InvariantCulture), probabilities[c]))]));
            }
            catch (PictureException exception)
            {
                broken++;
                screen.Note($"tenfold: {exception.Message}");
            }
        }

        if (documents.Count == 0) return Tool.Failed;
        screen.Result([.. documents], Documents.Written.PredictDocumentArray, () =>
        {
            var width = documents.Max(each => each.File.Length);
            foreach (var each in documents) screen.Line($"{each.File.PadRight(width)}   {string.Join("   ", each.Top.Select(guess => $"{guess.Label} {guess.Probability:P1}"))}");
        });
        if (broken > 0) screen.Note($"tenfold: {broken} of {files.Length} pictures could not be read");
        return broken > 0 ? Tool.Failed : Tool.Done;
    }

    // A picture, the pictures of a folder, or those that a pattern names where the shell has not.
    private static IEnumerable<string> Files(string given)
    {
        if (Directory.Exists(given))
        {
            var inside = PictureFolder.FilesIn(given);
            return inside.Count > 0 ? inside : throw new DataException($"{given}: holds no pictures");
        }

        if (!given.AsSpan().ContainsAny('*', '?') || File.Exists(given)) return [given];
        var folder = Path.GetDirectoryName(given) is { Length: > 0 } before ? before : ".";
        var found = Directory.Exists(folder) ? Directory.GetFiles(folder, Path.GetFileName(given)).Order(StringComparer.Ordinal).ToArray() : [];
        return found.Length > 0 ? found : throw new DataException($"{given}: no file has such a name");
    }

    // What the network ends in says what its outputs are: probabilities, their logarithms, or logits.
    private static double[] Probabilities(Op end, ReadOnlySpan<float> scores)
    {
        var values = new double[scores.Length];
        for (var i = 0; i < values.Length; i++) values[i] = scores[i];
        if (end is Softmax) return values;
        var (max, sum) = (values.Max(), 0.0);
        for (var i = 0; i < values.Length; i++) sum += values[i] = Math.Exp(values[i] - max);
        for (var i = 0; i < values.Length; i++) values[i] /= sum;
        return values;
    }
}

internal sealed record PredictDocument(string File, GuessDocument[] Top);

internal sealed record GuessDocument(string Label, double Probability);
