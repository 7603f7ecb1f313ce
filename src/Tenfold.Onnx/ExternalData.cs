using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Onnx;

namespace Tenfold;

/// <summary>Numbers of a tensor in a file beside the model's.</summary>
/// <remarks>The file's name comes from outside: it must lie in the model's folder or below, on a way without links, and be an ordinary file of one name (told on Linux):
/// a second name could be that of a file which nobody meant to give away. A checksum is checked where there is one.</remarks>
internal sealed partial class ExternalData(string modelPath)
{
    private static readonly string[] s_keys = ["location", "offset", "length", "checksum", "basepath"];

    // What a file in a model's folder must not be called, on any system.
    private static readonly HashSet<string> s_devices = new(StringComparer.OrdinalIgnoreCase)
    {
        "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
    };

    private readonly HashSet<(string Location, string Checksum)> _checked = [];
    private readonly string _folder = Path.GetDirectoryName(Path.GetFullPath(modelPath))!;

    /// <exception cref="FormatException">The entry breaks a rule; the message names it.</exception>
    public byte[] Read(TensorProto tensor, long length)
    {
        var entries = new Dictionary<string, string>();
        foreach (var entry in tensor.ExternalData)
        {
            if (!s_keys.Contains(entry.Key)) throw new FormatException($"has external data with an unknown key {Short(entry.Key)}");
            if (!entries.TryAdd(entry.Key, entry.Value)) throw new FormatException($"has external data with two of the key {entry.Key}");
        }

        var location = entries.GetValueOrDefault("location") ?? "";
        var offset = Number(entries, "offset", 0);
        var stated = Number(entries, "length", length);
        if (stated != length) throw new FormatException($"has {stated} bytes of external data; its shape and type need {length}");
        if (length > Array.MaxLength) throw new FormatException($"has {length} bytes of external data, more than one array holds");

        if (length == 0) return [];
        using var file = Open(location, offset, length);
        var bytes = new byte[length];
        if (entries.TryGetValue("checksum", out var checksum) && _checked.Add((location, checksum))) Check(file, location, checksum);
        file.Position = offset;
        file.ReadExactly(bytes);
        return bytes;
    }

    private FileStream Open(string location, long offset, long length)
    {
        if (location.Length == 0 || location.AsSpan().IndexOfAny('\0', ':', '\\') >= 0 || Path.IsPathRooted(location)) throw new FormatException($"has external data at {Short(location)}: not a relative path");
        var path = _folder;
        foreach (var part in location.Split('/'))
        {
            if (part is ".." or "" or "." || s_devices.Contains(part.Split('.')[0].TrimEnd(' '))) throw new FormatException($"has external data at {Short(location)}: {(part == ".." ? "outside the model's folder" : "not a plain path")}");
            path = Path.Combine(path, part);
            var info = new FileInfo(path);
            if (info.LinkTarget is not null || (info.Exists && (info.Attributes & FileAttributes.ReparsePoint) != 0)) throw new FormatException($"has external data at {Short(location)}: by way of a link");
        }

        // Pipes and devices, at which opening or reading might never end, have no length.
        var found = new FileInfo(path);
        if (!found.Exists) throw new FormatException($"has external data at {Short(location)}: there is no such file");
        if (offset > found.Length || length > found.Length - offset) throw new FormatException($"lies at {offset} to {offset + (decimal)length} of {Short(location)}, which is {found.Length} bytes long");
        var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
        var names = Names(file.SafeFileHandle);
        if (file.CanSeek && new FileInfo(path).LinkTarget is null && names == 1) return file;
        file.Dispose();
        throw new FormatException($"has external data at {Short(location)}: {(names == 1 ? "not an ordinary file" : $"a file of {names} names (hard links)")}");
    }

    // ONNX has SHA-1 for this, of the whole file: it finds damage, not malice.
    private static void Check(FileStream file, string location, string checksum)
    {
#pragma warning disable CA5350
        var found = Convert.ToHexString(SHA1.HashData(file));
#pragma warning restore CA5350
        if (!found.Equals(checksum, StringComparison.OrdinalIgnoreCase)) throw new FormatException($"has external data at {Short(location)} of the checksum {found.ToLowerInvariant()}, not {Short(checksum)}");
    }

    // How many hard links an open file has: the 5th number of what the kernel fills in. Other systems, and C libraries without the call, are not asked.
    private static uint Names(SafeFileHandle file)
    {
        if (!OperatingSystem.IsLinux()) return 1;
        try
        {
            Span<uint> status = stackalloc uint[64];
            const int itself = 0x1000; // AT_EMPTY_PATH
            const uint links = 4; // STATX_NLINK
            return StatX(file, "", itself, links, status) == 0 ? status[4] : 1;
        }
        catch (EntryPointNotFoundException)
        {
            return 1;
        }
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(SafeFileHandle folder, string path, int flags, uint mask, Span<uint> status);

    private static long Number(Dictionary<string, string> entries, string key, long without) => !entries.TryGetValue(key, out var text) ? without
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
        : throw new FormatException($"has external data with the {key} {Short(text)}");

    private static string Short(string text) => text.Length > 80 ? text[..80] + "..." : text;
}
