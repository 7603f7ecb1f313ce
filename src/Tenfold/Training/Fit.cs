using System.Diagnostics;

namespace Tenfold;

public static partial class Verbs
{
    /// <summary>Trains a copy of the model to tell the classes of <paramref name="train"/> apart; the model itself stays as it is.</summary>
    /// <remarks>The same model, data and options give the same bits, whatever the number of threads, stopped and resumed or not; unless
    /// there is a budget of time.</remarks>
    /// <exception cref="DataException">The samples do not fit the network, or one cannot be read.</exception>
    /// <exception cref="TrainingException">The loss became something else than a number; the last checkpoint is good.</exception>
    /// <exception cref="IOException">A checkpoint or the log could not be written; older checkpoints are as they were.</exception>
    public static TrainingResult Fit(this Model model, Dataset train, TrainingOptions? options = null, params IReadOnlyList<TrainingCallback> callbacks) =>
        new Fitting(model, train, options ?? new TrainingOptions(), callbacks).Run();
}

/// <summary>One training from beginning to end.</summary>
internal sealed class Fitting
{
    private readonly Model _model;
    private readonly Dataset _train;
    private readonly TrainingOptions _options;
    private readonly Preprocessing _preprocessing;
    private readonly int _batch, _epochs, _perEpoch;
    private readonly Trainer _trainer;
    private readonly Checkpoints? _checkpoints;
    private readonly List<TrainingCallback> _callbacks;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private TrainingState _state = new();
    private Weights? _best;
    private string? _lastCheckpoint;
    private double _evaluation; // seconds that the last one took

    public Fitting(Model model, Dataset train, TrainingOptions options, IReadOnlyList<TrainingCallback> callbacks)
    {
        options.Check();
        train.CheckAgainst(model.Graph);
        options.Validation?.CheckAgainst(model.Graph);
        foreach (var pattern in options.Frozen)
            if (!model.Graph.Parameters.Keys.Any((options with { Frozen = [pattern] }).Freezes)) throw new ArgumentException($"training: no parameter of {model.Graph.Name} is called {pattern}, which is to be frozen");
        (_model, _train, _options, _callbacks) = (model, train, options, [.. callbacks]);
        _preprocessing = options.Preprocessing ?? (model.Preprocessing != Preprocessing.None ? model.Preprocessing with { Share = 1 } : train.DefaultPreprocessing);
        _batch = Math.Min(options.Batch, train.Count);
        _perEpoch = train.Count / _batch;
        _epochs = options.Epochs ?? (options.Budget is null ? 10 : int.MaxValue);
        _trainer = new Trainer(model, _batch, options);
        _checkpoints = options.Checkpoints is { } folder ? new Checkpoints(folder, options.KeepCheckpoints) : null;
    }

    public TrainingResult Run()
    {
        using var log = _options.Log is { } path ? new TrainingLog(path, _options.LogSteps) : null;
        if (log is not null) _callbacks.Add(log);
        _checkpoints?.Prepare();
        if (_checkpoints is { Any: true } && !_options.Resume) throw new ArgumentException($"{_options.Checkpoints}: holds checkpoints already; resume from them or choose another folder");
        if (!_options.Resume || !Resume()) Save(); // so that there is something to fall back to, and a full disk shows at once

        using var loader = Loader.ForTraining(_train, _batch, _trainer.Classes, _epochs, _trainer.Step, _options.Seed, _preprocessing, _options.Augmentation, _options.LabelSmoothing, _options.LoaderThreads);
        var end = TrainingEnd.Done;
        while (loader.Next() is { } batch)
        {
            if (Stops() is { } reason)
            {
                end = reason;
                break;
            }

            var before = _clock.Elapsed.TotalSeconds;
            var (loss, progress, rate) = Step(batch);
            _state.Seconds += _clock.Elapsed.TotalSeconds - before;
            Tell(new StepReport(batch.Epoch + 1, _trainer.Step, loss, rate, progress, Seconds));
            if (batch.Position == _perEpoch - 1) EndEpoch(batch.Epoch, rate);
            if (batch.Position == _perEpoch - 1 || (_options.CheckpointSteps > 0 && _trainer.Step % _options.CheckpointSteps == 0)) Save();
        }

        // Time was up in the middle of an epoch: what it brought is worth a report of its own.
        if (end == TrainingEnd.Budget && _state.Seen > 0) EndEpoch((int)((_trainer.Step - 1) / _perEpoch), RateAt(1));
        if (end is TrainingEnd.Cancelled or TrainingEnd.Budget) Save();
        var weights = (_options.RestoreBest ? _best : null) ?? _trainer.Judged;
        return new TrainingResult(Judged(weights.Clone()), _state.History, end, _trainer.Step, Seconds);
    }

