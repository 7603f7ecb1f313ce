namespace Tenfold;

/// <summary>ResNets whose 3x3 convolutions are deformable. Version 1: Dai et al., "Deformable Convolutional Networks", ICCV 2017 (arXiv 1703.06211), section 3: the three
/// of the last stage. Version 2: Zhu, Hu, Lin, Dai, "Deformable ConvNets v2", CVPR 2019 (arXiv 1811.11168): all of the last three stages, modulated.</summary>
/// <remarks>In version 1 the last stage has stride 1 and dilation 2, and four groups of offsets, as in the authors' code. With an ImageNet classifier; detectors take
/// the stages. Weights carry mmcv's names (<c>layer4.0.conv2.conv_offset.weight</c>). Fresh, version 1 computes what the dilated ResNet computes.</remarks>
public static class DeformableResNet
{
    private static readonly int[] s_depths = [50, 101];

    internal static IEnumerable<Network> Entries =>
    [
        .. s_depths.Select(depth => new Network(
            $"deformable_resnet{depth}", "Dai et al.: Deformable Convolutional Networks, 2017, arXiv 1703.06211",
            $"ResNet-{depth} with three deformable convolutions in its last stage", [3, 224, 224], 1000,
            (classes, input) => Build($"deformable_resnet{depth}", depth, modulated: false, classes, input))),
        .. s_depths.Select(depth => new Network(
            $"deformable_v2_resnet{depth}", "Zhu, Hu, Lin, Dai: Deformable ConvNets v2: More Deformable, Better Results, 2019, arXiv 1811.11168",
            $"ResNet-{depth} with modulated deformable convolutions in its last three stages", [3, 224, 224], 1000,
            (classes, input) => Build($"deformable_v2_resnet{depth}", depth, modulated: true, classes, input))),
    ];

    private static Graph Build(string name, int depth, bool modulated, int classes, Shape input)
    {
        var x = Image.Of(input[0], input[1], input[2]).ConvBn(64, kernel: 7, stride: 2).Relu().MaxPool(3, stride: 2, pad: 1);
        foreach (var (stage, count) in ResNet.Blocks(depth).Index())
            for (var i = 0; i < count; i++)
            {
                var width = 64 << stage;
                var stride = i > 0 || stage == 0 || (stage == 3 && !modulated) ? 1 : 2;
                x = x.Scope($"layer{stage + 1}.{i}", y => y.Residual(z => Middle(z.ConvBn(width, kernel: 1).Relu(), stage, width, stride)
                    .BatchNorm().Relu().ConvBn(4 * width, kernel: 1, conv: "conv3")).Relu());
            }

        return x.GlobalAvgPool().Linear(classes, name: "fc").ToGraph(name);

        Node Middle(Node y, int stage, int width, int stride) => modulated
            ? stage > 0 ? y.ModulatedDeformable(width, kernel: 3, stride, name: "conv2") : y.Conv(width, kernel: 3, stride, bias: false)
            : stage == 3 ? y.Deformable(width, kernel: 3, stride, dilation: 2, offsetGroups: 4, name: "conv2") : y.Conv(width, kernel: 3, stride, bias: false);
    }
}
