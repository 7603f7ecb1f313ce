using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Microsoft.ML.OnnxRuntime;

namespace Tenfold.Benchmarks.Peers;

/// <summary>ONNX Runtime's native part, kept from AVX-512 where <c>DOTNET_EnableAVX512=0</c> keeps Tenfold from it, so that both run on AVX2.</summary>
/// <remarks>It has no setting for that: it asks the processor, and then by XGETBV whether the operating system keeps AVX-512's registers. In the copy that is loaded
/// the second answer is no: XGETBV becomes <c>mov al, 7</c>, which says that it keeps those of SSE and AVX.</remarks>
internal static class OnnxRuntimeLibrary
{
    private static readonly bool s_restricted = OperatingSystem.IsLinux() && X86Base.IsSupported && Avx2.IsSupported && !Avx512F.IsSupported && (X86Base.CpuId(7, 0).Ebx & 1 << 16) != 0;

    /// <summary>How tables call it.</summary>
    public static string Name => s_restricted ? OnAvx2 : "ONNX Runtime";

    public const string OnAvx2 = "ONNX Runtime on AVX2";

    /// <summary>To be called before anything else is asked of ONNX Runtime.</summary>
    public static void Load()
    {
        if (!s_restricted) return;
        OrtEnv.DisableDllImportResolver = true; // its own would find the library as it is
        var library = new Lazy<nint>(() => NativeLibrary.Load(Restricted()));
        NativeLibrary.SetDllImportResolver(typeof(OrtEnv).Assembly, (name, _, _) => name == "onnxruntime" ? library.Value : 0);
    }

    private static string Restricted()
    {
        ReadOnlySpan<byte> ask = [0x31, 0xC9, 0x0F, 0x01, 0xD0]; // xor ecx, ecx; xgetbv
        ReadOnlySpan<byte> seven = [0x31, 0xC9, 0xB0, 0x07, 0x90]; // xor ecx, ecx; mov al, 7; nop
        var code = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "libonnxruntime.so"));
        var places = 0;
        for (int at = 0, next; (next = code.AsSpan(at).IndexOf(ask)) >= 0; places++)
        {
            at += next;
            seven.CopyTo(code.AsSpan(at));
        }

        if (places == 0) throw new NotSupportedException("ONNX Runtime's library asks for the kept registers in a way that is not known here, so it cannot be kept from AVX-512");
        var copy = Path.Combine(AppContext.BaseDirectory, "libonnxruntime-avx2.so");
        var temporary = $"{copy}.{Environment.ProcessId}";
        File.WriteAllBytes(temporary, code);
        File.Move(temporary, copy, overwrite: true); // another process may have it loaded
        return copy;
    }
}
