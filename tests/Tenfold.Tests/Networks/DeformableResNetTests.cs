using Xunit;

namespace Tenfold.Tests;

public class DeformableResNetTests
{
    [Fact]
    public void Version_1_adds_three_layers_of_offsets_and_version_2_thirteen_of_offsets_and_masks()
    {
        var plain = Network.Create("resnet50").Cost.Parameters;
        var first = Network.Create("deformable_resnet50");
        Assert.Equal(3 * 331_848, first.Cost.Parameters - plain); // 72 channels of offsets on 512
        Assert.Equal(3, first.Nodes.Count(node => node.Op is DeformableConvolution { OffsetGroups: 4, Masked: false, Dilation: (2, 2) }));
        Assert.Equal(14, first.Nodes.Last(node => node.Op is BatchNorm).Shape.Height);

        var second = Network.Create("deformable_v2_resnet50");
        Assert.Equal(new[] { (128, 4), (256, 6), (512, 3) }.Sum(stage => stage.Item2 * (27L * 9 * stage.Item1 + 27)), second.Cost.Parameters - plain);
        Assert.Equal(13, second.Nodes.Count(node => node.Op is DeformableConvolution { Masked: true }));
        Assert.Equal(4 + 23 + 3, Network.Create("deformable_v2_resnet101").Nodes.Count(node => node.Op is DeformableConvolution));
        Assert.All(["layer2.0.conv2.weight", "layer4.2.conv2.conv_offset.bias", "layer4.0.conv3.weight", "layer4.0.bn2.weight"], name => Assert.True(second.Parameters.ContainsKey(name), name));
        Assert.All(Network.Create("resnet50").Parameters.Keys, name => Assert.True(first.Parameters.ContainsKey(name), name));
    }

    [Fact]
    public void Fresh_it_computes_what_the_dilated_resnet_computes()
    {
        var deformable = Network.Create("deformable_resnet50", 5, [3, 33, 40]);
        var weights = deformable.Init(3);
        var dilated = deformable.Rewrite((node, inputs) => node.Op is DeformableConvolution op
            ? new Convolution(op.Stride, op.Padding, op.Dilation, op.Groups).Apply([inputs[0], inputs[1]], deformable.NameOf(node)) : null);
        var kept = new Weights();
        foreach (var name in dilated.Parameters.Keys) kept[name] = weights[name];
        var x = new Initializer.Normal(1).Fill([1, 3, 33, 40], Philox.Named(1, "x"));
        var (a, b) = (new Model(deformable, weights).Compile().Run(x), new Model(dilated, kept).Compile().Run(x));
        Check.Close(Doubles(b), Doubles(a), 1e-4, "the networks");

        static double[] Doubles(Tensor tensor) => [.. tensor.Span.ToArray().Select(value => (double)value)];
    }
}
