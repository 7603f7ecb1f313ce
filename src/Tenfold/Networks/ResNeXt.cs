namespace Tenfold;

/// <summary>Xie, Girshick, Dollár, Tu, He: "Aggregated Residual Transformations for Deep Neural Networks", CVPR 2017 (arXiv 1611.05431), table 1:
/// a ResNet whose 3x3 convolutions are wide and in groups.</summary>
/// <remarks>C x d names C groups of d channels in the first stage. Weights carry torchvision's names.</remarks>
public static class ResNeXt
{
    private const string Paper = "Xie, Girshick, Dollár, Tu, He: Aggregated Residual Transformations for Deep Neural Networks, 2017, arXiv 1611.05431";

    private static readonly (int Depth, int Groups, int Width)[] s_all = [(50, 32, 4), (101, 32, 4), (101, 32, 8), (101, 64, 4)];

    internal static IEnumerable<Network> Entries => s_all.Select(net =>
    {
        var name = $"resnext{net.Depth}_{net.Groups}x{net.Width}d";
        return new Network(name, Paper, $"ResNeXt-{net.Depth}: bottlenecks with {net.Groups} groups of {net.Width} channels and up", [3, 224, 224], 1000,
            (classes, input) => ResNet.Large(name, net.Depth, (x, planes, stride) =>
                x.ResidualBottleneck(planes * net.Width / 64 * net.Groups, stride, net.Groups, 4 * planes), classes, input));
    });
}

/// <summary>Zagoruyko, Komodakis: "Wide Residual Networks", BMVC 2016 (arXiv 1605.07146), table 8: a ResNet whose 3x3 convolutions are twice as wide.</summary>
/// <remarks>Weights carry torchvision's names.</remarks>
public static class WideResNet
{
    private const string Paper = "Zagoruyko, Komodakis: Wide Residual Networks, 2016, arXiv 1605.07146";

    private static readonly int[] s_depths = [50, 101];

    internal static IEnumerable<Network> Entries => s_depths.Select(depth => new Network(
        $"wide_resnet{depth}_2", Paper, $"ResNet-{depth} with bottlenecks of twice the width", [3, 224, 224], 1000,
        (classes, input) => ResNet.Large($"wide_resnet{depth}_2", depth, (x, planes, stride) => x.ResidualBottleneck(2 * planes, stride, channels: 4 * planes), classes, input)));
}
