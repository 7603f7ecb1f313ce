using CsCheck;
using Xunit;

namespace Tenfold.Tests;

public class RankingTests
{
    // Few distinct values, so that ties come often.
    private static readonly Gen<(double Cost, double Value)[]> s_points = Gen.Select(Gen.Int[0, 6], Gen.Int[0, 6])
        .Select((cost, value) => ((double)cost, (double)value)).Array[0, 12];

    private static readonly Gen<Reading> s_reading = Gen.Select(Gen.Double[0, 1], Gen.Double[0, 0.2]).Select((value, spread) => new Reading(value, spread));

    [Fact]
    public void The_front_is_what_nothing_dominates() => s_points.Sample(points =>
    {
        var front = Ranking.Front(points, p => p.Cost, p => p.Value);
        var expected = points.Where(p => !points.Any(q => Dominates(q, p))).OrderBy(p => p.Cost);
        Assert.Equal(expected, front);
    });

    [Fact]
    public void The_front_does_not_depend_on_the_order() => s_points.Sample(points =>
        Assert.Equal(Ranking.Front(points, p => p.Cost, p => p.Value), Ranking.Front(points.Reverse(), p => p.Cost, p => p.Value)));

    [Fact]
    public void What_was_not_measured_is_not_on_the_front() =>
        Assert.Equal([2.0], Ranking.Front([1.0, 2.0, 3.0], x => x == 3 ? double.NaN : 1, x => x == 1 ? double.NaN : 1));

    [Fact]
    public void A_difference_within_the_spread_is_never_a_win() => Gen.Select(s_reading, s_reading).Sample((a, b) =>
    {
        var verdict = Ranking.Judge(a, b);
        if (Math.Abs(a.Value - b.Value) <= a.Spread + b.Spread) Assert.Equal(Verdict.Undecided, verdict);
        else Assert.Equal(a.Value > b.Value ? Verdict.Better : Verdict.Worse, verdict);
        var back = Ranking.Judge(b, a);
        Assert.Equal(verdict switch { Verdict.Better => Verdict.Worse, Verdict.Worse => Verdict.Better, _ => Verdict.Undecided }, back);
    });

    [Fact]
    public void Mean_and_deviation_of_known_numbers()
    {
        var reading = Reading.Mean(2, 4, 4, 4, 5, 5, 7, 9);
        Assert.Equal(5, reading.Value);
        Assert.Equal(Math.Sqrt(32.0 / 7), reading.Spread, 12);
        Assert.Equal(new Reading(3), Reading.Mean(3));
    }

    [Fact]
    public void Median_and_quartiles_ignore_an_outlier()
    {
        Assert.Equal(new Reading(3, 1), Reading.Median(5, 1, 2, 4, 3));
        Assert.Equal(new Reading(3, 1), Reading.Median(1000, 1, 2, 4, 3));
        Assert.Equal(2.5, Reading.Median(1, 2, 3, 4).Value);
    }

    private static bool Dominates((double Cost, double Value) q, (double Cost, double Value) p) =>
        q.Cost <= p.Cost && q.Value >= p.Value && q != p;
}
