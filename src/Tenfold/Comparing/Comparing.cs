using System.Diagnostics;

namespace Tenfold;

/// <summary>How to compare.</summary>
public sealed record CompareOptions
{
    /// <summary>Wall time for all: measuring latency, training, evaluating, and a few seconds for writing the results.</summary>
    public double Minutes { get; init; } = 4;

    /// <summary>Trainings of each variant, each with a seed of its own, to know the spread.</summary>
    public int Repeat { get; init; } = 1;

    /// <summary>The first seed; the others follow it.</summary>
    public ulong Seed { get; init; }

    public int Threads { get; init; } = Environment.ProcessorCount;

    public IReadOnlyList<Variant> Variants { get; init; } = Variant.All;

    /// <summary>How all are trained. Budget, seed, threads, validation set and cancellation are set by the comparison.</summary>
    public TrainingOptions Training { get; init; } = Recipe;

    /// <summary>Stops after the step at hand; what is finished is kept.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>What trains small networks well in few epochs. Pictures are mirrored; more variation pays only in longer trainings.</summary>
    public static TrainingOptions Recipe { get; } = new()
    {
        Batch = 32,
        Optimizer = new AdamW(0.006, WeightDecay: 0.05) { SpareNormsAndBiases = true },
        Schedule = Schedule.OneCycle(),
        Augmentation = new Augmentation { Flip = true },
        LabelSmoothing = 0.05f,
    };
}

/// <summary>Is told how a comparison goes, on the thread that compares.</summary>
public abstract class CompareCallback
{
    /// <summary>Networks are built and timed; training begins.</summary>
    /// <param name="rows">In the order of training, without runs yet.</param>
    public virtual void OnMeasured(IReadOnlyList<CompareRow> rows, CompareBudget budget)
    {
    }

    /// <param name="repeat">0 for the first seed.</param>
    public virtual void OnStart(CompareRow row, int repeat)
    {
    }

    public virtual void OnStep(in StepReport step)
    {
    }

    public virtual void OnEpoch(EpochReport epoch)
    {
    }

    /// <summary>A training is over, well or not.</summary>
    /// <param name="row">With what it brought.</param>
    public virtual void OnEnd(CompareRow row)
    {
    }
}

/// <summary>What <see cref="Verbs.Compare"/> returns.</summary>
/// <param name="BestModel">The most accurate run of <see cref="CompareResult.Best"/>; null when nothing finished.</param>
/// <param name="BestRun">That run.</param>
/// <param name="Stopped">Whether it was cancelled, so that variants or seeds are missing.</param>
public sealed record Comparison(CompareResult Result, Model? BestModel, CompareRun? BestRun, bool Stopped);

public static partial class Verbs
{
    /// <summary>Trains every variant for the same time on the same samples, and measures what each costs and achieves.</summary>
    /// <remarks>A variant that cannot be built, run or trained fails by itself: its row says why, and the others go on. Which steps fit into the
    /// time depends on the machine, so accuracies repeat within their spread, not to the digit.</remarks>
    /// <exception cref="OperationCanceledException">Cancelled before the first training was finished.</exception>
    public static Comparison Compare(this DataPair data, CompareOptions? options = null, params IReadOnlyList<CompareCallback> callbacks) =>
        new Comparing(data, options ?? new CompareOptions(), callbacks).Run();
}

/// <summary>One comparison from beginning to end.</summary>
internal sealed class Comparing
{
    private const double Reserve = 3; // seconds for whoever writes plots and reports
    private const double Slack = 0.97; // evaluations take longer than foreseen now and then

    private readonly DataPair _data;
    private readonly CompareOptions _options;
    private readonly IReadOnlyList<CompareCallback> _callbacks;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly List<Entry> _entries = [];

    public Comparing(DataPair data, CompareOptions options, IReadOnlyList<CompareCallback> callbacks)
    {
        if (!(options.Minutes > 0)) throw new ArgumentOutOfRangeException(nameof(options), options.Minutes, "compare: the minutes must be above 0");
        if (options.Repeat < 1) throw new ArgumentOutOfRangeException(nameof(options), options.Repeat, "compare: each variant is trained at least once");
        if (options.Variants.Count == 0) throw new ArgumentException("compare: there is no variant to train", nameof(options));
        (_data, _options, _callbacks) = (data, options, callbacks);
    }

