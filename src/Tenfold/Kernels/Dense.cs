using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.Arm;

namespace Tenfold.Kernels;

/// <summary>A run of input channels that lie side by side in memory, relative to a tile's first pixel, in floats.</summary>
internal struct ChannelRun
{
    public int Offset;
    public int Channels;
}

/// <summary>
/// One tile of a dense convolution: a few neighbouring pixels of one or two blocks of 16 output channels.
/// <code>
///             w[k]: | o0 o1 ... o15 |          a row of weights per k
/// x[pixel 0][k] *   | a  a  ... a   |          every accumulator is a register
/// x[pixel 1][k] *   | a  a  ... a   |
/// </code>
/// Pixels lie 16 floats apart in x whatever the convolution's stride, because rows are gathered with their columns split by phase; those of a picture may lie as they come.
/// </summary>
internal unsafe struct DenseTile
{
    /// <summary>The first pixel, from which <see cref="Runs"/> are counted.</summary>
    public float* X;

    /// <summary>For each channel of <see cref="Runs"/> in turn, a row of weights.</summary>
    public float* W;

    public float* Y;

    /// <summary>Added before the bounds are applied, laid out as <see cref="Y"/>; null for nothing.</summary>
    public float* Add;

    /// <summary>A number for each output channel.</summary>
    public float* Bias;

    /// <summary>What each output channel's sum, with its bias, is multiplied by before anything else is done to it; null for nothing. On planes <see cref="Factor"/> and <see cref="Bias"/> hold it.</summary>
    public float* Gate;

    /// <summary>Where the channels that are summed lie.</summary>
    public ChannelRun* Runs;
    public int RunCount;

    /// <summary>Floats from one k to the next in <see cref="W"/>.</summary>
    public int WStep;

    /// <summary>Whether the second of two blocks, or with vectors of 256 bits the only one, has no more than 8 output channels: the lanes behind them stay as they are.</summary>
    public bool Half;

    /// <summary>Floats from one pixel to the next in <see cref="Y"/>.</summary>
    public int YPixel;

    /// <summary>Floats from one block of output channels to the next in <see cref="Y"/>.</summary>
    public int YVector;

    /// <summary>With products in pairs: where they lie, and their weights, three rows for each; <see cref="Runs"/> and <see cref="W"/> are of the channels beside them.</summary>
    public DenseTriples* Triples;
    public int TripleCount;
    public float* TripleW;

    /// <summary>Floats from a row of weights to that of the next tile, which is fetched meanwhile.</summary>
    public int Ahead;

    /// <summary>What the sums begin with: <see cref="Start"/> for each output channel, <see cref="Products"/> for each pixel; null computes each product by itself.</summary>
    public float* Start;
    public float* Products;

    /// <summary>For each output channel, of the sum before the bias; null without products in pairs.</summary>
    public float* Factor;

    /// <summary>Bounds of the sum before <see cref="Add"/> is added.</summary>
    public float FirstLow;
    public float FirstHigh;

    /// <summary>Bounds of the result: 0 and infinity for ReLU.</summary>
    public float Low;
    public float High;
}

/// <summary>The share of some rows of pixels in the gradient of up to 16 x 16 weights: sums of outer products.</summary>
internal unsafe struct DenseOuter
{
    public float* X;
    public float* Dy;

    /// <summary>[input channel][16 output channels], read and written.</summary>
    public float* Sum;

    public int XRow;
    public int DyRow;
    public int Rows;
    public int Pixels;

    /// <summary>Of products in pairs (<see cref="OuterPairs"/>): what they are multiplied by when they are added to <see cref="Sum"/>.</summary>
    public float Scale;

    /// <summary>Of products in pairs: the largest sum of products of inputs for which they are exact enough.</summary>
    public float Limit;

    /// <summary>Floats from <see cref="X"/> to what will be read next, to be fetched into the first-level cache meanwhile.</summary>
    public int Ahead;
}