    private double Seconds => _state.SecondsBefore + _clock.Elapsed.TotalSeconds;

    // By steps or by time, whichever is further. Of the time, the evaluation at the end takes its part.
    private double Progress
    {
        get
        {
            var steps = (double)_trainer.Step / ((long)_epochs * _perEpoch);
            return _options.Budget is { TotalSeconds: var budget } ? Math.Max(steps, Math.Min(1, Seconds / Math.Max(budget - _evaluation, budget / 2))) : steps;
        }
    }

    private double RateAt(double progress) => _options.Optimizer.Rate * _options.Schedule.At(progress);

    private TrainingEnd? Stops() =>
        _options.Cancellation.IsCancellationRequested ? TrainingEnd.Cancelled
        : _options.Patience > 0 && _state.Worse >= _options.Patience ? TrainingEnd.NoProgress
        : _options.Budget is not null && Progress >= 1 ? TrainingEnd.Budget
        : null;

    private (double Loss, double Progress, double Rate) Step(Batch batch)
    {
        var progress = Progress;
        var rate = RateAt(progress);
        try
        {
            var (loss, correct) = _trainer.Learn(batch, rate);
            _state.Loss += loss * batch.Count;
            _state.Correct += correct;
            _state.Seen += batch.Count;
            return (loss, progress, rate);
        }
        catch (TrainingException exception)
        {
            throw new TrainingException($"{exception.Message} (epoch {batch.Epoch + 1}{(_lastCheckpoint is null ? "" : $"; the last good checkpoint is {_lastCheckpoint}")})", exception.Step, exception);
        }
    }

    private void EndEpoch(int epoch, double rate)
    {
        Evaluation? evaluation = null;
        if (_options.Validation is { } validation)
        {
            evaluation = Judged(_trainer.Judged).Evaluate(validation, _batch, new RunOptions { Threads = _options.Threads });
            _evaluation = evaluation.Seconds;
        }

        var report = new EpochReport(epoch + 1, _trainer.Step, _state.Loss / _state.Seen, (double)_state.Correct / _state.Seen,
            evaluation?.Loss, evaluation?.Accuracy, rate, Seconds, _state.Seen / _state.Seconds);
        _state.History.Add(report);
        (_state.Loss, _state.Correct, _state.Seen, _state.Seconds) = (0, 0, 0, 0);
        if (evaluation is not null && report.IsBetterThan(_state.Best))
        {
            (_state.Best, _state.Worse) = (report, 0);
            if (_options.RestoreBest) _best = _trainer.Judged.Clone();
        }
        else
        {
            _state.Worse++;
        }

        foreach (var callback in _callbacks) callback.OnEpoch(report);
    }

    private Model Judged(Weights weights) => new(_model.Graph, weights) { Classes = _train.Classes, Preprocessing = _preprocessing };

    private void Tell(in StepReport step)
    {
        foreach (var callback in _callbacks) callback.OnStep(step);
    }

