using System.Diagnostics;
using Xunit;

namespace Tenfold.Tests;

/// <summary>Training in a process of its own that is killed without warning.</summary>
public sealed class KillTests
{
    private const string Variable = "TENFOLD_TEST_KILLED_TRAINING"; // the folder of the child's checkpoints

    private static TrainingOptions Options => new() { Epochs = 40, Batch = 8, Threads = 1, Seed = 3, Optimizer = new AdamW(), Augmentation = new Augmentation { Crop = 1, Mixup = 1 }, KeepCheckpoints = 3 };

    [Fact]
    public void Killed_without_warning_and_resumed_the_bits_are_those_of_no_kill()
    {
        Assert.SkipWhen(Environment.ProcessPath is null || !Path.GetFileName(Environment.ProcessPath).StartsWith("Tenfold.Tests", StringComparison.Ordinal), "the tests do not run as their own program");
        using var folder = new TemporaryFolder();
        var (random, kills) = (Philox.Named(7, "kills"), 0);
        for (var attempt = 0; attempt < 4; attempt++)
        {
            var before = Newest(folder.Path);
            using var child = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ["-explicit", "only", "-method", "Tenfold.Tests.KillTests.Train_until_killed"])
            {
                Environment = { [Variable] = folder.Path },
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            child.OutputDataReceived += (_, _) => { };
            child.BeginOutputReadLine();
            for (var wait = 0; wait < 2000 && !child.HasExited && Newest(folder.Path) is var now && (now is null || now == before); wait++) Thread.Sleep(10);
            Thread.Sleep(random.Below(60, (ulong)attempt)); // in a step or in the writing of a file
            if (!child.HasExited) kills++;
            child.Kill();
            child.WaitForExit();
        }

        Assert.True(kills > 0, "the child ended before it could be killed");
        Assert.NotNull(Newest(folder.Path));
        var resumed = new Model(Tiny.Network(), 1).Fit(Tiny.Data(), Options with { Checkpoints = folder.Path, CheckpointSteps = 1, Resume = true });
        FitTests.AssertSame(FitTests.Train(Options), resumed.Model.Weights);
    }

    [Fact(Explicit = true)]
    public void Train_until_killed()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { } folder)
            new Model(Tiny.Network(), 1).Fit(Tiny.Data(), Options with { Checkpoints = folder, CheckpointSteps = 1, Resume = true });
    }

    private static string? Newest(string folder) => Directory.GetFiles(folder, "checkpoint-*").Max();
}
