using System.CommandLine;
using System.Globalization;

namespace Tenfold.Cli;

/// <summary><c>tenfold evaluate</c>: how well a model does, and what it confuses.</summary>
internal sealed class EvaluateCommand : ToolCommand
{
    private readonly Argument<string> _model = new("MODEL") { Description = "A model file (.safetensors)" };
    private readonly Argument<string> _data = new("DATA") { Description = DataSource.Description };
    private readonly Option<string> _on = Cli.Options.Choice("--on", "Which samples; test of class folders without train and test: what training kept from them, or all that was not trained on", "test", "test", "train", "all");
    private readonly Option<int> _batch = Cli.Options.Whole("--batch", "Samples run at once", 64, 1, 1 << 16);
    private readonly Option<int> _threads = Cli.Options.Threads();

    public EvaluateCommand() : base("evaluate", "Measure a model's accuracy and loss on a data set, by class, and what it takes for what")
    {
        Add(_model);
        Add(_data);
        foreach (var option in (Option[])[_on, _batch, _threads, .. DataSource.Options]) Add(option);
    }

    public override string[] Examples => ["tenfold evaluate runs/resnet20-cifar10/model.safetensors cifar10", "tenfold evaluate model.safetensors photos/ --broken skip --json"];

    public override int Run(ParseResult given, Screen screen, CancellationToken stop)
    {
        var model = Models.LoadTrained(given.GetRequiredValue(_model));
        var dataName = given.GetRequiredValue(_data);
        var shape = Shape.Of(model.Graph.Inputs[0].Shape.AsSpan()[1..]);
        var pair = DataSource.Open(dataName, shape, given, screen, stop, model: model);
        var on = given.GetValue(_on)!;
        // Folders without a part for testing: all of them, unless it is these that the model was trained on.
        if (on == "test" && pair.Drawn && !DataSource.Taught(model, pair)) on = "all";
        var (data, what) = on switch
        {
            "train" => (pair.Train, "training samples"),
            "all" => (pair.All, "samples, all there are"),
            _ => (pair.Test, pair.Drawn ? "samples that training kept for the test" : "test samples"),
        };
        if (model.Classes.Count > 0 && !model.Classes.SequenceEqual(data.Classes))
            throw new DataException($"{data.Name}: its classes ({Some(data.Classes)}) are not those of the model ({Some(model.Classes)})");

        var evaluation = model.Evaluate(data, given.GetValue(_batch), new RunOptions { Threads = given.GetValue(_threads) });
        var confusion = Enumerable.Range(0, evaluation.Classes.Count).Select(actual => Enumerable.Range(0, evaluation.Classes.Count).Select(predicted => evaluation.Confusion[actual, predicted]).ToArray()).ToArray();
        var document = new EvaluateDocument(
            evaluation.Accuracy, evaluation.Loss, int.TryParse(model.Provenance.GetValueOrDefault("epochs"), out var epochs) ? epochs : null, evaluation.Seconds, evaluation.TopFive, evaluation.Count, model.Graph.Name, data.Name,
            [.. evaluation.PerClass.Select(each => new ClassDocument(each.Name, each.Count, each.Recall, each.Precision))], [.. evaluation.Classes], confusion);
        screen.Result(document, Documents.Written.EvaluateDocument, () =>
        {
            screen.Line($"{model.Graph.Name} on {data.Name}: {evaluation.Accuracy:P2} of {evaluation.Count:N0} {what} right, {(evaluation.Classes.Count > 5 ? $"{evaluation.TopFive:P2} among the first five, " : "")}loss {evaluation.Loss:0.0000}, in {TrainCommand.Time(evaluation.Seconds)}");
            screen.Line();
            Print(evaluation, screen);
        });
        return Tool.Done;
    }

    // Per class, with the classes it is taken for most; the whole matrix where it fits a screen.
    private static void Print(Evaluation evaluation, Screen screen)
    {
        var classes = evaluation.PerClass;
        var table = screen.Table("class", ">samples", ">recognised", ">right when named", "taken most for");
        for (var c = 0; c < classes.Count; c++)
        {
            var others = Enumerable.Range(0, classes.Count).Where(other => other != c && evaluation.Confusion[c, other] > 0).OrderByDescending(other => evaluation.Confusion[c, other]).Take(3);
            Spectre.Console.TableExtensions.AddRow(table, [.. new[]
            {
                classes[c].Name, $"{classes[c].Count:N0}", $"{classes[c].Recall:P1}", $"{classes[c].Precision:P1}",
                string.Join(", ", others.Select(other => $"{classes[other].Name} {evaluation.Confusion[c, other]}")),
            }.Select(Spectre.Console.Markup.Escape)]);
        }

        screen.Draw(table);
        if (classes.Count > 20) return;
        screen.Line("confusion: rows are the actual classes, columns what they were taken for");
        var width = Math.Max(5, evaluation.Confusion.Cast<int>().Max().ToString(CultureInfo.InvariantCulture).Length + 1);
        var names = classes.Max(each => each.Name.Length);
        screen.Line(new string(' ', names) + string.Concat(Enumerable.Range(0, classes.Count).Select(c => $"{(char)('a' + c)}".PadLeft(width))));
        for (var actual = 0; actual < classes.Count; actual++)
            screen.Line(classes[actual].Name.PadRight(names) + string.Concat(Enumerable.Range(0, classes.Count).Select(predicted => $"{evaluation.Confusion[actual, predicted]}".PadLeft(width))) + $"   {(char)('a' + actual)}");
    }

    private static string Some(IReadOnlyList<string> names) => string.Join(", ", names.Take(5)) + (names.Count > 5 ? $" and {names.Count - 5} more" : "");
}

/// <param name="Epochs">That the model was trained for, where it says so.</param>
/// <param name="Confusion">[actual][predicted]: how many samples.</param>
internal sealed record EvaluateDocument(double Accuracy, double Loss, int? Epochs, double Seconds, double TopFive, int Samples, string Network, string Data, ClassDocument[] PerClass, string[] Classes, int[][] Confusion);

/// <param name="Recall">The share of its samples that was recognised.</param>
/// <param name="Precision">The share of samples taken for it that are of it.</param>
internal sealed record ClassDocument(string Name, int Samples, double Recall, double Precision);
