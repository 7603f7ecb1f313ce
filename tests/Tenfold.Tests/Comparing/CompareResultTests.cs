using Xunit;

namespace Tenfold.Tests;

public class CompareResultTests
{
    [Fact]
    public void One_run_has_the_sampling_error_of_its_test_set_as_spread()
    {
        var row = Row("residual", 1, 400, 0.8);
        Assert.Equal(0.8, row.Accuracy.Value, 12);
        Assert.Equal(0.02, row.Accuracy.Spread, 12);
    }

    [Fact]
    public void Several_seeds_give_mean_and_deviation_but_not_less_than_the_sampling_error()
    {
        Assert.Equal(0.1, Row("a", 1, 400, 0.7, 0.8, 0.9).Accuracy.Spread, 12);
        Assert.Equal(0.02, Row("a", 1, 400, 0.8, 0.8, 0.8).Accuracy.Spread, 12);
    }

    [Fact]
    public void A_clear_lead_is_called_one()
    {
        var result = Result(Row("baseline", 1, 10_000, 0.80), Row("residual", 2, 10_000, 0.90));
        Assert.Equal("residual", result.Best?.Operation);
        Assert.Equal("residual is the most accurate at 90.0 %, by more than the spread.", result.Conclusion);
        Assert.Equal(Verdict.Better, result.Judge(result.Rows[1]));
        Assert.Equal(["baseline", "residual"], result.Front.Select(row => row.Operation));
    }

    [Fact]
    public void A_lead_within_the_spread_is_no_win()
    {
        var result = Result(Row("baseline", 1, 100, 0.89), Row("residual", 2, 100, 0.90), Row("dilated", 3, 100, 0.5));
        Assert.Equal(
            "residual has the highest accuracy, 90.0 %, but its lead over baseline is within the spread: no win. The fastest of these is baseline.",
            result.Conclusion);
        Assert.Equal(Verdict.Undecided, result.Judge(result.Rows[1]));
        Assert.Equal(Verdict.Worse, result.Judge(result.Rows[2]));
    }

    [Fact]
    public void Failed_variants_come_last_and_win_nothing()
    {
        var failed = Row("deformable", 0.1, 100) with { Failure = "loss is NaN in epoch 2" };
        var result = Result(failed, Row("baseline", 1, 100, 0.5));
        Assert.Equal("deformable", result.Sorted(CompareOrder.Latency)[^1].Operation);
        Assert.Equal("baseline", result.Best?.Operation);
        Assert.Equal("baseline", Assert.Single(result.Front).Operation);
        Assert.Equal("baseline reached 50.0 %.", result.Conclusion);
        Assert.Equal("No variant finished.", Result(failed).Conclusion);
    }

    [Fact]
    public void Rows_sort_by_what_is_asked_for()
    {
        var result = Result(
            Row("a", 3, 100, 0.7) with { Parameters = 1, Macs = 9 },
            Row("b", 2, 100, 0.9) with { Parameters = 3, Macs = 8 },
            Row("c", 1, 100, 0.8) with { Parameters = 2, Macs = 10 });
        Assert.Equal("bca", Order(CompareOrder.Accuracy));
        Assert.Equal("cba", Order(CompareOrder.Latency));
        Assert.Equal("acb", Order(CompareOrder.Parameters));
        Assert.Equal("bac", Order(CompareOrder.Macs));

        string Order(CompareOrder order) => string.Concat(result.Sorted(order).Select(row => row.Operation));
    }

    internal static CompareRow Row(string operation, double latency, int samples, params double[] accuracies) => new()
    {
        Operation = operation,
        Parameters = 1000,
        Macs = 100_000,
        LatencyMs = new Reading(latency, latency / 20),
        Runs = [.. accuracies.Select((accuracy, i) => new CompareRun((ulong)i, accuracy, samples, 3, 10))],
    };

    internal static CompareResult Result(params CompareRow[] rows) => new() { Data = "blobs", Budget = new CompareBudget(1, 10, 1, 2), Rows = rows };
}
