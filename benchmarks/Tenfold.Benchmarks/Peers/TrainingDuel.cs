using TorchSharp;
using static TorchSharp.torch;

namespace Tenfold.Benchmarks.Peers;

/// <summary>Training steps, forward, backward and SGD with momentum, against libtorch's. The losses of the first steps, from the same weights
/// and on the same batch, are compared: they agree only if forward, gradients and updates do.</summary>
internal static class TrainingDuel
{
    private const int Compared = 3;
    private const double Rate = 0.01;

    public static Row Run(string name, int samples, int threads, Setting setting)
    {
        // Dropout draws other masks elsewhere, so it is left out.
        var graph = Network.Create(name).Rewrite((node, inputs) => node.Op is Dropout ? inputs[0] : null);
        var model = new Model(graph, seed: 1);
        var (picture, classes) = (graph.Inputs[0].Shape, graph.Outputs[0].Shape.Channels);
        var batch = new Batch(samples, [.. picture.AsSpan()[1..]], classes) { Count = samples };
        Case.Noise(picture.With(0, samples)).Span.CopyTo(batch.Pixels);
        for (var i = 0; i < samples; i++) batch.Targets[i * classes + i * 7 % classes] = 1;

        var trainer = new Trainer(model, samples, new TrainingOptions { Threads = threads, Optimizer = new Sgd(Rate, Momentum: 0.9) });
        var macs = graph.WithBatch(samples).Cost.Macs * 3;
        if (!setting.Torch)
        {
            var alone = Duel.Run([() => trainer.Learn(batch, Rate)], setting.Seconds);
            return new Row("training", $"{name} batch {samples}", picture.ToString(), threads, 0, macs, Duel.Median(alone[0]) * 1e3, []);
        }

        using var torchTrainer = new TorchTrainer(graph.WithBatch(samples), model.Weights, batch, threads);
        var (ours, theirs) = (new float[Compared], new float[Compared]);
        for (var i = 0; i < Compared; i++) (ours[i], theirs[i]) = ((float)trainer.Learn(batch, Rate).Loss, torchTrainer.Learn());
        var error = PeersBenchmark.Error(ours, theirs);
        var times = Duel.Run([() => trainer.Learn(batch, Rate), () => torchTrainer.Learn()], setting.Seconds);
        return new Row("training", $"{name} batch {samples}", picture.ToString(), threads, 0, macs, Duel.Median(times[0]) * 1e3, [Peer.Of("libtorch", times[0], times[1], error)]);
    }

    private sealed class TorchTrainer : IDisposable
    {
        private readonly TorchGraph _graph;
        private readonly torch.Tensor _pixels, _targets;
        private readonly optim.Optimizer _optimizer;
        private readonly int _threads;

        public TorchTrainer(Graph graph, Weights weights, Batch batch, int threads)
        {
            _threads = threads;
            _graph = new TorchGraph(graph, weights, training: true);
            _pixels = TorchGraph.ToTorch(new Tensor(graph.Inputs[0].Shape, batch.Pixels));
            _targets = TorchGraph.ToTorch(new Tensor(graph.Outputs[0].Shape, batch.Targets)).argmax(1);
            _optimizer = optim.SGD(_graph.Trained, Rate, momentum: 0.9);
        }

        public float Learn()
        {
            if (get_num_threads() != _threads) set_num_threads(_threads);
            using var scope = NewDisposeScope();
            _optimizer.zero_grad();
            var loss = nn.functional.cross_entropy(_graph.Run(_pixels), _targets);
            loss.backward();
            _optimizer.step();
            return loss.item<float>();
        }

        public void Dispose()
        {
            _optimizer.Dispose();
            _pixels.Dispose();
            _targets.Dispose();
            _graph.Dispose();
        }
    }
}
