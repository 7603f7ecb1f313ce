namespace Tenfold;

public static partial class Verbs
{
    /// <summary>Atrous spatial pyramid pooling: a 1x1 convolution, 3x3 convolutions of several dilations and the mean of the whole map, side by
    /// side, joined by a 1x1; each with batch norm and ReLU.</summary>
    /// <remarks>
    /// (C + 9 r C + C + (r + 2) O) O weights for r dilations. The field of view varies at one resolution. Chen, Papandreou, Schroff, Adam, "Rethinking Atrous
    /// Convolution for Semantic Image Segmentation", 2017, arXiv 1706.05587, figure 5 (version 3; version 2 sums four dilated branches).
    /// Parameters carry torchvision's names.
    /// </remarks>
    /// <param name="dilations">6, 12, 18 where the map is a sixteenth of the picture, twice that where it is an eighth.</param>
    /// <param name="dropout">Behind the last.</param>
    public static Node Aspp(this Node x, int channels, ReadOnlySpan<int> dilations, float dropout = 0.5f)
    {
        List<Node> branches = [x.Scope("convs.0", y => y.ConvBn(channels, kernel: 1, conv: "0", bn: "1").Relu())];
        foreach (var dilation in dilations)
            branches.Add(x.Scope($"convs.{branches.Count}", y => y.ConvBn(channels, kernel: 3, dilation: dilation, conv: "0", bn: "1").Relu()));
        branches.Add(x.GlobalAvgPool().Scope($"convs.{branches.Count}", y => y.ConvBn(channels, kernel: 1, conv: "1", bn: "2").Relu()).Resize(x.Shape.Plane));
        var y = branches.Concat().Scope("project", z => z.ConvBn(channels, kernel: 1, conv: "0", bn: "1").Relu());
        return dropout > 0 ? y.Dropout(dropout) : y;
    }
}
