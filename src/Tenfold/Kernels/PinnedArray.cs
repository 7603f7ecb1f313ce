using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Tenfold.Kernels;

/// <summary>Arrays that the collector does not move: kernels have pointers into them as long as somebody holds them.</summary>
internal static unsafe class PinnedArray
{
    public static T[] Of<T>(ReadOnlySpan<T> numbers) where T : unmanaged
    {
        var array = GC.AllocateUninitializedArray<T>(numbers.Length, pinned: true);
        numbers.CopyTo(array);
        return array;
    }

    /// <summary>Where an array that was allocated pinned begins.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T* Start<T>(this T[] array) where T : unmanaged => (T*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(array));

    /// <summary>Its first place that is aligned to 64 bytes, a vector and a line of the cache: up to 15 floats further on.</summary>
    public static float* Aligned(this float[] array) => (float*)(((nuint)array.Start() + 63) & ~(nuint)63);
}
