using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Google.Protobuf.Collections;
using Onnx;
using DataType = Onnx.TensorProto.Types.DataType;

namespace Tenfold;

/// <summary>A tensor of the file that is known at import: a weight, or a size, an axis, a switch. Dimensions may be 0.</summary>
/// <remarks>Reals are held as single precision (half and bfloat16 widened, double rounded), whole numbers and truth values as 64 bits.</remarks>
internal sealed class Constant
{
    private Constant(int[] sizes, float[]? reals, long[]? wholes, bool truth) => (Sizes, Reals, Wholes, IsTruth) = (sizes, reals, wholes, truth);

    public Constant(int[] sizes, float[] reals) : this(sizes, reals, null, false) => Check(reals.Length);

    public Constant(int[] sizes, long[] wholes, bool truth = false) : this(sizes, null, wholes, truth) => Check(wholes.Length);

    public int[] Sizes { get; }

    /// <summary>Null for whole numbers.</summary>
    public float[]? Reals { get; }

    /// <summary>Null for reals.</summary>
    public long[]? Wholes { get; }

    public bool IsTruth { get; }

    public int Count => Reals?.Length ?? Wholes!.Length;

    /// <summary>The numbers as reals.</summary>
    public float[] AsReals => Reals ?? Array.ConvertAll(Wholes!, number => (float)number);

    /// <summary>The same numbers in another shape.</summary>
    public Constant Reshape(params int[] sizes) => Product(sizes) == Count && sizes.Length <= Shape.MaxRank ? new Constant(sizes, Reals, Wholes, IsTruth)
        : throw new FormatException($"{Count} numbers do not fill {Text(sizes)}");

    /// <summary>What stands at <paramref name="places"/> of the numbers, as a tensor of <paramref name="sizes"/>.</summary>
    public Constant Pick(int[] sizes, int[] places) => Reals is { } reals
        ? new Constant(sizes, Array.ConvertAll(places, place => reals[place]))
        : new Constant(sizes, Array.ConvertAll(places, place => Wholes![place]), IsTruth);

    public override string ToString() => $"constant {Text(Sizes)}";

    /// <exception cref="FormatException">More elements than an array holds, or a size below 0.</exception>
    public static int Product(IEnumerable<int> sizes)
    {
        long product = 1;
        foreach (var size in sizes)
        {
            product = size < 0 ? throw new FormatException($"a dimension of {size}") : product * size;
            if (product > Array.MaxLength) throw new FormatException($"{Text(sizes)} has more elements than one array holds");
        }

        return (int)product;
    }

    public static string Text(IEnumerable<int> sizes)
    {
        var text = "";
        foreach (var size in sizes) text += text.Length == 0 ? $"{size}" : $"x{size}";
        return text.Length > 0 ? text : "scalar";
    }

