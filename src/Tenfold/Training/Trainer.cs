using System.Numerics;
using System.Runtime.InteropServices;

namespace Tenfold;

/// <summary>Weights in training: one step after another, and all that has to be kept to go on later with the same bits.</summary>
internal sealed class Trainer
{
    private readonly Optimizer _optimizer;
    private readonly double _clipNorm, _ema;
    private readonly Philox _masks;
    private readonly TrainingGraph _graph;
    private readonly Plan _plan;
    private readonly Tensor[][] _state; // for each learned parameter what its optimiser keeps
    private readonly Weights? _average;
    private readonly Team _team;
    private readonly Step[] _update; // the optimiser on pieces of the parameters
    private double _rate;
    private float _scale;

    /// <summary>What the plan does not hold: running statistics and fixed parameters. The learned ones are brought up to date by <see cref="Weights"/>.</summary>
    private readonly Weights _weights;

    public Trainer(Model model, int batch, TrainingOptions options)
    {
        (_optimizer, _clipNorm, _ema) = (options.Optimizer, options.ClipNorm, options.Ema);
        _masks = Philox.Named(options.Seed, "masks");
        _graph = new TrainingGraph(model.Graph, batch, options.Frozen.Count > 0 ? options.Freezes : null);
        _weights = model.Weights.Clone();
        _plan = new Plan(_graph.Graph, _graph.Bind(_weights), Team.Of(options.Threads), frozen: false);
        _state = [.. _graph.Learned.Select(learned => _optimizer.State.Select(_ => new Tensor(learned.Shape)).ToArray())];
        _average = _ema > 0 ? _weights.Clone() : null;
        _team = Team.Of(options.Threads);
        const int most = 1 << 15; // weights of a piece
        var pieces = _graph.Learned.SelectMany((learned, i) => Enumerable.Range(0, (int)((learned.Shape.Count + most - 1) / most))
            .Select(piece => (Index: i, From: piece * most, To: (int)Math.Min(learned.Shape.Count, (piece + 1L) * most)))).ToArray();
        unsafe
        {
            _update = [new Step("optimizer", "number by number", pieces.Length, (item, _) => Update(pieces[item].Index, pieces[item].From..pieces[item].To))];
        }
    }

    public int Classes => _graph.Classes;

    /// <summary>Steps taken.</summary>
    public long Step { get; private set; }

    /// <summary>The weights as they are now; good until the next step.</summary>
    public Weights Weights
    {
        get
        {
            foreach (var learned in _graph.Learned) _plan.Parameter(learned.Own).CopyTo(_weights[learned.Name].Span);
            return _weights;
        }
    }

    /// <summary>The weights to be judged by: the running average where one is kept. Good until the next step.</summary>
    public Weights Judged => _average ?? Weights;

    /// <summary>One step on one batch.</summary>
    /// <returns>The mean loss over the batch, and how many samples were recognised.</returns>
    /// <exception cref="TrainingException">The loss or the gradient is not a number; the weights are as before the step.</exception>
    public (double Loss, int Correct) Learn(Batch batch, double rate)
    {
        batch.Pixels.CopyTo(_plan.Input(_graph.Image));
        batch.Targets.CopyTo(_plan.Input(_graph.Targets));
        if (_graph.Key >= 0) RandomMask.WriteKey(_masks.Word((ulong)Step), _plan.Input(_graph.Key));
        _plan.Run();

        var loss = 0.0;
        foreach (var sample in _plan.Output(TrainingGraph.Loss)) loss += sample;
        if (!double.IsFinite(loss)) throw new TrainingException($"training: the loss of step {Step + 1} is {loss}; a lower learning rate or a clipped gradient may help", Step);

        (_rate, _scale) = (rate, _clipNorm > 0 ? Clip() : 1f);
        Step++;
        _team.Run(_update, scratch: 0);
        foreach (var running in _graph.Running) Average(running);
        if (_average is not null) Average();
        return (loss, Correct(batch));
    }

