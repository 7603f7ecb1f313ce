using System.IO.Compression;

namespace Tenfold;

/// <summary>NumPy's format for several arrays: a zip archive with an <c>.npy</c> file for each, what <c>numpy.savez</c> writes and <c>numpy.load</c> reads.</summary>
public static class NpzFile
{
    private const int MaxArrays = 100_000;
    private const long MaxExpansion = 1032; // of deflate

    /// <summary>Writes the tensors in their order, uncompressed as numpy.savez does, atomically.</summary>
    /// <exception cref="IOException">The file could not be written.</exception>
    public static void Write(string path, Weights tensors) => AtomicFile.Write(path, stream =>
    {
        using var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
        foreach (var (name, tensor) in tensors)
        {
            var entry = archive.CreateEntry(name + ".npy", CompressionLevel.NoCompression);
            entry.LastWriteTime = new DateTimeOffset(1980, 1, 1, 0, 0, 0, TimeSpan.Zero); // the same tensors are the same bytes
            using var file = entry.Open();
            NpyFile.Write(file, tensor);
        }
    });

    /// <summary>The arrays by name, in the archive's order. Nothing of it is written to disk.</summary>
    /// <exception cref="MalformedFileException">Not an archive of arrays, or one that breaks a rule.</exception>
    public static Weights Read(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
        return Read(stream, path);
    }

    internal static Weights Read(Stream stream, string path)
    {
        var weights = new Weights();
        try
        {
            using var archive = new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen: true);
            if (archive.Entries.Count > MaxArrays) throw new MalformedFileException($"{path}: holds {archive.Entries.Count} files, above {MaxArrays}");
            foreach (var entry in archive.Entries)
            {
                if (!entry.FullName.EndsWith(".npy", StringComparison.Ordinal)) throw new MalformedFileException($"{path}: holds {Shortened(entry.FullName)}, which is not an array (.npy)");
                var name = entry.FullName[..^4];
                if (weights.TryGet(name, out _)) throw new MalformedFileException($"{path}: holds {Shortened(name)} twice");
                if (entry.Length / MaxExpansion > entry.CompressedLength) throw new MalformedFileException($"{path}: {Shortened(name)} cannot be {entry.Length} bytes out of {entry.CompressedLength}");
                using var file = entry.Open();
                weights[name] = NpyFile.Read(file, $"{path}: {Shortened(name)}", entry.Length);
            }
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or NotSupportedException or ArgumentException or OverflowException)
        {
            throw new MalformedFileException($"{path}: is not a zip archive that can be read: {e.Message}", e);
        }

        return weights;
    }

    private static string Shortened(string name) => name.Length > 80 ? name[..80] + "..." : name;
}