    public Comparison Run()
    {
        foreach (var variant in _options.Variants) _entries.Add(Build(variant));
        Measure();
        var left = 60 * _options.Minutes - _clock.Elapsed.TotalSeconds;
        var trainings = _options.Repeat * Math.Max(1, _entries.Count(entry => !entry.Failed));
        var budget = new CompareBudget(_options.Minutes, Slack * (left - Math.Min(Reserve, left / 4)) / trainings, _options.Repeat, _options.Threads);
        if (budget.SecondsEach < 0.05) budget = budget with { SecondsEach = 0.05 };
        Tell(callback => callback.OnMeasured([.. _entries.Select(entry => entry.Row)], budget));
        var stopped = !Train(budget);

        if (stopped && _entries.All(entry => entry.Runs.Count == 0)) throw new OperationCanceledException("stopped before the first variant was finished", _options.Cancellation);
        var result = new CompareResult
        {
            Data = _data.Train.Name,
            Source = _data.Source,
            Budget = budget,
            Rows = [.. _entries.Where(entry => entry.Failed || entry.Runs.Count > 0).Select(entry => entry.Row)],
            Classes = _data.Train.Classes,
            Input = _data.Train.Shape,
            TrainingSamples = _data.Train.Count,
            TestSamples = _data.Test.Count,
            Seconds = _clock.Elapsed.TotalSeconds,
        };
        var (run, model) = result.Best is { } best ? _entries.First(entry => entry.Variant.Operation == best.Operation).Runs.MaxBy(each => each.Run.Accuracy) : default;
        return new Comparison(result, model, run, stopped);
    }

    private Entry Build(Variant variant)
    {
        var (input, classes) = (_data.Train.Shape, _data.Train.Classes.Count);
        try
        {
            var graph = variant.Build(input, classes);
            return new Entry(variant, graph, Fairness(variant, graph, Variant.Baseline.Build(input, classes)));
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            return new Entry(variant, null, "") { Failure = exception.Message };
        }
    }

    private static string Fairness(Variant variant, Graph graph, Graph baseline)
    {
        var (cost, other) = (graph.Cost, baseline.Cost);
        if (variant == Variant.Baseline) return "what the others are measured against";
        return cost.Macs == other.Macs && cost.Parameters == other.Parameters
            ? "equal MACs and parameters"
            : variant.EqualParameters ? $"equal parameters: {Percent(cost.Parameters, other.Parameters)}; MACs {Percent(cost.Macs, other.Macs)}"
            : $"equal MACs: {Percent(cost.Macs, other.Macs)}; parameters {Percent(cost.Parameters, other.Parameters)}";

        static string Percent(long value, long of) => value == of ? "the same" : FormattableString.Invariant($"{100.0 * value / of - 100:+0.0;-0.0;±0.0} %");
    }

    // Before training, for weights do not change it: round and round, so that what disturbs the machine disturbs all alike.
    private void Measure()
    {
        const double burst = 0.004;
        var sessions = new List<(Entry Entry, Session Session)>();
        var picture = new Tensor([1, .. _data.Train.Shape]);
        for (var i = 0; i < picture.Span.Length; i++) picture.Span[i] = i % 17 / 8f - 1;
        foreach (var entry in _entries.Where(entry => !entry.Failed))
            entry.Try(() => sessions.Add((entry, new Model(entry.Graph!, _options.Seed).Compile(new RunOptions { Threads = _options.Threads }))));

        // The first rounds compile and warm up.
        var until = Math.Min(0.04 * 60 * _options.Minutes, 0.6 * _entries.Count);
        for (var round = 0; round < 4 || (_clock.Elapsed.TotalSeconds < until && round < 200); round++)
            foreach (var (entry, session) in sessions.Where(each => !each.Entry.Failed))
            {
                _options.Cancellation.ThrowIfCancellationRequested();
                entry.Try(() =>
                {
                    if (round == 3) entry.Times.Clear();
                    var begin = Stopwatch.GetTimestamp();
                    do
                    {
                        var start = Stopwatch.GetTimestamp();
                        session.Run(picture);
                        entry.Times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                    }
                    while (Stopwatch.GetElapsedTime(begin).TotalSeconds < burst);
                });
            }
    }

