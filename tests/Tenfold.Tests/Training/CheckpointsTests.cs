using Xunit;

namespace Tenfold.Tests;

public sealed class CheckpointsTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tenfold-checkpoints-");

    public static TheoryData<Optimizer> Optimizers => [new Sgd(0.1, Nesterov: true, WeightDecay: 1e-3), new AdamW(0.01), new RmsProp(0.01, Momentum: 0.9)];

    private TrainingOptions Options => new()
    {
        Epochs = 4,
        Batch = 8,
        Threads = 1,
        Seed = 5,
        Validation = Tiny.Data(15, seed: 2),
        RestoreBest = true,
        Ema = 0.95,
        LabelSmoothing = 0.1f,
        Augmentation = new Augmentation { Crop = 1, Flip = true, Cutmix = 1 },
        Checkpoints = _folder.FullName,
        CheckpointSteps = 3,
    };

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void Stopped_and_resumed_anywhere_the_bits_are_those_of_no_stop(Optimizer optimizer)
    {
        var options = Options with { Optimizer = optimizer };
        var whole = Fit(options with { Checkpoints = null });
        for (var stop = 2; stop <= 20; stop += 3) // 5 steps an epoch: within epochs, at their ends, and between checkpoints
        {
            Empty();
            using var cancellation = new CancellationTokenSource();
            var first = Fit(options with { Cancellation = cancellation.Token }, new At(stop, cancellation.Cancel));
            Assert.Equal((stop == 20 ? TrainingEnd.Done : TrainingEnd.Cancelled, (long)stop), (first.End, first.Steps));
            AssertSame(whole, Fit(options with { Resume = true, Threads = 2 }));
        }
    }

    [Fact]
    public void Thrown_out_at_any_step_the_last_checkpoint_leads_to_the_same_bits()
    {
        var whole = Fit(Options with { Checkpoints = null });
        foreach (var kill in new[] { 1, 4, 7, 11, 19 })
        {
            Empty();
            Assert.Throws<Killed>(() => Fit(Options, new At(kill, () => throw new Killed())));
            AssertSame(whole, Fit(Options with { Resume = true }));
        }
    }

    [Fact]
    public void A_broken_newest_falls_back_to_the_one_before()
    {
        var whole = Fit(Options);
        var files = Files();
        Assert.Equal(2, files.Length);
        var bytes = File.ReadAllBytes(files[1]);
        foreach (var broken in new[] { bytes[..^100], bytes[..50], [], Flip(bytes, bytes.Length - 9), Flip(bytes, 30) })
        {
            File.WriteAllBytes(files[1], broken);
            var messages = new Messages();
            AssertSame(whole, Fit(Options with { Resume = true }, messages));
            Assert.Contains("a broken checkpoint was passed over", messages.All[0]);
            Assert.Contains(files[1], messages.All[0]);
        }

        foreach (var file in Files()) File.WriteAllBytes(file, bytes[..100]);
        Assert.Contains("none of 2 checkpoints is sound", Assert.Throws<MalformedFileException>(() => Fit(Options with { Resume = true })).Message);
    }

    [Fact]
    public void Other_options_or_a_used_folder_are_refused()
    {
        Fit(Options with { Epochs = 1 });
        Assert.Contains("epochs 1, now 4", Assert.Throws<ArgumentException>(() => Fit(Options with { Resume = true })).Message);
        Assert.Contains("holds checkpoints already", Assert.Throws<ArgumentException>(() => Fit(Options)).Message);
    }

    [Fact]
    public void A_full_disk_is_an_error_that_keeps_the_older_checkpoints()
    {
        Tensor tensor = new([2], [1, 2]);
        new Checkpoints(_folder.FullName, 2).Save(1, [("a", tensor)], new Dictionary<string, string>());
        var full = new Checkpoints(_folder.FullName, 2) { Write = (path, _, _) => AtomicFile.Write(path, WriteToFull) };
        Assert.Contains("could not be written", Assert.Throws<IOException>(() => full.Save(2, [("a", tensor)], new Dictionary<string, string>())).Message);
        Assert.Equal(["checkpoint-0000000001.safetensors"], Directory.GetFiles(_folder.FullName).Select(Path.GetFileName));
        Assert.Equal([1, 2], full.Newest(Assert.Fail)!.Tensors["a"].Span.ToArray());

        // What Linux says when a disk is full, from the device that always is.
        static void WriteToFull(Stream stream)
        {
            stream.Write(new byte[100]);
            if (!File.Exists("/dev/full")) throw new IOException("No space left on device");
            using var device = new FileStream("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 0);
            device.Write(new byte[100]);
        }
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_named()
    {
        var file = Path.Combine(_folder.FullName, "file");
        File.WriteAllText(file, "");
        Assert.Contains("cannot hold checkpoints", Assert.Throws<IOException>(() => Fit(Options with { Checkpoints = Path.Combine(file, "inside") })).Message);
    }

    [Fact]
    public void Half_written_files_of_a_crash_are_removed_and_others_left_alone()
    {
        File.WriteAllText(Path.Combine(_folder.FullName, ".checkpoint-0000000009.safetensors.abc"), "half");
        File.WriteAllText(Path.Combine(_folder.FullName, "notes.txt"), "mine");
        Fit(Options with { Epochs = 1 });
        Assert.Equal(["checkpoint-0000000003.safetensors", "checkpoint-0000000005.safetensors", "notes.txt"], Directory.GetFiles(_folder.FullName).Select(Path.GetFileName).Order());
    }

    private static TrainingResult Fit(TrainingOptions options, params TrainingCallback[] callbacks) => new Model(Tiny.Network(), seed: 1).Fit(Tiny.Data(), options, callbacks);

    private static void AssertSame(TrainingResult expected, TrainingResult actual)
    {
        FitTests.AssertSame(expected.Model.Weights, actual.Model.Weights);
        Assert.Equal(expected.History.Select(Timeless), actual.History.Select(Timeless));

        static EpochReport Timeless(EpochReport epoch) => epoch with { Seconds = 0, SamplesPerSecond = 0 };
    }

    private string[] Files() => [.. Directory.GetFiles(_folder.FullName).Order()];

    private void Empty()
    {
        foreach (var file in Files()) File.Delete(file);
    }

    private static byte[] Flip(byte[] bytes, int at)
    {
        var copy = (byte[])bytes.Clone();
        copy[at] ^= 1;
        return copy;
    }

    private sealed class At(int step, Action action) : TrainingCallback
    {
        public override void OnStep(in StepReport report)
        {
            if (report.Step == step) action();
        }
    }

    private sealed class Messages : TrainingCallback
    {
        public List<string> All { get; } = [];

        public override void OnMessage(string message) => All.Add(message);
    }

    private sealed class Killed : Exception;
}
