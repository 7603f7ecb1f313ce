using System.IO.Compression;
using Xunit;

namespace Tenfold.Tests;

public sealed class WeightFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tenfold").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string At(string name) => Path.Combine(_folder, name);

    private static Graph Tiny(int classes = 4) => Image.Rgb(8, 8)
        .Scope("features", x => x.Scope("denselayer1", y => y.ConvBn(4, 3, conv: "conv1", bn: "norm1").Relu()))
        .GlobalAvgPool().Linear(classes, name: "classifier").ToGraph("tiny");

    [Theory]
    [InlineData("w.safetensors")]
    [InlineData("w.npz")]
    public void Weights_that_are_saved_are_loaded(string file)
    {
        var model = new Model(Tiny(), seed: 3);
        model.SaveWeights(At(file));
        var loaded = Tiny().Load(At(file));
        Assert.Equal(model.Weights.Names, loaded.Weights.Names);
        foreach (var (name, tensor) in model.Weights) Assert.Equal(tensor.Span, loaded.Weights[name].Span);
        Assert.Equal([At(file)], Directory.GetFiles(_folder));
    }

    [Fact]
    public void A_model_file_s_weights_fit_its_network()
    {
        ModelFile.Save(new Model(Tiny(), seed: 3), At("m.safetensors"));
        Assert.Equal(new Model(Tiny(), seed: 3).Weights["classifier.weight"].Span, Tiny().Load(At("m.safetensors")).Weights["classifier.weight"].Span);
    }

    [Fact]
    public void What_does_not_fit_is_listed_and_nothing_is_loaded()
    {
        var weights = Tiny().Init();
        Safetensors.Write(At("w.safetensors"), weights
            .Where(pair => pair.Key != "features.denselayer1.norm1.bias")
            .Select(pair => (pair.Key, pair.Key == "classifier.bias" ? new Tensor([5]) : pair.Value))
            .Append(("head.weight", new Tensor([1]))));
        var fault = Assert.Throws<WeightMismatchException>(() => Tiny().Load(At("w.safetensors")));
        Assert.Equal(["features.denselayer1.norm1.bias"], fault.Report.Missing);
        Assert.Equal(["head.weight"], fault.Report.Unexpected);
        Assert.Equal(["classifier.bias (5, not 4)"], fault.Report.Mismatched);
        Assert.Contains("missing: features.denselayer1.norm1.bias; unexpected: head.weight; of another shape: classifier.bias", fault.Message);
        Assert.StartsWith(At("w.safetensors"), fault.Message);
    }

    [Fact]
    public void Other_classes_keep_what_fits()
    {
        var model = new Model(Tiny(classes: 1000), seed: 3);
        model.SaveWeights(At("w.safetensors"));
        var loaded = Tiny(classes: 4).LoadMatching(At("w.safetensors"), out var report, seed: 9);
        Assert.Equal(2, report.Mismatched.Count);
        Assert.Empty(report.Missing);
        Assert.Equal(model.Weights["features.denselayer1.conv1.weight"].Span, loaded.Weights["features.denselayer1.conv1.weight"].Span);
        Assert.Equal(Tiny(4).Init(9)["classifier.weight"].Span, loaded.Weights["classifier.weight"].Span);

        Safetensors.Write(At("other.safetensors"), [("something", new Tensor([1]))]);
        Assert.Throws<WeightMismatchException>(() => Tiny().LoadMatching(At("other.safetensors"), out _));
    }

    [Fact]
    public void Counters_of_batches_are_passed_over_and_wrappers_unwrapped()
    {
        Safetensors.Write(At("w.safetensors"), Tiny().Init(3).Select(pair => ("module." + pair.Key, pair.Value)).Append(("module.features.denselayer1.norm1.num_batches_tracked", new Tensor([], [7]))));
        Assert.Equal(Tiny().Init(3)["classifier.weight"].Span, Tiny().Load(At("w.safetensors")).Weights["classifier.weight"].Span);
    }

    [Fact]
    public void Old_names_of_DenseNet_are_understood()
    {
        var graph = Network.Create("densenet121", input: [3, 32, 32]);
        var weights = graph.Init(1);
        Safetensors.Write(At("w.safetensors"), weights.Select(pair =>
            (System.Text.RegularExpressions.Regex.Replace(pair.Key, @"(denselayer[0-9]+\.(?:norm|conv))([12])\.", "$1.$2."), pair.Value)));
        Assert.Contains("features.denseblock1.denselayer2.norm.1.weight", Safetensors.Read(At("w.safetensors")).Tensors.Names);
        Assert.Equal(weights["features.denseblock4.denselayer16.conv2.weight"].Span, graph.Load(At("w.safetensors")).Weights["features.denseblock4.denselayer16.conv2.weight"].Span);
    }

    [Theory]
    [InlineData("vgg", "pre_logits.fc1.weight", "classifier.0.weight")]
    [InlineData("vgg", "head.fc.bias", "classifier.6.bias")]
    [InlineData("vgg", "features.0.weight", "features.0.weight")]
    [InlineData("MobileNet v2", "conv_stem.weight", "features.0.0.weight")]
    [InlineData("MobileNet v2", "bn1.running_var", "features.0.1.running_var")]
    [InlineData("MobileNet v2", "blocks.0.0.conv_dw.weight", "features.1.conv.0.0.weight")]
    [InlineData("MobileNet v2", "blocks.0.0.bn2.weight", "features.1.conv.2.weight")]
    [InlineData("MobileNet v2", "blocks.1.0.conv_pw.weight", "features.2.conv.0.0.weight")]
    [InlineData("MobileNet v2", "blocks.5.2.conv_pwl.weight", "features.16.conv.2.weight")]
    [InlineData("MobileNet v2", "blocks.6.0.bn3.bias", "features.17.conv.3.bias")]
    [InlineData("MobileNet v2", "conv_head.weight", "features.18.0.weight")]
    [InlineData("MobileNet v2", "classifier.weight", "classifier.1.weight")]
    [InlineData("EfficientNet", "blocks.0.0.se.conv_reduce.bias", "features.1.0.block.1.fc1.bias")]
    [InlineData("EfficientNet", "blocks.6.0.conv_pwl.weight", "features.7.0.block.3.0.weight")]
    [InlineData("legacy", "layer0.conv1.weight", "conv1.weight")]
    [InlineData("legacy", "layer1.0.se_module.fc1.weight", "layer1.0.se.fc1.weight")]
    [InlineData("legacy", "last_linear.bias", "fc.bias")]
    [InlineData("MobileNet v2", "blocks.99999.0.x", "blocks.99999.0.x")]
    [InlineData("MobileNet v2", "blocks.9.0.x", "blocks.9.0.x")]
    public void Names_of_other_collections_become_the_network_s(string naming, string given, string name) =>
        Assert.Equal(name, WeightNaming.All.Single(rule => rule.Name.Contains(naming, StringComparison.OrdinalIgnoreCase)).Rename(given));

    [Fact]
    public void A_convolution_of_one_pixel_is_a_matrix_and_a_full_one_too()
    {
        var linear = Image.Of(2, 3, 3).Linear(4, name: "fc").ToGraph("a");
        Safetensors.Write(At("w.safetensors"), [("fc.weight", Counted([4, 2, 3, 3])), ("fc.bias", new Tensor([4]))]);
        Assert.Equal(Counted([4, 18]).Span, linear.Load(At("w.safetensors")).Weights["fc.weight"].Span);

        Safetensors.Write(At("w.safetensors"), [("fc.weight", Counted([2, 4, 3, 3])), ("fc.bias", new Tensor([4]))]);
        Assert.Single(Assert.Throws<WeightMismatchException>(() => linear.Load(At("w.safetensors"))).Report.Mismatched);

        var conv = Image.Of(2, 3, 3).Conv(4, 3, name: "fc").ToGraph("b");
        Safetensors.Write(At("w.safetensors"), [("fc.weight", Counted([4, 2, 9])), ("fc.bias", new Tensor([4]))]);
        Assert.Single(Assert.Throws<WeightMismatchException>(() => conv.Load(At("w.safetensors"))).Report.Mismatched);
    }

    [Theory]
    [InlineData("m.pth", false)]
    [InlineData("m.pt", true)]
    [InlineData("m.bin", true)]
    public void A_pickle_is_refused_with_the_way_out(string file, bool zipped)
    {
        if (zipped)
        {
            using var archive = ZipFile.Open(At(file), ZipArchiveMode.Create);
            using var entry = archive.CreateEntry("archive/data.pkl").Open();
            entry.Write([0x80, 2, (byte)'.']);
        }
        else
        {
            File.WriteAllBytes(At(file), [0x80, 2, 0x8A, 10, .. new byte[20]]);
        }

        var message = Assert.Throws<NotSupportedException>(() => Tiny().Load(At(file))).Message;
        Assert.StartsWith(At(file), message);
        Assert.Contains($"save_file(torch.load('{file}', map_location='cpu', weights_only=True), 'm.safetensors')", message);
    }

    [Fact]
    public void Broken_archives_are_refused()
    {
        NpzFile.Write(At("good.npz"), Tiny().Init());
        var good = File.ReadAllBytes(At("good.npz"));
        Assert.Throws<MalformedFileException>(() => NpzFile.Read(new MemoryStream(good[..^30]), "x"));
        Assert.Throws<MalformedFileException>(() => NpzFile.Read(new MemoryStream([1, 2, 3]), "x"));
        Assert.Contains("which is not an array", Refused(("a.txt", new byte[10])));
        Assert.Contains("twice", Refused(("a.npy", File.ReadAllBytes(Npy())), ("a.npy", File.ReadAllBytes(Npy()))));
        Assert.Contains("a", Refused(("a.npy", new byte[100])));

        Assert.Contains("within its header", Refused(("a.npy", File.ReadAllBytes(Npy())[..80])));
        Assert.Contains("bytes of numbers", Refused(("a.npy", File.ReadAllBytes(Npy())[..200])));
    }

    [Fact]
    public void Compressed_archives_are_read()
    {
        var path = At("c.npz");
        using (var archive = ZipFile.Open(path, ZipArchiveMode.Create))
        using (var entry = archive.CreateEntry("x.npy", CompressionLevel.SmallestSize).Open())
            entry.Write(File.ReadAllBytes(Npy()));
        Assert.Equal(Counted([2, 500]).Span, NpzFile.Read(path)["x"].Span);
    }

    [Fact]
    public void Half_and_brain_floats_are_widened()
    {
        var graph = Image.Of(1, 1, 1).Linear(1, name: "fc").ToGraph("a");
        const string header = """{"fc.weight":{"dtype":"F16","shape":[1,1],"data_offsets":[0,2]},"fc.bias":{"dtype":"BF16","shape":[1],"data_offsets":[2,4]}}""";
        File.WriteAllBytes(At("h.safetensors"), [.. BitConverter.GetBytes((ulong)header.Length), .. System.Text.Encoding.ASCII.GetBytes(header), 0x00, 0x3E, 0xC0, 0x3F]);
        var weights = graph.Load(At("h.safetensors")).Weights;
        Assert.Equal(1.5f, weights["fc.weight"].Span[0]);
        Assert.Equal(1.5f, weights["fc.bias"].Span[0]);
    }

    [Fact]
    public void A_network_without_heads_takes_the_file_of_the_one_with_them()
    {
        new Model(Network.Create("googlenet_aux", classes: 3)).SaveWeights(At("g.safetensors"));
        var model = Network.Create("googlenet", classes: 3).Load(At("g.safetensors"));
        Assert.Equal(0.875f, model.Preprocessing.Share);
        Assert.Equal([0.5f], model.Preprocessing.Mean);
        Assert.Contains("missing", Assert.Throws<WeightMismatchException>(() =>
        {
            model.SaveWeights(At("h.safetensors"));
            Network.Create("googlenet_aux", classes: 3).Load(At("h.safetensors"));
        }).Message);
    }

    [Fact]
    public void Weights_of_a_thousand_classes_name_those_of_ImageNet()
    {
        new Model(Network.Create("squeezenet1_1")).SaveWeights(At("s.safetensors"));
        var model = Network.Create("squeezenet1_1").Load(At("s.safetensors"));
        Assert.Equal(1000, model.Classes.Distinct().Count());
        Assert.Equal(("tench", "golden retriever", "espresso", "toilet tissue"), (model.Classes[0], model.Classes[207], model.Classes[967], model.Classes[999]));
        Assert.Empty(model.WithClasses(1000).Classes);
        Assert.Empty(Network.Create("squeezenet1_1", classes: 7).LoadMatching(At("s.safetensors"), out _).Classes);
    }

    private string Npy()
    {
        NpyFile.Write(At("x.npy"), Counted([2, 500]));
        return At("x.npy");
    }

    private static Tensor Counted(Shape shape)
    {
        var tensor = new Tensor(shape);
        for (var i = 0; i < tensor.Span.Length; i++) tensor.Span[i] = i;
        return tensor;
    }

    private static string Refused(params (string Name, byte[] Bytes)[] files)
    {
        using var stream = new MemoryStream();
        using (var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, bytes) in files)
            {
                using var entry = archive.CreateEntry(name, CompressionLevel.NoCompression).Open();
                entry.Write(bytes);
            }
        }

        stream.Position = 0;
        return Assert.Throws<MalformedFileException>(() => NpzFile.Read(stream, "x.npz")).Message;
    }
}
