using System.CommandLine;
using System.Diagnostics;

namespace Tenfold.Benchmarks;

/// <summary>The same short trainings again and again: how far their pace spreads, and whether the machine's own pace does beside it.</summary>
internal static class SteadyBenchmark
{
    public static int Run(ParseResult given)
    {
        var threads = given.GetValue<int>("--threads");
        var (repeats, steps, batch) = (given.GetValue<int>("--repeats"), given.GetValue<int>("--steps"), given.GetValue<int>("--batch"));
        var (pixels, labels) = (new byte[28 * 28 * batch * steps], new byte[batch * steps]);
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)(i * 2654435761u >> 24);
        for (var i = 0; i < labels.Length; i++) labels[i] = (byte)(i % 10);
        var data = new MemoryDataset("noise", [1, 28, 28], [.. Enumerable.Range(0, 10).Select(label => $"{label}")], pixels, labels);
        var options = CompareOptions.Recipe with { Threads = threads, Batch = batch, Epochs = 1 };
        Variant[] variants = [.. given.GetRequiredValue<string[]>("--variants").Select(Variant.Named)];
        var paces = variants.ToDictionary(variant => variant, _ => new List<double>());
        var machine = new List<double>();

        Console.WriteLine($"{steps} steps of batch {batch} on {threads} threads; samples/s, beside it how long {threads} threads at once take for the same multiply-adds, "
            + "a line of the cache from core to core and back, and how long threads of this process waited for a processor");
        for (var repeat = 0; repeat < repeats; repeat++)
            foreach (var variant in variants)
            {
                var yardstick = Together(threads);
                machine.Add(yardstick);
                var trip = threads > 1 ? TeamBenchmark.RoundTrip() : 0;
                var waited = Waited();
                var clock = new Clock();
                new Model(variant.Build(data.Shape, 10), seed: 1).Fit(data, options, clock);
                var pace = batch / MedianStep(clock.Times);
                paces[variant].Add(batch * (clock.Times.Count - 1) / Stopwatch.GetElapsedTime(clock.Times[0], clock.Times[^1]).TotalSeconds);
                Console.WriteLine($"{variant.Operation,-16} {paces[variant][^1],8:f0} samples/s, at its median step {pace,8:f0}   "
                    + $"multiply-adds {yardstick,5:f1} ms   round trip {trip * 1e9,4:f0} ns   waited {Waited() - waited,6:f1} ms");
            }

        foreach (var (variant, pace) in paces)
            Console.WriteLine($"{variant.Operation,-16} median {pace.Order().ElementAt(pace.Count / 2),8:f0} samples/s, max/min {Spread(pace):f2}, without the first {Spread(pace.Skip(1)):f2}");
        Console.WriteLine($"multiply-adds max/min {Spread(machine):f2}");
        return 0;
    }

    private static double Spread(IEnumerable<double> numbers) => numbers.Max() / numbers.Min();

    private static double MedianStep(List<long> times)
    {
        var steps = times.Skip(1).Zip(times, (after, before) => Stopwatch.GetElapsedTime(before, after).TotalSeconds).Order().ToArray();
        return steps[steps.Length / 2];
    }

    // Milliseconds that all threads at once take for the same multiply-adds each: how much of the machine this process gets.
    private static double Together(int threads)
    {
        var start = Stopwatch.GetTimestamp();
        var others = Enumerable.Range(1, threads - 1).Select(_ => new Thread(() => MachineLimits.FlopsPerSecond())).ToArray();
        foreach (var other in others) other.Start();
        MachineLimits.FlopsPerSecond();
        foreach (var other in others) other.Join();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    // Milliseconds that this process's threads were ready to run and did not; Linux counts them.
    private static double Waited()
    {
        try
        {
            return Directory.GetDirectories("/proc/self/task").Sum(task => double.Parse(File.ReadAllText($"{task}/schedstat").Split(' ')[1])) / 1e6;
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private sealed class Clock : TrainingCallback
    {
        public List<long> Times { get; } = [];

        public override void OnStep(in StepReport step) => Times.Add(Stopwatch.GetTimestamp());
    }
}
