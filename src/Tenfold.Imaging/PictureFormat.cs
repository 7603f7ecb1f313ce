using System.Buffers.Binary;

namespace Tenfold;

/// <summary>What a file is by its first bytes, checked before a decoder sees it.</summary>
internal static class PictureFormat
{
    private const int MaxScans = 256;

    /// <exception cref="PictureException">The bytes do not begin as a picture of a known format does.</exception>
    public static void Check(ReadOnlySpan<byte> file, string name)
    {
        if (file.IsEmpty) throw new PictureException(name, "is empty");
        if (file.StartsWith<byte>([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A])) return;
        if (file.StartsWith("GIF87a"u8) || file.StartsWith("GIF89a"u8) || file.StartsWith("BM"u8)) return;
        if (file.Length >= 12 && file.StartsWith("RIFF"u8) && file[8..].StartsWith("WEBP"u8)) return;
        if (file.StartsWith<byte>([0xFF, 0xD8, 0xFF]))
        {
            var scans = Scans(file);
            if (scans > MaxScans) throw new PictureException(name, $"is a JPEG of {scans} scans or more; the limit is {MaxScans}");
            return;
        }

        throw new PictureException(name, Describe(file) is { } other
            ? $"is {other}, not a PNG, JPEG, WebP, BMP or GIF picture"
            : "does not begin as a PNG, JPEG, WebP, BMP or GIF picture does");
    }

    /// <summary>Counts the scans of a JPEG, each of which costs a pass over the whole picture however short it is.</summary>
    private static int Scans(ReadOnlySpan<byte> file)
    {
        var scans = 0;
        for (var at = 2; at + 3 < file.Length && scans <= MaxScans;)
        {
            // Segments state their length; the coded data after a scan header do not, and end at the next marker,
            // which is an FF that neither a stuffed 00, a restart marker nor another FF follows.
            if (file[at] != 0xFF || file[at + 1] is 0x00 or 0xFF or (>= 0xD0 and <= 0xD8) or 0x01)
            {
                at++;
                continue;
            }

            if (file[at + 1] == 0xD9) break;
            if (file[at + 1] == 0xDA) scans++;
            at += 2 + BinaryPrimitives.ReadUInt16BigEndian(file[(at + 2)..]);
        }

        return scans;
    }

    private static string? Describe(ReadOnlySpan<byte> file)
    {
        if (file.StartsWith("II*\0"u8) || file.StartsWith("MM\0*"u8)) return "a TIFF";
        if (file.Length >= 12 && file[4..].StartsWith("ftyp"u8)) return file[8..].StartsWith("avi"u8) ? "an AVIF" : "an HEIC picture or a film";
        if (file.StartsWith<byte>([0, 0, 1, 0])) return "an icon";
        if (file.StartsWith("%PDF"u8)) return "a PDF";
        if (file.StartsWith("PK\x3\x4"u8)) return "a ZIP archive";
        foreach (var b in file[..Math.Min(file.Length, 256)])
            if (b < 0x20 && b is not ((byte)'\t' or (byte)'\n' or (byte)'\r' or 0x0C or 0x1B) || b == 0x7F) return null;
        return "text";
    }
}
