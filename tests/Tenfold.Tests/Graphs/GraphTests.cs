using Xunit;

namespace Tenfold.Tests;

public class GraphTests
{
    [Fact]
    public void Names_follow_scopes_and_number_their_layers()
    {
        var x = Image.Rgb(8, 8).Scope("stem", y => y.ConvBn(4, 3).Relu());
        var skip = x;
        x = x.Scope("layer1", y => y.Scope("0", z => z.ConvBn(4, 3).Relu().ConvBn(4, 3)) + skip);
        var graph = x.ToGraph("tiny");
        Assert.Equal(
            ["stem.conv1.weight", "stem.bn1.weight", "stem.bn1.bias", "stem.bn1.running_mean", "stem.bn1.running_var",
             "layer1.0.conv1.weight", "layer1.0.bn1.weight", "layer1.0.bn1.bias", "layer1.0.bn1.running_mean", "layer1.0.bn1.running_var",
             "layer1.0.conv2.weight", "layer1.0.bn2.weight", "layer1.0.bn2.bias", "layer1.0.bn2.running_mean", "layer1.0.bn2.running_var"],
            graph.Parameters.Keys);
        Assert.Equal("layer1.add1", graph.NameOf(graph.Output));
        var big = graph.WithInputs([2, 3, 16, 12]);
        Assert.Equal<Shape>([2, 4, 16, 12], big.Output.Shape);
        Assert.Equal(graph.Parameters.Keys, big.Parameters.Keys);
    }

    [Fact]
    public void A_rewrite_keeps_the_names_of_what_it_replaces_and_of_what_follows()
    {
        var graph = Image.Rgb(8, 8).Scope("stem", y => y.ConvBn(4, 3).Relu()).Scope("block", y => y.ConvBn(4, 3).Relu()).ToGraph("tiny");
        var training = graph.Rewrite((node, inputs) => node.Op is BatchNorm bn ? (bn with { Training = true }).Apply(inputs, graph.NameOf(node)) : null);
        Assert.Equal(graph.Nodes.Select(graph.NameOf).Order(), training.Nodes.Select(training.NameOf).Order());
        Assert.Equal(graph.Parameters.Keys, training.Parameters.Keys);
    }

    [Fact]
    public void Parameters_keep_their_names_when_another_node_made_of_them_is_kept()
    {
        var x = Image.Of(3, 5, 6);
        var y = x.Conv(4, 3, bias: false);
        var kernel = y.Inputs[1];
        var graph = new Graph("both", y, new Reshape([4, 27], Kept: 0).Apply(kernel));
        Assert.Equal(["conv1.weight"], graph.Parameters.Keys);
        Assert.Equal(["conv1.weight"], graph.WithBatch(2).Parameters.Keys);
    }
}
