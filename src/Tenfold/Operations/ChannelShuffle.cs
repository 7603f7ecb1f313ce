namespace Tenfold;

/// <summary>Channel shuffle: the C channels, read as a (groups x C/groups) grid, are transposed and read back.</summary>
/// <remarks>y[j g + i] = x[i (C/g) + j]. No parameters, no MACs, one pass of memory.
/// Zhang, Zhou, Lin, Sun, "ShuffleNet", CVPR 2018, figure 1.</remarks>
public sealed record ChannelShuffle(int Groups) : UnaryOp
{
    public override string Name => "channel shuffle";

    public override Shape Infer(Shape x) => Groups >= 1 && x.Channels % Groups == 0
        ? x
        : throw new ShapeException($"channel shuffle: {x.Channels} channels do not divide into {Groups} groups");

    protected override void Define<T>(Values<T> x, Values<T> y)
    {
        var size = x.Shape.Channels / Groups;
        for (var n = 0; n < x.Shape.Batch; n++)
            for (var c = 0; c < x.Shape.Channels; c++)
                x.Plane(n, c).CopyTo(y.Plane(n, c % size * Groups + c / size));
    }

    // Shuffling by C/g undoes shuffling by g.
    protected override Node Gradient(Node x, Node y, Node dy) => dy.ChannelShuffle(x.Channels / Groups);
}

public static partial class Verbs
{
    /// <summary>Deals the channels of each group out to all groups; see <see cref="Tenfold.ChannelShuffle"/>.</summary>
    public static Node ChannelShuffle(this Node x, int groups) => new ChannelShuffle(groups).Apply(x);
}
