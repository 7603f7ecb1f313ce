using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Tenfold.KernelGenerator;

/// <summary>Writes the micro-kernels of dense convolution with products in pairs, for every number of pixels: 28 accumulators of 512 bits, a pair of weights and two sums fill the registers.</summary>
internal static class PairedKernels
{
    private const int MostPixels = 28;
    private const int Soon = 8; // triples, as DenseSum.Soon: so many more follow the last

    public static IEnumerable<(string Name, string Code)> Classes() => new[] { ("Paired512", Class()) };

    private static string Class()
    {
        var code = KernelClass.Begin("Paired512", "Dense convolution with products in pairs on Vector512: tiles of up to 28 pixels of one block of output channels.");
        foreach (var (planes, apart) in new[] { (false, false), (false, true), (true, false), (true, true) })
        {
            var name = (planes ? "Panel" : "") + (apart ? "Apart" : planes ? "" : "Tile");
            var (products, lanes) = (apart ? "; of the same weights, but each product by itself" : "", planes ? "; what are pixels there are output channels, each with a factor and a bias, and lanes are neighbouring pixels" : "");
            for (var pixels = 1; pixels <= MostPixels; pixels++) Tile(code, name, pixels, apart, planes);
            code.AppendLine($"    /// <summary>By the number of pixels, less 1{products}{lanes}.</summary>");
            code.AppendLine($"    public static readonly delegate*<in DenseTile, void>[] {name}s = [{string.Join(", ", Enumerable.Range(1, MostPixels).Select(p => $"&{name}{p}"))}];");
        }

        code.AppendLine("}");
        return code.ToString();
    }

