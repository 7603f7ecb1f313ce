namespace Tenfold;

public static partial class Verbs
{
    /// <summary>Bottleneck: a 1x1 convolution to few channels, a 3x3 among them, and a 1x1 back to many; ReLU after the first two.</summary>
    /// <remarks>
    /// C w + 9 w^2 / groups + w O weights where a 3x3 from C to O has 9 C O: with C = O = 256 and w = 64, 69,632 against 589,824.
    /// No ReLU at the end, so that it can be the branch of a <see cref="Residual"/>. The stride is on the 3x3, as in torchvision (the
    /// paper has it on the first 1x1, which skips three pixels of four). Everything passes through w channels: the rank of a pixel is at most w.
    /// Lin, Chen, Yan, "Network In Network", ICLR 2014, for the 1x1; Szegedy et al. 2015 and He et al. 2016 for the waist.
    /// </remarks>
    /// <param name="width">Channels of the waist.</param>
    public static Node Bottleneck(this Node x, int width, int channels, Size? stride = null, int groups = 1) => x
        .ConvBn(width, kernel: 1).Relu()
        .ConvBn(width, kernel: 3, stride, groups: groups).Relu()
        .ConvBn(channels, kernel: 1);

    /// <summary>mlpconv: a convolution and two 1x1 convolutions, each with ReLU: a small perceptron that slides over the map.</summary>
    /// <remarks>k^2 C a + a b + b O weights. Lin, Chen, Yan, "Network In Network", ICLR 2014, section 3.1. The last one of a network has a channel per
    /// class and is followed by global average pooling in place of fully connected layers.</remarks>
    /// <param name="channels">Of the three convolutions.</param>
    public static Node MlpConv(this Node x, (int First, int Second, int Third) channels, Size kernel, Size? stride = null, Padding? pad = null) => x
        .Conv(channels.First, kernel, stride, pad).Relu()
        .Conv(channels.Second, kernel: 1).Relu()
        .Conv(channels.Third, kernel: 1).Relu();
}
