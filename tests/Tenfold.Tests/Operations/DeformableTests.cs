using Xunit;

namespace Tenfold.Tests;

/// <summary>What a deformable convolution turns into for special offsets, and published vectors.</summary>
public class DeformableTests
{
    private static readonly Values<double> s_x = Random([1, 4, 6, 7], 1);
    private static readonly Values<double> s_kernel = Random([3, 4, 3, 3], 2);

    [Theory]
    [InlineData(1, 1, 1, 1, 1, 1)]
    [InlineData(2, 1, 0, 1, 2, 1)]
    [InlineData(1, 3, 2, 2, 1, 2)]
    public void Without_offsets_it_is_a_convolution(int strideY, int strideX, int padY, int padX, int dilationY, int dilationX)
    {
        var plain = Run(new Convolution((strideY, strideX), (padY, padX), (dilationY, dilationX), 1), s_x, s_kernel);
        var (height, width) = (plain.Shape.Height, plain.Shape.Width);
        var op = new DeformableConvolution((strideY, strideX), (padY, padX), (dilationY, dilationX), 1, OffsetGroups: 2, Masked: false);
        Equal(plain, Run(op, s_x, s_kernel, new Values<double>([1, 36, height, width])));
        var half = Filled([1, 18, height, width], 0.5);
        Equal(Scaled(plain, 0.5), Run(op with { Masked = true }, s_x, s_kernel, new Values<double>([1, 36, height, width]), half));
    }

    [Fact]
    public void The_mask_does_not_touch_the_bias()
    {
        var bias = Random([3], 3);
        var y = Run(Deformable(masked: true), s_x, s_kernel, new Values<double>([1, 18, 6, 7]), new Values<double>([1, 9, 6, 7]), bias);
        foreach (var (n, c, h, w) in y.Shape.Positions) Assert.Equal(bias[c], y[n, c, h, w]);
    }

    [Fact]
    public void A_constant_whole_offset_moves_the_picture()
    {
        var offset = Offsets(9, (_, _) => (2, -1));
        var moved = new Values<double>([1, 4, 10, 11]); // the picture with a frame of two zeros, read two rows lower, one column to the left
        foreach (var (n, c, h, w) in moved.Shape.Positions)
            if ((uint)h < 6 && (uint)(w - 2) < 7) moved[n, c, h, w] = s_x[n, c, h, w - 2];
        var y = Run(new Convolution(1, 0, 1, 1), moved, s_kernel); // valid, from row 0: tap (0, 0) of output (h, w) reads picture row h, column w - 2
        var z = Run(Deformable(), s_x, s_kernel, offset);
        foreach (var (n, o, h, w) in z.Shape.Positions)
            if (h + 1 < y.Shape.Height && w < y.Shape.Width) Assert.Equal(y[n, o, h + 1, w], z[n, o, h, w], 1e-12);
    }

    [Fact]
    public void Offsets_that_spread_the_taps_are_a_dilation()
    {
        var offset = Offsets(9, (i, j) => (2 * (i - 1), 2 * (j - 1)));
        Equal(Run(new Convolution(1, 3, 3, 1), s_x, s_kernel), Run(Deformable(), s_x, s_kernel, offset));
    }

    [Fact]
    public void Offsets_can_scale_each_axis_by_itself()
    {
        // Twice as high, three times as wide.
        var offset = Offsets(9, (i, j) => (1 * (i - 1), 2 * (j - 1)));
        Equal(Run(new Convolution(1, (2, 3), (2, 3), 1), s_x, s_kernel), Run(Deformable(), s_x, s_kernel, offset));
    }

    [Fact]
    public void Offsets_can_turn_the_kernel_by_90_degrees()
    {
        // (y, x) -> (x, -y): tap (i, j) reads at (j - 1, 1 - i) from the centre.
        var offset = Offsets(9, (i, j) => (j - i, 2 - i - j));
        var turned = new Values<double>(s_kernel.Shape);
        foreach (var (o, c, i, j) in s_kernel.Shape.Positions) turned[o, c, j, 2 - i] = s_kernel[o, c, i, j];
        Equal(Run(new Convolution(1, 1, 1, 1), s_x, turned), Run(Deformable(), s_x, s_kernel, offset));
    }

    [Fact]
    public void A_mask_of_zero_removes_its_tap()
    {
        var offset = Random([1, 18, 6, 7], 5);
        var (mask, without) = (Filled([1, 9, 6, 7], 1), new Values<double>(s_kernel.Shape, [.. s_kernel.Data]));
        mask.Plane(0, 5).Clear(); // row 1, column 2
        for (var o = 0; o < 3; o++)
            for (var c = 0; c < 4; c++) without[o, c, 1, 2] = 0;
        Equal(Run(Deformable(), s_x, without, offset), Run(Deformable(masked: true), s_x, s_kernel, offset, mask));
    }

