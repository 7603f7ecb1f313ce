using Xunit;

namespace Tenfold.Tests;

public class PoolingTests
{
    [Theory]
    [InlineData(112, 3, 2, 0, false, 55)]
    [InlineData(112, 3, 2, 0, true, 56)]
    [InlineData(112, 3, 2, 1, false, 56)]
    [InlineData(6, 2, 3, 0, true, 2)] // a third window would start behind the map
    [InlineData(5, 2, 2, 0, true, 3)]
    [InlineData(4, 3, 3, 1, true, 2)]
    [InlineData(5, 3, 3, 1, true, 2)]
    [InlineData(6, 3, 3, 1, true, 3)] // starts at the last pixel
    [InlineData(1, 1, 5, 0, true, 1)]
    public void Sizes(int size, int kernel, int stride, int pad, bool ceil, int expected)
    {
        Assert.Equal<Shape>([2, 3, expected, expected], Direct.Infer(x => x.MaxPool(kernel, stride, pad, ceilMode: ceil), [2, 3, size, size]));
        Assert.Equal<Shape>([2, 3, expected, expected], Direct.Infer(x => x.AvgPool(kernel, stride, pad, ceil), [2, 3, size, size]));
    }

    [Fact]
    public void Max_pool_takes_the_largest_of_each_window() =>
        Direct.Equal([6, 8, 14, 16], Direct.Run(x => x.MaxPool(2), [1, 1, 4, 4], Direct.Count(16, 1)));

    [Fact]
    public void Max_pool_spreads_its_taps_by_the_dilation() =>
        Direct.Equal([5, 6, 2, 9], Direct.Run(x => x.MaxPool((1, 2), stride: 1, dilation: (1, 2)), [1, 1, 1, 6], 5, 6, 1, 2, 2, 9));

    [Fact]
    public void Max_pool_pads_with_minus_infinity() =>
        Assert.All(Direct.Run(x => x.MaxPool(3, stride: 1, pad: 1), [1, 1, 2, 3], -1, -1, -1, -1, -1, -1), value => Assert.Equal(-1, value));

    [Fact]
    public void Max_pool_hands_on_what_is_not_a_number() =>
        Assert.Equal([double.NaN, 4], Direct.Run(x => x.MaxPool((1, 2)), [1, 1, 1, 4], 7, double.NaN, 4, 3));

    [Fact]
    public void A_session_hands_it_on_too_and_infinity_is_a_number()
    {
        var x = new Tensor([1, 3, 7, 6]);
        for (var i = 0; i < x.Span.Length; i++) x.Span[i] = i % 11;
        (x.Span[5], x.Span[50], x.Span[60], x.Span[61], x.Span[100]) = (float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.PositiveInfinity, float.NaN);
        foreach (var stride in new[] { 1, 2 })
        {
            var graph = new Input(x.Shape).Apply([], "x").MaxPool(3, stride, pad: 1).ToGraph("max");
            var expected = Reference.Run(graph, new Dictionary<string, Values<float>>(), [new Values<float>(x.Shape, x.Span.ToArray())])[0].Data;
            Assert.Contains(float.NaN, expected);
            Assert.Equal(expected, new Session(graph, new Weights()).Run(x).Span.ToArray());
        }
    }

    [Fact]
    public void The_first_of_equal_maxima_gets_the_gradient()
    {
        Direct.Equal([0, 1, 0, 0], Direct.Gradient(x => x.MaxPool(2), [1, 1, 2, 2], 1, 5, 5, 5));
        Direct.Equal([1, 0, 0, 0], Direct.Gradient(x => x.MaxPool(2), [1, 1, 2, 2], double.MinValue, double.MinValue, double.MinValue, double.MinValue));
        Direct.Equal([0, 2, 0], Direct.Gradient(x => x.MaxPool((1, 2), stride: 1), [1, 1, 1, 3], 1, 5, 2));
        Direct.Equal([0, 0, 1, 0], Direct.Gradient(x => x.GlobalMaxPool(), [1, 1, 2, 2], 1, 2, 3, 3));
    }

    [Fact]
    public void Average_of_ones_with_and_without_the_padding()
    {
        double[] ones = [.. Enumerable.Repeat(1.0, 16)];
        var include = Direct.Run(x => x.AvgPool(3, stride: 1, pad: 1), [1, 1, 4, 4], ones);
        Direct.Equal([4 / 9.0, 6 / 9.0, 6 / 9.0, 4 / 9.0, 6 / 9.0, 1], include[..6]);
        Assert.All(Direct.Run(x => x.AvgPool(3, stride: 1, pad: 1, countIncludePad: false), [1, 1, 4, 4], ones), value => Assert.Equal(1, value));
    }

