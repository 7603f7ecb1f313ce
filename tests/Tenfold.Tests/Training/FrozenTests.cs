using Xunit;

namespace Tenfold.Tests;

public class FrozenTests
{
    private static readonly TrainingOptions Short = new() { Epochs = 2, Batch = 8, Threads = 1, Seed = 5 };

    [Fact]
    public void Frozen_layers_and_the_statistics_of_frozen_norms_stay_to_the_bit_and_others_learn()
    {
        var model = new Model(Tiny.Network(), seed: 1);
        var trained = model.Fit(Tiny.Data(), Short with { Frozen = ["conv1.*", "bn1.*"] }).Model.Weights;
        foreach (var (name, before) in model.Weights)
            Assert.Equal(name.StartsWith("conv1.", StringComparison.Ordinal) || name.StartsWith("bn1.", StringComparison.Ordinal), before.Span.SequenceEqual(trained[name].Span));

        // Without freezing all of it changes.
        trained = model.Fit(Tiny.Data(), Short).Model.Weights;
        Assert.All(model.Weights, pair => Assert.False(pair.Value.Span.SequenceEqual(trained[pair.Key].Span), pair.Key));
    }

    [Fact]
    public void A_norm_of_which_only_the_shift_is_frozen_still_sees_the_batch()
    {
        var model = new Model(Tiny.Network(), seed: 1);
        var trained = model.Fit(Tiny.Data(), Short with { Frozen = ["*.bias"] }).Model.Weights;
        Assert.Equal(model.Weights["bn1.bias"].Span.ToArray(), trained["bn1.bias"].Span.ToArray());
        Assert.NotEqual(model.Weights["bn1.running_mean"].Span.ToArray(), trained["bn1.running_mean"].Span.ToArray());
        Assert.NotEqual(model.Weights["bn1.weight"].Span.ToArray(), trained["bn1.weight"].Span.ToArray());
    }

    [Fact]
    public void Nothing_is_computed_for_what_does_not_learn()
    {
        var network = Network.Create("resnet20", 3, [3, 8, 8]);
        var whole = new TrainingGraph(network, 4);
        var head = new TrainingGraph(network, 4, name => !name.StartsWith("fc.", StringComparison.Ordinal));
        Assert.Equal(["fc.weight", "fc.bias"], head.Learned.Select(learned => learned.Name));
        Assert.Empty(head.Running);
        Assert.DoesNotContain(head.Graph.Nodes, node => node.Op is ConvolutionWeightGradient);
        Assert.Contains(whole.Graph.Nodes, node => node.Op is ConvolutionWeightGradient);
        Assert.True(head.Graph.Cost.Macs < 0.4 * whole.Graph.Cost.Macs); // forward, of forward and twice as much backward
    }

    [Fact]
    public void A_trained_network_learns_other_classes_with_its_last_layer_alone()
    {
        var trained = new Model(Tiny.Network(dropout: 0), seed: 1).Fit(Tiny.Data(60), Short with { Epochs = 12 }).Model;
        var other = trained.WithClasses(Tiny.Classes, seed: 9);
        var result = other.Fit(Tiny.Data(60, seed: 3), Short with { Epochs = 12, Frozen = ["conv*", "bn*"], Validation = Tiny.Data(30, seed: 2) });
        Assert.True(result.BestAccuracy > 0.9, $"{result.BestAccuracy}");
        Assert.Equal(trained.Weights["conv2.bias"].Span.ToArray(), result.Model.Weights["conv2.bias"].Span.ToArray());
    }

    [Fact]
    public void A_pattern_that_names_nothing_and_one_that_names_everything_are_refused()
    {
        var model = new Model(Tiny.Network(), seed: 1);
        Assert.Contains("layer9.*", Assert.Throws<ArgumentException>(() => model.Fit(Tiny.Data(), Short with { Frozen = ["layer9.*"] })).Message);
        Assert.Contains("no parameter", Assert.Throws<ArgumentException>(() => model.Fit(Tiny.Data(), Short with { Frozen = ["*"] })).Message);
    }
}
