using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Tenfold;

/// <summary>Threads that work together on one thing after another: fork, run every item once, join.</summary>
/// <remarks>
/// <para>Each thread begins with its share of the items, neighbours, which so often read what it wrote in the step before, and ends with what others have
/// not come to: which thread runs an item is left to chance, and what it computes must not depend on it.</para>
/// <para>A fork and join costs a fraction of a microsecond: the workers spin for a short while after the last item before they go to sleep.</para>
/// <para>Whoever waits lets others have the processor: where a third thread wants one of two, a worker that lost its processor in the middle of an
/// item would hold up the join for as long as the other runs. The caller that goes to sleep leaves it a processor of its own.</para>
/// <para>Teams are shared: all plans of the same number of threads take turns on one, so several sessions never oversubscribe the machine.</para>
/// </remarks>
internal sealed unsafe class Team
{
    private static readonly long s_spin = Stopwatch.Frequency / 50_000; // 20 microseconds on the processor
    private static readonly long s_yield = Stopwatch.Frequency / 2_000; // half a millisecond in which others may have it; then Linux moves a waiting thread to an idle processor

    private static readonly ConcurrentDictionary<int, Team> s_teams = [];

    private readonly Lock _turn = new();
    private readonly float[][] _scratch;
    private readonly Worker[] _workers;

    // The current fork. A claim holds its number in the upper half and the next item of a thread's share in the lower, so that a late worker cannot
    // take an item of a fork that it has not seen.
    private Step? _step;
    private int _items;
    private readonly Claim[] _claims;
    private int _done;
    private ExceptionDispatchInfo? _fault;

    private readonly object _joined = new();
    private bool _callerSleeps;

    private Team(int threads)
    {
        _scratch = new float[threads][];
        Array.Fill(_scratch, []);
        _claims = new Claim[threads];
        _workers = new Worker[threads - 1];
        for (var i = 0; i < _workers.Length; i++) _workers[i] = new Worker(this, i + 1);
    }

    public int Threads => _scratch.Length;

    public static Team Of(int threads) => threads is >= 1 and <= 1024
        ? threads == 1 ? new Team(1) : s_teams.GetOrAdd(threads, count => new Team(count))
        : throw new ArgumentOutOfRangeException(nameof(threads), threads, "threads: at least 1 and at most 1024");

    /// <summary>Runs the steps in order, each with all its items, while no other plan runs on this team.</summary>
    /// <param name="scratch">Floats of scratch memory that every thread needs.</param>
    /// <param name="times">Filled with the time of each step, in ticks of <see cref="Stopwatch"/>, unless it is empty.</param>
    public void Run(IReadOnlyList<Step> steps, long scratch, Span<long> times = default)
    {
        lock (_turn)
        {
            for (var i = 0; i < _scratch.Length; i++)
                if (_scratch[i].Length < scratch + 16) _scratch[i] = GC.AllocateUninitializedArray<float>(checked((int)scratch + 16), pinned: true);
            for (var i = 0; i < steps.Count; i++)
            {
                var start = times.IsEmpty ? 0 : Stopwatch.GetTimestamp();
                Run(steps[i]);
                if (!times.IsEmpty) times[i] = Stopwatch.GetTimestamp() - start;
            }
        }
    }

    private void Run(Step step)
    {
        if (step.Items == 1 || Threads == 1)
        {
            for (var item = 0; item < step.Items; item++) step.Work(item, Scratch(0));
            return;
        }

        // A worker that is late may still hold the last claim of the fork before, so that one is made void before the new items stand there.
        var fork = (_claims[0].Next >> 32) + 1;
        for (var thread = 0; thread < Threads; thread++) Volatile.Write(ref _claims[thread].Next, (fork << 32) | int.MaxValue);
        Interlocked.MemoryBarrier();
        (_step, _items) = (step, step.Items);
        Volatile.Write(ref _done, 0);
        for (var thread = 0; thread < Threads; thread++) Volatile.Write(ref _claims[thread].Next, ((fork + 1) << 32) | (uint)Share(step.Items, thread));
        Interlocked.MemoryBarrier();
        foreach (var worker in _workers) worker.Wake();
        Take(0);
        for (var start = Stopwatch.GetTimestamp(); Volatile.Read(ref _done) < step.Items;)
            if (!Patient(start)) Sleep();
        if (_fault is not { } fault) return;
        _fault = null;
        fault.Throw();
    }

