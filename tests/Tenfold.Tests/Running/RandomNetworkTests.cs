using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Tenfold.Kernels;
using Xunit;

namespace Tenfold.Tests;

/// <summary>Random networks by every way that the compiler knows, against their definitions in double precision.</summary>
/// <remarks>The same networks on every machine. <c>TENFOLD_FUZZ_MINUTES=60</c> goes on to others for an hour, <c>TENFOLD_FUZZ_SEED</c> begins elsewhere. A failure names its network, and the rest go on.
/// What fails by little may be a network that magnifies rounding, or a choice between two equal numbers: what is looked for is wrong by much.</remarks>
public sealed class RandomNetworkTests(ITestOutputHelper output)
{
    private static readonly RunOptions[] s_ways =
    [
        new() { Exact = true },
        .. Enum.GetValues<CompilerPasses>().Where(pass => pass != CompilerPasses.None).Select(pass => new RunOptions { Without = pass }),
        new() { Without = (CompilerPasses)31 },
        new() { Without = (CompilerPasses)31, Exact = true },
        new() { Blocks = true },
        .. Enum.GetValues<ConvolutionAlgorithm>().Select(algorithm => new RunOptions { Algorithms = new Dictionary<string, ConvolutionAlgorithm> { ["*"] = algorithm } }),
    ];

    [Fact]
    public void Give_what_they_are_defined_to_give() => Fuzz(12, seed =>
    {
        var graph = new RandomNetwork(seed).Graph;
        var (weights, inputs) = (Weights(graph, seed), Inputs(graph, seed));
        var (expected, rounding) = Expected(graph, weights, inputs);
        var session = new Session(graph, weights, new RunOptions { Threads = 1 });
        var first = session.RunAll(inputs);
        Close(expected, rounding, first, "the session");
        Same(first, new Session(graph, weights, new RunOptions { Threads = 2 }).RunAll(inputs), "two threads");
        _ = session.RunAll([.. inputs.Select(x => Filled(x.Shape, float.NaN))]);
        Same(first, session.RunAll(inputs), "after a run on NaN");
        Lent(session, graph, inputs, first);

        var open = new Plan(graph, weights, Team.Of(1 + (int)(seed % 2)), frozen: false);
        Close(expected, rounding, Run(open, inputs), "the open plan");
        for (var i = 0; i < s_ways.Length; i++)
        {
            var options = s_ways[i] with { Threads = 1 + (int)((seed + (ulong)i) % 2) };
            Close(expected, Loose(rounding, options), new Session(graph, weights, options).RunAll(inputs), Named(options));
        }

        // In the same session other batches.
        var batch = 1 + (int)(seed % 4);
        Graph? other;
        try
        {
            other = graph.WithBatch(batch);
        }
        catch (ShapeException)
        {
            return; // a sum over samples, say, that fits one number of them
        }

        if (other.Inputs[0].Shape == graph.Inputs[0].Shape || other.Cost.Macs > 30_000_000) return;
        var others = Inputs(other, seed);
        (expected, rounding) = Expected(other, weights, others);
        Close(expected, rounding, session.RunAll(others), $"a batch of {batch}");
        Same(first, session.RunAll(inputs), "after another batch");
    });

    [Fact]
    public void Have_the_gradients_that_are_defined() => Fuzz(12, seed =>
    {
        var graph = Gradients(seed);
        if (graph.Cost.Macs > 60_000_000) return;
        var (weights, inputs) = (Weights(graph, seed), Inputs(graph, seed));
        var (expected, rounding) = Expected(graph, weights, inputs, norm: true);
        RunOptions[] ways = [new(), s_ways[seed % (ulong)s_ways.Length]];
        foreach (var options in ways)
            foreach (var frozen in new[] { false, true })
            {
                var one = Run(new Plan(graph, weights, Team.Of(1), frozen, options), inputs);
                Close(expected, Loose(rounding, options), one, $"{(frozen ? "frozen" : "open")}, {Named(options)}", norm: true);
                var plan = new Plan(graph, weights, Team.Of(2), frozen, options);
                Same(one, Run(plan, inputs), "two threads");
                _ = Run(plan, [.. inputs.Select(x => Filled(x.Shape, float.NaN))]);
                Same(one, Run(plan, inputs), "after a run on NaN");
            }
    });

    [Fact]
    public void Take_numbers_of_any_size() => Fuzz(40, seed =>
    {
        var graph = new RandomNetwork(seed).Graph;
        var (weights, inputs) = (Weights(graph, seed), Inputs(graph, seed, extreme: true));
        foreach (var exact in new[] { false, true })
        {
            var session = new Session(graph, weights, new RunOptions { Threads = 1, Exact = exact });
            var first = session.RunAll(inputs);
            Same(first, session.RunAll(inputs), "a second run");
            Same(first, new Session(graph, weights, new RunOptions { Threads = 2, Exact = exact }).RunAll(inputs), "two threads");
        }
    });