    /// <param name="external">Reads the bytes of a tensor whose numbers lie in another file.</param>
    /// <exception cref="FormatException">The tensor breaks a rule, or holds what is not numbers.</exception>
    public static Constant Read(TensorProto proto, Func<TensorProto, long, byte[]> external)
    {
        if (proto.Dims.Count > Shape.MaxRank) throw new FormatException($"has {proto.Dims.Count} dimensions, more than {Shape.MaxRank}");
        if (proto.Segment is not null) throw new FormatException("is stored in segments, which nobody writes");
        var sizes = new int[proto.Dims.Count];
        for (var axis = 0; axis < sizes.Length; axis++) sizes[axis] = proto.Dims[axis] is >= 0 and <= int.MaxValue and var size ? (int)size : throw new FormatException($"has a dimension of {proto.Dims[axis]}");
        var count = Product(sizes);
        var type = (DataType)proto.DataType;
        var width = type switch
        {
            DataType.Int8 or DataType.Uint8 or DataType.Bool => 1,
            DataType.Int16 or DataType.Uint16 or DataType.Float16 or DataType.Bfloat16 => 2,
            DataType.Int32 or DataType.Uint32 or DataType.Float => 4,
            DataType.Int64 or DataType.Uint64 or DataType.Double => 8,
            _ => throw new NotSupportedException($"holds numbers of type {type}"),
        };
        var raw = proto.DataLocation == TensorProto.Types.DataLocation.External ? external(proto, (long)count * width) : proto.HasRawData ? null : [];
        ReadOnlySpan<byte> bytes = raw is null ? proto.RawData.Span : raw;
        if (raw is { Length: 0 } && proto.DataLocation != TensorProto.Types.DataLocation.External) return Listed(proto, type, sizes, count);
        if (bytes.Length != (long)count * width) throw new FormatException($"holds {bytes.Length} bytes, and {Text(sizes)} of {type} are {(long)count * width}");

        if (type is DataType.Float or DataType.Double or DataType.Float16 or DataType.Bfloat16)
        {
            var reals = new float[count];
            if (type == DataType.Float && BitConverter.IsLittleEndian) bytes.CopyTo(MemoryMarshal.AsBytes(reals.AsSpan()));
            else
                for (var i = 0; i < count; i++)
                    reals[i] = type switch
                    {
                        DataType.Float => BinaryPrimitives.ReadSingleLittleEndian(bytes[(4 * i)..]),
                        DataType.Double => (float)BinaryPrimitives.ReadDoubleLittleEndian(bytes[(8 * i)..]),
                        DataType.Float16 => (float)BinaryPrimitives.ReadHalfLittleEndian(bytes[(2 * i)..]),
                        _ => Wide(BinaryPrimitives.ReadUInt16LittleEndian(bytes[(2 * i)..])),
                    };
            return new Constant(sizes, reals);
        }

        var wholes = new long[count];
        for (var i = 0; i < count; i++)
            wholes[i] = type switch
            {
                DataType.Int8 => (sbyte)bytes[i],
                DataType.Int16 => BinaryPrimitives.ReadInt16LittleEndian(bytes[(2 * i)..]),
                DataType.Uint16 => BinaryPrimitives.ReadUInt16LittleEndian(bytes[(2 * i)..]),
                DataType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(bytes[(4 * i)..]),
                DataType.Uint32 => BinaryPrimitives.ReadUInt32LittleEndian(bytes[(4 * i)..]),
                DataType.Int64 or DataType.Uint64 => BinaryPrimitives.ReadInt64LittleEndian(bytes[(8 * i)..]),
                _ => bytes[i],
            };
        return new Constant(sizes, wholes, type == DataType.Bool);
    }

    // Numbers in the fields for their type, not as raw bytes.
    private static Constant Listed(TensorProto proto, DataType type, int[] sizes, int count)
    {
        return type switch
        {
            DataType.Float => new Constant(sizes, Whole(proto.FloatData)),
            DataType.Double => new Constant(sizes, Array.ConvertAll(Whole(proto.DoubleData), number => (float)number)),
            DataType.Float16 => new Constant(sizes, Array.ConvertAll(Whole(proto.Int32Data), bits => (float)BitConverter.UInt16BitsToHalf((ushort)bits))),
            DataType.Bfloat16 => new Constant(sizes, Array.ConvertAll(Whole(proto.Int32Data), bits => Wide((ushort)bits))),
            DataType.Int64 => new Constant(sizes, Whole(proto.Int64Data)),
            DataType.Uint32 or DataType.Uint64 => new Constant(sizes, Array.ConvertAll(Whole(proto.Uint64Data), number => (long)number)),
            _ => new Constant(sizes, Array.ConvertAll(Whole(proto.Int32Data), number => (long)number), type == DataType.Bool),
        };

        T[] Whole<T>(RepeatedField<T> field) => field.Count == count ? [.. field] : throw new FormatException($"holds {field.Count} numbers, and {Text(sizes)} are {count}");
    }

    private static float Wide(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    private void Check(int count)
    {
        if (Sizes.Length > Shape.MaxRank) throw new FormatException($"{Text(Sizes)} has more than {Shape.MaxRank} dimensions");
        if (Product(Sizes) != count) throw new FormatException($"{count} numbers do not fill {Text(Sizes)}");
    }
}
