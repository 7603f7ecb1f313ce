using System.CommandLine;
using System.Diagnostics;

namespace Tenfold.Benchmarks;

/// <summary>Training steps of a network, forward and backward without the optimiser: images per second, GFLOP/s and the share of the FMA peak.</summary>
internal static class TrainingBenchmark
{
    public static int Run(ParseResult given)
    {
        var (batch, threads, seconds) = (given.GetValue<int>("--batch"), given.GetValue<int>("--threads"), given.GetValue<double>("--seconds"));
        var variant = given.GetValue<string>("--variant");
        var network = variant ?? given.GetRequiredValue<string>("--network");

        var graph = variant is not null ? Variant.Named(variant).Build([1, 28, 28], 10) : Network.Create(network);
        var step = TrainingStep.Of(graph, batch, threads);
        step.Run();
        var times = new List<double>();
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed.TotalSeconds < seconds || times.Count < 3)
        {
            var start = Stopwatch.GetTimestamp();
            step.Run();
            times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        times.Sort();
        var flops = 3.0 * 2 * step.Macs;
        var peak = MachineLimits.FlopsPerSecond() * threads;
        Console.WriteLine($"{network}, batch {batch}, {threads} threads, {Tenfold.Kernels.Simd.Width}-bit kernels: {times.Count} steps, {step.Bytes / 1024 / 1024} MB");
        foreach (var (name, time) in new[] { ("median", times[times.Count / 2]), ("fastest", times[0]) })
            Console.WriteLine($"{name,8}: {time * 1e3:f1} ms, {batch / time:f0} images/s, {flops / time / 1e9:f1} GFLOP/s (3 x forward), {flops / time / peak:p1} of this machine's FMA peak ({peak / 1e9:f0} GFLOP/s)");
        if (given.GetValue<bool>("--profile")) step.Profile(given.GetValue<int>("--runs"), given.GetValue<int>("--steps"));
        return 0;
    }
}

internal sealed class TrainingStep(Plan plan, float[][] inputs, long macs)
{
    public long Macs => macs;

    public long Bytes => plan.Bytes;

    public static TrainingStep Of(Graph graph, int batch, int threads)
    {
        var forward = graph.WithBatch(batch);
        var training = new Graph(graph.Name, forward.Outputs.Select(forward.Rewriting((node, inputs) =>
        {
            if (node.Op is not BatchNorm norm) return null;
            var mean = new BatchMean().Apply(inputs[0]);
            var variance = new BatchVariance().Apply(inputs[0], mean);
            return (norm with { Training = true }).Apply([inputs[0], inputs[1], inputs[2], mean, variance], forward.NameOf(node));
        }).Invoke));
        var targets = new Input(training.Output.Shape).Apply([], "targets");
        var loss = new SoftmaxCrossEntropy().Apply(training.Output, targets).Affine(1f / batch);
        var parameters = training.Parameters.Values.ToArray();
        var step = new Graph(graph.Name, [loss, .. loss.Gradient(parameters).OfType<Node>()]);
        var plan = new Plan(step, step.Init(), Team.Of(threads), frozen: false);
        var random = new Philox(1);
        float[][] inputs = [.. step.Inputs.Select(input => Enumerable.Range(0, (int)input.Shape.Count)
            .Select(j => input.Shape.Rank == 4 ? (float)random.Normal((ulong)j) : j % 10 == j / 10 % 10 ? 1 : 0).ToArray())];
        return new TrainingStep(plan, inputs, forward.Cost.Macs);
    }

    public void Run()
    {
        Fill();
        plan.Run();
    }

    public void Profile(int runs, int steps)
    {
        var times = plan.Profile(runs, Fill);
        var total = times.Sum(row => row.Seconds);
        Console.WriteLine($"sum of the steps {total * 1e3:f1} ms");
        foreach (var group in times.GroupBy(row => row.Step.Kernel.Split(',')[0]).OrderByDescending(group => group.Sum(row => row.Seconds)))
            Console.WriteLine($"{group.Sum(row => row.Seconds) * 1e3,8:f2} ms  {group.Count(),4} x {group.Key}");
        Console.WriteLine();
        foreach (var (step, time) in times.OrderByDescending(row => row.Seconds).Take(steps)) Console.WriteLine($"{time * 1e3,8:f3} ms  {step.Name}: {step.Kernel}");
    }

    // A plan puts other values where an input has been read for the last time.
    private void Fill()
    {
        for (var i = 0; i < inputs.Length; i++) inputs[i].CopyTo(plan.Input(i));
    }
}
