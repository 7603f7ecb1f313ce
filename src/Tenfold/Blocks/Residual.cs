namespace Tenfold;

/// <summary>What carries x past a residual branch, to the shape that comes out of the branch.</summary>
/// <remarks>The options of He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.1. With a stride s and
/// widths C to O, option A costs nothing, options B and C cost C O weights and C O H W / s^2 MACs where they project.</remarks>
public static class Shortcut
{
    /// <summary>Option A: every stride-th pixel, and zeros for the channels that x does not have.</summary>
    public static Node ZeroPad(Node x, Shape y)
    {
        if (y.Channels < x.Channels) throw new ShapeException($"residual: zeros do not make {x.Channels} channels into {y.Channels}");
        var stride = Stride(x.Shape, y);
        var sampled = stride == 1 ? x : x.MaxPool(1, stride);
        return sampled.Embed(0, y.Channels - x.Channels);
    }

    /// <summary>Option B: the identity, or a 1x1 convolution with batch norm where the shape changes.</summary>
    public static Node Project(Node x, Shape y) => x.Shape == y ? x : ProjectAlways(x, y);

    /// <summary>Option C: a 1x1 convolution with batch norm in every block.</summary>
    public static Node ProjectAlways(Node x, Shape y) =>
        x.ConvBn(y.Channels, kernel: 1, Stride(x.Shape, y), conv: "downsample?.0", bn: "downsample?.1");

    // 7 pixels become 4 by a stride of 2: the division rounds up.
    internal static Size Stride(Shape x, Shape y) => new((x.Height + y.Height - 1) / y.Height, (x.Width + y.Width - 1) / y.Width);
}

public static partial class Verbs
{
    /// <summary>Residual connection: y = shortcut(x) + F(x). The gradient reaches x also without passing through F.</summary>
    /// <remarks>Give the branch's last norm <c>scale: 0</c> and the block starts as its shortcut (Goyal et al. 2017, arXiv 1706.02677).
    /// Weighted connections are on the page of <see cref="Skip"/>.</remarks>
    /// <param name="shortcut">From x and the branch's shape; <see cref="Shortcut.Project"/> (option B) by default.</param>
    /// <exception cref="ShapeException">Branch and shortcut differ in shape.</exception>
    public static Node Residual(this Node x, Func<Node, Node> branch, Func<Node, Shape, Node>? shortcut = null)
    {
        var y = branch(x);
        return y + (shortcut ?? Shortcut.Project)(x, y.Shape);
    }

    /// <summary>The basic block of ResNet-18 and -34: two 3x3 convolutions and a skip, ReLU after the sum (He et al. 2016, figure 5, left).</summary>
    /// <remarks>18 C^2 weights at equal widths.</remarks>
    public static Node ResidualBasic(this Node x, int channels, int stride = 1, Func<Node, Shape, Node>? shortcut = null) => x
        .Residual(y => y.ConvBn(channels, kernel: 3, stride).Relu().ConvBn(channels, kernel: 3), shortcut)
        .Relu();

    /// <summary>The bottleneck block of ResNet-50 and deeper: a <see cref="Bottleneck"/> to four times its width, a skip, ReLU after the sum
    /// (He et al. 2016, figure 5, right). With <paramref name="groups"/> it is the block of ResNeXt (Xie et al. 2017).</summary>
    /// <remarks>17 w^2 weights for width w and 4 w channels in and out: 9 w^2 / groups + 8 w^2.</remarks>
    public static Node ResidualBottleneck(this Node x, int width, int stride = 1, int groups = 1, int? channels = null, Func<Node, Shape, Node>? shortcut = null) => x
        .Residual(y => y.Bottleneck(width, channels ?? 4 * width, stride, groups), shortcut)
        .Relu();

    /// <summary>The block of ResNet v2: norm and ReLU before each convolution, nothing after the sum, so x reaches every later block unchanged.</summary>
    /// <remarks>Where the shape changes, the first norm and ReLU feed both the branch and a 1x1 convolution without norm.
    /// He, Zhang, Ren, Sun, "Identity Mappings in Deep Residual Networks", ECCV 2016, figure 4e. End the network with a norm and a ReLU. Parameters carry timm's names.</remarks>
    public static Node ResidualPreActivation(this Node x, int channels, int stride = 1)
    {
        var active = x.BatchNorm(name: "norm#").Relu();
        var y = active.Conv(channels, kernel: 3, stride, bias: false).BatchNorm(name: "norm#").Relu().Conv(channels, kernel: 3, bias: false);
        return y + (x.Shape == y.Shape ? x : active.Conv(channels, kernel: 1, stride, bias: false, name: "downsample?.conv"));
    }

    /// <summary>The bottleneck form of <see cref="ResidualPreActivation"/>: 1x1, 3x3 and 1x1 convolutions, out of four times the width.</summary>
    public static Node ResidualPreActivationBottleneck(this Node x, int width, int stride = 1)
    {
        var active = x.BatchNorm(name: "norm#").Relu();
        var y = active.Conv(width, kernel: 1, bias: false).BatchNorm(name: "norm#").Relu()
            .Conv(width, kernel: 3, stride, bias: false).BatchNorm(name: "norm#").Relu()
            .Conv(4 * width, kernel: 1, bias: false);
        return y + (x.Shape == y.Shape ? x : active.Conv(4 * width, kernel: 1, stride, bias: false, name: "downsample?.conv"));
    }
}
