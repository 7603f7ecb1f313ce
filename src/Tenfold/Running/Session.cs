using System.Diagnostics;

namespace Tenfold;

/// <summary>How to run.</summary>
public sealed record RunOptions
{
    /// <summary>How many threads work on one run, the caller's included, 1 to 1024; the results do not depend on it.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>True to compute every product by itself: without Winograd's convolution, whose rounding is two to three times that of the direct kernel, without Strassen's and without products in pairs
    /// (with all of them the error is below 1e-4 of the largest output of nearly all networks here; docs/performance.md names the others).</summary>
    public bool Exact { get; init; }

    /// <summary>How a convolution is computed, by the name of its layer; a step that <see cref="Session"/> computes otherwise when it is not named here.
    /// The name <c>*</c> stands for all others.</summary>
    public IReadOnlyDictionary<string, ConvolutionAlgorithm> Algorithms { get; init; } = new Dictionary<string, ConvolutionAlgorithm>();

    /// <summary>Rewrites of the graph that are left out; the results differ by rounding alone.</summary>
    public CompilerPasses Without { get; init; }

    /// <summary>Keeps every map in blocks of channels, as between the layers of a network, also where plain order would save changes of layout.</summary>
    internal bool Blocks { get; init; }
}

/// <summary>Ways to compute a convolution. Winograd's apply to stride 1 and kernels of 3x3, the first two also to 5x5 and, along one axis, to 1x7 and 7x1; all else is computed directly whatever is asked.</summary>
public enum ConvolutionAlgorithm
{
    /// <summary>Every product of the definition.</summary>
    Direct = 0,

    /// <summary>F(2x2, 3x3): 4 products an output instead of 9; F(2x2, 5x5): 9 instead of 25; F(2, 7): 4 instead of 7.</summary>
    Winograd2 = 2,

    /// <summary>F(4x4, 3x3): 2.25 products an output; F(4x4, 5x5), 4, and F(4, 7), 2.5, whose rounding is larger.</summary>
    Winograd4 = 4,

    /// <summary>F(6x6, 3x3): 1.78 products an output, and the largest rounding, so it is never chosen unasked: up to a tenth faster than F(4x4) from 64x64 on, but behind norms with measured statistics it can cost a deep network a digit.</summary>
    Winograd6 = 6,
}

/// <summary>A compiled network, ready to run. Other batch and image sizes than the graph's are compiled when they first come.</summary>
/// <remarks>Safe to call from several threads. With one thread a run, calls run side by side, as many as the machine has processors, on the same packed weights: what a further one costs is memory for the values;
/// with several threads a run, which is all that the machine has, calls take turns. Weights are packed when input shapes first come, and large ones of linear layers are read where they lie: whoever changes weights makes a new session.
/// Of a model that was loaded from a file they are read from it then: an <see cref="IOException"/> says that it was written to since.</remarks>
public sealed class Session
{
    private const int MaxPlans = 16; // for so many combinations of input shapes what was compiled is kept, the latest used

    private readonly Graph _graph;
    private readonly Weights _weights;
    private readonly RunOptions _options;
    private readonly Constants _constants = new();
    private readonly Stack<Runner> _idle = [];
    private readonly object _returned = new();
    private int _toCome; // runners that may still be made

    /// <exception cref="ArgumentException">The weights do not fit the graph, or an algorithm is asked for a layer that is no convolution of it.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of threads is less than 1 or more than 1024.</exception>
    public Session(Graph graph, Weights weights, RunOptions? options = null)
    {
        weights.CheckAgainst(graph);
        _options = options ?? new RunOptions();
        foreach (var layer in _options.Algorithms.Count > 0 ? _options.Algorithms.Keys : [])
            if (layer != "*" && !graph.Nodes.Any(node => node.Op is Convolution or ConvolutionTranspose && graph.NameOf(node) == layer))
                throw new ArgumentException($"{graph.Name}: there is no convolution {layer} for which an algorithm could be chosen", nameof(options));
        (_graph, _weights) = (graph, weights);
        _toCome = _options.Threads == 1 ? Environment.ProcessorCount : 1;
        using (Rent()) { } // refuses a number of threads that cannot be
    }

