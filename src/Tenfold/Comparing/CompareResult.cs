namespace Tenfold;

/// <summary>A measured number and how far it may be off.</summary>
/// <param name="Spread">Half the width of the interval in which a repetition is expected; at least 0.</param>
public readonly record struct Reading(double Value, double Spread = 0)
{
    /// <summary>Mean and sample standard deviation; one value alone has no deviation.</summary>
    public static Reading Mean(params IReadOnlyList<double> values)
    {
        if (values.Count == 0) return new Reading(double.NaN);
        var mean = values.Sum() / values.Count;
        var squares = values.Sum(value => (value - mean) * (value - mean));
        return new Reading(mean, values.Count > 1 ? Math.Sqrt(squares / (values.Count - 1)) : 0);
    }

    /// <summary>Median and half the range between the quartiles, which a few disturbed timings do not move.</summary>
    public static Reading Median(params IReadOnlyList<double> values)
    {
        if (values.Count == 0) return new Reading(double.NaN);
        var sorted = values.Order().ToArray();
        return new Reading(Quantile(0.5), (Quantile(0.75) - Quantile(0.25)) / 2);

        double Quantile(double q)
        {
            var (low, rest) = ((int)(q * (sorted.Length - 1)), q * (sorted.Length - 1) % 1);
            return low + 1 < sorted.Length ? sorted[low] + rest * (sorted[low + 1] - sorted[low]) : sorted[low];
        }
    }

    /// <summary>True when the whole interval lies above the other's. A smaller difference is within the spread: it shows nothing.</summary>
    public bool Above(Reading other) => Value - other.Value > Spread + other.Spread;

    public override string ToString() => Spread > 0 ? $"{Value:g4} ± {Spread:g2}" : $"{Value:g4}";
}

/// <summary>What <c>compare</c> found: one row per variant, each trained under the same budget on the same data.</summary>
public sealed record CompareResult
{
    /// <summary>The data set: <c>fashion-mnist</c>, or the folder's name.</summary>
    public required string Data { get; init; }

    /// <summary>Where the data was found, in words.</summary>
    public string Source { get; init; } = "";

    public required CompareBudget Budget { get; init; }

    /// <summary>Wall time that it took.</summary>
    public double Seconds { get; init; }

    public required IReadOnlyList<CompareRow> Rows { get; init; }

    public IReadOnlyList<string> Classes { get; init; } = [];

    /// <summary>One sample: [channels, height, width].</summary>
    public Shape Input { get; init; }

    public int TrainingSamples { get; init; }

    public int TestSamples { get; init; }

    /// <summary>What the latencies were measured on, in the order to print it: cpu, instruction sets, threads, runtime, version.</summary>
    public IReadOnlyList<CompareFact> Machine { get; init; } = [];

    /// <summary>The row that the others differ from in one thing; the first unless another is named <c>baseline</c>.</summary>
    public CompareRow? Baseline => Rows.FirstOrDefault(row => row.Operation == "baseline") ?? (Rows.Count > 0 ? Rows[0] : null);

    /// <summary>The most accurate row, the faster of equals; null when every variant failed.</summary>
    public CompareRow? Best => Sorted(CompareOrder.Accuracy).FirstOrDefault(row => !row.Failed);

    /// <summary>The rows that no other beats in both latency and accuracy, the fastest first.</summary>
    public IReadOnlyList<CompareRow> Front => Ranking.Front(Rows.Where(row => !row.Failed), row => row.LatencyMs.Value, row => row.Accuracy.Value);

    /// <summary>Best first; failed rows last.</summary>
    public IReadOnlyList<CompareRow> Sorted(CompareOrder order) => [.. Rows
        .OrderBy(row => row.Failed)
        .ThenBy(row => order switch
        {
            CompareOrder.Latency => row.LatencyMs.Value,
            CompareOrder.Parameters => row.Parameters,
            CompareOrder.Macs => row.Macs,
            _ => -row.Accuracy.Value,
        })
        .ThenBy(row => row.LatencyMs.Value)
        .ThenBy(row => row.Operation, StringComparer.Ordinal)];

    /// <summary>How a row's accuracy stands to the baseline's.</summary>
    public Verdict Judge(CompareRow row) => Baseline is { } baseline && !row.Failed && !baseline.Failed ? Ranking.Judge(row.Accuracy, baseline.Accuracy) : Verdict.Undecided;

    /// <summary>How a row stands to the baseline, in words that claim no more than was measured.</summary>
    public string Describe(CompareRow row)
    {
        if (row.Failed) return $"failed: {row.Failure ?? "it was not trained"}";
        if (Baseline is not { Failed: false } baseline || row == baseline) return "";
        var points = 100 * (row.Accuracy.Value - baseline.Accuracy.Value);
        var spread = 100 * (row.Accuracy.Spread + baseline.Accuracy.Spread);
        var accuracy = Judge(row) switch
        {
            Verdict.Better => $"more accurate than {baseline.Operation} by {points:0.0} points (spread {spread:0.0})",
            Verdict.Worse => $"less accurate than {baseline.Operation} by {-points:0.0} points (spread {spread:0.0})",
            _ => $"no difference in accuracy shown ({points:+0.0;-0.0;0.0} points, spread {spread:0.0})",
        };
        var latency = Ranking.Judge(row.LatencyMs, baseline.LatencyMs) switch
        {
            Verdict.Better => $"{row.LatencyMs.Value / baseline.LatencyMs.Value:0.00} times its latency",
            Verdict.Worse => $"{baseline.LatencyMs.Value / row.LatencyMs.Value:0.00} times as fast",
            _ => "as fast within the spread",
        };
        return $"{accuracy}; {latency}";
    }

