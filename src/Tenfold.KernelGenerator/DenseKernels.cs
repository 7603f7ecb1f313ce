using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Tenfold.KernelGenerator;

/// <summary>Writes the two micro-kernels of dense convolution, unrolled for every tile size and vector width.</summary>
internal static class DenseKernels
{
    // Registers allow 28 accumulators of 512 bits (32 registers), 12 of 256 or 128 bits (16 registers), and 24 of 128 bits on Arm (32 registers), whose
    // multiply-add takes one factor from a lane: four channels of a pixel are one load, and none is spread over a register of its own.
    // (class, vector type, accumulators, vectors of a tile, whether a factor is a lane)
    private static readonly (string Name, string Vector, int Lanes, int Accumulators, int[] Vectors, bool ByLane)[] s_widths =
    {
        ("Dense512", "Vector512", 16, 28, new[] { 1, 2 }, false),
        ("Dense256", "Vector256", 8, 12, new[] { 1, 2 }, false),
        ("Dense128", "Vector128", 4, 12, new[] { 2 }, false),
        ("DenseArm64", "Vector128", 4, 24, new[] { 4 }, true),
    };

    private const int PicturePixel = 6; // two columns of three channels

    private const string ByLane = "System.Runtime.Intrinsics.Arm.AdvSimd.Arm64.FusedMultiplyAddBySelectedScalar";

    public static IEnumerable<(string Name, string Code)> Classes() =>
        s_widths.Select(width => (width.Name, Class(width.Name, width.Vector, width.Lanes, width.Accumulators, width.Vectors, width.ByLane)));

    private static string Class(string name, string vector, int lanes, int accumulators, int[] vectors, bool byLane)
    {
        var code = KernelClass.Begin(name, $"Dense convolution on {vector}: tiles of up to {accumulators} accumulators.");
        foreach (var v in vectors)
        {
            Tiles(code, vector, lanes, accumulators / (lanes == 16 ? v : vectors.Max()), v, half: false, byLane);
            if (lanes != 16) continue;
            if (v > 1) Tiles(code, vector, lanes, accumulators / v, v, half: true, byLane);
            Tiles(code, vector, lanes, accumulators / v, v, half: false, byLane, PicturePixel);
            if (v > 1) Tiles(code, vector, lanes, accumulators / v, v, half: true, byLane, PicturePixel);
        }

        if (lanes == 16)
        {
            code.AppendLine("    /// <summary>Floats from one pixel to the next where tiles read a picture: from one output's first column to the next one's, of three channels at stride 2.</summary>");
            code.AppendLine($"    public const int PicturePixel = {PicturePixel};");
        }

        var perChannel = byLane ? 4 : lanes == 16 ? 1 : 2; // vectors of output channels in an outer product
        var most = lanes == 16 ? 16 : accumulators / perChannel;
        for (var channels = 1; channels <= most; channels++) Outer(code, vector, lanes, channels, perChannel, byLane);
        code.AppendLine("    /// <summary>By the number of input channels, less 1.</summary>");
        code.AppendLine($"    public static readonly delegate*<in DenseOuter, void>[] Outers = [{string.Join(", ", Enumerable.Range(1, most).Select(r => $"&Outer{r}"))}];");
        code.AppendLine("}");
        return code.ToString();
    }

    // Tiles of every number of pixels, which lie so many floats apart in x.
    private static void Tiles(StringBuilder code, string vector, int lanes, int most, int vectors, bool half, bool byLane, int apart = 16)
    {
        var (name, suffix) = (apart == 16 ? "Tile" : "Picture", $"{vectors}{(half ? "Half" : "")}");
        for (var pixels = 1; pixels <= most; pixels++) Tile(code, vector, lanes, pixels, vectors, half, byLane, apart, $"{name}{pixels}x{suffix}");
        var (ofHalf, ofPicture) = (half ? ", of whose last the first half alone is computed and stored" : "", apart == 16 ? "" : $"; pixels lie {apart} floats apart");
        code.AppendLine($"    /// <summary>By the number of pixels, less 1: tiles of {vectors} vectors{ofHalf}{ofPicture}.</summary>");
        code.AppendLine($"    public static readonly delegate*<in DenseTile, void>[] {name}s{suffix} = [{string.Join(", ", Enumerable.Range(1, most).Select(p => $"&{name}{p}x{suffix}"))}];");
    }

