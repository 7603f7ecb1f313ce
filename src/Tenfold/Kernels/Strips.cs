namespace Tenfold.Kernels;

/// <summary>The rows of a map in strips of equal height.</summary>
/// <remarks>Items go through all channels of a strip before the next strip begins, as those of convolutions do that read all channels: the items with which a thread
/// begins are then the same part of the map in one step after another, and what it reads is mostly what it wrote itself. Where cores lie far apart this makes
/// MobileNet v2 and ShuffleNet v2 on two threads 4 to 7 % faster.</remarks>
internal readonly record struct Strips(int Height, int Count)
{
    /// <param name="least">How many strips all samples together shall have where they are more than a few rows high; 1 for whole planes, unless there are few of them.</param>
    public static Strips Of(int rows, int samples, int blocks, int least = 4)
    {
        var (height, count) = (rows, 1);
        while ((height > 7 && samples * count < least) || (height > 4 && samples * blocks * count < 8))
        {
            height = (height + 1) / 2;
            count = (rows + height - 1) / height;
        }

        return new Strips(height, count);
    }
}

/// <summary>The pixels of pointwise convolutions in strips of whole tiles, and the output channels in shares.</summary>
internal readonly record struct PixelStrips(int Pixels, int Count, int Shares)
{
    private const int Pieces = 12; // where there is so much: few threads then wait little for each other at the end of a step
    private const int Fewest = 4; // whatever the tiles
    private const int TilesOfShare = 8; // at least: what is known of a strip's pixels before the first tile, products in pairs above all, is computed for each share anew
    private const int Most = 28; // pixels of a tile
    private const int MostFloats = 48 * 1024; // of a strip, 192 KB: with the weights of a tile well within the second-level cache

    /// <param name="tiles">Tiles of output channels.</param>
    public static PixelStrips Of(DenseShape shape, int tiles)
    {
        var across = (shape.OutPlane.Area + Most - 1) / Most;
        var pixels = (shape.OutPlane.Area + across - 1) / across;
        // Three tiles, or two where three would leave one by itself, so that weights come to the first-level cache for all of them, and as many as fill the second-level one if all threads have their strips.
        var together = Math.Clamp(Math.Min(shape.Batch * across / Pieces, MostFloats / (shape.InBlocks * Dense.Block * pixels)), Math.Min(across % 3 == 1 ? 2 : 3, across), across);
        var count = (across + together - 1) / together;
        var strip = Simd.Width == 512 ? (across + count - 1) / count * pixels : OfSmallTiles(shape.OutPlane.Area, together * pixels);
        count = (shape.OutPlane.Area + strip - 1) / strip;
        var items = checked(shape.Batch * count);
        return new PixelStrips(strip, count, SharesOf(tiles, items));
    }

    // Tiles so small want to be whole: of 5 pixels they reach 93 % of the peak, of 6 97 %. So a strip is as many tiles as are wanted, or up to half as many more, that the last strip be no short one, which would read all
    // weights for a few pixels.
    private static int OfSmallTiles(int area, int wanted)
    {
        var most = Dense.MaxPixels(1);
        var (tiles, least) = ((area + most - 1) / most, (wanted + most - 1) / most);
        var best = least;
        for (var strip = least; strip <= least * 3 / 2; strip++)
            if (Missing(strip) < Missing(best)) best = strip;
        return best * most;

        int Missing(int strip) => (tiles + strip - 1) / strip * strip - tiles;
    }

    /// <summary>The shares of so many tiles of output channels, where each shall be computed for so many strips.</summary>
    public static int SharesOf(int tiles, int items) => Math.Min(tiles, Math.Clamp(tiles / TilesOfShare, (Fewest + items - 1) / items, (Pieces + items - 1) / items));
}
