using Xunit;

namespace Tenfold.Tests;

public class ResNetTests
{
    [Theory]
    [InlineData("resnet20", 269_722)]
    [InlineData("resnet32", 464_154)]
    [InlineData("resnet44", 658_586)]
    [InlineData("resnet56", 853_018)]
    [InlineData("resnet110", 1_727_962)]
    public void Small_networks_have_the_paper_s_parameters(string name, long parameters)
    {
        var graph = Network.Create(name);
        Assert.Equal(parameters, graph.Cost.Parameters);
        Assert.Equal<Shape>([1, 10], graph.Output.Shape);
    }

    [Theory]
    [InlineData("resnet18", 11_689_512, 1_814_073_344, 122)]
    [InlineData("resnet34", 21_797_672, 3_663_761_408, 218)]
    [InlineData("resnet50", 25_557_032, 4_089_184_256, 320)]
    [InlineData("resnet101", 44_549_160, 7_801_405_440, 626)]
    [InlineData("resnet152", 60_192_808, 11_513_626_624, 932)]
    public void Large_networks_have_torchvision_s_parameters_macs_and_tensors(string name, long parameters, long macs, int tensors)
    {
        var graph = Network.Create(name);
        Assert.Equal(parameters, graph.Cost.Parameters);
        Assert.Equal(macs, graph.Cost.Macs);
        // torchvision also counts the batches of every norm (num_batches_tracked).
        Assert.Equal(tensors, graph.Parameters.Count + graph.Nodes.Count(node => node.Op is BatchNorm));
    }

    [Fact]
    public void Weights_carry_torchvision_s_names()
    {
        var names = Network.Create("resnet50").Parameters.Keys.ToArray();
        Assert.Equal(
            ["conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var",
             "layer1.0.conv1.weight", "layer1.0.bn1.weight", "layer1.0.bn1.bias", "layer1.0.bn1.running_mean", "layer1.0.bn1.running_var"],
            names[..10]);
        Assert.Contains("layer1.0.downsample.0.weight", names);
        Assert.Contains("layer4.2.bn3.running_var", names);
        Assert.DoesNotContain("layer2.1.downsample.0.weight", names);
        Assert.Equal(["fc.weight", "fc.bias"], names[^2..]);
    }

    [Fact]
    public void Stages_have_the_paper_s_sizes()
    {
        var graph = Network.Create("resnet50");
        Assert.Equal(
            [[1, 256, 56, 56], [1, 512, 28, 28], [1, 1024, 14, 14], [1, 2048, 7, 7]],
            Enumerable.Range(1, 4).Select(stage => graph.Nodes.Last(node => graph.NameOf(node).StartsWith($"layer{stage}.", StringComparison.Ordinal)).Shape));
    }

    [Fact]
    public void Other_sizes_and_classes_are_made_on_request()
    {
        Assert.Equal<Shape>([1, 7], Network.Create("resnet20", 7, [1, 28, 28]).Output.Shape);
        Assert.Equal<Shape>([3, 100], Network.Create("resnet18", 100, [3, 65, 97]).WithBatch(3).Output.Shape);
    }

    [Theory]
    [InlineData("resnet21", "resnet20")]
    [InlineData("resnet-50", "resnet50")]
    [InlineData("RESNT18", "resnet18")]
    public void An_unknown_name_suggests_near_ones(string name, string suggestion) =>
        Assert.Contains(suggestion, Assert.Throws<ArgumentException>(() => Network.Create(name)).Message);

    [Fact]
    public void Entries_are_complete_and_their_names_unique()
    {
        Assert.Equal(Network.All.Count, Network.All.Select(network => network.Name).Distinct().Count());
        Assert.All(Network.All, network => Assert.True(network.Paper.Length > 10 && network.Description.Length > 10));
        Assert.Throws<ShapeException>(() => Network.Create("resnet20", input: [32, 32]));
        Assert.Throws<ShapeException>(() => Network.Create("resnet20", classes: 0));
    }
}
