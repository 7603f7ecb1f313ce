namespace Tenfold;

/// <summary>He, Zhang, Ren, Sun: "Identity Mappings in Deep Residual Networks", ECCV 2016 (arXiv 1603.05027), figure 4e and appendix:
/// norm and ReLU before the convolutions, and a path through all blocks that nothing is applied to.</summary>
/// <remarks>The strict layout: no norm between the stem and the first block. Weights carry timm's names (<c>resnetv2</c>).</remarks>
public static class ResNetV2
{
    private const string Paper = "He, Zhang, Ren, Sun: Identity Mappings in Deep Residual Networks, 2016, arXiv 1603.05027";

    private static readonly int[] s_depths = [18, 34, 50, 101, 152, 200];

    internal static IEnumerable<Network> Entries => s_depths.Select(depth => new Network(
        $"resnetv2_{depth}", Paper, $"ResNet-{depth} with pre-activation: {(depth < 50 ? "basic" : "bottleneck")} blocks", [3, 224, 224], 1000, (classes, input) => Build(depth, classes, input)));

    private static Graph Build(int depth, int classes, Shape input)
    {
        var x = Image.Of(input[0], input[1], input[2]).Conv(64, kernel: 7, stride: 2, bias: false, name: "stem.conv").MaxPool(3, stride: 2, pad: 1);
        foreach (var (stage, count) in ResNet.Blocks(depth).Index())
            for (var i = 0; i < count; i++)
                x = x.Scope($"stages.{stage}.blocks.{i}", y => depth < 50
                    ? y.ResidualPreActivation(64 << stage, ResNet.StrideOf(stage, i))
                    : y.ResidualPreActivationBottleneck(64 << stage, ResNet.StrideOf(stage, i)));
        return x.BatchNorm(name: "norm").Relu().GlobalAvgPool()
            .Conv(classes, kernel: 1, name: "head.fc", init: new Initializer.Normal(0.01)).Flatten()
            .ToGraph($"resnetv2_{depth}");
    }
}
