namespace Tenfold;

/// <summary>Chollet: "Xception: Deep Learning with Depthwise Separable Convolutions", CVPR 2017 (arXiv 1610.02357), figure 5.</summary>
/// <remarks>36 convolutions in 14 modules, with skips around all but the first and the last. Weights carry timm's names (legacy_xception), whose
/// norms have PyTorch's epsilon. Pooling pads both sides, as there; Keras pads one side where a map is even (module 2).</remarks>
public static class Xception
{
    internal static IEnumerable<Network> Entries =>
    [
        new("xception", "Chollet: Xception: Deep Learning with Depthwise Separable Convolutions, 2017, arXiv 1610.02357",
            "Xception: depthwise separable convolutions and skips throughout", [3, 299, 299], 1000, Build)
        {
            Preprocessing = Preprocessing.Symmetric with { Share = 0.8975f },
        },
    ];

    private static Graph Build(int classes, Shape input)
    {
        var x = Image.Of(input[0], input[1], input[2])
            .ConvBn(32, kernel: 3, stride: 2, pad: 0).Relu()
            .ConvBn(64, kernel: 3, pad: 0).Relu()
            .Module(1, [128, 128], down: true)
            .Module(2, [256, 256], down: true)
            .Module(3, [728, 728], down: true);
        for (var module = 4; module <= 11; module++) x = x.Module(module, [728, 728, 728], down: false);
        return x
            .Module(12, [728, 1024], down: true)
            .Scope("conv3", y => y.SeparableConv(1536, kernel: 3)).BatchNorm().Relu()
            .Scope("conv4", y => y.SeparableConv(2048, kernel: 3)).BatchNorm().Relu()
            .GlobalAvgPool().Linear(classes, name: "fc").ToGraph("xception");
    }

    // ReLU, separable convolution, norm; so many times. The first module's first ReLU is the stem's.
    private static Node Module(this Node x, int number, int[] widths, bool down) => x.Scope($"block{number}", start =>
    {
        var (y, place) = (start, 0);
        foreach (var width in widths)
        {
            if (number > 1 || place > 0)
            {
                y = y.Relu();
                place++;
            }

            y = y.Scope($"rep.{place++}", z => z.SeparableConv(width, kernel: 3)).BatchNorm(name: $"rep.{place++}");
        }

        return down
            ? y.MaxPool(3, stride: 2, pad: 1) + start.ConvBn(widths[^1], kernel: 1, stride: 2, conv: "skip", bn: "skipbn")
            : y + start;
    });
}
