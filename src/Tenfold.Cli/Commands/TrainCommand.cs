using System.CommandLine;
using System.Globalization;

namespace Tenfold.Cli;

/// <summary><c>tenfold train</c>: trains one network, and keeps what can be gone on with.</summary>
internal sealed class TrainCommand : ToolCommand
{
    private readonly Argument<string?> _data = new("DATA") { Description = $"{DataSource.Description}; {DataSource.Embedded} by default", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<string?> _network = new("--network") { Description = "A network of the zoo", HelpName = "NAME" };
    private readonly Option<string?> _from = new("--from") { Description = "Begin with the weights of a trained model, or with --network of a file of weights; the last layer is new when the classes are others", HelpName = "FILE" };
    private readonly Option<string[]> _freeze = new("--freeze") { Description = "Keep the weights whose names match as they are, such as 'layer1.*'; may be given several times", HelpName = "PATTERN", DefaultValueFactory = _ => [] };
    private readonly Option<string?> _output = new("--output") { Description = "Folder for the model, checkpoints, log and plot; runs/NETWORK-DATA by default", HelpName = "FOLDER" };
    private readonly Option<bool> _resume = new("--resume") { Description = "Go on from the newest checkpoint, to the same bits as without the stop" };
    private readonly Option<bool> _overwrite = new("--overwrite") { Description = "Remove what an earlier training left in the folder" };
    private readonly Option<int> _checkpointSteps = Cli.Options.Whole("--checkpoint-steps", "A checkpoint after so many steps, besides one after every epoch; 0 for no others", 0, 0);
    private readonly Option<int> _logSteps = Cli.Options.Whole("--log-steps", "A line in the log after so many steps, besides one after every epoch; 0 for no others", 0, 0);

    public TrainCommand() : base("train", "Train a network on a data set, and keep the model, checkpoints, a log and a plot")
    {
        Add(_data);
        foreach (var option in (Option[])[_network, _from, _freeze, Models.Input, _output, _resume, _overwrite, .. Recipe.Options, _checkpointSteps, _logSteps, .. DataSource.Options]) Add(option);
    }

    public override string[] Examples =>
    [
        "tenfold train --network resnet20 --epochs 3",
        "tenfold train cifar10 --network resnet20",
        "tenfold train photos/ --network resnet18 --input 3x64x64 --patience 5 --broken skip",
        "tenfold train photos/ --network resnet18 --from resnet18-imagenet.safetensors --freeze layer1.* --rate 0.01",
        "tenfold train cifar10 --network resnet20 --resume",
    ];

    public override int Run(ParseResult given, Screen screen, CancellationToken stop)
    {
        var input = Models.ParseSizes(given.GetValue(Models.Input));
        if (given.GetValue(_network) is null && given.GetValue(_from) is null) throw new UsageException("which network? --network NAME takes one of the zoo ('tenfold networks' lists them), --from FILE a model to go on from");
        var network = given.GetValue(_network) is { } name ? Models.Named(name) : null;
        var started = given.GetValue(_from) is { } file && network is null ? Models.Load(file) : null;
        var sample = input ?? network?.Input ?? Shape.Of(started!.Graph.Inputs[0].Shape.AsSpan()[1..]);

        var dataName = given.GetValue(_data);
        var data = DataSource.Open(dataName, sample, given, screen, stop, Recipe.Seed(given));
        var (options, train) = Recipe.For(data, given);
        var graph = network is not null ? Network.Create(network.Name, data.Train.Classes.Count, data.Train.Shape)
            : Continued(started!, data.Train);
        var model = given.GetValue(_from) is { } weights ? Transferred(graph, weights, screen, options.Seed) : new Model(graph, options.Seed);
        var folder = given.GetValue(_output) ?? Path.Combine("runs", $"{model.Graph.Name}-{ShortName(dataName ?? DataSource.Embedded)}");
        var files = new RunFiles(folder);
        files.Prepare(given.GetValue(_resume), given.GetValue(_overwrite));

        screen.Note($"data      {data.Train.Name}: {train.Count:N0} samples to learn from{(train.Count < data.Train.Count ? $", {options.Validation!.Count:N0} held out to judge by" : "")}, {data.Test.Count:N0} for the test; {data.Train.Classes.Count} classes of {data.Train.Shape}; from {data.Source}");
        screen.Note($"network   {model.Graph.Name}: {model.Graph.Cost.Parameters:N0} parameters, {model.Graph.Cost.Macs:N0} MACs");
        screen.Note($"training  {Recipe.Describe(options, given)}; {options.Threads} threads");
        var result = model.Fit(train, options with
        {
            Frozen = given.GetRequiredValue(_freeze),
            Checkpoints = files.Checkpoints,
            CheckpointSteps = given.GetValue(_checkpointSteps),
            Log = files.Log,
            LogSteps = given.GetValue(_logSteps),
            Resume = given.GetValue(_resume),
            Cancellation = stop,
        }, new ProgressLines(screen, options, train.Count < data.Train.Count ? "validation" : "test"));

        if (result.End == TrainingEnd.Cancelled)
        {
            screen.Note($"tenfold: stopped after step {result.Steps}; the checkpoint is in {files.Checkpoints}. The same command with --resume goes on from it.");
            return Tool.Stopped;
        }

        var evaluation = result.Model.Evaluate(data.Test, options.Batch, new RunOptions { Threads = options.Threads });
        var trained = new Model(result.Model.Graph, result.Model.Weights)
        {
            Classes = result.Model.Classes,
            Preprocessing = result.Model.Preprocessing,
            Provenance = Provenance(Recipe.Describe(options, given), result, evaluation, DataSource.Provenance(data, given, options.Seed)),
        }.WithoutHeads();
        ModelFile.Save(trained, files.Model);
        var plot = TrainingPlot.Of($"{model.Graph.Name} on {data.Train.Name}", new TrainingCurve(
            model.Graph.Name, [.. result.History.Select(epoch => new ComparePoint(epoch.Epoch, epoch.Seconds, epoch.Loss, epoch.ValidationAccuracy ?? epoch.Accuracy))]));
        plot.Save(files.Plot(".svg"));
        plot.Save(files.Plot(".png"));

        var document = new TrainDocument(
            evaluation.Accuracy, evaluation.Loss, result.History.Count, result.Seconds, evaluation.TopFive, result.Steps, End(result.End), model.Graph.Name, model.Graph.Cost.Parameters,
            data.Train.Name, data.Source, train.Count, data.Test.Count, files.Model, [.. result.History.Select(EpochDocument.Of)]);
        screen.Result(document, Documents.Written.TrainDocument, () =>
        {
            screen.Line();
            screen.Line($"{evaluation.Accuracy:P2} of {evaluation.Count:N0} test samples right, loss {evaluation.Loss:0.0000}, after {result.History.Count} epochs and {Time(result.Seconds)} ({End(result.End)})");
            if (options.RestoreBest && result.Best is { } best) screen.Line($"the weights are those of epoch {best.Epoch}, the best on the validation samples");
            screen.Line($"model     {files.Model}");
            screen.Line($"plot      {files.Plot(".svg")}");
            screen.Line($"log       {files.Log}");
        });
        return Tool.Done;
    }

    public static string Time(double seconds) => seconds < 100 ? string.Create(CultureInfo.InvariantCulture, $"{seconds:0.0} s")
        : TimeSpan.FromSeconds(seconds) is { TotalHours: var hours } time && hours >= 1 ? $"{(int)hours} h {time.Minutes} min" : $"{time.Minutes} min {time.Seconds} s";

    private static Graph Continued(Model model, Dataset data) => model.Graph.WithInputs([1, .. data.Shape]).WithClasses(data.Classes.Count);

    // All weights by their names; only the layers that tell classes apart may be of another size, and then start anew.
    private static Model Transferred(Graph graph, string path, Screen screen, ulong seed)
    {
        var model = graph.LoadMatching(Models.Existing(path), out var report, seed);
        var other = graph.WithClasses(graph.Outputs[0].Channels + 1);
        var heads = graph.Parameters.Where(pair => other.Parameters[pair.Key].Shape != pair.Value.Shape).Select(pair => $"{pair.Key} (").ToArray();
        if (report.Missing.Count + report.Unexpected.Count > 0 || !report.Mismatched.All(fault => heads.Any(fault.StartsWith)))
            throw new WeightMismatchException($"{path}: does not fit {graph.Name}; {report}", report);

        screen.Note($"weights   {path}{(report.Fits ? "" : $"; new: {string.Join(", ", report.Mismatched)}")}");
        return Path.GetExtension(path) == Models.Extension && Safetensors.Read(path).Metadata.ContainsKey("tenfold")
            ? new Model(graph, model.Weights) { Preprocessing = ModelFile.Load(path).Preprocessing }
            : model;
    }

    private static string End(TrainingEnd end) => end switch
    {
        TrainingEnd.Done => "all epochs done",
        TrainingEnd.Budget => "the time was up",
        TrainingEnd.NoProgress => "no progress",
        _ => "stopped",
    };

    private static Dictionary<string, string> Provenance(string training, TrainingResult result, Evaluation evaluation, IEnumerable<KeyValuePair<string, string>> data) => new(data)
    {
        ["made by"] = $"tenfold {InfoCommand.Version}",
        ["epochs"] = string.Create(CultureInfo.InvariantCulture, $"{result.History.Count}"),
        ["steps"] = string.Create(CultureInfo.InvariantCulture, $"{result.Steps}"),
        ["training"] = training,
        ["accuracy"] = string.Create(CultureInfo.InvariantCulture, $"{evaluation.Accuracy}"),
        ["loss"] = string.Create(CultureInfo.InvariantCulture, $"{evaluation.Loss}"),
    };

    private static string ShortName(string data) => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(data)));

    /// <summary>A line per epoch; on a terminal also one that is written over, with the step at hand.</summary>
    private sealed class ProgressLines(Screen screen, TrainingOptions options, string judge) : TrainingCallback
    {
        private double _start = -1, _startSeconds;

        public override void OnStep(in StepReport step)
        {
            if (_start < 0) (_start, _startSeconds) = (step.Progress, step.Seconds);
            var (done, seconds) = (step.Progress - _start, step.Seconds - _startSeconds);
            var left = done > 0 ? $"   {Time(seconds / done * (1 - step.Progress))} left" : "";
            screen.Progress($"epoch {step.Epoch}{(options.Epochs is { } epochs ? $"/{epochs}" : "")}   {step.Progress,4:P0}   step {step.Step}   loss {step.Loss:0.0000}   rate {step.Rate:0.00000}{left}");
        }

        public override void OnEpoch(EpochReport epoch) => screen.Line(
            $"epoch {epoch.Epoch,3}   loss {epoch.Loss:0.0000}   accuracy {epoch.Accuracy,7:P2}   {judge} {epoch.ValidationAccuracy,7:P2}   rate {epoch.Rate:0.00000}   {epoch.SamplesPerSecond:N0} samples/s   {Time(epoch.Seconds)}");

        public override void OnMessage(string message) => screen.Note(message);
    }
}

