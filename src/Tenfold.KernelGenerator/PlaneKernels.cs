using System.Linq;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace Tenfold.KernelGenerator;

/// <summary>Writes the micro-kernels of depthwise convolution on planes: up to 8 rows of outputs, a vector of neighbouring columns at a time.</summary>
/// <remarks>
/// A row of the input is loaded once for each tap along it and serves all rows of outputs that read it: 8 rows of a 3x3 kernel are 72
/// multiply-adds on 30 loads.
/// </remarks>
[Generator]
public sealed class PlaneKernels : IIncrementalGenerator
{
    private const int Rows = 8;

    public void Initialize(IncrementalGeneratorInitializationContext context) => context.RegisterPostInitializationOutput(output =>
    {
        foreach (var (name, vector) in new[] { ("Plane512", "Vector512"), ("PlaneAny", "Vector") }) output.AddSource(name + ".g.cs", SourceText.From(Class(name, vector), Encoding.UTF8));
    });

    private static string Class(string name, string vector)
    {
        var code = new StringBuilder();
        code.AppendLine("#nullable enable");
        code.AppendLine("using System;");
        code.AppendLine("using System.Numerics;");
        code.AppendLine("using System.Runtime.CompilerServices;");
        code.AppendLine("using System.Runtime.Intrinsics;");
        code.AppendLine("namespace Tenfold.Kernels;");
        code.AppendLine($"/// <summary>Depthwise convolution of planes on {vector}.</summary>");
        code.AppendLine($"internal static unsafe class {name}");
        code.AppendLine("{");
        foreach (var stride in new[] { 1, 2 })
            foreach (var kernel in new[] { 3, 5 })
            {
                for (var rows = 1; rows <= Rows; rows++) Tile(code, vector, kernel, stride, rows);
                code.AppendLine("    /// <summary>By the number of rows, less 1.</summary>");
                code.AppendLine($"    public static readonly delegate*<in PlaneTile, void>[] Tiles{kernel}By{stride} = [{string.Join(", ", Enumerable.Range(1, Rows).Select(rows => $"&Tile{kernel}By{stride}x{rows}"))}];");
            }

        code.AppendLine("}");
        return code.ToString();
    }

    // a[r] = bias + sum over i and j of x[r stride + i][offset j] w[i][j], for one vector of columns after the other.
    private static void Tile(StringBuilder code, string vector, int kernel, int stride, int rows)
    {
        var kept = kernel == 3; // nine weights stay in registers beside the sums, more do not
        code.AppendLine("    [MethodImpl(MethodImplOptions.AggressiveOptimization)]");
        code.AppendLine($"    private static void Tile{kernel}By{stride}x{rows}(in PlaneTile t)");
        code.AppendLine("    {");
        code.AppendLine("        var w = t.W;");
        code.AppendLine("        var (xRow, yRow, last) = ((nint)t.XRow, (nint)t.YRow, t.Last);");
        for (var j = 0; j < kernel; j++) code.AppendLine($"        nint o{j} = t.Offsets[{j}];");
        if (kept)
            for (var k = 0; k < kernel * kernel; k++) code.AppendLine($"        var w{k} = {Create(vector, $"w[{k}]")};");
        code.AppendLine($"        var (bias, low, high) = ({Create(vector, "t.Bias")}, {Create(vector, "t.Low")}, {Create(vector, "t.High")});");
        code.AppendLine("        for (var at = t.First; ;)");
        code.AppendLine("        {");
        code.AppendLine("            var x = t.X + at;");
        for (var r = 0; r < rows; r++) code.AppendLine($"            var a{r} = bias;");
        var inputs = (rows - 1) * stride + kernel;
        for (var q = 0; q < inputs; q++)
        {
            for (var j = 0; j < kernel; j++)
            {
                code.AppendLine($"            var x{q}_{j} = {vector}.Load(x + o{j});");
                for (var r = 0; r < rows; r++)
                    if (q - r * stride is var i && i >= 0 && i < kernel)
                        code.AppendLine($"            a{r} = {vector}.FusedMultiplyAdd(x{q}_{j}, {(kept ? $"w{i * kernel + j}" : Create(vector, $"w[{i * kernel + j}]"))}, a{r});");
            }

            if (q + 1 < inputs) code.AppendLine("            x += xRow;");
        }

        code.AppendLine("            var y = t.Y + at;");
        for (var r = 0; r < rows; r++)
        {
            code.AppendLine($"            {vector}.MinNative(high, {vector}.MaxNative(low, a{r})).Store(y);");
            if (r + 1 < rows) code.AppendLine("            y += yRow;");
        }

        code.AppendLine("            if (at == last) return;");
        code.AppendLine($"            at = Math.Min(at + {(vector == "Vector" ? "Vector<float>.Count" : "16")}, last);");
        code.AppendLine("        }");
        code.AppendLine("    }");
    }

    private static string Create(string vector, string value) => vector == "Vector" ? $"new Vector<float>({value})" : $"{vector}.Create({value})";
}
