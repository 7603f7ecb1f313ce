using Tenfold.Kernels;
using Xunit;

namespace Tenfold.Tests;

/// <summary>Weight gradients whose products come in pairs, against sums in double precision.</summary>
public class OuterPairsTests
{
    private static readonly (string Name, DenseShape Shape)[] s_shapes =
    [
        ("pointwise", new DenseShape(2, 70, 20, (15, 17), (15, 17), (1, 1), (1, 1), (0, 0), (1, 1), 1, false)),
        ("small planes", new DenseShape(5, 64, 33, (7, 7), (7, 7), (1, 1), (1, 1), (0, 0), (1, 1), 1, false)),
        ("one pixel", new DenseShape(3, 64, 16, (1, 1), (1, 1), (1, 1), (1, 1), (0, 0), (1, 1), 1, false)),
        ("3x3", new DenseShape(2, 40, 18, (13, 9), (13, 9), (3, 3), (1, 1), (1, 1), (1, 1), 1, false)),
        ("3x3 of stride 2", new DenseShape(3, 16, 32, (15, 18), (8, 9), (3, 3), (2, 2), (1, 1), (1, 1), 1, false)),
        ("1x1 of stride 2", new DenseShape(2, 64, 16, (15, 17), (8, 9), (1, 1), (2, 2), (0, 0), (1, 1), 1, false)),
        ("groups", new DenseShape(2, 64, 32, (12, 12), (12, 12), (3, 3), (1, 1), (1, 1), (1, 1), 2, false)),
    ];

    private static readonly (string Name, Func<Philox, ulong, (int Channel, int Pixel), double> X, Func<Philox, ulong, (int Channel, int Pixel), double> Dy, double Tolerance)[] s_numbers =
    [
        ("as behind ReLU", (random, i, _) => Math.Max(0, random.Normal(i)), (random, i, _) => 1e-4 * random.Normal(i), 1e-6),
        ("tiny gradients", (random, i, _) => random.Normal(i), (random, i, _) => 3e-17 * random.Normal(i), 1e-6),
        ("too small to square", (random, i, _) => random.Normal(i), (random, i, _) => 1e-27 * random.Normal(i), 1e-6),
        ("huge gradients", (random, i, _) => random.Normal(i), (random, i, _) => 5e11 * random.Normal(i), 1e-6),
        ("far from zero", (random, i, _) => 1 + 0.01 * random.Normal(i), (random, i, _) => 1 + random.Uniform(i), 1e-6),
        ("heavy tails", (random, i, _) => Math.Exp(2 * random.Normal(i)), (random, i, _) => Math.Pow(random.Normal(i), 5), 3e-6),
        ("channels of very different sizes", (random, i, at) => Math.Pow(10, at.Channel % 7 - 3) * random.Normal(i), (random, i, at) => Math.Pow(10, at.Channel % 5 - 2) * random.Normal(i), 3e-6),
        ("a glaring spot", (random, i, at) => (at.Pixel is > 20 and < 27 && at.Channel == 3 ? 1e6 : 1) * Math.Abs(random.Normal(i)), (random, i, _) => random.Normal(i), 3e-6),
        ("a spot of one value", (random, i, at) => at.Pixel is > 20 and < 29 && at.Channel == 3 ? 1e6 : Math.Abs(random.Normal(i)), (random, i, _) => random.Normal(i), 3e-6),
        ("a glaring gradient", (random, i, _) => random.Normal(i), (random, i, at) => (at.Pixel is 20 or 21 && at.Channel == 3 ? 1e6 : 1) * random.Normal(i), 1e-5),
        ("few gradients", (random, i, _) => random.Normal(i), (random, i, at) => at.Pixel % 50 == 7 ? random.Normal(i) : 0, 3e-6),
        ("no gradients", (random, i, _) => random.Normal(i), (_, _, _) => 0, 0),
        ("no inputs", (_, _, _) => 0, (random, i, _) => random.Normal(i), 0),
        ("whole numbers", (random, i, _) => random.Below(9, i) - 4, (random, i, _) => random.Below(9, i) - 4, 0),
    ];

    public static TheoryData<string, string> Cases => [.. s_shapes.SelectMany(shape => s_numbers.Select(numbers => (shape.Name, numbers.Name)))];

