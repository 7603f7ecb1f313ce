using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Tenfold.Kernels;

namespace Tenfold;

/// <summary>Threads that work together on one thing after another: fork, run every item once, join.</summary>
/// <remarks>
/// <para>Each thread begins with its share of the items, neighbours, which so often read what it wrote in the step before, and ends with what others have
/// not come to: which thread runs an item is left to chance, and what it computes must not depend on it.</para>
/// <para>A fork and join costs a fraction of a microsecond: the workers spin for a short while after the last item before they go to sleep. What threads
/// tell each other are lines of the cache that one writes and another waits for, so there are few of them: the claim of each thread, written to fork, and
/// how many items each has done, written once it finds no more.</para>
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

    // Forks are numbered through all runs; that of step i is number _first + i. A claim holds the number of its fork in the upper half and the next item
    // of a thread's share in the lower, so that a late worker cannot take an item of a fork that it has not seen. What is done is kept likewise.
    private readonly Lines[] _lines;
    private IReadOnlyList<Step> _steps = [];
    private int _first;
    private int _next;
    private ExceptionDispatchInfo? _fault;

    private readonly object _joined = new();
    private bool _callerSleeps;

    private Team(int threads)
    {
        _scratch = new float[threads][];
        Array.Fill(_scratch, []);
        _lines = new Lines[threads];
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
            Begin(steps);
            try
            {
                for (var i = 0; i < steps.Count; i++)
                {
                    var start = times.IsEmpty ? 0 : Stopwatch.GetTimestamp();
                    Run(steps[i], i);
                    if (!times.IsEmpty) times[i] = Stopwatch.GetTimestamp() - start;
                }
            }
            finally
            {
                _steps = []; // the plan may go
            }
        }
    }

    // A worker that is late may still hold the last claim of the steps before, so that one is made void before others stand there.
    private void Begin(IReadOnlyList<Step> steps)
    {
        if (Threads == 1) return;
        for (var thread = 0; thread < Threads; thread++) Volatile.Write(ref _lines[thread].Claim, Numbered(_next, Void));
        Interlocked.MemoryBarrier();
        (_steps, _first) = (steps, _next + 1);
        _next += 1 + steps.Count;
    }

    private void Run(Step step, int index)
    {
        if (step.Items == 1 || Threads == 1)
        {
            for (var item = 0; item < step.Items; item++) step.Work(item, Scratch(0));
            return;
        }

        var fork = _first + index;
        for (var thread = Threads - 1; thread >= 0; thread--) Volatile.Write(ref _lines[thread].Claim, Numbered(fork, Share(step.Items, thread)));
        Interlocked.MemoryBarrier();
        foreach (var worker in _workers) worker.Wake();
        Take(0);
        for (var start = Stopwatch.GetTimestamp(); Done(fork) < step.Items;)
            if (!Patient(start)) Sleep(fork, step.Items);
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
    private void Sleep(int fork, int items)
    {
        lock (_joined)
        {
            Volatile.Write(ref _callerSleeps, true);
            Interlocked.MemoryBarrier();
            while (Done(fork) < items) Monitor.Wait(_joined);
            Volatile.Write(ref _callerSleeps, false);
        }
    }

    private const int Void = int.MaxValue;

    private static long Numbered(int fork, int count) => ((long)fork << 32) | (uint)count;

    private static int Fork(long numbered) => (int)(numbered >> 32);

    // Items of a fork that are done.
    private int Done(int fork)
    {
        var done = 0;
        for (var thread = 0; thread < Threads; thread++)
            if (Volatile.Read(ref _lines[thread].Done) is var numbered && Fork(numbered) == fork) done += (int)numbered;
        return done;
    }

    // Where a thread's share of the items begins.
    private int Share(int items, int thread) => (int)((long)items * thread / Threads);

    // Works on items of the current fork until none is left: those of its own share first, then what others have not come to.
    private void Take(int thread)
    {
        var done = _lines[thread].Done;
        for (var passed = 0; passed < Threads;)
        {
            var share = (thread + passed) % Threads;
            var claim = Volatile.Read(ref _lines[share].Claim);
            var (steps, index, item) = (_steps, Fork(claim) - _first, (int)claim);
            if (item == Void || (uint)index >= (uint)steps.Count || steps[index] is var step && item >= Share(step.Items, share + 1))
            {
                passed++;
                continue;
            }

            if (Interlocked.CompareExchange(ref _lines[share].Claim, claim + 1, claim) != claim) continue;
            try
            {
                step.Work(item, Scratch(thread));
            }
            catch (Exception exception)
            {
                _fault = ExceptionDispatchInfo.Capture(exception);
            }

            done = (Fork(done) == Fork(claim) ? done : Numbered(Fork(claim), 0)) + 1;
        }

        if (done == _lines[thread].Done) return;
        Interlocked.Exchange(ref _lines[thread].Done, done);
        if (!Volatile.Read(ref _callerSleeps)) return;
        lock (_joined) Monitor.Pulse(_joined);
    }

    private float* Scratch(int thread) => _scratch[thread].Length == 0 ? null : _scratch[thread].Aligned();

    // What a thread and the others tell each other, each on a line of the cache of its own.
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Lines
    {
        [FieldOffset(64)]
        public long Claim;

        [FieldOffset(192)]
        public long Done;
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
            var seen = 0;
            while (true)
            {
                for (var start = Stopwatch.GetTimestamp(); Fork(Volatile.Read(ref _team._lines[_index].Claim)) == seen;)
                    if (!Patient(start)) Sleep(seen);

                seen = Fork(Volatile.Read(ref _team._lines[_index].Claim));
                _team.Take(_index);
            }
        }

        // A fork that begins after the flag is up rings the bell, one that began before is seen; so none is slept through.
        private void Sleep(int seen)
        {
            lock (_bell)
            {
                Volatile.Write(ref _asleep, true);
                Interlocked.MemoryBarrier();
                while (Fork(Volatile.Read(ref _team._lines[_index].Claim)) == seen) Monitor.Wait(_bell);
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

    /// <summary>Whether it changes a value's layout, and nothing else.</summary>
    public bool Converts { get; init; }
}
