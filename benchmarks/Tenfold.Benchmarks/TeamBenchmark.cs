using System.Diagnostics;

namespace Tenfold.Benchmarks;

/// <summary>What it costs to fork and join: steps that do nothing, and steps with some microseconds of work, against the same on one thread.</summary>
internal static class TeamBenchmark
{
    public static unsafe void Run(Arguments arguments)
    {
        var threads = arguments.Whole("threads", Environment.ProcessorCount);
        var spin = Spin(1000);
        foreach (var micros in (ReadOnlySpan<double>)[0, 2, 10, 50, 200])
        {
            var count = (int)(micros * spin);
            var steps = Enumerable.Range(0, 1000).Select(_ => new Step("", "", threads, (_, _) => Busy(count))).ToArray();
            var (alone, together) = (Median(Team.Of(1), steps), Median(Team.Of(threads), steps));
            Console.WriteLine($"{micros,5} us of work for each of {threads} threads: {alone,8:f2} us on one thread, {together,8:f2} us on {threads}; the fork costs {together - alone / threads:f2} us");
        }
    }

    private static double Median(Team team, Step[] steps)
    {
        var times = new List<double>();
        for (var round = 0; round < 15; round++)
        {
            var start = Stopwatch.GetTimestamp();
            team.Run(steps, 0);
            times.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds / steps.Length);
        }

        return times.Order().ElementAt(times.Count / 2);
    }

    // Turns of Busy per microsecond.
    private static double Spin(int count)
    {
        var best = 0.0;
        for (var round = 0; round < 1000; round++)
        {
            var start = Stopwatch.GetTimestamp();
            Busy(count);
            best = Math.Max(best, count / Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        }

        return best;
    }

    private static double Busy(int count)
    {
        var x = 1.0;
        for (var i = 0; i < count; i++) x = x * 0.999 + 1;
        return x;
    }
}