    [Fact]
    public void A_fraction_moves_the_picture_between_its_pixels()
    {
        const double down = 0.25, right = 0.625;
        var (x, kernel) = (Random([1, 1, 5, 6], 1), Filled([1, 1, 1, 1], 1));
        var y = Run(new DeformableConvolution(1, 0, 1, 1, 1, false), x, kernel, Offsets(1, (_, _) => (down, right), 5, 6));
        foreach (var (_, _, h, w) in y.Shape.Positions)
            Assert.Equal((1 - down) * ((1 - right) * At(h, w) + right * At(h, w + 1)) + down * ((1 - right) * At(h + 1, w) + right * At(h + 1, w + 1)), y[0, 0, h, w], 1e-14);

        double At(int h, int w) => h < 5 && w < 6 ? x[0, 0, h, w] : 0;
    }

    [Fact]
    public void Offset_groups_with_the_same_offsets_are_one()
    {
        var offset = Random([1, 18, 6, 7], 5);
        var twice = new Values<double>([1, 36, 6, 7], [.. offset.Data, .. offset.Data]);
        Equal(Run(Deformable(), s_x, s_kernel, offset), Run(Deformable() with { OffsetGroups = 2 }, s_x, s_kernel, twice));
    }

    [Theory] // ONNX's published examples for DeformConv
    [InlineData(1, 5, 1, 2, new[] { 0, 1, 3, 2, 3, 8, 11.9, 7, 9, 20, 24, 13, 6, 13, 15, 8 })]
    [InlineData(0, 5, 0, 1, new[] { 9.5, 11.9, 20, 24 })]
    public void Published_vectors(int pad, int channel, int row, int column, double[] expected)
    {
        var x = new Values<double>([1, 1, 3, 3], [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        var size = 2 + 2 * pad;
        var offset = new Values<double>([1, 8, size, size]);
        offset[0, 0, 0, 0] = 0.5;
        offset[0, channel, row, column] = -0.1;
        Check.Close(expected, Run(new DeformableConvolution(1, pad, 1, 1, 1, false), x, Filled([1, 1, 2, 2], 1), offset).Data, 1e-14, "ONNX");
    }

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
    [InlineData(1e30, 0, 0)]
    [InlineData(double.NaN, 0, 0)]
    [InlineData(0, double.NegativeInfinity, 0)]
    public void Beyond_the_border_a_sample_fades_within_a_pixel(double y, double x, double expected)
    {
        var map = new Values<double>([1, 1, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        var offset = new Values<double>([1, 2, 3, 3]);
        (offset[0, 0, 0, 0], offset[0, 1, 0, 0]) = (y, x);
        Assert.Equal(expected, Run(new DeformableConvolution(1, 0, 1, 1, 1, false), map, Filled([1, 1, 1, 1], 1), offset)[0], 1e-12);
    }

    [Fact]
    public void At_whole_numbers_the_derivative_is_that_of_the_cell_behind()
    {
        var map = new Values<double>([1, 1, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        foreach (var (row, expected) in new[] { (0, 3), (1, 3), (2, -7), (-1, 1), (3, 0) })
        {
            var leaf = new Input([1, 2, 1, 1]).Apply([], "offset");
            var x = new Input(map.Shape).Apply([], "x");
            var kernel = new Input([1, 1, 1, 1]).Apply([], "kernel");
            var y = new DeformableConvolution(3, 0, 1, 1, 1, false).Apply(x, kernel, leaf);
            var graph = new Graph("derivative", [y, y.Gradient([leaf])[0]!]);
            Values<double>[] values = [.. graph.Inputs.Select(input => input == leaf ? new Values<double>([1, 2, 1, 1], [row, 0]) : input == x ? map : Filled([1, 1, 1, 1], 1))];
            Assert.Equal(expected, Reference.Run(graph, new Dictionary<string, Values<double>>(), values)[1][0]);
        }
    }

    private static DeformableConvolution Deformable(bool masked = false) => new(1, 1, 1, 1, 1, masked);

    // The same offset of each tap at every pixel.
    private static Values<double> Offsets(int taps, Func<int, int, (double Down, double Right)> move, int height = 6, int width = 7)
    {
        var offset = new Values<double>([1, 2 * taps, height, width]);
        var side = (int)Math.Sqrt(taps);
        for (var k = 0; k < taps; k++)
        {
            var (down, right) = move(k / side, k % side);
            offset.Plane(0, 2 * k).Fill(down);
            offset.Plane(0, 2 * k + 1).Fill(right);
        }

        return offset;
    }

    private static Values<double> Random(Shape shape, int seed)
    {
        var random = new Philox((ulong)seed);
        return new Values<double>(shape, [.. Enumerable.Range(0, (int)shape.Count).Select(i => random.Normal((ulong)i))]);
    }

    private static Values<double> Filled(Shape shape, double value)
    {
        var values = new Values<double>(shape);
        Array.Fill(values.Data, value);
        return values;
    }

    private static Values<double> Scaled(Values<double> values, double factor) => new(values.Shape, Array.ConvertAll(values.Data, value => factor * value));

    private static Values<double> Run(Op op, params Values<double>[] inputs)
    {
        var output = new Values<double>(op.Infer([.. inputs.Select(input => input.Shape)]));
        op.Define<double>(inputs, output);
        return output;
    }

    private static void Equal(Values<double> expected, Values<double> actual)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        Check.Close(expected.Data, actual.Data, 1e-13, "equal operations");
    }
}
