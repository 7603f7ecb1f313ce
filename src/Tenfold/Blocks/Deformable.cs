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

    /// <summary>Deformable RoI pooling that finds its own offsets: a linear layer, zero at first, reads from each region, pooled plainly, how far to move each bin.</summary>
    /// <remarks>
    /// It starts as the plain pooling. 2 P^2 (C P^2 + 1) parameters for P x P bins. [N R, C, P, P] comes out, region by region. Dai et al. 2017, figure 3;
    /// the authors train the layer at a hundredth of the rate.
    /// </remarks>
    /// <param name="regions">[N, R, 4]: left, top, right, bottom in pixels of the picture.</param>
    /// <param name="scale">Pixels of the map for one of the picture.</param>
    public static Node DeformableRoiPool(this Node x, Node regions, Size bins, float scale, int samples = 4, float gamma = 0.1f)
    {
        var offset = x.RoiPool(regions, bins, scale, samples: samples)
            .Linear(2 * bins.Area, init: Initializer.Zeros, name: "roi_offset?").Reshape([2, bins.Height, bins.Width]);
        return x.RoiPool(regions, bins, scale, offset, samples, gamma);
    }

    private static Node Offsets(this Node x, int channels, Size kernel, Size? stride, Padding? pad, Size? dilation, string name) =>
        x.Conv(channels, kernel, stride, pad, dilation, init: Initializer.Zeros, name: $"{name}.conv_offset");
}
