using Xunit;

namespace Tenfold.Tests;

public class DeformableConvolutionTests
{
    private static readonly double[] s_digits = Direct.Count(9, 1);

    [Theory]
    [InlineData(-0.5, 0, 0.5)]
    [InlineData(-0.999, 0, 0.001)]
    [InlineData(-1, 0, 0)]
    [InlineData(2.5, 2, 4.5)]
    [InlineData(3, 2, 0)]
    [InlineData(2, 2.75, 2.25)]
    [InlineData(-0.5, -0.5, 0.25)]
    [InlineData(0.5, 0.5, 3)]
    [InlineData(2.5, 2.5, 2.25)]
    [InlineData(double.NaN, 1, 0)]
    [InlineData(1, double.NaN, 0)]
    [InlineData(double.PositiveInfinity, 1, 0)]
    [InlineData(1, double.NegativeInfinity, 0)]
    [InlineData(1e300, -1e300, 0)]
    public void A_sample_fades_within_a_pixel_of_the_border(double row, double column, double expected) => Direct.Equal([expected], Sample(row, column));

    [Theory]
    [InlineData(0, 3)]
    [InlineData(1, 3)]
    [InlineData(2, -7)]
    [InlineData(-1, 1)]
    [InlineData(3, 0)]
    [InlineData(-1.5, 0)]
    [InlineData(double.NaN, 0)]
    public void At_whole_numbers_the_derivative_is_that_of_the_cell_behind(double row, double expected) =>
        Direct.Equal([expected], Direct.Gradient(1, Grid1x1, ([1, 1, 3, 3], s_digits), ([1, 2, 3, 3], Offsets(row, 0)))[..1]);

    // Published with ONNX's DeformConv operator.
    [Fact]
    public void Onnx_vectors()
    {
        Direct.Equal([0, 1, 3, 2, 3, 8, 11.9, 7, 9, 20, 24, 13, 6, 13, 15, 8], Onnx(1, 4, ((0, 0), 0.5), ((1, 2), -0.1)));
        Direct.Equal([9.5, 11.9, 20, 24], Onnx(0, 2, ((0, 0), 0.5), ((0, 1), -0.1)));

        static double[] Onnx(int pad, int size, ((int Row, int Column) At, double Value) first, ((int Row, int Column) At, double Value) sixth)
        {
            var offset = new double[8 * size * size];
            offset[first.At.Row * size + first.At.Column] = first.Value;
            offset[(5 * size + sixth.At.Row) * size + sixth.At.Column] = sixth.Value;
            return Direct.Run(x => new DeformableConvolution(1, pad, 1, 1, 1, Masked: false).Apply(x),
                ([1, 1, 3, 3], Direct.Count(9)), ([1, 1, 2, 2], [1, 1, 1, 1]), ([1, 8, size, size], offset));
        }
    }

    [Fact]
    public void Without_offsets_it_is_a_convolution()
    {
        foreach (var (stride, pad, dilation) in new (Size, Padding, Size)[] { (1, 1, 1), ((2, 1), (1, 0), (2, 1)), (1, new Padding(0, 2, 1, 0), 2) })
        {
            var plain = new Convolution(stride, pad, dilation, 2);
            var size = plain.Infer([[2, 6, 7, 8], [4, 3, 3, 2]]);
            (Shape, double[])[] inputs = [([2, 6, 7, 8], Random(2 * 6 * 7 * 8)), ([4, 3, 3, 2], Random(72)), ([4], Random(4))];
            Shape offset = [2, 36, size.Height, size.Width];
            Shape mask = [2, 18, size.Height, size.Width];
            var expected = Direct.Run(x => plain.Apply(x), inputs);
            Direct.Equal(expected, Direct.Run(x => new DeformableConvolution(stride, pad, dilation, 2, 3, Masked: false).Apply(x[0], x[1], x[3], x[2]),
                [.. inputs, (offset, new double[offset.Count])]));
            Direct.Equal(expected, Direct.Run(x => new DeformableConvolution(stride, pad, dilation, 2, 3, Masked: true).Apply(x[0], x[1], x[3], x[4], x[2]),
                [.. inputs, (offset, new double[offset.Count]), (mask, [.. Enumerable.Repeat(1.0, (int)mask.Count)])]));
        }
    }

