using System.Text.Json;
using Xunit;

namespace Tenfold.Tests;

public sealed class FitTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tenfold-fit-");

    private static readonly TrainingOptions Short = new() { Epochs = 3, Batch = 8, Threads = 1, Seed = 5 };

    public static TheoryData<Optimizer> Optimizers => [new Sgd(0.1, Nesterov: true), new AdamW(0.02), new RmsProp(0.01)];

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void Learns_what_can_be_learned(Optimizer optimizer)
    {
        var (train, test) = (Tiny.Data(60), Tiny.Data(30, seed: 2));
        var result = new Model(Tiny.Network(), seed: 1).Fit(train, Short with { Epochs = 12, Optimizer = optimizer, Validation = test });
        Assert.True(result.BestAccuracy > 0.95, $"{result.BestAccuracy}");
        Assert.True(result.History[^1].Loss < result.History[0].Loss / 2);
        Assert.Equal((TrainingEnd.Done, 12 * 7L, 12), (result.End, result.Steps, result.History.Count));
        var evaluation = result.Model.Evaluate(test, batch: 7);
        Assert.Equal(result.Accuracy, evaluation.Accuracy);
        Assert.Equal(result.History[^1].ValidationLoss!.Value, evaluation.Loss, 1e-5);
        Assert.Equal(test.Classes, result.Model.Classes);
    }

    [Fact]
    public void The_model_that_was_given_stays_as_it_was()
    {
        var model = new Model(Tiny.Network(), seed: 1);
        var before = model.Weights.Clone();
        model.Fit(Tiny.Data(), Short with { Epochs = 1 });
        AssertSame(before, model.Weights);
    }

    [Fact]
    public void The_same_seed_gives_the_same_bits_with_one_and_two_threads_and_another_seed_others()
    {
        // 50 steps.
        var options = Short with { Epochs = 10, Augmentation = new Augmentation { Crop = 1, Flip = true, Mixup = 0.2 }, LabelSmoothing = 0.1f, ClipNorm = 1, Ema = 0.9 };
        var one = Train(options);
        AssertSame(one, Train(options with { Threads = 2, LoaderThreads = 3 }));
        Assert.NotEqual(one["fc1.weight"].Span.ToArray(), Train(options with { Seed = 6 })["fc1.weight"].Span.ToArray());
    }

    [Fact]
    public void A_loss_that_is_no_number_stops_training_and_names_the_step()
    {
        var options = Short with { Epochs = 20, Optimizer = new Sgd(1e30), Schedule = Schedule.Constant, Checkpoints = _folder.FullName };
        var exception = Assert.Throws<TrainingException>(() => Train(options));
        Assert.Contains("the loss of step", exception.Message);
        Assert.Contains("the last good checkpoint is", exception.Message);
        var (tensors, _) = Safetensors.Read(Directory.GetFiles(_folder.FullName).Order().Last());
        foreach (var (_, tensor) in tensors) Assert.All(tensor.Span.ToArray(), number => Assert.True(float.IsFinite(number)));
    }

    [Fact]
    public void Early_stopping_ends_after_as_many_evaluations_without_progress_and_the_best_can_be_kept()
    {
        var reports = new Reports();
        var result = new Model(Tiny.Network(0), seed: 1).Fit(Tiny.Data(), Short with
        {
            Epochs = 50,
            Patience = 3,
            RestoreBest = true,
            Validation = Tiny.Data(21, seed: 3),
            Optimizer = new Sgd(0.3),
            Schedule = Schedule.Constant,
        }, reports);
        Assert.Equal(TrainingEnd.NoProgress, result.End);
        Assert.Equal(result.Best!.Epoch + 3, result.History.Count);
        Assert.Equal(result.BestAccuracy, result.Model.Evaluate(Tiny.Data(21, seed: 3)).Accuracy);
        Assert.Equal(result.History, reports.Epochs);
        Assert.Equal(Enumerable.Range(1, (int)result.Steps).Select(step => ((long)step, (step - 1) / 5 + 1)), reports.Steps.Select(step => (step.Step, step.Epoch)));
    }

    [Fact]
    public void A_budget_of_time_ends_training_with_the_rate_down()
    {
        var reports = new Reports();
        var result = new Model(Tiny.Network()).Fit(Tiny.Data(), Short with { Epochs = null, Budget = TimeSpan.FromSeconds(1), Validation = Tiny.Data(9) }, reports);
        Assert.Equal(TrainingEnd.Budget, result.End);
        Assert.InRange(result.Seconds, 0.5, 5);
        Assert.True(reports.Steps[^1].Rate < 0.3 * reports.Steps.Max(step => step.Rate));
        Assert.Equal(result.Steps, result.History[^1].Step);
        Assert.NotNull(result.Accuracy);
    }

    [Fact]
    public void The_average_of_the_weights_is_what_is_returned()
    {
        // At first the decay is (1 + t) / (10 + t): after one step 2/11 of the old and 9/11 of the new weights.
        var one = Tiny.Data(8);
        var (start, step, average) = (new Model(Tiny.Network(), 1).Weights, Train(Short with { Epochs = 1 }, one), Train(Short with { Epochs = 1, Ema = 0.999 }, one));
        foreach (var name in new[] { "fc1.weight", "bn1.running_mean" })
        {
            Assert.NotEqual(start[name].Span.ToArray(), step[name].Span.ToArray());
            for (var i = 0; i < step[name].Span.Length; i++)
                Assert.Equal(2f / 11 * start[name].Span[i] + 9f / 11 * step[name].Span[i], average[name].Span[i], 1e-6f);
        }
    }

    [Fact]
    public void A_clipped_gradient_is_as_long_as_the_limit()
    {
        // Plain descent at rate 1: the weights move by the gradient.
        var (one, start) = (Tiny.Data(8), new Model(Tiny.Network(), 1).Weights);
        var options = Short with { Epochs = 1, Optimizer = new Sgd(1, Momentum: 0), Schedule = Schedule.Constant };
        Assert.True(Moved(Train(options, one)) > 0.1);
        Assert.Equal(0.1, Moved(Train(options with { ClipNorm = 0.1 }, one)), 1e-4);

        double Moved(Weights weights) => Math.Sqrt(weights.Where(pair => !pair.Key.Contains("running"))
            .Sum(pair => pair.Value.Span.ToArray().Zip(start[pair.Key].Span.ToArray(), (a, b) => (double)(a - b) * (a - b)).Sum()));
    }

    [Fact]
    public void The_log_holds_a_line_of_json_per_epoch_and_per_so_many_steps()
    {
        var path = Path.Combine(_folder.FullName, "log.jsonl");
        var result = new Model(Tiny.Network()).Fit(Tiny.Data(), Short with { Log = path, LogSteps = 2, Validation = Tiny.Data(9) });
        var lines = File.ReadAllLines(path).Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        var epochs = lines.Where(line => line.TryGetProperty("accuracy", out _)).ToArray();
        Assert.Equal(result.History.Select(epoch => epoch.Loss), epochs.Select(line => line.GetProperty("loss").GetDouble()));
        Assert.Equal(result.History.Select(epoch => epoch.ValidationAccuracy!.Value), epochs.Select(line => line.GetProperty("validationAccuracy").GetDouble()));
        Assert.Equal(7, lines.Count(line => line.TryGetProperty("progress", out _)));
    }

    [Fact]
    public void What_cannot_work_is_refused_with_the_rule_and_the_numbers()
    {
        var model = new Model(Tiny.Network());
        Assert.Contains("samples of 1x2x2 do not fit tiny", Assert.Throws<DataException>(() => model.Fit(new MemoryDataset("small", [1, 2, 2], ["a", "b", "c"], new byte[4], [0]))).Message);
        Assert.Contains("has 2 classes, but tiny tells 3 apart", Assert.Throws<DataException>(() => model.Fit(new MemoryDataset("two", [1, 6, 6], ["a", "b"], new byte[36], [0]))).Message);
        Assert.Contains("Batch must be at least 1", Assert.Throws<ArgumentOutOfRangeException>(() => model.Fit(Tiny.Data(), Short with { Batch = 0 })).Message);
        Assert.Throws<ArgumentException>(() => model.Fit(Tiny.Data(), Short with { Patience = 1 }));
    }

    [Fact]
    public void Running_statistics_follow_the_batches_with_the_unbiased_variance()
    {
        // One batch of all samples, one step: r = 0.9 r + 0.1 new, checked against the first convolution run plainly.
        var (data, model) = (Tiny.Data(8), new Model(Tiny.Network(), 1));
        var maker = new SampleMaker(data, data.DefaultPreprocessing, Augmentation.None, 0, 0);
        var x = new Tensor([8, 1, 6, 6]);
        for (var i = 0; i < 8; i++) maker.Make(i, 0, x.Span.Slice(36 * i, 36), new float[3]);
        var convolution = model.Graph.WithBatch(8).Nodes.First(node => node.Op is Convolution);
        var conv = new Weights();
        conv["conv1.weight"] = model.Weights["conv1.weight"];
        var y = Reference.Run(new Graph("conv", convolution), conv, x);
        var trained = Train(Short with { Epochs = 1 }, data);
        for (var c = 0; c < 4; c++)
        {
            var values = Enumerable.Range(0, 8).SelectMany(n => Enumerable.Range(0, 9).Select(p => (double)y[0][n, c, p / 3, p % 3])).ToArray();
            var (mean, count) = (values.Average(), values.Length);
            Assert.Equal(0.1 * mean, trained["bn1.running_mean"].Span[c], 1e-5);
            Assert.Equal(0.9 + 0.1 * values.Sum(v => (v - mean) * (v - mean)) / (count - 1), trained["bn1.running_var"].Span[c], 1e-5);
        }
    }

    internal static Weights Train(TrainingOptions options, Dataset? data = null, params TrainingCallback[] callbacks) =>
        new Model(Tiny.Network(), seed: 1).Fit(data ?? Tiny.Data(), options, callbacks).Model.Weights;

    internal static void AssertSame(Weights expected, Weights actual)
    {
        Assert.Equal(expected.Names, actual.Names);
        foreach (var (name, tensor) in expected) Assert.Equal(tensor.Span.ToArray(), actual[name].Span.ToArray());
    }

    private sealed class Reports : TrainingCallback
    {
        public List<StepReport> Steps { get; } = [];

        public List<EpochReport> Epochs { get; } = [];

        public override void OnStep(in StepReport step) => Steps.Add(step);

        public override void OnEpoch(EpochReport epoch) => Epochs.Add(epoch);
    }
}
