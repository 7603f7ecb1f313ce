namespace Tenfold.Kernels;

/// <summary>Which kernel computes a convolution: the one whose cycles, estimated from shapes and caches alone, are fewest.</summary>
internal static class ConvolutionChoice
{
    // Cycles of one core, where a multiply-add of 16 lanes is 1. Measured on shapes from 16 to 512 channels and from 7 to 224 pixels.
    private const double TransformIn = 240, TransformOut = 220; // F(4x4), for each tile and block of channels
    private const int Large = 16 * 16; // pixels of a map where F(6x6), which rounds most, may be taken
    private const double SecondLevel = 700 * 1024, ThirdLevel = 24 * 1024 * 1024; // bytes of weights that stay there between two uses
    private const double FromThird = 14, FromMemory = 5; // bytes a cycle

    /// <param name="exact">No Winograd, no products in pairs.</param>
    /// <param name="forced">0 for the direct kernel, m for Winograd's F(m x m, 3 x 3), null to choose. Where Winograd does not apply it is the direct one.</param>
    /// <param name="constant">Whether the weights are packed once: F(6x6) makes 64 numbers of 9, too many to make at every step of a training.</param>
    /// <returns>The kernel, and why.</returns>
    public static (ConvolutionKernel Kernel, string Reason) Of(DenseShape shape, bool exact, int? forced, bool constant = true)
    {
        if (forced is null && !exact && shape.InPerGroup < Dense.Block && GroupWinogradConvolution.Takes(shape)) return (new GroupWinogradConvolution(shape), "");
        if (forced is null && GroupConvolution.Takes(shape)) return (new GroupConvolution(shape), "");
        if (forced is null && LaneMap.Of(shape) is { } map) return (new LaneConvolution(shape, map), "");
        if (forced is { } m)
            return m == 0 || WinogradConvolution.Takes(shape)
                ? (m > 0 ? new WinogradConvolution(shape, m, !exact) : Every(shape, !exact), "as asked")
                : (Every(shape, !exact), "Winograd, which was asked for, takes 3x3 of stride 1 alone");
        if (exact || shape.In <= 4 || !WinogradConvolution.Takes(shape))
            return (Every(shape, !exact), exact ? "every product, as asked" : shape.Pointwise || shape.In <= 4 ? "" : "Winograd takes 3x3 of stride 1 alone");
        var direct = Direct(shape);
        var (best, cycles) = (0, direct);
        foreach (var size in constant && shape.OutPlane.Area >= Large ? (ReadOnlySpan<int>)[2, 4, 6] : [2, 4])
            if (Winograd(shape, size) is var other && other < cycles) (best, cycles) = (size, other);
        if (GroupWinogradConvolution.Takes(shape) && GroupRows(shape) is var rows && rows + Fetch(shape, 18) < cycles + Fetch(shape, best == 0 ? 9 : (best + 2) * (best + 2))) return (new GroupWinogradConvolution(shape), $"{rows / direct:p0} of the direct kernel's cycles");
        return best == 0
            ? (Every(shape, !exact), "Winograd would not pay")
            : (new WinogradConvolution(shape, best, pairs: true), $"{cycles / direct:p0} of the direct kernel's cycles");
    }

    /// <summary>The kernel between maps in plain order, for what <see cref="PlaneConvolution.Takes"/>.</summary>
    public static ConvolutionKernel OfPlanes(DenseShape shape, bool exact) => !exact && PlaneWinogradConvolution.Takes(shape) ? new PlaneWinogradConvolution(shape) : new PlaneConvolution(shape);

    /// <summary>The kernel for the gradient of the weights, by the same rule.</summary>
    /// <param name="shape">Of the forward convolution.</param>
    public static WeightGradientKernel WeightGradient(DenseShape shape, bool exact, int? forced)
    {
        if (forced is null && LaneMap.Of(shape) is { } map) return new LaneWeightGradient(shape, map);
        var direct = new DenseWeightGradient(shape, pairs: Simd.Pairs && !exact);
        if (exact || forced == 0 || !WinogradConvolution.Takes(shape)) return direct;
        var winograd = new WinogradWeightGradient(shape, Simd.Pairs);
        return forced > 0 || winograd.Cycles < direct.Cycles ? winograd : direct;
    }

    // The kernel that computes every product.
    private static ConvolutionKernel Every(DenseShape shape, bool pairs) => PictureConvolution.Takes(shape) ? new PictureConvolution(shape, pairs) : new DenseConvolution(shape, pairs);

    private static double Direct(DenseShape shape) =>
        (double)shape.Batch * shape.OutPlane.Area * 9 * shape.InPerGroup * shape.OutBlocks / 0.9 + Stream(9.0 * shape.InPerGroup * shape.OutBlocks * 64, 1);

    private static double Winograd(DenseShape shape, int m)
    {
        var kernel = new WinogradConvolution(shape, m, pairs: true);
        double area = (m + 2) * (m + 2), transforms = area / 36;
        var products = kernel.Tiles * area * shape.InPerGroup * shape.OutBlocks / 0.9;
        var shares = shape.Groups == 1 ? kernel.Shares : 1; // groups share no input
        return products + kernel.Tiles * transforms * (shares * shape.InBlocks * TransformIn + shape.OutBlocks * TransformOut)
            + Stream(area * shape.InPerGroup * shape.OutBlocks * 64, kernel.Groups);
    }

    // Groups of a block: 18 numbers of a row of the kernel for each tile of four pixels, and both transforms.
    private static double GroupRows(DenseShape shape) =>
        new GroupWinogradConvolution(shape).Tiles * shape.OutBlocks * (18 * shape.InPerGroup / 0.92 + 50) + Stream(18.0 * shape.InPerGroup * shape.OutBlocks * 64, 1);

    // What it takes to bring the weights from memory, which a network's other layers have driven out of the caches: of few tiles in groups as long as the arithmetic.
    private static double Fetch(DenseShape shape, int numbers) => 64.0 * numbers * shape.InPerGroup * shape.OutBlocks / FromMemory;

    // What reading the weights so many times adds: half of it hides behind the arithmetic.
    private static double Stream(double bytes, int times) => bytes < SecondLevel ? 0 : 0.5 * bytes * times / (bytes < ThirdLevel ? FromThird : FromMemory);
}
