using System.Diagnostics;

namespace Tenfold.Benchmarks.Peers;

/// <summary>Engines timed in turns in one process, so that what slows the machine down for a while slows all of them.</summary>
internal static class Duel
{
    private const double BlockSeconds = 0.04;

    /// <summary>For each engine, its seconds for one run in each round.</summary>
    /// <remarks>A round is one block of runs for each engine, in turning order. Before each block the threads of the engine before go to sleep,
    /// and the block's first run, which finds cold caches and sleeping threads, is not counted.</remarks>
    public static double[][] Run(IReadOnlyList<Action> engines, double seconds)
    {
        var counts = engines.Select(engine =>
        {
            Rest();
            engine();
            return (int)Math.Clamp(BlockSeconds / Math.Max(Time(engine, 2), 1e-7), 1, 20000);
        }).ToArray();
        var rounds = new List<double[]>();
        var clock = Stopwatch.StartNew();
        while (rounds.Count < 5 || clock.Elapsed.TotalSeconds < seconds * engines.Count)
        {
            var round = new double[engines.Count];
            for (var i = 0; i < engines.Count; i++)
            {
                var who = (i + rounds.Count) % engines.Count;
                Rest();
                engines[who]();
                round[who] = Time(engines[who], counts[who]);
            }

            rounds.Add(round);
        }

        return [.. Enumerable.Range(0, engines.Count).Select(i => rounds.Select(round => round[i]).ToArray())];
    }

    public static double Median(IEnumerable<double> values) => Quantile(values, 0.5);

    public static double Quantile(IEnumerable<double> values, double q)
    {
        var sorted = values.Order().ToArray();
        var at = q * (sorted.Length - 1);
        var low = (int)at;
        return sorted[low] + (at - low) * (sorted[Math.Min(low + 1, sorted.Length - 1)] - sorted[low]);
    }

    // Until no thread of this process runs any more: those of ONNX Runtime spin for some 50 ms after a run and would take a processor from whoever comes next.
    private static void Rest()
    {
        for (var waits = 0; waits < 50; waits++)
        {
            var used = Environment.CpuUsage.TotalTime;
            Thread.Sleep(10);
            if ((Environment.CpuUsage.TotalTime - used).TotalMilliseconds < 1) return;
        }
    }

    private static double Time(Action engine, int count)
    {
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++) engine();
        return Stopwatch.GetElapsedTime(start).TotalSeconds / count;
    }
}
