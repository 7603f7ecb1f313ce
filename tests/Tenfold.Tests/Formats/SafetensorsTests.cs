using System.Buffers.Binary;
using System.Text;
using CsCheck;
using Xunit;

namespace Tenfold.Tests;

public sealed class SafetensorsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tenfold").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void What_is_written_is_read_in_order_with_its_metadata()
    {
        var path = Path.Combine(_folder, "weights.safetensors");
        var a = new Tensor([2, 3], [1, -2, 3.5f, float.MaxValue, float.Epsilon, -0f]);
        var b = new Tensor([], [42]);
        Safetensors.Write(path, [("z.weight", a), ("a \"ü\"", b)], new Dictionary<string, string> { ["made by"] = "a test\n" });

        var (tensors, metadata) = Safetensors.Read(path);

        Assert.Equal(["z.weight", "a \"ü\""], tensors.Names);
        Assert.Equal(a.Shape, tensors["z.weight"].Shape);
        Assert.Equal(a.Span, tensors["z.weight"].Span);
        Assert.Equal(0, tensors["a \"ü\""].Shape.Rank);
        Assert.Equal(42, tensors["a \"ü\""].Span[0]);
        Assert.Equal("a test\n", metadata["made by"]);
        Assert.Equal(0, (BinaryPrimitives.ReadInt64LittleEndian(File.ReadAllBytes(path)) + 8) % 8);
        Assert.Equal([path], Directory.GetFiles(_folder)); // no temporary file stays
    }

    [Fact]
    public void A_golden_file_byte_for_byte()
    {
        var path = Path.Combine(_folder, "golden.safetensors");
        Safetensors.Write(path, [("w", new Tensor([1, 2], [1, 2]))]);
        const string header = """{"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}""";
        Assert.Equal(56, header.Length);
        Assert.Equal<byte>([56, 0, 0, 0, 0, 0, 0, 0, .. Encoding.ASCII.GetBytes(header), 0, 0, 0x80, 0x3F, 0, 0, 0, 0x40], File.ReadAllBytes(path));
    }

    [Theory]
    [InlineData("F64", 8, "000000000000F83F", 1.5f)]
    [InlineData("F16", 2, "003E", 1.5f)]
    [InlineData("BF16", 2, "C03F", 1.5f)]
    [InlineData("I64", 8, "FEFFFFFFFFFFFFFF", -2f)]
    [InlineData("I32", 4, "FEFFFFFF", -2f)]
    [InlineData("I16", 2, "FEFF", -2f)]
    [InlineData("I8", 1, "FE", -2f)]
    [InlineData("U8", 1, "FE", 254f)]
    [InlineData("U16", 2, "FEFF", 65534f)]
    [InlineData("U32", 4, "00000080", 2147483648f)]
    [InlineData("U64", 8, "0000000000000080", 9223372036854775808f)]
    [InlineData("BOOL", 1, "01", 1f)]
    public void Other_number_types_become_the_nearest_float(string type, int bytes, string hex, float value)
    {
        var file = File_($$"""{"x":{"dtype":"{{type}}","shape":[],"data_offsets":[0,{{bytes}}] } }""", Convert.FromHexString(hex));
        Assert.Equal(value, Read(file).Tensors["x"].Span[0]);
    }

    [Fact]
    public void An_empty_tensor_is_allowed_and_left_out()
    {
        var file = File_("""{"a":{"dtype":"F32","shape":[0,4],"data_offsets":[0,0]},"b":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"c":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}   """, new byte[4]);
        Assert.Equal(["c"], Read(file).Tensors.Names);
    }

    public static TheoryData<SafetensorsFault, string, int> Hostile => new()
    {
        { SafetensorsFault.InvalidHeaderStart, """ {"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4 },
        { SafetensorsFault.InvalidHeaderStart, "", 0 },
        { SafetensorsFault.InvalidHeaderDeserialization, "{", 0 },
        { SafetensorsFault.InvalidHeaderDeserialization, "{} {}", 0 },
        { SafetensorsFault.InvalidHeaderDeserialization, """{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8 },
        { SafetensorsFault.InvalidHeaderDeserialization, """{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\u0078":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8 },
        { SafetensorsFault.InvalidHeaderDeserialization, """{"x":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4 },
        { SafetensorsFault.InvalidHeaderDeserialization, """{"__metadata__":{"a":1}}""", 0 },
        { SafetensorsFault.InvalidHeaderDeserialization, """{"__metadata__":{"a":null}}""", 0 },
        { SafetensorsFault.InvalidHeaderDeserialization, """{"__metadata__":{"a":"1","a":"2"}}""", 0 },
        { SafetensorsFault.InvalidHeaderDeserialization, """{"__metadata__":[]}""", 0 },
        { SafetensorsFault.InvalidHeaderDeserialization, """{"x":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}}""", 4 },
        { SafetensorsFault.InvalidHeaderDeserialization, """{"x":{"shape":[1],"data_offsets":[0,4]}}""", 4 },
        { SafetensorsFault.InvalidHeaderDeserialization, """{"x":{"dtype":"F32","data_offsets":[0,4]}}""", 4 },
        { SafetensorsFault.InvalidHeaderDeserialization, """{"x":{"dtype":"F32","shape":[1]}}""", 4 },
        { SafetensorsFault.InvalidHeaderDeserialization, """{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}""", 4 },
        { SafetensorsFault.InvalidHeaderDeserialization, """{"x":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", 4 },
        { SafetensorsFault.InvalidHeaderDeserialization, """{"x":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}""", 4 },
        { SafetensorsFault.InvalidHeaderDeserialization, """{"x":{"dtype":"F32","shape":[1e30],"data_offsets":[0,4]}}""", 4 },
        { SafetensorsFault.InvalidHeaderDeserialization, """{"x":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}""", 4 },
        { SafetensorsFault.InvalidHeaderDeserialization, """{"x":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}""", 4 },
        { SafetensorsFault.InvalidHeaderDeserialization, """{"x":5}""", 4 },
        { SafetensorsFault.InvalidHeaderDeserialization, """{"\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4 },
        { SafetensorsFault.InvalidHeaderDeserialization, """{"x":[[[[[[[[[[[[]]]]]]]]]]]]}""", 4 },
        { SafetensorsFault.InvalidOffset, """{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8 },
        { SafetensorsFault.InvalidOffset, """{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4 },
        { SafetensorsFault.InvalidOffset, """{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}""", 12 },
        { SafetensorsFault.InvalidOffset, """{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[0],"data_offsets":[2,2]}}""", 4 },
        { SafetensorsFault.InvalidOffset, """{"y":{"dtype":"F32","shape":[1],"data_offsets":[4,0]},"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4 },
        { SafetensorsFault.TensorInvalidInfo, """{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4 },
        { SafetensorsFault.TensorInvalidInfo, """{"x":{"dtype":"F32","shape":[0],"data_offsets":[0,4]}}""", 4 },
        { SafetensorsFault.ValidationOverflow, """{"x":{"dtype":"F32","shape":[4194305,4194305,211106198978564],"data_offsets":[0,4]}}""", 4 },
        { SafetensorsFault.MisalignedSlice, """{"x":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}}""", 1 },
        { SafetensorsFault.MetadataIncompleteBuffer, """{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 3 },
        { SafetensorsFault.MetadataIncompleteBuffer, """{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 5 },
        { SafetensorsFault.MetadataIncompleteBuffer, """{"x":{"dtype":"F32","shape":[1000000000,1000],"data_offsets":[0,4000000000000]}}""", 4 },
        { SafetensorsFault.MetadataIncompleteBuffer, "{}", 1 },
        { SafetensorsFault.UnsupportedTensor, """{"x":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}""", 1 },
        { SafetensorsFault.UnsupportedTensor, """{"x":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}}""", 4 },
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public void A_broken_rule_is_named(SafetensorsFault fault, string header, int bytes) =>
        Assert.Equal(fault, Assert.Throws<SafetensorsException>(() => Read(File_(header, new byte[bytes]))).Fault);

    [Theory]
    [InlineData("", SafetensorsFault.HeaderTooSmall)]
    [InlineData("01000000000000", SafetensorsFault.HeaderTooSmall)]
    [InlineData("0300000000000000" + "7B7D", SafetensorsFault.InvalidHeaderLength)]
    [InlineData("01E1F50500000000", SafetensorsFault.HeaderTooLarge)]
    [InlineData("FFFFFFFFFFFFFFFF", SafetensorsFault.HeaderTooLarge)]
    [InlineData("0300000000000000" + "7BFF7D", SafetensorsFault.InvalidHeader)]
    public void A_broken_beginning_is_named(string hex, SafetensorsFault fault) =>
        Assert.Equal(fault, Assert.Throws<SafetensorsException>(() => Read(Convert.FromHexString(hex))).Fault);

    [Fact]
    public void A_hundred_thousand_tiny_entries_are_read_in_time()
    {
        var header = string.Join(',', Enumerable.Range(0, 100_000).Select(i => $$"""  "t{{i}}":{"dtype":"U8","shape":[1],"data_offsets":[{{i}},{{i + 1}}]}"""));
        Assert.Equal(100_000, Read(File_($"{{{header}}}", new byte[100_000])).Tensors.Count);
    }

    [Fact]
    public void Mutated_files_are_read_or_refused_and_nothing_else()
    {
        var good = File_("""{"__metadata__":{"a":"b"},"x":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"y":{"dtype":"F16","shape":[2],"data_offsets":[8,12]}}""", new byte[12]);
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte, Gen.Int[0, good.Length]).Array[1, 4].Sample(
            changes =>
            {
                var bytes = (byte[])good.Clone();
                foreach (var (at, value, _) in changes) bytes[at] = value;
                if (changes[0].Item3 % 3 == 0) bytes = bytes[..changes[0].Item3];
                try
                {
                    Read(bytes);
                }
                catch (SafetensorsException)
                {
                    // The only way to refuse.
                }
            },
            iter: 20_000);
    }

    [Fact]
    public void A_name_twice_is_not_written() =>
        Assert.Throws<ArgumentException>(() => Safetensors.Write(Path.Combine(_folder, "x"), [("a", new Tensor([1])), ("a", new Tensor([1]))]));

    private static (Weights Tensors, IReadOnlyDictionary<string, string> Metadata) Read(byte[] file) => Safetensors.Read(new MemoryStream(file), "test.safetensors");

    private static byte[] File_(string header, byte[] data)
    {
        var text = Encoding.UTF8.GetBytes(header);
        return [.. BitConverter.GetBytes((ulong)text.Length), .. text, .. data];
    }
}