    // NaN goes at least as far as by definition, and into no other sample.
    [Fact]
    public void Keep_what_is_no_number() => Fuzz(12, seed =>
    {
        var graph = new RandomNetwork(seed).Graph;
        if (graph.Nodes.Any(node => node.Op is Resize or Where or GridSampling or DeformableConvolution)) return; // a pixel that weighs nothing is not read; a place or a choice that is no number gives one
        var (weights, inputs) = (Weights(graph, seed), Inputs(graph, seed));
        foreach (var x in inputs)
            for (var i = 0; i < x.Span.Length / x.Shape[0]; i += 37) x.Span[i] = float.NaN;
        var (expected, batch) = (Reference.Run(graph, weights, inputs), inputs[0].Shape[0]);
        var apart = graph.Nodes.All(node => node.Op is Parameter || (node.Shape.Rank > 0 && node.Shape[0] == batch)); // no sum over samples
        foreach (var exact in new[] { false, true })
        {
            var outputs = new Session(graph, weights, new RunOptions { Exact = exact, Threads = 1 }).RunAll(inputs);
            for (var k = 0; k < outputs.Length; k++)
            {
                ReadOnlySpan<float> wanted = expected[k].Span, y = outputs[k].Span;
                for (var i = 0; i < y.Length; i++)
                    if (float.IsNaN(wanted[i]) != float.IsNaN(y[i]) && (float.IsNaN(wanted[i]) || (apart && i >= y.Length / batch))) Assert.Fail($"{(exact ? "exact" : "the session")}: output {k}, {outputs[k].Shape}: {y[i]:g9} at {i}, not {wanted[i]:g9}");
            }
        }
    });

    // A session's plans come and go meanwhile: shapes are more than it keeps, memory that nobody needs is collected, and some calls are refused.
    [Fact]
    public void Give_callers_at_once_what_each_would_get_alone() => Fuzz(3, seed =>
    {
        const int Callers = 4, Calls = 24;
        var graph = new RandomNetwork(seed).Graph;
        var weights = Weights(graph, seed);
        Tensor[][] inputs = [.. OfOtherShapes(graph, seed, most: 20).Select(other => Inputs(other, seed))];
        Tensor[][] alone = [.. inputs.Select(x => new Session(graph, weights, new RunOptions { Threads = 1 }).RunAll(x))];
        Session[] sessions = [.. new[] { 1, 1, 2, 2 }.Select(threads => new Session(graph, weights, new RunOptions { Threads = threads }))];
        var failures = new ConcurrentQueue<Exception>();
        Thread[] callers = [.. Enumerable.Range(0, Callers).Select(caller => new Thread(() =>
        {
            var random = Philox.Named(seed, $"caller {caller}");
            for (var call = 0; call < Calls; call++)
            {
                try
                {
                    int Below(int bound, ulong which) => random.Below(bound, (ulong)call, which);
                    var (session, i) = (sessions[Below(sessions.Length, 0)], Below(inputs.Length, 1));
                    if (Below(8, 2) == 0) session = new Session(graph, weights, new RunOptions { Threads = 1 + Below(2, 3) });
                    if (Below(8, 4) == 0) Assert.Throws<ShapeException>(() => session.RunAll([.. inputs[i], .. inputs[i]]));
                    if (Below(16, 5) == 0) GC.Collect();
                    for (var repeated = Below(3, 6); repeated >= 0; repeated--) Same(alone[i], session.RunAll(inputs[i]), $"caller {caller}, call {call}, {inputs[i][0].Shape}");
                    if (i == 0) Lent(session, graph, inputs[0], alone[0]);
                }
                catch (Exception failure)
                {
                    failures.Enqueue(failure);
                }
            }
        }))];
        foreach (var caller in callers) caller.Start();
        foreach (var caller in callers) caller.Join();
        if (!failures.IsEmpty) Assert.Fail(failures.First() is Xunit.Sdk.XunitException known ? known.Message : $"{failures.First()}");
    });

