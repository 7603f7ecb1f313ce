using Xunit;

namespace Tenfold.Tests;

/// <summary>Operations and their gradients against PyTorch and torchvision.</summary>
public class TorchTests
{
    [Fact]
    public void Convolution()
    {
        Agrees("convolution/plain", x => x.Conv(4, 3, pad: 1));
        Agrees("convolution/strided", x => x.Conv(5, (5, 3), stride: (2, 3), pad: (2, 1)));
        Agrees("convolution/groups", x => x.Conv(9, 3, pad: 1, groups: 3));
        Agrees("convolution/dilated", x => x.Conv(3, 3, pad: (2, 3), dilation: (2, 3), bias: false));
        Agrees("convolution/depthwise", x => x.Depthwise(3, stride: 2, pad: 1, multiplier: 2));
        Agrees("convolution/pointwise", x => x.Conv(11, 1));
        Agrees("convolution/transpose", x => x.ConvTranspose(4, 3, stride: 2, pad: 1, extra: 1));
        Agrees("convolution/transpose_groups", x => x.ConvTranspose(6, (2, 3), stride: (3, 2), pad: (0, 1), dilation: (1, 2), groups: 2, bias: false));
    }

    [Fact]
    public void Padding()
    {
        Agrees("convolution/reflect", x => x.Pad(new Padding(1, 2, 3, 1), PadMode.Reflect));
        Agrees("convolution/replicate", x => x.Pad(new Padding(1, 2, 3, 1), PadMode.Replicate));
        Agrees("convolution/circular", x => x.Pad(new Padding(1, 2, 3, 1), PadMode.Circular));
    }

    [Fact]
    public void Deformable_convolution()
    {
        Agrees("deformable/hard", ["x", "offset", "mask"], x => x[0].DeformableConv(x[1], x[2], 4, (3, 2), stride: (2, 1), pad: (1, 0), dilation: (2, 1), groups: 2));
        Agrees("deformable/v1", ["x", "offset"], x => x[0].DeformableConv(x[1], null, 2, 3, bias: false));
    }

    [Fact]
    public void Resizing()
    {
        foreach (var (name, size) in new (string, Size)[] { ("up", (9, 7)), ("down", (3, 2)), ("same_ratio", (8, 10)) })
        {
            Agrees($"resizing/nearest_{name}", x => x.Resize(size, Interpolation.Nearest));
            Agrees($"resizing/bilinear_{name}", x => x.Resize(size));
            Agrees($"resizing/bilinear_corners_{name}", x => x.Resize(size, Interpolation.BilinearCorners));
        }
    }

    [Fact]
    public void Pooling()
    {
        Agrees("pooling/max", x => x.MaxPool(3, stride: 2, pad: 1));
        Agrees("pooling/max_ceil", x => x.MaxPool(3, stride: 2, ceilMode: true));
        Agrees("pooling/max_dilated", x => x.MaxPool((2, 3), stride: (1, 2), pad: (0, 1), dilation: (2, 1)));
        Agrees("pooling/max_dropped", x => x.MaxPool(2, stride: 3, ceilMode: true));
        Agrees("pooling/avg", x => x.AvgPool(3, stride: 2, pad: 1));
        Agrees("pooling/avg_exclude", x => x.AvgPool(3, stride: 1, pad: 1, countIncludePad: false));
        Agrees("pooling/avg_ceil", x => x.AvgPool((3, 2), stride: 2, pad: 1, ceilMode: true));
        Agrees("pooling/avg_ceil_exclude", x => x.AvgPool((3, 2), stride: 2, pad: 1, ceilMode: true, countIncludePad: false));
        Agrees("pooling/adaptive_avg", x => x.AdaptiveAvgPool((3, 4)));
        Agrees("pooling/adaptive_max", x => x.AdaptiveMaxPool((2, 5)));
        Agrees("pooling/adaptive_up", x => x.AdaptiveAvgPool((5, 3)));
        Agrees("pooling/global_avg", x => x.GlobalAvgPool());
    }

    [Fact]
    public void Batch_norm()
    {
        Agrees("normalisation/bn_inference", x => x.BatchNorm(epsilon: 1e-3f));
        Agrees("normalisation/bn", x => x.BatchNormInTraining());
    }