/// <summary>The files of one training.</summary>
internal sealed class RunFiles(string folder)
{
    public string Model => Path.Combine(folder, "model.safetensors");

    public string Log => Path.Combine(folder, "log.jsonl");

    public string Checkpoints => Path.Combine(folder, "checkpoints");

    public string Plot(string ending) => Path.Combine(folder, $"training{ending}");

    /// <exception cref="UsageException">The folder holds a training already, and neither going on nor overwriting was asked for.</exception>
    /// <exception cref="IOException">The folder cannot be made or written to.</exception>
    public void Prepare(bool resume, bool overwrite)
    {
        string[] all = [Model, Log, Plot(".svg"), Plot(".png")];
        var holds = all.Any(File.Exists) || (Directory.Exists(Checkpoints) && Directory.EnumerateFileSystemEntries(Checkpoints).Any());
        if (holds && !resume && !overwrite) throw new UsageException($"{folder}: holds a training already; --resume goes on with it, --overwrite removes it, --output names another folder");
        try
        {
            Directory.CreateDirectory(folder);
            if (!overwrite || resume) return;
            foreach (var file in all) File.Delete(file);
            if (Directory.Exists(Checkpoints))
                foreach (var file in Directory.GetFiles(Checkpoints, "checkpoint-*")) File.Delete(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"{folder}: cannot be written to: {exception.Message}", exception);
        }
    }
}

/// <param name="Accuracy">On the test samples.</param>
/// <param name="Seconds">Of training, the tests after every epoch included.</param>
/// <param name="End">Why it ended.</param>
/// <param name="Model">The file.</param>
internal sealed record TrainDocument(double Accuracy, double Loss, int Epochs, double Seconds, double TopFive, long Steps, string End, string Network, long Parameters, string Data, string Source, int TrainingSamples, int TestSamples, string Model, EpochDocument[] History);

internal sealed record EpochDocument(int Epoch, long Step, double Loss, double Accuracy, double? ValidationLoss, double? ValidationAccuracy, double Rate, double Seconds, double SamplesPerSecond)
{
    public static EpochDocument Of(EpochReport epoch) => new(
        epoch.Epoch, epoch.Step, epoch.Loss, epoch.Accuracy, epoch.ValidationLoss, epoch.ValidationAccuracy, epoch.Rate, epoch.Seconds, epoch.SamplesPerSecond);
}
