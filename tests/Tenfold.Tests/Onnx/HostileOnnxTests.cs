using System.Diagnostics;
using Google.Protobuf;
using Onnx;
using Xunit;
using Attribute = Onnx.AttributeProto;

namespace Tenfold.Tests;

/// <summary>Files from outside that are broken, by accident or on purpose: each is refused with a sentence, in bounded memory and time.</summary>
public class HostileOnnxTests
{
    private static ModelProto Small() => OnnxWriter.Write(OnnxExportTests.Uneven(Image.Of(2, 6, 6).Conv(4, 3).BatchNorm().Relu().MaxPool(2).GlobalAvgPool().Linear(3).Softmax().ToGraph("small")), new OnnxOptions());

    [Fact]
    public void Every_beginning_of_a_file_is_refused()
    {
        var file = Small().ToByteArray();
        for (var length = 0; length < file.Length; length += 7) Assert.Throws<MalformedFileException>(() => OnnxModel.Parse("cut.onnx", file[..length]).Build());
    }

    public static TheoryData<string, string> Faults => new()
    {
        { "cycle", "is a circle" },
        { "missing value", "which nothing makes" },
        { "two values of one name", "has two values named" },
        { "two tensors of one name", "is there twice" },
        { "two inputs of one name", "has two inputs named" },
        { "negative dimension", "has a dimension of -5" },
        { "zero dimension of the input", "has a dimension of 0" },
        { "huge dimension", "more elements than one array holds" },
        { "huge dimension of the input", "has a dimension of 1099511627776" },
        { "too few numbers", "bytes" },
        { "too many dimensions", "has 9 dimensions" },
        { "stride of rank 3", "it is not two-dimensional" },
        { "stride of rank 5", "its strides are" },
        { "stride of 0", "its strides are 0, 1" },
        { "negative pads", "its pads are" },
        { "group of 0", "its group is 0" },
        { "kernel unlike the weight", "its kernel_shape is not 3x3" },
        { "attribute of another type", "is of type Float, not Int" },
        { "attribute twice", "the attribute group is there twice" },
        { "no opset", "does not say which opset" },
        { "opset 99", "is written in opset 99" },
        { "opset 0", "is written in opset 0" },
        { "no output", "has no output" },
        { "integer input", "holds numbers of type Int64" },
        { "text as a weight", "holds numbers of type String" },
        { "huge constant", "constant" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_broken_rule_is_named(string fault, string message)
    {
        var proto = Small();
        var graph = proto.Graph;
        var conv = graph.Node[0];
        switch (fault)
        {
            case "cycle": conv.Input[0] = graph.Output[0].Name; break;
            case "missing value": conv.Input[0] = "nowhere"; break;
            case "two values of one name": graph.Node[2].Output[0] = conv.Output[0]; break;
            case "two tensors of one name": graph.Initializer.Add(graph.Initializer[0].Clone()); break;
            case "two inputs of one name": graph.Input.Add(graph.Input[0].Clone()); break;
            case "negative dimension": graph.Initializer[0].Dims[0] = -5; break;
            case "zero dimension of the input": graph.Input[0].Type.TensorType.Shape.Dim[2].DimValue = 0; break;
            case "huge dimension": (graph.Initializer[0].Dims[0], graph.Initializer[0].Dims[1]) = (2_000_000_000, 2_000_000_000); break;
            case "huge dimension of the input": graph.Input[0].Type.TensorType.Shape.Dim[2].DimValue = 1L << 40; break;
            case "too few numbers": graph.Initializer[0].RawData = ByteString.CopyFrom(1, 2, 3); break;
            case "too many dimensions": graph.Initializer[0].Dims.AddRange([1, 1, 1, 1, 1]); break;
            case "stride of rank 3": Ints("strides", 1, 1, 1); break;
            case "stride of rank 5": Ints("strides", 1, 1, 1, 1, 1); break;
            case "stride of 0": Ints("strides", 0, 1); break;
            case "negative pads": Ints("pads", 0, 0, -3, 0); break;
            case "group of 0": conv.Attribute.Single(attribute => attribute.Name == "group").I = 0; break;
            case "kernel unlike the weight": Ints("kernel_shape", 5, 5); break;
            case "attribute of another type": conv.Attribute.Single(attribute => attribute.Name == "group").Type = Attribute.Types.AttributeType.Float; break;
            case "attribute twice": conv.Attribute.Add(conv.Attribute.Single(attribute => attribute.Name == "group").Clone()); break;
            case "no opset": proto.OpsetImport.Clear(); break;
            case "opset 99": proto.OpsetImport[0].Version = 99; break;
            case "opset 0": proto.OpsetImport[0].Version = 0; break;
            case "no output": graph.Output.Clear(); break;
            case "integer input": graph.Input[0].Type.TensorType.ElemType = (int)TensorProto.Types.DataType.Int64; break;
            case "text as a weight": graph.Initializer[0].DataType = (int)TensorProto.Types.DataType.String; break;
            case "huge constant":
                graph.Initializer.Add(new TensorProto { Name = "sizes", DataType = (int)TensorProto.Types.DataType.Int64, Dims = { 2 }, Int64Data = { 40_000, 40_000 } });
                graph.Node.Insert(0, new NodeProto { OpType = "ConstantOfShape", Input = { "sizes" }, Output = { "huge" } });
                graph.Node.Add(new NodeProto { OpType = "Add", Input = { graph.Output[0].Name, "huge" }, Output = { "sum" } });
                graph.Output[0].Name = "sum";
                break;
            default: throw new InvalidOperationException(fault);
        }

        var before = GC.GetTotalAllocatedBytes();
        var exception = Assert.ThrowsAny<Exception>(() => OnnxModel.Parse("bad.onnx", proto.ToByteArray()).Build());
        Assert.True(exception is MalformedFileException or NotSupportedException, exception.ToString());
        Assert.StartsWith("bad.onnx: ", exception.Message, StringComparison.Ordinal);
        Assert.Contains(message, exception.Message);
        Assert.True(GC.GetTotalAllocatedBytes() - before < 64 << 20);

        void Ints(string name, params long[] numbers)
        {
            var attribute = conv.Attribute.Single(attribute => attribute.Name == name);
            attribute.Ints.Clear();
            attribute.Ints.AddRange(numbers);
        }
    }

    [Theory]
    [InlineData("../weights.bin", "outside the model's folder")]
    [InlineData("sub/../../weights.bin", "outside the model's folder")]
    [InlineData("/etc/hostname", "not a relative path")]
    [InlineData("C:\\weights.bin", "not a relative path")]
    [InlineData("link.bin", "by way of a link")]
    [InlineData("linked/weights.bin", "by way of a link")]
    [InlineData("missing.bin", "there is no such file")]
    [InlineData("", "not a relative path")]
    [InlineData("nul", "not a plain path")]
    [InlineData("./weights.bin", "not a plain path")]
    [InlineData("short.bin", "which is 3 bytes long")]
    public void Weights_lie_in_the_models_folder_or_nowhere(string location, string message)
    {
        using var folder = new TemporaryFolder();
        folder.Write("weights.bin", new byte[100_000]);
        folder.Write("model/short.bin", new byte[3]);
        folder.Write("else/weights.bin", new byte[100_000]);
        File.CreateSymbolicLink(Path.Combine(folder.Path, "model", "link.bin"), Path.Combine(folder.Path, "weights.bin"));
        Directory.CreateSymbolicLink(Path.Combine(folder.Path, "model", "linked"), Path.Combine(folder.Path, "else"));
        var path = folder.Write("model/model.onnx", External(location).ToByteArray());
        var exception = Assert.Throws<MalformedFileException>(() => OnnxFile.Load(path));
        Assert.Contains(message, exception.Message);
    }

    [Fact]
    public void Weights_beside_the_model_are_read()
    {
        using var folder = new TemporaryFolder();
        var proto = External("data/weights.bin");
        var numbers = Small().Graph.Initializer.Single(tensor => tensor.Name == "conv1.weight").RawData.Span;
        byte[] bytes = [.. new byte[16], .. numbers];
        folder.Write("data/weights.bin", bytes);
        proto.Graph.Initializer.Single(tensor => tensor.Name == "conv1.weight").ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = "16" });
        var path = folder.Write("model.onnx", proto.ToByteArray());
        Assert.Equal(OnnxModel.Parse("inside.onnx", Small().ToByteArray()).Build().Weights["conv1.weight"].Span.ToArray(), OnnxFile.Load(path).Weights["conv1.weight"].Span.ToArray());
        proto.Graph.Initializer.Single(tensor => tensor.Name == "conv1.weight").ExternalData.Add(new StringStringEntryProto { Key = "__class__", Value = "x" });
        File.WriteAllBytes(path, proto.ToByteArray());
        Assert.Contains("an unknown key __class__", Assert.Throws<MalformedFileException>(() => OnnxFile.Load(path)).Message);
    }

