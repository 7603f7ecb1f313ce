namespace Tenfold;

/// <summary>Iandola et al.: "SqueezeNet: AlexNet-level Accuracy with 50x Fewer Parameters and &lt;0.5MB Model Size", 2016 (arXiv 1602.07360), version 1.1.</summary>
/// <remarks>The half megabyte is that of the weights after Deep Compression. Weights carry torchvision's names. The classifier is a 1x1 convolution.</remarks>
public static class SqueezeNet
{
    internal static IEnumerable<Network> Entries =>
    [
        new("squeezenet1_1", "Iandola et al.: SqueezeNet: AlexNet-level Accuracy with 50x Fewer Parameters and <0.5MB Model Size, 2016, arXiv 1602.07360",
            "SqueezeNet 1.1: 1x1 convolutions to few channels, 1x1 and 3x3 side by side back to many", [3, 224, 224], 1000, Build),
    ];

    private static Graph Build(int classes, Shape input) => Image.Of(input[0], input[1], input[2])
        .Conv(64, kernel: 3, stride: 2, pad: 0, name: "features.0").Relu().MaxPool(3, stride: 2, ceilMode: true)
        .Fire(3, 16, 64).Fire(4, 16, 64).MaxPool(3, stride: 2, ceilMode: true)
        .Fire(6, 32, 128).Fire(7, 32, 128).MaxPool(3, stride: 2, ceilMode: true)
        .Fire(9, 48, 192).Fire(10, 48, 192).Fire(11, 64, 256).Fire(12, 64, 256)
        .Dropout().Conv(classes, kernel: 1, name: "classifier.1").Relu()
        .GlobalAvgPool().Flatten().ToGraph("squeezenet1_1");

    private static Node Fire(this Node x, int place, int squeezed, int channels) => x.Scope($"features.{place}", y =>
    {
        y = y.Conv(squeezed, kernel: 1, name: "squeeze").Relu();
        return y.Conv(channels, kernel: 1, name: "expand1x1").Relu().Concat(y.Conv(channels, kernel: 3, name: "expand3x3").Relu());
    });
}
