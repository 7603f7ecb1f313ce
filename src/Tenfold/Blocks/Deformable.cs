namespace Tenfold;

public static partial class Verbs
{
    /// <summary>Deformable convolution that finds its own offsets: a convolution of the same geometry, zero at first, tells each tap at each
    /// pixel how far to move.</summary>
    /// <remarks>
    /// It starts as the plain convolution. 2 G k^4 C weights and 2 G k^2 biases more for G offset groups: for 512 channels and 3x3,
    /// 82,962 beside 2,359,296. Dai et al., "Deformable Convolutional Networks", ICCV 2017, arXiv 1703.06211, figure 2. The offsets'
    /// layer is called <c>NAME.conv_offset</c>.
    /// </remarks>
    /// <param name="offsetGroups">Of channels that share their offsets; 4 in the authors' ResNet.</param>
    public static Node Deformable(this Node x, int channels, Size kernel, Size? stride = null, Padding? pad = null, Size? dilation = null,
        int groups = 1, int offsetGroups = 1, bool bias = false, string name = "deformable_conv#")
    {
        var offset = x.Offsets(2 * offsetGroups * kernel.Area, kernel, stride, pad, dilation, name);
        return x.DeformableConv(offset, mask: null, channels, kernel, stride, pad, dilation, groups, bias, name: name);
    }

    /// <summary>Modulated deformable convolution, version 2: each tap is also weighted, by a number in (0, 1).</summary>
    /// <remarks>
    /// One convolution makes offsets and masks, 3 G k^2 channels, the last third through a sigmoid. Zero at first, so every tap
    /// starts at its place with weight 1/2: half of the plain convolution (the authors' first code doubled the sigmoid).
    /// Zhu, Hu, Lin, Dai, "Deformable ConvNets v2", CVPR 2019, arXiv 1811.11168, section 3.2, which trains the offsets at a tenth of the rate.
    /// </remarks>
    public static Node ModulatedDeformable(this Node x, int channels, Size kernel, Size? stride = null, Padding? pad = null, Size? dilation = null,
        int groups = 1, int offsetGroups = 1, bool bias = false, string name = "deformable_conv#")
    {
        var taps = offsetGroups * kernel.Area;
        var both = x.Offsets(3 * taps, kernel, stride, pad, dilation, name);
        return x.DeformableConv(both.Slice(0, 2 * taps), both.Slice(2 * taps, taps).Sigmoid(), channels, kernel, stride, pad, dilation, groups, bias, name: name);
    }

    private static Node Offsets(this Node x, int channels, Size kernel, Size? stride, Padding? pad, Size? dilation, string name) =>
        x.Conv(channels, kernel, stride, pad, dilation, init: Initializer.Zeros, name: $"{name}.conv_offset");
}
