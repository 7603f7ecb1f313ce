using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Tenfold.KernelGenerator;

/// <summary>Writes the micro-kernels of 3x3 convolutions in groups of few channels, for every vector width.</summary>
/// <remarks>
/// <code>
/// groups of 4:   x     | a b c d | e f g h | ...     sums over the channels of a group: every lane of y meets each lane of its group
///                x^1   | b a d c | f e h g | ...     in turn, in x with its lanes exchanged
///                x^2   | c d a b | g h e f | ...
///                x^3   | d c b a | h g f e | ...
/// </code>
/// One column of taps at a time runs down a column of pixels: its weights, three for each exchange, stay in registers, a pixel is loaded and exchanged once for the three rows
/// that read it, and nothing else is loaded.
/// </remarks>
internal static class GroupKernels
{
    private static readonly (string Name, string Vector, int Lanes)[] s_widths = { ("Group512", "Vector512", 16), ("Group256", "Vector256", 8), ("Group128", "Vector128", 4) };

    private static readonly int[] s_planes = { 2, 4, 8 };

    public static IEnumerable<(string Name, string Code)> Classes() => s_widths.Select(width => (width.Name, Class(width.Name, width.Vector, width.Lanes)));

    private static string Class(string name, string vector, int lanes)
    {
        var code = KernelClass.Begin(name, $"Convolution in groups of few channels on {vector}.");
        foreach (var planes in s_planes) Column(code, vector, lanes, planes, first: 0, stride: 1);
        Column(code, vector, lanes, planes: 8, first: 8, stride: 1);
        foreach (var planes in s_planes) Column(code, vector, lanes, planes, first: 0, stride: 2);
        code.AppendLine("    /// <summary>Of 2, 4 and 8 exchanges, from 0 on; and of 8 from 8 on.</summary>");
        code.AppendLine("    public static readonly delegate*<in GroupColumn, void>[] Columns = [&Column2From0By1, &Column4From0By1, &Column8From0By1, &Column8From8By1];");
        code.AppendLine("    /// <summary>Of 2, 4 and 8 exchanges, at stride 2.</summary>");
        code.AppendLine("    public static readonly delegate*<in GroupColumn, void>[] Strided = [&Column2From0By2, &Column4From0By2, &Column8From0By2];");
        Input(code, vector, lanes);
        Output(code, vector, lanes);
        code.AppendLine("}");
        return code.ToString();
    }

