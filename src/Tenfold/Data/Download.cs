using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;

namespace Tenfold;

/// <summary>A file that is published, to the byte.</summary>
/// <param name="Md5">What its publisher gives: it tells a whole download from a cut or exchanged one.</param>
/// <param name="Members">When it is a tar.gz: the files to take out of it, and their lengths.</param>
internal sealed record RemoteFile(string Address, long Bytes, string Md5, (string Name, long Bytes)[] Members)
{
    public string Name => Address[(Address.LastIndexOf('/') + 1)..];
}

/// <summary>Downloads of known files: at most as many bytes as they have, checked before they stand under their name.</summary>
internal static class Download
{
    /// <summary>Puts the file, or its members, into <paramref name="folder"/>.</summary>
    /// <exception cref="DataException">It cannot be reached, or is not the file that it should be.</exception>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void Fetch(HttpClient client, RemoteFile file, string folder, Action<DownloadProgress>? progress, CancellationToken cancellation)
    {
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, file.Name);
        AtomicFile.Write(path, target => Copy(client, file, target, progress, cancellation));
        if (file.Members.Length == 0) return;
        try
        {
            Unpack(file, path, folder);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static void Copy(HttpClient client, RemoteFile file, Stream target, Action<DownloadProgress>? progress, CancellationToken cancellation)
    {
        using var response = Reached(() => client.Send(new HttpRequestMessage(HttpMethod.Get, file.Address), HttpCompletionOption.ResponseHeadersRead, cancellation).EnsureSuccessStatusCode());
        using var source = Reached(() => response.Content.ReadAsStream(cancellation));
#pragma warning disable CA5351 // the publishers give MD5 sums and no others
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
#pragma warning restore CA5351
        var buffer = new byte[1 << 16];
        var received = 0L;
        var told = Stopwatch.StartNew();
        for (int got; (got = Reached(() => source.Read(buffer, 0, buffer.Length))) > 0;)
        {
            cancellation.ThrowIfCancellationRequested();
            received += got;
            if (received > file.Bytes) throw new DataException($"{file.Address} is longer than the {file.Bytes} bytes that it should have");
            hash.AppendData(buffer, 0, got);
            target.Write(buffer, 0, got);
            if (told.ElapsedMilliseconds < 100 && received < file.Bytes) continue;
            progress?.Invoke(new DownloadProgress(file.Name, received, file.Bytes));
            told.Restart();
        }

        if (received < file.Bytes) throw new DataException($"{file.Address} ended after {received} of {file.Bytes} bytes");
        var md5 = Convert.ToHexStringLower(hash.GetHashAndReset());
        if (md5 != file.Md5) throw new DataException($"{file.Address} has the MD5 sum {md5}, not {file.Md5}");

        // What the network says is told apart from what the disk says.
        T Reached<T>(Func<T> read)
        {
            try
            {
                return read();
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException || (exception is OperationCanceledException && !cancellation.IsCancellationRequested))
            {
                throw new DataException($"{file.Address} could not be downloaded ({exception.Message})", exception);
            }
        }
    }

    // Only the members named, only as regular files of their length, and never to a path that the archive chooses.
    private static void Unpack(RemoteFile file, string path, string folder)
    {
        try
        {
            using var zipped = DataFile.Open(path);
            using var plain = new GZipStream(zipped, CompressionMode.Decompress);
            using var tar = new TarReader(plain);
            var found = new HashSet<string>();
            while (tar.GetNextEntry() is { } entry)
            {
                var name = entry.Name[(entry.Name.LastIndexOf('/') + 1)..];
                if (entry.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile)) continue;
                if (Array.Find(file.Members, member => member.Name == name) is not { Name: not null } wanted) continue;
                if (entry.Length != wanted.Bytes) throw new DataException($"{file.Address}: {name} has {entry.Length} bytes, not {wanted.Bytes}");
                AtomicFile.Write(Path.Combine(folder, name), target => entry.DataStream!.CopyTo(target));
                found.Add(name);
            }

            if (file.Members.Select(member => member.Name).Except(found).ToArray() is { Length: > 0 } missing) throw new DataException($"{file.Address}: {string.Join(", ", missing)} is missing in it");
        }
        catch (Exception exception) when (exception is InvalidDataException or EndOfStreamException)
        {
            throw new DataException($"{file.Address} is not a sound tar.gz ({exception.Message})", exception);
        }
    }
}
