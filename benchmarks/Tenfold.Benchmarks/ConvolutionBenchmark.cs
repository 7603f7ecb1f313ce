using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Tenfold.Benchmarks.Peers;

namespace Tenfold.Benchmarks;

/// <summary>One convolution, by every way to compute it: the median in microseconds, GFLOP/s of its own multiply-adds, and the share of the measured FMA peak. Or every step of a network.</summary>
internal static class ConvolutionBenchmark
{
    public static int Run(ParseResult given)
    {
        var (batch, threads, ways) = (given.GetValue<int>("--batch"), given.GetValue<int>("--threads"), given.GetRequiredValue<string[]>("--way"));
        if (ways is ["all"]) ways = ["direct", "2", "4", "6"];
        var peak = MachineLimits.FlopsPerSecond();
        if (given.GetValue<string>("--network") is { } network)
        {
            if (given.GetValue<bool>("--again")) Again(network, threads);
            else EachStep(network, given.GetValue<int>("--input"), batch, threads, peak, Options(ways[0]));
            return 0;
        }

        var (ins, outs, planes, kernels, strides) = (Wholes("--in"), Wholes("--out"), Wholes("--plane"), Wholes("--kernel"), Wholes("--stride"));
        var (dilation, groups) = (given.GetValue<int>("--dilation"), given.GetValue<int>("--groups"));
        var cases = new[] { ins, outs, planes, kernels, strides }.Max(list => list.Length);
        for (var i = 0; i < cases; i++)
        {
            var (channels, plane, kernel, stride) = (At(ins, i), At(planes, i), At(kernels, i), At(strides, i));
            var x = new Input([batch, channels, plane, plane]).Apply([], "x");
            var graph = x.Conv(At(outs, i), kernel, stride, dilation: dilation, groups: groups, name: "conv").Relu().ToGraph("conv");
            foreach (var name in ways)
            {
                var plan = new Plan(graph, graph.Init(), Team.Of(threads), frozen: true, Options(name));
                Case.Noise(x.Shape).Span.CopyTo(plan.Input(0));
                plan.Run();
                var step = plan.Steps.First(candidate => candidate.Macs > 0);
                var seconds = Duel.Median(Repeated(step, Team.Of(threads), plan.Scratch).Select(ticks => ticks / (double)Stopwatch.Frequency));
                Print($"{kernel}x{kernel}/{stride} {channels,4} -> {At(outs, i),4} {plane,3}x{plane,-3} batch {batch}, {threads} threads:", seconds, graph.Cost.Macs, peak * threads, step.Kernel);
            }
        }

        return 0;

        int[] Wholes(string name) => given.GetRequiredValue<int[]>(name);

        static int At(int[] list, int i) => list[Math.Min(i, list.Length - 1)];
    }

    // Run after run on the same memory, as the kernels of other libraries are timed.
    private static List<long> Repeated(Step step, Team team, long scratch)
    {
        var (steps, times, all) = (Enumerable.Repeat(step, 8).ToArray(), new long[8], new List<long>());
        for (var clock = Stopwatch.StartNew(); clock.Elapsed.TotalSeconds < 0.5; all.AddRange(times)) team.Run(steps, scratch, times);
        return all;
    }

    private static void EachStep(string name, int size, int batch, int threads, double peak, RunOptions options)
    {
        var graph = Network.Create(name);
        graph = size > 0 ? graph.WithInputs([batch, 3, size, size]) : graph.WithBatch(batch);
        var weights = Case.Weighted(graph).Weights; // drawn alone, MobileNet v1's maps would be all but zero at its end
        var (start, used) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
        var plan = new Plan(graph, weights, Team.Of(threads), frozen: true, options);
        var (made, work) = (Stopwatch.GetElapsedTime(start).TotalSeconds, (Environment.CpuUsage.TotalTime - used).TotalSeconds);
        var picture = Case.Noise(graph.Inputs[0].Shape);
        var runs = Enumerable.Range(0, 21).Select(_ =>
        {
            picture.Span.CopyTo(plan.Input(0)); // its memory serves other values later in a run
            return plan.Profile(1);
        }).Skip(1).ToArray();
        var steps = runs[0].Select((row, i) => (row.Step, Seconds: runs.Min(run => run[i].Seconds))).ToArray(); // the best of each, for a machine that is not quiet
        foreach (var (step, seconds) in steps) Print("", seconds, step.Macs, peak * threads, $"{step.Name}: {step.Kernel}");
        var (total, convolutions) = (steps.Sum(row => row.Seconds), steps.Where(row => row.Step.Macs > 0).Sum(row => row.Seconds));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{total * 1e3:f2} ms, {2 * graph.Cost.Macs / total / 1e9:f0} GFLOP/s, convolutions alone {convolutions * 1e3:f2} ms; compiled in {made * 1e3:f0} ms ({work * 1e3:f0} ms of processor time), {plan.Bytes >> 20} MB"));
    }

    private static void Print(string what, double seconds, long macs, double peak, string? how) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{what}{seconds * 1e6,9:f0} us {2 * macs / seconds / 1e9,6:f0} GFLOP/s {2 * macs / seconds / peak,6:p0}  {how}"));

    // As within the network, and twice again with what the caches hold.
    private static void Again(string name, int threads)
    {
        var graph = Network.Create(name);
        var plan = new Plan(graph, graph.Init(), Team.Of(threads), frozen: true);
        var picture = Case.Noise(graph.Inputs[0].Shape);
        var steps = plan.Steps.SelectMany(step => step.Kernel.Contains("pairs", StringComparison.Ordinal) ? (Step[])[step, step, step] : [step]).ToArray();
        var runs = Enumerable.Range(0, 21).Select(_ =>
        {
            picture.Span.CopyTo(plan.Input(0));
            plan.Run();
            picture.Span.CopyTo(plan.Input(0));
            var times = new long[steps.Length];
            Team.Of(threads).Run(steps, plan.Scratch, times);
            return times;
        }).Skip(1).ToArray();
        var (first, third) = (0.0, 0.0);
        for (var i = 0; i < steps.Length; i++)
        {
            if (i + 2 >= steps.Length || steps[i] != steps[i + 1]) continue;
            double Best(int at) => runs.Min(run => run[at]) * 1e6 / Stopwatch.Frequency;
            var (once, again) = (Best(i), Best(i + 2));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{once,9:f1} {Best(i + 1),9:f1} {again,9:f1} us {2 * steps[i].Macs / once / 1e3,6:f0} {2 * steps[i].Macs / again / 1e3,6:f0} GFLOP/s {steps[i].Name}: {steps[i].Kernel}"));
            (first, third) = (first + once, third + again);
            i += 2;
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{first / 1e3:f2} ms, again {third / 1e3:f2}"));
    }

    private static RunOptions Options(string way) => way switch
    {
        "chosen" => new RunOptions(),
        "blocks" or "exact" => new RunOptions { Exact = way == "exact", Blocks = true },
        "direct" => new RunOptions { Algorithms = Forced("*", ConvolutionAlgorithm.Direct) },
        _ => new RunOptions { Algorithms = Forced("*", (ConvolutionAlgorithm)int.Parse(way, CultureInfo.InvariantCulture)) },
    };

    private static Dictionary<string, ConvolutionAlgorithm> Forced(string name, ConvolutionAlgorithm algorithm) => new() { [name] = algorithm };
}
