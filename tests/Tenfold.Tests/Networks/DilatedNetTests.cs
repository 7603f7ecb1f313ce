using Xunit;

namespace Tenfold.Tests;

public class DilatedNetTests
{
    [Theory]
    [InlineData("drn_a_50", 25_557_032, 25.6)]
    [InlineData("drn_c_26", 0, 21.1)]
    [InlineData("drn_d_22", 0, 16.4)]
    public void Dilated_resnets_have_the_paper_s_parameters_and_an_eighth_of_the_picture(string name, long parameters, double millions)
    {
        var graph = Network.Create(name);
        if (parameters > 0) Assert.Equal(parameters, graph.Cost.Parameters);
        Assert.Equal(millions, graph.Cost.Parameters / 1e6, 0.06);
        Assert.Equal(28, graph.Nodes.Last(node => node.Op is BatchNorm).Shape.Height);
    }

    [Fact]
    public void Deeplab_has_torchvision_s_parameters_and_a_class_for_every_pixel()
    {
        var graph = Network.Create("deeplabv3_resnet50");
        Assert.Equal(39_638_869, graph.Cost.Parameters);
        Assert.Equal<Shape>([1, 21, 520, 520], graph.Output.Shape);
        Assert.Equal<Shape>([1, 3, 65, 97], Network.Create("deeplabv3_resnet50", 3, [3, 65, 97]).Output.Shape);
        Assert.All(["backbone.layer3.0.downsample.0.weight", "backbone.layer4.2.conv2.weight",
            "classifier.0.convs.0.0.weight", "classifier.0.convs.4.1.weight", "classifier.0.project.1.running_var", "classifier.1.weight", "classifier.2.bias", "classifier.4.bias"], name => Assert.True(graph.Parameters.ContainsKey(name), name));
    }

    [Fact]
    public void The_first_block_of_a_dilated_stage_has_the_dilation_of_the_stage_before()
    {
        var graph = Network.Create("drn_a_50");
        Assert.Equal([1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 4, 4],
            graph.Nodes.Where(node => graph.NameOf(node).EndsWith(".conv2", StringComparison.Ordinal)).Select(node => ((Convolution)node.Op).Dilation.Height));
    }

    [Fact]
    public void The_context_networks_are_a_front_end_of_vgg_and_the_module()
    {
        const long vgg = 14_714_688, head = 512L * 49 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 21 + 21;
        Assert.Equal(vgg + head, Network.Create("vgg16_frontend").Cost.Parameters);
        Assert.Equal(vgg + head + 28_392, Network.Create("vgg16_context_basic").Cost.Parameters);
        var large = Network.Create("vgg16_context_large");
        Assert.Equal<Shape>([1, 21, 528, 528], large.Output.Shape);
        Assert.Equal<Shape>([1, 21, 66, 66], large.Output.Inputs[0].Shape);
        Assert.Contains("multiples of 8 above 186", Assert.Throws<ShapeException>(() => Network.Create("vgg16_frontend", input: [3, 224, 220])).Message);
    }
}
