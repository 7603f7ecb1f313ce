namespace Tenfold.Kernels;

/// <summary>Which kernel computes a convolution: the one whose cycles, estimated from shapes and caches alone, are fewest.</summary>
internal static class ConvolutionChoice
{
    // Cycles of one core, where a multiply-add of 16 lanes is 1, fitted to what 3x3 convolutions from 16 to 512 channels and from 7 to 224 pixels take within networks, every way, one thread.
    private const double ByItself = 0.9, InPairs = 1.25, InPairsOfTiles = 1.33, InPairsAcrossRows = 1.4; // products a cycle
    private const double Tile = 165; // to begin and end up to 28 pixels by 16 channels
    private const double TransformIn = 500, TransformOut = 85; // F(4x4), for each tile and block of channels
    private const double PerPacked = 3; // for each number of the packed weights, where they are packed at every step of a training
    private const double SecondLevel = 700 * 1024; // bytes of weights that stay there between two uses
    private const double FromThird = 36, FromMemory = 6.5; // bytes a cycle; weights come from memory, since a network's other layers have driven them out of the caches

    /// <param name="exact">No Winograd, no products in pairs.</param>
    /// <param name="forced">0 for the direct kernel, m for Winograd's F(m x m) or F(m) along one axis, null to choose. Where Winograd does not apply it is the direct one.</param>
    /// <param name="constant">Whether the weights are packed once, and not at every step of a training.</param>
    /// <returns>The kernel, and why.</returns>
    public static (ConvolutionKernel Kernel, string Reason) Of(DenseShape shape, bool exact, int? forced, bool constant = true)
    {
        if (forced is { } m) return Asked(shape, exact, m);
        if (!exact && shape.InPerGroup < Dense.Block && GroupWinogradConvolution.Takes(shape)) return (new GroupWinogradConvolution(shape), "");
        if (GroupConvolution.Takes(shape)) return (new GroupConvolution(shape), "");
        if (VectorConvolution.Takes(shape)) return (new VectorConvolution(shape), "");
        if (LaneMap.Of(shape) is { } map) return (new LaneConvolution(shape, map, winograd: !exact), "");
        if (!exact && constant && StrassenConvolution.Takes(shape)) return (new StrassenConvolution(shape), "");
        if (exact || shape.In <= 4 || !WinogradConvolution.Takes(shape))
            return (Every(shape, !exact), exact ? "every product, as asked" : shape.Pointwise || shape.In <= 4 ? "" : $"Winograd takes no {Kind(shape)}");
        var direct = Direct(shape) + Packing(shape.KernelSize.Area);
        var (best, cycles) = (0, direct);
        foreach (var size in WinogradConvolution.Sizes(shape)[..^1]) // the largest tile rounds too much to come unasked
            if (Filtered(shape, size) + Packing(Winograd.TileOf(shape.KernelSize, size).Area) is var other && other < cycles) (best, cycles) = (size, other);
        if (GroupWinogradConvolution.Takes(shape) && InGroups(shape) + Packing(18) is var groups && groups < cycles)
            return (new GroupWinogradConvolution(shape), $"{groups / direct:p0} of the direct kernel's cycles");
        return best == 0
            ? (Every(shape, !exact), "Winograd would not pay")
            : (new WinogradConvolution(shape, best, pairs: true), $"{cycles / direct:p0} of the direct kernel's cycles");

        double Packing(int numbers) => constant ? 0 : PerPacked * numbers * shape.InPerGroup * shape.OutBlocks * Dense.Block;
    }

    private static (ConvolutionKernel Kernel, string Reason) Asked(DenseShape shape, bool exact, int m)
    {
        if (WinogradConvolution.Sizes(shape).Contains(m)) return (new WinogradConvolution(shape, m, !exact), "as asked");
        return (Every(shape, !exact), m == 0 ? "as asked" : $"Winograd's F({m}), which was asked for, takes no {Kind(shape)}");
    }

    /// <summary>A way to compute a convolution.</summary>
    /// <param name="Size">0 for the direct kernel, m for Winograd's F(m x m) or F(m).</param>
    /// <param name="Cycles">By the estimate.</param>
    /// <param name="Bytes">Of the packed weights.</param>
    public readonly record struct Way(int Size, double Cycles, long Bytes);

    /// <summary>Winograd's ways from one on to those with shorter weights, and the direct kernel.</summary>
    public static Way[] Ways(DenseShape shape, int longest)
    {
        var ways = new Way[longest / 2 + 1];
        for (var i = 0; i < ways.Length; i++)
        {
            var m = longest - 2 * i;
            ways[i] = new Way(m, m == 0 ? Direct(shape) : Filtered(shape, m), 64L * (m == 0 ? shape.KernelSize : Winograd.TileOf(shape.KernelSize, m)).Area * shape.InPerGroup * shape.OutBlocks);
        }

        return ways;
    }

    /// <summary>The kernel of a way.</summary>
    public static ConvolutionKernel By(DenseShape shape, int size) => size > 0 ? new WinogradConvolution(shape, size, pairs: true) : Every(shape, pairs: true);

