namespace Tenfold;

/// <summary>A network built of the layers of Wang, Liu, Foroosh: "Design of Efficient Convolutional Layers using Single Intra-channel Convolution,
/// Topological Subdivisioning and Spatial 'Bottleneck' Structure", 2016 (arXiv 1608.04337).</summary>
/// <remarks>Tenfold's own arrangement: the layer tables of the paper's ImageNet networks could not be recovered, so none of its results is claimed for this one.
/// Each stage halves the map by a multi-basis layer, and goes through two single intra-channel layers, a topological one (16 by channels / 16,
/// windows of a quarter by a quarter) and a spatial bottleneck.</remarks>
public static class FactorizedNet
{
    private static readonly int[] s_stages = [64, 128, 256, 512];

    internal static IEnumerable<Network> Entries =>
    [
        new("factorized", "Wang, Liu, Foroosh: Factorized Convolutional Neural Networks, 2016, arXiv 1608.04337",
            "The factorised layers of Wang et al. in an arrangement of Tenfold's own (the paper's tables are not reproduced)", [3, 224, 224], 1000, Build),
    ];

    private static Graph Build(int classes, Shape input)
    {
        var x = Image.Of(input[0], input[1], input[2]).ConvBn(32, kernel: 3, stride: 2).Relu();
        foreach (var (stage, channels) in s_stages.Index())
            x = x.Scope($"stage{stage + 1}", y =>
            {
                y = y
                    .MultiBasisConv(channels, kernel: 3, bases: 2, stride: 2).BatchNorm().Relu()
                    .SingleIntraChannel(channels, kernel: 3)
                    .SingleIntraChannel(channels, kernel: 3)
                    .Residual(z => z.TopologicalConv(1, [16, channels / 16], [4, channels / 64]).BatchNorm()).Relu();
                return y.SpatialBottleneck((Math.Min(2, y.Shape.Height), Math.Min(2, y.Shape.Width))).BatchNorm().Relu(); // a single row cannot shrink
            });
        return x.GlobalAvgPool().Linear(classes, name: "fc").ToGraph("factorized");
    }
}
