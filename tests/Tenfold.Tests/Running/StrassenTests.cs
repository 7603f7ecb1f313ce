using Tenfold.Kernels;
using Xunit;

namespace Tenfold.Tests;

/// <summary>Pointwise convolutions by seven products in place of eight, against sums in double precision.</summary>
public class StrassenTests
{
    private static readonly (string Name, DenseShape Shape)[] s_shapes =
    [
        ("halves of everything", Pointwise(1, 64, 64, (12, 8))),
        ("an odd number of pixels in several strips", Pointwise(1, 64, 32, (19, 19))),
        ("channels that divide nothing", Pointwise(2, 89, 51, (7, 15))),
        ("a second half of one channel", Pointwise(1, 17, 20, (5, 3))),
        ("one pixel", Pointwise(3, 40, 32, (1, 1))),
        ("many channels, shares", Pointwise(1, 200, 256, (5, 9))),
        ("transposed", Pointwise(2, 48, 64, (6, 7)) with { Transposed = true }),
    ];

    private static readonly (string Name, Func<Philox, ulong, (int Channel, int Pixel), double> X, double Tolerance)[] s_numbers =
    [
        ("normal", (random, i, _) => random.Normal(i), 5e-6),
        ("as behind ReLU", (random, i, _) => Math.Max(0, random.Normal(i)), 5e-6),
        ("huge", (random, i, _) => 1e12 * random.Normal(i), 5e-6),
        ("tiny", (random, i, _) => 1e-12 * random.Normal(i), 5e-6),
        ("channels of very different sizes", (random, i, at) => Math.Pow(10, at.Channel % 5 - 2) * random.Normal(i), 5e-6),
        ("large pixels among small ones", (random, i, at) => (at.Pixel % 5 == 1 ? 1 : 1e-6) * random.Normal(i), 3e-5),
        ("nothing", (_, _, _) => 0, 0),
    ];

    public static TheoryData<string, string> Cases => [.. s_shapes.SelectMany(shape => s_numbers.Select(numbers => (shape.Name, numbers.Name)))];

    private static DenseShape Pointwise(int batch, int channels, int outputs, Size plane) => new(batch, channels, outputs, plane, plane, (1, 1), (1, 1), (0, 0), (1, 1), 1, Transposed: false);

    // Output channels' weights differ a thousandfold, and each is held against the largest sum of its own.
    [Theory]
    [MemberData(nameof(Cases))]
    public unsafe void Gives_the_convolution_and_what_follows(string name, string named)
    {
        var shape = s_shapes.Single(row => row.Name == name).Shape;
        var (_, numbers, tolerance) = s_numbers.Single(row => row.Name == named);
        var (area, blocks) = (shape.InPlane.Area, shape.OutBlocks);
        var (random, weights) = (new Philox(3), new float[shape.In * shape.Out]);
        for (var o = 0; o < shape.Out; o++)
            for (var c = 0; c < shape.In; c++) weights[shape.Weight(o, c)] = (float)(Math.Pow(10, o % 4 - 2) * random.Normal((ulong)(o * shape.In + c)));
        var x = new double[shape.Batch, shape.In, area];
        float[] map = new float[shape.Batch * shape.InBlocks * area * 16], y = new float[shape.Batch * blocks * area * 16], add = new float[y.Length], bias = new float[blocks * 16], gate = new float[shape.Batch * blocks * 16];
        map.AsSpan().Fill(float.NaN); // lanes behind the last channel hold anything
        for (var n = 0; n < shape.Batch; n++)
            for (var c = 0; c < shape.In; c++)
                for (var p = 0; p < area; p++) x[n, c, p] = map[((n * shape.InBlocks + c / 16) * area + p) * 16 + c % 16] = (float)numbers(random, (ulong)(((n * shape.In) + c) * area + p), (c, p));
        var kernel = new StrassenConvolution(shape);
        float[] packed = new float[kernel.PackedSize], scratch = new float[kernel.Scratch];
        scratch.AsSpan().Fill(float.NaN);
        foreach (var following in new[] { false, true })
        {
            var size = following ? y.Where(float.IsFinite).Select(Math.Abs).Max() : 0; // of the convolution by itself
            for (var i = 0; i < add.Length && following; i++) add[i] = (float)(size * random.Normal((ulong)i));
            for (var i = 0; i < bias.Length && following; i++) bias[i] = (float)(size * random.Normal((ulong)i));
            for (var i = 0; i < gate.Length && following; i++) gate[i] = (float)random.Uniform((ulong)i);
            fixed (float* px = map, py = y, pw = weights, pp = packed, ps = scratch, pa = add, pb = bias, pg = gate)
            {
                var then = following ? new DenseEpilogue(pa, (-size, float.PositiveInfinity), (0, float.PositiveInfinity), gate: pg)
                    : new DenseEpilogue(null, (float.NegativeInfinity, float.PositiveInfinity), (float.NegativeInfinity, float.PositiveInfinity));
                for (var item = 0; item < kernel.PackItems; item++) kernel.Pack(item, pw, null, pp);
                for (var item = 0; item < kernel.Items; item++) kernel.Run(item, px, pp, pb, then, py, ps);
            }

            for (var o = 0; o < shape.Out; o++)
            {
                var (worst, largest) = (0.0, 0.0);
                for (var n = 0; n < shape.Batch; n++)
                    for (var p = 0; p < area; p++)
                    {
                        var (sum, at) = (0.0, ((n * blocks + o / 16) * area + p) * 16 + o % 16);
                        for (var c = 0; c < shape.In; c++) sum += x[n, c, p] * weights[shape.Weight(o, c)];
                        largest = Math.Max(largest, Math.Abs(sum));
                        if (following) sum = Math.Max(0, Math.Max(-size, (sum + bias[o]) * gate[n * blocks * 16 + o]) + add[at]);
                        worst = Math.Max(worst, Math.Abs(sum - y[at]));
                    }

                if (following) largest = Math.Max(largest, size);
                Assert.True(worst <= tolerance * largest, $"output channel {o}, followed: {following}: off by {worst / largest:e1} of the largest");
            }
        }
    }

