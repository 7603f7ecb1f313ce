namespace Tenfold;

public static partial class Verbs
{
    /// <summary>The naive Inception module: 1x1, 3x3 and 5x5 convolutions and a 3x3 max pooling of the same map, side by side.</summary>
    /// <remarks>
    /// C (a + 9 b + 25 c) weights; a + b + c + C channels come out, so that every module is wider than the one before.
    /// Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, arXiv 1409.4842, figure 2a.
    /// </remarks>
    /// <param name="unit">From a map, channels and kernel to a convolution with what follows it: batch norm and ReLU by default.</param>
    public static Node InceptionNaive(this Node x, int one, int three, int five, Func<Node, int, Size, Node>? unit = null)
    {
        unit ??= BasicConv;
        return x.Scope("branch1", y => unit(y, one, 1)).Concat(
            x.Scope("branch2", y => unit(y, three, 3)),
            x.Scope("branch3", y => unit(y, five, 5)),
            x.MaxPool(3, stride: 1, pad: 1));
    }

    /// <summary>The Inception module: as the naive one, with a 1x1 convolution to few channels before the 3x3 and the 5x5 and behind the pooling.</summary>
    /// <remarks>
    /// Module 3a of GoogLeNet, from 192 channels: 163,328 weights where the naive one of equal widths has 387,072, and 256 channels in place of 416.
    /// Szegedy et al. 2015, figure 2b. Parameters carry torchvision's names (<c>branch2.0.conv.weight</c>).
    /// </remarks>
    /// <param name="three">Channels of the 1x1 before the 3x3, and of the 3x3.</param>
    /// <param name="five">The same for the 5x5.</param>
    /// <param name="pool">Channels of the 1x1 behind the pooling.</param>
    /// <param name="unit">From a map, channels and kernel to a convolution with what follows it: batch norm and ReLU by default.</param>
    public static Node Inception(this Node x, int one, (int Reduced, int Channels) three, (int Reduced, int Channels) five, int pool, Func<Node, int, Size, Node>? unit = null)
    {
        unit ??= BasicConv;
        return x.Scope("branch1", y => unit(y, one, 1)).Concat(
            x.Scope("branch2.0", y => unit(y, three.Reduced, 1)).Scope("branch2.1", y => unit(y, three.Channels, 3)),
            x.Scope("branch3.0", y => unit(y, five.Reduced, 1)).Scope("branch3.1", y => unit(y, five.Channels, 5)),
            x.MaxPool(3, stride: 1, pad: 1).Scope("branch4.1", y => unit(y, pool, 1)));
    }

    private static Node BasicConv(Node x, int channels, Size kernel) => x.ConvBn(channels, kernel, conv: "conv", bn: "bn").Relu();
}
