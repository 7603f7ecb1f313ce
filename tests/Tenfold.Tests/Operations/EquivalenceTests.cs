using Xunit;

namespace Tenfold.Tests;

/// <summary>One operation is another with other numbers: by the definitions in double, on random data.</summary>
public class EquivalenceTests
{
    [Fact]
    public void Group_convolution_is_the_concatenation_of_convolutions_of_slices()
    {
        var (x, k) = (Random([2, 6, 5, 4], 1), Random([9, 2, 3, 3], 2));
        var whole = Run(v => new Convolution(1, 1, 1, Groups: 3).Apply(v), x, k);
        var parts = Run(v => Enumerable.Range(0, 3).Select(g => new Convolution(1, 1, 1, 1).Apply(v[0].Slice(2 * g, 2), Rows(v[1], 3 * g, 3))).Concat(), x, k);
        Equal(whole, parts);
    }

    [Fact]
    public void Group_convolution_is_a_convolution_with_a_block_diagonal_kernel()
    {
        var (x, k) = (Random([2, 6, 5, 4], 1), Random([9, 2, 3, 3], 2));
        var dense = new Values<double>([9, 6, 3, 3]);
        foreach (var (o, c, i, j) in k.Shape.Positions) dense[o, o / 3 * 2 + c, i, j] = k[o, c, i, j];
        Equal(Run(v => new Convolution(2, 1, 1, Groups: 3).Apply(v), x, k), Run(v => new Convolution(2, 1, 1, 1).Apply(v), x, dense));
    }

    [Fact]
    public void Depthwise_convolution_convolves_each_channel_by_itself()
    {
        var (x, k) = (Random([1, 5, 6, 7], 1), Random([5, 1, 3, 3], 2));
        var y = Run(v => new Convolution(1, 1, 1, Groups: 5).Apply(v), x, k);
        for (var c = 0; c < 5; c++)
        {
            var one = new Values<double>([1, 1, 6, 7], x.Plane(0, c).ToArray());
            var kernel = new Values<double>([1, 1, 3, 3], k.Plane(c, 0).ToArray());
            Check.Close(Run(v => new Convolution(1, 1, 1, 1).Apply(v), one, kernel).Data, y.Plane(0, c), 1e-14, $"channel {c}");
        }
    }

    [Fact]
    public void Dilated_convolution_is_a_convolution_with_zeros_between_the_taps()
    {
        var (x, k) = (Random([1, 2, 9, 8], 1), Random([3, 2, 3, 3], 2));
        var stuffed = new Values<double>([3, 2, 5, 7]);
        foreach (var (o, c, i, j) in k.Shape.Positions) stuffed[o, c, 2 * i, 3 * j] = k[o, c, i, j];
        Equal(Run(v => new Convolution(1, 2, (2, 3), 1).Apply(v), x, k), Run(v => new Convolution(1, 2, 1, 1).Apply(v), x, stuffed));
    }

    [Fact]
    public void Dilated_convolution_is_a_convolution_of_each_phase_of_the_map()
    {
        var (x, k) = (Random([1, 2, 8, 6], 1), Random([3, 2, 3, 3], 2));
        var y = Run(v => new Convolution(1, 2, 2, 1).Apply(v), x, k);
        for (var row = 0; row < 2; row++)
            for (var column = 0; column < 2; column++)
            {
                var phase = new Values<double>([1, 2, 4, 3]);
                foreach (var (n, c, h, w) in phase.Shape.Positions) phase[n, c, h, w] = x[n, c, 2 * h + row, 2 * w + column];
                var part = Run(v => new Convolution(1, 1, 1, 1).Apply(v), phase, k);
                foreach (var (n, c, h, w) in part.Shape.Positions) Assert.Equal(y[n, c, 2 * h + row, 2 * w + column], part[n, c, h, w], 1e-12);
            }
    }