    private static void Tile(StringBuilder code, string name, int pixels, bool apart, bool planes)
    {
        void Each(Func<int, string> line)
        {
            for (var p = 0; p < pixels; p++) code.AppendLine(line(p));
        }

        // Numbers are changed where they are: all registers are taken.
        string Scaled(int p) => planes
            ? $"a{p} = Vector512.MultiplyAddEstimate(a{p}, Vector512.Create(factor[{p}]), Vector512.Create(bias[{p}])); "
            : $"a{p} = Vector512.MultiplyAddEstimate(a{p}, factor, bias); ";

        // The bound comes first: the instruction gives its second operand when one is not a number, so NaN stays NaN.
        string AtLeast(string low, int p) => $"a{p} = Vector512.MaxNative({low}, a{p}); ";
        string AtMost(string high, int p) => $"a{p} = Vector512.MinNative({high}, a{p}); ";

        // With where each pixel lies, from the first one's pointer on, which moves every four pixels.
        void EachAt(string first, Func<int, string, string> line)
        {
            for (var p = 0; p < pixels; p++)
            {
                if (p > 0 && p % 4 == 0) code.AppendLine($"        {first} += next4;");
                code.AppendLine(line(p, (p % 4) switch { 0 => first, 1 => $"{first} + next", var k => $"{first} + next{k}" }));
            }
        }

        void When(string condition, Action then)
        {
            code.AppendLine($"        {condition}");
            code.AppendLine("        {");
            then();
            code.AppendLine("        }");
        }

        code.AppendLine("    [MethodImpl(MethodImplOptions.AggressiveOptimization)]");
        code.AppendLine($"    private static void {name}{pixels}(in DenseTile t)");
        code.AppendLine("    {");
        code.AppendLine("        var x = t.X;");
        if (apart)
        {
            Each(p => $"        var a{p} = Vector512<float>.Zero;");
        }
        else
        {
            code.AppendLine("        var start = Vector512.Load(t.Start);");
            code.AppendLine("        var products = t.Products;");
            Each(p => $"        var a{p} = Vector512.Create(products[{p}]) + start;");
        }

        // Channels by themselves come first: their multiply-adds take place while the tile before is bounded and this one's sums begin, which is additions' work.
        code.AppendLine("        var w = t.W;");
        code.AppendLine("        var rest = t.Runs;");
        code.AppendLine("        for (var last = rest + t.RunCount; rest < last; rest++)");
        code.AppendLine("        {");
        code.AppendLine("            var s = x + rest->Offset;");
        code.AppendLine("            var n = rest->Channels;");
        code.AppendLine("            do");
        code.AppendLine("            {");
        code.AppendLine("                var wc = Vector512.Load(w);");
        Each(p => $"                a{p} = Vector512.MultiplyAddEstimate(Vector512.Create(s[{p * 16}]), wc, a{p});");
        code.AppendLine("                s++;");
        code.AppendLine("                w += 16;");
        code.AppendLine("            }");
        code.AppendLine("            while (--n != 0);");
        code.AppendLine("        }");
        code.AppendLine("        w = t.TripleW;");
        if (!planes) code.AppendLine("        var ahead = (nint)t.Ahead;");
        code.AppendLine("        nint pixel = 0;");
        code.AppendLine("        var triple = t.Triples;");
        code.AppendLine("        for (var last = triple + t.TripleCount; triple < last; triple++)");
        code.AppendLine("        {");
        code.AppendLine("            var xa = x + triple->A;");
        code.AppendLine("            var xb = x + triple->B;");
        code.AppendLine("            var xc = x + triple->C;");
        code.AppendLine("            var xd = x + triple->D;");
        for (var turn = 0; turn < 2; turn++)
        {
            code.AppendLine("            {");
            code.AppendLine($"                var wc = Vector512.Load(w + {48 * turn + 32});");
            Each(p => $"                a{p} = Vector512.MultiplyAddEstimate(Vector512.Create({(turn == 0 ? "xc" : "xd")}[{p * 16}]), wc, a{p});");
            code.AppendLine($"                var wb = Vector512.Load(w + {48 * turn});");
            code.AppendLine($"                var wa = {(apart && turn == 1 ? "-" : "")}Vector512.Load(w + {48 * turn + 16});");
            var k = turn;
            if (apart)
            {
                Each(p => $"                a{p} = Vector512.MultiplyAddEstimate(Vector512.Create(xa[{p * 16 + k}]), wa, a{p});");
                Each(p => $"                a{p} = Vector512.MultiplyAddEstimate(Vector512.Create(xb[{p * 16 + k}]), wb, a{p});");
            }
            else
            {
                Each(p => k == 0
                    ? $"                a{p} = Vector512.MultiplyAddEstimate(Vector512.Create(xa[{p * 16}]) + wb, Vector512.Create(xb[{p * 16}]) + wa, a{p});"
                    : $"                a{p} = Vector512.MultiplyAddEstimate(wb - Vector512.Create(xa[{p * 16 + 1}]), Vector512.Create(xb[{p * 16 + 1}]) + wa, a{p});");
            }
            code.AppendLine("            }");
        }

        Fetch(code, pixels, planes);
        code.AppendLine("            w += 96;");
        code.AppendLine("        }");
        code.AppendLine($"        var factor = {(planes ? "t.Factor" : "Vector512.Load(t.Factor)")};");
        code.AppendLine($"        var bias = {(planes ? "t.Bias" : "Vector512.Load(t.Bias)")};");
        if (!planes)
        {
            code.AppendLine("        if (t.Gate != null)");
            code.AppendLine("        {");
            code.AppendLine("            factor *= Vector512.Load(t.Gate);");
            code.AppendLine("            bias *= Vector512.Load(t.Gate);");
            code.AppendLine("        }");
        }

        code.AppendLine("        nint next = t.YPixel, next2 = 2 * next, next3 = 3 * next, next4 = 4 * next;");
        code.AppendLine("        var y = t.Y;");
        code.AppendLine("        var low = Vector512.Create(t.Low);");
        // No more than what each end needs, for the JIT's time goes by the code; behind an addition, whose 512-bit stores take two cycles each, the second bound is free.
        When("if (t.Add != null)", () =>
        {
            Each(p => $"            {Scaled(p)}");
            When("if (t.FirstLow != float.NegativeInfinity || t.FirstHigh != float.PositiveInfinity)", () =>
            {
                code.AppendLine("            var (firstLow, firstHigh) = (Vector512.Create(t.FirstLow), Vector512.Create(t.FirstHigh));");
                Each(p => $"            {AtLeast("firstLow", p)}{AtMost("firstHigh", p)}");
            });
            code.AppendLine("            var add = t.Add;");
            code.AppendLine("            var high = Vector512.Create(t.High);");
            EachAt("add", (p, at) => $"            a{p} += Vector512.Load({at});");
            EachAt("y", (p, at) => $"            {AtLeast("low", p)}{AtMost("high", p)}a{p}.Store({at});");
        });
        When("else if (t.High != float.PositiveInfinity)", () =>
        {
            code.AppendLine("            var high = Vector512.Create(t.High);");
            EachAt("y", (p, at) => $"            {Scaled(p)}{AtLeast("low", p)}{AtMost("high", p)}a{p}.Store({at});");
        });
        When("else if (t.Low != float.NegativeInfinity)", () => EachAt("y", (p, at) => $"            {Scaled(p)}{AtLeast("low", p)}a{p}.Store({at});"));
        When("else", () => EachAt("y", (p, at) => $"            {Scaled(p)}a{p}.Store({at});"));
        code.AppendLine("    }");
    }

    // What comes next: weights to the second-level cache, where a panel has just been written; pixels, on planes weights, to the first.
    private static void Fetch(StringBuilder code, int pixels, bool planes)
    {
        code.AppendLine("            if (Sse.IsSupported)");
        code.AppendLine("            {");
        for (var line = 0; line < 6 && !planes; line++) code.AppendLine($"                Sse.Prefetch1(w + ahead + {16 * line});");

        // A pixel's 16 channels are a line of the cache, which as many triples read; meanwhile those of the next come to the first-level cache, those of four pixels at a time.
        code.AppendLine("                var soon = x + pixel;");
        foreach (var place in new[] { "A", "B", "C" })
        {
            code.AppendLine($"                var next{place} = soon + triple[{Soon}].{place};");
            for (var p = 0; p < Math.Min(4, pixels); p++) code.AppendLine($"                Sse.Prefetch0(next{place} + {16 * p});");
        }

        code.AppendLine($"                pixel = (pixel + 64) & {64 * Soon - 1};");
        code.AppendLine("            }");
    }
}
