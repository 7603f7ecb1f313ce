using System.CommandLine;
using System.Diagnostics;
using System.Globalization;

namespace Tenfold.Benchmarks;

/// <summary>Single operations with their gradients: microseconds, GFLOP/s of their multiply-adds, GB/s of what passes once. Steps that convert layouts at the boundary are left out.</summary>
internal static class OperationBenchmark
{
    private static readonly (string Name, Func<Node, Node> Build, Shape Shape)[] s_cases =
    [
        ("depthwise 3x3 32 ch 112x112", x => x.Depthwise(3), [1, 32, 112, 112]),
        ("depthwise 3x3 512 ch 14x14", x => x.Depthwise(3), [1, 512, 14, 14]),
        ("depthwise 3x3 stride 2 144 ch 56x56", x => x.Depthwise(3, stride: 2), [1, 144, 56, 56]),
        ("depthwise 5x5 120 ch 28x28", x => x.Depthwise(5), [1, 120, 28, 28]),
        ("depthwise 5x5 stride 2 96 ch 28x28", x => x.Depthwise(5, stride: 2), [1, 96, 28, 28]),
        ("depthwise 7x7 96 ch 56x56", x => x.Depthwise(7), [1, 96, 56, 56]),
        ("depthwise 3x3 960 ch 7x7", x => x.Depthwise(3), [1, 960, 7, 7]),
        ("depthwise 3x3 dilation 2 256 ch 32x32", x => x.Depthwise(3, dilation: 2), [1, 256, 32, 32]),
        ("grouped 3x3 128 ch 32 groups 56x56", x => x.Conv(128, 3, groups: 32, bias: false), [1, 128, 56, 56]),
        ("grouped 3x3 1024 ch 32 groups stride 2 14x14", x => x.Conv(256, 3, stride: 2, groups: 32, bias: false), [1, 256, 14, 14]),
        ("max pool 3x3 stride 2 64 ch 112x112", x => x.MaxPool(3, 2, 1), [1, 64, 112, 112]),
        ("max pool 3x3 stride 1 256 ch 28x28", x => x.MaxPool(3, 1, 1), [1, 256, 28, 28]),
        ("avg pool 3x3 stride 2 256 ch 28x28", x => x.AvgPool(3, 2, 1), [1, 256, 28, 28]),
        ("global avg pool 2048 ch 7x7", x => x.GlobalAvgPool(), [1, 2048, 7, 7]),
        ("concat of 64 and 24 ch 56x56", x => x.Concat(x.Slice(0, 24)), [1, 64, 56, 56]),
        ("shuffle 2 of 116 ch 28x28", x => x.ChannelShuffle(2), [1, 116, 28, 28]),
        ("shuffle 3 of 240 ch 28x28", x => x.ChannelShuffle(3), [1, 240, 28, 28]),
        ("SE block 256 ch r16 56x56", x => x.SqueezeExcite(), [1, 256, 56, 56]),
        ("linear 2048 -> 1000", x => x.Linear(1000), [1, 2048]),
        ("linear 4096 -> 4096", x => x.Linear(4096), [1, 4096]),
        ("softmax 1000", x => x.Softmax(), [1, 1000]),
        ("sigmoid 256 ch 56x56", x => x.Sigmoid(), [1, 256, 56, 56]),
        ("silu 256 ch 56x56", x => x.Silu(), [1, 256, 56, 56]),
        ("hard swish 256 ch 56x56", x => x.HardSwish(), [1, 256, 56, 56]),
        ("add 256 ch 56x56", x => x + x.Relu(), [1, 256, 56, 56]),
        ("lrn 5 96 ch 55x55", x => x.Lrn(), [1, 96, 55, 55]),
        ("bilinear 256 ch 28x28 to 56x56", x => x.Resize(56), [1, 256, 28, 28]),
        ("pad 1 reflect 64 ch 56x56", x => x.Pad(1, PadMode.Reflect), [1, 64, 56, 56]),
        ("deformable 3x3 64 ch 56x56", x => x.DeformableConv(x.Conv(18, 3), null, 64, 3), [1, 64, 56, 56]),
        ("deformable 3x3 256 ch 14x14", x => x.DeformableConv(x.Conv(18, 3), null, 256, 3), [1, 256, 14, 14]),
        ("deformable v2 3x3 512 ch 14x14", x => x.DeformableConv(x.Conv(18, 3), x.Conv(9, 3).Sigmoid(), 512, 3), [1, 512, 14, 14]),
        ("deformable v2 3x3 128 ch 28x28 4 offset groups", x => x.DeformableConv(x.Conv(72, 3), x.Conv(36, 3).Sigmoid(), 128, 3), [1, 128, 28, 28]),
    ];

    public static int Run(ParseResult given)
    {
        var (threads, batch, parts) = (given.GetValue<int>("--threads"), given.GetValue<int>("--batch"), given.GetRequiredValue<string[]>("names"));
        var peak = MachineLimits.FlopsPerSecond();
        foreach (var (name, build, shape) in s_cases.Where(item => parts.Length == 0 || parts.Any(part => item.Name.Contains(part, StringComparison.Ordinal))))
        {
            var x = new Input(shape.With(0, batch)).Apply([], "x");
            var y = build(x);
            var forward = new Graph("forward", y);
            Measure(name, forward, forward.Cost.Macs, forward.Cost.Bytes);
            // Along random numbers; forward and backward as training runs them.
            var along = new Input(y.Shape).Apply([], "along");
            var backward = (y * along).Gradient([x, .. forward.Parameters.Values]);
            Measure("  with gradients", new Graph("backward", [y * along, .. backward.OfType<Node>()]), 3 * forward.Cost.Macs, 3 * forward.Cost.Bytes);
        }

        return 0;

        void Measure(string name, Graph graph, long macs, long bytes)
        {
            var plan = new Plan(graph, graph.Init(), Team.Of(threads), frozen: graph.Name == "forward");
            var random = new Philox(1);
            for (var i = 0; i < graph.Inputs.Count; i++)
                for (var j = 0; j < plan.Input(i).Length; j++) plan.Input(i)[j] = (float)random.Normal((ulong)j);
            var best = new Dictionary<Step, double>();
            var clock = Stopwatch.StartNew();
            while (clock.Elapsed.TotalSeconds < 0.25)
                foreach (var (step, seconds) in plan.Profile(3))
                    if (!step.Converts) best[step] = Math.Min(seconds, best.GetValueOrDefault(step, double.MaxValue));
            var time = best.Values.Sum();
            var (flops, how) = (2 * macs / time, best.Count == 1 ? best.Keys.Single().Kernel : $"{best.Count} steps");
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{name,-50} {time * 1e6,9:f1} us {flops / 1e9,7:f1} GFLOP/s {flops / (peak * threads),6:p1} {bytes / time / 1e9,7:f1} GB/s  {how}"));
            if (given.GetValue<bool>("--steps"))
                foreach (var (step, seconds) in best.OrderByDescending(pair => pair.Value)) Console.WriteLine($"      {seconds * 1e6,9:f1} us  {step.Name}: {step.Kernel}");
        }
    }
}