    [Fact]
    public void Pointwise_convolution_is_a_linear_layer_at_every_pixel()
    {
        var (x, k) = (Random([2, 7, 3, 4], 1), Random([5, 7, 1, 1], 2));
        var y = Run(v => new Convolution(1, 0, 1, 1).Apply(v), x, k);
        foreach (var (n, _, h, w) in Shape.Of([2, 1, 3, 4]).Positions)
        {
            var pixel = new Values<double>([1, 7], [.. Enumerable.Range(0, 7).Select(c => x[n, c, h, w])]);
            var z = Run(v => new Linear().Apply(v), pixel, new Values<double>([5, 7], k.Data));
            for (var o = 0; o < 5; o++) Assert.Equal(y[n, o, h, w], z[o], 1e-12);
        }
    }

    [Fact]
    public void A_stride_keeps_every_so_many_pixels_of_stride_1()
    {
        var (x, k) = (Random([1, 3, 9, 11], 1), Random([4, 3, 3, 3], 2));
        var (strided, full) = (Run(v => new Convolution((2, 3), 1, 1, 1).Apply(v), x, k), Run(v => new Convolution(1, 1, 1, 1).Apply(v), x, k));
        foreach (var (n, c, h, w) in strided.Shape.Positions) Assert.Equal(full[n, c, 2 * h, 3 * w], strided[n, c, h, w]);
    }

    [Fact]
    public void Convolution_is_linear()
    {
        var (a, b, k) = (Random([1, 3, 5, 6], 1), Random([1, 3, 5, 6], 2), Random([4, 3, 3, 3], 3));
        Equal(Run(v => new Convolution(1, 1, 1, 1).Apply(2 * v[0] - v[1], v[2]), a, b, k),
              Run(v => 2 * new Convolution(1, 1, 1, 1).Apply(v[0], v[2]) - new Convolution(1, 1, 1, 1).Apply(v[1], v[2]), a, b, k));
    }

    [Fact]
    public void A_moved_picture_gives_a_moved_map_away_from_the_border()
    {
        var (x, k) = (Random([1, 2, 9, 10], 1), Random([3, 2, 3, 3], 2));
        var moved = new Values<double>(x.Shape);
        foreach (var (n, c, h, w) in x.Shape.Positions)
            if (h >= 2 && w >= 1) moved[n, c, h, w] = x[n, c, h - 2, w - 1];
        var (y, z) = (Run(v => new Convolution(1, 1, 1, 1).Apply(v), x, k), Run(v => new Convolution(1, 1, 1, 1).Apply(v), moved, k));
        foreach (var (n, c, h, w) in y.Shape.Positions)
            if (h is >= 3 and < 8 && w is >= 2 and < 9) Assert.Equal(y[n, c, h - 2, w - 1], z[n, c, h, w]);
    }

    [Fact]
    public void Two_valid_3x3_in_a_row_are_a_5x5()
    {
        var (x, a, b) = (Random([1, 2, 9, 8], 1), Random([3, 2, 3, 3], 2), Random([4, 3, 3, 3], 3));
        var composed = new Values<double>([4, 2, 5, 5]);
        foreach (var (o, m, i, j) in b.Shape.Positions)
            for (var c = 0; c < 2; c++)
                for (var u = 0; u < 3; u++)
                    for (var v = 0; v < 3; v++) composed[o, c, i + u, j + v] += b[o, m, i, j] * a[m, c, u, v];
        Equal(Run(v => new Convolution(1, 0, 1, 1).Apply(new Convolution(1, 0, 1, 1).Apply(v[0], v[1]), v[2]), x, a, b),
              Run(v => new Convolution(1, 0, 1, 1).Apply(v), x, composed));
    }

    [Fact]
    public void A_1x7_and_a_7x1_are_the_7x7_of_their_products()
    {
        var (x, row, column) = (Random([1, 1, 10, 9], 1), Random([1, 1, 1, 7], 2), Random([1, 1, 7, 1], 3));
        var outer = new Values<double>([1, 1, 7, 7]);
        foreach (var (o, c, i, j) in outer.Shape.Positions) outer[o, c, i, j] = column[i] * row[j];
        Equal(Run(v => new Convolution(1, (3, 0), 1, 1).Apply(new Convolution(1, (0, 3), 1, 1).Apply(v[0], v[1]), v[2]), x, row, column),
              Run(v => new Convolution(1, 3, 1, 1).Apply(v), x, outer));
    }

