using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Tenfold;

// Training steps of a network, forward and backward without the optimiser: images per second, GFLOP/s and the share of the FMA peak.
//   dotnet run --project benchmarks/Tenfold.Benchmarks -c Release -- train [--network resnet20] [--batch 128] [--threads 2] [--seconds 10] [--profile]
if (args is ["conv", ..])
{
    ConvolutionBenchmark.Run(args, Peak.Measure());
    return;
}

if (args is ["op", ..])
{
    OperationBenchmark.Run(args, Peak.Measure());
    return;
}

string Option(string name, string otherwise) => Array.IndexOf(args, "--" + name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : otherwise;
var network = Option("network", "resnet20");
var batch = int.Parse(Option("batch", "128"), CultureInfo.InvariantCulture);
var threads = int.Parse(Option("threads", Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture)), CultureInfo.InvariantCulture);
var seconds = double.Parse(Option("seconds", "10"), CultureInfo.InvariantCulture);

var step = TrainingStep.Of(Network.Create(network), batch, threads);
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
var peak = Peak.Measure() * threads;
Console.WriteLine($"{network}, batch {batch}, {threads} threads, {Tenfold.Kernels.Simd.Width}-bit kernels: {times.Count} steps, {step.Bytes / 1024 / 1024} MB");
foreach (var (name, time) in new[] { ("median", times[times.Count / 2]), ("fastest", times[0]) })
    Console.WriteLine($"{name,8}: {time * 1e3:f1} ms, {batch / time:f0} images/s, {flops / time / 1e9:f1} GFLOP/s (3 x forward), {flops / time / peak:p1} of this machine's FMA peak ({peak / 1e9:f0} GFLOP/s)");
if (args.Contains("--profile")) step.Profile();

internal sealed class TrainingStep(Plan plan, long macs)
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
        for (var i = 0; i < step.Inputs.Count; i++)
            for (var j = 0; j < plan.Input(i).Length; j++) plan.Input(i)[j] = step.Inputs[i].Shape.Rank == 4 ? (float)random.Normal((ulong)j) : j % 10 == j / 10 % 10 ? 1 : 0;
        return new TrainingStep(plan, forward.Cost.Macs);
    }

    public void Run() => plan.Run();

    public void Profile()
    {
        var times = plan.Profile(5);
        var total = times.Sum(row => row.Seconds);
        Console.WriteLine($"sum of the steps {total * 1e3:f1} ms");
        foreach (var group in times.GroupBy(row => row.Step.Kernel.Split(',')[0]).OrderByDescending(group => group.Sum(row => row.Seconds)))
            Console.WriteLine($"{group.Sum(row => row.Seconds) * 1e3,8:f2} ms  {group.Count(),4} x {group.Key}");
        Console.WriteLine();
        foreach (var (step, time) in times.OrderByDescending(row => row.Seconds).Take(25)) Console.WriteLine($"{time * 1e3,8:f3} ms  {step.Name}: {step.Kernel}");
    }
}

/// <summary>How many multiply-adds this machine can do when it does nothing else.</summary>
internal static unsafe class Peak
{
    /// <summary>FLOP/s of one core: the best of several rounds of twelve independent chains.</summary>
    public static double Measure()
    {
        var best = 0.0;
        for (var round = 0; round < 8; round++)
        {
            var start = Stopwatch.GetTimestamp();
            const int count = 10_000_000;
            if (Vector512.IsHardwareAccelerated) Chains512(count);
            else Chains256(count);
            var flops = count * 12.0 * 2 * (Vector512.IsHardwareAccelerated ? 16 : 8);
            best = Math.Max(best, flops / Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return best;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float Chains512(int count)
    {
        Vector512<float> b = Vector512.Create(0.5f), c = Vector512.Create(0.25f);
        Vector512<float> a0 = b, a1 = b, a2 = b, a3 = b, a4 = b, a5 = b, a6 = b, a7 = b, a8 = b, a9 = b, a10 = b, a11 = b;
        for (var i = 0; i < count; i++)
        {
            a0 = Vector512.FusedMultiplyAdd(a0, b, c);
            a1 = Vector512.FusedMultiplyAdd(a1, b, c);
            a2 = Vector512.FusedMultiplyAdd(a2, b, c);
            a3 = Vector512.FusedMultiplyAdd(a3, b, c);
            a4 = Vector512.FusedMultiplyAdd(a4, b, c);
            a5 = Vector512.FusedMultiplyAdd(a5, b, c);
            a6 = Vector512.FusedMultiplyAdd(a6, b, c);
            a7 = Vector512.FusedMultiplyAdd(a7, b, c);
            a8 = Vector512.FusedMultiplyAdd(a8, b, c);
            a9 = Vector512.FusedMultiplyAdd(a9, b, c);
            a10 = Vector512.FusedMultiplyAdd(a10, b, c);
            a11 = Vector512.FusedMultiplyAdd(a11, b, c);
        }

        return Vector512.Sum(a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float Chains256(int count)
    {
        Vector256<float> b = Vector256.Create(0.5f), c = Vector256.Create(0.25f);
        Vector256<float> a0 = b, a1 = b, a2 = b, a3 = b, a4 = b, a5 = b, a6 = b, a7 = b, a8 = b, a9 = b, a10 = b, a11 = b;
        for (var i = 0; i < count; i++)
        {
            a0 = Vector256.FusedMultiplyAdd(a0, b, c);
            a1 = Vector256.FusedMultiplyAdd(a1, b, c);
            a2 = Vector256.FusedMultiplyAdd(a2, b, c);
            a3 = Vector256.FusedMultiplyAdd(a3, b, c);
            a4 = Vector256.FusedMultiplyAdd(a4, b, c);
            a5 = Vector256.FusedMultiplyAdd(a5, b, c);
            a6 = Vector256.FusedMultiplyAdd(a6, b, c);
            a7 = Vector256.FusedMultiplyAdd(a7, b, c);
            a8 = Vector256.FusedMultiplyAdd(a8, b, c);
            a9 = Vector256.FusedMultiplyAdd(a9, b, c);
            a10 = Vector256.FusedMultiplyAdd(a10, b, c);
            a11 = Vector256.FusedMultiplyAdd(a11, b, c);
        }

        return Vector256.Sum(a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11);
    }
}
