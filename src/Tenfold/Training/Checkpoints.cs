using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Tenfold;

/// <summary>The newest checkpoints of one training, a safetensors file each, in one folder.</summary>
/// <remarks>A file is written whole or not at all, flushed to disk, and carries the SHA-256 of all it holds. The old ones are removed only when
/// the new one is durable, and never all but one: a broken newest falls back to the one before.</remarks>
internal sealed class Checkpoints(string folder, int keep)
{
    private const string Format = "tenfold.checkpoint", Version = "1", Digest = "sha256", Prefix = "checkpoint-", Suffix = ".safetensors";

    /// <summary>How a file is written; a test puts a full disk in its place.</summary>
    internal Action<string, IEnumerable<(string, Tensor)>, IReadOnlyDictionary<string, string>> Write { get; init; } = Safetensors.Write;

    /// <summary>Whether there is one, sound or not.</summary>
    public bool Any => Files().Length > 0;

    /// <summary>Makes the folder, and removes what a crash left half written.</summary>
    /// <exception cref="IOException">The folder cannot be made.</exception>
    public void Prepare()
    {
        try
        {
            Directory.CreateDirectory(folder);
            foreach (var half in Directory.EnumerateFiles(folder, $".{Prefix}*")) File.Delete(half);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"{folder}: cannot hold checkpoints: {exception.Message}", exception);
        }
    }

    /// <returns>The path.</returns>
    /// <exception cref="IOException">The file could not be written; the older checkpoints are as they were.</exception>
    public string Save(long step, IEnumerable<(string Name, Tensor Tensor)> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        var all = tensors.ToArray();
        var path = Path.Combine(folder, $"{Prefix}{step:D10}{Suffix}");
        Write(path, all, new Dictionary<string, string>(metadata)
        {
            [Format] = Version,
            ["library"] = typeof(Checkpoints).Assembly.GetName().Version?.ToString() ?? "",
            [Digest] = Hash(all, metadata),
        });
        foreach (var old in Files().Skip(keep)) File.Delete(old);
        return path;
    }

    /// <summary>The newest checkpoint that is sound, or null where there is none at all.</summary>
    /// <param name="passedOver">Is told of each that is not.</param>
    /// <exception cref="MalformedFileException">There are checkpoints, and every one is broken.</exception>
    public Checkpoint? Newest(Action<string> passedOver)
    {
        var files = Files();
        foreach (var path in files)
        {
            try
            {
                return Read(path);
            }
            catch (Exception exception) when (exception is MalformedFileException or IOException or UnauthorizedAccessException)
            {
                var why = exception.Message.StartsWith(path, StringComparison.Ordinal) ? exception.Message : $"{path}: {exception.Message}";
                if (path == files[^1]) throw new MalformedFileException($"{folder}: none of {files.Length} checkpoints is sound; the last tried: {why}", exception);
                passedOver($"a broken checkpoint was passed over, going on from the one before: {why}");
            }
        }

        return null;
    }

    private string[] Files() => Directory.Exists(folder)
        ? [.. Directory.EnumerateFiles(folder, $"{Prefix}*{Suffix}").OrderByDescending(StepOf)]
        : [];

    private static long StepOf(string path) =>
        long.TryParse(Path.GetFileName(path)[Prefix.Length..^Suffix.Length], NumberStyles.None, CultureInfo.InvariantCulture, out var step) ? step : -1;

    private static Checkpoint Read(string path)
    {
        var (tensors, metadata) = Safetensors.Read(path);
        if (metadata.GetValueOrDefault(Format) is not { } version) throw new MalformedFileException($"{path}: is no checkpoint");
        if (version != Version) throw new MalformedFileException($"{path}: is a checkpoint of format {version}; this version reads {Version}");
        var rest = metadata.Where(pair => pair.Key is not (Format or "library" or Digest)).ToDictionary();
        if (metadata.GetValueOrDefault(Digest) != Hash(tensors.Select(pair => (pair.Key, pair.Value)), rest)) throw new MalformedFileException($"{path}: the numbers are not those that were written (SHA-256)");
        return new Checkpoint(path, tensors, rest);
    }

    // Over names, shapes, numbers and metadata, each with its length.
    private static string Hash(IEnumerable<(string Name, Tensor Tensor)> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, tensor) in tensors)
        {
            Add(name);
            Add(tensor.Shape.ToString());
            if (BitConverter.IsLittleEndian) hash.AppendData(MemoryMarshal.AsBytes(tensor.Span));
            else foreach (var number in tensor.Span) AddNumber(BitConverter.SingleToInt32Bits(number));
        }

        foreach (var (key, value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            Add(key);
            Add(value);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());

        void Add(string text)
        {
            var bytes = System.Text.Encoding.UTF8.GetBytes(text);
            AddNumber(bytes.Length);
            hash.AppendData(bytes);
        }

        void AddNumber(int number)
        {
            Span<byte> bytes = stackalloc byte[4];
            BinaryPrimitives.WriteInt32LittleEndian(bytes, number);
            hash.AppendData(bytes);
        }
    }
}

/// <summary>What a checkpoint file held.</summary>
internal sealed record Checkpoint(string Path, Weights Tensors, IReadOnlyDictionary<string, string> Metadata);
