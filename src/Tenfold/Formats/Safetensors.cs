using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Tenfold;

/// <summary>The safetensors format: named tensors in one file that cannot carry code.</summary>
/// <remarks>
/// <code>u64 n | n bytes of JSON: {"name": {"dtype", "shape", "data_offsets": [begin, end]}, ..., "__metadata__": {text: text}} | the numbers</code>
/// All little-endian, row-major, the tensors back to back in the order of their offsets, without holes. The rules and the names of
/// the faults are those of huggingface/safetensors 0.8. Every size is checked against the length of the file before memory is asked for.
/// </remarks>
public static class Safetensors
{
    /// <summary>The longest header that readers accept.</summary>
    private const long MaxHeader = 100_000_000;

    private const string MetadataKey = "__metadata__";

    /// <summary>Writes tensors as F32 in the order given, atomically: an error or a crash leaves the old file.</summary>
    /// <exception cref="ArgumentException">A name comes twice or is reserved.</exception>
    /// <exception cref="IOException">The file could not be written.</exception>
    public static void Write(string path, IEnumerable<(string Name, Tensor Tensor)> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var all = tensors.ToArray();
        var header = Header(all, metadata);
        AtomicFile.Write(path, stream =>
        {
            Span<byte> length = stackalloc byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
            stream.Write(length);
            stream.Write(header);
            foreach (var (_, tensor) in all) LittleEndian.Write(stream, tensor.Span);
        });
    }

    /// <summary>Writes all weights, in their order.</summary>
    public static void Write(string path, Weights weights, IReadOnlyDictionary<string, string>? metadata = null) =>
        Write(path, weights.Select(pair => (pair.Key, pair.Value)), metadata);

    /// <summary>The tensors, in the order in which they lie in the file, and the metadata.</summary>
    /// <remarks>F64, F16, BF16, whole numbers and truth values become the nearest F32. A tensor with a dimension of 0 holds no number and is left out.
    /// The numbers of large tensors of F32 are read when they are first asked for. The file stays open meanwhile and may be deleted or replaced, as this library replaces
    /// files, but not written to: that is an <see cref="IOException"/> when they are read. On Windows, where an open file cannot be replaced, all is read at once.</remarks>
    /// <exception cref="SafetensorsException">The file breaks a rule.</exception>
    public static (Weights Tensors, IReadOnlyDictionary<string, string> Metadata) Read(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
        return Read(stream, path);
    }

    internal static (Weights Tensors, IReadOnlyDictionary<string, string> Metadata) Read(Stream stream, string path)
    {
        var (entries, metadata) = ReadHeader(stream, path);
        var (weights, begin) = (new Weights(), stream.Position);
        var file = entries.Exists(Stays) ? TensorFile.Of(stream) : null;
        foreach (var entry in entries)
        {
            if (entry.Empty) continue;
            var shape = ShapeOf(entry, path);
            if (file is not null && Stays(entry))
            {
                weights[entry.Name] = new Tensor(shape, new TensorPlace(file, begin + entry.Begin, entry.Name));
                stream.Position = begin + entry.End;
                continue;
            }

            var tensor = new Tensor(shape, GC.AllocateUninitializedArray<float>((int)shape.Count));
            entry.Type.Read!(stream, tensor.Span);
            weights[entry.Name] = tensor;
        }

        return (weights, metadata);

        static bool Stays(Entry entry) => entry.Type.Name == "F32" && entry.End - entry.Begin >= TensorFile.Least * sizeof(float);
    }

    private static byte[] Header((string Name, Tensor Tensor)[] tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject(MetadataKey);
                foreach (var (key, value) in metadata) json.WriteString(key, value);
                json.WriteEndObject();
            }