    private void Save()
    {
        if (_checkpoints is null) return;
        var tensors = _trainer.State();
        if (_best is not null) tensors = tensors.Concat(_best.Select(pair => ($"best/{pair.Key}", pair.Value)));
        foreach (var (name, tensor) in tensors)
            foreach (var number in tensor.Span)
                if (!float.IsFinite(number)) throw new TrainingException($"training: after step {_trainer.Step} {name} holds {number}{(_lastCheckpoint is null ? "" : $"; the last good checkpoint is {_lastCheckpoint}")}", _trainer.Step);

        var metadata = Settings();
        metadata["step"] = $"{_trainer.Step}";
        metadata["state"] = _state.ToJson(Seconds);
        _lastCheckpoint = _checkpoints.Save(_trainer.Step, tensors, metadata);
    }

    private bool Resume()
    {
        if (_checkpoints!.Newest(Say) is not { } checkpoint) return false;
        var other = Settings().Where(setting => checkpoint.Metadata.GetValueOrDefault(setting.Key) != setting.Value)
            .Select(setting => $"{setting.Key} {checkpoint.Metadata.GetValueOrDefault(setting.Key) ?? "missing"}, now {setting.Value}").ToArray();
        if (other.Length > 0) throw new ArgumentException($"{checkpoint.Path}: was made with other options: {string.Join("; ", other)}");
        try
        {
            if (!long.TryParse(checkpoint.Metadata.GetValueOrDefault("step"), out var step) || step < 0) throw new MalformedFileException("there is no step");
            _state = TrainingState.FromJson(checkpoint.Metadata.GetValueOrDefault("state") ?? "");
            _trainer.Restore(checkpoint.Tensors, step);
            if (_options.RestoreBest && _state.Best is not null) _best = Best(checkpoint.Tensors);
        }
        catch (MalformedFileException exception)
        {
            throw new MalformedFileException($"{checkpoint.Path}: {exception.Message}", exception);
        }

        _lastCheckpoint = checkpoint.Path;
        Say($"going on after step {_trainer.Step} from {checkpoint.Path}");
        return true;
    }

    private Weights Best(Weights kept)
    {
        var best = new Weights();
        foreach (var name in _model.Weights.Names)
            best[name] = kept.TryGet($"best/{name}", out var tensor) ? tensor : throw new MalformedFileException($"best/{name} is missing");
        best.CheckAgainst(_model.Graph);
        return best;
    }

    private void Say(string message)
    {
        foreach (var callback in _callbacks) callback.OnMessage(message);
    }

    // What the bits of the result depend on, besides the weights and the samples themselves.
    private Dictionary<string, string> Settings() => new()
    {
        ["network"] = $"{_model.Graph.Name}, {_model.Graph.Parameters.Count} parameters, {_model.Graph.Parameters.Values.Sum(node => node.Shape.Count)} numbers",
        ["data"] = _train.ToString(),
        ["validation"] = _options.Validation?.ToString() ?? "none",
        ["epochs"] = _options.Budget is null ? $"{_epochs}" : _options.Epochs is null ? "any" : $"at most {_epochs}",
        ["budget"] = _options.Budget is { } budget ? $"{budget.TotalSeconds} s" : "none",
        ["batch"] = $"{_batch}",
        ["optimizer"] = _options.Optimizer.ToString(),
        ["schedule"] = _options.Schedule.ToString(),
        ["augmentation"] = _options.Augmentation.ToString(),
        ["preprocessing"] = $"mean {string.Join(' ', _preprocessing.Mean)}, deviation {string.Join(' ', _preprocessing.Deviation)}",
        ["label smoothing"] = $"{_options.LabelSmoothing}",
        ["clip norm"] = $"{_options.ClipNorm}",
        ["average decay"] = $"{_options.Ema}",
        ["frozen"] = _options.Frozen.Count > 0 ? string.Join(' ', _options.Frozen) : "none",
        ["seed"] = $"{_options.Seed}",
        ["patience"] = $"{_options.Patience}",
        ["restore best"] = $"{_options.RestoreBest}",
    };
}