    [Fact]
    public void A_checksum_is_checked_and_a_file_of_two_names_refused()
    {
        using var folder = new TemporaryFolder();
        var numbers = Small().Graph.Initializer.Single(tensor => tensor.Name == "conv1.weight").RawData.ToByteArray();
        var weights = folder.Write("weights.bin", numbers);
#pragma warning disable CA5350 // ONNX's choice
        var right = Convert.ToHexString(System.Security.Cryptography.SHA1.HashData(numbers)).ToLowerInvariant();
#pragma warning restore CA5350
        Assert.Equal(numbers.Length / 4, OnnxFile.Load(With(right)).Weights["conv1.weight"].Span.Length);
        Assert.Contains($"checksum {right}, not 0{right[1..]}x", Assert.Throws<MalformedFileException>(() => OnnxFile.Load(With($"0{right[1..]}x"))).Message);
        if (!OperatingSystem.IsLinux()) return;
        using (var link = System.Diagnostics.Process.Start("ln", [weights, weights + ".second"])) link.WaitForExit();
        Assert.Contains("a file of 2 names", Assert.Throws<MalformedFileException>(() => OnnxFile.Load(With(right))).Message);

        string With(string checksum)
        {
            var proto = External("weights.bin");
            proto.Graph.Initializer.Single(tensor => tensor.Name == "conv1.weight").ExternalData.Add(new StringStringEntryProto { Key = "checksum", Value = checksum });
            return folder.Write("model.onnx", proto.ToByteArray());
        }
    }

