namespace Tenfold;

public static partial class Verbs
{
    /// <summary>Group convolution with batch norm: channels are cut into groups, and each output reads only its own group's inputs.</summary>
    /// <remarks>
    /// k^2 C O / g weights and 1/g of the MACs of the dense convolution, on one device as on g. It is a dense convolution whose kernel is zero
    /// off the diagonal blocks; with one group it is dense, with C groups depthwise. Two in a row with equal groups never mix them:
    /// follow with a 1x1 convolution, a <see cref="ChannelShuffle"/> or other groups.
    /// Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", NIPS 2012, section 3.2.
    /// </remarks>
    public static Node GroupConvBn(this Node x, int channels, int groups, Size kernel, Size? stride = null, Size? dilation = null) =>
        x.ConvBn(channels, kernel, stride, dilation: dilation, groups: groups);

    /// <summary>Split, transform, merge: y = the sum of T_i(x) over <paramref name="paths"/> equal paths, each with weights of its own.</summary>
    /// <remarks>
    /// With T a bottleneck of w channels the sum equals a <see cref="Bottleneck"/> of paths w channels whose 3x3 has as many groups as
    /// there are paths, which is how networks write it: the three forms of figure 3 in Xie, Girshick, Dollár, Tu, He, "Aggregated
    /// Residual Transformations for Deep Neural Networks", CVPR 2017, arXiv 1611.05431. The paths' parameters are named <c>path0.</c> and so on.
    /// </remarks>
    public static Node SplitTransformMerge(this Node x, int paths, Func<Node, Node> transform) => paths < 1
        ? throw new ShapeException($"split, transform, merge: {paths} paths; at least 1")
        : Enumerable.Range(0, paths).Select(i => x.Scope($"path{i}", transform)).Aggregate((sum, path) => sum + path);
}