    // What the networks above are worth: before long each kernel and each pass is at work in one of them.
    [Fact]
    public void Reach_every_kernel_and_pass()
    {
        // Steps as plans name them, to the end or to a comma; N for any number.
        string[] wide =
        [
            "depthwise, on planes as they lie", "groups of N, on planes, N items", "groups of N, on planes, Winograd F(N) along columns",
            "means of windows, depthwise, on planes as they lie", "on planes, Winograd F(NxN), polyphase",
        ];
        string[] pairs =
        [
            "depthwise, Winograd F(N) along columns, N items", "direct, in pairs", "direct, of a picture, in pairs", "pointwise, in pairs, N channels of N maps by N runs",
            "pointwise, in pairs, N items", "pointwise, in pairs, on planes",
            "pointwise, in pairs, then depthwise, tiles, then pointwise", "sampled into columns in N parts, then dense, in pairs", "sampled into columns, then dense, in pairs",
            "training: how large the numbers are", "training: outer products in pairs", "transposed, by phases, in pairs", "Winograd F(NxN), in pairs",
            "Winograd F(NxN), polyphase, in pairs",
        ];
        HashSet<string> kernels =
        [
            "a choice at every place", "a row at a time", "a sample at a time", "bins, by rows and columns", "copies, by rows and columns", "depthwise, any taps, N items",
            "depthwise, on planes, N items", "depthwise, tiles, N items", "depthwise, tiles, planes laid out by items", "depthwise, tiles, then pointwise", "direct, N items",
            "direct, of a picture, N items", "each channel times its gate, and what follows", "elementwise", "elementwise, repeating", "groups of N, N items",
            "groups, Winograd F(N) along rows", "in another order", "interpolation, by rows and columns", "lanes across groups, N planes", "lanes moved", "largest of rows, then of columns",
            "matrix by vector", "matrix by vector, in double", "maxima", "means of planes", "means of planes by N sums of each", "means of windows, depthwise, tiles",
            "N items, a sample at a time", "neighbouring channels", "over the planes", "places of maxima", "places side by side", "planes moved", "planes standardised",
            "pointwise, N channels of N maps by N runs", "pointwise, N items", "products", "products of matrices", "products of rows", "rows moved", "rows standardised",
            "sampled bin by bin", "sampled into columns in N parts, then dense, N items", "sampled into columns, then dense, N items", "sampled row by row", "scale and shift",
            "sums of any axes", "sums of each plane", "to blocked", "to plain", "transposed, by phases, N items", "windows, by rows and columns", "Winograd F(NxN), N items",
            "Winograd F(NxN), polyphase",
            "training: add the chunks", "training: lanes by lanes", "training: one pass", "training: outer products, N items", "training: over the batch", "training: pack the kernel",
            "training: products of columns", "training: sampled", "training: slopes of the samples", "training: sums of columns", "training: to the largest of each window",
            "training: to the pixels of each sample", "training: Winograd F(NxN) turned around",
            .. Simd.Width == 512 ? wide : [], .. Simd.Pairs ? pairs : [],
        ];
        HashSet<CompilerPasses> passes = [.. Enum.GetValues<CompilerPasses>().Where(pass => pass != CompilerPasses.None)];
        var seed = 1UL;
        for (; seed <= 2000 && (kernels.Count > 0 || passes.Count > 0); seed++)
        {
            var graph = new RandomNetwork(seed).Graph;
            Found(graph, Weights(graph, seed), frozen: true, "");
            foreach (var (pass, did) in Passes.Tell(graph, frozen: true, CompilerPasses.None))
                if (!did.StartsWith("nothing", StringComparison.Ordinal)) passes.Remove(pass);
            if (seed % 4 == 0 && kernels.Any(kernel => kernel.StartsWith("training", StringComparison.Ordinal))) Found(graph = Gradients(seed), Weights(graph, seed), frozen: false, "training: ");
        }

        Assert.Empty(kernels);
        Assert.Empty(passes);
        output.WriteLine($"{seed - 1} networks");

        void Found(Graph graph, Weights weights, bool frozen, string label)
        {
            foreach (var step in new Plan(graph, weights, Team.Of(1), frozen).Steps)
            {
                var name = $"{label}{Regex.Replace(step.Kernel, "[0-9]+", "N").Replace(';', ',')},";
                kernels.RemoveWhere(kernel => name.StartsWith($"{kernel},", StringComparison.Ordinal) || name.EndsWith($", {kernel},", StringComparison.Ordinal));
            }
        }
    }

    private void Fuzz(ulong networks, Action<ulong> test)
    {
        var minutes = double.Parse(Environment.GetEnvironmentVariable("TENFOLD_FUZZ_MINUTES") ?? "0", CultureInfo.InvariantCulture);
        var seed = ulong.TryParse(Environment.GetEnvironmentVariable("TENFOLD_FUZZ_SEED"), out var chosen) ? chosen : 1;
        var (clock, failures, begin) = (Stopwatch.StartNew(), new List<string>(), seed);
        for (; seed < begin + networks || clock.Elapsed.TotalMinutes < minutes; seed++)
        {
            try
            {
                test(seed);
            }
            catch (Exception failure)
            {
                failures.Add($"network {seed}: {(failure is Xunit.Sdk.XunitException ? failure.Message : failure)}");
            }
        }

        output.WriteLine($"{seed - begin} networks");
        if (failures.Count > 0) Assert.Fail(string.Join('\n', failures));
    }

