namespace Tenfold;

public static partial class Verbs
{
    /// <summary>Interleaved group convolution: L groups of M channels convolved in space, dealt out, and M groups of L mixed by 1x1 convolutions; then batch norm.</summary>
    /// <remarks>
    /// Each of the second groups holds one channel of every first group, so each output sees each input, by exactly one path. For G = L M channels
    /// G^2 (k^2 / L + 1 / M) weights; for a given number of weights widest at L = k^2 M. L = 1 is a dense convolution with scaled channels,
    /// M = 1 depthwise and 1x1. Nothing stands between the two. Zhang, Qi, Xiao, Wang, "Interleaved Group Convolutions for Deep Neural Networks",
    /// ICCV 2017, arXiv 1707.02725.
    /// </remarks>
    /// <param name="channels">G; at stride 1 and elsewhere, those of x divide into the first groups.</param>
    /// <param name="groups">L, the first groups. The second are M = G / L.</param>
    public static Node InterleavedGroupConv(this Node x, int channels, int groups, Size kernel, Size? stride = null)
    {
        Require.Groups("interleaved group conv", x.Channels, channels, groups);
        var second = channels / groups;
        return x
            .Conv(channels, kernel, stride, groups: groups, bias: false, name: "primary?").ChannelShuffle(groups)
            .Conv(channels, kernel: 1, groups: second, bias: false, name: "secondary?").ChannelShuffle(second)
            .BatchNorm();
    }
}
