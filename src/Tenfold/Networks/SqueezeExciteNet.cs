namespace Tenfold;

/// <summary>Hu, Shen, Albanie, Sun, Wu: "Squeeze-and-Excitation Networks", CVPR 2018 (arXiv 1709.01507), table 1: networks with channels weighted on every branch.</summary>
/// <remarks>Weights carry timm's names (<c>layer1.0.se.fc1.weight</c>). The excitation stands behind the branch's last norm. SE-MobileNet and SE-ShuffleNet are with their own families.</remarks>
public static class SqueezeExciteNet
{
    internal const string Paper = "Hu, Shen, Albanie, Sun, Wu: Squeeze-and-Excitation Networks, 2018, arXiv 1709.01507";

    private static readonly int[] s_depths = [18, 34, 50, 101, 152];
    private static readonly int[] s_grouped = [50, 101];

    internal static IEnumerable<Network> Entries =>
    [
        .. s_depths.Select(depth => new Network(
            $"se_resnet{depth}", Paper, $"ResNet-{depth} with squeeze-and-excitation", [3, 224, 224], 1000,
            (classes, input) => Build($"se_resnet{depth}", depth, width: 64, groups: 1, classes, input))),
        .. s_grouped.Select(depth => new Network(
            $"se_resnext{depth}_32x4d", Paper, $"ResNeXt-{depth}, 32 groups of 4 channels, with squeeze-and-excitation", [3, 224, 224], 1000,
            (classes, input) => Build($"se_resnext{depth}_32x4d", depth, width: 128, groups: 32, classes, input))),
    ];

    private static Graph Build(string name, int depth, int width, int groups, int classes, Shape input) =>
        ResNet.Large(name, depth, (x, planes, stride) => x.Residual(y => depth < 50
            ? y.ConvBn(planes, kernel: 3, stride).Relu().ConvBn(planes, kernel: 3).SqueezeExcite()
            : y.Bottleneck(planes / 64 * width, 4 * planes, stride, groups).SqueezeExcite()).Relu(), classes, input);
}
