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
        using var folder = new TemporaryFolder();
        KillAtRandom(nameof(Train_until_killed), folder.Path, folder.Path);
        var resumed = new Model(Tiny.Network(), 1).Fit(Tiny.Data(), Options with { Checkpoints = folder.Path, CheckpointSteps = 1, Resume = true });
        FitTests.AssertSame(FitTests.Train(Options), resumed.Model.Weights);
    }

    [Fact]
    public void So_are_those_of_the_command_line()
    {
        using var folder = new TemporaryFolder();
        ModelFile.Save(new Model(Tiny.Network(), 1), Path.Combine(folder.Path, "start.safetensors"));
        for (var i = 0; i < 30; i++)
        {
            var picture = Path.Combine(folder.Path, "data", $"class {i % 3}", $"{i}.bmp");
            Directory.CreateDirectory(Path.GetDirectoryName(picture)!);
            File.WriteAllBytes(picture, PictureFiles.Bmp(6, 6, (row, column) => ((byte)(row / 2 == i % 3 ? 255 : 5 * i), (byte)(7 * column), 0)));
        }

        var killed = Path.Combine(folder.Path, "killed");
        KillAtRandom(nameof(Train_by_command_until_killed), folder.Path, Path.Combine(killed, "checkpoints"));
        foreach (var output in (string[])["killed", "whole"]) Assert.Equal(0, Command(folder.Path, output));
        FitTests.AssertSame(ModelFile.Load(Path.Combine(folder.Path, "whole", "model.safetensors")).Weights, ModelFile.Load(Path.Combine(killed, "model.safetensors")).Weights);
    }

    [Fact(Explicit = true)]
    public void Train_until_killed()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { } folder)
            new Model(Tiny.Network(), 1).Fit(Tiny.Data(), Options with { Checkpoints = folder, CheckpointSteps = 1, Resume = true });
    }

    [Fact(Explicit = true)]
    public void Train_by_command_until_killed()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { } folder) Command(folder, "killed");
    }

    private static int Command(string folder, string output) => CommandLine.Run(
        "train", Path.Combine(folder, "data"), "--from", Path.Combine(folder, "start.safetensors"), "--output", Path.Combine(folder, output),
        "--epochs", "25", "--batch", "4", "--mixup", "0.2", "--ema", "0.9", "--checkpoint-steps", "1", "--resume", "--threads", "1").Code;

    // Four times: starts the training in a process of its own, and kills it somewhere behind its first new checkpoint.
    private static void KillAtRandom(string method, string folder, string checkpoints)
    {
        Assert.SkipWhen(Environment.ProcessPath is null || !Path.GetFileName(Environment.ProcessPath).StartsWith("Tenfold.Tests", StringComparison.Ordinal), "the tests do not run as their own program");
        var (random, kills) = (Philox.Named(7, "kills"), 0);
        for (var attempt = 0; attempt < 4; attempt++)
        {
            var before = Newest(checkpoints);
            using var child = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ["-explicit", "only", "-method", $"{typeof(KillTests).FullName}.{method}"])
            {
                Environment = { [Variable] = folder },
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            child.OutputDataReceived += (_, _) => { };
            child.BeginOutputReadLine();
            for (var wait = 0; wait < 2000 && !child.HasExited && Newest(checkpoints) is var now && (now is null || now == before); wait++) Thread.Sleep(10);
            Thread.Sleep(random.Below(60, (ulong)attempt)); // in a step or in the writing of a file
            if (!child.HasExited) kills++;
            child.Kill();
            child.WaitForExit();
        }

        Assert.True(kills > 0, "the child ended before it could be killed");
        Assert.NotNull(Newest(checkpoints));
    }

    private static string? Newest(string folder) => Directory.Exists(folder) ? Directory.GetFiles(folder, "checkpoint-*").Max() : null;
}
