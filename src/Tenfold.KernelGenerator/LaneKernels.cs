using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Tenfold.KernelGenerator;

/// <summary>Writes the micro-kernels of convolutions in which a lane reads a lane: tiles of neighbouring outputs whose windows share what is loaded.</summary>
/// <remarks>For 512-bit vectors, and for <c>Vector&lt;T&gt;</c>, which is as wide as the machine's; kernels up to 7 wide at stride 1, odd ones also at stride 2.</remarks>
internal static class LaneKernels
{
    private static readonly (string Name, string Vector, int Outputs)[] s_widths = { ("Lane512", "Vector512", 14), ("LaneAny", "Vector", 8) };

    public static IEnumerable<(string Name, string Code)> Classes() => s_widths.Select(width => (width.Name, Class(width.Name, width.Vector, width.Outputs)));

    private static string Class(string name, string vector, int outputs)
    {
        var code = KernelClass.Begin(name, $"Convolution of lanes by lanes on {vector}.");
        foreach (var stride in new[] { 1, 2 })
            foreach (var kernel in stride == 1 ? new[] { 1, 2, 3, 4, 5, 7 } : new[] { 3, 5, 7 }) // the even ones are phases of transposed kernels
            {
                for (var p = 1; p <= outputs; p++) Tile(code, vector, kernel, stride, p);
                code.AppendLine($"    /// <summary>By the number of outputs, less 1.</summary>");
                code.AppendLine($"    public static readonly delegate*<in LaneTile, void>[] Tiles{kernel}By{stride} = [{string.Join(", ", Enumerable.Range(1, outputs).Select(p => $"&Tile{kernel}By{stride}x{p}"))}];");
                if (kernel is 3 or 5 or 7) Gradient(code, vector, kernel, stride);
            }

        for (var p = 1; p <= outputs; p++) Tile(code, vector, 3, 1, p, apart: true);
        code.AppendLine("    /// <summary>Of columns as far apart as the outputs, by the number of these, less 1.</summary>");
        code.AppendLine($"    public static readonly delegate*<in LaneTile, void>[] Tiles3Apart = [{string.Join(", ", Enumerable.Range(1, outputs).Select(p => $"&Tile3Apartx{p}"))}];");

        if (vector == "Vector")
            foreach (var stride in new[] { 1, 2 })
            {
                for (var rows = 1; rows <= 3; rows++) Row(code, vector, stride, rows);
                code.AppendLine("    /// <summary>By the number of rows of the kernel that lie in the map, less 1.</summary>");
                code.AppendLine($"    public static readonly delegate*<in LaneTile, void>[] Rows3By{stride} = [{string.Join(", ", Enumerable.Range(1, 3).Select(rows => $"&Row3By{stride}x{rows}"))}];");
            }

        code.AppendLine("}");
        return code.ToString();
    }

    // A block of 16 lanes is one vector of 512 bits, or several vectors one after the other.
    private static void Begin(StringBuilder code, string vector, string method, string argument)
    {
        code.AppendLine("    [MethodImpl(MethodImplOptions.AggressiveOptimization)]");
        code.AppendLine($"    private static void {method}(in {argument} t)");
        code.AppendLine("    {");
        code.AppendLine(vector == "Vector512" ? "        const int lane = 0;" : "        for (var lane = 0; lane < 16; lane += Vector<float>.Count)");
        code.AppendLine("        {");
    }

