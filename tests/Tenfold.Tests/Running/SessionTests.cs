using Xunit;

namespace Tenfold.Tests;

public class SessionTests
{
    private static readonly Model s_model = new(Image.Of(3, 20, 17)
        .ConvBn(24, 3).Relu().Residual(x => x.ConvBn(24, 3).Relu().Depthwise(3).Conv(24, 1)).Relu()
        .MaxPool(2).ConvBn(40, 3, stride: 2, pad: 1).Relu().GlobalAvgPool().Linear(7).ToGraph("net"), seed: 3);

    [Fact]
    public void Four_sessions_from_four_threads_at_once_give_the_bits_that_each_gives_alone()
    {
        var inputs = Enumerable.Range(0, 4).Select(i => Noise([1 + i, 3, 20, 17], (ulong)i)).ToArray();
        var alone = inputs.Select(x => s_model.Compile(new RunOptions { Threads = 1 }).Run(x).Span.ToArray()).ToArray();
        var faults = 0;
        var threads = inputs.Select((x, i) => new Thread(() =>
        {
            var session = s_model.Compile(new RunOptions { Threads = 1 + i % 3 });
            for (var run = 0; run < 50; run++)
                if (!session.Run(x).Span.SequenceEqual(alone[i])) Interlocked.Increment(ref faults);
        })).ToArray();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        Assert.Equal(0, faults);
    }

