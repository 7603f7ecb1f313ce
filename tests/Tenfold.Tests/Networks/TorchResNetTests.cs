using Xunit;

namespace Tenfold.Tests;

/// <summary>Residual networks of one narrow block a stage (two in the second) against torchvision's own code: names, strides, shortcuts, order of operations.</summary>
public sealed class TorchResNetTests
{
    [Theory]
    [InlineData("basic")]
    [InlineData("bottleneck")]
    public void Torchvisions_weights_by_their_names_give_its_outputs(string block)
    {
        var file = new Fixture("residual", block);
        var x = Image.Of(3, 37, 42).ConvBn(4, kernel: 7, stride: 2).Relu().MaxPool(3, stride: 2, pad: 1);
        for (var stage = 0; stage < 4; stage++)
            for (var i = 0; i < (stage == 1 ? 2 : 1); i++)
            {
                var (width, stride) = (4 << stage, stage > 0 && i == 0 ? 2 : 1);
                x = x.Scope($"layer{stage + 1}.{i}", y => block == "basic" ? y.ResidualBasic(width, stride) : y.ResidualBottleneck(width, stride));
            }

        var graph = x.GlobalAvgPool().Linear(5, name: "fc").ToGraph(block);
        var weights = new Weights();
        foreach (var name in graph.Parameters.Keys) weights[name] = file[name];
        Assert.Equal(graph.Parameters.Count, file.Names.Count() - 2); // all of them, besides x and y
        var y = new Model(graph, weights).Compile().Run(file["x"]);
        Check.Close(Values<double>.From(file["y"]).Data, Values<double>.From(y).Data, 1e-5, block);
    }
}
