namespace Tenfold.Tests;

public class BatchNormMatrix : Matrix<BatchNormMatrix>, ICases
{
    public static IReadOnlyList<Case> Cases { get; } =
    [
        new("inference", x => x.BatchNorm(), [2, 5, 3, 4]),
        new("inference of one pixel", x => x.BatchNorm(epsilon: 1e-3f), [1, 3, 1, 1]),
        new("inference of vectors", x => x.BatchNorm(), [3, 7]),
        new("training", x => x.BatchNormInTraining(), [2, 5, 3, 4]),
        new("training on one sample", x => x.BatchNormInTraining(), [1, 3, 5, 7]),
        new("training on one pixel a sample", x => x.BatchNormInTraining(), [6, 3, 1, 1]),
        new("training of vectors", x => x.BatchNormInTraining(), [5, 18]),
        new("training, 33 channels", x => x.BatchNormInTraining(), [2, 33, 2, 3]),
        // Far from zero a variance as mean of squares less square of mean would have no digit left.
        new("training far from zero", x => x.BatchNormInTraining(), [3, 4, 5, 5]) { Draws = [Draws.Uniform(1000, 1001)], Tolerance = 2e-3 },
        new("conv, norm, relu", x => x.ConvBn(4, 3).Relu(), [2, 3, 5, 4]),
        new("conv, norm in training, relu", x => x.Conv(4, 3, bias: false).BatchNormInTraining().Relu(), [2, 3, 5, 4]),
        new("norm, relu, conv", x => x.BatchNorm().Relu().Conv(5, 1), [2, 4, 3, 3]),
        new("depthwise, norm, relu6", x => x.Depthwise(3, bias: false).BatchNorm().Relu6(), [1, 19, 4, 5]),
        new("linear, norm", x => x.Linear(9).BatchNorm(), [4, 6]),
        new("norm of a value used twice", x => x.Conv(4, 1) is var y ? y.BatchNorm() + y : x, [1, 4, 3, 3]),
    ];
}

internal static class TrainingVerbs
{
    /// <summary>What training makes of a batch norm: a mean, a variance, a normalisation that knows of both.</summary>
    public static Node BatchNormInTraining(this Node x, float epsilon = 1e-5f)
    {
        var mean = new BatchMean().Apply(x);
        var variance = new BatchVariance().Apply(x, mean);
        Shape vector = [x.Channels];
        return new BatchNorm(epsilon, Training: true).Apply([x, new Parameter("weight", vector, Initializer.Ones).Apply(), new Parameter("bias", vector, Initializer.Zeros).Apply(), mean, variance]);
    }
}
