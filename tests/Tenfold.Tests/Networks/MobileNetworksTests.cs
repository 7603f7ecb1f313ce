using Xunit;

namespace Tenfold.Tests;

/// <summary>Xception, MobileNet, EfficientNet, ShuffleNet, SqueezeNet: to the last parameter and MAC.</summary>
public class MobileNetworksTests
{
    [Theory]
    [InlineData("xception", 22_855_952, 8_357_403_496)]
    [InlineData("mobilenet_v1", 4_231_976, 568_740_352)]
    [InlineData("mobilenet_v1_x0_75", 2_585_560, 325_400_448)]
    [InlineData("mobilenet_v1_x0_5", 1_331_592, 149_497_088)]
    [InlineData("mobilenet_v1_x0_25", 470_072, 41_030_272)]
    [InlineData("mobilenet_v2", 3_504_872, 300_774_272)]
    [InlineData("mobilenet_v2_x1_4", 6_108_776, 582_195_824)]
    [InlineData("mobilenet_v2_x0_75", 2_636_424, 209_069_792)]
    [InlineData("mobilenet_v2_x0_5", 1_968_680, 97_131_840)]
    [InlineData("mobilenet_v2_x0_35", 1_677_128, 59_285_808)]
    [InlineData("mobilenet_v3_large", 5_483_032, 216_589_760)]
    [InlineData("mobilenet_v3_small", 2_542_856, 56_510_400)]
    [InlineData("efficientnet_b0", 5_288_548, 385_814_752)]
    [InlineData("shufflenet_v1_g1", 1_531_936, 143_078_976)]
    [InlineData("shufflenet_v1_g2", 1_733_848, 140_836_512)]
    [InlineData("shufflenet_v1_g3", 1_865_728, 137_460_672)]
    [InlineData("shufflenet_v1_g4", 1_968_344, 134_339_776)]
    [InlineData("shufflenet_v1_g8", 2_434_768, 138_365_952)]
    [InlineData("shufflenet_v1_g3_x0_5", 718_324, 37_589_856)]
    [InlineData("shufflenet_v1_g3_x1_5", 3_442_168, 292_443_552)]
    [InlineData("shufflenet_v1_g3_x2_0", 5_450_776, 524_045_184)]
    [InlineData("shufflenet_v1_g8_x0_5", 1_011_448, 40_469_760)]
    [InlineData("shufflenet_v1_g8_x1_5", 4_269_952, 290_188_800)]
    [InlineData("shufflenet_v1_g8_x2_0", 6_522_232, 521_942_016)]
    [InlineData("shufflenet_v1_g4_x2_0", 5_593_528, 510_289_536)]
    [InlineData("shufflenet_v1_g1_x0_25", 209_746, 11_003_184)]
    [InlineData("shufflenet_v2_x0_5", 1_366_792, 40_476_448)]
    [InlineData("shufflenet_v2_x1_0", 2_278_604, 144_907_992)]
    [InlineData("shufflenet_v2_x1_5", 3_503_624, 295_759_392)]
    [InlineData("shufflenet_v2_x2_0", 7_393_996, 583_253_464)]
    [InlineData("squeezenet1_1", 1_235_496, 349_151_936)]
    public void Parameters_and_macs_are_the_papers(string name, long parameters, long macs)
    {
        var graph = Network.Create(name);
        Assert.Equal((parameters, macs), (graph.Cost.Parameters, graph.Cost.Macs));
        Assert.Equal<Shape>([1, 1000], graph.Output.Shape);
    }

    [Theory]
    [InlineData(192, 418_121_728)]
    [InlineData(160, 290_675_200)]
    [InlineData(128, 186_400_768)]
    public void Mobilenet_takes_other_resolutions(int size, long macs) =>
        Assert.Equal(macs, Network.Create("mobilenet_v1", input: [3, size, size]).Cost.Macs);

    [Fact]
    public void Statistics_and_depthwise_macs_of_xception_are_its_paper_s()
    {
        var graph = Network.Create("xception");
        Assert.Equal(54_528, graph.Parameters.Values.Where(node => node.Op is Parameter { Trained: false }).Sum(node => node.Shape.Count));
        Assert.Equal(132_190_344, graph.Nodes.Where(node => node.Op is Convolution { Groups: > 1 }).Sum(node => node.Cost.Macs));
        Assert.Equal([149, 147, 74, 37, 19, 10], graph.Nodes.Where(node => node.Shape.Rank == 4).Select(node => node.Shape.Height).Where(height => height is > 9 and < 299).Distinct());
    }

    [Theory]
    [InlineData("xception", "block1.rep.0.conv1.weight", "block1.rep.3.pointwise.weight", "block12.skipbn.bias", "conv4.pointwise.weight", "bn4.weight")]
    [InlineData("mobilenet_v1", "conv_stem.weight", "bn1.weight", "blocks.3.5.conv_pw.weight", "blocks.0.0.bn2.running_var", "classifier.bias")]
    [InlineData("mobilenet_v2", "features.0.0.weight", "features.1.conv.2.running_mean", "features.2.conv.3.weight", "features.17.conv.1.0.weight", "features.18.1.bias", "classifier.1.weight")]
    [InlineData("mobilenet_v3_small", "features.1.block.1.fc2.bias", "features.4.block.3.1.weight", "features.12.0.weight", "classifier.0.weight", "classifier.3.bias")]
    [InlineData("efficientnet_b0", "features.1.0.block.0.0.weight", "features.1.0.block.1.fc1.weight", "features.4.2.block.3.1.running_var", "features.8.0.weight", "classifier.1.bias")]
    [InlineData("shufflenet_v1_g3", "first_conv.1.weight", "features.0.branch_main_1.3.weight", "features.15.branch_main_2.1.running_var", "classifier.0.weight")]
    [InlineData("shufflenet_v2_x1_0", "conv1.0.weight", "stage2.0.branch1.3.bias", "stage4.3.branch2.6.weight", "conv5.1.running_mean", "fc.weight")]
    [InlineData("squeezenet1_1", "features.0.bias", "features.12.expand3x3.weight", "features.6.squeeze.weight", "classifier.1.weight")]
    public void Weights_carry_the_checkpoints_names(string network, params string[] names)
    {
        var parameters = Network.Create(network).Parameters;
        Assert.All(names, name => Assert.True(parameters.ContainsKey(name), name));
    }

    [Theory]
    [InlineData("mobilenet_v2", 314)]
    [InlineData("shufflenet_v2_x0_5", 338)]
    [InlineData("shufflenet_v2_x1_0", 338)]
    public void There_are_as_many_tensors_as_in_torchvision(string name, int tensors)
    {
        var graph = Network.Create(name);
        Assert.Equal(tensors, graph.Parameters.Count + graph.Nodes.Count(node => node.Op is BatchNorm));
    }

    [Fact]
    public void Every_width_of_shufflenet_divides_into_its_groups()
    {
        foreach (var network in Network.All.Where(network => network.Name.StartsWith("shufflenet_v1", StringComparison.Ordinal)))
            Assert.Equal<Shape>([1, 5], Network.Create(network.Name, 5, [3, 65, 97]).Output.Shape);
    }
}
