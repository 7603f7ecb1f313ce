namespace Tenfold;

/// <summary>Zhang, Qi, Xiao, Wang: "Interleaved Group Convolutions for Deep Neural Networks", ICCV 2017 (arXiv 1707.02725), tables 2, 5 and 6.</summary>
/// <remarks>
/// L groups of M channels. CIFAR: a convolution, three stages of blocks, M doubled and the map halved from one to the next. The large ones and those for
/// ImageNet are residual: units of two blocks, with a grouped 1x1 convolution where the shape changes. On ImageNet L100M2 doubles L instead,
/// and begins with 100 channels.
/// <para>For ImageNet the authors print 11.205, 11.329 and 8.61 million parameters. The kernels of these are 11.207, 11.441 and 7.007 million, and with the linear
/// layer's weights those of the last are 8.608; what was counted is not said, so only the widths and the multiply-adds are held to the paper.</para>
/// </remarks>
public static class InterleavedGroupNet
{
    private const string Paper = "Zhang, Qi, Xiao, Wang: Interleaved Group Convolutions for Deep Neural Networks, 2017, arXiv 1707.02725";

    private static readonly int[] s_depths = [20, 38, 62];
    private static readonly (int L, int M)[] s_plain = [(24, 2), (4, 8)];
    private static readonly (int L, int M)[] s_large = [(16, 32), (450, 2), (32, 26)];
    private static readonly (int L, int M)[] s_imagenet = [(4, 32), (16, 16), (100, 2)];

    internal static IEnumerable<Network> Entries =>
    [
        .. from size in s_plain
           from depth in s_depths
           let name = $"igcv1_l{size.L}m{size.M}_{depth}"
           select new Network(name, Paper, $"IGCV1 for small pictures, plain, {depth} layers, {size.L} groups of {size.M} channels at first", [3, 32, 32], 10,
               (classes, input) => Small(name, size.L, size.M, depth, residual: false, classes, input)) { Preprocessing = Preprocessing.Cifar },
        .. from size in s_large
           let name = $"igcv1_l{size.L}m{size.M}_20"
           select new Network(name, Paper, $"IGCV1 for small pictures, residual, large, {size.L} groups of {size.M} channels at first", [3, 32, 32], 10,
               (classes, input) => Small(name, size.L, size.M, 20, residual: true, classes, input)) { Preprocessing = Preprocessing.Cifar },
        .. from size in s_imagenet
           let name = $"igcv1_l{size.L}m{size.M}_imagenet"
           select new Network(name, Paper, $"IGCV1 after ResNet-18, {size.L} groups of {size.M} channels at first", [3, 224, 224], 1000,
               (classes, input) => Large(name, size.L, size.M, classes, input)),
    ];

    private static Graph Small(string name, int l, int m, int depth, bool residual, int classes, Shape input)
    {
        var x = Image.Of(input[0], input[1], input[2]).ConvBn(l * m, kernel: 3).Relu();
        for (var stage = 0; stage < 3; stage++)
            for (var i = 0; i < (depth - 2) / (residual ? 6 : 3); i++)
            {
                var (channels, stride) = (l * m << stage, stage > 0 && i == 0 ? 2 : 1);
                x = x.Scope($"layer{stage + 1}.{i}", y => residual ? y.Unit(channels, l, stride) : y.InterleavedGroupConv(channels, l, kernel: 3, stride).Relu());
            }

        return x.GlobalAvgPool().Linear(classes, name: "fc").ToGraph(name);
    }

    private static Graph Large(string name, int l, int m, int classes, Shape input)
    {
        var doubled = l == 100; // which of L and M is doubled from stage to stage
        var x = Image.Of(input[0], input[1], input[2]).ConvBn(doubled ? l : l * m, kernel: 7, stride: 2).Relu().MaxPool(3, stride: 2, pad: 1);
        for (var stage = 0; stage < 4; stage++)
            for (var i = 0; i < 2; i++)
                x = x.Scope($"layer{stage + 1}.{i}", y => y.Unit(l * m << stage, doubled ? l << stage : l, stage > 0 && i == 0 ? 2 : 1));
        return x.GlobalAvgPool().Linear(classes, name: "fc").ToGraph(name);
    }

    private static Node Unit(this Node x, int channels, int groups, int stride) => x
        .Residual(
            y => y.InterleavedGroupConv(channels, groups, kernel: 3, stride).Relu().InterleavedGroupConv(channels, groups, kernel: 3),
            (y, shape) => stride == 1 && channels == y.Channels ? y : y.ConvBn(channels, kernel: 1, stride, groups: groups, conv: "downsample.0", bn: "downsample.1"))
        .Relu();
}