    /// <summary>Everything that changes, by names that tell what it is; as it is now, not copied.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> State()
    {
        foreach (var (name, tensor) in Weights) yield return ($"weights/{name}", tensor);
        for (var i = 0; i < _state.Length; i++)
            for (var k = 0; k < _state[i].Length; k++) yield return ($"{_optimizer.State[k]}/{_graph.Learned[i].Name}", _state[i][k]);
        if (_average is not null)
            foreach (var (name, tensor) in _average) yield return ($"average/{name}", tensor);
    }

    /// <summary>Puts a kept state in place of the present one.</summary>
    public void Restore(Weights kept, long step)
    {
        foreach (var (name, tensor) in State())
            if (!kept.TryGet(name, out var other) || other.Shape != tensor.Shape) throw new MalformedFileException($"{name} is {(other is null ? "missing" : $"{other.Shape}, not {tensor.Shape}")}");
        foreach (var (name, tensor) in State()) kept[name].Span.CopyTo(tensor.Span);
        foreach (var (network, own) in _graph.Names) _weights[network].Span.CopyTo(_plan.Parameter(own));
        Step = step;
    }

    private void Update(int index, Range piece)
    {
        var (learned, state) = (_graph.Learned[index], _state[index]);
        _optimizer.Update(_plan.Parameter(learned.Own)[piece], _plan.Output(learned.Output)[piece],
            state.Length > 0 ? state[0].Span[piece] : default, state.Length > 1 ? state[1].Span[piece] : default,
            _rate, _optimizer.DecayFor(learned.Shape), _scale, Step);
    }

    // PyTorch's clip_grad_norm_: by limit / (norm + 1e-6) where that is below 1. Summed in one order, in double precision.
    private float Clip()
    {
        var sum = 0.0;
        foreach (var learned in _graph.Learned)
            foreach (var g in _plan.Output(learned.Output)) sum += (double)g * g;
        if (!double.IsFinite(sum)) throw new TrainingException($"training: the gradient of step {Step + 1} is not finite; a lower learning rate may help", Step);
        return (float)Math.Min(1, _clipNorm / (Math.Sqrt(sum) + 1e-6));
    }

    private void Average(Running running)
    {
        Approach(_weights[running.Mean].Span, _plan.Output(running.Output), running.Momentum, 1);
        // Of a single number there is no unbiased variance: PyTorch refuses, here it is taken as it is.
        Approach(_weights[running.Variance].Span, _plan.Output(running.Output + 1), running.Momentum, running.Count > 1 ? (float)running.Count / (running.Count - 1) : 1);
    }

    private void Average()
    {
        var share = (float)(1 - Math.Min(_ema, (1.0 + Step) / (10.0 + Step)));
        foreach (var learned in _graph.Learned) Approach(_average![learned.Name].Span, _plan.Parameter(learned.Own), share, 1);
        foreach (var running in _graph.Running)
        {
            Approach(_average![running.Mean].Span, _weights[running.Mean].Span, share, 1);
            Approach(_average[running.Variance].Span, _weights[running.Variance].Span, share, 1);
        }
    }

    // x = (1 - share) x + share factor y, number by number.
    private static void Approach(Span<float> x, ReadOnlySpan<float> y, float share, float factor)
    {
        var (kept, taken) = (1 - share, share * factor);
        var xs = MemoryMarshal.Cast<float, Vector<float>>(x);
        var ys = MemoryMarshal.Cast<float, Vector<float>>(y);
        for (var i = 0; i < xs.Length; i++) xs[i] = xs[i] * kept + ys[i] * taken;
        for (var i = xs.Length * Vector<float>.Count; i < x.Length; i++) x[i] = x[i] * kept + y[i] * taken;
    }

    private int Correct(Batch batch)
    {
        var logits = _plan.Output(TrainingGraph.Logits);
        var correct = 0;
        for (var i = 0; i < batch.Count; i++)
            if (logits.Slice(i * Classes, Classes).ArgMax() == batch.Targets.AsSpan(i * Classes, Classes).ArgMax()) correct++;
        return correct;
    }
}
