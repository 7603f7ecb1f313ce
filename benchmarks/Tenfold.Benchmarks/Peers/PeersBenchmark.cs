using System.CommandLine;
using System.Globalization;

namespace Tenfold.Benchmarks.Peers;

/// <summary>Tenfold beside its peers: outputs compared first, then timed in turns; one row at a time is printed and kept.</summary>
internal static class PeersBenchmark
{
    private const int OfCase = 0; // a batch that the table tells

    public static readonly string[] Tables = ["operations", "networks", "training", "cold"];

    public static int Run(ParseResult given)
    {
        var (only, against) = (given.GetRequiredValue<string[]>("--only"), given.GetRequiredValue<string[]>("--against"));
        var setting = new Setting(against.Contains("ort"), against.Contains("torch"), given.GetValue<double>("--seconds"), given.GetValue<bool>("--exact"));
        if (setting.Torch && Libtorch.Fault is { } fault)
        {
            Console.WriteLine(fault);
            setting = setting with { Torch = false };
        }

        var results = new Results(given.GetValue<bool>("--dry"));
        Console.WriteLine(Results.Machine);
        foreach (var table in given.GetRequiredValue<string[]>("tables"))
            foreach (var batch in given.GetRequiredValue<int[]>("--batch") is { Length: > 0 } batches && table != "cold" ? batches : [table is "training" or "cold" ? OfCase : 1])
                foreach (var threads in given.GetRequiredValue<int[]>("--threads"))
                {
                    Console.WriteLine();
                    Console.WriteLine($"{table}, {threads} {(threads == 1 ? "thread" : "threads")}{(batch > 0 ? $", batch {batch}" : "")}");
                    var ratios = new Dictionary<string, List<double>>();
                    foreach (var row in Rows(table, Wanted, batch, threads, given.GetValue<int>("--input"), setting))
                    {
                        Console.WriteLine(row.ToText());
                        if (row.Peers.Length > 0 || row.Remark.Length == 0) results.Keep(row); // with nobody beside it, it says nothing
                        foreach (var peer in row.Peers) (ratios.TryGetValue(peer.Name, out var list) ? list : ratios[peer.Name] = []).Add(peer.Ratio);
                    }

                    foreach (var (peer, list) in ratios)
                        Console.WriteLine($"geometric mean of {list.Count} against {peer}: {Math.Exp(list.Average(Math.Log)):f2}x as fast, least {list.Min():f2}x");
                }

        results.Write();
        return 0;

        bool Wanted(string name) => only.Length == 0 || only.Any(part => part[0] == '=' ? name == part[1..] : name.Contains(part, StringComparison.OrdinalIgnoreCase));
    }

    private static IEnumerable<Row> Rows(string table, Func<string, bool> wanted, int batch, int threads, int side, Setting setting)
    {
        switch (table)
        {
            case "operations":
                foreach (var one in Case.Operations.Where(one => wanted(one.Name)))
                    if (Safely(one.Name, () => Forward(table, one.Name, one.Build(), batch, threads, setting)) is { } row) yield return row;
                break;
            case "networks":
                foreach (var name in Known(Case.Networks.Where(wanted)))
                    if (Safely(name, () => Forward(table, name, Network.Create(name, input: side > 0 ? [3, side, side] : null), batch, threads, setting)) is { } row) yield return row;
                break;
            case "training":
                foreach (var (name, samples) in Case.Training.Where(one => wanted(one.Network) && Known([one.Network]).Any()))
                    if (Safely(name, () => TrainingDuel.Run(name, batch == OfCase ? samples : batch, threads, setting)) is { } row) yield return row;
                break;
            default:
                foreach (var name in Known(Case.Networks.Where(wanted)))
                    if (Safely(name, () => ColdStart.Run(name, threads, setting)) is { } row) yield return row;
                break;
        }
    }

    private static IEnumerable<string> Known(IEnumerable<string> names)
    {
        foreach (var name in names)
        {
            if (Network.All.Any(network => network.Name == name)) yield return name;
            else Console.WriteLine($"{name}: not in the zoo, left out");
        }
    }

    // What one engine cannot do ends its row, not the table.
    private static Row? Safely(string name, Func<Row> measure)
    {
        try
        {
            return measure();
        }
        catch (Exception exception) when (exception is NotSupportedException or ShapeException or ArgumentException)
        {
            Console.WriteLine($"{name}: {exception.Message}");
            return null;
        }
    }

