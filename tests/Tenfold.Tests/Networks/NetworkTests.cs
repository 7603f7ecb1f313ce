using Xunit;

namespace Tenfold.Tests;

/// <summary>What holds for every network of the zoo, and small ones run.</summary>
public class NetworkTests
{
    public static TheoryData<string> Names => [.. Network.All.Select(network => network.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Takes_other_channels_sizes_and_classes(string name)
    {
        var paper = Network.Named(name).Input;
        var graph = Network.Create(name, 7, [1, paper[1] + 8, paper[2] + 24]);
        Assert.All(graph.Outputs, output => Assert.Equal(7, output.Channels));
        Assert.Equal(name, graph.Name);
        Assert.All(graph.WithBatch(3).Outputs, output => Assert.Equal(3, output.Shape.Batch));
    }

    [Theory]
    [InlineData("xception", 35, 40)]
    [InlineData("mobilenet_v1_x0_25", 40, 33)]
    [InlineData("mobilenet_v2_x0_35", 40, 33)]
    [InlineData("mobilenet_v3_small", 40, 33)]
    [InlineData("efficientnet_b0", 40, 33)]
    [InlineData("shufflenet_v1_g3", 40, 33)]
    [InlineData("shufflenet_v1_g8_x0_5", 40, 33)]
    [InlineData("shufflenet_v2_x0_5", 40, 33)]
    [InlineData("squeezenet1_1", 40, 33)]
    [InlineData("igcv1_l24m2_20", 8, 9)]
    [InlineData("igcv1_l100m2_imagenet", 16, 20)]
    [InlineData("se_resnet18", 20, 24)]
    [InlineData("factorized", 24, 33)]
    [InlineData("drn_d_22", 8, 16)]
    [InlineData("deformable_v2_resnet50", 20, 24)]
    public void Computes_the_same_in_a_session_and_by_the_definitions(string name, int height, int width)
    {
        var graph = Network.Create(name, 5, [3, height, width]);
        var weights = graph.Init(1);
        var x = new Initializer.Normal(1).Fill([1, 3, height, width], Philox.Named(2, "x"));

        // Norms as after some training, so that signals neither vanish nor grow over many layers.
        foreach (var (parameter, node) in graph.Parameters)
            if (parameter.EndsWith("running_var", StringComparison.Ordinal)) weights[parameter] = new Initializer.Normal(0.1, Mean: 1).Fill(node.Shape, Philox.Named(3, parameter));
        var y = new Model(graph, weights).Compile().Run(x);
        var expected = Reference.Run(graph, weights, x)[0];
        Check.Close(Doubles(expected), Doubles(y), 2e-4, name);
        Assert.Contains(Doubles(y), value => value != 0);

        static double[] Doubles(Tensor tensor) => [.. tensor.Span.ToArray().Select(value => (double)value)];
    }
}
