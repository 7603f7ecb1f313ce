using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using Xunit;

namespace Tenfold.Tests;

public class ActivationTests
{
    [Fact]
    public void Values_at_and_around_the_corners()
    {
        double[] x = [-4, -3, -1, 0, 1, 3, 6, 7];
        Each(x => x.Relu(), x, v => Math.Max(v, 0));
        Each(x => x.Relu6(), x, v => Math.Clamp(v, 0, 6));
        Each(x => x.LeakyRelu(0.25f), x, v => v > 0 ? v : v / 4);
        Each(x => x.Sigmoid(), x, v => 1 / (1 + Math.Exp(-v)));
        Each(x => x.Tanh(), x, Math.Tanh);
        Each(x => x.Silu(), x, v => v / (1 + Math.Exp(-v)));
        Each(x => x.HardSigmoid(), x, v => Math.Clamp(v / 6 + 0.5, 0, 1));
        Each(x => x.HardSwish(), x, v => v * Math.Clamp(v / 6 + 0.5, 0, 1));

        static void Each(Func<Node, Node> build, double[] x, Func<double, double> f) => Direct.Equal([.. x.Select(v => f(v))], Direct.Run(build, [1, x.Length], x));
    }

    [Fact]
    public void What_is_no_number_stays_so()
    {
        Func<Node, Node>[] all = [x => x.Relu(), x => x.Relu6(), x => x.LeakyRelu(0.25f), x => x.Sigmoid(), x => x.HardSigmoid(), x => x.Silu(), x => x.HardSwish(), x => x.Tanh(), x => x.Elu(), x => x.Clip(-1, 1), x => x.Softplus()];
        foreach (var build in all)
        {
            Assert.True(double.IsNaN(Direct.Run(build, [1, 1], double.NaN)[0]));
            var y = new Model(build(new Input([1, 1]).Apply([], "x")).ToGraph("one"), new Weights()).Compile().Run(new Tensor([1, 1], [float.NaN]));
            Assert.True(float.IsNaN(y.Span[0]));
        }
    }

    [Fact]
    public void Derivatives_at_the_corners()
    {
        Direct.Equal([0, 1], Direct.Gradient(x => x.Relu(), [1, 2], 0, 1));
        Direct.Equal([0, 1, 0], Direct.Gradient(x => x.Relu6(), [1, 3], 0, 3, 6));
        Direct.Equal([0, 1 / 6.0, 0], Direct.Gradient(x => x.HardSigmoid(), [1, 3], -3, 0, 3));
        Direct.Equal([0, 0.5, 1], Direct.Gradient(x => x.HardSwish(), [1, 3], -3, 0, 3));
        Direct.Equal([-0.5, 1], Direct.Gradient(x => x.LeakyRelu(-0.5f), [1, 2], -1, 1)); // y = 0.5 and 1: both above 0
    }

    [Fact]
    public void Nothing_overflows()
    {
        Direct.Equal([0, 1], Direct.Run(x => x.Sigmoid(), [1, 2], -1e9, 1e9));
        Direct.Equal([0, 1e9], Direct.Run(x => x.Silu(), [1, 2], -1e9, 1e9));
        Direct.Equal([0, 1], Direct.Gradient(x => x.Silu(), [1, 2], -1e9, 1e9));
        Direct.Equal([0.5, 0.5], Direct.Run(x => x.Softmax(), [1, 2], 1e300, 1e300));
        Direct.Equal([1, 0], Direct.Run(x => x.Softmax(), [1, 2], 0, double.NegativeInfinity));
        Direct.Equal([0, -2e9], Direct.Run(x => x.LogSoftmax(), [1, 2], 1e9, -1e9));
    }

    [Fact]
    public void Softmax_is_over_the_channels_of_a_map_at_every_pixel()
    {
        var y = Direct.Run(x => x.Softmax(), [1, 2, 1, 2], 0, 1, Math.Log(3), 1);
        Direct.Equal([0.25, 0.5, 0.75, 0.5], y);
        Direct.Equal([.. y.Select(v => Math.Log(v))], Direct.Run(x => x.LogSoftmax(), [1, 2, 1, 2], 0, 1, Math.Log(3), 1));
        Assert.Equal("softmax: takes a batch of channels or features, not 3", Direct.Refused(x => x.Softmax(), [3]));
    }

    [Fact]
    public void The_sigmoid_of_sessions_is_good_to_the_last_places()
    {
        var x = new Tensor([1, 4001]);
        for (var i = 0; i < x.Span.Length; i++) x.Span[i] = (i - 2000) * 0.0435f; // -87 to 87
        // Where a product is rounded before its sum, the exponent's rest is off by what x rounds to.
        var rounds = Fma.IsSupported || AdvSimd.IsSupported ? 0 : 6e-8;
        var y = new Model(new Input(x.Shape).Apply([], "x").Sigmoid().ToGraph("sigmoid"), new Weights()).Compile().Run(x);
        for (var i = 0; i < x.Span.Length; i++)
        {
            var expected = 1 / (1 + Math.Exp(-(double)x.Span[i]));
            Assert.True(Math.Abs(y.Span[i] - expected) <= ((x.Span[i] < -30 ? 6e-7 : 2.5e-7) + rounds * Math.Abs(x.Span[i])) * expected, $"{x.Span[i]}: {y.Span[i]}, not {expected}");
        }

        var silu = new Model(new Input(x.Shape).Apply([], "x").Silu().ToGraph("silu"), new Weights()).Compile().Run(x);
        for (var i = 0; i < x.Span.Length; i++)
        {
            var expected = x.Span[i] / (1 + Math.Exp(-(double)x.Span[i]));
            Assert.True(Math.Abs(silu.Span[i] - expected) <= ((x.Span[i] < -30 ? 7e-7 : 3.5e-7) + rounds * Math.Abs(x.Span[i])) * Math.Abs(expected), $"{x.Span[i]}: {silu.Span[i]}, not {expected}");
        }

        var beyond = new Tensor([1, 4], [float.NaN, BitConverter.Int32BitsToSingle(0x7FC00001), float.PositiveInfinity, float.NegativeInfinity]);
        var ends = new Model(new Input(beyond.Shape).Apply([], "x").Sigmoid().ToGraph("ends"), new Weights()).Compile().Run(beyond);
        var siluEnds = new Model(new Input(beyond.Shape).Apply([], "x").Silu().ToGraph("ends"), new Weights()).Compile().Run(beyond);
        Assert.True(float.IsNaN(siluEnds.Span[0]) && float.IsNaN(siluEnds.Span[1]) && siluEnds.Span[2] == float.PositiveInfinity);
        Assert.True(float.IsNaN(ends.Span[0]) && float.IsNaN(ends.Span[1]) && ends.Span[2] == 1 && ends.Span[3] is >= 0 and < 2e-38f);
    }

    [Fact]
    public void Gradients()
    {
        foreach (var build in new Func<Node, Node>[] { x => x.LeakyRelu(-0.5f), x => x.Silu(), x => x.HardSwish(), x => x.Tanh(), x => x.Softmax(), x => x.LogSoftmax() })
            Check.Op(build, [2, 5, 3, 2], Draws.Uniform(-4, 4));
    }
}
