namespace Tenfold;

/// <summary>Yu, Koltun: "Multi-Scale Context Aggregation by Dilated Convolutions", ICLR 2016 (arXiv 1511.07122): VGG-16 without its last two poolings, and the context module behind it.</summary>
/// <remarks>
/// A class for every pixel: [N, C, H, W], C = 21 for Pascal VOC. The picture is reflected 186 pixels outwards, so that no layer of the front end
/// pads: 528 becomes 900, and 66 comes out, an eighth. Enlarged eight times by bilinear interpolation in place of a fixed transposed
/// convolution, which fades at the border. Height and width: multiples of 8 above 186. Weights carry the released model's names.
/// </remarks>
public static class ContextNet
{
    private const string Paper = "Yu, Koltun: Multi-Scale Context Aggregation by Dilated Convolutions, 2016, arXiv 1511.07122";

    // Channels and layers.
    private static readonly (int Channels, int Layers)[] s_stages = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)];

    internal static IEnumerable<Network> Entries =>
    [
        new("vgg16_frontend", Paper, "Dilated VGG-16 as a classifier of pixels", [3, 528, 528], 21, (classes, input) => Build("vgg16_frontend", x => x, classes, input)),
        new("vgg16_context_basic", Paper, "Dilated VGG-16 with the basic context module", [3, 528, 528], 21,
            (classes, input) => Build("vgg16_context_basic", x => x.ContextModule(), classes, input)),
        new("vgg16_context_large", Paper, "Dilated VGG-16 with the large context module", [3, 528, 528], 21,
            (classes, input) => Build("vgg16_context_large", x => x.ContextModule(large: true), classes, input)),
    ];

    private static Graph Build(string name, Func<Node, Node> context, int classes, Shape input)
    {
        if (input[1] % 8 != 0 || input[2] % 8 != 0 || input[1] <= 186 || input[2] <= 186) throw new ShapeException($"{name}: takes pictures of multiples of 8 above 186, not {input}");
        var x = Image.Of(input[0], input[1], input[2]).Pad(186, PadMode.Reflect);
        foreach (var (stage, (channels, layers)) in s_stages.Index())
        {
            if (stage is 1 or 2 or 3) x = x.MaxPool(2);
            for (var i = 1; i <= layers; i++) x = x.Conv(channels, kernel: 3, pad: 0, dilation: stage == 4 ? 2 : 1, name: $"conv{stage + 1}_{i}").Relu();
        }

        x = x.Conv(4096, kernel: 7, pad: 0, dilation: 4, name: "fc6").Relu().Dropout().Conv(4096, kernel: 1, name: "fc7").Relu().Dropout();
        return context(x.Conv(classes, kernel: 1, name: "fc-final")).Resize((input[1], input[2])).ToGraph(name);
    }
}

/// <summary>Yu, Koltun, Funkhouser: "Dilated Residual Networks", CVPR 2017 (arXiv 1705.09914), figure 5: ResNets that keep a map of an eighth.</summary>
/// <remarks>
/// A: ResNet with stride 1 and dilations 2 and 4 in its last two stages. C: the pooling is replaced by residual levels, and two levels
/// without skips, of falling dilation, remove the grid. D: those levels are plain. Weights carry the authors' names.
/// </remarks>
public static class DilatedResNet
{
    private const string Paper = "Yu, Koltun, Funkhouser: Dilated Residual Networks, 2017, arXiv 1705.09914";

    // Channels, basic blocks, stride and dilation of levels 3 to 6.
    private static readonly (int Channels, int Blocks, int Stride, int Dilation)[] s_levels = [(64, 2, 2, 1), (128, 2, 2, 1), (256, 2, 1, 2), (512, 2, 1, 4)];

    internal static IEnumerable<Network> Entries =>
    [
        new("drn_a_50", Paper, "DRN-A-50: ResNet-50 with the strides of its last two stages as dilations", [3, 224, 224], 1000,
            (classes, input) => Image.Of(input[0], input[1], input[2]).Backbone(50).GlobalAvgPool().Linear(classes, name: "fc").ToGraph("drn_a_50")),
        new("drn_c_26", Paper, "DRN-C-26: no pooling, and levels that remove the grid", [3, 224, 224], 1000, C),
        new("drn_d_22", Paper, "DRN-D-22: DRN-C with plain levels at both ends", [3, 224, 224], 1000, D),
    ];