    [Fact]
    public void Training_beside_runs_changes_neither()
    {
        var session = s_model.Compile(new RunOptions { Threads = 2 });
        var x = Noise([2, 3, 20, 17], 5);
        var wanted = session.Run(x).Span.ToArray();
        var (alone, beside) = (Trained(1), new float[2][]);
        Thread[] trainings = [.. beside.Select((_, i) => new Thread(() => beside[i] = Trained(1 + i)))];
        foreach (var training in trainings) training.Start();
        while (trainings.Any(training => training.IsAlive)) Assert.Equal(wanted, session.Run(x).Span.ToArray());
        Assert.All(beside, weights => Assert.Equal(alone, weights));

        static float[] Trained(int threads)
        {
            var trainer = new Trainer(s_model, batch: 4, new TrainingOptions { Threads = threads });
            var batch = new Batch(4, [3, 20, 17], 7) { Count = 4 };
            for (var step = 0; step < 6; step++)
            {
                Noise([4, 3, 20, 17], (ulong)step).Span.CopyTo(batch.Pixels);
                for (var i = 0; i < batch.Targets.Length; i++) batch.Targets[i] = i % 7 == (step + i / 7) % 7 ? 1 : 0;
                trainer.Learn(batch, rate: 0.01);
            }

            return [.. trainer.Weights.SelectMany(pair => pair.Value.Span.ToArray())];
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void One_session_called_from_several_threads_gives_each_its_own_result(int threads)
    {
        var session = s_model.Compile(new RunOptions { Threads = threads });
        var inputs = Enumerable.Range(0, 4).Select(i => Noise([1, 3, 20, 17], (ulong)i)).ToArray();
        var wanted = inputs.Select(x => session.Run(x).Span.ToArray()).ToArray();
        Parallel.For(0, 100, i => Assert.Equal(wanted[i % 4], session.Run(inputs[i % 4]).Span.ToArray()));
    }

    [Fact]
    public async Task With_one_thread_a_run_calls_run_side_by_side_on_the_same_packed_weights()
    {
        Assert.SkipUnless(Environment.ProcessorCount > 1, "one processor runs one call at a time");
        using var together = new Barrier(2);
        var model = new Model(new Together(together).Apply(Image.Of(64, 3, 3).Conv(512, 3)).ToGraph("together"), seed: 1);
        var session = model.Compile(new RunOptions { Threads = 1 });
        session.Steps();
        foreach (var (_, weights) in model.Weights) weights.Span.Fill(float.NaN); // what is packed by now is not packed again
        var x = Noise([1, 64, 3, 3], 1);
        var outputs = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ =>
            Task.Factory.StartNew(() => session.Run(x), TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
        Assert.All(outputs[0].Span.ToArray(), y => Assert.True(float.IsFinite(y)));
        Assert.Equal(outputs[0].Span.ToArray(), outputs[1].Span.ToArray());
    }

    // Its input, once two runs have come this far.
    private sealed record Together(Barrier Runs) : UnaryOp
    {
        public override string Name => "together";

        public override Shape Infer(Shape x) => x;

        protected override void Define<T>(Values<T> x, Values<T> y)
        {
            if (!Runs.SignalAndWait(TimeSpan.FromSeconds(60))) throw new TimeoutException("the second run did not come");
            for (var c = 0; c < x.Shape.Channels; c++) x.Plane(0, c).CopyTo(y.Plane(0, c));
        }

        protected override Node Gradient(Node x, Node y, Node dy) => dy;
    }

    [Fact]
    public void Other_batches_and_sizes_are_compiled_when_they_come_and_agree_with_the_reference()
    {
        var session = s_model.Compile(new RunOptions { Threads = 2 });
        for (var i = 0; i < 20; i++) // more than are kept
        {
            var x = Noise([1 + i % 3, 3, 12 + i, 30 - i % 7], (ulong)i);
            var wanted = Reference.Run(s_model.Graph.WithInputs(x.Shape), s_model.Weights, x)[0];
            var y = session.Run(x);
            Assert.Equal(wanted.Shape, y.Shape);
            for (var j = 0; j < y.Span.Length; j++) Assert.Equal(wanted.Span[j], y.Span[j], 1e-4f);
        }
    }

    [Fact]
    public void Spans_give_the_same_as_tensors_and_their_lengths_are_checked()
    {
        var session = s_model.Compile();
        var x = Noise([3, 3, 20, 17], 1);
        var y = new float[21];
        session.Run(x.Span, y);
        Assert.Equal(session.Run(x).Span.ToArray(), y);
        Assert.Contains("1019 numbers", Assert.Throws<ShapeException>(() => session.Run(new float[1019], y)).Message);
        Assert.Contains("20 numbers", Assert.Throws<ShapeException>(() => session.Run(x.Span, y.AsSpan(1))).Message);
        Assert.Throws<ShapeException>(() => session.RunAll());
    }

    [Fact]
    public void An_input_of_which_nothing_is_read_stays_an_input()
    {
        var (x, y) = (new Input([2, 16, 3, 4]).Apply([], "x"), new Input([2, 7, 3, 4]).Apply([], "y"));
        var graph = x.Concat(y).Slice(16, 7).Relu().ToGraph("the second");
        var session = new Session(graph, graph.Init());
        var (first, second) = (Noise(x.Shape, 1), Noise(y.Shape, 2));
        Assert.Equal(second.Span.ToArray().Select(number => Math.Max(0, number)), session.RunAll(first, second)[0].Span.ToArray());
    }

    [Fact]
    public void A_profile_names_every_step_and_adds_up_to_the_whole()
    {
        var model = new Model(Network.Create("resnet20"));
        var session = model.Compile(new RunOptions { Threads = 1 });
        var profile = session.Profile(TimeSpan.FromSeconds(0.2), Noise([1, 3, 32, 32], 1));
        Assert.Equal(session.Steps().Select(step => step.Name), profile.Steps.Select(timed => timed.Step.Name));
        Assert.InRange(profile.Steps.Sum(timed => timed.Seconds), 0.8 * profile.Seconds, profile.Seconds);
        Assert.Equal(model.Graph.Cost.Macs, profile.Steps.Sum(timed => timed.Step.Macs));
        Assert.All(profile.Steps, timed => Assert.True(timed.Step.Bytes > 0 && profile.OfLimit(timed) > 0));
    }

    [Fact]
    public void Input_and_output_may_lie_anywhere_even_in_one_place()
    {
        var model = new Model(Image.Of(16, 6, 6).Conv(16, 3).Relu().ToGraph("same"), seed: 2);
        var session = model.Compile();
        var x = Noise([1, 16, 6, 6], 4);
        var wanted = session.Run(x).Span.ToArray();
        var memory = GC.AllocateArray<float>(8192, pinned: true);
        for (var at = 0; at <= 1700; at += 7) // ends at all places of a page
        {
            x.Span.CopyTo(memory.AsSpan(at));
            var y = memory.AsSpan(4000 + at, wanted.Length);
            session.Run(memory.AsSpan(at, wanted.Length), y);
            Assert.Equal(wanted, y.ToArray());
            Assert.Equal(x.Span.ToArray(), memory[at..(at + wanted.Length)]);
        }

        x.Span.CopyTo(memory);
        session.Run(memory.AsSpan(0, wanted.Length), memory.AsSpan(5, wanted.Length));
        Assert.Equal(wanted, memory[5..(5 + wanted.Length)]);
    }

    private static Tensor Noise(Shape shape, ulong seed)
    {
        var (x, random) = (new Tensor(shape), new Philox(seed));
        for (var i = 0; i < x.Span.Length; i++) x.Span[i] = (float)random.Normal((ulong)i);
        return x;
    }
}