    // A network with its gradients along random directions as further outputs.
    private static Graph Gradients(ulong seed)
    {
        var forward = new RandomNetwork(seed, differentiable: true).Graph;
        Node[] targets = [.. forward.Inputs, .. forward.Parameters.Values.Where(node => node.Op is Parameter { Trained: true })];
        Node[] outputs = [.. forward.Outputs];
        var gradients = new List<Node>();
        for (var i = 0; i < outputs.Length; i++) gradients.AddRange((outputs[i] * new Input(outputs[i].Shape).Apply([], $"r{i}")).Gradient(targets).OfType<Node>());
        return new Graph($"gradients {seed}", [.. outputs, .. gradients.Distinct()]);
    }

    private static Weights Weights(Graph graph, ulong seed)
    {
        var weights = graph.Init(seed);
        foreach (var (name, node) in graph.Parameters)
        {
            var (random, role) = (Philox.Named(seed, name), ((Parameter)node.Op).Role);
            var numbers = weights[name].Span;
            if (role is "weight" && node.Shape.Rank > 1) continue;
            for (var i = 0; i < numbers.Length; i++) numbers[i] = role == "running_var" ? 0.5f + (float)random.Uniform((ulong)i) : role is "weight" or "scale" ? 0.4f + (float)random.Uniform((ulong)i) : 0.3f * (float)random.Normal((ulong)i);
        }

        return weights;
    }

    private static Tensor[] Inputs(Graph graph, ulong seed, bool extreme = false) => [.. graph.Inputs.Select((node, i) =>
    {
        var (x, random) = (new Tensor(node.Shape), Philox.Named(seed, $"input {i}"));
        var kind = extreme ? 8 + random.Below(7, ulong.MaxValue) : random.Below(8, ulong.MaxValue);
        var plane = x.Shape.Rank == 4 ? x.Shape.Plane.Area : 1;
        for (var j = 0; j < x.Span.Length; j++)
        {
            var (value, here) = (random.Normal(2 * (ulong)j), random.Uniform((2 * (ulong)j) + 1));
            x.Span[j] = (float)(kind switch
            {
                0 => value + 3,
                1 => here < 0.6 ? 0 : value,
                2 => 200 * value,
                3 => value / 1000,
                4 => value * Math.ScaleB(1, random.Below(5, (ulong)(j / plane % x.Shape[1]), 1) - 2), // each channel of its own size
                < 8 => value,
                8 => 1e30 * value,
                9 => 1e-30 * value,
                10 => here < 0.02 ? 1e30 : value,
                11 => here < 0.02 ? double.NaN : value,
                12 => here < 0.02 ? double.PositiveInfinity : here < 0.03 ? double.NegativeInfinity : value,
                13 => 0,
                _ => 1e-40 * value,
            });
        }

        return x;
    })];

    // The graph for other batches and sizes of its maps, its own first; as many as it takes of three times as many.
    private static List<Graph> OfOtherShapes(Graph graph, ulong seed, int most)
    {
        var (graphs, random) = (new List<Graph> { graph }, Philox.Named(seed, "shapes"));
        for (var i = 0UL; i < 3 * (ulong)most && graphs.Count < most; i++)
        {
            var (batch, down, right) = (1 + random.Below(4, i, 0), random.Below(9, i, 1) - 3, random.Below(9, i, 2) - 3);
            try
            {
                var other = graph.WithInputs([.. graph.Inputs.Select(x => x.Shape.With(0, batch).With(2, x.Shape.Height + down).With(3, x.Shape.Width + right))]);
                if (other.Cost.Macs <= 20_000_000 && !graphs.Exists(known => known.Inputs[0].Shape == other.Inputs[0].Shape)) graphs.Add(other);
            }
            catch (ShapeException) // a linear layer, say, that takes one size
            {
            }
        }

        return graphs;
    }

    private static double[] Loose(double[] rounding, RunOptions options) => Array.ConvertAll(rounding, error => (options.Algorithms.Values.Contains(ConvolutionAlgorithm.Winograd6) ? 20 : 1) * error);

