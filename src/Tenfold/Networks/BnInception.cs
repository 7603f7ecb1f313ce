namespace Tenfold;

/// <summary>Ioffe, Szegedy: "Batch Normalization", ICML 2015 (arXiv 1502.03167), the appendix's network, also called Inception v2:
/// two 3x3 convolutions in place of every 5x5, batch norm behind every convolution.</summary>
/// <remarks>Widths are those of TensorFlow-slim's <c>inception_v2</c>, which differ from the paper's table in 4c to 4e; the first layer is a plain 7x7.</remarks>
public static class BnInception
{
    private const string Paper = "Ioffe, Szegedy: Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift, 2015, arXiv 1502.03167";

    // 1x1 (0: none, and the module halves the map), (3x3 reduce, 3x3), (double 3x3 reduce, double 3x3), pool proj.
    private static readonly (string Name, int One, (int Reduced, int Channels) Three, (int Reduced, int Channels) Double, int Pool)[] s_modules =
    [
        ("3b", 64, (64, 64), (64, 96), 32),
        ("3c", 64, (64, 96), (64, 96), 64),
        ("4a", 0, (128, 160), (64, 96), 0),
        ("4b", 224, (64, 96), (96, 128), 128),
        ("4c", 192, (96, 128), (96, 128), 128),
        ("4d", 160, (128, 160), (128, 160), 96),
        ("4e", 96, (128, 192), (160, 192), 96),
        ("5a", 0, (128, 192), (192, 256), 0),
        ("5b", 352, (192, 320), (160, 224), 128),
        ("5c", 352, (192, 320), (192, 224), 128),
    ];

    internal static IEnumerable<Network> Entries =>
    [
        new("bn_inception", Paper, "Inception v2: two 3x3 for every 5x5, batch norm", [3, 224, 224], 1000, (classes, input) => Build("bn_inception", x => x, classes, input))
        {
            Preprocessing = Preprocessing.Symmetric with { Share = 0.875f },
        },
        new("se_bn_inception", "Hu, Shen, Albanie, Sun, Wu: Squeeze-and-Excitation Networks, 2018, arXiv 1709.01507", "Inception v2 with squeeze-and-excitation behind every module",
            [3, 224, 224], 1000, (classes, input) => Build("se_bn_inception", x => x.SqueezeExcite(), classes, input))
        {
            Preprocessing = Preprocessing.Symmetric with { Share = 0.875f },
        },
    ];

    /// <param name="after">What follows each module.</param>
    internal static Graph Build(string name, Func<Node, Node> after, int classes, Shape input)
    {
        var x = Image.Of(input[0], input[1], input[2])
            .Unit("conv1", 64, 7, stride: 2).MaxPool(3, stride: 2, ceilMode: true)
            .Unit("conv2", 64, 1).Unit("conv3", 192, 3).MaxPool(3, stride: 2, ceilMode: true);
        foreach (var module in s_modules)
        {
            x = x.Scope($"inception{module.Name}", y =>
            {
                var stride = module.One == 0 ? 2 : 1;
                var three = y.Unit("branch2.0", module.Three.Reduced, 1).Unit("branch2.1", module.Three.Channels, 3, stride);
                var five = y.Unit("branch3.0", module.Double.Reduced, 1).Unit("branch3.1", module.Double.Channels, 3).Unit("branch3.2", module.Double.Channels, 3, stride);
                return after(stride == 2
                    ? three.Concat(five, y.MaxPool(3, stride: 2, pad: (y.Shape.Height % 2, y.Shape.Width % 2), ceilMode: true)) // TensorFlow's SAME, as long as the convolutions beside it for every size
                    : y.Unit("branch1", module.One, 1).Concat(three, five, Pooled(y, module.Name).Unit("branch4.1", module.Pool, 1)));
            });
        }

        return x.GlobalAvgPool().Flatten().Dropout(0.2f).Linear(classes, name: "fc").ToGraph(name);
    }

    // The last module takes the largest number, all before it the mean.
    private static Node Pooled(Node x, string module) => module == "5c" ? x.MaxPool(3, stride: 1, pad: 1) : x.AvgPool(3, stride: 1, pad: 1, countIncludePad: false);

    private static Node Unit(this Node x, string name, int channels, Size kernel, int stride = 1) =>
        x.Scope(name, y => y.ConvBn(channels, kernel, stride, conv: "conv", bn: "bn", epsilon: 1e-3f).Relu());
}
