namespace Tenfold;

public static partial class Verbs
{
    /// <summary>The article's last question as a block: bottleneck, group convolution, channel shuffle, depthwise convolution,
    /// squeeze-and-excitation and a skip, all in one.</summary>
    /// <remarks>
    /// <code>y = relu(shortcut(x) + se(1x1 group(depthwise(shuffle(relu(1x1 group(x)))))))</code>
    /// (C w + w O) / g + 9 w weights, w in the waist, besides those of <see cref="SqueezeExcite(Node, int)"/>. Without the latter it is the unit of ShuffleNet
    /// (<see cref="ShuffleUnit"/>) but for the strided shortcut. Where it went: ShuffleNet v2 gave up the groups, MobileNet v2 turned the waist
    /// inside out (<see cref="InvertedResidual"/>), MobileNet v3 and EfficientNet added the excitation; shuffle and groups stayed special.
    /// </remarks>
    /// <param name="groups">Of the 1x1 convolutions; x's channels, the waist and the output divide into them.</param>
    /// <param name="reduction">Of the squeeze-and-excitation; 0 for none.</param>
    /// <param name="skip">How the branch is weighted where the shape does not change; see <see cref="Skip"/>. A plain sum by default.</param>
    public static Node Combined(this Node x, int channels, int groups = 4, int stride = 1, int reduction = 16, Func<Node, Node, Node>? skip = null)
    {
        var waist = Math.Max(1, channels / 4 / groups) * groups;
        var y = x
            .ConvBn(waist, kernel: 1, groups: groups).Relu()
            .ChannelShuffle(groups)
            .ConvBn(waist, kernel: 3, stride, groups: waist)
            .ConvBn(channels, kernel: 1, groups: groups);
        if (reduction > 0) y = y.SqueezeExcite(reduction);
        return (skip is null || x.Shape != y.Shape ? Shortcut.Project(x, y.Shape) + y : skip(x, y)).Relu();
    }
}