    private static ModelProto External(string location)
    {
        var proto = Small();
        var tensor = proto.Graph.Initializer.Single(tensor => tensor.Name == "conv1.weight");
        tensor.ClearRawData();
        tensor.DataLocation = TensorProto.Types.DataLocation.External;
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = location });
        return proto;
    }

    [Fact]
    public void Graphs_within_graphs_without_end_are_refused()
    {
        var inner = new GraphProto { Name = "bottom" };
        for (var depth = 0; depth < 200; depth++)
            inner = new GraphProto { Node = { new NodeProto { OpType = "If", Attribute = { new AttributeProto { Name = "then_branch", Type = Attribute.Types.AttributeType.Graph, G = inner } } } } };
        var bytes = new ModelProto { Graph = inner }.ToByteArray();
        Assert.Contains("is not an ONNX file, or a damaged one", Assert.Throws<MalformedFileException>(() => OnnxModel.Parse("deep.onnx", bytes)).Message);
    }

    [Fact]
    public void A_hundred_thousand_nodes_in_a_row_do_not_overflow_the_stack()
    {
        var proto = Small();
        var last = proto.Graph.Output[0].Name;
        for (var i = 0; i < 100_000; i++) proto.Graph.Node.Add(new NodeProto { OpType = "Identity", Input = { i == 0 ? last : $"i{i - 1}" }, Output = { $"i{i}" } });
        proto.Graph.Output[0].Name = "i99999";
        Assert.Equal([1, 3], OnnxModel.Parse("long.onnx", proto.ToByteArray()).Build().Graph.Output.Shape);
    }

    // Some seconds by default, as long as TENFOLD_FUZZ_MINUTES says otherwise. A failure names the seed and the round.
    [Fact]
    public void Mutated_files_load_or_are_refused_with_a_sentence()
    {
        var seconds = double.TryParse(Environment.GetEnvironmentVariable("TENFOLD_FUZZ_MINUTES"), out var minutes) ? 60 * minutes : 3;
        var seed = ulong.TryParse(Environment.GetEnvironmentVariable("TENFOLD_FUZZ_SEED"), out var chosen) ? chosen : 1;
        byte[][] bank =
        [
            Small().ToByteArray(),
            OnnxWriter.Write(OnnxExportTests.Uneven(Image.Of(4, 5, 7).Lrn(4).Resize((9, 11)).AdaptiveAvgPool((4, 3)).ChannelShuffle(2).AvgPool(2, ceilMode: true).Split(2)[1].Flatten().LogSoftmax().ToGraph("maps")), new OnnxOptions()).ToByteArray(),
            OnnxWriter.Write(OnnxExportTests.Uneven(Image.Of(4, 5, 7).ConvTranspose(6, 3, stride: 2, groups: 2).Standardize(2).Pad(1, PadMode.Reflect).Max(Axes.Plane).Elu().Clip(-1, 1).ToGraph("more")), new OnnxOptions()).ToByteArray(),
        ];
        var watch = Stopwatch.StartNew();
        for (ulong round = 0; watch.Elapsed.TotalSeconds < seconds; round++)
        {
            var random = new Philox(seed);
            var file = Mutate(bank[round % (ulong)bank.Length], random, round << 8);
            var start = watch.Elapsed;
            try
            {
                OnnxModel.Parse("fuzz.onnx", file).Build();
            }
            catch (Exception e) when (e is MalformedFileException or NotSupportedException)
            {
                Assert.StartsWith("fuzz.onnx: ", e.Message, StringComparison.Ordinal);
            }
            catch (Exception e)
            {
                Assert.Fail($"seed {seed}, round {round}: {e}");
            }

            Assert.True((watch.Elapsed - start).TotalSeconds < 20, $"seed {seed}, round {round}: took {(watch.Elapsed - start).TotalSeconds:f1} s");
        }
    }

    // Bits, bytes, numbers at the edges, pieces moved, cut out and put in again.
    private static byte[] Mutate(byte[] file, Philox random, ulong counter)
    {
        var bytes = file.ToList();
        var changes = 1 + random.Below(4, counter++);
        for (var i = 0; i < changes; i++)
        {
            var at = random.Below(bytes.Count, counter++);
            switch (random.Below(6, counter++))
            {
                case 0: bytes[at] ^= (byte)(1 << random.Below(8, counter++)); break;
                case 1: bytes[at] = (byte)random.Below(256, counter++); break;
                case 2: bytes[at] = (byte)(random.Below(2, counter++) == 0 ? 0xFF : 0x7F); break;
                case 3: bytes.RemoveRange(at, Math.Min(bytes.Count - at - 1, 1 + random.Below(16, counter++))); break;
                case 4: bytes.InsertRange(at, bytes.GetRange(random.Below(bytes.Count, counter++), 1)); break;
                default:
                    var length = Math.Min(1 + random.Below(24, counter++), bytes.Count - at);
                    var piece = bytes.GetRange(at, length);
                    bytes.InsertRange(random.Below(bytes.Count, counter++), piece);
                    break;
            }
        }

        return [.. bytes];
    }
}
