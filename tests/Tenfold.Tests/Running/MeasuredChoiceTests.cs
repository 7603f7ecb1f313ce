using Xunit;

namespace Tenfold.Tests;

public class MeasuredChoiceTests
{
    [Fact]
    public void A_measured_choice_names_convolutions_keeps_what_was_asked_and_computes_the_same()
    {
        var image = Image.Of(16, 24, 24);
        var model = new Model(image.Conv(32, 3, pad: 1).Relu().Conv(32, 3, pad: 1).Relu().Conv(16, 1).ToGraph("three"), seed: 4);
        var convolutions = model.Graph.Nodes.Where(node => node.Op is Convolution).Select(model.Graph.NameOf).ToArray();
        var x = new Tensor(model.Graph.Inputs[0].Shape);
        for (var i = 0; i < x.Span.Length; i++) x.Span[i] = MathF.Sin(i);
        var options = new RunOptions { Threads = 1, Algorithms = new Dictionary<string, ConvolutionAlgorithm> { [convolutions[0]] = ConvolutionAlgorithm.Winograd2 } };

        var chosen = model.Measure(options, TimeSpan.FromSeconds(0.05), x);

        Assert.Subset(convolutions.ToHashSet(), chosen.Keys.ToHashSet());
        Assert.Equal(ConvolutionAlgorithm.Winograd2, chosen[convolutions[0]]);
        Assert.DoesNotContain(convolutions[2], chosen.Keys); // every way is the same there
        var (expected, y) = (Reference.Run(model.Graph, model.Weights, x)[0].Span.ToArray(), model.Compile(options with { Algorithms = chosen }).Run(x).Span.ToArray());
        for (var i = 0; i < y.Length; i++) Assert.Equal(expected[i], y[i], 1e-4f * expected.Max(MathF.Abs));
    }

    [Fact]
    public void An_algorithm_for_a_layer_that_is_no_convolution_is_refused()
    {
        var model = new Model(Image.Of(3, 8, 8).Conv(4, 3).ToGraph("one"));
        var options = new RunOptions { Algorithms = new Dictionary<string, ConvolutionAlgorithm> { ["stem"] = ConvolutionAlgorithm.Direct } };
        Assert.Contains("no convolution stem", Assert.Throws<ArgumentException>(() => model.Compile(options)).Message);
    }
}
