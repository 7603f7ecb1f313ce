using Xunit;

namespace Tenfold.Tests;

/// <summary>Twenty steps of a small network against the same steps by PyTorch in double precision: loss by loss, then every weight and running statistic.</summary>
public sealed class TorchTrainingTests
{
    private const int Batch = 8, Classes = 4;

    public static TheoryData<string, Optimizer, float> Runs => new()
    {
        { "sgd", new Sgd(0.1, Momentum: 0), 0 },
        { "momentum", new Sgd(0.05, WeightDecay: 5e-3), 0 },
        { "nesterov", new Sgd(0.05, Nesterov: true, WeightDecay: 5e-3), 0.1f },
        { "adamw", new AdamW(0.01, WeightDecay: 0.05), 0 },
        { "rmsprop", new RmsProp(0.002, Smoothing: 0.9), 0 },
        { "rmsprop_momentum", new RmsProp(0.002, Smoothing: 0.9, Momentum: 0.9, Epsilon: 1e-3, WeightDecay: 1e-3), 0 },
    };

    [Theory]
    [MemberData(nameof(Runs))]
    public void Twenty_steps_have_the_same_losses_and_lead_to_the_same_weights(string name, Optimizer optimizer, float smoothing)
    {
        var (start, expected) = (new Fixture("training", "start"), new Fixture("training", name));
        var images = new Fixture("training", "images").Whole.Span;
        var labels = new Fixture("training", "labels").Whole.Span;
        var graph = Image.Of(2, 9, 8).ConvBn(6, 3).Relu().MaxPool(2).ConvBn(8, 3, stride: 2).Relu().GlobalAvgPool().Linear(Classes).ToGraph("small");
        var weights = new Weights();
        foreach (var parameter in graph.Parameters.Keys) weights[parameter] = start[parameter];
        var trainer = new Trainer(new Model(graph, weights), Batch, new TrainingOptions { Optimizer = optimizer, Threads = 2 });

        var (batch, losses) = (new Batch(Batch, [2, 9, 8], Classes) { Count = Batch }, new double[20]);
        for (var step = 0; step < losses.Length; step++)
        {
            var first = step % 5 * Batch;
            images.Slice(first * 144, batch.Pixels.Length).CopyTo(batch.Pixels);
            Array.Fill(batch.Targets, smoothing / Classes);
            for (var i = 0; i < Batch; i++) batch.Targets[i * Classes + (int)labels[first + i]] += 1 - smoothing;
            losses[step] = trainer.Learn(batch, optimizer.Rate).Loss;
        }

        for (var step = 0; step < losses.Length; step++) Assert.Equal(expected["loss"].Span[step], losses[step], 1e-4);
        foreach (var (parameter, tensor) in trainer.Weights)
            for (var i = 0; i < tensor.Span.Length; i++) Assert.Equal(expected[parameter].Span[i], tensor.Span[i], 2e-3f);

        var x = new Tensor([Batch, 2, 9, 8], images[..(Batch * 144)].ToArray());
        var logits = new Model(graph, trainer.Weights).Compile().Run(x);
        for (var i = 0; i < logits.Span.Length; i++) Assert.Equal(expected["logits"].Span[i], logits.Span[i], 1e-2f);
    }
}
