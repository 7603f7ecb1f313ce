using Xunit;

namespace Tenfold.Tests;

/// <summary><c>summary</c>, <c>networks</c> and <c>ops</c>.</summary>
public sealed class ListingTests
{
    [Fact]
    public void Summary_has_the_keys_that_scripts_rely_on_and_the_layers_add_up()
    {
        var summary = CommandLine.Run("summary", "resnet20", "--json").Json;
        foreach (var key in (string[])["name", "input", "parameters", "macs", "flops", "receptiveField", "layers"]) Assert.True(summary.TryGetProperty(key, out _), key);
        Assert.Equal(269_722, summary.GetProperty("parameters").GetInt64());
        Assert.Equal([1, 3, 32, 32], summary.GetProperty("input").EnumerateArray().Select(size => size.GetInt32()));
        var layers = summary.GetProperty("layers").EnumerateArray().ToArray();
        foreach (var key in (string[])["name", "op", "output", "parameters", "macs"]) Assert.True(layers[0].TryGetProperty(key, out _), key);
        Assert.Equal(269_722, layers.Sum(layer => layer.GetProperty("parameters").GetInt64()));
        Assert.Equal(summary.GetProperty("flops").GetInt64(), 2 * layers.Sum(layer => layer.GetProperty("macs").GetInt64()));
    }

    [Fact]
    public void Summary_takes_other_sizes_and_classes_and_files()
    {
        var summary = CommandLine.Run("summary", "resnet20", "--input", "1x40x24", "--classes", "7", "--json").Json;
        Assert.Equal([1, 7], summary.GetProperty("output").EnumerateArray().Select(size => size.GetInt32()));
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "tiny.safetensors");
        ModelFile.Save(new Model(Tiny.Network()), path);
        Assert.Equal("tiny", CommandLine.Run("summary", path, "--json").Json.GetProperty("name").GetString());
        Assert.Contains("tiny: 1x1x6x6 -> 1x3", CommandLine.Run("summary", path).Output);
        var other = CommandLine.Run("summary", path, "--input", "1x9x12");
        Assert.Equal(1, other.Code);
        Assert.Contains("linear", other.Error); // it takes one size only, for want of a global pool
        Assert.Contains("--classes 9", CommandLine.Run("summary", path, "--classes", "9").Error);
    }

    [Theory]
    [InlineData("summary resnet5", 2, "there is no network resnet5; did you mean resnet50")]
    [InlineData("summary xyzzy", 2, "there is no network xyzzy; 'tenfold networks' lists them")]
    [InlineData("summary nowhere.safetensors", 1, "nowhere.safetensors: there is no such file")]
    [InlineData("summary nowhere/", 1, "there is no such file")]
    [InlineData("summary resnet20 --input 3x32", 2, "--input is 3x32; it must be channels, height and width")]
    [InlineData("summary resnet20 --input 3x-1x9", 2, "--input is 3x-1x9")]
    [InlineData("summary resnet20 --classes 0", 2, "--classes is 0")]
    [InlineData("summary", 2, "NAME|FILE")]
    [InlineData("networks xyzzy", 2, "no network's name or paper contains xyzzy")]
    [InlineData("ops --channels 20", 2, "--channels is 20; it must be a multiple of 16")]
    public void What_cannot_be_is_said_in_one_line(string line, int code, string message)
    {
        var run = CommandLine.Run(line.Split(' '));
        Assert.Equal(code, run.Code);
        Assert.Empty(run.Output);
        Assert.Contains(message, run.Error);
    }

    [Fact]
    public void A_pickle_is_refused_with_the_way_out()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "model.pth");
        File.WriteAllText(path, "PK");
        var run = CommandLine.Run("summary", path);
        Assert.Equal(1, run.Code);
        Assert.Contains("safetensors.torch.save_file", run.Error);
    }

    [Fact]
    public void Networks_have_the_keys_that_scripts_rely_on()
    {
        var networks = CommandLine.Run("networks", "--json").Json.EnumerateArray().ToArray();
        Assert.Equal(Network.All.Select(network => network.Name), networks.Select(network => network.GetProperty("name").GetString()));
        Assert.Equal(["name", "parameters", "macs", "paper"], CommandLine.Keys(networks[0]).Take(4));
        Assert.All(CommandLine.Run("networks", "resnet2", "--json").Json.EnumerateArray(), network => Assert.Contains("resnet2", network.GetProperty("name").GetString()));
    }

    [Fact]
    public void The_numbers_of_the_article_come_out_of_the_ten_operations()
    {
        var ops = CommandLine.Run("ops", "--json").Json.EnumerateArray().ToDictionary(op => op.GetProperty("name").GetString()!);
        Assert.Equal(10, ops.Count);
        Assert.Equal((69_632, 589_824), Parameters("bottleneck"));
        Assert.Equal((73_728, 589_824), Parameters("group convolution"));
        Assert.Equal((18 * 256 * 256, 25 * 256 * 256), Parameters("stacked 3x3"));
        Assert.Equal((9 * 256 + 256 * 256, 589_824), Parameters("depthwise separable"));
        Assert.Equal((589_824 + 2 * 256 * 256 / 16 + 16 + 256, 589_824), Parameters("squeeze-and-excitation"));

        (int, int) Parameters(string name) => (ops[name].GetProperty("parameters").GetInt32(), ops[name].GetProperty("replacedParameters").GetInt32());
    }

    [Fact]
    public void Operations_can_be_measured()
    {
        foreach (var op in CommandLine.Run("ops", "--channels", "16", "--size", "3", "--measure", "--threads", "1", "--json").Json.EnumerateArray())
            Assert.True(op.GetProperty("latencyMs").GetDouble() > 0);
    }
}
