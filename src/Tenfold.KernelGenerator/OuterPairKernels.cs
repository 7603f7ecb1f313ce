using System.Collections.Generic;
using System.Text;

namespace Tenfold.KernelGenerator;

/// <summary>Writes the outer product whose products come in pairs, for processors that add beside the multiply-adds.</summary>
/// <remarks>
/// Winograd's inner product (S. Winograd, A New Algorithm for Inner Product, 1968): one multiplication for the products of two pixels p and q,
/// <code>
///     (x[p] + d[q]) (x[q] + d[p]) = x[p] d[p] + x[q] d[q] + x[p] x[q] + d[p] d[q]
/// </code>
/// What is too much depends on the input channel alone or on the output channel alone: a vector of each, summed on the side. Every third pixel is an ordinary
/// product, so that for three products there are two additions and two multiply-adds, which run at the same time. Every other pair is
/// -(d[q] - x[p]) (d[p] - x[q]), in which the surplus has the other sign: the sums stay small, and so does their rounding. The surplus itself is summed for each sign
/// alone: a large sum tells of numbers so large that the differences would be nothing but rounding.
/// </remarks>
internal static class OuterPairKernels
{
    private const int Channels = 16, Lanes = 16, Pixels = 6; // of a turn of the loop: a pair and one, a pair of the other sign and one

    public static IEnumerable<(string Name, string Code)> Classes() => new[] { ("OuterPairs512", Class()) };

    private static string Class()
    {
        var code = KernelClass.Begin("OuterPairs512", "Outer products on Vector512, their products in pairs.");
        Outer(code);
        code.AppendLine("}");
        return code.ToString();
    }

    // sum[c][o] += scale * (sum over rows of pixels of x[pixel][c] dy[pixel][o]), or nothing where x is too large
    private static void Outer(StringBuilder code)
    {
        const string Vector = "Vector512", Negated = "Avx512F.FusedMultiplyAddNegated";
        code.AppendLine("    [MethodImpl(MethodImplOptions.AggressiveOptimization)]");
        code.AppendLine("    public static bool Outer(in DenseOuter t)");
        code.AppendLine("    {");
        for (var c = 0; c < Channels; c++) code.AppendLine($"        var a{c} = {Vector}<float>.Zero;");
        code.AppendLine($"        var (xs0, xs1, ds) = ({Vector}<float>.Zero, {Vector}<float>.Zero, {Vector}<float>.Zero);");
        code.AppendLine("        var xRow = t.X;");
        code.AppendLine("        var ahead = (nint)t.Ahead;");
        code.AppendLine("        var dyRow = t.Dy;");
        code.AppendLine("        var (rows, pixels) = (t.Rows, t.Pixels);");
        code.AppendLine("        do");
        code.AppendLine("        {");
        code.AppendLine("            var x = xRow;");
        code.AppendLine("            var dy = dyRow;");
        code.AppendLine("            var n = pixels;");
        code.AppendLine($"            for (; n >= {Pixels}; n -= {Pixels})");
        code.AppendLine("            {");
        for (var p = 0; p < Pixels; p++) code.AppendLine($"                Sse.Prefetch0(x + ahead + {p * Lanes});");
        for (var p = 0; p < Pixels; p += 3)
        {
            var (q, single) = (p + 1, p + 2);
            var add = p == 0 ? $"{Vector}.MultiplyAddEstimate" : Negated;
            for (var i = p; i <= single; i++) code.AppendLine($"                var d{i} = {Vector}.Load(dy + {i * Lanes});");
            code.AppendLine($"                xs{p / 3} = {Vector}.MultiplyAddEstimate({Vector}.Load(x + {p * Lanes}), {Vector}.Load(x + {q * Lanes}), xs{p / 3});");
            code.AppendLine($"                ds = {add}(d{p}, d{q}, ds);");
            for (var c = 0; c < Channels; c++)
            {
                // The number of x is used once, so the JIT makes it an operand broadcast from memory: a broadcast of its own would take the place of an addition.
                string X(int pixel) => $"{Vector}.Create(x[{pixel * Lanes + c}])";
                code.AppendLine(p == 0
                    ? $"                a{c} = {add}({X(p)} + d{q}, {X(q)} + d{p}, a{c});"
                    : $"                a{c} = {add}(d{q} - {X(p)}, d{p} - {X(q)}, a{c});");
                code.AppendLine($"                a{c} = {Vector}.MultiplyAddEstimate({X(single)}, d{single}, a{c});");
            }
        }

        code.AppendLine($"                x += {Pixels * Lanes};");
        code.AppendLine($"                dy += {Pixels * Lanes};");
        code.AppendLine("            }");
        code.AppendLine("            for (; n > 0; n--)");
        code.AppendLine("            {");
        code.AppendLine($"                var d = {Vector}.Load(dy);");
        for (var c = 0; c < Channels; c++) code.AppendLine($"                a{c} = {Vector}.MultiplyAddEstimate({Vector}.Create(x[{c}]), d, a{c});");
        code.AppendLine($"                x += {Lanes};");
        code.AppendLine($"                dy += {Lanes};");
        code.AppendLine("            }");
        code.AppendLine("            xRow += t.XRow;");
        code.AppendLine("            dyRow += t.DyRow;");
        code.AppendLine("        }");
        code.AppendLine("        while (--rows != 0);");
        code.AppendLine($"        if (!{Vector}.LessThanOrEqualAll({Vector}.Max({Vector}.Abs(xs0), {Vector}.Abs(xs1)), {Vector}.Create(t.Limit))) return false;");
        code.AppendLine("        var sum = t.Sum;");
        code.AppendLine($"        var scale = {Vector}.Create(t.Scale);");
        code.AppendLine($"        float* surplus = stackalloc float[{Channels}];");
        code.AppendLine("        (xs0 - xs1).Store(surplus);");
        for (var c = 0; c < Channels; c++)
            code.AppendLine($"        {Vector}.MultiplyAddEstimate(a{c} - ds - {Vector}.Create(surplus[{c}]), scale, {Vector}.Load(sum + {c * Lanes})).Store(sum + {c * Lanes});");
        code.AppendLine("        return true;");
        code.AppendLine("    }");
    }
}
