namespace Tenfold;

/// <summary>Zhang, Zhou, Lin, Sun: "ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices", CVPR 2018 (arXiv 1707.01083), table 1.</summary>
/// <remarks>
/// Weights carry the names of Megvii's release, which shuffles behind the depthwise convolution and the other way round, so that its weights need their
/// channels reordered. Other widths scale every layer; where the paper does not say how, widths are rounded up to what the groups divide (4g, the
/// stem g), and the stem keeps 24 channels at 1.5x.
/// </remarks>
public static class ShuffleNet
{
    private const string Paper = "Zhang, Zhou, Lin, Sun: ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices, 2018, arXiv 1707.01083";

    /// <summary>Of the three stages.</summary>
    internal static readonly int[] Units = [4, 8, 4];

    private static readonly double[] s_widths = [1, 0.25, 0.5, 1.5, 2];

    // Groups, and the channels of stage 2, which double in each of the next two.
    private static readonly (int Groups, int Channels)[] s_columns = [(1, 144), (2, 200), (3, 240), (4, 272), (8, 384)];

    internal static IEnumerable<Network> Entries =>
    [
        .. from column in s_columns
           from width in s_widths
           let name = $"shufflenet_v1_g{column.Groups}{Widths.Suffix(width)}"
           select new Network(name, Paper, $"ShuffleNet v1, {column.Groups} group{(column.Groups > 1 ? "s" : "")}{Widths.Words(width)}", [3, 224, 224], 1000,
               (classes, input) => Build(name, column.Groups, column.Channels, width, excite: false, classes, input)),
        new("se_shufflenet_v1_g3", SqueezeExciteNet.Paper, "ShuffleNet v1, 3 groups, with squeeze-and-excitation on every branch", [3, 224, 224], 1000,
            (classes, input) => Build("se_shufflenet_v1_g3", 3, 240, 1, excite: true, classes, input)),
    ];

    private static Graph Build(string name, int groups, int channels, double width, bool excite, int classes, Shape input)
    {
        var stem = Multiple(width == 1.5 ? 24 : (int)(24 * width), groups);
        var x = Image.Of(input[0], input[1], input[2])
            .Scope("first_conv", y => y.ConvBn(stem, kernel: 3, stride: 2, conv: "0", bn: "1")).Relu()
            .MaxPool(3, stride: 2, pad: 1);
        var place = 0;
        foreach (var (stage, units) in Units.Index())
            for (var i = 0; i < units; i++)
                x = x.Scope($"features.{place++}", y => y.ShuffleUnit(
                    Multiple((int)(channels * width) << stage, 4 * groups), groups, i == 0 ? 2 : 1, firstGroups: stage == 0 && i == 0 ? 1 : null,
                    excite ? z => z.SqueezeExcite() : null));
        return x.GlobalAvgPool().Linear(classes, name: "classifier.0").ToGraph(name);
    }

    private static int Multiple(int channels, int of) => (channels + of - 1) / of * of;
}

/// <summary>Ma, Zhang, Zheng, Sun: "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design", ECCV 2018 (arXiv 1807.11164), table 5.</summary>
/// <remarks>Weights carry torchvision's names.</remarks>
public static class ShuffleNetV2
{
    private const string Paper = "Ma, Zhang, Zheng, Sun: ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design, 2018, arXiv 1807.11164";

    // Channels of the three stages and of the last convolution.
    private static readonly (double Width, int[] Channels)[] s_columns =
        [(0.5, [48, 96, 192, 1024]), (1, [116, 232, 464, 1024]), (1.5, [176, 352, 704, 1024]), (2, [244, 488, 976, 2048])];

    internal static IEnumerable<Network> Entries => s_columns.Select(column => new Network(
        $"shufflenet_v2{Widths.Always(column.Width)}", Paper, $"ShuffleNet v2{Widths.Words(column.Width)}", [3, 224, 224], 1000,
        (classes, input) => Build($"shufflenet_v2{Widths.Always(column.Width)}", column.Channels, classes, input)));

    private static Graph Build(string name, int[] channels, int classes, Shape input)
    {
        var x = Image.Of(input[0], input[1], input[2])
            .Scope("conv1", y => y.ConvBn(24, kernel: 3, stride: 2, conv: "0", bn: "1")).Relu()
            .MaxPool(3, stride: 2, pad: 1);
        foreach (var (stage, units) in ShuffleNet.Units.Index())
            for (var i = 0; i < units; i++)
                x = x.Scope($"stage{stage + 2}.{i}", y => y.ShuffleUnitV2(channels[stage], i == 0 ? 2 : 1));
        return x
            .Scope("conv5", y => y.ConvBn(channels[3], kernel: 1, conv: "0", bn: "1")).Relu()
            .GlobalAvgPool().Linear(classes, name: "fc").ToGraph(name);
    }
}
