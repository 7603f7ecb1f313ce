namespace Tenfold;

/// <summary>Howard et al.: "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017 (arXiv 1704.04861), table 1;
/// and the same with squeeze-and-excitation behind every layer (Hu et al. 2018, section 6.1).</summary>
/// <remarks>Weights carry timm's names (mobilenetv1_100). ReLU6, as in TensorFlow. The table's last depthwise layer says stride 2; it must be 1.
/// Other resolutions (192, 160, 128) are other inputs.</remarks>
public static class MobileNet
{
    private const string Paper = "Howard et al.: MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications, 2017, arXiv 1704.04861";

    private static readonly double[] s_widths = [1, 0.75, 0.5, 0.25];

    // Channels of each layer; the first of every stage but the first has stride 2.
    private static readonly int[][] s_stages = [[64], [128, 128], [256, 256], [512, 512, 512, 512, 512, 512], [1024, 1024]];

    internal static IEnumerable<Network> Entries =>
    [
        .. s_widths.Select(width => new Network(
            $"mobilenet_v1{Widths.Suffix(width)}", Paper, $"MobileNet v1{Widths.Words(width)}: depthwise and 1x1 convolutions in turn", [3, 224, 224], 1000,
            (classes, input) => Build($"mobilenet_v1{Widths.Suffix(width)}", width, excite: false, classes, input)) { Preprocessing = Preprocessing.Symmetric with { Share = 0.875f } }),
        new("se_mobilenet_v1", SqueezeExciteNet.Paper, "MobileNet v1 with squeeze-and-excitation behind every 1x1 convolution", [3, 224, 224], 1000,
            (classes, input) => Build("se_mobilenet_v1", 1, excite: true, classes, input)),
    ];

    private static Graph Build(string name, double width, bool excite, int classes, Shape input)
    {
        var x = Image.Of(input[0], input[1], input[2]).ConvBn(Scaled(32), kernel: 3, stride: 2, conv: "conv_stem").Relu6();
        foreach (var (stage, layers) in s_stages.Index())
            foreach (var (i, channels) in layers.Index())
                x = x.Scope($"blocks.{stage}.{i}", y =>
                {
                    y = y.DepthwiseSeparable(Scaled(channels), kernel: 3, stride: stage > 0 && i == 0 ? 2 : 1, activation: z => z.Relu6());
                    return excite ? y.SqueezeExcite() : y;
                });
        return x.GlobalAvgPool().Linear(classes, name: "classifier").ToGraph(name);

        int Scaled(int channels) => Math.Max(8, (int)(channels * width));
    }
}

/// <summary>How networks are made wider and narrower.</summary>
internal static class Widths
{
    /// <summary>Behind a name: nothing for 1, else torchvision's <c>_x1_5</c>, <c>_x0_75</c>.</summary>
    public static string Suffix(double width) => width == 1 ? "" : Always(width);

    public static string Always(double width) => "_x" + width.ToString("0.0#", System.Globalization.CultureInfo.InvariantCulture).Replace('.', '_');

    /// <summary>For descriptions: nothing for 1, else <c>, 0.75 times as wide</c>.</summary>
    public static string Words(double width) => width == 1 ? "" : string.Create(System.Globalization.CultureInfo.InvariantCulture, $", {width} times as wide");

    /// <summary>The nearest multiple of 8, at least 8, and not below nine tenths: the rule of MobileNet v2 and later.</summary>
    public static int Eights(double channels)
    {
        var rounded = Math.Max(8, (int)(channels + 4) / 8 * 8);
        return rounded < 0.9 * channels ? rounded + 8 : rounded;
    }
}