    [Fact]
    public void Local_response_normalisation()
    {
        Agrees("normalisation/lrn5", x => x.Lrn(5, alpha: 0.3f, k: 2));
        Agrees("normalisation/lrn_alexnet", x => x.Lrn(5, alpha: 5e-4f, k: 2));
        Agrees("normalisation/lrn3", x => x.Lrn(3, alpha: 1, beta: 0.5f));
    }

    [Fact]
    public void Elementwise()
    {
        Agrees("elementwise/relu", x => x.Relu());
        Agrees("elementwise/relu6", x => x.Relu6());
        Agrees("elementwise/leaky_relu", x => x.LeakyRelu());
        Agrees("elementwise/sigmoid", x => x.Sigmoid());
        Agrees("elementwise/tanh", x => x.Tanh());
        Agrees("elementwise/silu", x => x.Silu());
        Agrees("elementwise/hardsigmoid", x => x.HardSigmoid());
        Agrees("elementwise/hardswish", x => x.HardSwish());
        Agrees("elementwise/softmax", x => x.Softmax());
        Agrees("elementwise/log_softmax", x => x.LogSoftmax());
        Agrees("elementwise/channel_shuffle", x => x.ChannelShuffle(3));
        Agrees("elementwise/linear", x => x.Linear(6));
    }

    [Fact]
    public void Losses()
    {
        Agrees("losses/plain", ["x", "targets"], x => x[0].SoftmaxCrossEntropy(x[1]), mean: true);
        Agrees("losses/mse", ["x", "targets"], x => x[0].MeanSquareError(x[1]).Affine(1 / 3f).Sum(Axes.Batch).Reshape([1]), mean: true);
        Agrees("losses/smooth", ["x", "targets"], x => x[0].SoftmaxCrossEntropy(x[1].SmoothLabels(0.1f)), mean: true);
    }

    private static void Agrees(string fixture, Func<Node, Node> build) => Agrees(fixture, ["x"], x => build(x[0]));

    // y, and every gradient of sum(y r) (of the mean of y) that the fixture holds, by the definition in double and by the plan.
    private static void Agrees(string fixture, string[] names, Func<Node[], Node> build, bool mean = false)
    {
        var file = new Fixture(fixture.Split('/')[0], fixture.Split('/')[1]);
        var x = Array.ConvertAll(names, name => new Input(file[name].Shape).Apply([], name));
        var y = build(x);
        var loss = mean ? y.Affine(1f / y.Shape.Batch) : file.TryGet("r", out _) ? y * new Input(y.Shape).Apply([], "r") : y;
        (string Name, Node Node)[] targets = [.. names.Zip(x), .. new Graph("y", y).Parameters.Values.Select(node => (((Parameter)node.Op).Role, node))];
        targets = [.. targets.Where(target => file.TryGet("d" + target.Name, out _))];
        var graph = new Graph(fixture, [loss, y, .. loss.Gradient([.. targets.Select(target => target.Node)]).Select(dx => dx!)]);

        string[] outputs = ["y", .. targets.Select(target => "d" + target.Name)];
        Tensor[] inputs = [.. graph.Inputs.Select(input => file[graph.NameOf(input)])];
        var weights = new Weights();
        foreach (var (name, node) in graph.Parameters) weights[name] = file[((Parameter)node.Op).Role];

        var exact = Reference.Run(graph, weights.ToDictionary(pair => pair.Key, pair => Values<double>.From(pair.Value)), [.. inputs.Select(Values<double>.From)]);
        var fast = new Session(graph, weights, new RunOptions { Threads = 2 }).RunAll(inputs);
        for (var i = 0; i < outputs.Length; i++)
        {
            var expected = Values<double>.From(file[outputs[i]]);
            Check.Close(expected.Data, exact[i + 1].Data, 3e-7, $"{fixture}: {outputs[i]} by the definition");
            Check.Close(expected.Data, Values<double>.From(fast[i + 1]).Data, 2e-5, $"{fixture}: {outputs[i]} by the session");
        }
    }
}
