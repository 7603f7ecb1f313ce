using System.IO.Compression;
using Xunit;

namespace Tenfold.Tests;

public sealed class IdxTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tenfold-idx-");

    // Three pictures of 2 rows and 4 columns.
    private static readonly byte[] Images = [0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 4, .. Enumerable.Range(0, 24).Select(i => (byte)i)];
    private static readonly byte[] Labels = [0, 0, 8, 1, 0, 0, 0, 3, 2, 0, 9];

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Reads_plain_and_gzipped(bool zipped)
    {
        var data = Open(Images, Labels, zipped);
        var pixels = new byte[8];
        data.Read(2, pixels);
        Assert.Equal<Shape>([1, 2, 4], data.Shape);
        Assert.Equal([16, 17, 18, 19, 20, 21, 22, 23], pixels);
        Assert.Equal([2, 0, 9], Enumerable.Range(0, 3).Select(data.Label));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Broken_files_are_named_with_the_rule_and_the_numbers(bool zipped)
    {
        Refused("ends after 7 bytes, inside its header of 16", Images[..7], Labels);
        Refused("begins with 0x00000801", Labels.Concat(new byte[16]), Labels);
        Refused("is cut short: 23 of 24 bytes", Images[..^1], Labels);
        Refused("goes on after the 24 bytes", [.. Images, 1], Labels);
        Refused("size 1 is 0", With(Images, 11, 0), Labels);
        Refused("size 2 is 16777220", With(Images, 12, 1), Labels);
        Refused("promises 16777240 bytes", With(Images, 5, 32), Labels); // 2^21 + 3 pictures in 40 bytes
        Refused("more than one array holds", With(Images, 4, 127), Labels);
        Refused("holds 2 labels, but", Images, [.. With(Labels, 7, 2)[..^1]]);
        Refused("label 2 is 10", Images, With(Labels, 10, 10));

        void Refused(string why, IEnumerable<byte> images, byte[] labels)
        {
            // A file that is not zipped is refused for its length before it is read.
            var message = Assert.Throws<DataException>(() => Open([.. images], labels, zipped)).Message;
            Assert.Contains(why.StartsWith("is cut short", StringComparison.Ordinal) && !zipped ? "cannot hold them" : why, message);
            Assert.Contains(_folder.Name, message);
        }
    }

    [Fact]
    public void A_gzip_file_that_is_none_or_ends_inside_is_refused()
    {
        var (images, labels) = (PathOf("images.gz"), PathOf("labels.gz"));
        File.WriteAllBytes(images, Images);
        File.WriteAllBytes(labels, Zip(Labels));
        Assert.Contains("is not a sound gzip file", Assert.Throws<DataException>(() => Idx.Open(images, labels, "x", Idx.Digits)).Message);
        File.WriteAllBytes(images, Zip(Images)[..^20]);
        Assert.Throws<DataException>(() => Idx.Open(images, labels, "x", Idx.Digits));
        Assert.Contains("cannot be opened", Assert.Throws<DataException>(() => Idx.Open(PathOf("none"), labels, "x", Idx.Digits)).Message);
    }

    [Fact]
    public void A_bomb_is_refused_before_it_is_unpacked()
    {
        // The header promises little, a gigabyte follows: reading stops one byte after the promise.
        var bomb = PathOf("images.gz");
        using (var file = File.Create(bomb))
        using (var zip = new GZipStream(file, CompressionLevel.SmallestSize))
        {
            zip.Write(Images);
            for (var i = 0; i < 64; i++) zip.Write(new byte[1 << 20]);
        }

        File.WriteAllBytes(PathOf("labels"), Labels);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("goes on after", Assert.Throws<DataException>(() => Idx.Open(bomb, PathOf("labels"), "x", Idx.Digits)).Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    private Dataset Open(byte[] images, byte[] labels, bool zipped)
    {
        var end = zipped ? ".gz" : "";
        File.WriteAllBytes(PathOf("images" + end), zipped ? Zip(images) : images);
        File.WriteAllBytes(PathOf("labels" + end), zipped ? Zip(labels) : labels);
        return Idx.Open(PathOf("images" + end), PathOf("labels" + end), "x", Idx.Digits);
    }

    private string PathOf(string name) => Path.Combine(_folder.FullName, name);

    private static byte[] With(byte[] data, int at, byte value)
    {
        var copy = (byte[])data.Clone();
        copy[at] = value;
        return copy;
    }

    private static byte[] Zip(byte[] data)
    {
        using var stream = new MemoryStream();
        using (var zip = new GZipStream(stream, CompressionLevel.Optimal)) zip.Write(data);
        return stream.ToArray();
    }
}