            var names = new HashSet<string>();
            var offset = 0L;
            foreach (var (name, tensor) in tensors)
            {
                if (name == MetadataKey || !names.Add(name)) throw new ArgumentException($"safetensors: the name {name} is {(name == MetadataKey ? "reserved" : "given twice")}", nameof(tensors));
                json.WriteStartObject(name);
                json.WriteString("dtype", "F32");
                json.WriteStartArray("shape");
                foreach (var size in tensor.Shape) json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += 4 * tensor.Shape.Count);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        // Spaces up to a multiple of 8, so that the numbers are aligned when the file is mapped.
        while (buffer.Length % 8 != 0) buffer.WriteByte((byte)' ');
        return buffer.Length <= MaxHeader ? buffer.ToArray() : throw new ArgumentException($"safetensors: a header of {buffer.Length} bytes is above {MaxHeader}");
    }

    private static (List<Entry> Entries, IReadOnlyDictionary<string, string> Metadata) ReadHeader(Stream stream, string path)
    {
        var length = stream.Length;
        if (length < 8) throw Fault(SafetensorsFault.HeaderTooSmall, $"{length} bytes are too few for the header's length");
        Span<byte> prefix = stackalloc byte[8];
        stream.ReadExactly(prefix);
        var size = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (size > MaxHeader) throw Fault(SafetensorsFault.HeaderTooLarge, $"a header of {size} bytes is above {MaxHeader}");
        if ((long)size + 8 > length) throw Fault(SafetensorsFault.InvalidHeaderLength, $"a header of {size} bytes does not fit a file of {length}");
        var header = new byte[size];
        stream.ReadExactly(header);
        if (!Utf8.IsValid(header)) throw Fault(SafetensorsFault.InvalidHeader, "the header is not UTF-8");
        if (header is not [(byte)'{', ..]) throw Fault(SafetensorsFault.InvalidHeaderStart, "the header does not start with {");

        var entries = new List<Entry>();
        var metadata = new Dictionary<string, string>();
        try
        {
            foreach (var (name, value) in Json.Parse(header).Members)
            {
                if (name != MetadataKey) entries.Add(ReadEntry(name, value));
                else foreach (var (key, text) in value.Members) metadata.Add(key, text.Text);
            }
        }
        catch (FormatException e)
        {
            throw Fault(SafetensorsFault.InvalidHeaderDeserialization, $"the header is not what it should be: {e.Message}", e);
        }

        entries.Sort((a, b) => (a.Begin, a.End).CompareTo((b.Begin, b.End)));
        var end = 0L;
        foreach (var entry in entries)
        {
            if (entry.Begin != end || entry.End < entry.Begin) throw Fault(SafetensorsFault.InvalidOffset, $"{entry.Name} lies at [{entry.Begin}, {entry.End}), but must begin at {end}");
            var bits = (long)entry.Type.Bits;
            try
            {
                foreach (var dimension in entry.Sizes) bits = checked(bits * dimension);
            }
            catch (OverflowException e)
            {
                throw Fault(SafetensorsFault.ValidationOverflow, $"{entry.Name} has more bits than fit 64", e);
            }

            if (bits % 8 != 0) throw Fault(SafetensorsFault.MisalignedSlice, $"{entry.Name} has {bits} bits, which are not whole bytes");
            if (bits / 8 != entry.End - entry.Begin) throw Fault(SafetensorsFault.TensorInvalidInfo, $"{entry.Name} takes {bits / 8} bytes, but its offsets span {entry.End - entry.Begin}");
            end = entry.End;
        }

        var data = length - 8 - (long)size;
        if (end != data) throw Fault(SafetensorsFault.MetadataIncompleteBuffer, $"the tensors end at {end}, but the file holds {data} bytes of them");
        foreach (var entry in entries) _ = entry.Empty ? default : ShapeOf(entry, path);
        return (entries, metadata);

        SafetensorsException Fault(SafetensorsFault fault, string rule, Exception? inner = null) => new(fault, $"{path}: {rule}", inner);
    }

    private static Entry ReadEntry(string name, Json value)
    {
        var type = value["dtype"].Text;
        var (sizes, offsets) = (Wholes(value["shape"]), Wholes(value["data_offsets"]));
        if (offsets.Length != 2) throw new FormatException($"{name} has {offsets.Length} offsets, not 2");
        return new Entry(name, NumberType.Named(type) ?? throw new FormatException($"{name} is of the unknown type {type}"), sizes, offsets[0], offsets[1]);

        // No LINQ where a process starts, nor .NET's methods of arrays of numbers: each is compiled anew for each type of number, which takes longer than all else here.
        static long[] Wholes(Json list)
        {
            var numbers = new long[list.Items.Count];
            for (var i = 0; i < numbers.Length; i++) numbers[i] = list.Items[i].Long is >= 0 and var whole ? whole : throw new FormatException($"{list.Items[i].Long} is not a size");
            return numbers;
        }
    }

    private static Shape ShapeOf(Entry entry, string path)
    {
        if (entry.Type.Read is null) throw Unsupported($"is of the type {entry.Type.Name}");
        if (entry.Sizes.Length > Shape.MaxRank) throw Unsupported($"is of rank {entry.Sizes.Length}, above {Shape.MaxRank}");
        var count = 1L;
        foreach (var size in entry.Sizes) count *= size; // its bits are known to fit 64
        if (count > Array.MaxLength) throw Unsupported($"is {string.Join('x', entry.Sizes)}, more numbers than one array holds");
        var sizes = new int[entry.Sizes.Length];
        for (var i = 0; i < sizes.Length; i++) sizes[i] = (int)entry.Sizes[i];
        return Shape.Of(sizes);

        SafetensorsException Unsupported(string why) => new(SafetensorsFault.UnsupportedTensor, $"{path}: {entry.Name} {why}");
    }

    private sealed record Entry(string Name, NumberType Type, long[] Sizes, long Begin, long End)
    {
        /// <summary>Whether it holds no number.</summary>
        public bool Empty
        {
            get
            {
                foreach (var size in Sizes)
                    if (size == 0) return true;
                return false;
            }
        }
    }

    /// <param name="Bits">The width of one number.</param>
    /// <param name="Read">Fills a span with numbers from a stream; null where no number type of .NET fits.</param>
    private sealed record NumberType(string Name, int Bits, Action<Stream, Span<float>>? Read)
    {
        private static readonly NumberType[] s_all =
        [
            new("F32", 32, LittleEndian.Read<float>), new("F64", 64, LittleEndian.Read<double>), new("F16", 16, LittleEndian.Read<Half>),
            new("BF16", 16, LittleEndian.ReadBrain), new("BOOL", 8, LittleEndian.Read<byte>),
            new("I8", 8, LittleEndian.Read<sbyte>), new("I16", 16, LittleEndian.Read<short>), new("I32", 32, LittleEndian.Read<int>), new("I64", 64, LittleEndian.Read<long>),
            new("U8", 8, LittleEndian.Read<byte>), new("U16", 16, LittleEndian.Read<ushort>), new("U32", 32, LittleEndian.Read<uint>), new("U64", 64, LittleEndian.Read<ulong>),
            new("F4", 4, null), new("F6_E2M3", 6, null), new("F6_E3M2", 6, null), new("F8_E5M2", 8, null), new("F8_E4M3", 8, null), new("F8_E8M0", 8, null), new("C64", 64, null),
        ];

        public static NumberType? Named(string? name) => Array.Find(s_all, type => type.Name == name);
    }
}

