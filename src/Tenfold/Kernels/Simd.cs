using System.Numerics;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tenfold.Kernels;

/// <summary>How wide the micro-kernels are, and whether products come in pairs: what a process asks of its CPU once. Whether it has an instruction, the JIT knows where the instruction is used.</summary>
internal static class Simd
{
    /// <summary>512, 256 or 128: the vector width of the dense micro-kernels in bits. All other kernels are written on
    /// <see cref="Vector{T}"/>, which is as wide as the runtime makes it, at most a block.</summary>
    /// <remarks><c>TENFOLD_SIMD</c> asks for a narrower one, for tests.</remarks>
    public static readonly int Width = Math.Min(
        Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128,
        int.TryParse(Environment.GetEnvironmentVariable("TENFOLD_SIMD"), out var asked) && asked is 128 or 256 or 512 ? asked : 512);

    /// <summary>Whether products in pairs pay: whether additions, their operand broadcast from memory, run on units of their own beside the multiply-adds, and operands come as fast.
    /// So it is on AMD's Zen 4 (family 19h with AVX-512), whose units take two cycles for 512 bits. Intel's processors do both on the same units; Zen 5's units take one cycle, in which it loads two operands where
    /// pairs want three: by that count it would gain nothing, which has not been measured.</summary>
    /// <remarks><c>TENFOLD_PAIRS=0|1</c> decides otherwise, for tests.</remarks>
    public static readonly bool Pairs = Width == 512 && (Environment.GetEnvironmentVariable("TENFOLD_PAIRS") is ("0" or "1") and var said ? said == "1" : Zen4());

    private static bool Zen4()
    {
        if (!X86Base.IsSupported) return false;
        var (_, vendor, _, _) = X86Base.CpuId(0, 0);
        var (signature, _, _, _) = X86Base.CpuId(1, 0);
        return vendor == 0x68747541 && ((signature >> 8) & 15) + ((signature >> 20) & 255) == 0x19; // "Auth"
    }
}