    // y[p][v] = sum over k of x[p][k] w[k][v], the k in runs of channels side by side. With half the last v is a vector of half the width.
    private static void Tile(StringBuilder code, string whole, int lanes, int pixels, int vectors, bool half, bool byLane, int apart, string name)
    {
        string Vector(int v) => half && v == vectors - 1 ? "Vector256" : whole;

        string Bounded(int v, string high, string low, string value) => Vector(v) == whole
            ? $"{whole}.MinNative({high}, {whole}.MaxNative({low}, {value}))"
            : $"{Vector(v)}.MinNative({high}.GetLower(), {Vector(v)}.MaxNative({low}.GetLower(), {value}))";

        code.AppendLine("    [MethodImpl(MethodImplOptions.AggressiveOptimization)]");
        code.AppendLine($"    private static void {name}(in DenseTile t)");
        code.AppendLine("    {");
        code.AppendLine("        var x = t.X;");
        code.AppendLine("        var w = t.W;");
        code.AppendLine("        var run = t.Runs;");
        code.AppendLine("        var step = t.WStep;");
        code.AppendLine("        var end = run + t.RunCount;");
        if (lanes == 8) code.AppendLine("        var ahead = (nint)t.Ahead;");
        for (var v = 0; v < vectors; v++) code.AppendLine($"        var b{v} = {Vector(v)}.Load(t.Bias + {v * lanes});");
        for (var p = 0; p < pixels; p++)
            code.AppendLine($"        {string.Join(" ", Enumerable.Range(0, vectors).Select(v => $"var a{p}_{v} = b{v};"))}");
        code.AppendLine("        for (; run < end; run++)");
        code.AppendLine("        {");
        code.AppendLine("            var s = x + run->Offset;");
        code.AppendLine("            var n = run->Channels;");
        if (byLane) FourChannels();
        code.AppendLine(byLane ? "            for (; n > 0; n--)" : "            do");
        code.AppendLine("            {");
        for (var v = 0; v < vectors; v++) code.AppendLine($"                var w{v} = {Vector(v)}.Load(w + {v * lanes});");
        for (var p = 0; p < pixels; p++)
        {
            if (vectors == 1)
            {
                code.AppendLine($"                a{p}_0 = {whole}.MultiplyAddEstimate({whole}.Create(s[{p * apart}]), w0, a{p}_0);");
                continue;
            }

            code.AppendLine($"                var x{p} = {whole}.Create(s[{p * apart}]);");
            for (var v = 0; v < vectors; v++) code.AppendLine($"                a{p}_{v} = {Vector(v)}.MultiplyAddEstimate(x{p}{(Vector(v) == whole ? "" : ".GetLower()")}, w{v}, a{p}_{v});");
        }

        // A row of weights is a line of the cache; that of the next tile comes to the second-level cache meanwhile.
        if (lanes == 8) code.AppendLine("                if (Sse.IsSupported) Sse.Prefetch1(w + ahead);");
        code.AppendLine("                s++;");
        code.AppendLine("                w += step;");
        code.AppendLine("            }");
        if (!byLane) code.AppendLine("            while (--n != 0);");
        code.AppendLine("        }");
        code.AppendLine("        if (t.Gate != null)");
        code.AppendLine("        {");
        for (var v = 0; v < vectors; v++) code.AppendLine($"            var g{v} = {Vector(v)}.Load(t.Gate + {v * lanes});");
        for (var p = 0; p < pixels; p++)
            for (var v = 0; v < vectors; v++) code.AppendLine($"            a{p}_{v} *= g{v};");
        code.AppendLine("        }");
        code.AppendLine("        var add = t.Add;");
        code.AppendLine("        if (add != null)");
        code.AppendLine("        {");
        code.AppendLine($"            var lowest = {whole}.Create(t.FirstLow);");
        code.AppendLine($"            var highest = {whole}.Create(t.FirstHigh);");
        for (var p = 0; p < pixels; p++)
        {
            for (var v = 0; v < vectors; v++) code.AppendLine($"            a{p}_{v} = {Bounded(v, "highest", "lowest", $"a{p}_{v}")} + {Vector(v)}.Load(add{(v == 0 ? "" : lanes == 16 ? $" + {v} * t.YVector" : $" + {v * lanes}")});");
            if (p + 1 < pixels) code.AppendLine("            add += t.YPixel;");
        }

        code.AppendLine("        }");
        code.AppendLine($"        var low = {whole}.Create(t.Low);");
        code.AppendLine($"        var high = {whole}.Create(t.High);");
        code.AppendLine("        var y = t.Y;");
        for (var p = 0; p < pixels; p++)
        {
            // The bound comes first: the instruction gives its second operand when one is not a number, so NaN stays NaN.
            for (var v = 0; v < vectors; v++)
                code.AppendLine($"        {Bounded(v, "high", "low", $"a{p}_{v}")}.Store(y{(v == 0 ? "" : lanes == 16 ? $" + {v} * t.YVector" : $" + {v * lanes}")});");
            if (p + 1 < pixels) code.AppendLine("        y += t.YPixel;");
        }

        code.AppendLine("    }");

        // Four channels at a time, of each pixel a load; the weights come one vector after the other, for beside sums and pixels there is room for no more.
        //
        //   x[p]:  | k | k+1 | k+2 | k+3 |     a[p][v] += w[k + i][v] times lane i of x[p]
        void FourChannels()
        {
            code.AppendLine("            for (; n >= 4; n -= 4)");
            code.AppendLine("            {");
            for (var p = 0; p < pixels; p++) code.AppendLine($"                var x{p} = {whole}.Load(s + {p * apart});");
            for (var k = 0; k < 4; k++)
            {
                for (var v = 0; v < vectors; v++)
                {
                    code.AppendLine($"                var w{k}_{v} = {whole}.Load(w + {v * lanes});");
                    for (var p = 0; p < pixels; p++) code.AppendLine($"                a{p}_{v} = {ByLane}(a{p}_{v}, w{k}_{v}, x{p}, {k});");
                }

                code.AppendLine("                w += step;");
            }

            code.AppendLine("                s += 4;");
            code.AppendLine("            }");
        }
    }

