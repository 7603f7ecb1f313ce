namespace Tenfold;

public static partial class Verbs
{
    /// <summary>Separable convolution: a kernel for each channel by itself, then a 1x1 convolution that mixes the channels; nothing between.</summary>
    /// <remarks>
    /// k^2 C + C O weights where a dense convolution has k^2 C O: 1/O + 1/k^2 of them. From 3 to 256 channels with 3x3: 795 against 6,912.
    /// It equals the dense convolution whose kernel is p[o, c] d[c, i, j]. "Depthwise" names the first step only.
    /// Sifre, "Rigid-Motion Scattering for Image Classification", 2014, section 6.2; Chollet, "Xception", CVPR 2017, arXiv 1610.02357, who finds that an
    /// activation between hurts. No biases: a norm follows.
    /// </remarks>
    public static Node SeparableConv(this Node x, int channels, Size kernel, Size? stride = null, Padding? pad = null, Size? dilation = null) => x
        .Depthwise(kernel, stride, pad, dilation, bias: false)
        .Conv(channels, kernel: 1, bias: false, name: "pointwise?");

    /// <summary>The layer of MobileNet: depthwise convolution, batch norm, ReLU, 1x1 convolution, batch norm, ReLU.</summary>
    /// <remarks>Howard et al., "MobileNets", 2017, arXiv 1704.04861, figure 3, right.</remarks>
    /// <param name="activation">ReLU by default; TensorFlow's has ReLU6.</param>
    public static Node DepthwiseSeparable(this Node x, int channels, Size kernel, Size? stride = null, Size? dilation = null, Func<Node, Node>? activation = null)
    {
        activation ??= Relu;
        return activation(activation(x
            .ConvBn(x.Channels, kernel, stride, dilation: dilation, groups: x.Channels, conv: "conv_dw?"))
            .ConvBn(channels, kernel: 1, conv: "conv_pw?"));
    }

    /// <summary>Inverted residual, also MBConv: a 1x1 convolution to many channels, a depthwise among them, a 1x1 back to few without activation,
    /// and a skip between the few.</summary>
    /// <remarks>
    /// C e + k^2 e + e O weights for e expanded channels. The skip is there at stride 1 between equal channels; the first 1x1 is left out where e = C.
    /// Sandler, Howard, Zhu, Zhmoginov, Chen, "MobileNetV2", CVPR 2018, arXiv 1801.04381, figure 3b; with squeeze-and-excitation on the expanded
    /// channels it is the block of MobileNet v3 and EfficientNet, by whose torchvision names the parameters go.
    /// </remarks>
    /// <param name="expanded">Channels of the depthwise convolution.</param>
    /// <param name="activation">Behind the first two convolutions: ReLU6 by default.</param>
    /// <param name="excite">What weights the expanded channels; nothing by default.</param>
    public static Node InvertedResidual(this Node x, int channels, int expanded, Size kernel, int stride = 1, Func<Node, Node>? activation = null,
        Func<Node, Node>? excite = null, float epsilon = 1e-5f, float momentum = 0.1f)
    {
        activation ??= Relu6;
        var step = 0;
        var y = x;
        if (expanded != x.Channels) y = activation(Unit(y, expanded, 1, 1, 1));
        y = activation(Unit(y, expanded, kernel, stride, expanded));
        if (excite is not null) y = y.Scope($"block.{step++}", excite);
        y = Unit(y, channels, 1, 1, 1);
        return stride == 1 && channels == x.Channels ? x + y : y;

        Node Unit(Node z, int outputs, Size size, int by, int groups) => z.Scope($"block.{step++}", u =>
            u.ConvBn(outputs, size, by, groups: groups, conv: "0", bn: "1", epsilon: epsilon, momentum: momentum));
    }
}
