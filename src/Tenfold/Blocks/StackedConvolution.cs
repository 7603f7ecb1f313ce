namespace Tenfold;

public static partial class Verbs
{
    /// <summary>3x3 convolutions in place of one large kernel: as many as give its receptive field, each with batch norm and ReLU.</summary>
    /// <remarks>
    /// n of them see 2n + 1 pixels: two for 5x5 (18 C^2 weights in place of 25 C^2), three for 7x7 (27 in place of 49). Without the ReLU between, and
    /// away from the border, two are exactly the 5x5 that is their composition; most 5x5 are no composition.
    /// Simonyan, Zisserman, "Very Deep Convolutional Networks", ICLR 2015, arXiv 1409.1556, section 2.3.
    /// </remarks>
    /// <param name="kernel">The kernel that they stand for: 3, 5, 7, ...</param>
    public static Node StackedConv(this Node x, int channels, int kernel)
    {
        if (kernel < 3 || kernel % 2 == 0) throw new ShapeException($"stacked conv: kernels of 3 make up 3, 5, 7 and so on, not {kernel}");
        for (var field = 1; field < kernel; field += 2) x = x.ConvBn(channels, kernel: 3).Relu();
        return x;
    }

    /// <summary>1xn and nx1 in place of an nxn convolution, each with batch norm and ReLU.</summary>
    /// <remarks>
    /// 2 n C^2 weights in place of n^2 C^2 at equal widths. Exact for a kernel that is an outer product of a column and a row.
    /// Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, "Rethinking the Inception Architecture", CVPR 2016, arXiv 1512.00567, section 3.2, which
    /// finds it good on maps of 12 to 20 pixels and not in early layers.
    /// </remarks>
    public static Node FactorizedConv(this Node x, int channels, int kernel) => x
        .ConvBn(channels, (1, kernel)).Relu()
        .ConvBn(channels, (kernel, 1)).Relu();
}
