namespace Tenfold;

/// <summary>Howard et al.: "Searching for MobileNetV3", ICCV 2019 (arXiv 1905.02244), tables 1 and 2: inverted residuals, squeeze-and-excitation and hard swish,
/// put together by search.</summary>
/// <remarks>Weights carry torchvision's names; norms have its epsilon 1e-3 and momentum 0.01.</remarks>
public static class MobileNetV3
{
    private const string Paper = "Howard et al.: Searching for MobileNetV3, 2019, arXiv 1905.02244";

    // Kernel, expanded channels, channels, squeeze-and-excitation, hard swish (else ReLU), stride.
    private static readonly (int Kernel, int Expanded, int Channels, bool Excite, bool Swish, int Stride)[] s_large =
    [
        (3, 16, 16, false, false, 1),
        (3, 64, 24, false, false, 2), (3, 72, 24, false, false, 1),
        (5, 72, 40, true, false, 2), (5, 120, 40, true, false, 1), (5, 120, 40, true, false, 1),
        (3, 240, 80, false, true, 2), (3, 200, 80, false, true, 1), (3, 184, 80, false, true, 1), (3, 184, 80, false, true, 1),
        (3, 480, 112, true, true, 1), (3, 672, 112, true, true, 1),
        (5, 672, 160, true, true, 2), (5, 960, 160, true, true, 1), (5, 960, 160, true, true, 1),
    ];

    private static readonly (int Kernel, int Expanded, int Channels, bool Excite, bool Swish, int Stride)[] s_small =
    [
        (3, 16, 16, true, false, 2),
        (3, 72, 24, false, false, 2), (3, 88, 24, false, false, 1),
        (5, 96, 40, true, true, 2), (5, 240, 40, true, true, 1), (5, 240, 40, true, true, 1),
        (5, 120, 48, true, true, 1), (5, 144, 48, true, true, 1),
        (5, 288, 96, true, true, 2), (5, 576, 96, true, true, 1), (5, 576, 96, true, true, 1),
    ];

    internal static IEnumerable<Network> Entries =>
    [
        new("mobilenet_v3_large", Paper, "MobileNet v3, large", [3, 224, 224], 1000, (classes, input) => Build("mobilenet_v3_large", s_large, 1280, classes, input)),
        new("mobilenet_v3_small", Paper, "MobileNet v3, small", [3, 224, 224], 1000, (classes, input) => Build("mobilenet_v3_small", s_small, 1024, classes, input)),
    ];

    private static Graph Build(string name, (int Kernel, int Expanded, int Channels, bool Excite, bool Swish, int Stride)[] blocks, int hidden, int classes, Shape input)
    {
        var x = Image.Of(input[0], input[1], input[2]).Unit("features.0", 16, kernel: 3, stride: 2);
        foreach (var (i, block) in blocks.Index())
            x = x.Scope($"features.{i + 1}", y => y.InvertedResidual(
                block.Channels, block.Expanded, block.Kernel, block.Stride, z => block.Swish ? z.HardSwish() : z.Relu(),
                block.Excite ? z => z.SqueezeExcite(Widths.Eights(block.Expanded / 4), v => v.Relu(), v => v.HardSigmoid()) : null, epsilon: 1e-3f, momentum: 0.01f));
        return x
            .Unit($"features.{blocks.Length + 1}", 6 * x.Channels, kernel: 1, stride: 1)
            .GlobalAvgPool()
            .Linear(hidden, name: "classifier.0").HardSwish().Dropout(0.2f)
            .Linear(classes, name: "classifier.3").ToGraph(name);
    }

    private static Node Unit(this Node x, string scope, int channels, int kernel, int stride) =>
        x.Scope(scope, y => y.ConvBn(channels, kernel, stride, conv: "0", bn: "1", epsilon: 1e-3f, momentum: 0.01f).HardSwish());
}
