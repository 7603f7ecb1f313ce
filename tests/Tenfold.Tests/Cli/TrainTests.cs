using System.Text.Json;
using SkiaSharp;
using Xunit;

namespace Tenfold.Tests;

/// <summary><c>train</c>, <c>evaluate</c> and <c>predict</c> as a user runs them: pictures in, a model out, and what goes wrong on the way.</summary>
public sealed class TrainTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public TrainTests()
    {
        // Three classes: a bright band above, in the middle, below. The network is small enough to train in no time.
        foreach (var (name, band) in new[] { ("bottom", 2), ("middle", 1), ("top", 0) })
            for (var i = 0; i < 10; i++) Put($"data/{name}/{i}.png", 12, 12, (row, _) => Grey(row / 4 == band ? 200 + 5 * i : 3 * i));
        ModelFile.Save(new Model(Tiny.Network(), 1), Start);
    }

    private string Data => At("data");

    private string Start => At("start.safetensors");

    private string Out => At("out");

    private string Trained => Path.Combine(Out, "model.safetensors");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_was_trained_is_evaluated_to_the_same_accuracy_and_predicts()
    {
        var train = Train("--epochs", "12", "--crop", "0", "--flip", "no", "--batch", "8", "--rate", "0.1", "--json");
        var trained = train.Json;
        foreach (var key in (string[])["accuracy", "loss", "epochs", "seconds"]) Assert.True(trained.TryGetProperty(key, out _), key);
        Assert.Equal(1.0, trained.GetProperty("accuracy").GetDouble());
        Assert.Equal(12, trained.GetProperty("epochs").GetInt32());
        Assert.Contains("epoch  12", train.Error);
        foreach (var file in (string[])["model.safetensors", "log.jsonl", "training.svg", "training.png"]) Assert.True(File.Exists(Path.Combine(Out, file)), file);
        Assert.Equal(12, File.ReadAllLines(Path.Combine(Out, "log.jsonl")).Count(line => JsonDocument.Parse(line).RootElement.TryGetProperty("accuracy", out _)));

        var model = ModelFile.Load(Trained);
        Assert.Equal(["bottom", "middle", "top"], model.Classes);
        Assert.NotEqual(Preprocessing.None, model.Preprocessing);
        Assert.Equal(Data, model.Provenance["source"]);

        var evaluation = CommandLine.Run("evaluate", Trained, Data, "--json").Json;
        Assert.Equal(6, evaluation.GetProperty("samples").GetInt32()); // those that training kept for the test
        foreach (var key in (string[])["accuracy", "loss"]) Assert.Equal(trained.GetProperty(key).GetDouble(), evaluation.GetProperty(key).GetDouble(), 1e-6);
        Assert.Equal([2, 0, 0], evaluation.GetProperty("confusion")[0].EnumerateArray().Select(count => count.GetInt32()));
        Assert.Equal(30, CommandLine.Run("evaluate", Trained, Data, "--on", "all", "--json").Json.GetProperty("samples").GetInt32());
        Assert.Contains("confusion", CommandLine.Run("evaluate", Trained, Data).Output);

        var predicted = CommandLine.Run("predict", Trained, Path.Combine(Data, "top", "3.png"), Path.Combine(Data, "middle"), Path.Combine(Data, "bottom", "*.png"), "--top", "2", "--json").Json;
        Assert.Equal(21, predicted.GetArrayLength());
        foreach (var picture in predicted.EnumerateArray())
        {
            var file = picture.GetProperty("file").GetString()!;
            var top = picture.GetProperty("top").EnumerateArray().ToArray();
            Assert.Equal(2, top.Length);
            Assert.Equal(Path.GetFileName(Path.GetDirectoryName(file)), top[0].GetProperty("label").GetString());
            Assert.InRange(top[0].GetProperty("probability").GetDouble(), 0.5, 1);
        }
    }

    [Fact]
    public void A_folder_that_was_not_trained_on_is_evaluated_whole()
    {
        Assert.Equal(0, Train("--epochs", "1").Code);
        foreach (var name in (string[])["bottom", "middle", "top"]) Put($"other/{name}/1.png", 9, 9, (_, _) => Grey(9));
        foreach (var name in (string[])["bottom", "middle", "top"]) Put($"other/{name}/2.png", 9, 9, (_, _) => Grey(99));
        Assert.Equal(6, CommandLine.Run("evaluate", Trained, At("other"), "--json").Json.GetProperty("samples").GetInt32());
        Put("strange/cat/1.png", 9, 9, (_, _) => Grey(9));
        Put("strange/cat/2.png", 9, 9, (_, _) => Grey(9));
        Put("strange/dog/1.png", 9, 9, (_, _) => Grey(9));
        Put("strange/dog/2.png", 9, 9, (_, _) => Grey(9));
        Fails(CommandLine.Run("evaluate", Trained, At("strange")), 1, "its classes (cat, dog) are not those of the model (bottom, middle, top)");
    }

    [Fact]
    public void The_last_layer_alone_is_new_when_the_classes_are_others()
    {
        // A network of the zoo, on two classes in place of three.
        Assert.Equal(0, CommandLine.Run("train", Data, "--network", "resnet20", "--input", "1x8x8", "--epochs", "1", "--output", Out).Code);
        Put("two/cat/1.png", 9, 9, (_, _) => Grey(9));
        Put("two/cat/2.png", 9, 9, (_, _) => Grey(9));
        Put("two/dog/1.png", 9, 9, (_, _) => Grey(200));
        Put("two/dog/2.png", 9, 9, (_, _) => Grey(200));
        string[] line = ["train", At("two"), "--input", "1x8x8", "--epochs", "1", "--from", Trained];
        foreach (var (output, options) in new[] { ("out2", (string[])["--network", "resnet20", "--freeze", "layer2.*"]), ("out3", ["--freeze", "layer2.*", "--freeze", "conv1.*"]) })
        {
            var run = CommandLine.Run([.. line, "--output", At(output), .. options]);
            Assert.True(run.Code == 0, run.Error);
            Assert.Contains("new: fc.weight (3x64, not 2x64), fc.bias (3, not 2)", run.Error);
            var (before, after) = (ModelFile.Load(Trained), ModelFile.Load(Path.Combine(At(output), "model.safetensors")));
            Assert.Equal(before.Weights["layer2.0.conv1.weight"].Span.ToArray(), after.Weights["layer2.0.conv1.weight"].Span.ToArray());
            Assert.NotEqual(before.Weights["layer1.0.conv1.weight"].Span.ToArray(), after.Weights["layer1.0.conv1.weight"].Span.ToArray());
            Assert.Equal(before.Preprocessing.Mean, after.Preprocessing.Mean);
            Assert.Equal(["cat", "dog"], after.Classes);
        }

        Fails(CommandLine.Run([.. line, "--freeze", "nothing.*", "--output", At("out4")]), 1, "no parameter of resnet20 is called nothing.*");
        Fails(CommandLine.Run([.. line, "--network", "resnet32", "--output", At("out4")]), 1, "does not fit resnet32; missing: layer1.3.conv1.weight");
    }

    [Fact]
    public void Stopped_by_the_user_it_keeps_a_checkpoint_and_resumes_to_the_same_bits()
    {
        string[] options = ["--epochs", "40", "--batch", "8", "--seed", "4"];
        Assert.Equal(0, CommandLine.Run(["train", Data, "--from", Start, "--output", At("whole"), "--threads", "1", .. options]).Code);

        using var stop = new CancellationTokenSource();
        var watch = new Thread(() =>
        {
            for (var wait = 0; wait < 3000 && !(File.Exists(Path.Combine(Out, "log.jsonl")) && new FileInfo(Path.Combine(Out, "log.jsonl")).Length > 0); wait++) Thread.Sleep(2);
            stop.Cancel();
        });
        watch.Start();
        var stopped = CommandLine.Run(stop.Token, ["train", Data, "--from", Start, "--output", Out, .. options]);
        watch.Join();
        Assert.SkipWhen(stopped.Code == 0, "it was done before it could be stopped");
        Assert.Equal(130, stopped.Code);
        Assert.Contains("--resume goes on", stopped.Error);
        Assert.False(File.Exists(Trained));

        Fails(Train(options), 2, "holds a training already");
        Fails(Train([.. options, "--resume", "--rate", "0.3"]), 1, "was made with other options: optimizer");
        var resumed = Train([.. options, "--resume", "--threads", "2"]);
        Assert.True(resumed.Code == 0, resumed.Error);
        Assert.Contains("going on after step", resumed.Error);
        FitTests.AssertSame(ModelFile.Load(Path.Combine(At("whole"), "model.safetensors")).Weights, ModelFile.Load(Trained).Weights);
        Assert.Equal(0, Train([.. options, "--overwrite"]).Code);
    }

    [Fact]
    public void A_loss_that_is_no_number_stops_it_and_says_where_and_keeps_the_last_good_checkpoint()
    {
        var run = Train("--epochs", "50", "--rate", "1000000", "--schedule", "constant", "--batch", "8");
        Fails(run, 1, "the loss of step");
        Assert.Contains("the last good checkpoint is", run.Error);
        var newest = Directory.GetFiles(Path.Combine(Out, "checkpoints")).Order().Last();
        Assert.Contains(newest, run.Error);
        foreach (var (_, tensor) in Safetensors.Read(newest).Tensors) Assert.All(tensor.Span.ToArray(), number => Assert.True(float.IsFinite(number)));
        Assert.False(File.Exists(Trained));
    }

    [Fact]
    public void Early_stopping_judges_by_samples_that_are_neither_learned_from_nor_tested()
    {
        var run = Train("--epochs", "500", "--patience", "2", "--validation", "0.25", "--schedule", "constant", "--rate", "0.05", "--batch", "8", "--json");
        Assert.Equal("no progress", run.Json.GetProperty("end").GetString());
        Assert.Equal(18, run.Json.GetProperty("trainingSamples").GetInt32());
        Assert.True(run.Json.GetProperty("epochs").GetInt32() < 500);
        Assert.Contains("6 held out to judge by, 6 for the test", run.Error);
        Fails(Train("--patience", "2", "--validation", "0", "--overwrite"), 2, "--patience needs --validation above 0");
    }

    [Fact]
    public void A_full_disk_is_an_error_with_exit_code_1()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "this system has no device that is always full");
        Directory.CreateDirectory(Out);
        File.CreateSymbolicLink(Path.Combine(Out, "log.jsonl"), "/dev/full");
        var run = Train("--epochs", "2", "--resume");
        Assert.Equal(1, run.Code);
        Assert.Contains("No space left on device", run.Error);
        Assert.NotEmpty(Directory.GetFiles(Path.Combine(Out, "checkpoints")));
    }

    [Fact]
    public void A_folder_that_cannot_be_written_to_is_named()
    {
        Fails(CommandLine.Run("train", Data, "--from", Start, "--output", Start), 1, "cannot be written to");
        Assert.SkipUnless(Directory.Exists("/proc/self"), "this system has no folder that nobody may write to");
        Fails(CommandLine.Run("train", Data, "--from", Start, "--output", "/proc/tenfold"), 1, "/proc/tenfold: cannot be written to");
    }

    [Fact]
    public void Broken_pictures_are_refused_or_skipped_as_asked()
    {
        File.WriteAllText(At("data/top/text.png"), "this is text");
        Put("data/middle/pixel.png", 1, 1, (_, _) => Grey(0));
        var refused = Train("--epochs", "1");
        Fails(refused, 1, "2 of 32 pictures are broken");
        Assert.Contains("text.png: is text", refused.Error);
        Assert.Contains("pixel.png: has 1 x 1 pixels", refused.Error);
        var skipped = Train("--epochs", "1", "--broken", "skip");
        Assert.Equal(0, skipped.Code);
        Assert.Contains("2 broken pictures were skipped", skipped.Error);
    }

    [Fact]
    public void Predict_names_every_picture_that_it_cannot_read_and_goes_on()
    {
        File.WriteAllText(At("text.png"), "this is text");
        var run = CommandLine.Run("predict", Start, At("text.png"), At("nowhere.png"), Path.Combine(Data, "top", "1.png"), "--json");
        Assert.Equal(1, run.Code);
        Assert.Equal(1, JsonDocument.Parse(run.Output).RootElement.GetArrayLength());
        foreach (var words in (string[])["text.png: is text", "nowhere.png: there is no such file", "2 of 3 pictures could not be read"]) Assert.Contains(words, run.Error);
        Fails(CommandLine.Run("predict", "resnet20", At("text.png")), 2, "resnet20 is a network without trained weights");
        Fails(CommandLine.Run("predict", Start, At("*.gif")), 1, "no file has such a name");
    }

    [Fact]
    public void Data_that_is_none_says_what_it_should_be()
    {
        Fails(CommandLine.Run("train", "cifar11", "--network", "resnet20"), 2, "cifar11: is neither a folder nor a data set; the names are fashion-mnist, mnist, cifar10, cifar100; did you mean cifar10");
        Fails(CommandLine.Run("train", Start, "--network", "resnet20"), 1, "is a file; DATA is a name");
        Fails(CommandLine.Run("train", Data), 2, "which network?");
        Fails(CommandLine.Run("train", Data, "--network", "resnet21"), 2, "there is no network resnet21; did you mean");
        Directory.CreateDirectory(At("nothing"));
        Fails(CommandLine.Run("train", At("nothing"), "--network", "resnet20"), 1, "holds neither a folder of pictures for each class, nor the original files");
        Directory.CreateDirectory(At("data/empty"));
        Fails(Train(), 1, "empty: is an empty class");
    }

    [Fact]
    public void Data_files_that_are_missing_cut_or_do_not_match_are_named()
    {
        var folder = At("idx");
        Directory.CreateDirectory(folder);
        byte[] images = [0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 6, 0, 0, 0, 6, .. new byte[4 * 36]], labels = [0, 0, 8, 1, 0, 0, 0, 4, 0, 1, 2, 1];
        foreach (var part in (string[])["train", "t10k"])
        {
            File.WriteAllBytes(Path.Combine(folder, $"{part}-images-idx3-ubyte"), images);
            File.WriteAllBytes(Path.Combine(folder, $"{part}-labels-idx1-ubyte"), labels);
        }

        string[] line = ["train", folder, "--network", "resnet20", "--epochs", "1", "--output", Out];
        Assert.Equal(0, CommandLine.Run(line).Code);
        line = [.. line, "--overwrite"];
        File.WriteAllBytes(Path.Combine(folder, "t10k-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 2]);
        Fails(CommandLine.Run(line), 1, "holds 3 labels, but");
        File.WriteAllBytes(Path.Combine(folder, "t10k-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 4, 0, 1, 2, 11]);
        Fails(CommandLine.Run(line), 1, "label 3 is 11; the 10 classes");
        File.WriteAllBytes(Path.Combine(folder, "t10k-images-idx3-ubyte"), images[..^9]);
        Fails(CommandLine.Run(line), 1, "t10k-images-idx3-ubyte: promises 144 bytes, but the file of 151 bytes cannot hold them");
        File.Delete(Path.Combine(folder, "t10k-images-idx3-ubyte"));
        Fails(CommandLine.Run(line), 1, "t10k-images-idx3-ubyte is missing");

        // One pixel a picture: nothing to see, but no reason to fall over.
        File.WriteAllBytes(Path.Combine(folder, "train-images-idx3-ubyte"), [0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4]);
        File.WriteAllBytes(Path.Combine(folder, "t10k-images-idx3-ubyte"), [0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4]);
        File.WriteAllBytes(Path.Combine(folder, "t10k-labels-idx1-ubyte"), labels);
        Assert.Equal(0, CommandLine.Run(line).Code);
    }

    private static void Fails(CommandLine run, int code, string words)
    {
        Assert.True(code == run.Code, $"exit code {run.Code}: {run.Error}");
        Assert.Empty(run.Output);
        Assert.Contains(words, run.Error);
        Assert.DoesNotContain("unexpected", run.Error);
    }

    private CommandLine Train(params string[] options) => CommandLine.Run(["train", Data, "--from", Start, "--output", Out, .. options]);

    private string At(string file) => Path.Combine(_folder.Path, file);

    private void Put(string file, int width, int height, Func<int, int, SKColor> pixel)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(file))!);
        File.WriteAllBytes(At(file), PictureFiles.Encode(SKEncodedImageFormat.Png, width, height, pixel));
    }

    private static SKColor Grey(int value) => new((byte)value, (byte)value, (byte)value);
}