    private static Row Forward(string table, string name, Graph graph, int batch, int threads, Setting setting)
    {
        var model = Case.Weighted(graph.WithBatch(batch));
        var x = Case.Noise(model.Graph.Inputs[0].Shape);
        var engines = new List<(string Name, Contestant Engine)> { ("Tenfold", new TenfoldContestant(model, x, new RunOptions { Threads = threads, Exact = setting.Exact })) };
        var remarks = new List<string>();
        try
        {
            if (setting.Ort) Enter(OnnxRuntimeLibrary.Name, () => OnnxRuntime(model, x, threads));
            if (setting.Torch) Enter("libtorch", () => LibtorchContestant.Faster(model, x, threads));
            engines[0].Engine.Run();
            var ours = engines[0].Engine.Output;
            var errors = engines.Skip(1).Select(one => Error(ours, one.Engine.Output)).ToArray();
            var times = Duel.Run([.. engines.Select(one => (Action)one.Engine.Run)], setting.Seconds);
            return new Row(table, name, model.Graph.Inputs[0].Shape.ToString(), threads, batch, model.Graph.Cost.Macs, Duel.Median(times[0]) * 1e3,
                [.. engines.Skip(1).Select((one, i) => Peer.Of(one.Name, times[0], times[i + 1], errors[i]) with { Remark = one.Engine.Remark })], string.Join("; ", remarks));
        }
        finally
        {
            foreach (var (_, engine) in engines) engine.Dispose();
        }

        void Enter(string peer, Func<Contestant> make)
        {
            try
            {
                var engine = make();
                engine.Run();
                engines.Add((peer, engine));
            }
            catch (Exception exception) when (exception is NotSupportedException or Microsoft.ML.OnnxRuntime.OnnxRuntimeException)
            {
                remarks.Add($"{peer}: {exception.Message.Split('\n')[0]}");
            }
        }
    }

    public static OnnxRuntimeContestant OnnxRuntime(Model model, Tensor x, int threads)
    {
        var path = Path.Combine(Path.GetTempPath(), $"tenfold-{Environment.ProcessId}.onnx");
        try
        {
            OnnxFile.Save(model, path, new OnnxOptions { DynamicBatch = false });
            return new OnnxRuntimeContestant(path, x, threads);
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>The largest difference, as a share of the largest number.</summary>
    public static double Error(ReadOnlySpan<float> ours, ReadOnlySpan<float> theirs)
    {
        if (ours.Length != theirs.Length) return double.PositiveInfinity;
        var (difference, size) = (0.0, 0.0);
        for (var i = 0; i < ours.Length; i++)
        {
            difference = Math.Max(difference, Math.Abs((double)ours[i] - theirs[i])); // NaN stays
            size = Math.Max(size, Math.Abs((double)theirs[i]));
        }

        return difference / Math.Max(size, 1e-30);
    }
}

/// <param name="Seconds">For each row and engine.</param>
internal sealed record Setting(bool Ort, bool Torch, double Seconds, bool Exact);

/// <summary>One line of a table.</summary>
/// <param name="Batch">0 where it is part of the case.</param>
/// <param name="Ms">Tenfold's median.</param>
internal sealed record Row(string Table, string Case, string Input, int Threads, int Batch, long Macs, double Ms, Peer[] Peers, string Remark = "")
{
    public string Date { get; init; } = DateTime.UtcNow.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);

    public string Commit { get; init; } = Results.Commit;

    /// <summary>Multiply-adds are two.</summary>
    public double Gflops => 2 * Macs / Ms / 1e6;

    public string ToText() =>
        $"{Case,-52} {Ms,10:f3} ms {Gflops,7:f1} GFLOP/s" + string.Concat(Peers.Select(peer =>
            $" | {peer.Name} {peer.Ms,9:f3} ms, {peer.Ratio,5:f2}x ({peer.Low:f2}-{peer.High:f2}), error {peer.Error:e1}{peer.Remark}")) + (Remark.Length > 0 ? $" | {Remark}" : "");
}

/// <summary>A peer in a row.</summary>
/// <param name="Ratio">How many times as fast Tenfold was: the median over the rounds.</param>
/// <param name="Low">The tenth of the rounds in which it was least.</param>
/// <param name="High">The tenth in which it was most.</param>
/// <param name="Error">The largest difference between the outputs, as a share of the largest output.</param>
internal sealed record Peer(string Name, double Ms, double Ratio, double Low, double High, double Error, string Remark = "")
{
    public static Peer Of(string name, double[] ours, double[] theirs, double error)
    {
        var ratios = ours.Zip(theirs, (a, b) => b / a).ToArray();
        return new Peer(name, Duel.Median(theirs) * 1e3, Duel.Median(ratios), Duel.Quantile(ratios, 0.1), Duel.Quantile(ratios, 0.9), error);
    }
}