    /// <summary>The output of a network with one input and one output.</summary>
    /// <param name="x">[batch, channels, height, width] of any batch, and of any size that the network takes.</param>
    /// <exception cref="ShapeException">The network does not take that shape, or takes several inputs.</exception>
    public Tensor Run(Tensor x) => RunAll(x)[0];

    /// <summary>All outputs for all inputs, in the order of the graph's.</summary>
    /// <exception cref="ShapeException">The network does not take those shapes, or so many inputs.</exception>
    public Tensor[] RunAll(params ReadOnlySpan<Tensor> inputs)
    {
        using var turn = Rent();
        return Run(turn.Runner.PlanFor(inputs), inputs);
    }

    /// <summary>The same without allocating anything, for a network with one input and one output, both row-major.</summary>
    /// <param name="input">As many samples of the graph's size as the batch shall have.</param>
    /// <param name="output">As long as the output for that batch.</param>
    /// <exception cref="ShapeException">The lengths are not those of a batch, or the network takes several inputs.</exception>
    public void Run(ReadOnlySpan<float> input, Span<float> output)
    {
        var shape = _graph.Inputs is [var only] ? only.Shape : throw new ShapeException($"session {_graph.Name}: takes {_graph.Inputs.Count} inputs, not one");
        var sample = shape.Count / shape[0];
        if (input.Length == 0 || input.Length % sample != 0) throw new ShapeException($"session {_graph.Name}: {input.Length} numbers are no batch of samples of {sample}");
        using var turn = Rent();
        var plan = turn.Runner.Latest(shape, input.Length) ?? turn.Runner.PlanFor(shape.With(0, (int)(input.Length / sample)));
        if (plan.Output(0).Length != output.Length) throw new ShapeException($"session {_graph.Name}: the output {plan.Graph.Outputs[0].Shape} does not fill {output.Length} numbers");
        plan.Run(input, output);
    }

    /// <summary>What was compiled, in the order in which it runs.</summary>
    /// <param name="inputs">The input shapes; the graph's own by default.</param>
    public IReadOnlyList<SessionStep> Steps(params ReadOnlySpan<Shape> inputs)
    {
        using var turn = Rent();
        return [.. turn.Runner.PlanFor(inputs.IsEmpty ? Own : inputs).Steps.Select(Public)];
    }

    /// <summary>What each rewrite of the graph did, in words, in their order.</summary>
    /// <param name="inputs">The input shapes; the graph's own by default.</param>
    public IReadOnlyList<(CompilerPasses Pass, string Did)> Passes(params ReadOnlySpan<Shape> inputs) =>
        Tenfold.Passes.Tell(_graph.WithInputs(inputs.IsEmpty ? Own : inputs), frozen: true, _options.Without);

    /// <summary>What each rewrite did, and the compiled steps, a line each, with the reason for each choice.</summary>
    /// <param name="inputs">The input shapes; the graph's own by default.</param>
    public string Explain(params ReadOnlySpan<Shape> inputs)
    {
        using var turn = Rent();
        return turn.Runner.PlanFor(inputs.IsEmpty ? Own : inputs).Explain(Passes(inputs));
    }

    /// <summary>Runs for some time, five times at least, and tells where it went.</summary>
    /// <param name="inputs">As <see cref="RunAll"/> takes them.</param>
    public Profile Profile(TimeSpan time, params ReadOnlySpan<Tensor> inputs)
    {
        using var turn = Rent();
        var plan = turn.Runner.PlanFor(inputs);
        var (steps, totals) = (new List<long[]>(), new List<long>());
        var clock = Stopwatch.StartNew();
        for (var warm = false; totals.Count < 5 || clock.Elapsed < time; warm = true)
        {
            var times = new long[plan.Steps.Count];
            var start = Stopwatch.GetTimestamp();
            Run(plan, inputs, times);
            if (!warm) continue;
            totals.Add(Stopwatch.GetTimestamp() - start);
            steps.Add(times);
        }

        // The faster half of the runs, in which the machine did little else; of their means, the steps' add up to the whole's.
        int[] calm = [.. Enumerable.Range(0, totals.Count).OrderBy(run => totals[run]).Take((totals.Count + 1) / 2)];
        var threads = Math.Min(_options.Threads, Environment.ProcessorCount);
        return new Profile(
            [.. plan.Steps.Select((step, i) => (Public(step), calm.Average(run => steps[run][i]) / Stopwatch.Frequency))],
            calm.Average(run => totals[run]) / Stopwatch.Frequency, threads * MachineLimits.FlopsPerSecond(), threads * MachineLimits.BytesPerSecond());
    }

