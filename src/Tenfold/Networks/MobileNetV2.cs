namespace Tenfold;

/// <summary>Sandler, Howard, Zhu, Zhmoginov, Chen: "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018 (arXiv 1801.04381), table 2.</summary>
/// <remarks>Weights carry torchvision's names.</remarks>
public static class MobileNetV2
{
    private const string Paper = "Sandler, Howard, Zhu, Zhmoginov, Chen: MobileNetV2: Inverted Residuals and Linear Bottlenecks, 2018, arXiv 1801.04381";

    private static readonly double[] s_widths = [1, 1.4, 0.75, 0.5, 0.35];

    // Expansion t, channels c, blocks n, stride s of the first.
    private static readonly (int T, int C, int N, int S)[] s_stages =
        [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];

    internal static IEnumerable<Network> Entries => s_widths.Select(width => new Network(
        $"mobilenet_v2{Widths.Suffix(width)}", Paper, $"MobileNet v2{Widths.Words(width)}: inverted residuals", [3, 224, 224], 1000,
        (classes, input) => Build(width, classes, input)));

    private static Graph Build(double width, int classes, Shape input)
    {
        var place = 0;
        var x = Image.Of(input[0], input[1], input[2]).Scope($"features.{place++}", y => y.ConvBn(Widths.Eights(32 * width), kernel: 3, stride: 2, conv: "0", bn: "1").Relu6());
        foreach (var (t, c, n, s) in s_stages)
            for (var i = 0; i < n; i++)
                x = x.Scope($"features.{place++}.conv", y => y.Block(t, Widths.Eights(c * width), i == 0 ? s : 1));
        return x
            .Scope($"features.{place}", y => y.ConvBn(Widths.Eights(1280 * Math.Max(1, width)), kernel: 1, conv: "0", bn: "1").Relu6())
            .GlobalAvgPool().Dropout(0.2f).Linear(classes, name: "classifier.1").ToGraph($"mobilenet_v2{Widths.Suffix(width)}");
    }

    // Verbs.InvertedResidual under this network's own names, in which the last convolution and its norm have no scope.
    private static Node Block(this Node x, int expansion, int channels, int stride)
    {
        var (y, step, expanded) = (x, 0, expansion * x.Channels);
        if (expansion > 1) y = y.ConvBn(expanded, kernel: 1, conv: $"{step}.0", bn: $"{step++}.1").Relu6();
        y = y.ConvBn(expanded, kernel: 3, stride, groups: expanded, conv: $"{step}.0", bn: $"{step++}.1").Relu6()
            .ConvBn(channels, kernel: 1, conv: $"{step}", bn: $"{step + 1}");
        return stride == 1 && channels == x.Channels ? x + y : y;
    }
}