/// <summary>Which rule of the format a file breaks, by the names of the format's own library.</summary>
public enum SafetensorsFault
{
    /// <summary>Fewer than 8 bytes.</summary>
    HeaderTooSmall,

    /// <summary>The header claims more than 100,000,000 bytes.</summary>
    HeaderTooLarge,

    /// <summary>The header claims to be longer than the file.</summary>
    InvalidHeaderLength,

    /// <summary>The header is not UTF-8.</summary>
    InvalidHeader,

    /// <summary>The header does not start with <c>{</c>.</summary>
    InvalidHeaderStart,

    /// <summary>The header is not JSON of the right form: a name twice, an unknown type, metadata that is not text.</summary>
    InvalidHeaderDeserialization,

    /// <summary>Tensors overlap, leave a hole, do not start at 0 or end before they begin.</summary>
    InvalidOffset,

    /// <summary>A tensor's bytes are not as many as its shape and type take.</summary>
    TensorInvalidInfo,

    /// <summary>The product of a shape does not fit 64 bits.</summary>
    ValidationOverflow,

    /// <summary>A tensor of numbers narrower than a byte does not fill whole bytes.</summary>
    MisalignedSlice,

    /// <summary>The tensors are fewer or more bytes than the file holds.</summary>
    MetadataIncompleteBuffer,

    /// <summary>Right by the format, but more than Tenfold holds: a number type, a rank above 8, a tensor longer than an array.</summary>
    UnsupportedTensor,
}

/// <summary>A safetensors file that breaks a rule.</summary>
public sealed class SafetensorsException(SafetensorsFault fault, string message, Exception? inner = null) : MalformedFileException(message, inner)
{
    public SafetensorsFault Fault { get; } = fault;
}
