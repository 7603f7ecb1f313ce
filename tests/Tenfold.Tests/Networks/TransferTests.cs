using Xunit;

namespace Tenfold.Tests;

public class TransferTests
{
    public static TheoryData<string> Names => [.. Network.All.Select(network => network.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Another_number_of_classes_is_the_network_made_for_it(string name)
    {
        var graph = Network.Create(name).WithClasses(7);
        Assert.All(graph.Outputs, output => Assert.Equal(7, output.Channels));
        if (name.Contains("_context_", StringComparison.Ordinal)) return; // there every layer of the module is as wide as there are classes
        var made = Network.Create(name, classes: 7);
        Assert.Equal(made.Parameters.Select(pair => (pair.Key, pair.Value.Shape)), graph.Parameters.Select(pair => (pair.Key, pair.Value.Shape)));
        Assert.Equal(made.Cost, graph.Cost);
    }

    [Theory]
    [InlineData("resnet50", 2048)]
    [InlineData("mobilenet_v2", 1280)]
    [InlineData("squeezenet1_1", 512)]
    [InlineData("shufflenet_v2_x0_5", 1024)]
    [InlineData("drn_d_22", 512)]
    public void Features_are_what_the_last_layer_reads_under_the_same_names(string name, int features)
    {
        var whole = Network.Create(name);
        var graph = whole.Features();
        Assert.Equal(features, graph.Output.Channels);
        var names = graph.Parameters.Keys.ToArray();
        Assert.Equal(whole.Parameters.Keys.Take(names.Length), names);
        Assert.Equal(2, whole.Parameters.Count - names.Length);
    }

    [Fact]
    public void A_model_for_other_classes_keeps_its_weights_but_the_last()
    {
        var model = new Model(Network.Create("resnet20", 10, [3, 8, 8]), seed: 1) { Preprocessing = Preprocessing.ImageNet, Classes = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] };
        var other = model.WithClasses(3, seed: 2);
        Assert.Empty(other.Classes);
        Assert.Equal(Preprocessing.ImageNet, other.Preprocessing);
        Assert.Equal<Shape>([3, 64], other.Weights["fc.weight"].Shape);
        Assert.Equal(model.Weights["layer3.2.conv2.weight"].Span.ToArray(), other.Weights["layer3.2.conv2.weight"].Span.ToArray());
        Assert.NotSame(model.Weights["conv1.weight"], other.Weights["conv1.weight"]);

        // The last layer on the features is the network.
        var x = new Initializer.Normal(1).Fill([1, 3, 8, 8], Philox.Named(3, "x"));
        var features = other.Features().Compile().Run(x).Span.ToArray();
        var y = other.Compile().Run(x);
        for (var o = 0; o < 3; o++)
            Assert.Equal(features.Select((value, i) => value * other.Weights["fc.weight"].Span[o * 64 + i]).Sum() + other.Weights["fc.bias"].Span[o], y.Span[o], 1e-4f);
    }

    [Fact]
    public void A_network_that_ends_otherwise_is_refused()
    {
        Assert.Contains("bn", Assert.Throws<ArgumentException>(() => Image.Of(3, 4, 4).ConvBn(5, 3).ToGraph("norm").WithClasses(2)).Message);
        Assert.Contains("add", Assert.Throws<ArgumentException>(() => Image.Of(3, 4, 4).Residual(x => x.Conv(3, 3)).ToGraph("sum").Features()).Message);
        Assert.Contains("the input", Assert.Throws<ArgumentException>(() => Image.Of(3, 4, 4).Relu().ToGraph("none").Features()).Message);
        Assert.Throws<ShapeException>(() => Network.Create("resnet20").WithClasses(0));
    }
}
