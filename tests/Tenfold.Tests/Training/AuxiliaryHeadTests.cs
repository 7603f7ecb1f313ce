using Xunit;

namespace Tenfold.Tests;

public class AuxiliaryHeadTests
{
    private static readonly Node s_stem = Image.Of(1, 6, 6).Conv(2, 3, name: "stem").Relu();
    private static readonly Node s_end = s_stem.Conv(2, 3, name: "late").Relu().GlobalAvgPool().Linear(3, name: "fc");
    private static readonly Node s_head = s_stem.GlobalMaxPool().Linear(3, name: "aux").Softmax();

    [Fact]
    public void Their_losses_count_three_tenths()
    {
        var weights = new Graph("both", s_end, s_head).Init(4);
        Assert.Equal(Loss(s_end) + 0.3 * Loss(s_head), Loss(s_end, s_head), 1e-6);

        double Loss(params Node[] outputs)
        {
            var training = new TrainingGraph(new Graph("part", outputs), batch: 2);
            var (inputs, random) = (new Tensor[2], new Philox(1));
            inputs[training.Image] = new Tensor([2, 1, 6, 6]);
            for (var i = 0; i < 72; i++) inputs[training.Image].Span[i] = (float)random.Normal((ulong)i);
            inputs[training.Targets] = new Tensor([2, 3], [1, 0, 0, 0, 0, 1]);
            return Reference.Run(training.Graph, training.Bind(weights), inputs)[TrainingGraph.Loss].Span.ToArray().Sum();
        }
    }

    [Fact]
    public void They_are_trained_and_left_out_afterwards()
    {
        var model = new Model(new Graph("both", s_end, s_head), seed: 4);
        var trained = model.Fit(Tiny.Data(8), new TrainingOptions { Epochs = 1, Batch = 4, Augmentation = Augmentation.None }).Model;
        Assert.NotEqual(model.Weights["aux.weight"].Span.ToArray(), trained.Weights["aux.weight"].Span.ToArray());

        var alone = trained.WithoutHeads();
        Assert.Equal(["stem.weight", "stem.bias", "late.weight", "late.bias", "fc.weight", "fc.bias"], alone.Weights.Names);
        var x = new Tensor([1, 1, 6, 6]);
        x.Span[7] = 1;
        Assert.Equal(trained.Compile().RunAll(x)[0].Span.ToArray(), alone.Compile().Run(x).Span.ToArray());
        Assert.Same(alone, alone.WithoutHeads());
    }

    [Fact]
    public void A_head_of_other_classes_is_refused() =>
        Assert.Contains("auxiliary", Assert.Throws<ArgumentException>(() => new TrainingGraph(new Graph("part", s_end, s_stem.GlobalAvgPool().Linear(4, name: "aux")), 2)).Message);
}
