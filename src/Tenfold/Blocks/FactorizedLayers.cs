namespace Tenfold;

/// <remarks>Wang, Liu, Foroosh, "Design of Efficient Convolutional Layers using Single Intra-channel Convolution, Topological Subdivisioning and
/// Spatial 'Bottleneck' Structure", 2016, arXiv 1608.04337 (first as "Factorized Convolutional Neural Networks", ICCV Workshops 2017). The
/// layer tables of its ImageNet networks are not public in full; the layers are here, the networks are not claimed.</remarks>
public static partial class Verbs
{
    /// <summary>Multi-basis layer: b kernels for each channel, then a 1x1 convolution of all their maps; nothing between.</summary>
    /// <remarks>b C (k^2 + O) weights. Each input channel's k^2 x O slice of the equivalent dense kernel has rank b at most: b = 1 is
    /// <see cref="SeparableConv"/>, b = k^2 is any dense convolution.</remarks>
    /// <param name="bases">b.</param>
    public static Node MultiBasisConv(this Node x, int channels, Size kernel, int bases, Size? stride = null) => x
        .Depthwise(kernel, stride, multiplier: bases, bias: false, name: "bases?")
        .Conv(channels, kernel: 1, bias: false, name: "projection?");

    /// <summary>Single intra-channel layer: one kernel for each channel, a 1x1 convolution, batch norm, a skip where the shape allows, ReLU.</summary>
    /// <remarks>k^2 C + C O weights. Several in a row replace one dense convolution, more kernels per channel by depth in place of b.</remarks>
    public static Node SingleIntraChannel(this Node x, int channels, Size kernel, Size? stride = null)
    {
        var y = x.SeparableConv(channels, kernel, stride).BatchNorm();
        return (x.Shape == y.Shape && (stride ?? 1) == 1 ? x + y : y).Relu();
    }

    /// <summary>Topological subdivision: channels lie on a grid, and an output reads only the inputs in a window about it, wrapped at the ends.</summary>
    /// <remarks>
    /// k^2 C times the window's size weights where a dense convolution has k^2 C^2. A window as large as the grid is dense; windows as far apart as
    /// they are large are group convolution; windows that overlap spread over the grid from layer to layer, without a shuffle.
    /// The inputs of each window are gathered (<c>C / step</c> windows side by side), then it is a group convolution.
    /// </remarks>
    /// <param name="grid">The sizes of the grid, 1 to 3 dimensions; their product is the number of channels, in and out.</param>
    /// <param name="window">The window's size along each.</param>
    /// <param name="step">Along each, how far one window begins from the next, which is also how many outputs share it: 1 by default.</param>
    public static Node TopologicalConv(this Node x, Size kernel, ReadOnlySpan<int> grid, ReadOnlySpan<int> window, ReadOnlySpan<int> step = default)
    {
        const string op = "topological conv";
        var (n, channels, plane) = (grid.Length, x.Channels, x.Shape.Plane);
        var count = 1L;
        foreach (var size in grid) count *= size;
        if (n is 0 or > 3 || count != channels) throw new ShapeException($"{op}: {channels} channels do not lie on a grid of {string.Join('x', grid.ToArray())}");
        if (window.Length != n || !(step.IsEmpty || step.Length == n)) throw new ShapeException($"{op}: window and step need a size for each of {n} dimensions");

        // Dimension by dimension, [before, d, after] becomes [before, d / step, window, after]: copies moved by 0, 1, 2, ... side by side.
        var (windows, taps) = (1, 1);
        List<int> gathered = [], made = [];
        for (var axis = 0; axis < n; axis++)
        {
            var (d, c, s) = (grid[axis], window[axis], step.IsEmpty ? 1 : step[axis]);
            if (c < 1 || c > d || s < 1 || d % s != 0) throw new ShapeException($"{op}: windows of {c} by steps of {s} do not fit {d} channels");
            var before = windows * taps;
            var after = (int)(x.Shape.Count / x.Shape.Batch / before / d);
            var whole = x.Reshape([before, d, after]);
            x = Enumerable.Range(0, c).Select(t => (t == 0 ? whole : new[] { whole.Slice(t, d - t, axis: 2), whole.Slice(0, t, axis: 2) }.Concat(axis: 2))
                .Reshape([before, d / s, s * after]).Slice(0, after, axis: 3)).Concat(axis: 3);
            (windows, taps) = (windows * (d / s), taps * c);
            gathered.AddRange([d / s, c]);
            made.Insert(axis, d / s);
            made.Add(s);
        }

        // From [w1, c1, w2, c2, ...] to [w1, w2, ..., c1, c2, ...]: windows are groups. And each output back to its place on the grid.
        int[] outer = [.. Enumerable.Range(0, n).Select(i => 1 + 2 * i)], inner = [.. outer.Select(i => i + 1)];
        int[] back = [.. Enumerable.Range(1, n).SelectMany(i => new[] { i, i + n })];
        return x
            .Reshape([.. gathered, plane.Area]).Transpose([0, .. outer, .. inner, 2 * n + 1]).Reshape([windows * taps, plane.Height, plane.Width])
            .Conv(channels, kernel, groups: windows, bias: false, name: "topological?")
            .Reshape([.. made, plane.Area]).Transpose([0, .. back, 2 * n + 1]).Reshape([channels, plane.Height, plane.Width]);
    }

    /// <summary>Spatial bottleneck: each channel is shrunk k times by a k x k kernel of stride k, the small maps are mixed by a 1x1 convolution, and each
    /// is painted back with a k x k kernel; x is added.</summary>
    /// <remarks>2 k^2 C + C^2 weights, and about C + C^2 / k^2 + C MACs a pixel where a 1x1 convolution has C^2: the counterpart, in space, of a waist
    /// in channels. Rows and columns that k does not divide are carried past by the skip alone.</remarks>
    public static Node SpatialBottleneck(this Node x, Size kernel)
    {
        var plane = x.Shape.Plane;
        return x + x
            .Depthwise(kernel, stride: kernel, pad: 0, bias: false, name: "shrink?")
            .Conv(x.Channels, kernel: 1, bias: false, name: "projection?")
            .ConvTranspose(x.Channels, kernel, stride: kernel, groups: x.Channels, bias: false, extra: (plane.Height % kernel.Height, plane.Width % kernel.Width), name: "grow?");
    }
}
