using Xunit;

namespace Tenfold.Tests;

public class LossesTests
{
    [Fact]
    public void Cross_entropy_of_equal_logits_is_the_logarithm_of_the_classes() =>
        Direct.Equal([Math.Log(4), Math.Log(4)], Direct.Run(x => x[0].SoftmaxCrossEntropy(x[1]), ([2, 4], [0, 0, 0, 0, 7, 7, 7, 7]), ([2, 4], [0, 1, 0, 0, 0.25, 0.25, 0.25, 0.25])));

    [Fact]
    public void Cross_entropy_stands_huge_logits()
    {
        (Shape, double[])[] inputs = [([2, 2], [1e9, -1e9, 1e9, -1e9]), ([2, 2], [1, 0, 0, 1])];
        Direct.Equal([0, 2e9], Direct.Run(x => x[0].SoftmaxCrossEntropy(x[1]), inputs));
        Direct.Equal([0, 0, 1, -1], Direct.Gradient(0, x => x[0].SoftmaxCrossEntropy(x[1]), inputs));
    }

    [Fact]
    public void Smoothed_labels_still_sum_to_one() =>
        Direct.Equal([0.925, 0.025, 0.025, 0.025], Direct.Run(x => x.SmoothLabels(0.1f), [1, 4], 1, 0, 0, 0), 1e-7);

    [Fact]
    public void Mean_square_error_is_per_sample()
    {
        (Shape, double[])[] inputs = [([2, 2], [1, 2, 3, 4]), ([2, 2], [1, 0, 6, 8])];
        Direct.Equal([2, 12.5], Direct.Run(x => x[0].MeanSquareError(x[1]), inputs));
        Direct.Equal([0, 2, -3, -4], Direct.Gradient(0, x => x[0].MeanSquareError(x[1]), inputs));
        Direct.Equal([0, -2, 3, 4], Direct.Gradient(1, x => x[0].MeanSquareError(x[1]), inputs));
    }

    [Fact]
    public void Targets_have_no_gradient_in_cross_entropy()
    {
        var (x, t) = (new Input([2, 3]).Apply([], "x"), new Input([2, 3]).Apply([], "t"));
        Assert.Null(x.SoftmaxCrossEntropy(t).Gradient([t])[0]);
    }

    [Fact]
    public void Gradients()
    {
        Check.Op(x => x[0].SoftmaxCrossEntropy(x[1]), [[3, 5], [3, 5]], [Draws.Normal, Draws.Uniform(0, 1)], constants: [1]);
        Check.Op(x => x[0].MeanSquareError(x[1]), [[2, 3, 2, 1], [2, 3, 2, 1]]);
    }

    [Fact]
    public void Bad_numbers_are_refused_by_name()
    {
        Assert.Equal("softmax cross-entropy: the target is 2x4, not 2x3", Direct.Refused(x => x[0].SoftmaxCrossEntropy(x[1]), [2, 3], [2, 4]));
        Assert.Equal("softmax cross-entropy: takes logits [N, K], not 2x3x1x1", Direct.Refused(x => x[0].SoftmaxCrossEntropy(x[1]), [2, 3, 1, 1], [2, 3, 1, 1]));
    }
}
