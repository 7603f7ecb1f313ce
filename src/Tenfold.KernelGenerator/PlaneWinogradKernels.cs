using System.Collections.Generic;
using System.Text;

namespace Tenfold.KernelGenerator;

/// <summary>Writes the kernels of Winograd's F(4, 3) along columns on planes, for 512-bit vectors: the six sums of four output channels fill 24 registers, fewer would not hold them.</summary>
internal static class PlaneWinogradKernels
{
    private const string Vector = "Vector512";
    private const int Outs = 4, Size = 6;

    public static IEnumerable<(string Name, string Code)> Classes() => new[] { ("PlaneWinograd512", Class()) };

    private static string Class()
    {
        var code = KernelClass.Begin("PlaneWinograd512", "Winograd's F(4, 3) along the columns of planes on Vector512.");
        Input(code);
        Products(code);
        code.AppendLine("}");
        return code.ToString();
    }

    // Six rows of a plane to the six numbers, each a row; behind the last column they are 0.
    private static void Input(StringBuilder code)
    {
        var constants = new WinogradTransforms.Constants(Vector);
        var (whole, last) = (new StringBuilder(), new StringBuilder());
        WinogradTransforms.InputPass(whole, Vector, constants, WinogradTransforms.Four, i => $"{Vector}.Load(x{i} + at)", i => $"v + {i} * row + at");
        WinogradTransforms.InputPass(last, Vector, constants, WinogradTransforms.Four, i => $"({Vector}.Load(x{i} + at) & some)", i => $"v + {i} * row + at");
        code.AppendLine("    [MethodImpl(MethodImplOptions.AggressiveOptimization)]");
        code.AppendLine("    public static void Input(float** x, int width, float* v, nint row)");
        code.AppendLine("    {");
        code.Append(constants.Declarations);
        for (var i = 0; i < Size; i++) code.AppendLine($"        var x{i} = x[{i}];");
        code.AppendLine("        nint at = 0;");
        code.AppendLine("        for (; at + 16 <= width; at += 16)");
        code.AppendLine("        {");
        code.Append(whole);
        code.AppendLine("        }");
        code.AppendLine("        if (at < width)");
        code.AppendLine("        {");
        code.AppendLine("            var some = Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(width - (int)at)).AsSingle();");
        code.Append(last);
        code.AppendLine("        }");
        code.AppendLine("    }");
    }

    // m[o][p] = sum over planes and j of v[plane][p][offset j] w[plane][p][j][o], then four rows of each output channel.
    private static void Products(StringBuilder code)
    {
        var constants = new WinogradTransforms.Constants(Vector);
        var passes = new string[Outs];
        for (var o = 0; o < Outs; o++)
        {
            var pass = new StringBuilder();
            WinogradTransforms.OutputPass(pass, Vector, constants, WinogradTransforms.Four, 4, i => $"a{o}_{i}");
            passes[o] = pass.ToString();
        }

        code.AppendLine("    [MethodImpl(MethodImplOptions.AggressiveOptimization)]");
        code.AppendLine("    public static void Products(in PlaneWinogradTile t)");
        code.AppendLine("    {");
        code.AppendLine("        var (row, plane, next, nextNext, last, rows) = (t.VRow, t.VPlane, t.Tap, 2 * t.Tap, t.Last, t.Rows);");
        code.AppendLine("        for (var at = 0; ; at = Math.Min(at + 16, last))");
        code.AppendLine("        {");
        for (var o = 0; o < Outs; o++)
            for (var p = 0; p < Size; p++) code.AppendLine($"            var a{o}_{p} = {Vector}<float>.Zero;");
        code.AppendLine("            var w = t.W;");
        code.AppendLine("            var v = t.V + at;");
        code.AppendLine("            for (var planes = t.Planes; planes > 0; planes--)");
        code.AppendLine("            {");
        code.AppendLine("                var x = v;");
        for (var p = 0; p < Size; p++)
        {
            for (var j = 0; j < 3; j++)
            {
                code.AppendLine($"                var v{p}_{j} = {Vector}.Load(x{(j == 0 ? "" : j == 1 ? " + next" : " + nextNext")});");
                for (var o = 0; o < Outs; o++) code.AppendLine($"                a{o}_{p} = {Vector}.MultiplyAddEstimate(v{p}_{j}, {Vector}.Create(w[{(p * 3 + j) * Outs + o}]), a{o}_{p});");
            }

            if (p + 1 < Size) code.AppendLine("                x += row;");
        }

        code.AppendLine("                v += plane;");
        code.AppendLine($"                w += {Size * 3 * Outs};");
        code.AppendLine("            }");
        code.AppendLine("            var y = t.Y + at;");
        code.AppendLine("            var yRow = t.YRow;");
        code.AppendLine($"            var (low, high) = ({Vector}.Create(t.Low), {Vector}.Create(t.High));");
        code.Append(constants.Declarations);
        for (var o = 0; o < Outs; o++)
        {
            code.AppendLine("            {");
            code.Append(passes[o]);
            code.AppendLine($"                var bias = {Vector}.Create(t.Bias[{o}]);");
            for (var r = 0; r < 4; r++)
                code.AppendLine($"                {(r > 0 ? $"if (rows > {r}) " : "")}{Vector}.MinNative(high, {Vector}.MaxNative(low, y{r} + bias)).Store(y{(r > 0 ? $" + {r} * yRow" : "")});");
            code.AppendLine("                y += t.YPlane;");
            code.AppendLine("            }");
        }

        code.AppendLine("            if (at == last) return;");
        code.AppendLine("        }");
        code.AppendLine("    }");
    }
}