    [Theory]
    [MemberData(nameof(Cases))]
    public unsafe void Give_the_gradient_whatever_the_sizes_of_the_numbers(string of, string named)
    {
        Assert.SkipWhen(Simd.Width < 512, "products come in pairs on 512-bit vectors only");
        var shape = s_shapes.Single(row => row.Name == of).Shape;
        var (_, x, dy, tolerance) = s_numbers.Single(row => row.Name == named);
        var (inputs, outputs) = (Map(shape.Batch, shape.In, shape.InPlane, new Philox(1), x), Map(shape.Batch, shape.Out, shape.OutPlane, new Philox(2), dy));
        var expected = Gradient(shape, inputs, outputs);
        var largest = expected.Max(Math.Abs);
        List<WeightGradientKernel> kernels = [new DenseWeightGradient(shape, pairs: true)];
        if (WinogradWeightGradient.Takes(shape) && named != "whole numbers") kernels.Add(new WinogradWeightGradient(shape, pairs: true));
        foreach (var kernel in kernels)
        {
            var dk = Run(kernel, Blocked(inputs, shape.InPlane.Area), Blocked(outputs, shape.OutPlane.Area), expected.Length);
            var allowed = largest * (kernel is DenseWeightGradient ? tolerance : 5 * tolerance); // Winograd's own rounding
            for (var i = 0; i < dk.Length; i++)
                if (!(Math.Abs(dk[i] - expected[i]) <= allowed)) Assert.Fail($"{kernel.Name}: {dk[i]} at {i}, not {expected[i]}; {Math.Abs(dk[i] - expected[i]) / largest:e1} of the largest");
        }
    }

    [Fact]
    public unsafe void Infinity_stays_within_its_channel()
    {
        Assert.SkipWhen(Simd.Width < 512, "products come in pairs on 512-bit vectors only");
        var shape = s_shapes[0].Shape;
        var (x, dy) = (Map(shape.Batch, shape.In, shape.InPlane, new Philox(1), (random, i, _) => random.Normal(i)), Map(shape.Batch, shape.Out, shape.OutPlane, new Philox(2), (random, i, _) => random.Normal(i)));
        x[0, 5, 21] = float.PositiveInfinity;
        var dk = Run(new DenseWeightGradient(shape, pairs: true), Blocked(x, shape.InPlane.Area), Blocked(dy, shape.OutPlane.Area), shape.In * shape.Out);
        for (var i = 0; i < dk.Length; i++) Assert.Equal(i % shape.In != 5, float.IsFinite(dk[i]));
    }

    // [sample, channel, pixel]
    private static float[,,] Map(int batch, int channels, Size plane, Philox random, Func<Philox, ulong, (int Channel, int Pixel), double> draw)
    {
        var map = new float[batch, channels, plane.Area];
        ulong i = 0;
        for (var n = 0; n < batch; n++)
            for (var c = 0; c < channels; c++)
                for (var p = 0; p < plane.Area; p++) map[n, c, p] = (float)draw(random, i++, (c, p));
        return map;
    }

    private static float[] Blocked(float[,,] map, int area)
    {
        var blocks = (map.GetLength(1) + Dense.Block - 1) / Dense.Block;
        var blocked = new float[map.GetLength(0) * blocks * area * Dense.Block];
        blocked.AsSpan().Fill(float.NaN); // lanes behind the last channel hold anything
        for (var n = 0; n < map.GetLength(0); n++)
            for (var c = 0; c < map.GetLength(1); c++)
                for (var p = 0; p < area; p++) blocked[((n * blocks + c / Dense.Block) * area + p) * Dense.Block + c % Dense.Block] = map[n, c, p];
        return blocked;
    }

    private static unsafe float[] Run(WeightGradientKernel kernel, float[] x, float[] dy, int weights)
    {
        float[] sums = new float[kernel.SumsSize], dk = new float[weights], scratch = new float[kernel.Scratch + Dense.Block];
        sums.AsSpan().Fill(float.NaN);
        scratch.AsSpan().Fill(float.NaN);
        fixed (float* px = x, pdy = dy, ps = sums, pk = dk, pt = scratch)
        {
            for (var item = 0; item < kernel.Items; item++) kernel.Run(item, px, pdy, ps, pt);
            for (var item = 0; item < kernel.AddItems; item++) kernel.Add(item, ps, pk);
        }

        return dk;
    }

    private static double[] Gradient(DenseShape shape, float[,,] x, float[,,] dy)
    {
        var dk = new double[shape.Out * shape.InPerGroup * shape.KernelSize.Area];
        for (var o = 0; o < shape.Out; o++)
            for (var c = 0; c < shape.InPerGroup; c++)
                for (var tap = 0; tap < shape.KernelSize.Area; tap++)
                {
                    double sum = 0;
                    for (var n = 0; n < shape.Batch; n++)
                        for (var row = 0; row < shape.OutPlane.Height; row++)
                            for (var column = 0; column < shape.OutPlane.Width; column++)
                            {
                                var (r, s) = (row * shape.Stride.Height - shape.Before.Height + tap / shape.KernelSize.Width, column * shape.Stride.Width - shape.Before.Width + tap % shape.KernelSize.Width);
                                if ((uint)r >= (uint)shape.InPlane.Height || (uint)s >= (uint)shape.InPlane.Width) continue;
                                sum += (double)x[n, o / shape.OutPerGroup * shape.InPerGroup + c, r * shape.InPlane.Width + s] * dy[n, o, row * shape.OutPlane.Width + column];
                            }

                    dk[(o * shape.InPerGroup + c) * shape.KernelSize.Area + tap] = sum;
                }

        return dk;
    }
}
