using System.Numerics;
using System.Runtime.InteropServices;

namespace Tenfold;

/// <summary>Numbers as files hold them. The bytes pass through a small buffer, so a file costs no memory beside the tensor it fills.</summary>
internal static class LittleEndian
{
    private const int Chunk = 1 << 14; // numbers

    /// <summary>Fills <paramref name="numbers"/> with the next numbers of type T, each as the nearest float.</summary>
    /// <exception cref="EndOfStreamException">The stream ends before.</exception>
    public static void Read<T>(Stream stream, Span<float> numbers) where T : unmanaged, INumberBase<T>
    {
        CheckMachine();
        if (typeof(T) == typeof(float))
        {
            stream.ReadExactly(MemoryMarshal.AsBytes(numbers));
            return;
        }

        var buffer = new T[Math.Min(numbers.Length, Chunk)];
        while (numbers.Length > 0)
        {
            var part = buffer.AsSpan(0, Math.Min(numbers.Length, Chunk));
            stream.ReadExactly(MemoryMarshal.AsBytes(part));
            for (var i = 0; i < part.Length; i++) numbers[i] = float.CreateTruncating(part[i]);
            numbers = numbers[part.Length..];
        }
    }

    /// <summary>The same for bfloat16, the upper half of a float.</summary>
    public static void ReadBrain(Stream stream, Span<float> numbers)
    {
        Read<ushort>(stream, numbers);
        foreach (ref var number in numbers) number = BitConverter.UInt32BitsToSingle((uint)number << 16);
    }

    public static void Write(Stream stream, ReadOnlySpan<float> numbers)
    {
        CheckMachine();
        stream.Write(MemoryMarshal.AsBytes(numbers));
    }

    private static void CheckMachine()
    {
        if (!BitConverter.IsLittleEndian) throw new PlatformNotSupportedException("files of tensors are read and written on little-endian machines only");
    }
}
