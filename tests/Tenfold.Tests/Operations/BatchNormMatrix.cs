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
        // The activation's gradient is part of the norm's, which masks by its own input; more than a run of 128 pixels, several blocks, planes of an odd number of pixels.
        new("norm in training, relu, conv", x => x.BatchNormInTraining().Relu().Conv(5, 1), [2, 35, 13, 13]),
        new("norm in training, relu6, conv", x => x.BatchNormInTraining().Relu6().Conv(5, 1), [2, 18, 12, 15]) { Weights = _ => Draws.Uniform(2, 5) }, // from below 0 to above 6
        new("relu of a norm that others read", x => x.BatchNormInTraining().Relu() is var y ? y.Conv(4, 3) + y : x, [2, 4, 5, 3]),
        new("norm, relu, conv", x => x.BatchNorm().Relu().Conv(5, 1), [2, 4, 3, 3]),
        new("depthwise, norm, relu6", x => x.Depthwise(3, bias: false).BatchNorm().Relu6(), [1, 19, 4, 5]),
        new("norm of vectors, relu", x => x.Linear(9).BatchNorm().Relu(), [4, 6]),
        new("norm of vectors in training, relu", x => x.BatchNormInTraining().Relu(), [4, 6]),
        new("conv, norm, add, relu", x => x + x.Conv(4, 3).BatchNorm() is var y ? y.Relu() : x, [2, 4, 5, 3]),
        new("conv, add a channel, relu", x => (x.Conv(4, 3) + x.GlobalAvgPool()).Relu(), [2, 4, 5, 3]),
        new("two convs added, relu6", x => (x.Conv(5, 3) + x.Conv(5, 1)).Relu6(), [2, 4, 5, 3]),
        new("two norms added, relu", x => (x.ConvBn(5, 3) + x.ConvBn(5, 1)).Relu(), [2, 4, 5, 3]),
        new("conv added to itself", x => x.Conv(4, 3) is var y ? (y + y).Relu() : x, [1, 4, 5, 3]),
        new("conv, norm, norm", x => x.ConvBn(5, 3).BatchNorm().Relu(), [1, 4, 5, 3]),
        new("conv, relu, norm", x => x.Conv(5, 3).Relu().BatchNorm(), [1, 4, 5, 3]),
        new("conv, leaky relu", x => x.Conv(5, 3).LeakyRelu().Conv(3, 1), [1, 4, 5, 3]),
        new("relu of relu6", x => x.Conv(5, 1).Relu6().Relu(), [1, 4, 5, 3]),
        new("a value of a fused chain that is used again", x => x.Conv(4, 3).Relu() is var y ? y.Conv(4, 3).Relu() + y : x, [1, 4, 5, 3]),
        new("conv with the kernel of another", x => x.Conv(4, 3, bias: false) is var y ? new Convolution(1, 1, 1, 1).Apply(y, y.Inputs[1]) : x, [1, 4, 5, 3]),
        new("transposed conv, norm, relu", x => x.ConvTranspose(5, 2, stride: 2).BatchNorm().Relu(), [1, 4, 3, 3]),
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
