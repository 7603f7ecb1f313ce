namespace Tenfold.Tests;

public class LossMatrix : Matrix<LossMatrix>, ICases
{
    private static readonly Draw[] s_probabilities = [(random, index) => 3 * random.Normal(index), Draws.Uniform(0, 1)];

    public static IReadOnlyList<Case> Cases { get; } =
    [
        new("cross-entropy", x => x[0].SoftmaxCrossEntropy(x[1]), [5, 10], [5, 10]) { Draws = s_probabilities, Constants = [1] },
        new("cross-entropy of one sample", x => x[0].SoftmaxCrossEntropy(x[1]), [1, 3], [1, 3]) { Draws = s_probabilities, Constants = [1] },
        new("cross-entropy, smoothed", x => x[0].SoftmaxCrossEntropy(x[1].SmoothLabels(0.1f)), [4, 17], [4, 17]) { Draws = s_probabilities, Constants = [1] },
        new("cross-entropy of large logits", x => x[0].SoftmaxCrossEntropy(x[1]), [3, 7], [3, 7]) { Draws = [Draws.Uniform(-200, 200), Draws.Uniform(0, 1)], Constants = [1] },
        new("cross-entropy of 19 samples", x => x[0].SoftmaxCrossEntropy(x[1]), [19, 33], [19, 33]) { Draws = s_probabilities, Constants = [1] },
        new("mean square error", x => x[0].MeanSquareError(x[1]), [3, 7], [3, 7]),
        new("mean square error of maps", x => x[0].MeanSquareError(x[1]), [2, 3, 4, 5], [2, 3, 4, 5]),
    ];
}
