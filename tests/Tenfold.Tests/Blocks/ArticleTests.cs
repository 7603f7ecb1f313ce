using Xunit;

namespace Tenfold.Tests;

/// <summary>The article's numbers, from the graphs' own costs; docs/article.md says what follows from them.</summary>
public class ArticleTests
{
    [Fact]
    public void A_group_convolution_has_a_group_th_of_the_weights_and_macs()
    {
        var (dense, grouped) = (Image.Of(256, 14, 14).ConvBn(256, kernel: 3), Image.Of(256, 14, 14).GroupConvBn(256, groups: 8, kernel: 3));
        Assert.Equal((589_824, 73_728), (Piece.Kernels(dense), Piece.Kernels(grouped)));
        Assert.Equal(dense.ToGraph("dense").Cost.Macs, 8 * grouped.ToGraph("grouped").Cost.Macs);
    }

    [Fact]
    public void A_bottleneck_has_a_ninth_of_the_weights_nearly()
    {
        var x = Image.Of(256, 14, 14);
        Assert.Equal((589_824, 69_632), (Piece.Kernels(x.ConvBn(256, kernel: 3)), Piece.Kernels(x.Bottleneck(64, 256))));
        Assert.Equal(8.47, 589_824 / 69_632.0, 0.005);

        // What a reader asked about: with a 3x3 at the end it would have been a third.
        Assert.Equal(200_704, Piece.Kernels(x.Conv(64, 1).Relu().Conv(64, 3).Relu().Conv(256, 3)));
    }

    [Fact]
    public void A_separable_convolution_has_a_ninth_of_the_weights_nearly()
    {
        var x = Image.Rgb(32, 32);
        Assert.Equal((6_912, 795), (Piece.Kernels(x.Conv(256, kernel: 3)), Piece.Kernels(x.SeparableConv(256, kernel: 3))));
        Assert.Equal(8.69, 6_912 / 795.0, 0.005);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(64)]
    [InlineData(256)]
    public void Stacks_of_3x3_have_18_and_27_c_squared_weights_for_25_and_49(int c)
    {
        var x = Image.Of(c, 32, 32);
        Assert.Equal((18 * c * c, 25 * c * c), (Piece.Kernels(x.StackedConv(c, kernel: 5)), Piece.Kernels(x.ConvBn(c, kernel: 5))));
        Assert.Equal((27 * c * c, 49 * c * c), (Piece.Kernels(x.StackedConv(c, kernel: 7)), Piece.Kernels(x.ConvBn(c, kernel: 7))));
        Assert.Equal(14 * c * c, Piece.Kernels(x.FactorizedConv(c, kernel: 7)));
        Assert.Equal(5, x.StackedConv(c, kernel: 5).ToGraph("stack").Summarize().ReceptiveField);
        Assert.Equal(7, x.StackedConv(c, kernel: 7).ToGraph("stack").Summarize().ReceptiveField);
    }

    [Fact]
    public void Two_3x3_of_one_channel_have_20_parameters_for_26_with_a_bias_each()
    {
        var x = Image.Of(1, 32, 32);
        Assert.Equal((20, 26), (x.Conv(1, 3).Conv(1, 3).ToGraph("two").Cost.Parameters, x.Conv(1, 5).ToGraph("one").Cost.Parameters));
    }

    [Fact]
    public void The_naive_inception_module_has_more_than_twice_the_weights_and_grows()
    {
        var x = Image.Of(192, 28, 28);
        var (naive, reduced) = (x.InceptionNaive(64, 128, 32), x.Inception(64, (96, 128), (16, 32), 32));
        Assert.Equal((387_072, 163_328), (Piece.Kernels(naive), Piece.Kernels(reduced)));
        Assert.Equal((416, 256), (naive.Channels, reduced.Channels));
    }

    [Fact]
    public void A_3x3_of_dilation_2_sees_5x5_and_7x7_only_behind_a_plain_one()
    {
        var x = Image.Of(1, 32, 32);
        Assert.Equal(5, x.Conv(1, 3, dilation: 2).ToGraph("one").Summarize().ReceptiveField);
        Assert.Equal(7, x.Conv(1, 3).Conv(1, 3, dilation: 2).ToGraph("two").Summarize().ReceptiveField);
    }

    [Fact]
    public void A_unit_of_shufflenet_groups_its_1x1_and_its_3x3_is_depthwise()
    {
        var layers = Image.Of(240, 28, 28).ShuffleUnit(240, groups: 3).ToGraph("unit").Summarize().Layers;
        Assert.Equal(["conv 1x1, groups 3", "channel shuffle 3", "depthwise conv 3x3", "conv 1x1, groups 3"],
            layers.Select(layer => layer.Op).Where(op => op.Contains("conv", StringComparison.Ordinal) || op.Contains("shuffle", StringComparison.Ordinal)));
    }
}
