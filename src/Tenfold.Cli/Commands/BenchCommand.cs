using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Spectre.Console;

namespace Tenfold.Cli;

/// <summary><c>tenfold bench</c>: how fast a network runs here, and where the time goes.</summary>
internal sealed class BenchCommand : ToolCommand
{
    private readonly Option<int> _threads = Cli.Options.Threads();
    private readonly Option<double> _seconds = Cli.Options.Number("--seconds", "Time to measure for, after a warm-up", preset: 3, least: 0.01, most: 86400);
    private readonly Option<bool> _profile = new("--profile") { Description = "Time of every step, with GFLOP/s, GB/s and the share of this machine's measured limit" };

    private readonly Option<string?> _choose = new("--choose") { Description = "Measure every convolution by every algorithm for these seconds, and record in a file what is faster than the usual choice: @FILE among the arguments of run, bench or explain applies it", HelpName = "FILE" };

    public BenchCommand() : base("bench", "Measure a network's latency: median and spread, GFLOP/s, memory; with --profile, every step")
    {
        Add(Models.Argument);
        Add(Models.Input);
        Add(Compiled.Batch);
        Add(_threads);
        Add(_seconds);
        Add(_profile);
        Add(_choose);
        Add(Compiled.Exact);
        Add(Compiled.Force);
        Add(Compiled.Without);
    }

    public override string[] Examples => ["tenfold bench resnet50", "tenfold bench mobilenet_v2 --threads 1 --profile", "tenfold bench model.safetensors --batch 8 --seconds 10 --json", "tenfold bench resnet18 --threads 1 --seconds 20 --choose resnet18.choices"];

    public override int Run(ParseResult given, Screen screen, CancellationToken stop)
    {
        var model = Models.Open(given.GetRequiredValue(Models.Argument), Models.ParseSizes(given.GetValue(Models.Input)));
        var (batch, threads, seconds) = (given.GetValue(Compiled.Batch), given.GetValue(_threads), given.GetValue(_seconds));
        var graph = model.Graph.WithBatch(batch);
        var inputs = graph.Inputs.Select((input, i) => Noise(input.Shape, (ulong)i)).ToArray();
        var options = Compiled.Options(given, threads);
        if (given.GetValue(_choose) is { } file)
        {
            screen.Note($"measuring every convolution by every algorithm, {seconds:f0} s");
            options = options with { Algorithms = new Model(graph, model.Weights).Measure(options, TimeSpan.FromSeconds(seconds), inputs) };
            Compiled.Record(options.Algorithms, file);
        }

        var session = model.Compile(options);

        var clock = Stopwatch.StartNew();
        session.RunAll(inputs);
        var first = clock.Elapsed.TotalMilliseconds;
        for (clock.Restart(); clock.Elapsed.TotalSeconds < Math.Min(1, seconds / 4); stop.ThrowIfCancellationRequested()) session.RunAll(inputs);

        var times = new List<double>();
        var told = Stopwatch.StartNew();
        for (clock.Restart(); times.Count < 5 || clock.Elapsed.TotalSeconds < seconds;)
        {
            stop.ThrowIfCancellationRequested();
            var start = Stopwatch.GetTimestamp();
            session.RunAll(inputs);
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            if (!screen.Live || told.Elapsed.TotalSeconds < 1) continue;
            screen.Note($"{times.Count} runs, {seconds - clock.Elapsed.TotalSeconds:f0} s left");
            told.Restart();
        }

        var profile = given.GetValue(_profile) ? session.Profile(TimeSpan.FromSeconds(seconds), inputs) : null;
        times.Sort();
        var median = times[times.Count / 2];
        using var process = Process.GetCurrentProcess();
        var document = new BenchDocument(
            graph.Name, [.. graph.Inputs[0].Shape], batch, threads, times.Count, median, times[0], times[^1], first, 2 * graph.Cost.Macs / median / 1e6, process.PeakWorkingSet64,
            profile is null ? null : new ProfileDocument(
                profile.Seconds * 1e3, profile.Steps.Sum(timed => timed.Seconds) * 1e3, profile.FlopsPerSecond / 1e9, profile.BytesPerSecond / 1e9,
                [.. profile.Steps.Select(timed => new StepDocument(timed.Step.Name, timed.Step.How, timed.Seconds * 1e3, 2 * timed.Step.Macs / timed.Seconds / 1e9, timed.Step.Bytes / timed.Seconds / 1e9, profile.OfLimit(timed)))]));
        screen.Result(document, Documents.Written.BenchDocument, () =>
        {
            if (given.GetValue(_choose) is { } recorded) screen.Line($"choices   {options.Algorithms.Count} in {recorded}; @{recorded} among the arguments of run, bench or explain applies them");
            screen.Line($"{document.Name}, {string.Join('x', document.Input)}, {threads} {(threads == 1 ? "thread" : "threads")}");
            screen.Line($"median    {median:f3} ms, {batch * 1e3 / median:f1} images/s, {document.Gflops:f1} GFLOP/s");
            screen.Line($"spread    {document.MinMs:f3} to {document.MaxMs:f3} ms in {times.Count} runs");
            screen.Line($"first     {first:f1} ms, compiling included");
            screen.Line($"memory    {document.PeakMemoryBytes / 1048576.0:f0} MiB at most, the process in all");
            if (document.Profile is { } steps) Write(steps, screen);
        });
        return Tool.Done;
    }

