using System.Buffers.Binary;
using System.IO.Compression;

namespace Tenfold;

/// <summary>MNIST's own file format, plain or gzipped, and the two sets that are published in it.</summary>
/// <remarks>Big-endian: 0, 0, element type (8 = unsigned byte), rank; then each size as 32 bits; then the elements, row-major.
/// LeCun, Cortes, Burges, "The MNIST database of handwritten digits"; Xiao, Rasul, Vollgraf, "Fashion-MNIST", 2017 (arXiv 1708.07747).</remarks>
public static class Idx
{
    public static readonly IReadOnlyList<string> Digits = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

    public static readonly IReadOnlyList<string> Fashion =
        ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];

    /// <summary>Mean and deviation of MNIST's training pixels.</summary>
    public static readonly Preprocessing DigitsPreprocessing = new([0.1307f], [0.3081f]);

    /// <summary>Mean and deviation of Fashion-MNIST's training pixels.</summary>
    public static readonly Preprocessing FashionPreprocessing = new([0.2860f], [0.3530f]);

    private const int MaxSide = 4096;

    /// <summary>Grey pictures from a pair of files.</summary>
    /// <exception cref="DataException">A file is missing, broken, cut short, too long, or the two do not belong together.</exception>
    public static Dataset Open(string images, string labels, string name, IReadOnlyList<string> classes, Preprocessing? preprocessing = null)
    {
        using var imageFile = DataFile.Open(images);
        using var labelFile = DataFile.Open(labels);
        return Read(imageFile, images, labelFile, labels, name, classes, preprocessing);
    }

    /// <summary>The same from streams; <paramref name="images"/> and <paramref name="labels"/> name them in messages.</summary>
    public static Dataset Read(Stream imageStream, string images, Stream labelStream, string labels, string name, IReadOnlyList<string> classes, Preprocessing? preprocessing = null)
    {
        var (sizes, pixels) = ReadArray(imageStream, images, rank: 3);
        var (counts, marks) = ReadArray(labelStream, labels, rank: 1);
        if (counts[0] != sizes[0]) throw new DataException($"{labels}: holds {counts[0]} labels, but {images} holds {sizes[0]} images");
        for (var i = 0; i < marks.Length; i++)
            if (marks[i] >= classes.Count) throw new DataException($"{labels}: label {i} is {marks[i]}; the {classes.Count} classes of {name} go from 0 to {classes.Count - 1}");
        return new MemoryDataset(name, [1, sizes[1], sizes[2]], classes, pixels, marks, preprocessing);
    }

    private static (int[] Sizes, byte[] Data) ReadArray(Stream stream, string file, int rank)
    {
        // What a gzip file can expand to is bounded by its length (deflate reaches at most 1032 to 1), so a header's promise
        // is checked against the file before a byte is allocated for it.
        var zipped = file.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);
        var bound = zipped ? checked(stream.Length * 1032) : stream.Length;
        using var unzipped = zipped ? new GZipStream(stream, CompressionMode.Decompress, leaveOpen: true) : null;
        var source = unzipped ?? stream;
        try
        {
            Span<byte> header = stackalloc byte[4 + 4 * rank];
            var got = source.ReadAtLeast(header, header.Length, throwOnEndOfStream: false);
            if (got < header.Length) throw new DataException($"{file}: ends after {got} bytes, inside its header of {header.Length}");
            var magic = BinaryPrimitives.ReadUInt32BigEndian(header);
            if (magic != 0x800 + (uint)rank) throw new DataException($"{file}: begins with 0x{magic:x8}; an IDX file of bytes and rank {rank} begins with 0x{0x800 + rank:x8}");

            var sizes = new int[rank];
            long count = 1;
            for (var axis = 0; axis < rank; axis++)
            {
                var size = BinaryPrimitives.ReadUInt32BigEndian(header[(4 + 4 * axis)..]);
                if (size == 0 || size > (axis == 0 ? int.MaxValue : MaxSide)) throw new DataException($"{file}: size {axis} is {size}; it must lie between 1 and {(axis == 0 ? int.MaxValue : MaxSide)}");
                sizes[axis] = (int)size;
                count *= size; // below 2^31 * 2^12 * 2^12
            }

            if (count > Array.MaxLength) throw new DataException($"{file}: promises {count} bytes, more than one array holds ({Array.MaxLength})");
            if (header.Length + count > bound) throw new DataException($"{file}: promises {count} bytes, but the file of {stream.Length} bytes cannot hold them");
            var data = new byte[count];
            got = source.ReadAtLeast(data, data.Length, throwOnEndOfStream: false);
            if (got < data.Length) throw new DataException($"{file}: is cut short: {got} of {count} bytes after the header");
            if (source.ReadByte() >= 0) throw new DataException($"{file}: goes on after the {count} bytes that its header promises");
            return (sizes, data);
        }
        catch (InvalidDataException exception)
        {
            throw new DataException($"{file}: is not a sound gzip file ({exception.Message})", exception);
        }
    }
}

/// <summary>Opens files of data with messages that name them.</summary>
internal static class DataFile
{
    public static FileStream Open(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"{path}: cannot be opened ({exception.Message})", exception);
        }
    }
}