    [Fact]
    public void Shuffling_by_3_of_12_deals_the_channels_out()
    {
        var x = new Values<double>([1, 12, 1, 1], [.. Enumerable.Range(0, 12).Select(c => (double)c)]);
        Assert.Equal([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11], Run(v => v[0].ChannelShuffle(3), x).Data);
        foreach (var groups in new[] { 1, 2, 3, 4, 6, 12 })
            Assert.Equal(x.Data, Run(v => v[0].ChannelShuffle(groups).ChannelShuffle(12 / groups), x).Data);
        Assert.Throws<ShapeException>(() => Image.Of(10, 1, 1).ChannelShuffle(3));
    }

    [Fact]
    public void Without_a_shuffle_groups_never_meet_and_with_one_all_do()
    {
        var (a, b) = (Random([12, 4, 1, 1], 2), Random([12, 4, 1, 1], 3));
        var apart = Jacobian(v => Grouped(Grouped(v[0], v[1]), v[2]));
        var together = Jacobian(v => Grouped(Grouped(v[0], v[1]).ChannelShuffle(3), v[2]));
        for (var o = 0; o < 12; o++)
            for (var c = 0; c < 12; c++)
            {
                Assert.Equal(o / 4 == c / 4, apart[o, c] != 0);
                Assert.NotEqual(0, together[o, c]);
            }

        static Node Grouped(Node x, Node kernel) => new Convolution(1, 0, 1, Groups: 3).Apply(x, kernel);

        double[,] Jacobian(Func<Node[], Node> network)
        {
            var columns = new double[12, 12];
            for (var c = 0; c < 12; c++)
            {
                var y = Run(network, new Values<double>([1, 12, 1, 1]) { Data = { [c] = 1 } }, a, b);
                for (var o = 0; o < 12; o++) columns[o, c] = y[o];
            }

            return columns;
        }
    }

    [Fact]
    public void Batch_norm_at_inference_folds_into_the_convolution_before()
    {
        const float epsilon = 1e-5f;
        var (x, k) = (Random([2, 3, 5, 4], 1), Random([4, 3, 3, 3], 2));
        var (scale, shift, mean, variance) = (Random([4], 3), Random([4], 4), Random([4], 5), new Values<double>([4], [0.5, 1, 2, 3.5]));
        var normed = Run(v => new BatchNorm(epsilon).Apply(new Convolution(1, 1, 1, 1).Apply(v[0], v[1]), v[2], v[3], v[4], v[5]), x, k, scale, shift, mean, variance);
        var (folded, bias) = (new Values<double>(k.Shape), new Values<double>([4]));
        foreach (var (o, c, i, j) in k.Shape.Positions) folded[o, c, i, j] = k[o, c, i, j] * scale[o] / Math.Sqrt(variance[o] + epsilon);
        for (var o = 0; o < 4; o++) bias[o] = shift[o] - mean[o] * scale[o] / Math.Sqrt(variance[o] + epsilon);
        Equal(normed, Run(v => new Convolution(1, 1, 1, 1).Apply(v), x, folded, bias));
    }

    [Fact]
    public void Average_pooling_of_ones_shows_what_the_border_counts()
    {
        var ones = new Values<double>([1, 1, 4, 4]);
        Array.Fill(ones.Data, 1);
        var include = Run(v => v[0].AvgPool(3, stride: 1, pad: 1), ones);
        Assert.Equal([4 / 9.0, 6 / 9.0, 1], new[] { include[0, 0, 0, 0], include[0, 0, 0, 1], include[0, 0, 1, 1] });
        Assert.All(Run(v => v[0].AvgPool(3, stride: 1, pad: 1, countIncludePad: false), ones).Data, value => Assert.Equal(1, value));
    }

