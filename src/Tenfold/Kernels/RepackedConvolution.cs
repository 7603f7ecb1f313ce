namespace Tenfold.Kernels;

/// <summary>Depthwise convolution of maps in plain order by the kernel for blocks of channels: an item lays its rows of a block out in scratch, and takes the results apart from there.
/// <code>
/// planes        scratch                      scratch                     planes
/// c0: r0 r1     r0: | c0..c15 | ...          r0: | c0..c15 | ...         c0: r0 r1
/// c1: r0 r1  -> r1: | c0..c15 | ...   sums   r1: | c0..c15 | ...      -> c1: r0 r1
/// </code>
/// </summary>
/// <remarks>A change of layout as a step of its own writes the whole map and reads it again; here a block of it stays in the second-level cache. It pays for kernels whose multiply-adds weigh more
/// than the exchange of lanes.</remarks>
internal sealed unsafe class RepackedConvolution : ConvolutionKernel
{
    private const int LeastItems = 8; // at least, where there are rows for them

    private readonly DenseShape _shape;
    private readonly LaneConvolution _kernel;
    private readonly int _strip, _strips, _span;

    public RepackedConvolution(DenseShape shape)
    {
        (_shape, _kernel) = (shape, new LaneConvolution(shape, LaneMap.Of(shape)!));
        var (blocks, height) = (checked(shape.Batch * shape.OutBlocks), shape.OutPlane.Height);
        _span = (shape.KernelSize.Height - 1) * shape.Dilation.Height + 1;
        _strip = height;
        while (_strip > 4 * _span && (long)blocks * ((height + _strip - 1) / _strip) < LeastItems) _strip = (_strip + 1) / 2; // strips lay out what they share twice
        _strips = (height + _strip - 1) / _strip;
        Items = checked(blocks * _strips);
    }

    public override string Name => $"{_kernel.Name}, planes laid out by items";

    public override string Packing => _kernel.Packing;

    public override bool Activates => true;

    public override int Items { get; }

    public override long Scratch => ((long)Rows * _shape.InPlane.Width + (long)_strip * _shape.OutPlane.Width) * Dense.Block;

    public override long PackedSize => _kernel.PackedSize;

    public override int PackItems => _kernel.PackItems;

    // Of the map, for a strip.
    private int Rows => Math.Min(_shape.InPlane.Height, (_strip - 1) * _shape.Stride.Height + _span);

    /// <summary>Depthwise, 7x7 and larger: of 5x5 and 3x3 the exchange of lanes weighs more than what planes lose.</summary>
    public static bool Takes(DenseShape shape) =>
        !shape.Transposed && shape.InPerGroup == 1 && shape.OutPerGroup == 1 && shape.KernelSize.Area >= 49 && shape.OutPlane.Area >= Dense.Block && LaneMap.Of(shape) is not null;

    public override void Pack(int item, float* kernel, float* scale, float* packed) => _kernel.Pack(item, kernel, scale, packed);

    public override void Run(int item, float* x, float* packed, float* bias, in DenseEpilogue then, float* y, float* scratch)
    {
        (item, var strip) = Math.DivRem(item, _strips);
        var (n, block) = Math.DivRem(item, _shape.OutBlocks);
        var (from, to) = (strip * _strip, Math.Min(_shape.OutPlane.Height, (strip + 1) * _strip));
        var (height, width, outWidth, channels) = (_shape.InPlane.Height, _shape.InPlane.Width, _shape.OutPlane.Width, _shape.In - block * Dense.Block);
        x += ((long)n * _shape.In + block * Dense.Block) * _shape.InPlane.Area;
        y += ((long)n * _shape.Out + block * Dense.Block) * _shape.OutPlane.Area;
        var top = Math.Clamp(from * _shape.Stride.Height - _shape.Before.Height, 0, height);
        var end = Math.Clamp((to - 1) * _shape.Stride.Height - _shape.Before.Height + _span, top, height);
        var results = scratch + (long)Rows * width * Dense.Block;
        var plane = scratch - (long)top * width * Dense.Block; // where the block's would begin
        Repack.ToBlock(x + (long)top * width, channels, (end - top) * width, scratch, _shape.InPlane.Area);
        _kernel.RunRows(block, from, to, plane, new DenseLayer(packed, bias, then), results);
        Repack.ToPlanes(results, channels, (to - from) * outWidth, y + (long)from * outWidth, _shape.OutPlane.Area);
    }
}
