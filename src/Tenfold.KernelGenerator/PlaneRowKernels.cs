using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Tenfold.KernelGenerator;

/// <summary>Writes the micro-kernels of a depthwise 3x3 convolution of planes whose rows are read where they lie: up to 8 rows, a vector of neighbouring columns after the other.</summary>
/// <remarks>
/// Only the first vector of a row has a border on its left and only the last one on its right, so that nothing outside of the row is read. At stride 2 the even and the odd columns of two
/// vectors are those of the middle and the right taps; the left ones are the odd columns moved by one lane.
/// <code>
/// stride 1    x | 0 1 2 3 ...    left | z 0 1 2    middle | 0 1 2 3    right | 1 2 3 4
/// stride 2    x | 0 1 2 3 ...    left | z 1 3 5    middle | 0 2 4 6    right | 1 3 5 7
/// </code>
/// </remarks>
internal static class PlaneRowKernels
{
    private const int Rows = 8;
    private const string Align = "Avx512F.AlignRight32", Choose = "Avx512F.PermuteVar16x32x2";

    public static IEnumerable<(string Name, string Code)> Classes() => new[] { ("PlaneRows512", Class()) };

    private static string Class()
    {
        var code = KernelClass.Begin("PlaneRows512", "Depthwise convolution of planes on Vector512, rows read where they lie.");
        foreach (var stride in new[] { 1, 2 })
        {
            for (var rows = 1; rows <= Rows; rows++) Tile(code, stride, rows);
            code.AppendLine("    /// <summary>By the number of rows, less 1.</summary>");
            code.AppendLine($"    public static readonly delegate*<in PlaneRows, void>[] TilesBy{stride} = [{string.Join(", ", Enumerable.Range(1, Rows).Select(rows => $"&Tile{rows}By{stride}"))}];");
        }

        code.AppendLine("}");
        return code.ToString();
    }

    private static void Tile(StringBuilder code, int stride, int rows)
    {
        code.AppendLine("    [MethodImpl(MethodImplOptions.AggressiveOptimization)]");
        code.AppendLine($"    private static void Tile{rows}By{stride}(in PlaneRows t)");
        code.AppendLine("    {");
        code.AppendLine("        var w = t.W;");
        for (var k = 0; k < 9; k++) code.AppendLine($"        var w{k} = Vector512.Create(w[{k}]);");
        code.AppendLine("        var (bias, low, high) = (Vector512.Create(*t.Bias), Vector512.Create(t.Low), Vector512.Create(t.High));");
        code.AppendLine("        float* above = t.Above, first = t.X, below = t.Below, target = t.Y;");
        code.AppendLine("        var (xRow, yRow, last) = ((nint)t.XRow, (nint)t.YRow, (nint)t.YRow - 16);");
        if (stride == 2)
        {
            code.AppendLine("        var even = Vector512<int>.Indices * 2;");
            code.AppendLine("        var odd = even + Vector512<int>.One;");
        }

        code.AppendLine("        if (last <= 0)");
        code.AppendLine("        {");
        code.AppendLine("            var inside = Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(t.XRow)).AsSingle();");
        if (stride == 2)
        {
            code.AppendLine("            nint second = t.XRow > 16 ? 16 : 0;");
            code.AppendLine("            var behind = Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(t.XRow - 16)).AsSingle();");
        }

        Columns(code, stride, rows, "0", left: true, right: true);
        code.AppendLine("            return;");
        code.AppendLine("        }");
        code.AppendLine("        {");
        Columns(code, stride, rows, "0", left: true, right: false);
        code.AppendLine("        }");
        code.AppendLine("        for (nint at = 16; at < last; at += 16)");
        code.AppendLine("        {");
        Columns(code, stride, rows, "at", left: false, right: false);
        code.AppendLine("        }");
        code.AppendLine("        {");
        if (stride == 2) code.AppendLine("            var behind = Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(t.XRow - 2 * (int)last - 16)).AsSingle();");
        Columns(code, stride, rows, "last", left: false, right: true);
        code.AppendLine("        }");
        code.AppendLine("    }");
    }

    // a[r] = bias + sum over i and j of x[r stride + i - 1][at stride + j - 1] w[i][j], for the 16 columns from `at` on.
    private static void Columns(StringBuilder code, int stride, int rows, string at, bool left, bool right)
    {
        var (inputs, place) = ((rows - 1) * stride + 3, stride == 1 ? at : $"2 * {at}");
        for (var r = 0; r < rows; r++) code.AppendLine($"            var a{r} = bias;");
        code.AppendLine($"            var x = above + {place};");
        for (var q = 0; q < inputs; q++)
        {
            if (q == 1) code.AppendLine($"            x = first + {place};");
            else if (q == inputs - 1) code.AppendLine($"            x = below + {place};");
            else if (q > 0) code.AppendLine("            x += xRow;");
            if (stride == 1)
            {
                code.AppendLine($"            var x{q}_1 = Vector512.Load(x){(left && right ? " & inside" : "")};");
                code.AppendLine($"            var x{q}_0 = {(left ? $"{Align}(x{q}_1.AsInt32(), Vector512<int>.Zero, 15).AsSingle()" : "Vector512.Load(x - 1)")};");
                code.AppendLine($"            var x{q}_2 = {(right ? $"{Align}(Vector512<int>.Zero, x{q}_1.AsInt32(), 1).AsSingle()" : "Vector512.Load(x + 1)")};");
            }
            else
            {
                code.AppendLine($"            var p{q} = Vector512.Load(x){(left && right ? " & inside" : "")};");
                code.AppendLine($"            var n{q} = Vector512.Load(x + {(left && right ? "second" : "16")}){(right ? " & behind" : "")};");
                code.AppendLine($"            var x{q}_1 = {Choose}(p{q}, even, n{q});");
                code.AppendLine($"            var x{q}_2 = {Choose}(p{q}, odd, n{q});");
                code.AppendLine($"            var x{q}_0 = {Align}(x{q}_2.AsInt32(), {(left ? "Vector512<int>.Zero" : "Vector512.Create(x[-1]).AsInt32()")}, 15).AsSingle();");
            }

            foreach (var j in stride == 1 ? new[] { 0, 1, 2 } : new[] { 1, 2, 0 })
                for (var r = 0; r < rows; r++)
                    if (q - r * stride is var i && i >= 0 && i < 3) code.AppendLine($"            a{r} = Vector512.MultiplyAddEstimate(x{q}_{j}, w{i * 3 + j}, a{r});");
        }

        code.AppendLine($"            var y = target + {at};");
        for (var r = 0; r < rows; r++)
        {
            code.AppendLine($"            Vector512.MinNative(high, Vector512.MaxNative(low, a{r})).Store(y);");
            if (r + 1 < rows) code.AppendLine("            y += yRow;");
        }
    }
}
