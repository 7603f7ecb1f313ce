using System.CommandLine;
using System.Diagnostics;

namespace Tenfold.Benchmarks.Peers;

/// <summary>Several sessions at once, or one, called from several threads, beside one called from one: pictures a second, and whether all give the bits that one gives alone.</summary>
internal static class SessionsBenchmark
{
    public static int Run(ParseResult given)
    {
        var (count, threads, seconds) = (given.GetValue<int>("--sessions"), given.GetRequiredValue<int[]>("--threads"), given.GetValue<double>("--seconds"));
        var faults = 0;
        Console.WriteLine(Results.Machine);
        foreach (var name in given.GetRequiredValue<string[]>("--network"))
            foreach (var each in threads)
            {
                var model = Case.Weighted(Network.Create(name));
                var x = Case.Noise(model.Graph.Inputs[0].Shape);
                var shared = model.Compile(new RunOptions { Threads = each });
                (string, Func<Contestant>)[] engines =
                [
                    ("Tenfold", () => new TenfoldContestant(model, x, new RunOptions { Threads = each })),
                    ("Tenfold, all callers one session", () => new TenfoldContestant(model, x, shared)),
                    (OnnxRuntimeLibrary.Name, () => PeersBenchmark.OnnxRuntime(model, x, each)),
                ];
                foreach (var (engine, make) in engines)
                {
                    Contestant[] all = [.. Enumerable.Range(0, count).Select(_ => make())];
                    all[0].Run();
                    var alone = all[0].Output.ToArray();
                    double[] rates = [.. new[] { 1, count, 1, count }.Select(sessions => Rate(all[..sessions], alone, seconds, engine != OnnxRuntimeLibrary.Name, ref faults))];
                    Console.WriteLine($"{name}, {each} {(each == 1 ? "thread" : "threads")} a session, {engine}: one caller {(rates[0] + rates[2]) / 2:f1} pictures a second, {count} at once {(rates[1] + rates[3]) / 2:f1}");
                    foreach (var one in all) one.Dispose();
                }
            }

        Console.WriteLine(faults == 0 ? "every output has the bits of a session alone" : $"{faults} outputs have other bits than a session alone");
        return faults == 0 ? 0 : 1;
    }

    private static double Rate(Contestant[] sessions, float[] alone, double seconds, bool compared, ref int faults)
    {
        var (runs, wrong) = (0, 0);
        var clock = Stopwatch.StartNew();
        var callers = Array.ConvertAll(sessions, session => new Thread(() =>
        {
            while (clock.Elapsed.TotalSeconds < seconds)
            {
                session.Run();
                Interlocked.Increment(ref runs);
                if (compared && !session.Output.AsSpan().SequenceEqual(alone)) Interlocked.Increment(ref wrong);
            }
        }));
        foreach (var caller in callers) caller.Start();
        foreach (var caller in callers) caller.Join();
        faults += wrong;
        return runs / clock.Elapsed.TotalSeconds;
    }
}
