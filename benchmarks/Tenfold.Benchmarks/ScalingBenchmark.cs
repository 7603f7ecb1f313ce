using System.CommandLine;
using System.Diagnostics;
using Tenfold.Benchmarks.Peers;

namespace Tenfold.Benchmarks;

/// <summary>Every step of a network on one thread and on several, in turns; apart where the cores lie near each other and where they lie far.</summary>
internal static class ScalingBenchmark
{
    private const double Near = 120e-9, Far = 200e-9; // seconds of a round trip
    private static readonly string[] s_ways = ["one", "near", "far"];

    public static int Run(ParseResult given)
    {
        var (threads, seconds) = (given.GetValue<int>("--threads"), given.GetValue<double>("--seconds"));
        foreach (var name in given.GetRequiredValue<string[]>("--network"))
        {
            var model = Case.Weighted(Network.Create(name));
            var x = Case.Noise(model.Graph.Inputs[0].Shape);
            Plan[] plans = [.. new[] { 1, threads }.Select(count => new Plan(model.Graph, model.Weights, Team.Of(count), frozen: true))];
            var steps = plans[0].Steps;
            var y = new float[plans[0].Output(0).Length];
            var runs = s_ways.ToDictionary(way => way, _ => new List<long[]>());
            var clock = Stopwatch.StartNew();
            for (var round = 0; clock.Elapsed.TotalSeconds < seconds; round++)
                for (var p = 0; p < 2; p++)
                {
                    var before = TeamBenchmark.RoundTrip(10);
                    var kept = new List<long[]>();
                    var start = clock.Elapsed.TotalSeconds;
                    for (var run = -2; clock.Elapsed.TotalSeconds < start + 0.04; run++)
                    {
                        var times = new long[steps.Count];
                        plans[p].Run(x.Span, y, times);
                        if (run >= 0) kept.Add(times);
                    }

                    var after = TeamBenchmark.RoundTrip(10);
                    var way = p == 0 ? "one" : Math.Max(before, after) < Near ? "near" : Math.Min(before, after) > Far ? "far" : null;
                    if (round > 1 && way is not null) runs[way].AddRange(kept);
                }

            var calm = runs.ToDictionary(way => way.Key, way => Calm(way.Value));
            Console.WriteLine($"{name}, {threads} threads; microseconds on one, on all where a line of the cache goes to another core and back in less than {Near * 1e9:f0} ns, and where it takes more than {Far * 1e9:f0}");
            for (var i = 0; i < steps.Count; i++)
                Console.WriteLine($"{Columns(way => calm[way]?[i])}  {plans[1].Steps[i].Items,4} items  {steps[i].Name}: {steps[i].Kernel}");
            Console.WriteLine($"{Columns(way => calm[way]?.Sum())}  all, in {string.Join(", ", s_ways.Select(way => $"{runs[way].Count}"))} runs");

            string Columns(Func<string, double?> time) => string.Concat(s_ways.Select(way => time(way) is { } value ? $"{value,9:f1} {time("one") / value,5:f2}x" : $"{"-",16}"));
        }
        return 0;
    }

    // Microseconds of each step: means over the faster half of the runs.
    private static double[]? Calm(List<long[]> runs) => runs.Count == 0
        ? null
        : [.. Enumerable.Range(0, runs[0].Length).Select(i => runs.OrderBy(run => run.Sum()).Take((runs.Count + 1) / 2).Average(run => run[i]) * 1e6 / Stopwatch.Frequency)];
}
