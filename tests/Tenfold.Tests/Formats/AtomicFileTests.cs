using Xunit;

namespace Tenfold.Tests;

public sealed class AtomicFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tenfold").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_write_that_fails_leaves_the_old_file_and_no_other()
    {
        var path = Path.Combine(_folder, "file");
        AtomicFile.Write(path, stream => stream.Write("old"u8));
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write("half of the ne"u8);
            throw new InvalidOperationException("a bug");
        }));
        var full = Assert.Throws<IOException>(() => AtomicFile.Write(path, _ => throw new IOException("no space left on device")));
        Assert.StartsWith(path, full.Message);
        Assert.Contains("no space left", full.Message);
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFiles(_folder));
    }

    [Fact]
    public void A_full_disk_is_an_error_with_the_name_of_the_file()
    {
        if (!File.Exists("/dev/full")) Assert.Skip("there is no /dev/full");
        var link = Path.Combine(_folder, "model");
        AtomicFile.Write(link, stream => stream.Write("new"u8));
        using var full = new FileStream("/dev/full", FileMode.Open, FileAccess.Write);
        Assert.Throws<IOException>(() => AtomicFile.Write(link, _ =>
        {
            full.Write(new byte[1 << 20]);
            full.Flush(flushToDisk: true);
        }));
        Assert.Equal("new", File.ReadAllText(link));
    }

    [Fact]
    public void A_missing_folder_is_an_error_with_the_name_of_the_file() =>
        Assert.Contains("nowhere", Assert.Throws<IOException>(() => AtomicFile.Write(Path.Combine(_folder, "nowhere", "file"), _ => { })).Message);
}
