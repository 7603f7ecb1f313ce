using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;

namespace Tenfold.KernelGenerator;

/// <summary>Writes the transforms of Winograd's convolution F(m x m, r x r), and of F(m, r) along one axis, for every vector width.</summary>
/// <remarks>
/// <para>Toom-Cook with the points 0, +-p for each p of a list, and infinity; n = m + r - 1 of them. A pair +-p shares its even and odd powers, so a
/// transform of one row is a few multiply-adds on registers; the rows of coefficients are never stored. What becomes of a tile's inputs depends on the points alone, so
/// F(2 x 2, 5 x 5) and F(4 x 4, 3 x 3) have it in common.</para>
/// <para>Points between 1/2 and 2 keep the powers near 1 and with them the rounding small; powers of those with few binary places are exact. Of all multiples of 1/8 these round least, for every r.</para>
/// </remarks>
internal static class WinogradTransforms
{
    private static readonly double[][] s_points = { new[] { 1.0 }, new[] { 0.625, 1.5 }, new[] { 0.5, 1.0, 2.0 }, new[] { 0.375, 0.875, 1.25, 2.375 } };

    // Tiles of n x n points, or n x 1, and the outputs of each: m = n - r + 1 for every r that is wanted.
    private static readonly (int Points, bool Line, int[] Outputs)[] s_tiles =
    {
        (4, false, new[] { 2 }), (6, false, new[] { 4, 2 }), (8, false, new[] { 6, 4 }),
        (8, true, new[] { 2 }), (10, true, new[] { 4 }),
    };

    /// <summary>The points of F(4, 3).</summary>
    internal static double[] Four => s_points[1];

    private static readonly (string Name, string Vector, int Lanes)[] s_widths = { ("Winograd512", "Vector512", 16), ("Winograd256", "Vector256", 8), ("Winograd128", "Vector128", 4) };

    public static IEnumerable<(string Name, string Code)> Classes() =>
        s_widths.Select(width => (width.Name, Class(width.Name, width.Vector, width.Lanes))).Append(("WinogradPoints", Points()));

    // The kernel's transform is done in double by ordinary code, which needs the points.
    private static string Points()
    {
        var code = new StringBuilder();
        code.AppendLine("namespace Tenfold.Kernels;");
        code.AppendLine("/// <summary>The positive points of each transform, by n / 2 - 2.</summary>");
        code.AppendLine("internal static class WinogradPoints");
        code.AppendLine("{");
        code.AppendLine($"    public static readonly double[][] Of = [{string.Join(", ", s_points.Select(points => $"[{string.Join(", ", points.Select(p => Number(p)))}]"))}];");
        code.AppendLine("}");
        return code.ToString();
    }

    private static string Class(string name, string vector, int lanes)
    {
        var code = KernelClass.Begin(name, $"The transforms of Winograd's convolution on {vector}.");
        var (inputs, outputs) = (new StringBuilder(), new StringBuilder());
        foreach (var (n, line, ms) in s_tiles)
        {
            var points = s_points[n / 2 - 2];
            var (tile, shape) = (line ? $"{n}x1" : $"{n}x{n}", line ? "true" : "false");
            Input(code, vector, lanes, points, line, $"Input{tile}");
            inputs.AppendLine($"        ({n}, {shape}) => &Input{tile},");
            foreach (var m in ms)
            {
                Output(code, vector, lanes, points, m, line, $"Output{m}Of{tile}");
                outputs.AppendLine($"        ({n}, {m}, {shape}) => &Output{m}Of{tile},");
            }
        }

        Back(code, vector, lanes, Four);
        Choice("B' d B of n x n points, or B' d of n x 1.", "float*, nint, nint, float*, nint, float*", "Input(int n, bool line) => (n, line)", inputs);
        Choice("A' M A of n x n products to m x m outputs, or A' M of n x 1 to m x 1.", "in WinogradOutput, float*", "Output(int n, int m, bool line) => (n, m, line)", outputs);
        code.AppendLine("}");
        return code.ToString();

        void Choice(string summary, string parameters, string signature, StringBuilder arms)
        {
            code.AppendLine($"    /// <summary>{summary}</summary>");
            code.AppendLine($"    public static delegate*<{parameters}, void> {signature} switch");
            code.AppendLine("    {");
            code.Append(arms);
            code.AppendLine("        _ => throw new ArgumentOutOfRangeException(nameof(n)),");
            code.AppendLine("    };");
        }
    }