    [Fact]
    public void The_mask_scales_each_tap_and_not_the_bias()
    {
        (Shape, double[])[] inputs = [([1, 1, 1, 2], [10, 20]), ([1, 1, 1, 2], [1, 2]), ([1, 4, 1, 1], [0, 0, 0, 0]), ([1, 2, 1, 1], [0.5, 0.25]), ([1], [7])];
        Direct.Equal([5 + 10 + 7], Direct.Run(x => new DeformableConvolution(1, 0, 1, 1, 1, Masked: true).Apply(x), inputs));
    }

    // Strips of unequal length, shares of the output channels, taps one by one, blocks that move in two ways.
    [Theory]
    [InlineData(1, 176, 33, 1, 1, 15, 17, 1)]
    [InlineData(1, 352, 40, 2, 2, 7, 5, 1)]
    [InlineData(2, 210, 21, 3, 6, 9, 8, 2)]
    [InlineData(1, 1744, 17, 1, 1, 2, 3, 1)]
    public void Of_many_channels_some_taps_come_at_a_time(int batch, int channels, int outputs, int groups, int offsetGroups, int height, int width, int stride)
    {
        var (h, w) = ((height - 1) / stride + 1, (width - 1) / stride + 1);
        Check.Op(x => x[0].DeformableConv(x[1], x[2], outputs, 3, stride, groups: groups), [[batch, channels, height, width], [batch, 18 * offsetGroups, h, w], [batch, 9 * offsetGroups, h, w]],
            [Draws.Normal, Draws.Fractions], differentiable: false);
    }

    [Fact]
    public void Each_offset_group_moves_its_own_channels()
    {
        // Two channels, one tap: the first group moves down, the second right.
        var y = Direct.Run(x => new DeformableSampling(new DeformableGrid(1, 1, 0, 1, 2)).Apply(x),
            ([1, 2, 2, 2], [1, 2, 3, 4, 10, 20, 30, 40]), ([1, 4, 2, 2], [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]));
        Direct.Equal([3, 4, 0, 0, 20, 0, 40, 0], y);
    }

    [Fact]
    public void Whole_offsets_read_a_shifted_map() =>
        Direct.Equal(Plain(new Padding(0, 2, 2, 0), 1, s_kernel), Moved((_, _) => (1, -1)));

    [Fact]
    public void Offsets_spread_the_taps_as_a_dilation_does() =>
        Direct.Equal(Plain(2, 2, s_kernel), Moved((i, j) => (i - 1, j - 1)));

    [Fact]
    public void Offsets_stretch_each_axis_by_itself() =>
        Direct.Equal(Plain((2, 3), (2, 3), s_kernel), Moved((i, j) => (i - 1, 2 * (j - 1))));

    [Fact]
    public void A_mask_of_a_half_is_half_the_convolution() =>
        Direct.Equal([.. Plain(1, 1, s_kernel).Select(y => y / 2)], Moved((_, _) => (0, 0), mask: [.. Enumerable.Repeat(0.5, 9 * 30)]));

    [Fact]
    public void Offsets_turn_the_kernel() =>
        // Tap p = (i - 1, j - 1) goes to (j - 1, 1 - i), so that place (a, b) is read by tap (2 - b, a).
        Direct.Equal(Plain(1, 1, Rearranged(tap => (2 - tap % 3) * 3 + tap / 3)), Moved((i, j) => (j - 1 - (i - 1), 1 - i - (j - 1))), 1e-12);

    [Fact]
    public void A_fraction_of_a_pixel_is_a_bilinear_shift()
    {
        var x = Random(30);
        double[] offset = [.. Enumerable.Repeat(0.25, 30), .. Enumerable.Repeat(0.625, 30)];
        Direct.Equal(
            Direct.Run(x => new Convolution(1, new Padding(0, 0, 1, 1), 1, 1).Apply(x), ([1, 1, 5, 6], x), ([1, 1, 2, 2], [0.75 * 0.375, 0.75 * 0.625, 0.25 * 0.375, 0.25 * 0.625])),
            Direct.Run(x => new DeformableConvolution(1, 0, 1, 1, 1, Masked: false).Apply(x), ([1, 1, 5, 6], x), ([1, 1, 1, 1], [1]), ([1, 2, 5, 6], offset)));
    }

