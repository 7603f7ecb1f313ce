using Xunit;

namespace Tenfold.Tests;

public sealed class ModelFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tenfold").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static Model Small()
    {
        var x = Image.Rgb(8, 6).Scope("stem", y => y.ConvBn(4, 3, stride: 2).Relu());
        x = x.Scope("block", y => y.ConvBn(4, 3).ChannelShuffle(2)) + x;
        return new Model(x.ToGraph("small"), seed: 5)
        {
            Classes = ["shirt", "coat", "bag", "größe"],
            Preprocessing = Preprocessing.ImageNet with { Share = 1 },
            Provenance = new Dictionary<string, string> { ["data"] = "none", ["epochs"] = "0" },
        };
    }

    [Fact]
    public void What_is_saved_is_loaded()
    {
        var path = Path.Combine(_folder, "small.safetensors");
        var model = Small();
        ModelFile.Save(model, path);
        var loaded = ModelFile.Load(path);

        Assert.Equal(model.Graph.Nodes.Select(model.Graph.NameOf), loaded.Graph.Nodes.Select(loaded.Graph.NameOf));
        Assert.Equal(model.Graph.Nodes.Select(node => (node.Op, node.Shape)), loaded.Graph.Nodes.Select(node => (node.Op, node.Shape)));
        Assert.Equal(model.Classes, loaded.Classes);
        Assert.Equal(model.Preprocessing.Mean, loaded.Preprocessing.Mean);
        Assert.Equal(model.Preprocessing.Deviation, loaded.Preprocessing.Deviation);
        Assert.Equal("none", loaded.Provenance["data"]);

        var image = new Tensor([1, 3, 8, 6]);
        for (var i = 0; i < image.Span.Length; i++) image.Span[i] = i % 7 - 3;
        Assert.Equal(Reference.Run(model.Graph, model.Weights, image)[0].Span, Reference.Run(loaded.Graph, loaded.Weights, image)[0].Span);

        var again = Path.Combine(_folder, "again.safetensors");
        ModelFile.Save(loaded, again);
        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(again));
    }

    [Fact]
    public void The_share_of_a_picture_that_a_network_sees_is_saved_where_it_is_not_all()
    {
        var path = Path.Combine(_folder, "share.safetensors");
        var model = Small();
        ModelFile.Save(new Model(model.Graph, model.Weights) { Preprocessing = Preprocessing.ImageNet }, path);
        Assert.Equal(0.875f, ModelFile.Load(path).Preprocessing.Share);
        var (weights, metadata) = Safetensors.Read(path);
        Safetensors.Write(path, weights, new Dictionary<string, string> { ["tenfold"] = metadata["tenfold"].Replace("\"share\":0.875", "\"share\":0") });
        Assert.Contains("share", Assert.Throws<MalformedFileException>(() => ModelFile.Load(path)).Message);
    }

    [Fact]
    public void The_order_of_channels_is_saved_where_blue_comes_first()
    {
        var path = Path.Combine(_folder, "order.safetensors");
        var model = Small();
        ModelFile.Save(new Model(model.Graph, model.Weights) { Preprocessing = Preprocessing.Caffe }, path);
        Assert.Equal(ChannelOrder.Bgr, ModelFile.Load(path).Preprocessing.Order);
        var (weights, metadata) = Safetensors.Read(path);
        Safetensors.Write(path, weights, new Dictionary<string, string> { ["tenfold"] = metadata["tenfold"].Replace("\"order\":\"bgr\"", "\"order\":\"grb\"") });
        Assert.Contains("order", Assert.Throws<MalformedFileException>(() => ModelFile.Load(path)).Message);
    }

    [Fact]
    public void Every_operation_of_a_model_can_be_stored()
    {
        var known = Stored.Ops.Types.Select(line => line.Type).ToHashSet();
        var missing = typeof(Op).Assembly.GetTypes().Where(type => type is { IsPublic: true, IsAbstract: false } && type.IsSubclassOf(typeof(Op)) && !known.Contains(type) && !OnlyInTraining(type));
        Assert.Empty(missing.Select(type => type.Name));
        Assert.DoesNotContain(Stored.Ops.Types, line => OnlyInTraining(line.Type));
        Assert.Equal(Stored.Ops.Types.Count(), Stored.Ops.Types.Select(line => line.Name).Distinct().Count());
        var initializers = Stored.Initializers.Types.Select(line => line.Type).ToHashSet();
        Assert.DoesNotContain(typeof(Op).Assembly.GetTypes(), type => type.IsSubclassOf(typeof(Initializer)) && !initializers.Contains(type));

        static bool OnlyInTraining(Type type) => type.Name.EndsWith("Gradient", StringComparison.Ordinal)
            || type.Name is nameof(BatchMean) or nameof(BatchVariance) or nameof(RandomMask) or nameof(SoftmaxCrossEntropy) or nameof(MeanSquareError);
    }

    [Theory]
    [InlineData("\"version\":1", "\"version\":2", "update")]
    [InlineData("\"version\":1", "\"version\":0", "version 0")]
    [InlineData("\"version\":1", "\"version\":\"x\"", "")]
    [InlineData("\"op\":\"relu\"", "\"op\":\"System.Diagnostics.Process\"", "unknown")]
    [InlineData("\"inputs\":[0,1]", "\"inputs\":[0,2]", "not one of the 2 nodes before")]
    [InlineData("\"inputs\":[0,1]", "\"inputs\":[0,-1]", "not one of")]
    [InlineData("\"inputs\":[0,1]", "\"inputs\":[0,0.5]", "not a whole number")]
    [InlineData("\"inputs\":[0,1]", "\"inputs\":[0]", "conv")]
    [InlineData("\"inputs\":[0,1]", "\"inputs\":{}", "stem.conv1")]
    [InlineData("\"groups\":[1]", "\"groups\":[0]", "groups")]
    [InlineData("\"groups\":[1]", "\"groups\":[3]", "groups")]
    [InlineData("\"groups\":[1]", "\"groups\":[1,1]", "groups")]
    [InlineData("\"groups\":[1]", "\"groups\":[99999999999]", "stem.conv1")]
    [InlineData("\"stride\":[2,2]", "\"stride\":[0,2]", "stride 0")]
    [InlineData("\"stride\":[2,2]", "\"stride\":[2]", "height and width")]
    [InlineData("\"shape\":[1,3,8,6]", "\"shape\":[1,3,8,-6]", "below 1")]
    [InlineData("\"shape\":[1,3,8,6]", "\"shape\":[1,3,8,2147483647,2147483647,2147483647]", "64 bits")]
    [InlineData("\"shape\":[4,3,3,3]", "\"shape\":[4,3,3,5]", "stem.conv1.weight")]
    [InlineData("\"outputs\":[", "\"outputs\":[9999,", "not one of")]
    [InlineData("\"name\":\"stem.relu1\"", "\"name\":\"stem.conv1\"", "two layers")]
    [InlineData("\"name\":\"stem.relu1\"", "\"name\":\"\"", "name of 0 characters")]
    [InlineData("\"epsilon\":1E-05", "\"epsilon\":\"small\"", "bn1")]
    [InlineData("\"epsilon\":1E-05", "\"epsilon\":1E999", "bn1")]
    [InlineData("\"classes\":[\"shirt\",", "\"classes\":[", "names 3 classes")]
    [InlineData("\"deviation\":[0.229,", "\"deviation\":[0,", "deviation")]
    [InlineData("\"mean\":[0.485,", "\"mean\":[", "2 numbers")]
    [InlineData("\"init\":\"kaiming\"", "\"init\":\"magic\"", "magic")]
    [InlineData("\"provenance\":{", "\"provenance\":{\"data\":\"twice\",", "")]
    public void A_hostile_graph_is_refused_by_name(string part, string instead, string word)
    {
        var path = Path.Combine(_folder, "small.safetensors");
        ModelFile.Save(Small(), path);
        var (weights, metadata) = Safetensors.Read(path);
        Assert.Contains(part, metadata["tenfold"]);
        var at = metadata["tenfold"].IndexOf(part, StringComparison.Ordinal);
        var changed = metadata["tenfold"][..at] + instead + metadata["tenfold"][(at + part.Length)..];
        Safetensors.Write(path, weights, new Dictionary<string, string> { ["tenfold"] = changed });
        var fault = Assert.Throws<MalformedFileException>(() => ModelFile.Load(path));
        Assert.StartsWith(path, fault.Message);
        Assert.Contains(word, fault.Message);
    }

    [Fact]
    public void Weights_without_a_network_say_so()
    {
        var path = Path.Combine(_folder, "weights.safetensors");
        Safetensors.Write(path, [("w", new Tensor([1]))]);
        Assert.Contains("no network", Assert.Throws<MalformedFileException>(() => ModelFile.Load(path)).Message);
    }

    [Fact]
    public void A_golden_file_of_version_1_loads_and_is_written_again_to_the_same_bytes()
    {
        var golden = Path.Combine(AppContext.BaseDirectory, "Fixtures", "model-v1.safetensors");
        var path = Path.Combine(_folder, "again.safetensors");
        ModelFile.Save(ModelFile.Load(golden), path);
        Assert.Equal(File.ReadAllBytes(golden), File.ReadAllBytes(path));
        ModelFile.Save(Small(), path);
        Assert.Equal(File.ReadAllBytes(golden), File.ReadAllBytes(path));
    }
}