    // v = B' d B: columns into t, then rows out of it. Of a line there is one column, and v = B' d.
    private static void Input(StringBuilder code, string vector, int lanes, double[] points, bool line, string name)
    {
        var size = 2 * points.Length + 2;
        var (first, second, constants) = (new StringBuilder(), new StringBuilder(), new Constants(vector));
        InputPass(first, vector, constants, points, i => $"{vector}.Load(x + {i} * row)", i => line ? $"v + {i} * step" : $"t + {i * size * lanes}");
        if (!line) InputPass(second, vector, constants, points, i => $"{vector}.Load(t + {i * lanes})", i => $"v + {i} * step");
        Passes(code, $"private static void {name}", lanes, size, size, constants, first, second);
    }

    // v = A d A', what an output's gradient becomes: columns into t, then rows out of it.
    private static void Back(StringBuilder code, string vector, int lanes, double[] points)
    {
        var m = 2 * points.Length;
        var (first, second, constants) = (new StringBuilder(), new StringBuilder(), new Constants(vector));
        BackPass(first, vector, constants, points, i => $"x + {i} * row", i => $"t + {i * m * lanes}");
        BackPass(second, vector, constants, points, i => $"t + {i * lanes}", i => $"v + {i} * step");
        code.AppendLine($"    /// <summary>A d A' of m x m outputs' gradients, m = {m}.</summary>");
        Passes(code, "public static void Back", lanes, m, m + 2, constants, first, second);
    }

    // `columns` columns of x become columns of t, and each of t's `rows` rows becomes a row of v; or, with one pass alone, one column of x becomes v.
    private static void Passes(StringBuilder code, string method, int lanes, int columns, int rows, Constants constants, StringBuilder first, StringBuilder second)
    {
        code.AppendLine("    [MethodImpl(MethodImplOptions.AggressiveOptimization)]");
        code.AppendLine($"    {method}(float* x, nint row, nint pixel, float* v, nint step, float* t)");
        code.AppendLine("    {");
        code.Append(constants.Declarations);
        code.AppendLine($"        for (var lane = 0; lane < 16; lane += {lanes}, x += {lanes}, v += {lanes})");
        code.AppendLine("        {");
        if (second.Length == 0)
        {
            code.Append(first);
        }
        else
        {
            code.AppendLine("            float* x0 = x, v0 = v;");
            ColumnsThenRows(code, lanes, columns, "x += pixel", first, rows, $"v += {rows} * step", second);
            code.AppendLine("            x = x0;");
            code.AppendLine("            v = v0;");
        }

        code.AppendLine("        }");
        code.AppendLine("    }");
    }

    // Columns into t, then rows out of it; what leads from one of them to the next beside t is said.
    private static void ColumnsThenRows(StringBuilder code, int lanes, int columns, string nextColumn, StringBuilder first, int rows, string nextRow, StringBuilder second)
    {
        code.AppendLine("            var t0 = t;");
        code.AppendLine($"            for (var j = 0; j < {columns}; j++, {nextColumn}, t += {lanes})");
        code.AppendLine("            {");
        code.Append(first);
        code.AppendLine("            }");
        code.AppendLine("            t = t0;");
        code.AppendLine($"            for (var i = 0; i < {rows}; i++, t += {columns * lanes}, {nextRow})");
        code.AppendLine("            {");
        code.Append(second);
        code.AppendLine("            }");
        code.AppendLine("            t = t0;");
    }