    private static Tensor[] Run(Plan plan, ReadOnlySpan<Tensor> inputs, Span<long> times = default)
    {
        var outputs = new Tensor[plan.Graph.Outputs.Count];
        for (var i = 0; i < outputs.Length; i++)
        {
            var shape = plan.Graph.Outputs[i].Shape;
            outputs[i] = new Tensor(shape, GC.AllocateUninitializedArray<float>(checked((int)shape.Count)));
        }

        if (inputs.Length == 1 && outputs.Length == 1)
        {
            plan.Run(inputs[0].Span, outputs[0].Span, times);
            return outputs;
        }

        for (var i = 0; i < inputs.Length; i++) inputs[i].Span.CopyTo(plan.Input(i));
        plan.Run(times);
        for (var i = 0; i < outputs.Length; i++) plan.Output(i).CopyTo(outputs[i].Span);
        return outputs;
    }

    private Shape[] Own => [.. _graph.Inputs.Select(input => input.Shape)];

    private static SessionStep Public(Step step) => new(step.Name, step.Kernel, step.Macs, step.Bytes);

    // The runner that was used last, whose memory is the likeliest to lie in the caches; a new one where all are busy and another may be made.
    private Turn Rent()
    {
        lock (_returned)
        {
            while (true)
            {
                if (_idle.TryPop(out var runner)) return new Turn(this, runner);
                if (_toCome > 0)
                {
                    var made = new Runner(this);
                    _toCome--;
                    return new Turn(this, made);
                }

                Monitor.Wait(_returned);
            }
        }
    }

    private readonly ref struct Turn(Session session, Runner runner)
    {
        public Runner Runner => runner;

        public void Dispose()
        {
            lock (session._returned)
            {
                session._idle.Push(runner);
                Monitor.Pulse(session._returned);
            }
        }
    }

    /// <summary>What was compiled for one caller at a time.</summary>
    private sealed class Runner(Session session)
    {
        private readonly Team _team = Team.Of(session._options.Threads);
        private readonly List<(Shape[] Shapes, Plan Plan)> _plans = [];
        private readonly Shape[] _wanted = new Shape[session._graph.Inputs.Count]; // of the run in progress

        /// <summary>The plan that was used last if it is for that many numbers of one input; null otherwise.</summary>
        public Plan? Latest(Shape shape, int numbers) =>
            _plans is [.., var last] && last.Shapes[0].Count == numbers && last.Shapes[0].AsSpan()[1..].SequenceEqual(shape.AsSpan()[1..]) ? last.Plan : null;

        public Plan PlanFor(ReadOnlySpan<Tensor> inputs)
        {
            if (inputs.Length != _wanted.Length) throw new ShapeException($"session {session._graph.Name}: takes {_wanted.Length} inputs, not {inputs.Length}");
            for (var i = 0; i < inputs.Length; i++) _wanted[i] = inputs[i].Shape;
            return PlanFor(_wanted);
        }

        public Plan PlanFor(params ReadOnlySpan<Shape> inputs)
        {
            for (var i = _plans.Count - 1; i >= 0; i--)
            {
                if (!inputs.SequenceEqual(_plans[i].Shapes)) continue;
                var known = _plans[i];
                if (i == _plans.Count - 1) return known.Plan;
                _plans.RemoveAt(i);
                _plans.Add(known);
                return known.Plan;
            }

            Plan made;
            lock (session._constants) made = new Plan(session._graph.WithInputs(inputs), session._weights, _team, frozen: true, session._options, session._constants);
            if (_plans.Count == MaxPlans) _plans.RemoveAt(0);
            _plans.Add((inputs.ToArray(), made));
            return made;
        }
    }
}

public static partial class Verbs
{
    /// <summary>The model ready to run.</summary>
    public static Session Compile(this Model model, RunOptions? options = null) => new(model.Graph, model.Weights, options);
}