    // Seed by seed, so that a comparison that is stopped has as many of each variant as possible. False when it was.
    private bool Train(CompareBudget budget)
    {
        for (var repeat = 0; repeat < _options.Repeat; repeat++)
            foreach (var entry in _entries.Where(entry => !entry.Failed))
            {
                if (_options.Cancellation.IsCancellationRequested) return false;
                Tell(callback => callback.OnStart(entry.Row, repeat));
                var finished = true;
                entry.Try(() => finished = Train(entry, _options.Seed + (ulong)repeat, budget));
                if (!finished) return false;
                Tell(callback => callback.OnEnd(entry.Row));
            }

        return true;
    }

    private bool Train(Entry entry, ulong seed, CompareBudget budget)
    {
        var options = _options.Training with
        {
            Budget = TimeSpan.FromSeconds(budget.SecondsEach),
            Seed = seed,
            Threads = _options.Threads,
            Validation = _data.Test,
            Cancellation = _options.Cancellation,
        };
        var trained = new Model(entry.Graph!, seed).Fit(_data.Train, options, new Relay(_callbacks));
        if (trained.End == TrainingEnd.Cancelled) return false;

        var perEpoch = (double)(_data.Train.Count / Math.Min(options.Batch, _data.Train.Count));
        var (accuracy, loss) = trained.History is [.., var last]
            ? (last.ValidationAccuracy!.Value, last.ValidationLoss!.Value)
            : trained.Model.Evaluate(_data.Test) is var evaluation ? (evaluation.Accuracy, evaluation.Loss) : default; // not even one step
        var run = new CompareRun(seed, accuracy, _data.Test.Count, trained.Steps / perEpoch, trained.Seconds)
        {
            Loss = loss,
            Curve = [.. trained.History.Select(report => new ComparePoint(report.Step / perEpoch, report.Seconds, report.Loss, report.ValidationAccuracy!.Value))],
        };
        entry.Runs.Add((run, new Model(trained.Model.Graph, trained.Model.Weights)
        {
            Classes = trained.Model.Classes,
            Preprocessing = trained.Model.Preprocessing,
            Provenance = new Dictionary<string, string>
            {
                ["made by"] = "tenfold compare",
                ["operation"] = entry.Variant.Operation,
                ["data"] = _data.Train.Name,
                ["seed"] = $"{seed}",
                ["accuracy"] = FormattableString.Invariant($"{accuracy:0.####}"),
            },
        }));
        return true;
    }

    private void Tell(Action<CompareCallback> what)
    {
        foreach (var callback in _callbacks) what(callback);
    }

    private sealed class Entry(Variant variant, Graph? graph, string fairness)
    {
        public Variant Variant { get; } = variant;

        public Graph? Graph { get; } = graph;

        public List<double> Times { get; } = [];

        public List<(CompareRun Run, Model Model)> Runs { get; } = [];

        public string? Failure { get; set; }

        public bool Failed => Failure is not null;

        public CompareRow Row => new()
        {
            Operation = Variant.Operation,
            Parameters = Graph?.Cost.Parameters ?? 0,
            Macs = Graph?.Cost.Macs ?? 0,
            LatencyMs = Reading.Median(Times),
            Runs = [.. Runs.Select(each => each.Run)],
            Change = Variant.Change,
            Fairness = fairness,
            Paper = Variant.Paper,
            Failure = Failure,
        };

        // What one variant does wrong is its own.
        public void Try(Action work)
        {
            try
            {
                work();
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                Failure = exception.Message;
            }
        }
    }

    private sealed class Relay(IReadOnlyList<CompareCallback> callbacks) : TrainingCallback
    {
        public override void OnStep(in StepReport step)
        {
            foreach (var callback in callbacks) callback.OnStep(step);
        }

        public override void OnEpoch(EpochReport epoch)
        {
            foreach (var callback in callbacks) callback.OnEpoch(epoch);
        }
    }
}