    // One short wait; false when it has been long enough to sleep.
    private static bool Patient(long since)
    {
        var waited = Stopwatch.GetTimestamp() - since;
        if (waited < s_spin) Thread.SpinWait(1);
        else Thread.Yield();
        return waited < s_yield;
    }

    // Until the last item is done; whoever does it sees the flag, or it was done before.
    private void Sleep()
    {
        lock (_joined)
        {
            Volatile.Write(ref _callerSleeps, true);
            Interlocked.MemoryBarrier();
            while (Volatile.Read(ref _done) < _items) Monitor.Wait(_joined);
            Volatile.Write(ref _callerSleeps, false);
        }
    }

    // Where a thread's share of the items begins.
    private int Share(int items, int thread) => (int)((long)items * thread / Threads);

    // Works on items of the current fork until none is left: those of its own share first, then what others have not come to.
    private void Take(int thread)
    {
        for (var passed = 0; passed < Threads;)
        {
            var share = (thread + passed) % Threads;
            var claim = Volatile.Read(ref _claims[share].Next);
            var (step, items, item) = (_step, _items, (int)claim);
            if (item >= Share(items, share + 1))
            {
                passed++;
                continue;
            }

            if (Interlocked.CompareExchange(ref _claims[share].Next, claim + 1, claim) != claim) continue;
            try
            {
                step!.Work(item, Scratch(thread));
            }
            catch (Exception exception)
            {
                _fault = ExceptionDispatchInfo.Capture(exception);
            }

            if (Interlocked.Increment(ref _done) < items || !Volatile.Read(ref _callerSleeps)) continue;
            lock (_joined) Monitor.Pulse(_joined);
        }
    }

    // Aligned to 64 bytes.
    private float* Scratch(int thread)
    {
        if (_scratch[thread].Length == 0) return null;
        var start = (nuint)System.Runtime.CompilerServices.Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_scratch[thread]));
        return (float*)((start + 63) & ~(nuint)63);
    }

    // On a cache line of its own.
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Claim
    {
        [FieldOffset(64)]
        public long Next;
    }

    private sealed class Worker
    {
        private readonly Team _team;
        private readonly int _index;
        private readonly object _bell = new();
        private bool _asleep;

        public Worker(Team team, int index)
        {
            (_team, _index) = (team, index);
            new Thread(Live) { IsBackground = true, Name = $"tenfold worker {index}" }.Start();
        }

        public void Wake()
        {
            if (!Volatile.Read(ref _asleep)) return;
            lock (_bell) Monitor.Pulse(_bell);
        }

        private void Live()
        {
            long seen = 0;
            while (true)
            {
                for (var start = Stopwatch.GetTimestamp(); Volatile.Read(ref _team._claims[_index].Next) >> 32 == seen;)
                    if (!Patient(start)) Sleep(seen);

                seen = Volatile.Read(ref _team._claims[_index].Next) >> 32;
                _team.Take(_index);
            }
        }

        // A fork that begins after the flag is up rings the bell, one that began before is seen; so none is slept through.
        private void Sleep(long seen)
        {
            lock (_bell)
            {
                Volatile.Write(ref _asleep, true);
                Interlocked.MemoryBarrier();
                while (Volatile.Read(ref _team._claims[_index].Next) >> 32 == seen) Monitor.Wait(_bell);
                Volatile.Write(ref _asleep, false);
            }
        }
    }
}

/// <summary>What one step does for one item, with scratch memory of the thread that runs it.</summary>
internal unsafe delegate void Work(int item, float* scratch);

/// <summary>One step of a plan: work that falls into independent items.</summary>
/// <param name="Name">The node or nodes that it computes.</param>
/// <param name="Kernel">How, and why so.</param>
internal sealed record Step(string Name, string Kernel, int Items, Work Work)
{
    /// <summary>Multiply-adds of its layers.</summary>
    public long Macs { get; set; }

    /// <summary>What it reads and writes.</summary>
    public long Bytes { get; init; }
}
