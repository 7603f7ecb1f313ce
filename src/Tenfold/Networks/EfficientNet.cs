namespace Tenfold;

/// <summary>Tan, Le: "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019 (arXiv 1905.11946), table 1.</summary>
/// <remarks>Weights carry torchvision's names. Without stochastic depth, which is a way to train.</remarks>
public static class EfficientNet
{
    // Expansion, kernel, channels, blocks, stride of the first.
    private static readonly (int Expansion, int Kernel, int Channels, int Blocks, int Stride)[] s_stages =
        [(1, 3, 16, 1, 1), (6, 3, 24, 2, 2), (6, 5, 40, 2, 2), (6, 3, 80, 3, 2), (6, 5, 112, 3, 1), (6, 5, 192, 4, 2), (6, 3, 320, 1, 1)];

    internal static IEnumerable<Network> Entries =>
    [
        new("efficientnet_b0", "Tan, Le: EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, 2019, arXiv 1905.11946",
            "EfficientNet-B0: inverted residuals with squeeze-and-excitation and SiLU", [3, 224, 224], 1000, Build),
    ];

    private static Graph Build(int classes, Shape input)
    {
        var x = Image.Of(input[0], input[1], input[2]).Scope("features.0", y => y.ConvBn(32, kernel: 3, stride: 2, conv: "0", bn: "1").Silu());
        foreach (var (stage, (expansion, kernel, channels, blocks, stride)) in s_stages.Index())
            for (var i = 0; i < blocks; i++)
                x = x.Scope($"features.{stage + 1}.{i}", y => y.InvertedResidual(
                    channels, expansion * y.Channels, kernel, i == 0 ? stride : 1, z => z.Silu(),
                    z => z.SqueezeExcite(y.Channels / 4, v => v.Silu(), v => v.Sigmoid()))); // a quarter of the block's channels, not of the expanded
        return x
            .Scope("features.8", y => y.ConvBn(1280, kernel: 1, conv: "0", bn: "1").Silu())
            .GlobalAvgPool().Dropout(0.2f).Linear(classes, name: "classifier.1").ToGraph("efficientnet_b0");
    }
}