    [Fact]
    public void What_hangs_over_in_ceil_mode_never_counts() =>
        Direct.Equal([1.5, 3], Direct.Run(x => x.AvgPool((1, 2), ceilMode: true), [1, 1, 1, 3], 1, 2, 3));

    [Fact]
    public void Asymmetric_padding_counts_on_its_own_side()
    {
        var after = new Padding(0, 0, 0, 1);
        Direct.Equal([1.5, 2.5, 1.5], Direct.Run(x => x.AvgPool((1, 2), stride: 1, pad: after), [1, 1, 1, 3], 1, 2, 3));
        Direct.Equal([1.5, 2.5, 3], Direct.Run(x => x.AvgPool((1, 2), stride: 1, pad: after, countIncludePad: false), [1, 1, 1, 3], 1, 2, 3));
        Direct.Equal([2, 3, 3], Direct.Run(x => x.MaxPool((1, 2), stride: 1, pad: after), [1, 1, 1, 3], 1, 2, 3));
    }

    [Fact]
    public void Adaptive_bins_overlap_where_the_size_does_not_divide()
    {
        Direct.Equal([0.5, 2, 3.5], Direct.Run(x => x.AdaptiveAvgPool((1, 3)), [1, 1, 1, 5], 0, 1, 2, 3, 4));
        Direct.Equal([1, 3, 4], Direct.Run(x => x.AdaptiveMaxPool((1, 3)), [1, 1, 1, 5], 0, 1, 2, 3, 4));
        Direct.Equal([1, 1.5, 2], Direct.Run(x => x.AdaptiveAvgPool((1, 3)), [1, 1, 1, 2], 1, 2));
        Direct.Equal([2.5, -1], Direct.Run(x => x.GlobalAvgPool(), [1, 2, 2, 2], 1, 2, 3, 4, -1, -1, -1, -1));
    }

    [Fact]
    public void Gradients()
    {
        Check.Op(x => x.MaxPool(3, stride: 2, pad: 1), [2, 3, 7, 6]);
        Check.Op(x => x.MaxPool((2, 3), stride: (1, 2), dilation: (2, 1), ceilMode: true), [1, 2, 5, 8]);
        Check.Op(x => x.AvgPool(3, stride: 2, pad: 1, ceilMode: true), [2, 2, 6, 5]);
        Check.Op(x => x.AvgPool(3, stride: 2, pad: new Padding(1, 0, 0, 1), countIncludePad: false), [1, 2, 6, 5]);
        Check.Op(x => x.AdaptiveAvgPool((3, 2)), [2, 2, 5, 7]);
        Check.Op(x => x.AdaptiveMaxPool((3, 2)), [2, 2, 5, 7]);
        Check.Op(x => x.GlobalAvgPool(), [2, 3, 5, 1]);
    }

    [Fact]
    public void Bad_numbers_are_refused_by_name()
    {
        Assert.Equal("max pool: padding 2 and 2 is more than half of a window that spans 3", Direct.Refused(x => x.MaxPool(3, pad: 2), [1, 1, 5, 5]));
        Assert.Equal("avg pool: padding 1 and 1 is more than half of a window that spans 1", Direct.Refused(x => x.AvgPool(1, pad: 1), [1, 1, 5, 5]));
        Assert.Equal("max pool: a kernel that spans 7 does not fit a map 5 high with padding 0 and 0", Direct.Refused(x => x.MaxPool(3, dilation: 3), [1, 1, 5, 9]));
        Assert.Equal("max pool: takes a map of rank 4 (batch, channels, height, width), not 2x3", Direct.Refused(x => x.MaxPool(2), [2, 3]));
        Assert.Equal("adaptive avg pool: leaves a dimension of 0; at least 1 and at most 2147483647", Direct.Refused(x => x.AdaptiveAvgPool((0, 1)), [1, 1, 5, 5]));
        Assert.Contains("stride 0", Direct.Refused(x => x.AvgPool(2, stride: 0), [1, 1, 5, 5]));
        Assert.Contains("does not fit", Direct.Refused(x => x.MaxPool(int.MaxValue, dilation: int.MaxValue), [1, 1, 5, 5]));
        Assert.Contains("longer than 2147483647", Direct.Refused(x => x.MaxPool(2, pad: int.MaxValue), [1, 1, 5, 5]));
    }
}
