namespace Tenfold.Kernels;

/// <summary>The numbers of a dense convolution that its kernels share.</summary>
/// <param name="KernelSize">Height and width.</param>
/// <param name="Transposed">Whether the kernel is [in, out/groups, kh, kw] and paints, or [out, in/groups, kh, kw] and collects.</param>
internal sealed record DenseShape(int Batch, int In, int Out, Size InPlane, Size OutPlane, Size KernelSize, Size Stride, Size Before, Size Dilation, int Groups, bool Transposed)
{
    public int InBlocks => (In + Dense.Block - 1) / Dense.Block;

    public int OutBlocks => (Out + Dense.Block - 1) / Dense.Block;

    public int InPerGroup => In / Groups;

    public int OutPerGroup => Out / Groups;

    public Geometry[] Rows => Axis(OutPlane.Height, KernelSize.Height, Stride.Height, Before.Height, Dilation.Height);

    public Geometry[] Columns => Axis(OutPlane.Width, KernelSize.Width, Stride.Width, Before.Width, Dilation.Width);

    /// <summary>Kernel 1, stride 1, no padding: the plane is one long row and needs no gathering.</summary>
    public bool Pointwise => KernelSize.Area == 1 && Stride.Area == 1 && Before is (0, 0) && InPlane == OutPlane;

    /// <summary>The input channels that output channels [from, to) read: those of their groups.</summary>
    public (int From, int To) Reads(int from, int to) => (from / OutPerGroup * InPerGroup, ((Math.Min(to, Out) - 1) / OutPerGroup + 1) * InPerGroup);

    /// <summary>The blocks of output channels that a tile of the micro-kernel computes together: two, where the registers allow and both read the same channels.</summary>
    /// <param name="pairs">With products in pairs it is one.</param>
    public (int Block, int Blocks)[] OutTiles(bool pairs = false)
    {
        var (tiles, count) = (new (int Block, int Blocks)[OutBlocks], 0);
        for (var block = 0; block < OutBlocks;)
        {
            var blocks = pairs ? 1 : Math.Min(Dense.MaxBlocks, OutBlocks - block);
            if (blocks > 1 && Range(block) != Range(block + 1)) blocks = 1;
            tiles[count++] = (block, blocks);
            block += blocks;
        }

        Array.Resize(ref tiles, count);
        return tiles;

        (int, int) Range(int block) => Reads(block * Dense.Block, (block + 1) * Dense.Block);
    }

    /// <summary>Those tiles, or the two halves of one: half of a block is computed after the other where they are of different groups, so that neither multiplies by the zeros between groups.</summary>
    public OutTile[] OutParts(bool pairs)
    {
        var parts = new List<OutTile>();
        foreach (var (block, blocks) in OutTiles(pairs))
        {
            var (first, end) = (block * Dense.Block, (block + blocks) * Dense.Block);
            var (whole, middle) = (Reads(first, end), first + Dense.Block / 2);
            if (Simd.Width == 256 && blocks == 1 && !Half(block, blocks) && (Reads(first, middle), Reads(middle, end)) is var (low, high)
                && 2 * (low.To - low.From + high.To - high.From) < 3 * (whole.To - whole.From)) // 8 output channels take two thirds of the time of 16
            {
                parts.Add(new OutTile(block, blocks, Lane: 0, Half: true, Continued: true, low));
                parts.Add(new OutTile(block, blocks, Lane: Dense.Block / 2, Half: true, Continued: false, high));
            }
            else
            {
                parts.Add(new OutTile(block, blocks, Lane: 0, Half(block, blocks), Continued: false, whole));
            }
        }

        return [.. parts];
    }

    /// <summary>Whether the last of a tile's blocks has no more than 8 output channels.</summary>
    public bool Half(int block, int blocks) => Out - (block + blocks - 1) * Dense.Block <= Dense.Block / 2;

    /// <summary>Where the weight from input channel <paramref name="c"/> to output channel <paramref name="o"/> of tap 0 lies; -1 when they are in different groups.</summary>
    public int Weight(int o, int c) => o / OutPerGroup != c / InPerGroup ? -1
        : KernelSize.Area * (Transposed ? c * OutPerGroup + o % OutPerGroup : o * InPerGroup + c % InPerGroup);

    /// <summary>From one input channel's weight to the next within a group.</summary>
    public int WeightStep => KernelSize.Area * (Transposed ? OutPerGroup : 1);

    private Geometry[] Axis(int outputs, int kernel, int stride, int before, int dilation) => Transposed
        ? Geometry.Transposed(outputs, kernel, stride, before, dilation)
        : Geometry.Forward(outputs, kernel, stride, before, dilation);
}

/// <summary>A tile of output channels, as a kernel computes them together.</summary>
/// <param name="Lane">The lane with which it begins: 8 for the second half of a block.</param>
/// <param name="Half">Whether it has 8 output channels, or its last block has.</param>
/// <param name="Continued">Whether the second half of its block follows.</param>
/// <param name="Reads">The input channels that it reads.</param>
internal record OutTile(int Block, int Blocks, int Lane, bool Half, bool Continued, (int From, int To) Reads)
{
    /// <summary>The tile with which a share begins: no second half of a block.</summary>
    public static int First(IReadOnlyList<OutTile> tiles, int share, int shares) => tiles.Count * share / shares is var tile && tile < tiles.Count && tiles[tile].Lane > 0 ? tile + 1 : tile;
}
