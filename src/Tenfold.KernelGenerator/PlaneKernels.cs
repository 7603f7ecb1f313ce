using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Tenfold.KernelGenerator;

/// <summary>Writes the micro-kernels of convolution on planes, a vector of neighbouring columns at a time: up to 8 rows of a depthwise convolution, or
/// a few rows of four output channels that read the same input channels.</summary>
/// <remarks>
/// A row of the input is loaded once for each tap along it and serves all rows of outputs that read it: 8 rows of a 3x3 kernel are 72
/// multiply-adds on 30 loads.
/// </remarks>
internal static class PlaneKernels
{
    private const int Rows = 8, Outs = 4;

    public static IEnumerable<(string Name, string Code)> Classes() => new[] { ("Plane512", Class("Plane512", "Vector512")), ("PlaneAny", Class("PlaneAny", "Vector")) };

    private static string Class(string name, string vector)
    {
        var code = KernelClass.Begin(name, $"Depthwise convolution of planes on {vector}.");
        foreach (var stride in new[] { 1, 2 })
            foreach (var kernel in new[] { 3, 5 })
            {
                for (var rows = 1; rows <= Rows; rows++) Tile(code, vector, kernel, stride, rows);
                code.AppendLine("    /// <summary>By the number of rows, less 1.</summary>");
                code.AppendLine($"    public static readonly delegate*<in PlaneTile, void>[] Tiles{kernel}By{stride} = [{string.Join(", ", Enumerable.Range(1, Rows).Select(rows => $"&Tile{kernel}By{stride}x{rows}"))}];");
            }

        const int most = 4;
        code.AppendLine("    /// <summary>Rows of four output channels that are computed together: as their sums fit into 32 registers or 16.</summary>");
        code.AppendLine(vector == "Vector512" ? $"    public const int Most = {most};" : $"    public static int Most => System.Runtime.Intrinsics.Arm.AdvSimd.IsSupported ? {most} : {most / 2};");
        foreach (var stride in new[] { 1, 2 })
        {
            for (var rows = 1; rows <= most; rows++) Group(code, vector, 3, stride, rows);
            code.AppendLine("    /// <summary>By the number of rows, less 1.</summary>");
            code.AppendLine($"    public static readonly delegate*<in PlaneTile, void>[] Groups3By{stride} = [{string.Join(", ", Enumerable.Range(1, most).Select(rows => $"&Group3By{stride}x{rows}"))}];");
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
        code.AppendLine($"        var (bias, low, high) = ({Create(vector, "*t.Bias")}, {Create(vector, "t.Low")}, {Create(vector, "t.High")});");
        code.AppendLine("        for (var at = t.First; ;)");
        code.AppendLine("        {");
        for (var r = 0; r < rows; r++) code.AppendLine($"            var a{r} = bias;");
        var inputs = (rows - 1) * stride + kernel;
        if (kept)
        {
            code.AppendLine("            var x = t.X + at;");
            for (var q = 0; q < inputs; q++)
            {
                for (var j = 0; j < kernel; j++) Row($"x{q}_{j}", $"x + o{j}", q, i => $"w{i * kernel + j}");
                if (q + 1 < inputs) code.AppendLine("            x += xRow;");
            }
        }
        else
        {
            // A column of weights at a time, loaded once and not for each row of the input: loads are what there are too many of, for most of x lie across two lines of the cache.
            for (var j = 0; j < kernel; j++)
            {
                code.AppendLine($"            var x{j} = t.X + at + o{j};");
                for (var i = 0; i < kernel; i++) code.AppendLine($"            var w{i}_{j} = {Create(vector, $"w[{i * kernel + j}]")};");
                for (var q = 0; q < inputs; q++)
                {
                    Row($"x{q}_{j}", $"x{j}", q, i => $"w{i}_{j}");
                    if (q + 1 < inputs) code.AppendLine($"            x{j} += xRow;");
                }
            }
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

        // Row q of the input, shifted by a tap, for all rows of outputs that read it.
        void Row(string x, string place, int q, Func<int, string> weight)
        {
            code.AppendLine($"            var {x} = {vector}.Load({place});");
            for (var r = 0; r < rows; r++)
                if (q - r * stride is var i && i >= 0 && i < kernel) code.AppendLine($"            a{r} = {vector}.MultiplyAddEstimate({x}, {weight(i)}, a{r});");
        }
    }

    // The same for four output channels: a[o][r] = bias[o] + sum over planes, i and j of x[plane][r stride + i][offset j] w[plane][o][i][j].
    private static void Group(StringBuilder code, string vector, int kernel, int stride, int rows)
    {
        code.AppendLine("    [MethodImpl(MethodImplOptions.AggressiveOptimization)]");
        code.AppendLine($"    private static void Group{kernel}By{stride}x{rows}(in PlaneTile t)");
        code.AppendLine("    {");
        code.AppendLine("        var (xRow, yRow, xPlane, last) = ((nint)t.XRow, (nint)t.YRow, (nint)t.XPlane, t.Last);");
        for (var j = 0; j < kernel; j++) code.AppendLine($"        nint o{j} = t.Offsets[{j}];");
        code.AppendLine("        for (var at = t.First; ;)");
        code.AppendLine("        {");
        for (var o = 0; o < Outs; o++)
            for (var r = 0; r < rows; r++) code.AppendLine($"            var a{o}_{r} = {(r == 0 ? Create(vector, $"t.Bias[{o}]") : $"a{o}_0")};");
        code.AppendLine("            var w = t.W;");
        code.AppendLine("            var plane = t.X + at;");
        code.AppendLine("            for (var planes = t.Planes; planes > 0; planes--)");
        code.AppendLine("            {");
        // Row by row of the kernel, in a loop: unrolled, the JIT would keep all that is loaded twice, on the stack.
        code.AppendLine("                var x0 = plane;");
        code.AppendLine($"                for (var i = {kernel}; i > 0; i--)");
        code.AppendLine("                {");
        for (var r = 1; r < rows; r++) code.AppendLine($"                    var x{r} = x{r - 1} + {(stride == 1 ? "xRow" : $"{stride} * xRow")};");
        for (var j = 0; j < kernel; j++)
        {
            for (var o = 0; o < Outs; o++) code.AppendLine($"                    var w{j}_{o} = {Create(vector, $"w[{o * kernel * kernel + j}]")};");
            for (var r = 0; r < rows; r++)
            {
                code.AppendLine($"                    var v{j}_{r} = {vector}.Load(x{r} + o{j});");
                for (var o = 0; o < Outs; o++) code.AppendLine($"                    a{o}_{r} = {vector}.MultiplyAddEstimate(v{j}_{r}, w{j}_{o}, a{o}_{r});");
            }
        }

        code.AppendLine("                    x0 += xRow;");
        code.AppendLine($"                    w += {kernel};");
        code.AppendLine("                }");
        code.AppendLine("                plane += xPlane;");
        code.AppendLine($"                w += {(Outs - 1) * kernel * kernel};");
        code.AppendLine("            }");
        code.AppendLine($"            var (low, high) = ({Create(vector, "t.Low")}, {Create(vector, "t.High")});");
        for (var o = 0; o < Outs; o++)
        {
            code.AppendLine($"            {(o == 0 ? "var " : "")}y = t.Y + at{(o == 0 ? "" : $" + {o} * (nint)t.YPlane")};");
            for (var r = 0; r < rows; r++)
            {
                code.AppendLine($"            {vector}.MinNative(high, {vector}.MaxNative(low, a{o}_{r})).Store(y);");
                if (r + 1 < rows) code.AppendLine("            y += yRow;");
            }
        }

        code.AppendLine("            if (at == last) return;");
        code.AppendLine($"            at = Math.Min(at + {(vector == "Vector" ? "Vector<float>.Count" : "16")}, last);");
        code.AppendLine("        }");
        code.AppendLine("    }");
    }

    private static string Create(string vector, string value) => vector == "Vector" ? $"new Vector<float>({value})" : $"{vector}.Create({value})";
}