    // y[r] = init[r] + sum over i and k of x[r stride + i]^k w[k][i], i = 0, 1, 2. Sums that are under way rotate: a ends in this row, b in the next, c begins.
    private static void Column(StringBuilder code, string vector, int lanes, int planes, int first, int stride)
    {
        code.AppendLine("    [MethodImpl(MethodImplOptions.AggressiveOptimization)]");
        code.AppendLine($"    private static void Column{planes}From{first}By{stride}(in GroupColumn t)");
        code.AppendLine("    {");
        code.AppendLine("        var (xRow, initRow, yRow, rows) = (t.XRow, t.InitRow, t.YRow, t.Rows);");
        code.AppendLine(lanes == 16 ? "        const int lane = 0;" : $"        for (var lane = 0; lane < 16; lane += {lanes})");
        code.AppendLine("        {");
        for (var k = 0; k < planes; k++)
            for (var i = 0; i < 3; i++) code.AppendLine($"            var w{k}_{i} = {vector}.Load(t.W + {(k * 3 + i) * 16} + lane);");
        code.AppendLine("            float* init = t.Init + lane, y = t.Y + lane;");
        // Where the lanes lie in memory that an exchange beyond a vector reads.
        var beyond = Enumerable.Range(first, planes).Select(k => k / lanes * lanes).Distinct().Where(k => lanes < 16).ToArray();
        if (lanes == 16) code.AppendLine("            var x = t.X;");
        foreach (var k in beyond) code.AppendLine($"            var x{k} = t.X + (lane ^ {k});");
        if (stride == 1)
        {
            code.AppendLine($"            {vector}<float> a, b, c;");
            Row("c", null, null);
            Next();
            code.AppendLine("            b = c;");
            Row("c", "b", null);
            code.AppendLine("            for (var n = rows - 2; n > 0; n--)");
            code.AppendLine("            {");
            Next();
            code.AppendLine("            (a, b) = (b, c);");
            Row("c", "b", "a");
            Put();
            code.AppendLine("            }");
            Next();
            code.AppendLine("            (a, b) = (b, c);");
            Row(null, "b", "a");
            Put();
            Next();
            code.AppendLine("            a = b;");
            Row(null, null, "a");
            Put();
        }
        else
        {
            code.AppendLine($"            {vector}<float> a, c, a2, c2;");
            Row("c", null, null);
            code.AppendLine("            for (var n = rows - 1; n > 0; n--)");
            code.AppendLine("            {");
            Next();
            Row(null, "c", null);
            Next();
            code.AppendLine("            (a, a2) = (c, c2);");
            Row("c", null, "a");
            Put();
            code.AppendLine("            }");
            Next();
            Row(null, "c", null);
            Next();
            code.AppendLine("            (a, a2) = (c, c2);");
            Row(null, null, "a");
            Put();
        }

        code.AppendLine("        }");
        code.AppendLine("    }");

        void Next()
        {
            if (lanes == 16) code.AppendLine("            x += xRow;");
            foreach (var k in beyond) code.AppendLine($"            x{k} += xRow;");
        }

        void Put()
        {
            code.AppendLine($"            {(stride == 1 ? "a" : "(a + a2)")}.Store(y);");
            code.AppendLine("            y += yRow;");
        }

        // One row of x: tap 0 of the sum that begins, tap 1 of the next, tap 2 of the one that ends.
        void Row(string? begins, string? goes, string? ends)
        {
            code.AppendLine("            {");
            if (begins != null)
            {
                code.AppendLine($"                {begins} = {vector}.Load(init);");
                code.AppendLine("                init += initRow;");
            }

            for (var k = first; k < first + planes; k++)
            {
                code.AppendLine($"                var v{k} = {Lanes(k)};");
                var (chain, starts) = (stride == 2 && k % 2 == 1 ? "2" : "", stride == 2 && k == 1); // at stride 2 two sums are under way, too few to hide how long an addition takes
                if (ends != null) code.AppendLine($"                {ends}{chain} = {vector}.MultiplyAddEstimate(v{k}, w{k - first}_2, {ends}{chain});");
                if (goes != null) code.AppendLine($"                {goes}{chain} = {vector}.MultiplyAddEstimate(v{k}, w{k - first}_1, {goes}{chain});");
                if (begins != null) code.AppendLine($"                {begins}{chain} = {(starts ? $"v{k} * w{k - first}_0" : $"{vector}.MultiplyAddEstimate(v{k}, w{k - first}_0, {begins}{chain})")};");
            }

            code.AppendLine("            }");
        }

        // The lanes of a row of x, lane l in the place of lane l ^ k.
        string Lanes(int k) => (k & 3) != 0 ? Exchange($"v{k & ~3}", k & 3)
            : (k & 4) != 0 && lanes > 4 ? Exchange($"v{k & ~4}", 4)
            : (k & 8) != 0 && lanes > 8 ? Exchange($"{vector}.Load(x)", 8)
            : $"{vector}.Load({(lanes == 16 ? "x" : $"x{k}")})";

        string Exchange(string v, int k) => (k, lanes) switch
        {
            (8, _) => $"Avx512F.Shuffle4x128({v}, {v}, 0x4E)",
            (4, 16) => $"Avx512F.Permute4x64({v}.AsDouble(), 0x4E).AsSingle()",
            (4, _) => $"Avx2.Permute4x64({v}.AsDouble(), 0x4E).AsSingle()",
            (_, 16) => $"Avx512F.Permute4x32({v}, {k ^ 0 | (k ^ 1) << 2 | (k ^ 2) << 4 | (k ^ 3) << 6})",
            (_, 8) => $"Avx.Permute({v}, {k ^ 0 | (k ^ 1) << 2 | (k ^ 2) << 4 | (k ^ 3) << 6})",
            _ => $"Vector128.Shuffle({v}, Vector128.Create({k ^ 0}, {k ^ 1}, {k ^ 2}, {k ^ 3}))",
        };
    }