    // y[p] = bias + sum over planes, rows and j of x[p stride + j] w[j]. Column q of x is loaded once for all outputs that read it; where the map
    // may have ended it is 0. Of a dilated kernel the columns of x lie as far apart as those of y.
    private static void Tile(StringBuilder code, string vector, int kernel, int stride, int outputs, bool apart = false)
    {
        Begin(code, vector, $"Tile{kernel}{(apart ? "Apart" : $"By{stride}")}x{outputs}", "LaneTile");
        if (apart) code.AppendLine("            nint pixel = t.YPixel;");
        code.AppendLine("            var (from, to, xRow, planes) = (t.From, t.To, t.XRow, t.Planes);");
        code.AppendLine($"            var a0 = {vector}.Load(t.Bias + lane);");
        for (var p = 1; p < outputs; p++) code.AppendLine($"            var a{p} = a0;");
        code.AppendLine("            var xPlane = t.X + lane;");
        code.AppendLine("            var wPlane = t.W + lane;");
        code.AppendLine("            do");
        code.AppendLine("            {");
        code.AppendLine("                var x = xPlane;");
        code.AppendLine("                var w = wPlane;");
        code.AppendLine("                for (var row = t.Rows; row > 0; row--)");
        code.AppendLine("                {");
        for (var j = 0; j < kernel; j++) code.AppendLine($"                    var w{j} = {vector}.Load(w + {j * 16});");
        var columns = (outputs - 1) * stride + kernel;
        if (apart) code.AppendLine("                    var at = x;");
        for (var q = 0; q < columns; q++)
        {
            var left = q < kernel - 1 ? $"from > {q}" : "";
            var right = q > (outputs - 1) * stride ? $"to <= {q}" : "";
            var outside = left.Length > 0 && right.Length > 0 ? $"{left} || {right}" : left + right;
            code.AppendLine($"                    var x{q} = {(outside.Length > 0 ? $"{outside} ? default : " : "")}{vector}.Load({(apart ? "at" : $"x + {q * 16}")});");
            if (apart && q + 1 < columns) code.AppendLine("                    at += pixel;");
            for (var p = 0; p < outputs; p++)
                if (q - p * stride is var j && j >= 0 && j < kernel) code.AppendLine($"                    a{p} = {vector}.MultiplyAddEstimate(x{q}, w{j}, a{p});");
        }

        code.AppendLine("                    x += xRow;");
        code.AppendLine($"                    w += {kernel * 16};");
        code.AppendLine("                }");
        code.AppendLine("                xPlane += t.XPlane;");
        code.AppendLine("                wPlane += t.WPlane;");
        code.AppendLine("            }");
        code.AppendLine("            while (--planes > 0);");
        code.AppendLine("            if (t.Add != null)");
        code.AppendLine("            {");
        code.AppendLine($"                var (low, high) = ({vector}.Create(t.FirstLow), {vector}.Create(t.FirstHigh));");
        code.AppendLine("                var add = t.Add + lane;");
        for (var p = 0; p < outputs; p++)
        {
            code.AppendLine($"                a{p} = {vector}.MinNative(high, {vector}.MaxNative(low, a{p})) + {vector}.Load(add);");
            if (p + 1 < outputs) code.AppendLine("                add += t.YPixel;");
        }

        code.AppendLine("            }");
        code.AppendLine("            var y = t.Y + lane;");
        code.AppendLine("            switch (t.Last)");
        code.AppendLine("            {");
        Store("Free", "", p => $"a{p}");
        Store("Bounded", $"var (lowest, highest) = ({vector}.Create(t.Low), {vector}.Create(t.High));", p => $"{vector}.MinNative(highest, {vector}.MaxNative(lowest, a{p}))");
        Store("HardSwish", $"var (sixth, half) = ({vector}.Create(1f / 6), {vector}.Create(0.5f));",
            p => $"(a{p} * {vector}.MinNative({vector}<float>.One, {vector}.MaxNative({vector}<float>.Zero, {vector}.MultiplyAddEstimate(a{p}, sixth, half))))");
        code.AppendLine("            }");
        code.AppendLine("        }");
        code.AppendLine("    }");

        void Store(string last, string constants, Func<int, string> value)
        {
            code.AppendLine($"                case LaneLast.{last}:");
            if (constants.Length > 0) code.AppendLine($"                    {constants}");
            for (var p = 0; p < outputs; p++)
            {
                code.AppendLine($"                    {value(p)}.Store(y);");
                if (p + 1 < outputs) code.AppendLine("                    y += t.YPixel;");
            }

            code.AppendLine("                    break;");
        }
    }

    // A whole row of outputs of a 3 wide kernel, for vectors that leave 16 registers: all weights stay in nine of them, one part of the lanes after the other. Each column
    // is loaded once and finishes one sum, goes on with another and begins a third; at stride 2 every second column finishes one and begins the next.
    //
    //   column      1      2      3      4
    //   sums     . 1 0  2 1 0  3 2 1  4 3 2      of the outputs that it adds to by tap 0, 1, 2
    private static void Row(StringBuilder code, string vector, int stride, int rows)
    {
        Begin(code, vector, $"Row3By{stride}x{rows}", "LaneTile");
        for (var i = 0; i < rows; i++)
            for (var j = 0; j < 3; j++) code.AppendLine($"            var w{i}_{j} = {vector}.Load(t.W + {(i * 3 + j) * 16} + lane);");
        code.AppendLine($"            var bias = {vector}.Load(t.Bias + lane);");
        code.AppendLine($"            var (last, low, high) = (t.Last, {vector}.Create(t.Low), {vector}.Create(t.High));");
        code.AppendLine("            var x = t.X + lane;");
        code.AppendLine("            var y = t.Y + lane;");
        code.AppendLine("            for (var line = t.Lines; line > 0; line--, x += t.XLine)");
        code.AppendLine("            {");
        code.AppendLine("                var x0 = x;");
        for (var i = 1; i < rows; i++) code.AppendLine($"                var x{i} = x{i - 1} + t.XRow;");
        code.AppendLine($"                {vector}<float> v, s = bias;");
        code.AppendLine("                if (t.From <= 0)");
        code.AppendLine("                {");
        Add("s", 0);
        code.AppendLine("                }");
        Next();
        if (stride == 1)
        {
            code.AppendLine("                var r = s;");
            code.AppendLine("                s = bias;");
            Both(("r", 1), ("s", 0));
            Next();
        }

        code.AppendLine($"                for (var n = Math.Min(t.Count, {(stride == 1 ? "t.To - 2" : "(t.To - 1) / 2")}); n > 0; n--)");
        code.AppendLine("                {");
        if (stride == 1)
        {
            code.AppendLine("                    var a = r;");
            code.AppendLine("                    r = s;");
            code.AppendLine("                    s = bias;");
            Both(("a", 2), ("r", 1), ("s", 0));
        }
        else
        {
            code.AppendLine("                    var a = s;");
            code.AppendLine("                    s = bias;");
            Add("a", 1);
            Next();
            Both(("a", 2), ("s", 0));
        }

        Next();
        Store("a");
        code.AppendLine("                }");
        code.AppendLine($"                if (t.To == {(stride == 1 ? "t.Count + 1" : "2 * t.Count")})");
        code.AppendLine("                {");
        if (stride == 2) Add("s", 1);
        Store(stride == 1 ? "r" : "s");
        code.AppendLine("                }");
        code.AppendLine("            }");
        code.AppendLine("        }");
        code.AppendLine("    }");

        // A column of the map through a column of the kernel, or through several.
        void Add(string sum, int j)
        {
            for (var i = 0; i < rows; i++) code.AppendLine($"                    {sum} = {vector}.MultiplyAddEstimate({vector}.Load(x{i}), w{i}_{j}, {sum});");
        }

        void Both(params (string Sum, int Tap)[] sums)
        {
            for (var i = 0; i < rows; i++)
            {
                code.AppendLine($"                    v = {vector}.Load(x{i});");
                foreach (var (sum, j) in sums) code.AppendLine($"                    {sum} = {vector}.MultiplyAddEstimate(v, w{i}_{j}, {sum});");
            }
        }

        void Next()
        {
            for (var i = 0; i < rows; i++) code.AppendLine($"                    x{i} += 16;");
        }

        void Store(string sum)
        {
            code.AppendLine($"                    if (last == LaneLast.Bounded) {sum} = {vector}.MinNative(high, {vector}.MaxNative(low, {sum}));");
            code.AppendLine($"                    else if (last == LaneLast.HardSwish) {sum} *= {vector}.MinNative({vector}<float>.One, {vector}.MaxNative({vector}<float>.Zero, {vector}.MultiplyAddEstimate({sum}, {vector}.Create(1f / 6), {vector}.Create(0.5f))));");
            code.AppendLine($"                    {sum}.Store(y);");
            code.AppendLine("                    y += 16;");
        }
    }

