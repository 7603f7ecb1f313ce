using System.Text;
using Xunit;

namespace Tenfold.Tests;

public sealed class NpyFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tenfold").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(new int[0])]
    [InlineData(new[] { 7 })]
    [InlineData(new[] { 2, 3, 1, 5 })]
    public void What_is_written_is_read(int[] sizes)
    {
        var path = Path.Combine(_folder, "x.npy");
        var tensor = new Tensor(Shape.Of(sizes));
        for (var i = 0; i < tensor.Span.Length; i++) tensor.Span[i] = i - 1.5f;
        NpyFile.Write(path, tensor);
        var read = NpyFile.Read(path);
        Assert.Equal(tensor.Shape, read.Shape);
        Assert.Equal(tensor.Span, read.Span);
        Assert.Equal(0, (new FileInfo(path).Length - 4 * tensor.Shape.Count) % 64);
    }

    [Fact]
    public void The_bytes_are_those_of_numpy()
    {
        // numpy.save of numpy.array([[1, 2, 3]], dtype='<f4').
        var path = Path.Combine(_folder, "x.npy");
        NpyFile.Write(path, new Tensor([1, 3], [1, 2, 3]));
        var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }".PadRight(117) + "\n";
        Assert.Equal<byte>([0x93, .. "NUMPY"u8, 1, 0, 118, 0, .. Encoding.ASCII.GetBytes(header), 0, 0, 0x80, 0x3F, 0, 0, 0, 0x40, 0, 0, 0x40, 0x40], File.ReadAllBytes(path));
    }

    [Fact]
    public void Version_2_and_any_order_of_keys_are_read() =>
        Assert.Equal<Shape>([2], Read(2, "{'shape': (2,), 'fortran_order': False, 'descr': '<f4'}", 8).Shape);

    [Theory]
    [InlineData("<f8", 8)]
    [InlineData("<f2", 2)]
    [InlineData("|u1", 1)]
    [InlineData("<i8", 8)]
    public void Other_numbers_become_the_nearest_float(string type, int bytes) =>
        Assert.Equal(0, Read(1, $"{{'descr': '{type}', 'fortran_order': False, 'shape': (3,), }}", 3 * bytes)[2]);

    [Theory]
    [InlineData("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", 8, "'<f4'")]
    [InlineData("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", 4, "x 8")]
    [InlineData("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", 4, "'<f4'")]
    [InlineData("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 4, "'<f4'")]
    [InlineData("{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }", 4, "Fortran")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 4, "4 bytes")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", 5, "5 bytes")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }", 0, "dimension")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,), }", 4, "dimension")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2147483647, 2147483647, 2147483647, 7), }", 4, "64 bits")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", 4, "rank")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, }", 4, "header")]
    [InlineData("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", 4, "header")]
    [InlineData("__import__('os').system('true')", 4, "header")]
    public void A_broken_rule_is_named(string header, int bytes, string word) =>
        Assert.Contains(word, Assert.Throws<MalformedFileException>(() => Read(1, header, bytes)).Message);

    [Fact]
    public void A_broken_beginning_is_named()
    {
        Assert.Throws<MalformedFileException>(() => Read([]));
        Assert.Throws<MalformedFileException>(() => Read(Encoding.ASCII.GetBytes("just some words that are no array")));
        Assert.Throws<MalformedFileException>(() => Read([0x93, .. "NUMPY"u8, 1, 0, 0xFF, 0xFF, 1, 2]));
        Assert.Throws<MalformedFileException>(() => Read([0x93, .. "NUMPY"u8, 2, 0, 0xFF, 0xFF, 0xFF, 0xFF]));
        Assert.Throws<MalformedFileException>(() => Read([0x93, .. "NUMPY"u8, 2, 0, 0xFF, 0xFF]));
    }

    private static Tensor Read(byte version, string header, int bytes)
    {
        byte[] length = version == 1 ? BitConverter.GetBytes((ushort)header.Length) : BitConverter.GetBytes((uint)header.Length);
        return Read([0x93, .. "NUMPY"u8, version, 0, .. length, .. Encoding.UTF8.GetBytes(header), .. new byte[bytes]]);
    }

    private static Tensor Read(byte[] file) => NpyFile.Read(new MemoryStream(file), "x.npy", file.Length);
}
