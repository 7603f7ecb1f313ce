using Tenfold.Kernels;
using Xunit;

namespace Tenfold.Tests;

/// <summary>Convolutions whose products come in pairs, against sums in double precision.</summary>
public class PairsTests
{
    private static readonly (string Name, Func<Node, Node> Build, Shape X)[] s_cases =
    [
        ("pointwise, two blocks that are not full", x => x.Conv(40, 1), [1, 24, 9, 7]),
        ("pointwise, odd channels", x => x.Conv(37, 1), [2, 53, 5, 9]),
        ("pointwise, three blocks", x => x.Conv(96, 1, bias: false), [1, 48, 31, 29]),
        ("pointwise, many channels", x => x.Conv(64, 1), [1, 331, 7, 7]),
        ("pointwise, on planes", x => x.Conv(40, 1), [2, 53, 15, 17]),
        ("pointwise, on planes, in groups, a skip and a bound", x => (x.Conv(60, 1, groups: 3) + x).Relu(), [1, 60, 33, 31]),
        ("pointwise, on planes, samples that end within a panel", x => (x.Conv(72, 1, groups: 3) + x).Silu(), [3, 72, 14, 14]),
        ("pointwise, on planes, several strips that end within a panel", x => x.Conv(90, 1).Relu(), [1, 83, 57, 51]),
        ("pointwise, on planes, a panel and all but a pixel of another", x => x.Conv(37, 1), [2, 35, 1, 31]),
        ("strided", x => x.Conv(48, 3, stride: 2), [2, 35, 15, 18]),
        ("strided, pointwise", x => x.Conv(48, 1, stride: 2), [1, 40, 13, 14]),
        ("5x5 at the border", x => x.Conv(33, 5), [2, 19, 6, 5]),
        ("taller than wide, dilated", x => x.Conv(32, (5, 1), dilation: (2, 1)), [1, 24, 12, 11]),
        ("3x3", x => x.Conv(34, 3), [2, 33, 13, 12]),
        ("short rows, 3x1 and 1x3", x => x.Conv(40, (3, 1)).Conv(48, (1, 3)), [2, 35, 8, 8]),
        ("short rows, strided, in several strips", x => x.Conv(48, 3, stride: 2), [1, 40, 57, 13]),
        ("short rows, many channels", x => x.Conv(32, (1, 5), stride: 2), [1, 350, 29, 22]),
        ("short rows, dilated in groups that share a block", x => x.Conv(72, 3, groups: 3, dilation: (2, 3)), [2, 60, 9, 11]),
        ("short rows, transposed", x => x.ConvTranspose(40, (3, 2), pad: (1, 0)), [1, 32, 6, 7]),
        ("one pixel of 3x3", x => x.Conv(48, 3, stride: 2), [2, 40, 2, 1]),
        ("dilated", x => x.Conv(40, 3, dilation: 2), [1, 32, 14, 13]),
        ("groups", x => x.Conv(80, 3, groups: 2, stride: 2), [1, 48, 9, 9]),
        ("transposed", x => x.ConvTranspose(40, 4, stride: 2, pad: 1), [1, 32, 6, 7]),
        ("depthwise before it", x => x.Conv(64, 3, groups: 64).Conv(48, 1), [1, 64, 57, 60]),
        ("from a list of channels", x => x.Conv(64, 3, groups: 64) is var y ? y.Slice(30, 34).Concat(y.Slice(0, 21)).Conv(50, 1) : x, [1, 64, 9, 11]),
        ("a skip and bounds around it", x => (x.Conv(33, 1).Relu6() + x).Relu(), [2, 33, 9, 7]),
        ("an activation that is no bound", x => (x.Conv(40, 1) + x).Silu(), [1, 40, 9, 7]),
        ("a picture", x => x.Conv(32, 7, stride: 2), [1, 3, 33, 31]),
    ];

