using System.Buffers.Binary;
using System.Text;
using System.Text.RegularExpressions;

namespace Tenfold;

/// <summary>NumPy's format for one array: what <c>numpy.save</c> writes and <c>numpy.load</c> reads. 32-bit floats are written; other numbers become the nearest when read.</summary>
/// <remarks><code>\x93NUMPY major minor | u16 (version 1) or u32 (2) n | n bytes: {'descr': '&lt;f4', 'fortran_order': False, 'shape': (1, 3, 8, 8), } | the numbers</code></remarks>
public static partial class NpyFile
{
    private const int MaxHeader = 1 << 16;

    private static readonly (string Name, int Bytes, Action<Stream, Span<float>> Read)[] s_types =
    [
        ("<f4", 4, LittleEndian.Read<float>), ("<f8", 8, LittleEndian.Read<double>), ("<f2", 2, LittleEndian.Read<Half>), ("|b1", 1, LittleEndian.Read<byte>),
        ("|i1", 1, LittleEndian.Read<sbyte>), ("<i2", 2, LittleEndian.Read<short>), ("<i4", 4, LittleEndian.Read<int>), ("<i8", 8, LittleEndian.Read<long>),
        ("|u1", 1, LittleEndian.Read<byte>), ("<u2", 2, LittleEndian.Read<ushort>), ("<u4", 4, LittleEndian.Read<uint>), ("<u8", 8, LittleEndian.Read<ulong>),
    ];

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Writes the tensor, atomically.</summary>
    /// <exception cref="IOException">The file could not be written.</exception>
    public static void Write(string path, Tensor tensor) => AtomicFile.Write(path, stream => Write(stream, tensor));

    internal static void Write(Stream stream, Tensor tensor)
    {
        var sizes = tensor.Shape.Rank == 1 ? $"{tensor.Shape[0]}," : string.Join(", ", tensor.Shape);
        var header = $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({sizes}), }}";
        header = header.PadRight((header.Length + 11 + 63) / 64 * 64 - 11) + '\n'; // the numbers begin at a multiple of 64
        stream.Write(Magic);
        stream.Write([1, 0, (byte)header.Length, (byte)(header.Length >> 8)]);
        stream.Write(Encoding.ASCII.GetBytes(header));
        LittleEndian.Write(stream, tensor.Span);
    }

    /// <summary>The array as a tensor.</summary>
    /// <exception cref="MalformedFileException">Not an array of little-endian numbers in C order, or shorter or longer than it says.</exception>
    public static Tensor Read(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
        return Read(stream, path, stream.Length);
    }

    /// <param name="total">How many bytes the stream holds.</param>
    internal static Tensor Read(Stream stream, string path, long total)
    {
        Span<byte> start = stackalloc byte[12];
        var got = stream.ReadAtLeast(start[..10], 10, throwOnEndOfStream: false);
        if (got < 10 || !start[..6].SequenceEqual(Magic)) throw Fault("is not a NumPy array (.npy)");
        if (start[6] is not (1 or 2 or 3)) throw Fault($"is of the .npy version {start[6]}.{start[7]}, not 1 to 3");
        var long32 = start[6] > 1;
        if (long32 && stream.ReadAtLeast(start[10..], 2, throwOnEndOfStream: false) < 2) throw Fault("ends within its header");
        var length = long32 ? BinaryPrimitives.ReadUInt32LittleEndian(start[8..]) : BinaryPrimitives.ReadUInt16LittleEndian(start[8..]);
        if (length > MaxHeader) throw Fault($"has a header of {length} bytes, above {MaxHeader}");
        var rest = total - (long32 ? 12 : 10) - length;
        if (rest < 0) throw Fault("ends within its header");
        var bytes = new byte[length];
        stream.ReadExactly(bytes);

        // Exactly the three keys, in any order, and nothing that would have to be evaluated.
        var header = Encoding.UTF8.GetString(bytes);
        string[] keys = ["'descr'", "'fortran_order'", "'shape'"];
        if (HeaderForm().Match(header) is not { Success: true } match || !keys.All(key => header.Split(key).Length == 2))
            throw Fault("has a header other than {'descr': ..., 'fortran_order': ..., 'shape': (...)}");
        var type = match.Groups["descr"].Value;
        if (Array.Find(s_types, known => known.Name == type) is not { Read: { } read, Bytes: var width }) throw Fault($"holds numbers of the type {type}: save it with x.astype('<f4')");
        if (match.Groups["order"].Value == "True") throw Fault("is in Fortran order: save it with numpy.ascontiguousarray(x)");

        var sizes = new List<int>();
        foreach (var text in match.Groups["shape"].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            sizes.Add(int.TryParse(text, out var size) ? size : throw Fault($"has a dimension of {text}, not of 1 to {int.MaxValue}"));
        Shape shape;
        try
        {
            shape = Shape.Of([.. sizes]);
        }
        catch (ShapeException e)
        {
            throw Fault($"has a shape that does not fit: {e.Message}");
        }

        if (shape.Count > Array.MaxLength || shape.Count * width != rest) throw Fault($"holds {rest} bytes of numbers, not the {shape.Count} x {width} of its shape {shape}");
        var tensor = new Tensor(shape);
        read(stream, tensor.Span);
        return tensor;

        MalformedFileException Fault(string rule) => new($"{path}: {rule}");
    }

    [GeneratedRegex(@"^\{(?:\s*'(?:descr'\s*:\s*'(?<descr>[^']*)'|fortran_order'\s*:\s*(?<order>True|False)|shape'\s*:\s*\((?<shape>[0-9, ]*)\))\s*,?)*\s*\}\s*$", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex HeaderForm();
}