    // The polynomial of m coefficients at every point; at infinity the last of them.
    private static void BackPass(StringBuilder code, string vector, Constants constants, double[] points, Func<int, string> load, Func<int, string> store)
    {
        var (n, m) = (points.Length, 2 * points.Length);
        for (var i = 0; i < m; i++) code.AppendLine($"                var d{i} = {vector}.Load({load(i)});");
        code.AppendLine($"                d0.Store({store(0)});");
        for (var j = 0; j < n; j++)
        {
            code.AppendLine($"                var e{j} = {Sum(0, points[j])};");
            code.AppendLine($"                var o{j} = {Sum(1, points[j])};");
            code.AppendLine($"                (e{j} + o{j}).Store({store(1 + 2 * j)});");
            code.AppendLine($"                (e{j} - o{j}).Store({store(2 + 2 * j)});");
        }

        code.AppendLine($"                d{m - 1}.Store({store(m + 1)});");

        string Sum(int first, double p)
        {
            var sum = "";
            for (var i = first; i < m; i += 2)
            {
                var power = Math.Pow(p, i);
                sum = power == 1 ? (sum.Length == 0 ? $"d{i}" : $"({sum} + d{i})")
                    : sum.Length == 0 ? $"(d{i} * {constants.Of(power)})" : $"{vector}.MultiplyAddEstimate(d{i}, {constants.Of(power)}, {sum})";
            }

            return sum;
        }
    }

    internal static void InputPass(StringBuilder code, string vector, Constants constants, double[] points, Func<int, string> load, Func<int, string> store)
    {
        var (n, size) = (points.Length, 2 * points.Length + 2);
        for (var i = 0; i < size; i++) code.AppendLine($"                var d{i} = {load(i)};");
        var all = Product(points.Select(p => p * p)); // (s - p^2) over all pairs, s = x^2
        code.AppendLine($"                ({Sum(0, all)}).Store({store(0)});");
        for (var j = 0; j < n; j++)
        {
            var others = Product(points.Where((_, k) => k != j).Select(p => p * p));
            code.AppendLine($"                var e{j} = {Sum(2, others)};");
            code.AppendLine($"                var o{j} = {Sum(1, others)};");
            if (points[j] == 1)
            {
                code.AppendLine($"                (e{j} + o{j}).Store({store(1 + 2 * j)});");
                code.AppendLine($"                (e{j} - o{j}).Store({store(2 + 2 * j)});");
                continue;
            }

            code.AppendLine($"                {vector}.MultiplyAddEstimate(o{j}, {constants.Of(points[j])}, e{j}).Store({store(1 + 2 * j)});");
            code.AppendLine($"                {vector}.MultiplyAddEstimate(o{j}, {constants.Of(-points[j])}, e{j}).Store({store(2 + 2 * j)});");
        }

        code.AppendLine($"                ({Sum(1, all)}).Store({store(size - 1)});");

        // d[first] c[0] + d[first + 2] c[1] + ..., the last coefficient 1
        string Sum(int first, double[] c)
        {
            var sum = $"d{first + 2 * (c.Length - 1)}";
            for (var k = c.Length - 2; k >= 0; k--)
                sum = c[k] == -1 ? $"({sum} - d{first + 2 * k})" : $"{vector}.MultiplyAddEstimate(d{first + 2 * k}, {constants.Of(c[k])}, {sum})";
            return sum;
        }
    }

