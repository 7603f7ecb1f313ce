using System.Diagnostics;
using System.Globalization;

namespace Tenfold.Benchmarks.Peers;

/// <summary>A first prediction from a cold process: a file is loaded, compiled and run once; and the most memory that the process ever held.</summary>
/// <remarks>Each measurement is a process of its own, the engines in turns; the time is that within the process, from its start to the first output.</remarks>
internal static class ColdStart
{
    public static Row Run(string name, int threads, Setting setting)
    {
        var graph = Network.Create(name);
        var model = Case.Weighted(graph);
        var folder = Directory.CreateTempSubdirectory("tenfold-cold-");
        try
        {
            var (own, onnx) = (Path.Combine(folder.FullName, "model.safetensors"), Path.Combine(folder.FullName, "model.onnx"));
            ModelFile.Save(model, own);
            OnnxFile.Save(model, onnx, new OnnxOptions { DynamicBatch = false });
            var (ours, theirs) = (new List<Measured>(), new List<Measured>());
            var clock = Stopwatch.StartNew();
            while (ours.Count < 5 || clock.Elapsed.TotalSeconds < 2 * setting.Seconds)
            {
                ours.Add(Start("tenfold", own, threads, graph.Inputs[0].Shape));
                theirs.Add(Start("ort", onnx, threads, graph.Inputs[0].Shape));
            }

            // Memory for Tenfold's row stands in its remark, for the peer's behind its error, where there is none.
            var peer = Peer.Of(OnnxRuntimeLibrary.Name, [.. ours.Select(one => one.Seconds)], [.. theirs.Select(one => one.Seconds)], Math.Abs(ours[0].Sum - theirs[0].Sum) / Math.Abs(theirs[0].Sum));
            var (memory, peerMemory) = (Duel.Median(ours.Select(one => one.PeakMegabytes)), Duel.Median(theirs.Select(one => one.PeakMegabytes)));
            return new Row("cold", name, graph.Inputs[0].Shape.ToString(), threads, 0, graph.Cost.Macs, Duel.Median(ours.Select(one => one.Seconds)) * 1e3, [peer],
                string.Create(CultureInfo.InvariantCulture, $"peak memory {memory:f0} MB against {peerMemory:f0} MB"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>What the child process does: <c>once ENGINE FILE THREADS INPUT</c>.</summary>
    public static int Once(string engine, string path, int threads, string input)
    {
        var x = Case.Noise(Shape.Of([.. input.Split('x').Select(size => int.Parse(size, CultureInfo.InvariantCulture))]));
        float[] output;
        if (engine == "tenfold")
        {
            output = ModelFile.Load(path).Compile(new RunOptions { Threads = threads }).Run(x).Span.ToArray();
        }
        else
        {
            using var peer = new OnnxRuntimeContestant(path, x, threads);
            peer.Run();
            output = peer.Output;
        }

        var seconds = (DateTime.Now - Process.GetCurrentProcess().StartTime).TotalSeconds;
        using var self = Process.GetCurrentProcess();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{seconds} {self.PeakWorkingSet64 / 1e6} {output.Sum(Math.Abs)}"));
        return 0;
    }

    private static Measured Start(string engine, string path, int threads, Shape input)
    {
        using var child = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ["once", engine, path, threads.ToString(CultureInfo.InvariantCulture), input.ToString()]) { RedirectStandardOutput = true })!;
        var words = child.StandardOutput.ReadToEnd().Split(' ');
        child.WaitForExit();
        return child.ExitCode == 0 && words.Length == 3
            ? new Measured(Number(0), Number(1), Number(2))
            : throw new NotSupportedException($"{engine}: the first prediction of a cold process failed");

        double Number(int i) => double.Parse(words[i], CultureInfo.InvariantCulture);
    }

    private readonly record struct Measured(double Seconds, double PeakMegabytes, double Sum);
}
