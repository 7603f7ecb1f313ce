using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Tenfold.Cli;

/// <summary>What a comparison leaves in its folder.</summary>
internal static class CompareFiles
{
    public const string Model = "best.safetensors";

    /// <returns>The names of the files.</returns>
    /// <exception cref="IOException">One could not be written; what stood under its name still does.</exception>
    public static IReadOnlyList<string> Write(string folder, Comparison comparison)
    {
        var (result, written) = (comparison.Result, new List<string>());
        Save("report.html", path => Text(path, ComparePage.Of(result)));
        Save("trade-off.svg", TradeOffPlot.Of(result).Save);
        Save("trade-off.png", TradeOffPlot.Of(result).Save);
        Save("training.svg", TrainingPlot.Of(result).Save);
        Save("training.png", TrainingPlot.Of(result).Save);
        Save("results.csv", path => Text(path, Csv(result)));
        Save("results.json", path => Text(path, JsonSerializer.Serialize(Document(comparison, CompareOrder.Accuracy), Documents.Written.CompareDocument) + "\n"));
        if (comparison.BestModel is { } model)
        {
            Save(Model, path => ModelFile.Save(model, path));
            Save("best.onnx", path => OnnxFile.Save(model, path));
        }

        return written;

        void Save(string name, Action<string> write)
        {
            write(Path.Combine(folder, name));
            written.Add(name);
        }
    }

    public static CompareDocument Document(Comparison comparison, CompareOrder order)
    {
        var result = comparison.Result;
        var front = result.Front;
        return new CompareDocument(
            result.Data, result.Source, [.. result.Input], result.Classes.Count, result.TrainingSamples, result.TestSamples,
            new BudgetDocument(result.Budget.Minutes, result.Budget.SecondsEach, result.Budget.Repeat, result.Budget.Threads), result.Seconds, comparison.Stopped ? true : null,
            [.. result.Sorted(order).Select(row => new CompareRowDocument(
                row.Operation, row.Parameters, row.Macs, Finite(row.LatencyMs.Value), Finite(row.LatencyMs.Spread), Finite(row.Accuracy.Value), Finite(row.Accuracy.Spread),
                row.Failed ? null : row.Runs.Average(run => run.Epochs), front.Contains(row), row.Change, row.Fairness, row.Paper, result.Describe(row), row.Failure,
                [.. row.Runs.Select(run => new CompareRunDocument(run.Seed, run.Accuracy, Finite(run.Loss), run.Epochs, run.Seconds))]))],
            result.Best?.Operation,
            comparison.BestRun is { } best ? new BestModelDocument(Model, best.Seed, best.Accuracy) : null,
            result.Conclusion,
            result.Machine.ToDictionary(fact => fact.Name, fact => fact.Value));
    }

    private static string Csv(CompareResult result)
    {
        var front = result.Front;
        var text = new StringBuilder("operation,parameters,macs,latency_ms,latency_spread_ms,accuracy,accuracy_spread,epochs,runs,pareto,failure\n");
        foreach (var row in result.Sorted(CompareOrder.Accuracy))
            text.Append(CultureInfo.InvariantCulture, $"{Quoted(row.Operation)},{row.Parameters},{row.Macs},{Number(row.LatencyMs.Value)},{Number(row.LatencyMs.Spread)},")
                .Append(CultureInfo.InvariantCulture, $"{Number(row.Accuracy.Value)},{Number(row.Accuracy.Spread)},{(row.Failed ? "" : Number(row.Runs.Average(run => run.Epochs)))},{row.Runs.Count},")
                .Append(CultureInfo.InvariantCulture, $"{(front.Contains(row) ? "yes" : "no")},{Quoted(row.Failure ?? "")}\n");
        return text.ToString();

        static string Number(double value) => double.IsFinite(value) ? value.ToString("0.######", CultureInfo.InvariantCulture) : "";

        static string Quoted(string text) => text.AsSpan().ContainsAny("\",\r\n") ? $"\"{text.Replace("\"", "\"\"")}\"" : text;
    }

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;

    private static void Text(string path, string text) => AtomicFile.Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(text)));
}

/// <param name="Seconds">That all of it took, without writing files.</param>
/// <param name="Stopped">True when Ctrl-C ended it: variants or seeds are missing.</param>
/// <param name="Best">The operation of the most accurate row.</param>
internal sealed record CompareDocument(
    string Data, string Source, int[] Input, int Classes, int TrainingSamples, int TestSamples, BudgetDocument Budget, double Seconds, bool? Stopped,
    CompareRowDocument[] Rows, string? Best, BestModelDocument? BestModel, string Conclusion, Dictionary<string, string> Machine);

internal sealed record BudgetDocument(double Minutes, double SecondsEach, int Repeat, int Threads);

/// <param name="Accuracy">Mean over the runs, in [0, 1]; no key when the variant failed.</param>
/// <param name="Pareto">Whether nothing here is both faster and more accurate.</param>
internal sealed record CompareRowDocument(
    string Operation, long Parameters, long Macs, double? LatencyMs, double? LatencySpreadMs, double? Accuracy, double? AccuracySpread, double? Epochs, bool Pareto,
    string Change, string Fairness, string Paper, string Verdict, string? Failure, CompareRunDocument[] Runs);

internal sealed record CompareRunDocument(ulong Seed, double Accuracy, double? Loss, double Epochs, double Seconds);

/// <param name="Accuracy">Of this file's model on the test samples.</param>
internal sealed record BestModelDocument(string File, ulong Seed, double Accuracy);
