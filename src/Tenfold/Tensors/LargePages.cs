using System.Runtime.InteropServices;

namespace Tenfold;

/// <summary>Pages of 2 MB, which Linux by default gives to those who ask (transparent huge pages, <c>madvise(2)</c>): one page fault where there were 512, and addresses that
/// the processor finds sooner while weights stream from memory.</summary>
internal static unsafe partial class LargePages
{
    private const nuint Size = 2 << 20;
    private const int HugePage = 14; // MADV_HUGEPAGE

    /// <summary>Asks for memory to which nothing has been written yet. What does not fill a page of 2 MB keeps its small ones, so none is taken that nobody needs.</summary>
    /// <remarks>It is a wish: where it fails, and on other systems, nothing changes.</remarks>
    public static void Ask(ReadOnlySpan<float> numbers)
    {
        if (!OperatingSystem.IsLinux() || (nuint)numbers.Length < Size / sizeof(float)) return;
        fixed (float* start = numbers)
        {
            var (from, to) = (((nuint)start + Size - 1) & ~(Size - 1), (nuint)(start + numbers.Length) & ~(Size - 1));
            if (from >= to) return;
            try
            {
                _ = Advise(from, to - from, HugePage);
            }
            catch (TypeLoadException) // a C library that goes by another name
            {
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nuint start, nuint bytes, int advice);
}
