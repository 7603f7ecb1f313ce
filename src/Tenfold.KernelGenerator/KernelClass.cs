using System.Text;

namespace Tenfold.KernelGenerator;

/// <summary>How every generated class of kernels begins.</summary>
internal static class KernelClass
{
    /// <param name="summary">What its methods do, a sentence.</param>
    public static StringBuilder Begin(string name, string summary)
    {
        var code = new StringBuilder();
        code.AppendLine("#nullable enable");
        code.AppendLine("using System;");
        code.AppendLine("using System.Numerics;");
        code.AppendLine("using System.Runtime.CompilerServices;");
        code.AppendLine("using System.Runtime.Intrinsics;");
        code.AppendLine("using System.Runtime.Intrinsics.X86;");
        code.AppendLine("namespace Tenfold.Kernels;");
        code.AppendLine($"/// <summary>{summary}</summary>");
        code.AppendLine($"internal static unsafe class {name}");
        code.AppendLine("{");
        return code;
    }
}
