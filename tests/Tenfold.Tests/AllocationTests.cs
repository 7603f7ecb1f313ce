using Xunit;

namespace Tenfold.Tests;

/// <summary>What runs for hours allocates nothing per turn. These tests count the allocations of the whole process, so they run alone.</summary>
[Collection(nameof(Alone))]
public class AllocationTests
{
    private const int Turns = 2000;

    [Fact]
    public void A_batch_is_loaded_into_memory_that_is_there()
    {
        using var loader = Loader.ForTraining(LoaderTests.Data, 5, 3, epochs: 1000, first: 0, seed: 1, LoaderTests.Raw, new Augmentation { Crop = 1, Flip = true, Erase = 0.5, Mixup = 1, Cutmix = 1 }, 0.1f, threads: 1);
        AssertAtMost(0, () => loader.Next());
    }

    [Fact]
    public void A_training_step_allocates_nothing()
    {
        var data = Tiny.Data();
        var trainer = new Trainer(new Model(Tiny.Network()), 8, new TrainingOptions { Threads = 2, Optimizer = new AdamW(), ClipNorm = 1, Ema = 0.9 });
        using var loader = Loader.ForTraining(data, 8, 3, epochs: 1000, first: 0, seed: 1, data.DefaultPreprocessing, Augmentation.None, 0, threads: 1);
        AssertAtMost(0, () => trainer.Learn(loader.Next()!, 1e-3));
    }

    [Fact]
    public void Weights_of_a_linear_layer_are_read_where_they_lie()
    {
        var model = new Model(Image.Of(2, 30, 31).Flatten().Linear(701).ToGraph("linear"));
        var x = new Tensor([1, 2, 30, 31]);
        x.Span.Fill(0.5f);
        var expected = Array.ConvertAll(Reference.Run(model.Graph, model.Weights, x)[0].Span.ToArray(), number => (double)number);
        _ = model.Compile(new RunOptions { Threads = 1 }).Run(x); // whatever is made once
        var before = GC.GetTotalAllocatedBytes(precise: true);
        var session = model.Compile(new RunOptions { Threads = 1 });
        Check.Close(expected, Array.ConvertAll(session.Run(x).Span.ToArray(), number => (double)number), 1e-5, "the session");
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, model.Weights.Names.Max(name => model.Weights[name].Shape.Count)); // a byte for each of four
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Check.Close(expected, Array.ConvertAll(session.Run(x).Span.ToArray(), number => (double)number), 1e-5, "the session");
    }

    private static void AssertAtMost(int bytes, Action turn)
    {
        for (var i = 0; i < 200; i++) turn();
        var before = GC.GetTotalAllocatedBytes(precise: true);
        for (var i = 0; i < Turns; i++) turn();
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, Turns * (bytes + 16)); // the test host itself allocates a little
    }
}

/// <summary>Tests that run when no other does.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
