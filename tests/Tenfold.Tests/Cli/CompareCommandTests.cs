using System.Globalization;
using System.Text.Json;
using Xunit;

namespace Tenfold.Tests;

public sealed class CompareCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void It_leaves_report_plots_tables_and_a_model_that_keeps_its_word()
    {
        var data = Data();
        var output = Path.Combine(_folder.Path, "out");
        var run = CommandLine.Run("compare", data, "--minutes", "0.05", "--only", "residual,baseline,squeeze-excite", "--repeat", "2", "--sort", "latency", "--threads", "1", "--seed", "3", "--output", output, "--json");
        var json = run.Json;
        foreach (var name in new[] { "report.html", "trade-off.svg", "trade-off.png", "training.svg", "training.png", "results.csv", "results.json", "best.safetensors", "best.onnx" })
            Assert.True(new FileInfo(Path.Combine(output, name)).Length > 100, name);

        Assert.Equal("shapes", json.GetProperty("data").GetString());
        Assert.Equal(0.05, json.GetProperty("budget").GetProperty("minutes").GetDouble());
        var rows = json.GetProperty("rows").EnumerateArray().ToArray();
        Assert.Equal(3, rows.Length);
        var latencies = rows.Select(row => row.GetProperty("latencyMs").GetDouble()).ToArray();
        Assert.Equal(latencies.Order(), latencies);
        Assert.All(rows, row =>
        {
            Assert.Equal(["operation", "parameters", "macs", "latencyMs"], CommandLine.Keys(row).Take(4));
            var runs = row.GetProperty("runs").EnumerateArray().Select(each => each.GetProperty("accuracy").GetDouble()).ToArray();
            Assert.Equal(2, runs.Length);
            Assert.Equal(runs.Average(), row.GetProperty("accuracy").GetDouble(), 12);
        });
        var best = rows.MaxBy(row => row.GetProperty("accuracy").GetDouble());
        Assert.Equal(best.GetProperty("accuracy").GetDouble(), rows.Single(row => row.GetProperty("operation").GetString() == json.GetProperty("best").GetString()).GetProperty("accuracy").GetDouble());

        // The same numbers in every file.
        using var saved = JsonDocument.Parse(File.ReadAllText(Path.Combine(output, "results.json")));
        Assert.Equal(json.GetProperty("best").GetString(), saved.RootElement.GetProperty("best").GetString());
        var csv = File.ReadAllLines(Path.Combine(output, "results.csv"));
        Assert.Equal(4, csv.Length);
        foreach (var row in rows)
        {
            var cells = csv.Single(line => line.StartsWith(row.GetProperty("operation").GetString() + ",", StringComparison.Ordinal)).Split(',');
            Assert.Equal(row.GetProperty("macs").GetInt64(), long.Parse(cells[2], CultureInfo.InvariantCulture));
            Assert.Equal(row.GetProperty("accuracy").GetDouble(), double.Parse(cells[5], CultureInfo.InvariantCulture), 5);
        }

        var model = json.GetProperty("bestModel");
        var evaluated = CommandLine.Run("evaluate", Path.Combine(output, model.GetProperty("file").GetString()!), data, "--json").Json;
        Assert.Equal(model.GetProperty("accuracy").GetDouble(), evaluated.GetProperty("accuracy").GetDouble());
    }

    [Fact]
    public void In_words_it_prints_a_line_per_training_and_the_table()
    {
        var run = CommandLine.Run("compare", Data(), "--minutes", "0.02", "--only", "baseline,dilated", "--threads", "1", "--output", Path.Combine(_folder.Path, "out"));
        Assert.True(run.Code == 0, run.Error);
        Assert.DoesNotContain('\e', run.Output);
        Assert.Equal(2, run.Output.Split('\n').Count(line => line.TrimEnd().EndsWith(" left", StringComparison.Ordinal)));
        Assert.Contains("against the baseline", run.Output);
        Assert.Contains("Pareto front", run.Output);
        Assert.Contains("best.safetensors", run.Output);
    }

    [Theory]
    [InlineData("no such data", 2, "is neither a folder nor a data set")]
    [InlineData("fashion-mnist --minutes 0", 2, "--minutes is 0")]
    [InlineData("fashion-mnist --repeat 0", 2, "--repeat is 0")]
    [InlineData("fashion-mnist --only residuel", 2, "did you mean residual?")]
    [InlineData("fashion-mnist --sort size", 2, "accuracy, latency, parameters or macs")]
    public void Wrong_usage_is_told_before_anything_is_trained(string line, int code, string message)
    {
        string[] arguments = line.StartsWith("no ", StringComparison.Ordinal) ? [line] : line.Split(' ');
        var run = CommandLine.Run(["compare", .. arguments, "--output", Path.Combine(_folder.Path, "out")]);
        Assert.Equal(code, run.Code);
        Assert.Contains(message, run.Error);
    }

    [Fact]
    public void Stopped_before_anything_is_finished_it_leaves_no_report()
    {
        var output = Path.Combine(_folder.Path, "out");
        var run = CommandLine.Run(new CancellationToken(canceled: true), "compare", Data(), "--minutes", "0.02", "--output", output);
        Assert.Equal(130, run.Code);
        Assert.Empty(Directory.GetFiles(output));
    }

    // Nine-pixel-wide IDX pictures of three classes: a bright band above, in the middle, below.
    private string Data()
    {
        foreach (var (part, count) in new[] { ("train", 96), ("t10k", 48) })
        {
            byte[] size = [0, 0, 0, 9, 0, 0, 0, 9];
            var labels = Enumerable.Range(0, count).Select(i => (byte)(i % 3)).ToArray();
            var random = Philox.Named(1, part);
            var pixels = Enumerable.Range(0, count * 81).Select(p => (byte)(random.Below(120, (ulong)p) + (p % 81 / 27 == labels[p / 81] ? 100 : 0)));
            _folder.Write($"shapes/{part}-images-idx3-ubyte", [0, 0, 8, 3, 0, 0, 0, (byte)count, .. size, .. pixels]);
            _folder.Write($"shapes/{part}-labels-idx1-ubyte", [0, 0, 8, 1, 0, 0, 0, (byte)count, .. labels]);
        }

        return Path.Combine(_folder.Path, "shapes");
    }
}