    // y = A' M A + bias, and the epilogue: columns into t, then rows out of it. Of a line there is one column, and y = A' M + bias.
    private static void Output(StringBuilder code, string vector, int lanes, double[] points, int m, bool line, string name)
    {
        var (size, constants) = (2 * points.Length + 2, new Constants(vector));
        var (first, last) = (new StringBuilder(), new StringBuilder());
        OutputPass(first, vector, constants, points, m, i => $"{vector}.Load(from + {(line ? i : i * size)} * step)");
        if (!line)
        {
            for (var k = 0; k < m; k++) first.AppendLine($"                y{k}.Store(t + {k * size * lanes});");
            OutputPass(last, vector, constants, points, m, i => $"{vector}.Load(t + {i * lanes})");
        }

        var next = line ? "row" : "pixel"; // from one of the outputs to the next
        last.AppendLine("                if (add != null)");
        last.AppendLine("                {");
        for (var k = 0; k < m; k++)
            last.AppendLine($"                    {vector}.MinNative(high, {vector}.MaxNative(low, {vector}.MinNative(firstHigh, {vector}.MaxNative(firstLow, y{k} + b)) + {vector}.Load(add + {k} * {next}))).Store(y + {k} * {next});");
        if (!line) last.AppendLine("                    add += row;");
        last.AppendLine("                }");
        last.AppendLine("                else");
        last.AppendLine("                {");
        for (var k = 0; k < m; k++) last.AppendLine($"                    {vector}.MinNative(high, {vector}.MaxNative(low, y{k} + b)).Store(y + {k} * {next});");
        last.AppendLine("                }");

        code.AppendLine("    [MethodImpl(MethodImplOptions.AggressiveOptimization)]");
        code.AppendLine($"    private static void {name}(in WinogradOutput o, float* t)");
        code.AppendLine("    {");
        code.Append(constants.Declarations);
        code.AppendLine("        float* from = o.M, add = o.Add, y = o.Y;");
        code.AppendLine("        var step = o.Step;");
        code.AppendLine("        var bias = o.Bias;");
        code.AppendLine("        var (row, pixel) = (o.YRow, o.YPixel);");
        code.AppendLine($"        var (firstLow, firstHigh, low, high) = ({vector}.Create(o.FirstLow), {vector}.Create(o.FirstHigh), {vector}.Create(o.Low), {vector}.Create(o.High));");
        code.AppendLine($"        for (var lane = 0; lane < 16; lane += {lanes}, from = o.M + lane, y = o.Y + lane, add = o.Add == null ? null : o.Add + lane)");
        code.AppendLine("        {");
        code.AppendLine($"            var b = {vector}.Load(bias + lane);");
        if (line)
        {
            code.Append(first);
            code.Append(last);
        }
        else
        {
            ColumnsThenRows(code, lanes, size, "from += step", first, m, "y += row", last);
        }

        code.AppendLine("        }");
        code.AppendLine("    }");
    }

    // Of the products at every point the m sums with its powers; the one at infinity has a part in the last alone.
    internal static void OutputPass(StringBuilder code, string vector, Constants constants, double[] points, int m, Func<int, string> load)
    {
        var n = points.Length;
        for (var j = 0; j < n; j++)
        {
            code.AppendLine($"                var plus{j} = {load(1 + 2 * j)};");
            code.AppendLine($"                var minus{j} = {load(2 + 2 * j)};");
            code.AppendLine($"                var s{j} = plus{j} + minus{j};");
            code.AppendLine($"                var d{j} = plus{j} - minus{j};");
        }

        for (var k = 0; k < m; k++)
        {
            var sum = k == 0 ? load(0) : k == m - 1 ? load(2 * n + 1) : "";
            for (var j = 0; j < n; j++)
            {
                var (value, power) = (k % 2 == 0 ? $"s{j}" : $"d{j}", Math.Pow(points[j], k));
                sum = power == 1 ? (sum.Length == 0 ? value : $"({sum} + {value})")
                    : sum.Length == 0 ? $"({value} * {constants.Of(power)})" : $"{vector}.MultiplyAddEstimate({value}, {constants.Of(power)}, {sum})";
            }

            code.AppendLine($"                var y{k} = {sum};");
        }
    }

    // Coefficients, lowest first, of the polynomial with these roots.
    private static double[] Product(IEnumerable<double> roots)
    {
        var c = new[] { 1.0 };
        foreach (var root in roots)
        {
            var next = new double[c.Length + 1];
            for (var i = 0; i < c.Length; i++)
            {
                next[i + 1] += c[i];
                next[i] -= root * c[i];
            }

            c = next;
        }

        return c;
    }

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    // Vectors of one number each, declared where the method begins.
    internal sealed class Constants
    {
        private readonly string _vector;
        private readonly List<double> _values = new();

        public Constants(string vector) => _vector = vector;

        public string Of(double value)
        {
            if (!_values.Contains(value)) _values.Add(value);
            return $"c{_values.IndexOf(value)}";
        }

        public string Declarations => string.Concat(_values.Select((value, i) => $"        var c{i} = {_vector}.Create({Number(value)}f);\n"));
    }
}