    private static readonly (string Name, Func<Philox, ulong, int, double> X, double Tolerance)[] s_numbers =
    [
        ("normal", (random, i, _) => random.Normal(i), 3e-6),
        ("as behind ReLU", (random, i, _) => Math.Max(0, random.Normal(i)), 3e-6),
        ("far from zero", (random, i, _) => 5 + 0.01 * random.Normal(i), 3e-6),
        ("bytes", (random, i, _) => random.Below(256, i), 3e-6),
        ("huge", (random, i, _) => 1e12 * random.Normal(i), 3e-6),
        ("tiny", (random, i, _) => 1e-12 * random.Normal(i), 3e-6),
        ("channels of very different sizes", (random, i, channel) => Math.Pow(10, channel % 5 - 2) * random.Normal(i), 2e-5),
        ("nothing", (_, _, _) => 0, 3e-6),
    ];

    public static TheoryData<string, string> Cases => [.. s_cases.SelectMany(@case => s_numbers.Select(numbers => (@case.Name, numbers.Name)))];

    public static TheoryData<string> Names => [.. s_cases.Select(@case => @case.Name)];

    /// <summary>As gradients are: their size is measured at every run, and only an estimate that is hit exactly gives the same bits for all of them.</summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 1)]
    [InlineData(3, 2)]
    public void Give_the_same_digits_at_any_size_where_weights_are_packed_at_every_run(int kernel, int stride)
    {
        var graph = new Input([2, 40, 12, 11]).Apply([], "x").Conv(48, kernel, stride: stride, bias: false).ToGraph("pairs");
        var plan = new Plan(graph, graph.Init(seed: 3), Team.Of(1), frozen: false);
        var (random, outputs) = (new Philox(4), new List<float[]>());
        foreach (var exponent in (int[])[0, -2, -13, 9])
        {
            var x = plan.Input(0);
            for (var i = 0; i < x.Length; i++) x[i] = MathF.ScaleB((float)random.Normal((ulong)i), exponent);
            plan.Run();
            outputs.Add([.. plan.Output(0).ToArray().Select(y => MathF.ScaleB(y, -exponent))]);
        }

        Assert.All(outputs, output => Assert.Equal(outputs[0], output));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Give_the_convolution_whatever_the_sizes_of_the_numbers(string name, string named)
    {
        Assert.SkipUnless(Simd.Pairs, "products come in pairs where additions have units of their own; TENFOLD_PAIRS=1 says so");
        var (_, build, shape) = s_cases.Single(@case => @case.Name == name);
        var (_, numbers, tolerance) = s_numbers.Single(row => row.Name == named);
        var graph = build(new Input(shape).Apply([], "x")).ToGraph("pairs");
        var weights = graph.Init(seed: 3);
        var (random, plane) = (new Philox(4), shape.Height * shape.Width);
        var x = new Tensor(shape, [.. Enumerable.Range(0, (int)shape.Count).Select(i => (float)numbers(random, (ulong)i, i / plane % shape.Channels))]);
        var exact = new Session(graph, weights, new RunOptions { Exact = true }).Run(x);
        var paired = new Session(graph, weights).Run(x);
        var largest = exact.Span.ToArray().Max(Math.Abs);
        for (var i = 0; i < exact.Span.Length; i++)
            if (!(Math.Abs(exact.Span[i] - paired.Span[i]) <= tolerance * largest)) Assert.Fail($"{paired.Span[i]} at {i}, not {exact.Span[i]}: {Math.Abs(exact.Span[i] - paired.Span[i]) / largest:e1} of the largest");
    }

    // As a gradient is behind a stride: the sample by which weights are scaled may miss all of them.
    [Theory]
    [MemberData(nameof(Names))]
    public void Keep_the_digits_of_a_few_large_pixels_among_small_ones(string name)
    {
        Assert.SkipUnless(Simd.Pairs, "products come in pairs where additions have units of their own; TENFOLD_PAIRS=1 says so");
        var (_, build, shape) = s_cases.Single(@case => @case.Name == name);
        var graph = build(new Input(shape).Apply([], "x")).ToGraph("pairs");
        var weights = graph.Init(seed: 3);
        var (random, plane) = (new Philox(4), shape.Height * shape.Width);
        for (var first = 1; first < 30; first += 7)
        {
            var x = new Tensor(shape, [.. Enumerable.Range(0, (int)shape.Count).Select(i => (i % plane % 37 == first ? 1 : 1e-8f) * (float)random.Normal((ulong)i))]);
            var exact = new Session(graph, weights, new RunOptions { Exact = true }).Run(x).Span.ToArray();
            Check.Close(Array.ConvertAll(exact, y => (double)y), Array.ConvertAll(new Session(graph, weights).Run(x).Span.ToArray(), y => (double)y), 2e-5, name);
        }
    }

    // Behind ReLU, by weights of one sign, sums grow with the channels and not with their root: carried from layer to layer an expectation would soon be far off.
    [Theory]
    [InlineData(CompilerPasses.None)]
    [InlineData(CompilerPasses.FoldNorms)]
    public void A_norm_with_measured_statistics_says_how_large_its_map_is(CompilerPasses without)
    {
        var (x, random) = (new Input([2, 48, 9, 7]).Apply([], "x"), new Philox(4));
        var y = x;
        for (var layer = 0; layer < 4; layer++) y = y.Conv(48, 1, bias: false).BatchNorm().Relu();
        var graph = y.Conv(16, 1).ToGraph("norms");
        var weights = graph.Init(seed: 3);
        foreach (var (_, kernel) in weights)
            foreach (ref var weight in kernel.Span) weight = Math.Abs(weight);
        var noise = new Tensor(x.Shape);
        for (var i = 0; i < noise.Span.Length; i++) noise.Span[i] = (float)random.Normal((ulong)i);
        foreach (var norm in graph.Nodes.Where(node => node.Op is BatchNorm))
        {
            var map = Reference.Run(new Graph("before", [norm.Inputs[0]]), weights, noise)[0];
            for (var channel = 0; channel < 48; channel++)
            {
                var numbers = Enumerable.Range(0, (int)map.Shape.Count).Where(i => i / 63 % 48 == channel).Select(i => (double)map.Span[i]).ToArray();
                var mean = numbers.Average();
                weights[graph.NameOf(norm.Inputs[3])].Span[channel] = (float)mean;
                weights[graph.NameOf(norm.Inputs[4])].Span[channel] = (float)numbers.Average(number => (number - mean) * (number - mean));
            }
        }

        var plan = new Plan(graph, weights, Team.Of(1), frozen: true, new RunOptions { Without = without });
        var last = Reference.Run(new Graph("last", [y]), weights, noise)[0].Span.ToArray();
        Assert.InRange(plan.Magnitude(plan.Graph.Outputs[0].Inputs[0]) / Math.Sqrt(last.Average(number => (double)number * number)), 0.5, 2);
    }

    // Each block adds to its skip, and nothing brings the sum back: a small mistake at each would be a large one at the end.
    [Fact]
    public void Without_measured_norms_sizes_follow_the_weights_through_many_residual_blocks()
    {
        var (x, random) = (new Input([1, 3, 24, 24]).Apply([], "x"), new Philox(4));
        var y = x.Conv(48, 3, bias: false).BatchNorm().Relu().MaxPool(3, stride: 2, pad: 1);
        for (var block = 0; block < 12; block++) y = (y.Conv(48, 1, bias: false).BatchNorm().Relu().Conv(48, 1, bias: false).BatchNorm() + y).Relu();
        var graph = y.Conv(16, 1).ToGraph("blocks");
        var weights = graph.Init(seed: 3);
        var noise = new Tensor(x.Shape);
        for (var i = 0; i < noise.Span.Length; i++) noise.Span[i] = (float)random.Normal((ulong)i);
        var plan = new Plan(graph, weights, Team.Of(1), frozen: true);
        var last = Reference.Run(new Graph("last", [y]), weights, noise)[0].Span.ToArray();
        Assert.InRange(plan.Magnitude(plan.Graph.Outputs[0].Inputs[0]) / Math.Sqrt(last.Average(number => (double)number * number)), 0.4, 2.5);
    }

    [Fact]
    public void Exact_does_without_them()
    {
        Assert.SkipUnless(Simd.Pairs, "products come in pairs where additions have units of their own; TENFOLD_PAIRS=1 says so");
        var graph = new Input([1, 64, 9, 9]).Apply([], "x").Conv(64, 1).ToGraph("pointwise");
        Assert.Contains("in pairs", new Session(graph, graph.Init()).Explain());
        Assert.DoesNotContain("in pairs", new Session(graph, graph.Init(), new RunOptions { Exact = true }).Explain());
    }

    // Lanes behind the last channel hold anything, not a number included.
    [Fact]
    public unsafe void What_lies_behind_the_last_channel_does_not_matter()
    {
        Assert.SkipWhen(Simd.Width < 512, "products come in pairs on 512-bit vectors only");
        ChannelRun[] runs = [new() { Offset = 0, Channels = 16 }, new() { Offset = 160, Channels = 9 }];
        var sum = new DenseSum(runs, sections: 1, pairs: true);
        var map = new float[2 * 160 + 16];
        Array.Fill(map, float.NaN);
        foreach (var run in runs)
            for (var p = 0; p < 10; p++)
                for (var c = 0; c < run.Channels; c++) map[run.Offset + p * 16 + c] = 1;
        var products = new float[10];
        fixed (float* x = map, to = products)
        {
            Assert.Equal(0, sum.Exponent(sum.Places, x, 10, 1, 0));
            sum.Products(x, 10, 0, 1, to, 0);
        }

        Assert.All(products, product => Assert.Equal(0, product)); // as many pairs add as subtract
        Assert.Equal(Enumerable.Range(0, 25), sum.Order.Order());
    }

    // Runs of every length, in few maps or in more than a vector has lanes.
    [Theory]
    [InlineData(2)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(40)]
    public unsafe void Places_move_with_their_maps(int maps)
    {
        var begin = Enumerable.Range(0, maps + 1).Select(map => map * 1000).ToArray();
        var by = Enumerable.Range(0, maps + 1).Select(map => map == maps ? 0 : (map * 7 % maps * 3000) - 500).ToArray();
        ChannelRun[] given = [.. Enumerable.Range(0, maps).SelectMany(map => Enumerable.Range(0, 3).Select(i => new ChannelRun { Offset = map * 1000 + i * 160 + map % 5, Channels = 1 + (3 * map + 5 * i) % 11 }))];
        ChannelRun[] moved = [.. given.Select(run => run with { Offset = run.Offset + by[run.Offset / 1000] })];
        var (sum, there) = (new DenseSum(given, sections: 1, pairs: true), new DenseSum(moved, sections: 1, pairs: true));
        var to = new int[sum.PlacesSize];
        fixed (int* room = to)
        {
            var (places, wanted) = (sum.Move(sum.Pieces(begin), by, room), there.Places);
            Assert.Equal(there.PlacesSize, to.Length);
            Assert.Equal(sum.Order, there.Order);
            Assert.Equal(new ReadOnlySpan<int>(wanted.Triples, to.Length - 15), new ReadOnlySpan<int>(places.Triples, to.Length - 15)); // up to 15 fill the last vector
        }

        var channels = given.Sum(run => run.Channels);
        Assert.Equal(Enumerable.Range(0, channels), sum.Order.Order());
        var tile = new DenseTile { WStep = 16 };
        sum.Set(ref tile, null, 0, 1, null);
        Assert.Equal(channels / 6, tile.TripleCount); // no run's length costs a pair
    }
}
