namespace Tenfold.Kernels;

/// <summary>How lanes read lanes: the convolutions whose groups are smaller than a block, without the products between the groups, which are 0.</summary>
/// <remarks>
/// <code>
/// groups of 4:  x:    | a b c d | e f g h | ...        expanded to as many planes as a group has channels:
///               k=0:  | a a a a | e e e e | ...        then every lane of y reads its own lane of each plane,
///               k=1:  | b b b b | f f f f | ...        as in a depthwise convolution, which is the case of one plane
/// </code>
/// </remarks>
internal sealed class LaneMap
{
    private readonly (int Block, int[] Lanes)[] _sources; // [block of y][plane]

    private LaneMap(DenseShape shape, (int, int[])[] sources) => (Planes, Whole, _sources) = (shape.InPerGroup, shape.InPerGroup == 1 && shape.OutPerGroup == 1, sources);

    /// <summary>How many channels each output reads.</summary>
    public int Planes { get; }

    /// <summary>Whether lane i reads lane i.</summary>
    public bool Whole { get; }

    /// <summary>The block of x that a plane of a block of y is made of, and of which of its lanes.</summary>
    public (int Block, int[] Lanes) Source(int block, int plane) => _sources[block * Planes + plane];

    /// <returns>Null where a block of y reads several blocks of x in one plane, or where groups are so large that zeros cost less.</returns>
    public static LaneMap? Of(DenseShape shape)
    {
        if (shape.Groups == 1 || shape.InPerGroup > 8) return null;
        var sources = new (int, int[])[shape.OutBlocks * shape.InPerGroup];
        for (var block = 0; block < shape.OutBlocks; block++)
            for (var plane = 0; plane < shape.InPerGroup; plane++)
            {
                var (source, lanes) = (-1, new int[Dense.Block]);
                for (var lane = 0; lane < Dense.Block; lane++)
                {
                    lanes[lane] = Dense.Block;
                    var o = block * Dense.Block + lane;
                    if (o >= shape.Out) continue;
                    (var from, lanes[lane]) = Math.DivRem(o / shape.OutPerGroup * shape.InPerGroup + plane, Dense.Block);
                    if (source >= 0 && from != source) return null;
                    source = from;
                }

                sources[block * shape.InPerGroup + plane] = (source, lanes);
            }

        return new LaneMap(shape, sources);
    }
}