    // sum[j] += sum over rows and pixels of dy[pixel] x[pixel stride + j]. Chains of dependent additions are kept apart where there are few.
    private static void Gradient(StringBuilder code, string vector, int kernel, int stride)
    {
        const int pixels = 4;
        var sets = kernel < 7 ? 2 : 1;
        Begin(code, vector, $"Gradient{kernel}By{stride}", "LaneOuter");
        for (var set = 0; set < sets; set++)
            for (var j = 0; j < kernel; j++) code.AppendLine($"            var a{set}_{j} = {(set == 0 ? $"{vector}.Load(t.Sum + {j * 16} + lane)" : $"{vector}<float>.Zero")};");
        code.AppendLine("            var xRow = t.X + lane;");
        code.AppendLine("            var dyRow = t.Dy + lane;");
        code.AppendLine("            for (var row = t.Rows; row > 0; row--)");
        code.AppendLine("            {");
        code.AppendLine("                var x = xRow;");
        code.AppendLine("                var dy = dyRow;");
        code.AppendLine("                var n = t.Pixels;");
        code.AppendLine($"                for (; n >= {pixels}; n -= {pixels})");
        code.AppendLine("                {");
        for (var p = 0; p < pixels; p++) code.AppendLine($"                    var d{p} = {vector}.Load(dy + {p * 16});");
        for (var q = 0; q < (pixels - 1) * stride + kernel; q++)
        {
            code.AppendLine($"                    var x{q} = {vector}.Load(x + {q * 16});");
            for (var p = 0; p < pixels; p++)
                if (q - p * stride is var j && j >= 0 && j < kernel) code.AppendLine($"                    a{p % sets}_{j} = {vector}.MultiplyAddEstimate(d{p}, x{q}, a{p % sets}_{j});");
        }

        code.AppendLine($"                    x += {pixels * stride * 16};");
        code.AppendLine($"                    dy += {pixels * 16};");
        code.AppendLine("                }");
        code.AppendLine("                for (; n > 0; n--)");
        code.AppendLine("                {");
        code.AppendLine($"                    var d = {vector}.Load(dy);");
        for (var j = 0; j < kernel; j++) code.AppendLine($"                    a0_{j} = {vector}.MultiplyAddEstimate(d, {vector}.Load(x + {j * 16}), a0_{j});");
        code.AppendLine($"                    x += {stride * 16};");
        code.AppendLine("                    dy += 16;");
        code.AppendLine("                }");
        code.AppendLine("                xRow += t.XRow;");
        code.AppendLine("                dyRow += t.DyRow;");
        code.AppendLine("            }");
        for (var j = 0; j < kernel; j++) code.AppendLine($"            ({string.Join(" + ", Enumerable.Range(0, sets).Select(set => $"a{set}_{j}"))}).Store(t.Sum + {j * 16} + lane);");
        code.AppendLine("        }");
        code.AppendLine("    }");
        code.AppendLine($"    public static readonly delegate*<in LaneOuter, void> Outer{kernel}By{stride} = &Gradient{kernel}By{stride};");
    }
}
