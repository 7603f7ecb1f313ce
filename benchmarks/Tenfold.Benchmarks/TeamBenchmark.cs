using System.CommandLine;
using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Tenfold.Benchmarks;

/// <summary>What a fork and join costs: steps with some microseconds of work for each thread, against the time of one thread's share alone.</summary>
internal static class TeamBenchmark
{
    private const int Forks = 400;

    public static unsafe int Run(ParseResult given)
    {
        var (threads, each) = (given.GetValue<int>("--threads"), given.GetValue<int>("--items"));
        var turnsPerMicrosecond = Calibrate();
        if (threads > 1) Console.WriteLine($"a line of the cache from one core to another and back: {RoundTrip() * 1e9:f0} ns");
        Console.WriteLine($"{threads} threads; each fork has {each} items for each of them; then the caller is alone for some time");
        Console.WriteLine($"{"work, us",10} {"alone, us",10} {"one thread, us",15} {"fork and join, us",18} {"above the work of one thread",30}");
        foreach (var (micros, gap) in (ReadOnlySpan<(int, int)>)[(0, 0), (2, 0), (10, 0), (50, 0), (200, 0), (10, 10), (10, 40), (10, 200), (10, 2000)])
        {
            var (count, alone) = (micros * turnsPerMicrosecond, gap * turnsPerMicrosecond);
            var work = new Step("", "", threads * each, (_, _) => Busy(count / each));
            var serial = new Step("", "", 1, (_, _) => Busy(alone));
            Step[] steps = [.. Enumerable.Range(0, gap > 500 ? Forks / 10 : Forks).SelectMany(_ => gap == 0 ? (Step[])[work] : [serial, work])];
            Step[] one = [.. steps.Select(step => step with { Items = step.Items / threads is var share and > 0 ? share : 1 })]; // the work of one thread
            var forks = steps.Count(step => step == work);
            // In turns, so that what slows the machine down slows both.
            var (single, team) = (new List<double>(), new List<double>());
            for (var round = 0; round < 25; round++)
            {
                single.Add(Time(Team.Of(1), one) / forks);
                team.Add(Time(Team.Of(threads), steps) / forks);
            }

            Console.WriteLine($"{micros,10} {gap,10} {Median(single) - gap,15:f2} {Median(team) - gap,18:f2} {Median(team) - Median(single),30:f2}");
        }

        static double Median(List<double> times) => times.Order().ElementAt(times.Count / 2);
        return 0;
    }

    private static double Time(Team team, Step[] steps)
    {
        var start = Stopwatch.GetTimestamp();
        team.Run(steps, 0);
        return Stopwatch.GetElapsedTime(start).TotalMicroseconds;
    }

    /// <summary>Seconds that a number takes from one thread to another and back, where both are on a processor: several times as long where the cores do not
    /// share a third-level cache.</summary>
    /// <remarks>The least of many short rounds: one in which either thread waits for a processor says nothing about the way between them.</remarks>
    public static double RoundTrip(int rounds = 200)
    {
        const int turns = 1_000;
        var best = double.PositiveInfinity;
        var ball = new int[32]; // on a line of its own
        var other = new Thread(() =>
        {
            for (var turn = 1; turn < 2 * turns * rounds; turn += 2)
            {
                Await(turn);
                Volatile.Write(ref ball[16], turn + 1);
            }
        });
        other.Start();
        for (var round = 0; round < rounds; round++)
        {
            var start = Stopwatch.GetTimestamp();
            for (var turn = 2 * turns * round; turn < 2 * turns * (round + 1); turn += 2)
            {
                Await(turn);
                Volatile.Write(ref ball[16], turn + 1);
            }

            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds / turns);
        }

        other.Join();
        return best;

        // Two threads that are on one processor would each wait for the other's time slice to end, a thousand times a round.
        void Await(int turn)
        {
            for (var spins = 0; Volatile.Read(ref ball[16]) != turn; spins++)
                if (spins > 100_000) Thread.Yield();
        }
    }

    private static int Calibrate()
    {
        var best = 0.0;
        for (var round = 0; round < 200; round++)
        {
            var start = Stopwatch.GetTimestamp();
            Busy(100_000);
            best = Math.Max(best, 100_000 / Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        }

        return (int)best;
    }

    // A chain of dependent operations, compiled once and for all: what the optimiser leaves out when it finds out that nobody wants the result is no work.
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static double Busy(int turns)
    {
        var x = 1.0;
        for (var i = 0; i < turns; i++) x = x * 0.999 + 1;
        return x;
    }
}