    // sum[c][o] += x[pixel][c] dy[pixel][o] over rows of pixels.
    private static void Outer(StringBuilder code, string vector, int lanes, int channels, int vectors, bool byLane)
    {
        code.AppendLine("    [MethodImpl(MethodImplOptions.AggressiveOptimization)]");
        code.AppendLine($"    private static void Outer{channels}(in DenseOuter t)");
        code.AppendLine("    {");
        code.AppendLine("        var sum = t.Sum;");
        for (var c = 0; c < channels; c++)
            code.AppendLine($"        {string.Join(" ", Enumerable.Range(0, vectors).Select(v => $"var a{c}_{v} = {vector}.Load(sum + {c * 16 + v * lanes});"))}");
        code.AppendLine("        var xRow = t.X;");
        code.AppendLine("        var dyRow = t.Dy;");
        code.AppendLine("        var (rows, pixels) = (t.Rows, t.Pixels);");
        code.AppendLine("        do");
        code.AppendLine("        {");
        code.AppendLine("            var x = xRow;");
        code.AppendLine("            var dy = dyRow;");
        code.AppendLine("            var n = pixels;");
        code.AppendLine("            do");
        code.AppendLine("            {");
        for (var v = 0; v < vectors; v++) code.AppendLine($"                var d{v} = {vector}.Load(dy + {v * lanes});");
        for (var c = 0; c < channels; c++)
        {
            if (byLane && (channels - c / 4 * 4 >= 4 || channels - c / 2 * 2 >= 2)) // one of four channels or of two: nothing behind the last is read
            {
                var (part, first) = channels - c / 4 * 4 >= 4 ? ("Vector128", c / 4 * 4) : ("Vector64", c / 2 * 2);
                if (c == first) code.AppendLine($"                var x{c} = {part}.Load(x + {c});");
                for (var v = 0; v < vectors; v++) code.AppendLine($"                a{c}_{v} = {ByLane}(a{c}_{v}, d{v}, x{first}, {c - first});");
                continue;
            }

            if (vectors == 1)
            {
                code.AppendLine($"                a{c}_0 = {vector}.MultiplyAddEstimate({vector}.Create(x[{c}]), d0, a{c}_0);");
                continue;
            }

            code.AppendLine($"                var x{c} = {vector}.Create(x[{c}]);");
            for (var v = 0; v < vectors; v++) code.AppendLine($"                a{c}_{v} = {vector}.MultiplyAddEstimate(x{c}, d{v}, a{c}_{v});");
        }

        code.AppendLine("                x += 16;");
        code.AppendLine("                dy += 16;");
        code.AppendLine("            }");
        code.AppendLine("            while (--n != 0);");
        code.AppendLine("            xRow += t.XRow;");
        code.AppendLine("            dyRow += t.DyRow;");
        code.AppendLine("        }");
        code.AppendLine("        while (--rows != 0);");
        for (var c = 0; c < channels; c++)
            for (var v = 0; v < vectors; v++) code.AppendLine($"        a{c}_{v}.Store(sum + {c * 16 + v * lanes});");
        code.AppendLine("    }");
    }
}
