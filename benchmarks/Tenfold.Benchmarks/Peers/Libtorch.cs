using System.Buffers.Binary;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using TorchSharp;

namespace Tenfold.Benchmarks.Peers;

/// <summary>Loads libtorch 2.10 for TorchSharp from a folder that <see cref="HowToGet"/> fills; the build takes no part of its 600 MB.</summary>
/// <remarks>TorchSharp's native part asks for the C++ library of GCC 13 for one function only, one that does nothing where the streams
/// are set up by each library itself, as libtorch's are. Where the C++ library is older (Debian 12), a copy is loaded that asks for less.</remarks>
internal static class Libtorch
{
    public const string HowToGet = "dotnet package download libtorch-cpu-linux-x64@2.10.0 --output artifacts/packages";

    private static readonly Lazy<string?> s_fault = new(Load);

    /// <summary>Why it cannot be used, or null.</summary>
    public static string? Fault => s_fault.Value;

    public static string Version => torch.__version__;

    private static string? Load()
    {
        if (RuntimeInformation.RuntimeIdentifier is not "linux-x64") return $"libtorch is compared on linux-x64 only, not on {RuntimeInformation.RuntimeIdentifier}";
        var packages = typeof(Libtorch).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().ToDictionary(pair => pair.Key, pair => pair.Value!);
        string[] roots = [Path.Combine(packages["Root"], "artifacts", "packages"), packages["Packages"]];
        var folder = roots.Select(root => Path.Combine(root, "libtorch-cpu-linux-x64", "2.10.0", "runtimes", "linux-x64", "native")).FirstOrDefault(Directory.Exists);
        if (folder is null) return $"libtorch is not here; to compare with it: {HowToGet}";
        var binding = Path.Combine(packages["Packages"], "torchsharp", "0.107.0", "runtimes", "linux-x64", "native", "libLibTorchSharp.so");
        try
        {
            foreach (var pattern in (ReadOnlySpan<string>)["libgomp*.so*", "libc10.so", "libtorch_cpu.so", "libtorch.so"])
                foreach (var library in Directory.GetFiles(folder, pattern)) NativeLibrary.Load(library);
            if (!NativeLibrary.TryLoad(binding, out _))
            {
                var older = Path.Combine(AppContext.BaseDirectory, "libLibTorchSharp.so");
                var elf = File.ReadAllBytes(binding);
                AskForLess(elf);
                File.WriteAllBytes(older, elf);
                NativeLibrary.Load(older);
            }

            torch.InitializeDeviceType(DeviceType.CPU);
            return null;
        }
        catch (Exception exception) when (exception is DllNotFoundException or TypeInitializationException or IOException or NotSupportedException)
        {
            return $"libtorch does not load: {exception.Message.Split('\n')[0]}";
        }
    }

    // In the ELF file: the version GLIBCXX_3.4.32 becomes one that may be missing, and the function that needs it becomes getpid, which is harmless to call.
    private static void AskForLess(byte[] elf)
    {
        const int DynamicSymbols = 11, VersionNeeds = 0x6ffffffe, SymbolVersions = 0x6fffffff;
        var sections = Enumerable.Range(0, Half(0x3C)).Select(i => Word(0x28) + i * Half(0x3A)).Select(at => (Type: Word(at + 4), Start: Word(at + 0x18), Size: Word(at + 0x20), Link: Word(at + 0x28))).ToArray();
        var needs = sections.Single(section => section.Type == VersionNeeds);
        for (int need = needs.Start, next = -1; next != 0; need += next = Word(need + 12))
            for (int i = 0, entry = need + Word(need + 8); i < Half(need + 2); i++, entry += Word(entry + 12))
                if (Text(sections[needs.Link].Start + Word(entry + 8)) == "GLIBCXX_3.4.32") elf[entry + 4] |= 2; // VER_FLG_WEAK
        var symbols = sections.Single(section => section.Type == DynamicSymbols);
        var versions = sections.Single(section => section.Type == SymbolVersions);
        for (var i = 0; i < symbols.Size / 24; i++)
        {
            var name = sections[symbols.Link].Start + Word(symbols.Start + i * 24);
            if (Text(name) != "_ZSt21ios_base_library_initv") continue;
            "getpid\0"u8.CopyTo(elf.AsSpan(name));
            BinaryPrimitives.WriteUInt16LittleEndian(elf.AsSpan(versions.Start + i * 2), 1); // of no version
        }

        int Half(int at) => BinaryPrimitives.ReadUInt16LittleEndian(elf.AsSpan(at));
        int Word(int at) => BinaryPrimitives.ReadInt32LittleEndian(elf.AsSpan(at));
        string Text(int at) => Encoding.ASCII.GetString(elf, at, Array.IndexOf(elf, (byte)0, at) - at);
    }
}