    /// <summary>A bottleneck ResNet without its classifier, an eighth of the picture: the first block of a dilated stage has the dilation of the stage before.</summary>
    internal static Node Backbone(this Node x, int depth)
    {
        x = x.ConvBn(64, kernel: 7, stride: 2).Relu().MaxPool(3, stride: 2, pad: 1);
        foreach (var (stage, count) in ResNet.Blocks(depth).Index())
            for (var i = 0; i < count; i++)
            {
                var (width, stride) = (64 << stage, stage == 1 && i == 0 ? 2 : 1);
                var dilation = 1 << Math.Max(0, i == 0 ? stage - 2 : stage - 1);
                x = x.Scope($"layer{stage + 1}.{i}", y => y.Residual(z => z
                    .ConvBn(width, kernel: 1).Relu()
                    .ConvBn(width, kernel: 3, stride, dilation: dilation).Relu()
                    .ConvBn(4 * width, kernel: 1)).Relu());
            }

        return x;
    }

    private static Graph C(int classes, Shape input)
    {
        var x = Image.Of(input[0], input[1], input[2])
            .ConvBn(16, kernel: 7).Relu()
            .Scope("layer1.0", y => y.Basic(16, 1, 1))
            .Scope("layer2.0", y => y.Basic(32, 2, 1))
            .Levels()
            .Scope("layer7.0", y => y.Pair(512, 1, 2).Relu())
            .Scope("layer8.0", y => y.Pair(512, 1, 1).Relu());
        return x.Head(classes, "drn_c_26");
    }

    private static Graph D(int classes, Shape input)
    {
        var x = Image.Of(input[0], input[1], input[2])
            .Scope("layer0", y => y.ConvBn(16, kernel: 7, conv: "0", bn: "1").Relu())
            .Plain("layer1", 16, 1, 1)
            .Plain("layer2", 32, 2, 1)
            .Levels()
            .Plain("layer7", 512, 1, 2)
            .Plain("layer8", 512, 1, 1);
        return x.Head(classes, "drn_d_22");
    }

    private static Node Levels(this Node x)
    {
        foreach (var (level, (channels, blocks, stride, dilation)) in s_levels.Index())
            for (var i = 0; i < blocks; i++)
                x = x.Scope($"layer{level + 3}.{i}", y => y.Basic(channels, i == 0 ? stride : 1, dilation));
        return x;
    }

    private static Graph Head(this Node x, int classes, string name) => x.GlobalAvgPool().Conv(classes, kernel: 1, name: "fc").Flatten().ToGraph(name);

    private static Node Basic(this Node x, int channels, int stride, int dilation) => x.Residual(y => y.Pair(channels, stride, dilation)).Relu();

    private static Node Pair(this Node x, int channels, int stride, int dilation) => x
        .ConvBn(channels, kernel: 3, stride, dilation: dilation).Relu()
        .ConvBn(channels, kernel: 3, dilation: dilation);

    private static Node Plain(this Node x, string scope, int channels, int stride, int dilation) =>
        x.Scope(scope, y => y.ConvBn(channels, kernel: 3, stride, dilation: dilation, conv: "0", bn: "1").Relu());
}

/// <summary>Chen, Papandreou, Schroff, Adam: "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017 (arXiv 1706.05587): a dilated ResNet with atrous spatial pyramid pooling.</summary>
/// <remarks>A class for every pixel: [N, C, H, W]. As torchvision's deeplabv3_resnet50, without its auxiliary head, with its names; map of an eighth, dilations 12, 24, 36.</remarks>
public static class DeepLab
{
    internal static IEnumerable<Network> Entries =>
    [
        new("deeplabv3_resnet50", "Chen, Papandreou, Schroff, Adam: Rethinking Atrous Convolution for Semantic Image Segmentation, 2017, arXiv 1706.05587",
            "DeepLab v3: dilated ResNet-50 with atrous spatial pyramid pooling", [3, 520, 520], 21, Build),
    ];

    private static Graph Build(int classes, Shape input) => Image.Of(input[0], input[1], input[2])
        .Scope("backbone", y => y.Backbone(50))
        .Scope("classifier.0", y => y.Aspp(256, [12, 24, 36]))
        .ConvBn(256, kernel: 3, conv: "classifier.1", bn: "classifier.2").Relu()
        .Conv(classes, kernel: 1, name: "classifier.4")
        .Resize((input[1], input[2])).ToGraph("deeplabv3_resnet50");
}