    /// <summary>How a convolution is computed between maps in plain order; none where nothing is faster than two changes of layout.</summary>
    public enum PlaneWay
    {
        None,
        Winograd,
        Polyphase,
        Rows,
        Planes,
        Panels,
        Repacked,
    }

    /// <summary>The first that takes it, without making its kernel, as is asked for every convolution of a network.</summary>
    public static PlaneWay OfPlanes(DenseShape shape, bool exact) =>
        !exact && PlaneWinogradConvolution.Takes(shape) ? PlaneWay.Winograd
        : !exact && PolyphasePlaneConvolution.Takes(shape) ? PlaneWay.Polyphase
        : PlaneRowConvolution.Takes(shape) ? PlaneWay.Rows
        : PlaneConvolution.Takes(shape) ? PlaneWay.Planes
        : PanelConvolution.Takes(shape) ? PlaneWay.Panels
        : RepackedConvolution.Takes(shape) ? PlaneWay.Repacked
        : PlaneWay.None;

    /// <summary>The kernel of a way.</summary>
    public static ConvolutionKernel By(DenseShape shape, PlaneWay way, bool exact) => way switch
    {
        PlaneWay.Winograd => new PlaneWinogradConvolution(shape),
        PlaneWay.Polyphase => new PolyphasePlaneConvolution(shape),
        PlaneWay.Rows => new PlaneRowConvolution(shape),
        PlaneWay.Planes => new PlaneConvolution(shape),
        PlaneWay.Panels => new PanelConvolution(shape, pairs: !exact),
        PlaneWay.Repacked => new RepackedConvolution(shape),
        _ => throw new ArgumentException($"no kernel computes {shape} between maps in plain order", nameof(way)),
    };

    /// <summary>The kernel for the gradient of the weights, by the same rule.</summary>
    /// <param name="shape">Of the forward convolution.</param>
    public static WeightGradientKernel WeightGradient(DenseShape shape, bool exact, int? forced)
    {
        if (forced is null && LaneMap.Of(shape) is { } map) return new LaneWeightGradient(shape, map);
        var direct = new DenseWeightGradient(shape, pairs: Simd.Pairs && !exact);
        if (exact || forced == 0 || !WinogradWeightGradient.Takes(shape)) return direct;
        var winograd = new WinogradWeightGradient(shape, Simd.Pairs);
        return forced > 0 || winograd.Cycles < direct.Cycles ? winograd : direct;
    }

    // The kernel that computes every product.
    private static ConvolutionKernel Every(DenseShape shape, bool pairs) => PictureConvolution.Takes(shape) ? new PictureConvolution(shape, pairs) : new DenseConvolution(shape, pairs);

    private static string Kind(DenseShape shape) => $"{shape.KernelSize} of stride {shape.Stride.Height}{(shape.Groups > 1 ? $" in groups of {shape.InPerGroup}" : "")}";

    // Estimates, in cycles: of the direct kernel; of Winograd's F(m x m); of the kernel for small groups.
    private static double Direct(DenseShape shape)
    {
        var pairs = DenseSum.Pays(shape.KernelSize.Width * shape.InPerGroup, shape.OutPerGroup);
        var (tiles, rate) = pairs && DenseConvolution.ShortRows(shape)
            ? ((shape.OutPlane.Area + 27) / 28, InPairsAcrossRows)
            : (shape.OutPlane.Height * ((shape.OutPlane.Width + 27) / 28), pairs ? InPairs : ByItself);
        return (double)shape.Batch * shape.OutBlocks * (shape.OutPlane.Area * (double)shape.KernelSize.Area * shape.InPerGroup / rate + tiles * Tile) + Fetch(shape, shape.KernelSize.Area, 1);
    }

    private static double Filtered(DenseShape shape, int m)
    {
        var kernel = new WinogradConvolution(shape, m, pairs: true);
        double area = Winograd.TileOf(shape.KernelSize, m).Area, transforms = area / 36;
        var products = kernel.Tiles * area * shape.InPerGroup * shape.OutBlocks / (kernel.Pairs ? InPairsOfTiles : ByItself)
            + kernel.Groups * (((kernel.Tiles / kernel.Groups) + 27) / 28) * area * shape.OutBlocks * Tile;
        var shares = shape.Groups == 1 ? kernel.Shares : 1; // groups share no input
        return products + kernel.Tiles * transforms * (shares * shape.InBlocks * TransformIn + shape.OutBlocks * TransformOut) + Fetch(shape, area, kernel.Groups);
    }

    // Groups of a block: 18 numbers of a row of the kernel for each tile of four pixels, and both transforms.
    private static double InGroups(DenseShape shape) =>
        new GroupWinogradConvolution(shape).Tiles * shape.OutBlocks * (18 * shape.InPerGroup / 0.92 + 50) + Fetch(shape, 18, 1);

    // Reading the weights so many times.
    private static double Fetch(DenseShape shape, double numbers, int times)
    {
        var bytes = 64 * numbers * shape.InPerGroup * shape.OutBlocks;
        return (bytes / FromMemory) + (bytes > SecondLevel ? (times - 1) * bytes / FromThird : 0);
    }
}
