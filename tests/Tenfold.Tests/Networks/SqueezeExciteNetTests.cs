using Xunit;

namespace Tenfold.Tests;

public class SqueezeExciteNetTests
{
    [Theory]
    [InlineData("se_resnet18", 11_778_592, 0)]
    [InlineData("se_resnet34", 21_958_868, 0)]
    [InlineData("se_resnet50", 28_088_024, 4_091_699_200)]
    [InlineData("se_resnet101", 49_326_872, 7_806_148_608)]
    [InlineData("se_resnet152", 66_821_848, 11_520_204_800)]
    [InlineData("se_resnext50_32x4d", 27_559_896, 4_232_994_816)]
    [InlineData("se_resnext101_32x4d", 48_955_416, 7_974_739_968)]
    public void Parameters_and_macs_are_the_paper_s(string name, long parameters, long macs)
    {
        var graph = Network.Create(name);
        Assert.Equal(parameters, graph.Cost.Parameters);
        if (macs > 0) Assert.Equal(macs, graph.Cost.Macs);
        Assert.Contains("layer4.1.se.fc2.bias", graph.Parameters.Keys);
    }

    [Fact]
    public void An_excitation_costs_what_its_formula_says()
    {
        // 2 C^2 / r weights and MACs and C + C / r biases, at the end of each block of each stage.
        foreach (var (plain, excited, ends) in new (string, string, int[])[]
        {
            ("resnet50", "se_resnet50", [256, 256, 256, 512, 512, 512, 512, 1024, 1024, 1024, 1024, 1024, 1024, 2048, 2048, 2048]),
            ("mobilenet_v1", "se_mobilenet_v1", [64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]),
        })
        {
            var (a, b) = (Network.Create(plain).Cost, Network.Create(excited).Cost);
            Assert.Equal(ends.Sum(c => 2L * c * (c / 16)), b.Macs - a.Macs);
            Assert.Equal(ends.Sum(c => 2L * c * (c / 16) + c + c / 16), b.Parameters - a.Parameters);
        }

        var shuffle = Network.Create("se_shufflenet_v1_g3").Cost;
        Assert.InRange(shuffle.Parameters, 2_400_000, 2_500_000); // the paper: 2.4 million, 142 million MACs
        Assert.InRange(shuffle.Macs, 137_460_672, 142_000_000);
    }
}