    [Fact]
    public void A_mask_of_zero_takes_a_tap_out()
    {
        var mask = Enumerable.Range(0, 9 * 30).Select(i => i / 30 == 4 ? 0.0 : 1).ToArray();
        var without = (double[])s_kernel.Clone();
        for (var i = 4; i < without.Length; i += 9) without[i] = 0;
        Direct.Equal(Moved((_, _) => (0.3, 0.4), without), Moved((_, _) => (0.3, 0.4), s_kernel, mask));
    }

    [Fact]
    public void A_mask_that_is_no_number_stays_so_where_no_pixel_is_near()
    {
        var (x, offset, mask) = (new Input([1, 2, 2, 2]).Apply([], "x"), new Input([1, 2, 2, 2]).Apply([], "offset"), new Input([1, 1, 2, 2]).Apply([], "mask"));
        var graph = x.DeformableConv(offset, mask, 3, 1).ToGraph("masked");
        Tensor[] inputs = [new([1, 2, 2, 2]), new([1, 2, 2, 2], [0, 9, 9, 0, 0, 0, 0, 0]), new([1, 1, 2, 2], [1, 1, float.NaN, float.NaN])];
        var weights = graph.Init();
        foreach (var y in new[] { Reference.Run(graph, weights, inputs)[0], new Session(graph, weights).RunAll(inputs)[0] })
            for (var i = 0; i < 12; i++) Assert.Equal(i % 4 < 2 ? 0 : float.NaN, y.Span[i]);
    }

    [Fact]
    public void Offset_groups_with_equal_offsets_are_one_group() =>
        Direct.Equal(Moved((i, j) => (0.3 * i, -0.2 * j)), Moved((i, j) => (0.3 * i, -0.2 * j), offsetGroups: 2));

    [Fact]
    public void It_is_a_pointwise_convolution_of_its_samples()
    {
        var grid = new DeformableGrid((3, 2), (2, 1), (1, 0), (2, 1), 3);
        (Shape, double[])[] inputs = [([1, 6, 9, 6], Random(6 * 54)), ([4, 3, 3, 2], Random(72)), ([1, 36, 4, 5], Random(36 * 20)), ([1, 18, 4, 5], Random(18 * 20))];
        Direct.Equal(
            Direct.Run(x => new DeformableConvolution(grid.Stride, grid.Padding, grid.Dilation, 2, 3, Masked: true).Apply(x), inputs),
            Direct.Run(x => new Convolution(1, 0, 1, 2).Apply(new DeformableSampling(grid).Apply(x[0], x[2], x[3]), new Reshape([4, 18, 1, 1], Kept: 0).Apply(x[1])), inputs));
    }

    [Fact]
    public void Gradients()
    {
        Draw[] draws = [Draws.Normal, Draws.Fractions, Draws.Uniform(0, 1)];
        Check.Op(x => x[0].DeformableConv(x[1], null, 3, 3), [[2, 2, 4, 5], [2, 18, 4, 5]], draws);
        Check.Op(x => x[0].DeformableConv(x[1], x[2], 4, (3, 2), stride: (2, 1), pad: (1, 0), dilation: (2, 1), groups: 2),
            [[1, 6, 9, 6], [1, 36, 4, 5], [1, 18, 4, 5]], draws);
        Check.Op(x => x[0].DeformableConv(x[1], x[2], 2, 2, pad: new Padding(0, 1, 0, 0), bias: false), [[2, 2, 3, 3], [2, 16, 2, 3], [2, 8, 2, 3]], draws);
        Check.Op(x => new DeformableSampling(new DeformableGrid(2, 1, 0, 1, 1)).Apply(x), [[1, 2, 4, 3], [1, 8, 3, 2]], draws);
    }

    [Fact]
    public void Costs_are_a_convolutions_and_the_samples()
    {
        var x = new Input([1, 512, 14, 14]).Apply([], "x");
        var y = x.DeformableConv(new Input([1, 18, 14, 14]).Apply([], "offset"), null, 512, 3, bias: false);
        Assert.Equal(2_359_296, y.Cost.Parameters);
        Assert.Equal(196L * (2_359_296 + 4 * 512 * 9), y.Cost.Macs);
    }

