namespace Tenfold;

/// <summary>The networks of Hu, Shen, Albanie, Sun, Wu: "Squeeze-and-Excitation Networks", CVPR 2018 (arXiv 1709.01507), as their weights were released for Caffe.</summary>
/// <remarks>
/// They differ from today's in what weights cannot tell: the stem's pooling does not pad but rounds up, a bottleneck has its stride on the first 1x1
/// (ResNeXt on the 3x3), and a basic block excites behind a ReLU. timm has the weights as <c>legacy_seresnet50</c> and so on; their names are understood.
/// </remarks>
public static class SqueezeExciteCaffeNet
{
    private const string Paper = "Hu, Shen, Albanie, Sun, Wu: Squeeze-and-Excitation Networks, 2018, arXiv 1709.01507";

    private static readonly int[] s_depths = [18, 34, 50, 101, 152];
    private static readonly int[] s_grouped = [50, 101];

    internal static IEnumerable<Network> Entries =>
    [
        .. s_depths.Select(depth => Entry($"se_resnet{depth}_caffe", $"SE-ResNet-{depth} as released for Caffe", depth, depth < 50 ? Basic : Bottleneck)),
        .. s_grouped.Select(depth => Entry($"se_resnext{depth}_32x4d_caffe", $"SE-ResNeXt-{depth} as released for Caffe", depth, Grouped)),
    ];

    private static Network Entry(string name, string description, int depth, Func<Node, int, int, Node> block) => new(name, Paper, description, [3, 224, 224], 1000,
        (classes, input) => ResNet.Large(name, depth, block, classes, input, x => x.MaxPool(3, stride: 2, ceilMode: true)));

    private static Node Basic(Node x, int channels, int stride) => x.Residual(y => y
        .ConvBn(channels, kernel: 3, stride).Relu()
        .ConvBn(channels, kernel: 3).Relu().SqueezeExcite()).Relu();

    private static Node Bottleneck(Node x, int width, int stride) => x.Residual(y => y
        .ConvBn(width, kernel: 1, stride).Relu()
        .ConvBn(width, kernel: 3).Relu()
        .ConvBn(4 * width, kernel: 1).SqueezeExcite()).Relu();

    private static Node Grouped(Node x, int planes, int stride) => x.Residual(y => y.Bottleneck(2 * planes, 4 * planes, stride, groups: 32).SqueezeExcite()).Relu();
}