    /// <summary>The result in a sentence or two, which claims a win only where <see cref="Reading.Above"/> does.</summary>
    public string Conclusion
    {
        get
        {
            if (Best is not { } best) return "No variant finished.";
            var accuracy = $"{100 * best.Accuracy.Value:f1} %";
            CompareRow[] near = [.. Rows.Where(row => row != best && !row.Failed && !best.Accuracy.Above(row.Accuracy))];
            if (near.Length == 0)
                return Rows.Count(row => !row.Failed) > 1
                    ? $"{best.Operation} is the most accurate at {accuracy}, by more than the spread."
                    : $"{best.Operation} reached {accuracy}.";
            var names = string.Join(", ", near.Select(row => row.Operation));
            var fastest = near.Append(best).MinBy(row => row.LatencyMs.Value)!;
            return $"{best.Operation} has the highest accuracy, {accuracy}, but its lead over {names} is within the spread: no win."
                + (fastest == best ? " It is also the fastest of these." : $" The fastest of these is {fastest.Operation}.");
        }
    }
}

/// <summary>What every variant was given.</summary>
/// <param name="Minutes">Of wall time for the whole comparison.</param>
/// <param name="SecondsEach">Of training for each run.</param>
/// <param name="Repeat">Runs per variant, each with its own seed.</param>
/// <param name="Threads">That train and run.</param>
public sealed record CompareBudget(double Minutes, double SecondsEach, int Repeat, int Threads);

/// <summary>One fact about the machine.</summary>
public sealed record CompareFact(string Name, string Value);

/// <summary>One variant: the baseline network with one operation changed.</summary>
public sealed record CompareRow
{
    public required string Operation { get; init; }

    public required long Parameters { get; init; }

    /// <summary>Multiply-adds of one sample; FLOPs are twice that.</summary>
    public required long Macs { get; init; }

    /// <summary>Milliseconds for one sample (batch 1).</summary>
    public required Reading LatencyMs { get; init; }

    /// <summary>One per seed; empty when the variant failed.</summary>
    public required IReadOnlyList<CompareRun> Runs { get; init; }

    /// <summary>The one thing that differs from the baseline.</summary>
    public string Change { get; init; } = "";

    /// <summary>What is held equal, so that the comparison is fair: equal parameters or equal MACs.</summary>
    public string Fairness { get; init; } = "";

    /// <summary>Authors, title, year.</summary>
    public string Paper { get; init; } = "";

    /// <summary>Why the variant has no result: the message of what stopped it.</summary>
    public string? Failure { get; init; }

    public bool Failed => Failure is not null || Runs.Count == 0;

    /// <summary>Mean test accuracy in [0, 1]. Its spread is the standard deviation over the seeds, but never less than the sampling error
    /// sqrt(p (1 - p) / n) that n test samples leave: a single run has that at least.</summary>
    public Reading Accuracy
    {
        get
        {
            if (Failed) return new Reading(double.NaN);
            var mean = Reading.Mean([.. Runs.Select(run => run.Accuracy)]);
            var samples = Runs.Max(run => run.Samples);
            return samples > 0 ? mean with { Spread = Math.Max(mean.Spread, Math.Sqrt(mean.Value * (1 - mean.Value) / samples)) } : mean;
        }
    }
}

/// <summary>One training of one variant.</summary>
/// <param name="Accuracy">On the test samples, in [0, 1].</param>
/// <param name="Samples">How many test samples the accuracy counts.</param>
/// <param name="Epochs">Passes over the training data, the last perhaps not whole.</param>
public sealed record CompareRun(ulong Seed, double Accuracy, int Samples, double Epochs, double Seconds)
{
    public double Loss { get; init; } = double.NaN;

    /// <summary>The training curve.</summary>
    public IReadOnlyList<ComparePoint> Curve { get; init; } = [];
}

/// <summary>A point of a training curve, at the end of an epoch or between.</summary>
/// <param name="Epoch">Passes over the training data so far.</param>
/// <param name="Loss">Mean training loss.</param>
/// <param name="Accuracy">On held-out samples, in [0, 1].</param>
public readonly record struct ComparePoint(double Epoch, double Seconds, double Loss, double Accuracy);

/// <summary>What rows are sorted by.</summary>
public enum CompareOrder
{
    Accuracy,
    Latency,
    Parameters,
    Macs,
}

/// <summary>What a difference shows.</summary>
public enum Verdict
{
    /// <summary>The difference is within the spread.</summary>
    Undecided,
    Better,
    Worse,
}

/// <summary>Which of several measured things is better, said no more firmly than the measurements allow.</summary>
public static class Ranking
{
    /// <summary>The Pareto front: what nothing else equals or beats in both cost and value while beating it in one; the cheapest first.</summary>
    /// <remarks>By the measured values alone: a member need not be a win over its neighbour, for that ask <see cref="Judge"/>.</remarks>
    public static IReadOnlyList<T> Front<T>(IEnumerable<T> items, Func<T, double> cost, Func<T, double> value)
    {
        var front = new List<T>();
        foreach (var item in items.Where(item => double.IsFinite(cost(item)) && double.IsFinite(value(item))).OrderBy(cost).ThenByDescending(value))
            if (front.Count == 0 || value(item) > value(front[^1]) || (value(item) == value(front[^1]) && cost(item) == cost(front[^1])))
                front.Add(item);
        return front;
    }

    /// <summary>Better or worse only when the intervals do not touch.</summary>
    public static Verdict Judge(Reading reading, Reading baseline) =>
        reading.Above(baseline) ? Verdict.Better : baseline.Above(reading) ? Verdict.Worse : Verdict.Undecided;
}
