using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Tenfold.Benchmarks.Peers;

/// <summary>The rows that were measured on this kind of machine: benchmarks/results/MACHINE.json, and MACHINE.md and MACHINE.svg made of it.</summary>
/// <remarks>A row measured again beside the same peers takes the place of the one before, so tables can be measured in pieces; each row knows its date and commit.</remarks>
internal sealed class Results(bool dry)
{
    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    private readonly List<Row> _new = [];

    private static readonly string s_root = typeof(Results).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(pair => pair.Key == "Root").Value!;

    /// <summary>Processor, cores, vectors, and what runs on it.</summary>
    public static string Machine { get; } =
        $"{Cpu}, {Environment.ProcessorCount} cores, {Kernels.Simd.Width}-bit vectors, one core's FMA peak {MachineLimits.FlopsPerSecond() / 1e9:f0} GFLOP/s; {RuntimeInformation.OSDescription}; {RuntimeInformation.FrameworkDescription}; "
        + $"ONNX Runtime {OnnxRuntimeContestant.Version}, libtorch {(Libtorch.Fault is null ? Libtorch.Version : "not loaded")}";

    /// <summary>The commit that was measured; dirty where files other than these results differ from it.</summary>
    public static string Commit { get; } = Git("describe --always --abbrev=9 --exclude *") + (Git("status --porcelain --untracked-files=no -- . :!benchmarks/results") is "" or "unknown" ? "" : "-dirty");

    private static string Cpu => File.Exists("/proc/cpuinfo")
        ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "unknown processor"
        : RuntimeInformation.ProcessArchitecture.ToString();

    public void Keep(Row row) => _new.Add(row);

    public void Write()
    {
        if (dry || _new.Count == 0) return;
        var folder = Directory.CreateDirectory(Path.Combine(s_root, "benchmarks", "results")).FullName;
        var slug = string.Join('-', new string([.. Cpu.ToLowerInvariant().Select(letter => char.IsAsciiLetterOrDigit(letter) ? letter : ' ')]).Split(' ', StringSplitOptions.RemoveEmptyEntries));
        var (json, text) = (Path.Combine(folder, $"{slug}.json"), Path.Combine(folder, $"{slug}.md"));
        var rows = File.Exists(json) ? JsonSerializer.Deserialize<Kept>(File.ReadAllText(json), s_json)!.Rows.ToList() : [];
        foreach (var row in _new)
        {
            var at = rows.FindIndex(old => Key(old) == Key(row));
            if (at < 0) rows.Add(row);
            else rows[at] = row;
        }

        File.WriteAllText(json, JsonSerializer.Serialize(new Kept(Machine, [.. rows]), s_json) + "\n");
        File.WriteAllText(text, ToMarkdown(rows));
        // Of rows of one network, the one that was measured beside the most peers.
        Row[] drawn = [.. rows.Where(row => row is { Table: "networks", Threads: 1, Batch: 1 } && Larger(row).Length == 0 && !row.Peers.Any(peer => peer.Name == OnnxRuntimeLibrary.OnAvx2))
            .GroupBy(row => row.Case).Select(of => of.MaxBy(row => row.Peers.Length)!)];
        if (drawn.Length > 0) PeersPlot.Of(drawn).Save(Path.Combine(folder, $"{slug}.svg"));
        Console.WriteLine($"kept in {Path.GetRelativePath(Environment.CurrentDirectory, text)}");

        static (string, string, string, int, string) Key(Row row) => (row.Table, row.Case, row.Input, row.Threads, Beside(row));
    }

    private static string ToMarkdown(List<Row> rows)
    {
        var text = new StringBuilder();
        text.AppendLine("# Tenfold beside its peers").AppendLine().AppendLine(Machine + ".").AppendLine();
        text.AppendLine("Medians of rounds in which the engines took turns in one process; a ratio is how many times as fast Tenfold was (tenth to nine tenths of the rounds); ");
        text.AppendLine("the error is the largest difference between the outputs, as a share of the largest. Written by `dotnet run --project benchmarks/Tenfold.Benchmarks -c Release -- peers`.");
        var tables = rows.GroupBy(row => (row.Table, row.Threads, row.Batch, Larger: Larger(row), Beside: Beside(row)))
            .OrderBy(table => Array.IndexOf(PeersBenchmark.Tables, table.Key.Table)).ThenBy(table => table.Key.Batch).ThenBy(table => table.Key.Larger)
            .ThenBy(table => table.Key.Threads).ThenBy(table => table.Key.Beside, StringComparer.Ordinal);
        foreach (var table in tables)
        {
            var peers = table.SelectMany(row => row.Peers).Select(peer => peer.Name).Distinct().ToArray();
            var (title, threads, batch, larger, beside) = table.Key;
            string[] heads = [title, threads == 1 ? "1 thread" : $"{threads} threads", batch > 0 ? $"batch {batch}" : "", larger, beside.Length > 0 ? $"beside {beside}" : ""];
            text.AppendLine().AppendLine($"## {string.Join(", ", heads.Where(head => head.Length > 0))}").AppendLine();
            text.AppendLine($"| case | Tenfold ms | GFLOP/s |{string.Concat(peers.Select(peer => $" {peer} ms | ratio | error |"))} date | commit |");
            text.AppendLine($"|---|--:|--:|{string.Concat(peers.Select(_ => "--:|--:|--:|"))}---|---|");
            foreach (var row in table)
            {
                var cells = peers.Select(name => row.Peers.FirstOrDefault(peer => peer.Name == name) is { } peer
                    ? $" {peer.Ms:f3} | **{peer.Ratio:f2}** ({peer.Low:f2}-{peer.High:f2}) | {peer.Error:e1}{peer.Remark} |"
                    : " | | |");
                text.AppendLine($"| {row.Case} | {row.Ms:f3} | {row.Gflops:f0} |{string.Concat(cells)} {row.Date} | {row.Commit} |");
            }

            foreach (var peer in peers)
            {
                var ratios = table.SelectMany(row => row.Peers).Where(one => one.Name == peer).Select(one => one.Ratio).ToArray();
                text.AppendLine().AppendLine($"Against {peer}: geometric mean of {ratios.Length} {Math.Exp(ratios.Average(Math.Log)):f2}, least {ratios.Min():f2}.");
            }

            foreach (var row in table.Where(row => row.Remark.Length > 0)) text.AppendLine().AppendLine($"{row.Case}: {row.Remark}.");
        }

        return text.ToString();
    }

    // Pictures of another size than the network's own make a table of their own.
    private static string Larger(Row row) =>
        row.Table == "networks" && Network.All.FirstOrDefault(network => network.Name == row.Case) is { } network && !row.Input.EndsWith(network.Input.ToString(), StringComparison.Ordinal) ? row.Input : "";

    // Peers that were measured one after the other make tables of their own.
    private static string Beside(Row row) => string.Join(" and ", row.Peers.Select(peer => peer.Name));

    private static string Git(string arguments)
    {
        try
        {
            using var git = Process.Start(new ProcessStartInfo("git", arguments) { WorkingDirectory = s_root, RedirectStandardOutput = true, RedirectStandardError = true })!;
            return git.StandardOutput.ReadToEnd().Trim();
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "unknown"; // no git here
        }
    }

    private sealed record Kept(string Machine, Row[] Rows);
}