    [Fact]
    public void Bad_numbers_are_refused_by_name()
    {
        var op = new DeformableConvolution(1, 1, 1, 1, 1, Masked: false);
        Assert.Equal("deformable conv: the offset is 1x9x4x4, not 1x18x4x4", Direct.Refused(x => op.Apply(x), [1, 3, 4, 4], [2, 3, 3, 3], [1, 9, 4, 4]));
        Assert.Equal("deformable conv: the mask is 1x18x4x4, not 1x9x4x4", Direct.Refused(x => (op with { Masked = true }).Apply(x), [1, 3, 4, 4], [2, 3, 3, 3], [1, 18, 4, 4], [1, 18, 4, 4]));
        Assert.Equal("deformable conv: a bias 1x9x4x4 does not fit 2 channels", Direct.Refused(x => op.Apply(x), [1, 3, 4, 4], [2, 3, 3, 3], [1, 18, 4, 4], [1, 9, 4, 4]));
        Assert.Equal("deformable conv: takes a map, a kernel, an offset, a mask and perhaps a bias, not 3 inputs", Direct.Refused(x => (op with { Masked = true }).Apply(x), [1, 3, 4, 4], [2, 3, 3, 3], [1, 18, 4, 4]));
        Assert.Equal("deformable conv: 3 channels do not divide into 2 offset groups", Direct.Refused(x => (op with { OffsetGroups = 2 }).Apply(x), [1, 3, 4, 4], [2, 3, 3, 3], [1, 36, 4, 4]));
        Assert.Equal("deformable conv: 12 offset channels do not divide into 2 for each of 3x3 taps", Direct.Refused(x => x[0].DeformableConv(x[1], null, 2, 3), [1, 3, 4, 4], [1, 12, 4, 4]));
        Assert.Contains("offset groups", Direct.Refused(x => (op with { OffsetGroups = int.MinValue }).Apply(x), [1, 3, 4, 4], [2, 3, 3, 3], [1, 18, 4, 4]));
    }

    private static readonly double[] s_kernel = Random(3 * 2 * 9);

    private static double[] Rearranged(Func<int, int> from) => [.. Enumerable.Range(0, s_kernel.Length).Select(i => s_kernel[i / 9 * 9 + from(i % 9)])];

    private static double[] Plain(Padding pad, Size dilation, double[] kernel) =>
        Direct.Run(x => new Convolution(1, pad, dilation, 1).Apply(x), ([1, 2, 5, 6], Random(60)), ([3, 2, 3, 3], kernel));

    // A 3x3 with padding 1 whose taps are moved alike at every pixel.
    private static double[] Moved(Func<int, int, (double Down, double Right)> move, double[]? kernel = null, double[]? mask = null, int offsetGroups = 1)
    {
        var offset = from g in Enumerable.Range(0, offsetGroups)
                     from tap in Enumerable.Range(0, 9)
                     from way in new[] { move(tap / 3, tap % 3).Down, move(tap / 3, tap % 3).Right }
                     from place in Enumerable.Range(0, 30)
                     select way;
        var op = new DeformableConvolution(1, 1, 1, 1, offsetGroups, Masked: mask is not null);
        List<(Shape, double[])> inputs = [([1, 2, 5, 6], Random(60)), ([3, 2, 3, 3], kernel ?? s_kernel), ([1, 18 * offsetGroups, 5, 6], [.. offset])];
        if (mask is not null) inputs.Add(([1, 9, 5, 6], mask));
        return Direct.Run(x => op.Apply(x), [.. inputs]);
    }

    private static Node Grid1x1(Node[] x) => new DeformableSampling(new DeformableGrid(1, 1, 0, 1, 1)).Apply(x);

    private static double[] Sample(double row, double column) => Direct.Run(Grid1x1, ([1, 1, 3, 3], s_digits), ([1, 2, 3, 3], Offsets(row, column)))[..1];

    // The first pixel reads at (row, column); the others stay.
    private static double[] Offsets(double row, double column)
    {
        var offsets = new double[18];
        (offsets[0], offsets[9]) = (row, column);
        return offsets;
    }

    private static double[] Random(int count)
    {
        var random = new Philox((ulong)count);
        return [.. Enumerable.Range(0, count).Select(i => random.Normal((ulong)i))];
    }
}