    // Rows of six neighbouring pixels to the six numbers of F(4, 3), each a column of its own.
    private static void Input(StringBuilder code, string vector, int lanes)
    {
        var constants = new WinogradTransforms.Constants(vector);
        var pass = new StringBuilder();
        WinogradTransforms.InputPass(pass, vector, constants, WinogradTransforms.Four,
            i => $"from <= {i} && to > {i} ? {vector}.Load(x + {i} * pixel) : default", i => $"v + {i} * t.VStep");
        code.AppendLine("    [MethodImpl(MethodImplOptions.AggressiveOptimization)]");
        code.AppendLine("    public static void Input(in GroupRows t)");
        code.AppendLine("    {");
        code.Append(constants.Declarations);
        code.AppendLine("        var (from, to, pixel) = (t.From, t.To, t.Pixel);");
        code.AppendLine($"        for (var lane = 0; lane < 16; lane += {lanes})");
        code.AppendLine("        {");
        code.AppendLine("            float* x = t.X + lane, v = t.V + lane;");
        code.AppendLine("            for (var n = t.Rows; n > 0; n--)");
        code.AppendLine("            {");
        code.Append(pass);
        code.AppendLine("                x += t.Row;");
        code.AppendLine("                v += 16;");
        code.AppendLine("            }");
        code.AppendLine("        }");
        code.AppendLine("    }");
    }

    // Six columns of products to rows of up to four pixels, with what follows.
    private static void Output(StringBuilder code, string vector, int lanes)
    {
        var constants = new WinogradTransforms.Constants(vector);
        var pass = new StringBuilder();
        WinogradTransforms.OutputPass(pass, vector, constants, WinogradTransforms.Four, 4, i => $"{vector}.Load(m + {i} * t.VStep)");
        code.AppendLine("    [MethodImpl(MethodImplOptions.AggressiveOptimization)]");
        code.AppendLine("    public static void Output(in GroupRows t)");
        code.AppendLine("    {");
        code.Append(constants.Declarations);
        code.AppendLine("        var (columns, pixel) = (t.To, t.Pixel);");
        code.AppendLine($"        var (firstLow, firstHigh, low, high) = ({vector}.Create(t.FirstLow), {vector}.Create(t.FirstHigh), {vector}.Create(t.Low), {vector}.Create(t.High));");
        code.AppendLine($"        for (var lane = 0; lane < 16; lane += {lanes})");
        code.AppendLine("        {");
        code.AppendLine("            float* y = t.X + lane, m = t.V + lane, add = t.Add == null ? null : t.Add + lane;");
        code.AppendLine($"            var bias = {vector}.Load(t.Bias + lane);");
        code.AppendLine("            for (var n = t.Rows; n > 0; n--)");
        code.AppendLine("            {");
        code.Append(pass);
        for (var k = 0; k < 4; k++) code.AppendLine($"                y{k} += bias;");
        code.AppendLine("                if (add != null)");
        code.AppendLine("                {");
        for (var k = 0; k < 4; k++) code.AppendLine($"                    {(k > 0 ? $"if (columns > {k}) " : "")}y{k} = {vector}.MinNative(firstHigh, {vector}.MaxNative(firstLow, y{k})) + {vector}.Load(add + {k} * pixel);");
        code.AppendLine("                    add += t.Row;");
        code.AppendLine("                }");
        for (var k = 0; k < 4; k++) code.AppendLine($"                {(k > 0 ? $"if (columns > {k}) " : "")}{vector}.MinNative(high, {vector}.MaxNative(low, y{k})).Store(y + {k} * pixel);");
        code.AppendLine("                y += t.Row;");
        code.AppendLine("                m += 16;");
        code.AppendLine("            }");
        code.AppendLine("        }");
        code.AppendLine("    }");
    }
}
