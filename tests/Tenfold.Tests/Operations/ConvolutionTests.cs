using Xunit;

namespace Tenfold.Tests;

public class ConvolutionTests
{
    private static readonly Convolution s_plain = new(1, 0, 1, 1);
    private static readonly ConvolutionTranspose s_transpose = new(2, 0, 1, 1, 0);

    [Fact]
    public void Costs_as_papers_count()
    {
        var x = new Input([2, 64, 56, 56]).Apply([], "x");
        var plain = x.Conv(64, 3, bias: false).Cost;
        Assert.Equal((36_864, 2 * 115_605_504L), (plain.Parameters, plain.Macs));
        var depthwise = x.Depthwise(3, stride: 2).Cost;
        Assert.Equal((64 * 10, 2 * 28 * 28 * 64 * 9L), (depthwise.Parameters, depthwise.Macs));
        Assert.Equal((64 * 32 * 4, 2 * 56 * 56 * 64 * 32 * 4L), x.ConvTranspose(32, 2, stride: 2, bias: false).Cost is var cost ? (cost.Parameters, cost.Macs) : default);
    }

    [Fact]
    public void Bad_numbers_of_a_convolution_are_refused_by_name()
    {
        Assert.Equal("conv: 30 channels do not divide into 4 groups", Direct.Refused(x => x.Conv(8, 3, groups: 4), [1, 30, 5, 5]));
        Assert.Equal("conv: 9 output channels do not divide into 4 groups", Direct.Refused(x => x.Conv(9, 3, groups: 4), [1, 8, 5, 5]));
        Assert.Equal("conv: 0 groups; at least 1", Direct.Refused(x => x.Conv(8, 3, groups: 0), [1, 8, 5, 5]));
        Assert.Equal("conv: a kernel 2x3x1x1 reads 3 channels, but 4 channels in 1 groups are 4", Direct.Refused(x => s_plain.Apply(x), [1, 4, 5, 5], [2, 3, 1, 1]));
        Assert.Equal("conv: a bias 3 does not fit 2 channels", Direct.Refused(x => s_plain.Apply(x), [1, 4, 5, 5], [2, 4, 1, 1], [3]));
        Assert.Equal("conv: a kernel that spans 5 does not fit a map 4 high with padding 0 and 0", Direct.Refused(x => x.Conv(8, 3, pad: 0, dilation: 2), [1, 8, 4, 5]));
        Assert.Equal("conv: padding -1 and -1 must not be negative", Direct.Refused(x => x.Conv(8, 1, pad: -1), [1, 8, 5, 5]));
        Assert.Contains("stride 0", Direct.Refused(x => x.Conv(8, 3, stride: 0), [1, 8, 5, 5]));
        Assert.Contains("is longer than 2147483647", Direct.Refused(x => x.Conv(8, 3, pad: int.MaxValue), [1, 8, 5, 5]));
        Assert.Contains("does not fit", Direct.Refused(x => x.Conv(8, 3, pad: 0, dilation: int.MaxValue), [1, 8, 5, 5]));
        Assert.Equal("conv weight gradient: dy is 1x2x5x5, not 1x2x3x3",
            Direct.Refused(x => new ConvolutionWeightGradient(1, 0, 1, 1, 3).Apply(x), [1, 4, 5, 5], [1, 2, 5, 5]));
    }

    [Fact]
    public void Bad_numbers_of_a_transposed_convolution_are_refused_by_name()
    {
        Assert.Equal("conv transpose: a kernel 3x2x2x2 reads 3 channels, not 4", Direct.Refused(x => s_transpose.Apply(x), [1, 4, 5, 5], [3, 2, 2, 2]));
        Assert.Equal("conv transpose: 2 extra rows or columns; at least 0 and below the stride 2", Direct.Refused(x => x.ConvTranspose(2, 3, stride: 2, dilation: 4, extra: 2), [1, 4, 5, 5]));
        Assert.Equal("conv transpose: a map 1 long with kernel 2, stride 1 and padding 1 and 1 leaves 0", Direct.Refused(x => x.ConvTranspose(2, 2, pad: 1), [1, 4, 1, 1]));
        Assert.Equal("conv transpose: padding 1 and -1 must not be negative", Direct.Refused(x => x.ConvTranspose(2, 3, pad: new Padding(1, 0, -1, 0)), [1, 4, 5, 5]));
        Assert.Contains("leaves 8589934590", Direct.Refused(x => (s_transpose with { Stride = int.MaxValue }).Apply(x), [1, 4, 5, 5], [4, 2, 2, 2]));
        Assert.Contains("leaves a dimension of 4294967294", Direct.Refused(x => (s_transpose with { Groups = int.MaxValue }).Apply(x), [1, int.MaxValue, 5, 5], [int.MaxValue, 2, 2, 2]));
    }

    [Fact]
    public void Bad_numbers_of_norms_and_sums_are_refused_by_name()
    {
        Assert.Equal("bn: 3 does not fit 4 channels", Direct.Refused(x => new BatchNorm().Apply(x), [1, 4, 2, 2], [4], [4], [3], [4]));
        Assert.Equal("bn: takes x, scale, shift, mean and variance, not 1 inputs", Direct.Refused((Node x) => new BatchNorm().Apply(x), [1, 4, 2, 2]));
        Assert.Equal("channel shuffle: 10 channels do not divide into 4 groups", Direct.Refused(x => x.ChannelShuffle(4), [1, 10, 2, 2]));
        Assert.Equal("sum: 2x3 has no Plane", Direct.Refused(x => x.Sum(Axes.Plane), [2, 3]));
        Assert.Equal("add: 1x4x2x2 and 1x3x2x2 differ in dimension 1, and neither is 1", Direct.Refused(x => x[0] + x[1], [1, 4, 2, 2], [1, 3, 2, 2]));
        Assert.Equal("relu gradient: the gradient is 2x4, not 2x3", Direct.Refused(x => new ReluGradient().Apply(x), [2, 3], [2, 4]));
        Assert.Equal("expand: 2x3 does not repeat to 2x6", Direct.Refused(x => x[0].Expand(x[1]), [2, 3], [2, 6]));
    }
}
