using Xunit;

namespace Tenfold.Tests;

public class RunningTests
{
    [Fact]
    public void Bench_prints_the_keys_that_scripts_rely_on()
    {
        var json = CommandLine.Run("bench", "resnet20", "--batch", "2", "--threads", "1", "--seconds", "0.05", "--profile", "--json").Json;
        Assert.Subset(CommandLine.Keys(json).ToHashSet(), new HashSet<string> { "name", "batch", "threads", "medianMs", "minMs", "maxMs", "gflops", "peakMemoryBytes" });
        Assert.InRange(json.GetProperty("medianMs").GetDouble(), json.GetProperty("minMs").GetDouble(), json.GetProperty("maxMs").GetDouble());
        Assert.Equal(2, json.GetProperty("input")[0].GetInt32());
        var profile = json.GetProperty("profile");
        Assert.Equal(profile.GetProperty("sumMs").GetDouble(), profile.GetProperty("steps").EnumerateArray().Sum(step => step.GetProperty("ms").GetDouble()), 1e-6);
    }

    [Fact]
    public void Explain_gives_a_reason_and_obeys_a_forced_choice()
    {
        Assert.Contains("Winograd", CommandLine.Run("explain", "resnet20", "--force", "layer1.0.conv1=winograd2").Output);
        Assert.DoesNotContain("Winograd", CommandLine.Run("explain", "resnet20", "--exact").Output);
        Assert.Contains("left out, as asked", CommandLine.Run("explain", "resnet20", "--without", "foldnorms", "fuseepilogues").Output);
        Assert.Contains("the rewrites are foldnorms", CommandLine.Run("explain", "resnet20", "--without", "everything").Error);
        var run = CommandLine.Run("explain", "resnet20", "--force", "fft");
        Assert.Equal(2, run.Code);
        Assert.Contains("there is no way fft; the ways are direct, winograd2", run.Error);
    }

    [Fact]
    public void Choices_are_recorded_as_arguments()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "resnet20.choices");
        Assert.Equal(0, CommandLine.Run("bench", "resnet20", "--threads", "1", "--seconds", "0.05", "--force", "layer2.1.conv2=winograd2", "--choose", file).Code);
        Assert.Contains("layer2.1.conv2=winograd2", File.ReadAllLines(file));
        Assert.Contains("Winograd F(2x2)", CommandLine.Run("explain", "resnet20", "@" + file).Output);
        var other = CommandLine.Run("explain", "vgg11", "@" + file);
        Assert.NotEqual(0, other.Code);
        Assert.Contains("vgg11: there is no convolution layer2", other.Error);
    }

    [Fact]
    public void Run_writes_what_the_network_makes_of_an_array_compiled_or_by_definition()
    {
        using var folder = new TemporaryFolder();
        string x = Path.Combine(folder.Path, "x.npy"), y = Path.Combine(folder.Path, "y.npy"), z = Path.Combine(folder.Path, "z.npy"), weights = Path.Combine(folder.Path, "w.safetensors");
        var input = new Tensor([2, 3, 16, 12]);
        for (var i = 0; i < input.Span.Length; i++) input.Span[i] = MathF.Sin(i);
        NpyFile.Write(x, input);
        var model = new Model(Network.Create("resnet20", input: [3, 16, 12]), seed: 9);
        Safetensors.Write(weights, model.Graph.Parameters.Keys.Select(name => (name, model.Weights[name])));

        Assert.Equal([2, 10], CommandLine.Run("run", "resnet20", "--input", x, "--output", y, "--weights", weights, "--json").Json.GetProperty("outputs")[0].GetProperty("shape").EnumerateArray().Select(size => size.GetInt32()));
        Assert.Equal(0, CommandLine.Run("run", "resnet20", "--input", x, "--output", z, "--weights", weights, "--reference").Code);
        Assert.Equal(model.Compile().Run(input).Span.ToArray(), NpyFile.Read(y).Span.ToArray());
        Assert.Equal(Reference.Run(model.Graph.WithInputs(input.Shape), model.Weights, input)[0].Span.ToArray(), NpyFile.Read(z).Span.ToArray());
    }

    [Fact]
    public void Predict_prepares_a_picture_as_the_published_weights_of_a_network_want_it()
    {
        using var folder = new TemporaryFolder();
        string weights = Path.Combine(folder.Path, "squeezenet.npz"), file = Path.Combine(folder.Path, "x.png");
        var model = new Model(Network.Create("squeezenet1_1"), seed: 3);
        model.SaveWeights(weights);
        var pixels = new byte[3 * 300 * 260];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)(i * i / 977);
        var picture = new Picture([3, 300, 260], pixels);
        picture.Save(file);

        // The shorter side becomes 256, of which the middle 224 is seen.
        var scores = model.Compile().Run(picture.Cover(256).Crop(224).ToTensor(model.Graph.Inputs[0].Shape, Preprocessing.ImageNet with { Share = 1 })).Span.ToArray();
        var top = CommandLine.Run("predict", "squeezenet1_1", file, "--weights", weights, "--top", "1", "--json").Json[0].GetProperty("top")[0];
        Assert.Equal(ImageNet.Classes[Array.IndexOf(scores, scores.Max())], top.GetProperty("label").GetString());
        Assert.Equal(Math.Exp(scores.Max()) / scores.Sum(score => Math.Exp(score)), top.GetProperty("probability").GetDouble(), 1e-6);
    }

    [Theory]
    [InlineData("run resnet20", 2, "--input")]
    [InlineData("run resnet20 --input nowhere.npy", 1, "nowhere.npy")]
    [InlineData("bench resnet21", 2, "resnet20")]
    [InlineData("bench resnet20 --batch 0", 2, "--batch is 0")]
    public void Bad_input_is_one_clear_line(string line, int code, string message)
    {
        var run = CommandLine.Run(line.Split(' '));
        Assert.Equal(code, run.Code);
        Assert.Contains(message, run.Error);
    }
}
