using Xunit;

namespace Tenfold.Tests;

public class ComparingTests
{
    private static readonly DataPair s_data = new(Tiny.Data(60), Tiny.Data(30, seed: 2), "tests");

    private static readonly CompareOptions s_short = new() { Minutes = 0.02, Threads = 1, Variants = [Variant.Baseline, Variant.Named("residual")] };

    [Fact]
    public void Every_variant_has_the_same_budget_and_a_row()
    {
        var comparison = s_data.Compare(s_short with { Repeat = 2, Seed = 5 });
        var result = comparison.Result;
        Assert.False(comparison.Stopped);
        Assert.Equal(["baseline", "residual"], result.Rows.Select(row => row.Operation));
        Assert.Equal((60, 30, 3), (result.TrainingSamples, result.TestSamples, result.Classes.Count));
        Assert.All(result.Rows, row =>
        {
            Assert.Null(row.Failure);
            Assert.Equal([5ul, 6ul], row.Runs.Select(run => run.Seed));
            Assert.All(row.Runs, run => Assert.Equal(30, run.Samples));
            Assert.True(row.LatencyMs.Value > 0);
            var graph = Variant.Named(row.Operation).Build([1, 6, 6], 3);
            Assert.Equal((graph.Cost.Macs, graph.Cost.Parameters), (row.Macs, row.Parameters));
        });
        Assert.Equal("equal MACs and parameters", result.Rows[1].Fairness);
    }

    [Fact]
    public void The_best_model_is_as_accurate_as_its_row_says()
    {
        var comparison = s_data.Compare(s_short);
        var best = comparison.Result.Best!;
        Assert.Equal(best.Runs.Max(run => run.Accuracy), comparison.BestRun!.Accuracy);
        Assert.Equal(comparison.BestRun!.Accuracy, comparison.BestModel!.Evaluate(s_data.Test).Accuracy);
        Assert.Equal(s_data.Train.Classes, comparison.BestModel!.Classes);
        Assert.Equal(best.Operation, comparison.BestModel!.Provenance["operation"]);
    }

    [Fact]
    public void A_variant_that_fails_says_why_and_the_others_go_on()
    {
        var broken = new Variant("broken", "", "", (x, _) => throw new ShapeException("no such unit"));
        var diverging = new Variant("diverging", "", "", (x, _) => x.Affine(float.NaN));
        var result = s_data.Compare(s_short with { Variants = [broken, diverging, Variant.Baseline] }).Result;
        Assert.Equal(["no such unit", "loss", null], result.Rows.Select(row => row.Failure is { } failure && failure.Contains("loss", StringComparison.Ordinal) ? "loss" : row.Failure));
        Assert.Equal("baseline", result.Best!.Operation);
        Assert.StartsWith("failed: ", result.Describe(result.Rows[1]));
    }

    [Fact]
    public void What_was_finished_before_it_was_stopped_is_kept()
    {
        using var stop = new CancellationTokenSource();
        var comparison = s_data.Compare(s_short with { Cancellation = stop.Token }, new Stopper(stop));
        Assert.True(comparison.Stopped);
        Assert.Equal(["baseline"], comparison.Result.Rows.Select(row => row.Operation));
        Assert.NotNull(comparison.BestModel);
        Assert.Throws<OperationCanceledException>(() => s_data.Compare(s_short with { Cancellation = stop.Token }));
    }

    [Fact]
    public void A_budget_too_small_for_a_step_still_gives_an_accuracy()
    {
        var result = s_data.Compare(s_short with { Minutes = 1e-6 }).Result;
        Assert.All(result.Rows, row => Assert.InRange(row.Accuracy.Value, 0, 1));
    }

    [Fact]
    public void Words_claim_nothing_within_the_spread()
    {
        var result = CompareResultTests.Result(
            CompareResultTests.Row("baseline", 1, 2000, 0.88), CompareResultTests.Row("near", 2, 2000, 0.885), CompareResultTests.Row("better", 0.5, 2000, 0.92), CompareResultTests.Row("worse", 1.01, 2000, 0.7));
        Assert.Equal("", result.Describe(result.Rows[0]));
        Assert.Equal("no difference in accuracy shown (+0.5 points, spread 1.4); 2.00 times its latency", result.Describe(result.Rows[1]));
        Assert.Equal("more accurate than baseline by 4.0 points (spread 1.3); 2.00 times as fast", result.Describe(result.Rows[2]));
        Assert.Equal("less accurate than baseline by 18.0 points (spread 1.8); as fast within the spread", result.Describe(result.Rows[3]));
    }

    private sealed class Stopper(CancellationTokenSource stop) : CompareCallback
    {
        public override void OnEnd(CompareRow row) => stop.Cancel();
    }
}