    [Fact]
    public void Rounding_up_drops_the_window_that_would_start_behind_the_map()
    {
        Assert.Equal<Shape>([1, 1, 2, 2], Image.Of(1, 6, 6).MaxPool(2, stride: 3, ceilMode: true).Shape);
        Assert.Equal(55, Image.Of(1, 112, 112).MaxPool(3, stride: 2).Shape.Height);
        Assert.Equal(56, Image.Of(1, 112, 112).MaxPool(3, stride: 2, ceilMode: true).Shape.Height);
        Assert.Equal(56, Image.Of(1, 112, 112).MaxPool(3, stride: 2, pad: 1).Shape.Height);
    }

    [Fact]
    public void Response_normalisation_without_alpha_is_a_division()
    {
        var x = Random([1, 4, 2, 3], 1);
        Check.Close([.. x.Data.Select(value => value / Math.Pow(2, 0.75))], Run(v => v[0].Lrn(5, alpha: 0, k: 2), x).Data, 1e-14, "x / k^beta");
    }

    [Fact]
    public void The_window_of_response_normalisation_is_centred_and_cut_at_the_ends()
    {
        // All ones: each channel counts how many of its window there are. Even windows reach one channel further down.
        var ones = new Values<double>([1, 5, 1, 1], [1, 1, 1, 1, 1]);
        Check.Close([1 / 2.0, 1 / 2.5, 1 / 2.5, 1 / 2.5, 1 / 2.0], Run(v => v[0].Lrn(2 + 1, alpha: 1.5f, beta: 1), ones).Data, 1e-14, "window of 3");
        Check.Close([1 / 2.0, 1 / 2.5, 1 / 3.0, 1 / 3.0, 1 / 2.5], Run(v => v[0].Lrn(4, alpha: 2, beta: 1), ones).Data, 1e-14, "window of 4");
    }

    [Fact]
    public void A_depthwise_convolution_with_a_box_is_average_pooling()
    {
        var (x, box) = (Random([2, 5, 6, 7], 1), new Values<double>([5, 1, 3, 3]));
        Array.Fill(box.Data, 1 / 9.0);
        Equal(Run(v => v[0].AvgPool(3, stride: 2, pad: 1), x), Run(v => new Convolution(2, 1, 1, Groups: 5).Apply(v), x, box));
    }

    [Fact]
    public void The_gradient_of_a_sum_over_two_paths_is_the_sum_of_both()
    {
        var x = Random([1, 2, 3, 3], 1);
        var gradient = Run(v => (v[0] * v[0] + 3 * v[0]).Gradient([v[0]])[0]!, x);
        Check.Close([.. x.Data.Select(value => 2 * value + 3)], gradient.Data, 1e-14, "2x + 3");
    }

    private static Values<double> Random(Shape shape, int seed)
    {
        var random = new Philox((ulong)seed);
        return new Values<double>(shape, [.. Enumerable.Range(0, (int)shape.Count).Select(i => random.Normal((ulong)i))]);
    }

    private static Values<double> Run(Func<Node[], Node> build, params Values<double>[] inputs)
    {
        Node[] leaves = [.. inputs.Select((input, i) => new Input(input.Shape).Apply([], $"v{i}"))];
        var graph = new Graph("run", build(leaves));
        return Reference.Run(graph, new Dictionary<string, Values<double>>(), [.. graph.Inputs.Select(leaf => inputs[Array.IndexOf(leaves, leaf)])])[0];
    }

    // A kernel taken from another: [O, ...] rows from `start` on.
    private static Node Rows(Node kernel, int start, int count) =>
        new Reshape([count, .. kernel.Shape.AsSpan()[1..].ToArray()], Kept: 0).Apply(
            new Reshape([1, .. kernel.Shape], Kept: 0).Apply(kernel).Slice(start, count));

    private static void Equal(Values<double> expected, Values<double> actual)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        Check.Close(expected.Data, actual.Data, 1e-13, "equal operations");
    }
}