/// <summary>Which of the generated micro-kernels this machine runs, and in what tiles.</summary>
internal static unsafe class Dense
{
    /// <summary>Channels in a block of the internal layout: one 512-bit vector, two of 256 bits, four of 128.</summary>
    public const int Block = 16;

    /// <summary>How many blocks of output channels a tile may have.</summary>
    public static readonly int MaxBlocks = Simd.Width == 512 ? 2 : 1;

    /// <summary>The most pixels a tile of so many blocks may have.</summary>
    public static int MaxPixels(int blocks) => Simd.Width == 512 ? 28 / blocks : 6;

    /// <summary>The most input channels of an outer product.</summary>
    public static readonly int MaxChannels = Simd.Width == 512 ? 16 : 6;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Tile(ref DenseTile tile, int pixels, int blocks)
    {
        if (Simd.Pairs && tile.Factor != null) (tile.Products != null ? Paired512.Tiles : Paired512.Aparts)[pixels - 1](tile);
        else if (Simd.Width == 512) (blocks == 1 ? Dense512.Tiles1 : tile.Half ? Dense512.Tiles2Half : Dense512.Tiles2)[pixels - 1](tile);
        else if (Simd.Width == 256) (tile.Half ? Dense256.Tiles1 : Dense256.Tiles2)[pixels - 1](tile);
        else if (AdvSimd.Arm64.IsSupported) DenseArm64.Tiles4[pixels - 1](tile);
        else Halves(tile, pixels);
    }

    /// <summary>As <see cref="Tile"/>, where pixels lie <see cref="Dense512.PicturePixel"/> floats apart; with vectors of 512 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PictureTile(ref DenseTile tile, int pixels, int blocks) =>
        (blocks == 1 ? Dense512.Pictures1 : tile.Half ? Dense512.Pictures2Half : Dense512.Pictures2)[pixels - 1](tile);

    // A block is two tiles of 8 lanes.
    private static void Halves(DenseTile tile, int pixels)
    {
        Dense128.Tiles2[pixels - 1](tile);
        tile.W += 8;
        tile.Y += 8;
        tile.Bias += 8;
        if (tile.Gate != null) tile.Gate += 8;
        if (tile.Add != null) tile.Add += 8;
        Dense128.Tiles2[pixels - 1](tile);
    }

    /// <summary>Calls the micro-kernels for so many pixels, cut into tiles as <see cref="Segments"/> says, on sums of no products.</summary>
    /// <param name="pairs">Those with products in pairs.</param>
    /// <param name="half">Those whose last block has no more than 8 channels.</param>
    /// <param name="picture">Those of <see cref="PictureTile"/>.</param>
    public static void Warm(int pixels, int blocks, bool pairs = false, bool half = false, bool picture = false)
    {
        var segments = Segments(pixels, blocks);
        float* nothing = stackalloc float[28 * 2 * Block];
        var tile = new DenseTile { Bias = nothing, Y = nothing, YPixel = Block, Half = half };
        new Span<float>(nothing, 2 * Block).Clear();
        if (pairs) tile.Start = tile.Products = tile.Factor = nothing;
        for (var width = pixels / segments; width <= (pixels + segments - 1) / segments; width++)
        {
            tile.YVector = width * Block;
            if (picture) PictureTile(ref tile, width, blocks);
            else Tile(ref tile, width, blocks);
        }
    }

    /// <summary>Into how many tiles a row of pixels falls.</summary>
    public static int Segments(int pixels, int blocks) => (pixels + MaxPixels(blocks) - 1) / MaxPixels(blocks);

    public static void Outer(ref DenseOuter outer, int channels)
    {
        switch (Simd.Width)
        {
            case 512:
                Dense512.Outers[channels - 1](outer);
                break;
            case 256:
                Dense256.Outers[channels - 1](outer);
                break;
            case var _ when AdvSimd.Arm64.IsSupported:
                DenseArm64.Outers[channels - 1](outer);
                break;
            default:
                Dense128.Outers[channels - 1](outer);
                var half = outer;
                half.Dy += 8;
                half.Sum += 8;
                Dense128.Outers[channels - 1](half);
                break;
        }
    }
}