    [Fact]
    public void It_is_taken_where_products_in_pairs_are_not_and_the_map_is_large_enough()
    {
        Assert.Equal(!Simd.Pairs, Choice(Pointwise(1, 256, 256, 14)) is StrassenConvolution);
        Assert.IsType<DenseConvolution>(Choice(Pointwise(1, 256, 256, 14), exact: true));
        Assert.IsType<DenseConvolution>(Choice(Pointwise(1, 256, 256, 14), constant: false));
        Assert.IsType<DenseConvolution>(Choice(Pointwise(1, 1024, 1024, 7)));
        Assert.IsType<DenseConvolution>(Choice(Pointwise(1, 64, 256, 56)));
        Assert.IsType<DenseConvolution>(Choice(Pointwise(1, 256, 256, 14) with { Groups = 2 }));

        static ConvolutionKernel Choice(DenseShape shape, bool exact = false, bool constant = true) => ConvolutionChoice.Of(shape, exact, forced: null, constant).Kernel;
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Within_a_network_one_thread_and_two_give_the_definition(int batch)
    {
        var x = new Input([batch, 256, 11, 13]).Apply([], "x");
        var y = x.Conv(256, 1).Silu().ConvBn(288, 1).Relu().Conv(256, 1);
        var graph = (y * y.GlobalAvgPool().Conv(16, 1).Relu().Conv(256, 1).Sigmoid() + x).Relu().Conv(128, 1).ToGraph("pointwise");
        var weights = graph.Init(seed: 3);
        var input = new Tensor(graph.Inputs[0].Shape);
        for (var i = 0; i < input.Span.Length; i++) input.Span[i] = (float)new Philox(8).Normal((ulong)i);
        var expected = Reference.Run(graph, weights.ToDictionary(pair => pair.Key, pair => Values<double>.From(pair.Value)), [Values<double>.From(input)])[0].Data;
        float[][] runs = [.. new[] { 1, 2 }.Select(threads =>
        {
            var plan = new Plan(graph, weights, Team.Of(threads), frozen: true, new RunOptions());
            if (Simd.Width < 512) Assert.Equal(4, plan.Steps.Count(step => step.Kernel.Contains("Strassen", StringComparison.Ordinal)));
            input.Span.CopyTo(plan.Input(0));
            plan.Run();
            return plan.Output(0).ToArray();
        })];
        Check.Close(expected, Array.ConvertAll(runs[0], value => (double)value), 1e-5, "a network");
        Assert.True(runs[0].AsSpan().SequenceEqual(runs[1]), "one thread and two differ");
    }
}
