using System.CommandLine;
using System.Runtime.InteropServices;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Tenfold.Cli;

/// <summary><c>tenfold compare</c>, the main job: which operation pays on this machine and this data.</summary>
internal sealed class CompareCommand : ToolCommand
{
    private readonly Argument<string?> _data = new("DATA")
    {
        Description = $"{DataSource.Description}. Fashion-MNIST by default, of which a part is built in",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<double> _minutes = Cli.Options.Number("--minutes", "Wall time for everything", preset: new CompareOptions().Minutes, least: 0.01, most: 60 * 24 * 30);
    private readonly Option<int> _repeat = Cli.Options.Whole("--repeat", "Trainings of each variant, each with its own seed, for mean and spread", preset: 1, least: 1, most: 1000);
    private readonly Option<string?> _only = new("--only") { Description = $"Only these variants, with commas between: {string.Join(", ", Variant.All.Select(variant => variant.Operation))}", HelpName = "a,b" };
    private readonly Option<string> _sort = Cli.Options.Choice("--sort", "What the table is sorted by", "accuracy", "accuracy", "latency", "parameters", "macs");
    private readonly Option<string?> _input = Cli.Options.Sizes("--input", "Size to which pictures in class folders are brought; 3x32x32 by default");
    private readonly Option<string> _output = new("--output", "-o") { Description = "Folder for the report, plots, tables and the best model", DefaultValueFactory = _ => "compare", HelpName = "DIR" };
    private readonly Option<ulong> _seed = Cli.Options.Seed();
    private readonly Option<int> _threads = Cli.Options.Threads();

    public CompareCommand() : base("compare", "Train one small network per operation under the same budget and show what each costs and brings: the main job")
    {
        Add(_data);
        foreach (var option in new Option[] { _minutes, _repeat, _only, _sort, _input, _output, _seed, _threads }) Add(option);
        foreach (var option in DataSource.Options) Add(option);
    }

    public override string[] Examples =>
    [
        "tenfold compare",
        "tenfold compare cifar10 --minutes 30 --repeat 3",
        "tenfold compare photos/ --input 3x64x64 --sort latency",
        "tenfold compare --only baseline,residual,combined --minutes 2 --json",
    ];

    public override int Run(ParseResult given, Screen screen, CancellationToken stop)
    {
        var variants = Variants(given.GetValue(_only));
        var folder = Directory.CreateDirectory(given.GetRequiredValue(_output)).FullName; // now, not after five minutes
        var seed = given.GetValue(_seed);
        var data = DataSource.Open(given.GetValue(_data), Models.ParseSizes(given.GetValue(_input)), given, screen, stop, seed);
        var options = new CompareOptions
        {
            Minutes = given.GetValue(_minutes),
            Repeat = given.GetValue(_repeat),
            Seed = seed,
            Threads = given.GetValue(_threads),
            Variants = variants,
            Training = CompareOptions.Recipe with { Augmentation = new Augmentation { Flip = !data.Train.Classes.SequenceEqual(Idx.Digits) } }, // a mirrored 3 is no digit
            Cancellation = stop,
        };

        screen.Line($"{data.Train.Name}: {data.Train.Count:N0} pictures {data.Train.Shape} to train, {data.Test.Count:N0} to test, {data.Train.Classes.Count} classes, from {data.Source}");
        screen.Line($"{variants.Count} variants, {options.Repeat} training{(options.Repeat > 1 ? "s" : "")} each, {options.Minutes:0.##} minutes in all, {options.Threads} thread{(options.Threads > 1 ? "s" : "")}; Ctrl-C keeps what is finished");
        var progress = new CompareProgress(screen, options.Repeat);
        var comparison = progress.Watch(() => data.Compare(options, progress));
        var result = comparison.Result with { Machine = Machine(options.Threads) };
        if (result.Rows.Any(row => !row.Failed && row.Runs.Average(run => run.Epochs) < 1))
            screen.Note($"{result.Budget.SecondsEach:0.0} s of training were not enough for every variant to see all pictures once: give more --minutes, or fewer variants with --only");
        var files = CompareFiles.Write(folder, comparison with { Result = result });

        var order = Enum.Parse<CompareOrder>(given.GetRequiredValue(_sort), ignoreCase: true);
        screen.Result(CompareFiles.Document(comparison with { Result = result }, order), Documents.Written.CompareDocument, () => Print(result, order, screen));
        if (!screen.Json) screen.Line($"Written to {folder}: {string.Join(", ", files)}");
        if (comparison.Stopped) screen.Note("stopped: what was finished is kept");
        return comparison.Stopped ? Tool.Stopped : result.Best is null ? Tool.Failed : Tool.Done;
    }

    private static void Print(CompareResult result, CompareOrder order, Screen screen)
    {
        screen.Line();
        var table = screen.Table("operation", ">parameters", ">MACs", ">latency ms", ">accuracy %", ">epochs", "front", "against the baseline");
        var front = result.Front;
        foreach (var row in result.Sorted(order))
        {
            if (row.Failed) table.AddRow(Cells(row.Operation, $"{row.Parameters:N0}", $"{row.Macs:N0}", "", "", "", "", "failed"));
            else
                table.AddRow(Cells(row.Operation, $"{row.Parameters:N0}", $"{row.Macs:N0}", $"{row.LatencyMs.Value:0.000} ± {row.LatencyMs.Spread:0.000}", $"{100 * row.Accuracy.Value:0.00} ± {100 * row.Accuracy.Spread:0.00}",
                    $"{row.Runs.Average(run => run.Epochs):0.0}", front.Contains(row) ? "●" : "", Verdict(row)));
        }

        screen.Draw(table);
        screen.Line("● on the Pareto front: nothing here is both faster and more accurate. ± spread: over seeds, at least the test set's sampling error.");
        screen.Line();
        screen.Line(result.Conclusion);

        // A word, for a terminal is narrow; the report has the sentence.
        string Verdict(CompareRow row) => row == result.Baseline ? "" : result.Judge(row) switch
        {
            Tenfold.Verdict.Better => "more accurate",
            Tenfold.Verdict.Worse => "less accurate",
            _ => "no difference shown",
        };

        static IRenderable[] Cells(params string[] cells) => [.. cells.Select(cell => new Text(cell))];
    }

    private static IReadOnlyList<Variant> Variants(string? only)
    {
        if (only is null) return Variant.All;
        var known = Variant.All.Select(variant => variant.Operation).ToArray();
        var wanted = only.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (wanted.Length == 0) throw new UsageException($"--only names no variant; there are {string.Join(", ", known)}");
        foreach (var name in wanted)
            if (!known.Contains(name)) throw new UsageException($"--only {name}: there is no such variant{Names.Suggest(name, known)}; there are {string.Join(", ", known)}");
        return [.. Variant.All.Where(variant => wanted.Contains(variant.Operation))];
    }

    private static CompareFact[] Machine(int threads) =>
    [
        new("processor", InfoCommand.Cpu),
        new("instruction sets", string.Join(", ", InfoCommand.InstructionSets())),
        new("threads", $"{threads} of {Environment.ProcessorCount}"),
        new("runtime", $"{RuntimeInformation.FrameworkDescription} on {RuntimeInformation.RuntimeIdentifier}"),
        new("Tenfold", InfoCommand.Version),
    ];
}
