using Xunit;

namespace Tenfold.Tests;

public unsafe class TeamTests
{
    // Many short forks of changing size, more threads than cores: a worker that comes late to one must not touch the next.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Every_item_runs_once_and_before_the_next_step_begins(int threads)
    {
        var counts = new int[64];
        long faults = 0, wanted = 0;
        var steps = new List<Step>();
        for (var i = 0; i < 400; i++)
        {
            var items = 1 + i * 7 % 13;
            wanted += items;
            var number = i;
            steps.Add(new Step("count", "", items, (item, _) =>
            {
                if (Interlocked.Increment(ref counts[item]) != number + 1) Interlocked.Increment(ref faults);
            }));
            steps.Add(new Step("catch up", "", 1, (_, _) =>
            {
                for (var item = 0; item < counts.Length; item++)
                {
                    if (counts[item] != number + (item < items ? 1 : 0)) Interlocked.Increment(ref faults);
                    counts[item] = number + 1;
                }
            }));
        }

        for (var run = 0; run < 1500; run++)
        {
            Array.Clear(counts);
            Team.Of(threads).Run(steps, scratch: 0);
            Assert.Equal(0, faults);
        }
    }

    [Fact]
    public void A_caller_that_went_to_sleep_is_woken_by_the_last_item()
    {
        var late = 0;
        var caller = Environment.CurrentManagedThreadId;
        Step[] steps = [new Step("late", "", 7, (item, _) =>
        {
            // The workers sleep longer than the caller waits awake, and not.
            var mine = Environment.CurrentManagedThreadId == caller;
            Thread.Sleep(mine ? 1 : item % 4);
            if (!mine) Interlocked.Increment(ref late);
        })];
        for (var run = 0; run < 60; run++) Team.Of(3).Run(steps, 0);
        Assert.True(late > 0);
    }

    [Fact]
    public void What_an_item_throws_reaches_the_caller_and_the_team_lives_on()
    {
        var ran = 0;
        var team = Team.Of(2);
        Step[] bad = [new Step("bad", "", 8, (item, _) => { if (item == 5) throw new InvalidOperationException("item 5"); })];
        Assert.Equal("item 5", Assert.Throws<InvalidOperationException>(() => team.Run(bad, 0)).Message);
        team.Run([new Step("good", "", 8, (_, _) => Interlocked.Increment(ref ran))], 0);
        Assert.Equal(8, ran);
    }

    [Fact]
    public void No_threads_are_refused() => Assert.Throws<ArgumentOutOfRangeException>(() => Team.Of(0));
}
