using System.Diagnostics;
using System.Globalization;
using Tenfold;

// One convolution, by every way to compute it: microseconds, GFLOP/s of its own multiply-adds, and the share of the measured FMA peak.
//   conv [--in 64] [--out 64] [--plane 56] [--kernel 3] [--stride 1] [--dilation 1] [--groups 1] [--batch 1] [--threads 1] [--way chosen|direct|2|4|6|all]
// A list with commas in --in, --out and --plane stands for several convolutions, side by side.
internal static class ConvolutionBenchmark
{
    public static void Run(string[] args, double peak)
    {
        string Option(string name, string otherwise) => Array.IndexOf(args, "--" + name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : otherwise;
        int[] Numbers(string name, int otherwise) => [.. Option(name, $"{otherwise}").Split(',').Select(text => int.Parse(text, CultureInfo.InvariantCulture))];
        var (ins, outs, planes, kernels, strides) = (Numbers("in", 64), Numbers("out", 64), Numbers("plane", 56), Numbers("kernel", 3), Numbers("stride", 1));
        var (dilation, groups, batch, threads) = (Numbers("dilation", 1)[0], Numbers("groups", 1)[0], Numbers("batch", 1)[0], Numbers("threads", 1)[0]);
        var way = Option("way", "chosen");
        string[] ways = way == "all" ? ["direct", "2", "4", "6"] : way.Split(',');
        for (var i = 0; i < Math.Max(Math.Max(ins.Length, outs.Length), Math.Max(planes.Length, kernels.Length)); i++)
        {
            var (channels, plane, kernel, stride) = (At(ins, i), At(planes, i), At(kernels, i), At(strides, i));
            var x = new Input([batch, channels, plane, plane]).Apply([], "x");
            var graph = x.Conv(At(outs, i), kernel, stride, dilation: dilation, groups: groups, name: "conv").Relu().ToGraph("conv");
            foreach (var name in ways)
            {
                var options = name == "chosen" ? new RunOptions() : new RunOptions
                {
                    Algorithms = new Dictionary<string, ConvolutionAlgorithm> { ["*"] = name == "direct" ? ConvolutionAlgorithm.Direct : (ConvolutionAlgorithm)int.Parse(name, CultureInfo.InvariantCulture) },
                };
                var plan = new Plan(graph, graph.Init(), Team.Of(threads), frozen: true, options);
                var random = new Philox(1);
                for (var j = 0; j < plan.Input(0).Length; j++) plan.Input(0)[j] = (float)random.Normal((ulong)j);
                var best = double.MaxValue;
                Step? step = null;
                var clock = Stopwatch.StartNew();
                while (clock.Elapsed.TotalSeconds < 0.5)
                    foreach (var (candidate, seconds) in plan.Profile(3))
                        if (candidate.Name.StartsWith("conv", StringComparison.Ordinal) && !candidate.Kernel.StartsWith("to ", StringComparison.Ordinal) && seconds < best) (best, step) = (seconds, candidate);
                var flops = 2.0 * graph.Cost.Macs;
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{kernel}x{kernel}/{stride} {channels,4} -> {At(outs, i),4} {plane,3}x{plane,-3} batch {batch}, {threads} threads: {best * 1e6,8:f0} us {flops / best / 1e9,6:f0} GFLOP/s {flops / best / (peak * threads),6:p0}  {step?.Kernel}"));
            }
        }

        static int At(int[] list, int i) => list[Math.Min(i, list.Length - 1)];
    }
}
