using System.Runtime.ExceptionServices;

namespace Tenfold;

/// <summary>Samples side by side, ready for a network.</summary>
internal sealed class Batch(int size, Shape sample, int classes)
{
    /// <summary>[size, channels, height, width]; zeros behind <see cref="Count"/> samples.</summary>
    public float[] Pixels { get; } = new float[size * sample.Count];

    /// <summary>[size, classes], a probability for each; zeros behind <see cref="Count"/> samples.</summary>
    public float[] Targets { get; } = new float[size * classes];

    /// <summary>Which samples of the data set these are.</summary>
    public int[] Indices { get; } = new int[size];

    /// <summary>How many there are: fewer than the size only in the last batch of an evaluation.</summary>
    public int Count { get; set; }

    public int Epoch { get; set; }

    /// <summary>The number of this batch in its epoch.</summary>
    public int Position { get; set; }
}

/// <summary>Batches of a data set, one after the other, made ahead of time by background threads in a ring of buffers: nothing is allocated per batch.</summary>
/// <remarks>What is in a batch is a pure function of (seed, epoch, position), so a loader started in the middle goes on with the same batches.</remarks>
internal sealed class Loader : IDisposable
{
    private readonly Philox? _shuffle;
    private readonly Slot[] _ring;
    private readonly Thread[] _threads;
    private readonly int[] _order;
    private readonly long _end;

    // Guards what follows. Batches are numbered over all epochs: those below _freed are done with, below _claimed in the making.
    private readonly object _gate = new();
    private long _freed, _taken, _claimed;
    private int _ordered = -1; // the epoch whose order _order holds
    private bool _stopped;

    private Loader(Dataset data, int batch, int classes, int epochs, long first, Philox? shuffle, int threads, Func<SampleMaker> maker)
    {
        (BatchSize, _shuffle) = (batch, shuffle);
        // In training the samples that do not fill a batch wait for the next epoch's order; an evaluation sees every one.
        BatchesPerEpoch = shuffle is null ? (data.Count + batch - 1) / batch : data.Count / batch;
        _order = new int[data.Count];
        (_freed, _taken, _claimed, _end) = (first, first, first, (long)epochs * BatchesPerEpoch);
        _ring = new Slot[threads + 2]; // one in use, one ready, one in the making by each thread
        for (var i = 0; i < _ring.Length; i++) _ring[i] = new Slot(new Batch(batch, data.Shape, classes));
        _threads = new Thread[threads];
        for (var i = 0; i < threads; i++)
        {
            var own = maker();
            _threads[i] = new Thread(() => Work(own)) { IsBackground = true, Name = $"tenfold loader {i}" };
        }

        foreach (var thread in _threads) thread.Start();
    }

    public int BatchSize { get; }

    public int BatchesPerEpoch { get; }

    /// <summary>Shuffled and varied batches of one size, from batch <paramref name="first"/> (counted over all epochs) to the last of <paramref name="epochs"/>.</summary>
    public static Loader ForTraining(Dataset data, int batch, int classes, int epochs, long first, ulong seed, Preprocessing preprocessing, Augmentation augmentation, float smoothing, int threads) =>
        batch > data.Count
            ? throw new DataException($"{data.Name}: {data.Count} samples do not fill a batch of {batch}")
            : new(data, batch, classes, epochs, first, Philox.Named(seed, "order"), threads, () => new SampleMaker(data, preprocessing, augmentation, smoothing, seed));

    /// <summary>Every sample once, in order, unvaried.</summary>
    public static Loader ForEvaluation(Dataset data, int batch, int classes, Preprocessing preprocessing, int threads) =>
        new(data, batch, classes, epochs: 1, first: 0, shuffle: null, threads, () => new SampleMaker(data, preprocessing, Augmentation.None, 0, 0));

    /// <summary>The next batch, or null behind the last. It is good until the next call.</summary>
    /// <exception cref="DataException">A sample could not be read.</exception>
    public Batch? Next()
    {
        lock (_gate)
        {
            _freed = _taken;
            Monitor.PulseAll(_gate);
            if (_taken >= _end) return null;
            var slot = SlotOf(_taken);
            while (slot.Ready != _taken) Monitor.Wait(_gate);
            _taken++;
            slot.Fault?.Throw();
            return slot.Batch;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _stopped = true;
            Monitor.PulseAll(_gate);
        }

        foreach (var thread in _threads) thread.Join();
    }

    private void Work(SampleMaker maker)
    {
        while (Claim() is var number and >= 0)
        {
            var slot = SlotOf(number);
            try
            {
                Fill(slot.Batch, maker);
            }
            catch (Exception exception)
            {
                slot.Fault = ExceptionDispatchInfo.Capture(exception); // for whoever takes the batch
            }

            lock (_gate)
            {
                slot.Ready = number;
                Monitor.PulseAll(_gate);
            }
        }
    }

    // The number of the batch to make next, its samples noted in its slot; -1 when there is none.
    private long Claim()
    {
        lock (_gate)
        {
            while (!_stopped && _claimed < _end && _claimed >= _freed + _ring.Length) Monitor.Wait(_gate);
            if (_stopped || _claimed >= _end) return -1;
            var batch = SlotOf(_claimed).Batch;
            (batch.Epoch, batch.Position) = ((int)(_claimed / BatchesPerEpoch), (int)(_claimed % BatchesPerEpoch));
            var order = Order(batch.Epoch).Slice(batch.Position * BatchSize);
            batch.Count = Math.Min(order.Length, BatchSize);
            order[..batch.Count].CopyTo(batch.Indices);
            return _claimed++;
        }
    }

    private ReadOnlySpan<int> Order(int epoch)
    {
        if (_ordered == epoch) return _order;
        if (_shuffle is { } shuffle) shuffle.Permute(_order, (ulong)epoch);
        else for (var i = 0; i < _order.Length; i++) _order[i] = i;
        _ordered = epoch;
        return _order;
    }

    private static void Fill(Batch batch, SampleMaker maker)
    {
        var (sample, classes) = (batch.Pixels.Length / batch.Indices.Length, batch.Targets.Length / batch.Indices.Length);
        for (var i = 0; i < batch.Count; i++)
            maker.Make(batch.Indices[i], batch.Epoch, batch.Pixels.AsSpan(i * sample, sample), batch.Targets.AsSpan(i * classes, classes));
        batch.Pixels.AsSpan(batch.Count * sample).Clear();
        batch.Targets.AsSpan(batch.Count * classes).Clear();
    }

    private Slot SlotOf(long number) => _ring[number % _ring.Length];

    private sealed class Slot(Batch batch)
    {
        public Batch Batch { get; } = batch;

        /// <summary>The number of the batch that is in it, whole.</summary>
        public long Ready { get; set; } = -1;

        public ExceptionDispatchInfo? Fault { get; set; }
    }
}