    private static void Write(ProfileDocument profile, Screen screen)
    {
        screen.Line();
        screen.Line($"limits    {profile.LimitGflops:f0} GFLOP/s, {profile.LimitGigabytes:f0} GB/s from the second-level caches");
        screen.Line($"steps     {profile.SumMs:f3} ms of {profile.TotalMs:f3} ms ({profile.SumMs / profile.TotalMs:p1}); what is missing copies inputs and outputs");
        screen.Line();
        var table = screen.Table(">ms", ">share", ">GFLOP/s", ">GB/s", ">of limit", "step", "kernel");
        foreach (var step in profile.Steps)
            table.AddRow(
                Cell(step.Ms, "f4"), Cell(step.Ms / profile.SumMs, "p1"), Cell(step.Gflops, "f1"), Cell(step.Gigabytes, "f1"), Cell(step.OfLimit, "p0"),
                Markup.Escape(Shorter(step.Name, 60)), Markup.Escape(Shorter(step.Kernel, 70)));
        screen.Draw(table);

        static string Cell(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
        static string Shorter(string text, int most) => text.Length <= most ? text : text[..(most - 3)] + "...";
    }

    private static Tensor Noise(Shape shape, ulong seed)
    {
        var (x, random) = (new Tensor(shape), new Philox(seed));
        for (var i = 0; i < x.Span.Length; i++) x.Span[i] = (float)random.Normal((ulong)i);
        return x;
    }
}

/// <summary>How a network is compiled, on the command line.</summary>
internal static class Compiled
{
    public static Option<int> Batch { get; } = Cli.Options.Whole("--batch", "Pictures at once", preset: 1, least: 1, most: 65536);

    public static Option<bool> Exact { get; } = new("--exact") { Description = "Compute every product by itself, without Winograd's convolution, Strassen's and products in pairs, whose rounding is larger" };

    public static Option<string[]> Force { get; } = new("--force")
    {
        Description = $"Compute a convolution in this way: LAYER=WAY, or WAY for all; {string.Join(", ", Ways)}",
        HelpName = "LAYER=WAY",
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => [],
    };

    public static Option<string[]> Without { get; } = new("--without")
    {
        Description = $"Leave out a rewrite of the graph: {string.Join(", ", Rewrites)}",
        HelpName = "PASS",
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => [],
    };

    /// <summary>Writes choices as arguments, one a line, which the command line reads in place of @<paramref name="file"/>.</summary>
    public static void Record(IReadOnlyDictionary<string, ConvolutionAlgorithm> algorithms, string file) =>
        AtomicFile.Write(file, stream => stream.Write(Encoding.UTF8.GetBytes(string.Concat(algorithms.Select(one => $"--force\n{one.Key}={one.Value.ToString().ToLowerInvariant()}\n")))));

    private static IEnumerable<string> Rewrites => Enum.GetNames<CompilerPasses>().Skip(1).Select(name => name.ToLowerInvariant());

    private static IEnumerable<string> Ways => Enum.GetNames<ConvolutionAlgorithm>().Select(name => name.ToLowerInvariant());

    /// <exception cref="UsageException">An unknown way or rewrite.</exception>
    public static RunOptions Options(ParseResult given, int threads)
    {
        var algorithms = new Dictionary<string, ConvolutionAlgorithm>();
        foreach (var choice in given.GetValue(Force) ?? [])
        {
            var at = choice.LastIndexOf('=');
            var (layer, way) = (at < 0 ? "*" : choice[..at], choice[(at + 1)..].ToLowerInvariant());
            algorithms[layer] = Ways.Contains(way)
                ? Enum.Parse<ConvolutionAlgorithm>(way, ignoreCase: true)
                : throw new UsageException($"--force {choice}: there is no way {way}; the ways are {string.Join(", ", Ways)}");
        }

        var without = CompilerPasses.None;
        foreach (var pass in given.GetValue(Without) ?? [])
            without |= Rewrites.Contains(pass.ToLowerInvariant())
                ? Enum.Parse<CompilerPasses>(pass, ignoreCase: true)
                : throw new UsageException($"--without {pass}: there is no such rewrite; the rewrites are {string.Join(", ", Rewrites)}");

        return new RunOptions { Threads = threads, Exact = given.GetValue(Exact), Algorithms = algorithms, Without = without };
    }
}

/// <param name="Input">[batch, channels, height, width]</param>
/// <param name="FirstMs">The first run, compiling included.</param>
/// <param name="Gflops">Two for each multiply-add of the network, a second of the median.</param>
/// <param name="PeakMemoryBytes">Of the whole process.</param>
internal sealed record BenchDocument(
    string Name, int[] Input, int Batch, int Threads, int Runs, double MedianMs, double MinMs, double MaxMs, double FirstMs, double Gflops, long PeakMemoryBytes, ProfileDocument? Profile);

internal sealed record ProfileDocument(double TotalMs, double SumMs, double LimitGflops, double LimitGigabytes, StepDocument[] Steps);

internal sealed record StepDocument(string Name, string Kernel, double Ms, double Gflops, double Gigabytes, double OfLimit);