    private static string Named(RunOptions options) =>
        $"without {options.Without}{(options.Exact ? ", exact" : "")}{(options.Blocks ? ", in blocks" : "")}{string.Concat(options.Algorithms.Values.Select(algorithm => $", {algorithm}"))}";

    private static Tensor Filled(Shape shape, float value)
    {
        var x = new Tensor(shape);
        x.Span.Fill(value);
        return x;
    }

    private static Tensor[] Run(Plan plan, Tensor[] inputs)
    {
        for (var i = 0; i < inputs.Length; i++) inputs[i].Span.CopyTo(plan.Input(i));
        plan.Run();
        return [.. plan.Graph.Outputs.Select((y, i) => new Tensor(y.Shape, plan.Output(i).ToArray()))];
    }

    // Memory of the caller's, anywhere, and nothing written beside it.
    private static void Lent(Session session, Graph graph, Tensor[] inputs, Tensor[] first)
    {
        if (inputs.Length != 1 || first.Length != 1 || graph.Inputs[0].Shape.Rank == 0) return;
        const int Beside = 64;
        var memory = new float[first[0].Span.Length + (2 * Beside) + 1];
        for (var shift = 0; shift < 2; shift++)
        {
            Array.Fill(memory, 123);
            session.Run(inputs[0].Span, memory.AsSpan(Beside + shift, first[0].Span.Length));
            for (var i = 0; i < memory.Length; i++)
            {
                if (i >= Beside + shift && i < Beside + shift + first[0].Span.Length)
                {
                    if (BitConverter.SingleToUInt32Bits(memory[i]) != BitConverter.SingleToUInt32Bits(first[0].Span[i - Beside - shift])) Assert.Fail($"lent memory: {memory[i]} at {i - Beside - shift}, not {first[0].Span[i - Beside - shift]}");
                }
                else if (memory[i] != 123) Assert.Fail($"lent memory: written at {i - Beside - shift} of {first[0].Span.Length}");
            }
        }
    }

    // In double precision, and what an output may differ by: from what the definitions in single precision make of it. Of a gradient, of whose whole it is the share, a hundredth
    // more: rounding takes a number over a bend of ReLU now and then, which changes all that this place was made of (network 8 on 128-bit vectors, by 0.003).
    private static (Values<double>[] Outputs, double[] Rounding) Expected(Graph graph, Weights weights, Tensor[] inputs, bool norm = false)
    {
        var expected = Reference.Run(graph, weights.ToDictionary(pair => pair.Key, pair => Values<double>.From(pair.Value)), [.. inputs.Select(Values<double>.From)]);
        var single = Reference.Run(graph, weights, inputs);
        return (expected, [.. expected.Select((y, i) => (norm ? 1e-2 : 1e-3) + (300 * Error(y, single[i], norm).Error))]);
    }

    private static (double Error, int Worst) Error(Values<double> expected, Tensor y, bool norm)
    {
        var (largest, error, worst, squares, all) = (0.0, 0.0, 0, 0.0, 0.0);
        for (var i = 0; i < expected.Data.Length; i++)
        {
            var difference = Math.Abs(expected[i] - y.Span[i]);
            largest = Math.Max(largest, Math.Abs(expected[i]));
            squares += difference * difference;
            all += expected[i] * expected[i];
            if (difference <= error) continue;
            (error, worst) = (double.IsNaN(difference) ? double.PositiveInfinity : difference, i);
        }

        if (largest < 1e-30) return (0, 0); // what rounding leaves of nothing
        return (norm ? Math.Sqrt(squares / all) : error / largest, worst);
    }

    private static void Close(Values<double>[] expected, double[] rounding, Tensor[] outputs, string what, bool norm = false)
    {
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i].Shape, outputs[i].Shape);
            var (error, worst) = Error(expected[i], outputs[i], norm);
            if (error > rounding[i] || (double.IsNaN(error) && double.IsFinite(rounding[i]))) Assert.Fail($"{what}: output {i}, {expected[i].Shape}: {outputs[i].Span[worst]:g9} at {worst}, not {expected[i][worst]:g9} (an error of {error:g3}, allowed {rounding[i]:g3})");
        }
    }

    private static void Same(Tensor[] expected, Tensor[] outputs, string what)
    {
        for (var i = 0; i < expected.Length; i++)
        {
            var bits = MemoryMarshal.Cast<float, uint>(expected[i].Span);
            var at = bits.CommonPrefixLength(MemoryMarshal.Cast<float, uint>(outputs[i].Span));
            if (at == bits.Length) continue;
            Assert.Fail($"{what}: output {i}, {expected[i].Shape}, differs: {outputs[i].Span[at]:g9} at {at}, not {expected[i].Span[at]:g9}");
        }
    }
}
