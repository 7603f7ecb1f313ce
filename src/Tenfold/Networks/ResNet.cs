namespace Tenfold;

/// <summary>He, Zhang, Ren, Sun: "Deep Residual Learning for Image Recognition", CVPR 2016 (arXiv 1512.03385), table 1 and section 4.2.</summary>
/// <remarks>Weights carry torchvision's names. The stride of a bottleneck is on its 3x3 convolution, as there ("v1.5").</remarks>
public static class ResNet
{
    private const string Paper = "He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, 2016, arXiv 1512.03385";

    private static readonly int[] s_small = [20, 32, 44, 56, 110];
    private static readonly int[] s_large = [18, 34, 50, 101, 152];

    internal static IEnumerable<Network> Entries =>
    [
        .. s_small.Select(depth => new Network(
            $"resnet{depth}", Paper, $"ResNet-{depth} for small pictures: 16, 32, 64 channels, basic blocks, parameter-free shortcuts", [3, 32, 32], 10, (classes, input) => Small(depth, classes, input))),
        .. s_large.Select(depth => new Network(
            $"resnet{depth}", Paper, $"ResNet-{depth}: {(depth < 50 ? "basic" : "bottleneck")} blocks, projection shortcuts", [3, 224, 224], 1000, (classes, input) => Large(depth, classes, input))),
    ];

    // 6n + 2 layers: a stem, three stages of n basic blocks, a classifier.
    private static Graph Small(int depth, int classes, Shape input)
    {
        var x = Image.Of(input[0], input[1], input[2]).ConvBn(16, kernel: 3).Relu();
        for (var stage = 0; stage < 3; stage++)
            for (var i = 0; i < (depth - 2) / 6; i++)
                x = x.Scope($"layer{stage + 1}.{i}", y => y.ResidualBasic(16 << stage, StrideOf(stage, i), Shortcut.ZeroPad));
        return x.GlobalAvgPool().Linear(classes, name: "fc").ToGraph($"resnet{depth}");
    }

    private static Graph Large(int depth, int classes, Shape input)
    {
        int[] blocks = depth switch { 18 => [2, 2, 2, 2], 34 or 50 => [3, 4, 6, 3], 101 => [3, 4, 23, 3], _ => [3, 8, 36, 3] };
        var x = Image.Of(input[0], input[1], input[2]).ConvBn(64, kernel: 7, stride: 2).Relu().MaxPool(3, stride: 2, pad: 1);
        foreach (var (stage, count) in blocks.Index())
            for (var i = 0; i < count; i++)
                x = x.Scope($"layer{stage + 1}.{i}", y => depth < 50
                    ? y.ResidualBasic(64 << stage, StrideOf(stage, i))
                    : y.ResidualBottleneck(64 << stage, StrideOf(stage, i)));
        return x.GlobalAvgPool().Linear(classes, name: "fc").ToGraph($"resnet{depth}");
    }

    // The first block of every stage but the first halves the map.
    private static int StrideOf(int stage, int block) => stage > 0 && block == 0 ? 2 : 1;
}
