using System.CommandLine;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Text;
using Arm = System.Runtime.Intrinsics.Arm;

namespace Tenfold.Cli;

/// <summary><c>tenfold info</c>: what this machine is to Tenfold.</summary>
internal sealed class InfoCommand() : ToolCommand("info", "Print version, runtime, processor, instruction sets and threads")
{
    public override string[] Examples => ["tenfold info", "tenfold info --json"];

    public override int Run(ParseResult given, Screen screen, CancellationToken stop)
    {
        var document = new InfoDocument(Version, RuntimeInformation.FrameworkDescription, RuntimeInformation.RuntimeIdentifier,
            Cpu, [.. InstructionSets()], VectorBits, Environment.ProcessorCount, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
        screen.Result(document, Documents.Written.InfoDocument, () =>
        {
            screen.Line($"Tenfold           {document.Version}");
            screen.Line($"runtime           {document.Runtime} on {document.Platform}");
            screen.Line($"processor         {document.Cpu}");
            screen.Line($"instruction sets  {(document.InstructionSets.Length == 0 ? "none: everything runs one number at a time" : string.Join(", ", document.InstructionSets))}");
            screen.Line($"vectors           {document.VectorBits} bits: {document.VectorBits / 32} numbers at once");
            screen.Line($"threads           {document.Threads}");
            screen.Line($"memory            {document.MemoryBytes / (1 << 20):N0} MiB");
        });
        return Tool.Done;
    }

    public static string Version =>
        typeof(Graph).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? typeof(Graph).Assembly.GetName().Version!.ToString();

    private static int VectorBits =>
        Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 32;

    public static string Cpu
    {
        get
        {
            if (X86Base.IsSupported && Brand() is { Length: > 0 } brand) return brand;
            try
            {
                foreach (var line in File.ReadLines("/proc/cpuinfo"))
                    if (line.StartsWith("model name", StringComparison.Ordinal) || line.StartsWith("Model", StringComparison.Ordinal)) return line[(line.IndexOf(':') + 1)..].Trim();
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // not Linux, or not shown: the architecture must do
            }

            return RuntimeInformation.ProcessArchitecture.ToString();
        }
    }

    // The processor's own name for itself: leaves 0x80000002 to 0x80000004, 16 letters each.
    private static string Brand()
    {
        const uint First = 0x80000002;
        if ((uint)X86Base.CpuId(unchecked((int)0x80000000), 0).Eax < First + 2) return "";
        Span<int> words = stackalloc int[12];
        for (var leaf = 0; leaf < 3; leaf++)
            (words[4 * leaf], words[4 * leaf + 1], words[4 * leaf + 2], words[4 * leaf + 3]) = X86Base.CpuId(unchecked((int)(First + (uint)leaf)), 0);
        return Encoding.ASCII.GetString(MemoryMarshal.AsBytes(words)).TrimEnd('\0').Trim();
    }

    public static IEnumerable<string> InstructionSets()
    {
        if (Sse42.IsSupported) yield return "SSE4.2";
        if (Avx.IsSupported) yield return "AVX";
        if (Avx2.IsSupported) yield return "AVX2";
        if (Fma.IsSupported) yield return "FMA";
        if (AvxVnni.IsSupported) yield return "AVX-VNNI";
        if (Avx512F.IsSupported) yield return "AVX-512F";
        if (Avx512BW.IsSupported) yield return "AVX-512BW";
        if (Avx512DQ.IsSupported) yield return "AVX-512DQ";
        if (Avx512F.VL.IsSupported) yield return "AVX-512VL";
        if (Avx512Vbmi.IsSupported) yield return "AVX-512VBMI";
        if (Avx10v1.IsSupported) yield return "AVX10.1";
        if (Arm.AdvSimd.IsSupported) yield return "AdvSimd";
        if (Arm.Dp.IsSupported) yield return "DotProd";
    }
}

internal sealed record InfoDocument(string Version, string Runtime, string Platform, string Cpu, string[] InstructionSets, int VectorBits, int Threads, long MemoryBytes);
