using System.Linq;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace Tenfold.KernelGenerator;

/// <summary>Writes the micro-kernels of a depthwise 3x3 convolution of planes whose rows are read where they lie: up to 8 rows, a vector of neighbouring columns after the other.</summary>
/// <remarks>Only the first vector of a row has a border on its left and only the last one on its right: they move their lanes by one, so that nothing outside of the row is read.</remarks>
[Generator]
public sealed class PlaneRowKernels : IIncrementalGenerator
{
    private const int Rows = 8;

    public void Initialize(IncrementalGeneratorInitializationContext context) =>
        context.RegisterPostInitializationOutput(output => output.AddSource("PlaneRows512.g.cs", SourceText.From(Class(), Encoding.UTF8)));

    private static string Class()
    {
        var code = KernelClass.Begin("PlaneRows512", "Depthwise convolution of planes on Vector512, rows read where they lie.");
        for (var rows = 1; rows <= Rows; rows++) Tile(code, rows);
        code.AppendLine("    /// <summary>By the number of rows, less 1.</summary>");
        code.AppendLine($"    public static readonly delegate*<in PlaneRows, void>[] Tiles = [{string.Join(", ", Enumerable.Range(1, Rows).Select(rows => $"&Tile{rows}"))}];");
        code.AppendLine("}");
        return code.ToString();
    }

    private static void Tile(StringBuilder code, int rows)
    {
        code.AppendLine("    [MethodImpl(MethodImplOptions.AggressiveOptimization)]");
        code.AppendLine($"    private static void Tile{rows}(in PlaneRows t)");
        code.AppendLine("    {");
        code.AppendLine("        var w = t.W;");
        for (var k = 0; k < 9; k++) code.AppendLine($"        var w{k} = Vector512.Create(w[{k}]);");
        code.AppendLine("        var (bias, low, high) = (Vector512.Create(*t.Bias), Vector512.Create(t.Low), Vector512.Create(t.High));");
        code.AppendLine("        float* above = t.Above, first = t.X, below = t.Below, target = t.Y;");
        code.AppendLine("        var (row, last) = ((nint)t.Row, (nint)t.Row - 16);");
        code.AppendLine("        if (last <= 0)");
        code.AppendLine("        {");
        code.AppendLine("            var inside = Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(t.Row)).AsSingle();");
        Columns(code, rows, "0", left: true, right: true);
        code.AppendLine("            return;");
        code.AppendLine("        }");
        code.AppendLine("        {");
        Columns(code, rows, "0", left: true, right: false);
        code.AppendLine("        }");
        code.AppendLine("        for (nint at = 16; at < last; at += 16)");
        code.AppendLine("        {");
        Columns(code, rows, "at", left: false, right: false);
        code.AppendLine("        }");
        code.AppendLine("        {");
        Columns(code, rows, "last", left: false, right: true);
        code.AppendLine("        }");
        code.AppendLine("    }");
    }

    // a[r] = bias + sum over i and j of x[r + i - 1][at + j - 1] w[i][j], for the 16 columns from `at` on.
    private static void Columns(StringBuilder code, int rows, string at, bool left, bool right)
    {
        const string Align = "System.Runtime.Intrinsics.X86.Avx512F.AlignRight32";
        for (var r = 0; r < rows; r++) code.AppendLine($"            var a{r} = bias;");
        code.AppendLine($"            var x = above + {at};");
        for (var q = 0; q < rows + 2; q++)
        {
            if (q == 1) code.AppendLine($"            x = first + {at};");
            else if (q == rows + 1) code.AppendLine($"            x = below + {at};");
            else if (q > 0) code.AppendLine("            x += row;");
            code.AppendLine($"            var x{q}_1 = Vector512.Load(x){(left && right ? " & inside" : "")};");
            code.AppendLine($"            var x{q}_0 = {(left ? $"{Align}(x{q}_1.AsInt32(), Vector512<int>.Zero, 15).AsSingle()" : "Vector512.Load(x - 1)")};");
            code.AppendLine($"            var x{q}_2 = {(right ? $"{Align}(Vector512<int>.Zero, x{q}_1.AsInt32(), 1).AsSingle()" : "Vector512.Load(x + 1)")};");
            for (var j = 0; j < 3; j++)
                for (var r = 0; r < rows; r++)
                    if (q - r is var i && i >= 0 && i < 3) code.AppendLine($"            a{r} = Vector512.MultiplyAddEstimate(x{q}_{j}, w{i * 3 + j}, a{r});");
        }

        code.AppendLine($"            var y = target + {at};");
        for (var r = 0; r < rows; r++)
        {
            code.AppendLine($"            Vector512.MinNative(high, Vector512.MaxNative(low, a{r})).Store(y);");
            if (r + 1 < rows) code.AppendLine("            y += row;");
        }
    }
}
