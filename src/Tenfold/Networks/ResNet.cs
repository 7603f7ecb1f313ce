namespace Tenfold;

/// <summary>He, Zhang, Ren, Sun: "Deep Residual Learning for Image Recognition", CVPR 2016 (arXiv 1512.03385), table 1 and section 4.2,
/// with the plain networks that it compares with: the same layers without the skips.</summary>
/// <remarks>Weights carry torchvision's names. The stride of a bottleneck is on its 3x3 convolution, as there ("v1.5").</remarks>
public static class ResNet
{
    private const string Paper = "He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, 2016, arXiv 1512.03385";

    private static readonly int[] s_small = [20, 32, 44, 56, 110];
    private static readonly int[] s_large = [18, 34, 50, 101, 152];

    internal static IEnumerable<Network> Entries =>
    [
        .. s_small.Select(depth => new Network(
            $"resnet{depth}", Paper, $"ResNet-{depth} for small pictures: 16, 32, 64 channels, basic blocks, parameter-free shortcuts", [3, 32, 32], 10,
            (classes, input) => Small($"resnet{depth}", depth, (x, channels, stride) => x.ResidualBasic(channels, stride, Shortcut.ZeroPad), classes, input))
            { Preprocessing = Preprocessing.Cifar }),
        .. s_large.Select(depth => new Network(
            $"resnet{depth}", Paper, $"ResNet-{depth}: {(depth < 50 ? "basic" : "bottleneck")} blocks, projection shortcuts", [3, 224, 224], 1000,
            (classes, input) => Large($"resnet{depth}", depth, (x, width, stride) => depth < 50 ? x.ResidualBasic(width, stride) : x.ResidualBottleneck(width, stride), classes, input))),
        .. s_small.Select(depth => new Network(
            $"plain{depth}", Paper, $"ResNet-{depth} for small pictures without its skips", [3, 32, 32], 10,
            (classes, input) => Small($"plain{depth}", depth, PlainBasic, classes, input)) { Preprocessing = Preprocessing.Cifar }),
        .. s_large.Select(depth => new Network(
            $"plain{depth}", Paper, $"ResNet-{depth} without its skips", [3, 224, 224], 1000,
            (classes, input) => Large($"plain{depth}", depth, depth < 50 ? PlainBasic : PlainBottleneck, classes, input))),
    ];

    /// <summary>The blocks of each of the four stages at ImageNet size.</summary>
    internal static int[] Blocks(int depth) => depth switch
    {
        18 => [2, 2, 2, 2],
        34 or 50 => [3, 4, 6, 3],
        101 => [3, 4, 23, 3],
        152 => [3, 8, 36, 3],
        200 => [3, 24, 36, 3],
        _ => throw new ArgumentOutOfRangeException(nameof(depth), depth, "18, 34, 50, 101, 152 or 200 layers"),
    };

    /// <summary>The network at ImageNet size, whatever its blocks: a stem, four stages, a classifier.</summary>
    /// <param name="block">From a map, the stage's width (64, 128, 256, 512) and a stride; named <c>layer1.0.</c> and so on.</param>
    /// <param name="pool">The stem's.</param>
    internal static Graph Large(string name, int depth, Func<Node, int, int, Node> block, int classes, Shape input, Func<Node, Node>? pool = null)
    {
        pool ??= x => x.MaxPool(3, stride: 2, pad: 1);
        var x = pool(Image.Of(input[0], input[1], input[2]).ConvBn(64, kernel: 7, stride: 2).Relu());
        foreach (var (stage, count) in Blocks(depth).Index())
            for (var i = 0; i < count; i++)
                x = x.Scope($"layer{stage + 1}.{i}", y => block(y, 64 << stage, StrideOf(stage, i)));
        return x.GlobalAvgPool().Linear(classes, name: "fc").ToGraph(name);
    }

    /// <summary>6n + 2 layers for pictures of 32x32: a stem, three stages of n blocks of two convolutions, a classifier.</summary>
    internal static Graph Small(string name, int depth, Func<Node, int, int, Node> block, int classes, Shape input)
    {
        var x = Image.Of(input[0], input[1], input[2]).ConvBn(16, kernel: 3).Relu();
        for (var stage = 0; stage < 3; stage++)
            for (var i = 0; i < (depth - 2) / 6; i++)
                x = x.Scope($"layer{stage + 1}.{i}", y => block(y, 16 << stage, StrideOf(stage, i)));
        return x.GlobalAvgPool().Linear(classes, name: "fc").ToGraph(name);
    }

    /// <summary>The first block of every stage but the first halves the map.</summary>
    internal static int StrideOf(int stage, int block) => stage > 0 && block == 0 ? 2 : 1;

    private static Node PlainBasic(Node x, int channels, int stride) => x
        .ConvBn(channels, kernel: 3, stride).Relu()
        .ConvBn(channels, kernel: 3).Relu();

    private static Node PlainBottleneck(Node x, int width, int stride) => x.Bottleneck(width, 4 * width, stride).Relu();
}
