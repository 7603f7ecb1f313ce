using Xunit;

namespace Tenfold.Tests;

public class ScheduleTests
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(0.25, 0.8535533905932737)]
    [InlineData(0.5, 0.5)]
    [InlineData(1, 0)]
    public void Cosine_is_half_a_cosine(double progress, double factor) => Assert.Equal(factor, Schedule.Cosine().At(progress), 1e-15);

    [Fact]
    public void Steps_fall_at_their_places()
    {
        var thirds = Schedule.Step(1.0 / 3);
        Assert.Equal([1, 1, 0.1, 0.1, 0.01, 0.01], new[] { 0, 29.0 / 90, 30.0 / 90, 59.0 / 90, 60.0 / 90, 89.0 / 90 }.Select(p => Math.Round(thirds.At(p), 12)));
        var places = Schedule.MultiStep(0.5, 0.5, 0.75);
        Assert.Equal([1, 1, 0.5, 0.25, 0.25], new[] { 0, 0.4999, 0.5, 0.75, 1 }.Select(places.At));
    }

    [Fact]
    public void One_cycle_rises_and_falls()
    {
        var cycle = Schedule.OneCycle();
        Assert.Equal(1.0 / 25, cycle.At(0), 1e-12);
        Assert.Equal((1 + 1.0 / 25) / 2, cycle.At(0.15), 1e-12);
        Assert.Equal(1, cycle.At(0.3), 1e-12);
        Assert.Equal((1 + 1.0 / 25e4) / 2, cycle.At(0.65), 1e-12);
        Assert.Equal(1.0 / 25e4, cycle.At(1), 1e-12);
        var linear = Schedule.OneCycle(0.5, 0, 0, linear: true);
        Assert.Equal([0, 0.5, 1, 0.5, 0], new[] { 0, 0.25, 0.5, 0.75, 1 }.Select(linear.At));
    }

    [Fact]
    public void Warm_up_multiplies_what_follows()
    {
        var schedule = Schedule.Cosine().WarmUp(0.1, from: 0);
        Assert.Equal(0, schedule.At(0));
        Assert.Equal(0.5 * Schedule.Cosine().At(0.05), schedule.At(0.05), 1e-15);
        Assert.Equal(Schedule.Cosine().At(0.1), schedule.At(0.1));
        Assert.Equal(Schedule.Cosine().At(0.7), schedule.At(0.7));
    }

    [Fact]
    public void Shares_outside_the_training_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Schedule.OneCycle(rise: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Schedule.Step(1.5));
        Assert.Throws<ArgumentOutOfRangeException>(() => Schedule.Constant.WarmUp(1));
    }

    [Fact]
    public void Text_tells_schedules_apart()
    {
        Assert.NotEqual(Schedule.MultiStep(0.1, 0.5).ToString(), Schedule.MultiStep(0.1, 0.6).ToString());
        Assert.NotEqual(Schedule.Cosine().WarmUp(0.1).ToString(), Schedule.Cosine(0.1).WarmUp(0.1).ToString());
    }
}
