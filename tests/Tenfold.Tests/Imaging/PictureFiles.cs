using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using SkiaSharp;

namespace Tenfold.Tests;

/// <summary>Small picture files, made byte by byte or with Skia's encoders.</summary>
internal static class PictureFiles
{
    /// <summary>A PNG of one IDAT chunk.</summary>
    /// <param name="rows">Samples of all rows, without filter bytes.</param>
    /// <param name="colour">0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA.</param>
    public static byte[] Png(int width, int height, byte[] rows, int colour, int depth = 8, byte[]? palette = null)
    {
        var file = new MemoryStream();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9]) = ((byte)depth, (byte)colour);
        Chunk("IHDR", header);
        if (palette is not null) Chunk("PLTE", palette);
        var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            var stride = (int)(rows.Length / Math.Max(1, Math.Min(height, rows.Length)));
            for (var at = 0; at < rows.Length; at += stride)
            {
                zlib.WriteByte(0);
                zlib.Write(rows, at, stride);
            }
        }

        Chunk("IDAT", packed.ToArray());
        Chunk("IEND", []);
        return file.ToArray();

        void Chunk(string type, byte[] data)
        {
            byte[] body = [.. Encoding.ASCII.GetBytes(type), .. data];
            var word = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(word, data.Length);
            file.Write(word);
            file.Write(body);
            BinaryPrimitives.WriteUInt32BigEndian(word, Crc(body));
            file.Write(word);
        }
    }

    /// <summary>A GIF of four colours, black, red, green, blue, whose every code is a literal.</summary>
    public static byte[] Gif(int width, int height, byte[] indices, int frames = 1)
    {
        var file = new List<byte>([.. "GIF89a"u8, .. Word(width), .. Word(height), 0x81, 0, 0]);
        file.AddRange([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255]);
        for (var frame = 0; frame < frames; frame++)
        {
            file.AddRange([0x2C, 0, 0, 0, 0, .. Word(width), .. Word(height), 0, 2]);
            var (bits, count, codes) = (0u, 0, new List<byte>());
            foreach (var index in indices)
            {
                Put(4); // clear, so that codes stay three bits wide
                Put((uint)(index + frame) % 4);
            }

            Put(5);
            if (count > 0) codes.Add((byte)bits);
            foreach (var block in codes.Chunk(255)) file.AddRange([(byte)block.Length, .. block]);
            file.Add(0);

            void Put(uint code)
            {
                bits |= code << count;
                for (count += 3; count >= 8; count -= 8)
                {
                    codes.Add((byte)bits);
                    bits >>= 8;
                }
            }
        }

        file.Add(0x3B);
        return [.. file];
    }

    /// <summary>A BMP of 24 bits a pixel, stored bottom row first.</summary>
    public static byte[] Bmp(int width, int height, Func<int, int, (byte R, byte G, byte B)> pixel, int? statedWidth = null, int? statedHeight = null)
    {
        var stride = (3 * width + 3) / 4 * 4;
        var file = new byte[54 + stride * height];
        "BM"u8.CopyTo(file);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(2), file.Length);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(10), 54);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(14), 40);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(18), statedWidth ?? width);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(22), statedHeight ?? height);
        (file[26], file[28]) = (1, 24);
        for (var r = 0; r < height; r++)
            for (var c = 0; c < width; c++)
            {
                var at = 54 + (height - 1 - r) * stride + 3 * c;
                (file[at + 2], file[at + 1], file[at]) = pixel(r, c);
            }

        return file;
    }

    public static byte[] Encode(SKEncodedImageFormat format, int width, int height, Func<int, int, SKColor> pixel, int quality = 100)
    {
        using var bitmap = new SKBitmap(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul);
        for (var r = 0; r < height; r++)
            for (var c = 0; c < width; c++) bitmap.SetPixel(c, r, pixel(r, c));
        if (format == SKEncodedImageFormat.Webp)
        {
            using var pixels = bitmap.PeekPixels();
            using var webp = pixels!.Encode(new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossless, 100));
            return webp!.ToArray();
        }

        using var data = bitmap.Encode(format, quality);
        return data.ToArray();
    }

    /// <summary>The JPEG with an EXIF block that says nothing but its orientation.</summary>
    public static byte[] WithOrientation(byte[] jpeg, int orientation, bool littleEndian = true)
    {
        byte[] tiff = littleEndian
            ? [.. "II"u8, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, (byte)orientation, 0, 0, 0, 0, 0, 0, 0]
            : [.. "MM"u8, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, (byte)orientation, 0, 0, 0, 0, 0, 0];
        byte[] exif = [.. "Exif\0\0"u8, .. tiff];
        return [0xFF, 0xD8, 0xFF, 0xE1, 0, (byte)(exif.Length + 2), .. exif, .. jpeg[2..]];
    }

    private static byte[] Word(int value) => [(byte)value, (byte)(value >> 8)];

    private static uint Crc(byte[] data)
    {
        var crc = uint.MaxValue;
        foreach (var b in data)
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0xEDB88320 & (0 - (crc & 1)));
        }

        return ~crc;
    }
}
