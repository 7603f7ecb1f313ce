namespace Tenfold;

/// <summary>Huang, Liu, van der Maaten, Weinberger: "Densely Connected Convolutional Networks", CVPR 2017 (arXiv 1608.06993), table 1 and section 4.</summary>
/// <remarks>Weights carry torchvision's names.</remarks>
public static class DenseNet
{
    private const string Paper = "Huang, Liu, van der Maaten, Weinberger: Densely Connected Convolutional Networks, 2017, arXiv 1608.06993";

    private static readonly (int Depth, int Growth, int[] Blocks)[] s_large =
        [(121, 32, [6, 12, 24, 16]), (169, 32, [6, 12, 32, 32]), (201, 32, [6, 12, 48, 32]), (161, 48, [6, 12, 36, 24])];

    internal static IEnumerable<Network> Entries =>
    [
        .. s_large.Select(net => new Network(
            $"densenet{net.Depth}", Paper, $"DenseNet-{net.Depth}: every layer reads all before it, {net.Growth} channels a layer", [3, 224, 224], 1000,
            (classes, input) => Large(net.Depth, net.Growth, net.Blocks, classes, input))),
        new("densenet40_12", Paper, "DenseNet (L = 40, k = 12) for small pictures, without bottlenecks", [3, 32, 32], 10,
            (classes, input) => Small("densenet40_12", layers: 12, growth: 12, compressed: false, classes, input)) { Preprocessing = Preprocessing.Cifar },
        new("densenet_bc100_12", Paper, "DenseNet-BC (L = 100, k = 12) for small pictures: bottlenecks and compression", [3, 32, 32], 10,
            (classes, input) => Small("densenet_bc100_12", layers: 16, growth: 12, compressed: true, classes, input)) { Preprocessing = Preprocessing.Cifar },
    ];

    private static Graph Large(int depth, int growth, int[] blocks, int classes, Shape input) => Image.Of(input[0], input[1], input[2])
        .Scope("features", x =>
        {
            x = x.ConvBn(2 * growth, kernel: 7, stride: 2, conv: "conv0", bn: "norm0").Relu().MaxPool(3, stride: 2, pad: 1);
            return Blocks(x, blocks, growth, bottleneck: 4, compressed: true).BatchNorm(name: "norm5").Relu();
        })
        .GlobalAvgPool().Linear(classes, name: "classifier")
        .ToGraph($"densenet{depth}").WithInit(Initialise);

    // Three equal blocks. The paper drops a fifth of the new channels where the data is not augmented; this network does not.
    private static Graph Small(string name, int layers, int growth, bool compressed, int classes, Shape input) => Image.Of(input[0], input[1], input[2])
        .Scope("features", x => Blocks(
                x.Conv(compressed ? 2 * growth : 16, kernel: 3, bias: false, name: "conv0"), [layers, layers, layers], growth, compressed ? 4 : 0, compressed)
            .BatchNorm(name: "norm5").Relu())
        .GlobalAvgPool().Linear(classes, name: "classifier")
        .ToGraph(name).WithInit(Initialise);

    private static Node Blocks(Node x, int[] blocks, int growth, int bottleneck, bool compressed)
    {
        foreach (var (block, layers) in blocks.Index())
        {
            x = x.Scope($"denseblock{block + 1}", y => y.DenseBlock(layers, growth, bottleneck));
            if (block < blocks.Length - 1) x = x.Scope($"transition{block + 1}", y => y.DenseTransition(compressed ? y.Channels / 2 : y.Channels));
        }

        return x;
    }

    private static Initializer? Initialise(string name, Parameter parameter) => parameter.Shape.Rank == 4 ? Initializer.KaimingFanIn : null;
}
