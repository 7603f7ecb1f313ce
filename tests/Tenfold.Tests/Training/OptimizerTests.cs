using Xunit;

namespace Tenfold.Tests;

public class OptimizerTests
{
    // One weight of 1, gradients 0.5, -0.25, 1: worked out by hand.
    [Fact]
    public void Momentum_by_hand()
    {
        // Decay 0.1: g = 0.6, v = 0.6, w = 0.94; g = -0.156, v = 0.384, w = 0.9016; g = 1.09016, v = 1.43576, w = 0.758024.
        AssertNear([0.94, 0.9016, 0.758024], Run(new Sgd(0.1, 0.9, WeightDecay: 0.1), 1, [0.5, -0.25, 1]));
        // Nesterov: w -= 0.1 (g + 0.9 v): w = 0.886; g = -0.1614, v = 0.3786, w = 0.868066; g = 1.0868066, v = 1.4275466.
        AssertNear([0.886, 0.868066, 0.868066 - 0.1 * (1.0868066 + 0.9 * 1.4275466)], Run(new Sgd(0.1, 0.9, true, 0.1), 1, [0.5, -0.25, 1]));
        AssertNear([0.95, 0.975, 0.875], Run(new Sgd(0.1, 0), 1, [0.5, -0.25, 1]));
    }

    [Fact]
    public void AdamW_by_hand()
    {
        // The first step is the rate against the sign of the gradient, after the decay of 1 - 0.1 * 0.5.
        var w1 = 0.95 - 0.1 * 0.5 / (0.5 + 1e-8);
        // m = 0.9 * 0.05 - 0.025 = 0.02, divided by 1 - 0.81; v = 0.999 * 0.00025 + 0.0000625 = 0.00031225, divided by 1 - 0.998001.
        var w2 = 0.95 * w1 - 0.1 * (0.02 / 0.19) / (Math.Sqrt(0.00031225 / 0.001999) + 1e-8);
        AssertNear([w1, w2], Run(new AdamW(0.1, WeightDecay: 0.5), 1, [0.5, -0.25]));
    }

    [Fact]
    public void RmsProp_by_hand()
    {
        // s = 0.1 * 0.25 = 0.025, then 0.9 * 0.025 + 0.1 * 0.0625 = 0.02875.
        var v1 = 0.5 / (Math.Sqrt(0.025) + 1e-8);
        var v2 = 0.5 * v1 - 0.25 / (Math.Sqrt(0.02875) + 1e-8);
        AssertNear([1 - 0.1 * v1, 1 - 0.1 * v1 - 0.1 * v2], Run(new RmsProp(0.1, 0.9, 0.5), 1, [0.5, -0.25]));
    }

    // Every place of a tensor is treated alike, whatever its length leaves over after whole vectors.
    [Fact]
    public void Length_does_not_matter()
    {
        foreach (var optimizer in new Optimizer[] { new Sgd(0.1, 0.9, true, 0.1), new Sgd(0.1, 0), new AdamW(0.1), new RmsProp(0.1, 0.9, 0.5) })
        {
            var expected = Run(optimizer, 1, [0.5, -0.25, 1]);
            for (var length = 2; length <= 37; length++) Assert.Equal(expected, Run(optimizer, length, [0.5, -0.25, 1]));
        }
    }

    [Fact]
    public void Scale_multiplies_the_gradient_but_not_the_decay()
    {
        float[] weights = [1], momentum = [0];
        new Sgd(0.1).Update(weights, [2f], momentum, default, 0.1, 0.5, 0.25f, 1);
        Assert.Equal(1 - 0.1f * (0.25f * 2 + 0.5f), weights[0], 1e-6f);
    }

    [Fact]
    public void Norms_and_biases_are_spared_when_asked()
    {
        Assert.Equal(0.1, new Sgd(WeightDecay: 0.1).DecayFor([4]));
        Assert.Equal(0, (new Sgd(WeightDecay: 0.1) { SpareNormsAndBiases = true }).DecayFor([4]));
        Assert.Equal(0.1, (new Sgd(WeightDecay: 0.1) { SpareNormsAndBiases = true }).DecayFor([4, 4]));
    }

    private static void AssertNear(double[] expected, double[] actual) => Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-6));

    // The weights after each step, all of the same value throughout.
    private static double[] Run(Optimizer optimizer, int length, double[] gradients)
    {
        var weights = Enumerable.Repeat(1f, length).ToArray();
        var state = optimizer.State.Select(_ => new float[length]).ToArray();
        return [.. gradients.Select((gradient, i) =>
        {
            optimizer.Update(weights, Enumerable.Repeat((float)gradient, length).ToArray(), state.ElementAtOrDefault(0), state.ElementAtOrDefault(1), optimizer.Rate, optimizer.WeightDecay, 1, i + 1);
            Assert.Single(weights.Distinct());
            return (double)weights[0];
        })];
    }
}
