using Xunit;

namespace Tenfold.Tests;

public class TransferTests
{
    [Theory]
    [InlineData("resnet18")]
    [InlineData("nin_cifar")]
    [InlineData("vgg11_bn")]
    [InlineData("googlenet_aux")]
    [InlineData("resnetv2_18")]
    public void Other_classes_are_the_network_made_for_them(string name)
    {
        var (expected, graph) = (Network.Create(name, classes: 7), Network.Create(name).WithClasses(7));
        Assert.Equal(expected.Parameters.Select(pair => (pair.Key, pair.Value.Shape)), graph.Parameters.Select(pair => (pair.Key, pair.Value.Shape)));
        Assert.Equal(expected.Outputs.Select(output => output.Shape), graph.Outputs.Select(output => output.Shape));
        Assert.Equal(expected.Cost, graph.Cost);
    }

    [Fact]
    public void Features_are_what_the_classifier_reads()
    {
        var graph = Network.Create("resnet20");
        var features = graph.Features();
        Assert.Equal<Shape>([1, 64], features.Output.Shape);
        Assert.Equal(graph.Parameters.Keys.SkipLast(2), features.Parameters.Keys);
        Assert.Throws<ShapeException>(() => Image.Rgb(4, 4).Relu().ToGraph("none").Features());
    }

    [Fact]
    public void What_is_frozen_is_not_trained_and_neither_are_its_norms_statistics()
    {
        var graph = Tiny.Network().Freeze("*1.*");
        Assert.Equal(5 * 4 * 9 + 5, graph.Cost.Parameters); // the second convolution is all that is left
        var model = new Model(graph, seed: 2);
        var trained = model.Fit(Tiny.Data(8), new TrainingOptions { Epochs = 2, Batch = 4 }).Model;
        foreach (var (name, tensor) in model.Weights)
        {
            var same = tensor.Span.SequenceEqual(trained.Weights[name].Span);
            Assert.True(same == name.Contains("1."), name);
        }

        Assert.Contains("conv1.weight", Assert.Throws<ArgumentException>(() => graph.Freeze("layer9.*")).Message);
    }
}
