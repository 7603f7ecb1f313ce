using System.Formats.Tar;
using System.IO.Compression;
using System.Net;
using System.Security.Cryptography;
using Xunit;

namespace Tenfold.Tests;

public sealed class DownloadTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tenfold-download-");
    private static readonly byte[] Content = [.. Enumerable.Range(0, 200_000).Select(i => (byte)(i * 7))];

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void A_file_is_written_whole_and_its_progress_told()
    {
        var progress = new List<DownloadProgress>();
        Fetch(Content, File("a.gz", Content), progress.Add);
        Assert.Equal(Content, System.IO.File.ReadAllBytes(Path.Combine(_folder.FullName, "a.gz")));
        Assert.Equal(new DownloadProgress("a.gz", Content.Length, Content.Length), progress[^1]);
    }

    [Fact]
    public void What_is_not_the_file_is_refused_and_leaves_nothing()
    {
        Refused("is longer than the 199999 bytes", Content, File("a.gz", Content[..^1]));
        Refused("ended after 199990 of 200000 bytes", Content[..^10], File("a.gz", Content));
        Refused("has the MD5 sum", [.. Content[..^1], 0], File("a.gz", Content));
        Refused("could not be downloaded (", null, File("a.gz", Content));
    }

    [Fact]
    public void Members_are_taken_out_of_an_archive_by_name_and_length_and_never_written_elsewhere()
    {
        var archive = Tar(("set/a.bin", [1, 2, 3]), ("../../b.bin", [4, 5]), ("set/readme", [9]));
        Fetch(archive, File("x.tar.gz", archive, ("a.bin", 3), ("b.bin", 2)));
        Assert.Equal(["a.bin", "b.bin"], _folder.GetFiles().Select(file => file.Name).Order());
        Assert.Equal([4, 5], System.IO.File.ReadAllBytes(Path.Combine(_folder.FullName, "b.bin")));
        foreach (var file in _folder.GetFiles()) file.Delete();

        Refused("a.bin has 3 bytes, not 4", archive, File("x.tar.gz", archive, ("a.bin", 4)));
        Refused("c.bin is missing in it", archive, File("x.tar.gz", archive, ("c.bin", 4)));
        Refused("is not a sound tar.gz", Content, File("x.tar.gz", Content, ("a.bin", 3)));
    }

    private void Refused(string why, byte[]? served, RemoteFile file)
    {
        Assert.Contains(why, Assert.Throws<DataException>(() => Fetch(served, file)).Message);
        Assert.Empty(_folder.GetFiles());
    }

    private void Fetch(byte[]? served, RemoteFile file, Action<DownloadProgress>? progress = null)
    {
        using var client = new HttpClient(new Server(served));
        Download.Fetch(client, file, _folder.FullName, progress, TestContext.Current.CancellationToken);
    }

#pragma warning disable CA5351 // the publishers give MD5 sums and no others
    private static RemoteFile File(string name, byte[] content, params (string, long)[] members) =>
        new($"http://localhost/{name}", content.Length, Convert.ToHexStringLower(MD5.HashData(content)), members);
#pragma warning restore CA5351

    private static byte[] Tar(params (string Name, byte[] Content)[] files)
    {
        using var stream = new MemoryStream();
        using (var zip = new GZipStream(stream, CompressionLevel.Optimal))
        using (var tar = new TarWriter(zip))
            foreach (var (name, content) in files) tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content) });
        return stream.ToArray();
    }

    // Serves one answer, or is not there.
    private sealed class Server(byte[]? content) : HttpMessageHandler
    {
        protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken) =>
            content is null ? throw new HttpRequestException("no route to host") : new HttpResponseMessage(HttpStatusCode.OK) { Content = new StreamContent(new MemoryStream(content)) };

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => Task.FromResult(Send(request, cancellationToken));
    }
}
