using System.Diagnostics;
using System.Text;
using Tenfold.Kernels;

namespace Tenfold;

/// <summary>A graph compiled for fixed shapes: steps over memory that was planned once. Running it allocates nothing.</summary>
internal sealed partial class Plan
{
    private readonly Team _team;
    private readonly RunOptions _options;
    private readonly Weights _weights;
    private readonly Constants _shared;
    private readonly Dictionary<Node, List<Node>> _users;
    private readonly IReadOnlyList<Node> _inputs; // also those of which passes leave nothing to be read
    private readonly HashSet<Node> _constants; // computed when somebody asks for them
    private readonly HashSet<Node> _plain;
    private readonly Dictionary<Node, Choice> _chosen;
    private readonly Dictionary<Node, Slot> _plainSlots = [], _blockedSlots = [];
    private readonly Dictionary<Node, PlaneSums> _sums = []; // some sums of each plane that came with a map: [batch][block][count][16]
    private readonly List<Slot> _all = [];
    private readonly HashSet<Slot> _read = []; // constants
    private readonly List<Step> _steps = [];
    private readonly Arena _arena;
    private PassingNumbers? _passing; // while the plan is made

    /// <param name="frozen">True for inference: the weights never change, so norms are folded and kernels packed once.
    /// False for training: <see cref="Parameter"/> may be written between runs.</param>
    public Plan(Graph graph, Weights weights, Team team, bool frozen, RunOptions? options = null, Constants? shared = null)
        : this(graph, weights, team, frozen, options ?? new RunOptions(), shared ?? new Constants(), begins: false)
    {
    }

    // One that begins another leaves its output in blocks.
    private Plan(Graph graph, Weights weights, Team team, bool frozen, RunOptions options, Constants shared, bool begins)
    {
        foreach (var usual in (Action[])[WeightRows.Warm, DenseSum.Warm, Repack.Warm, Lanes.Warm]) Warming.Add(usual);
        (_weights, _team, _options, _shared) = (weights, team, options, shared);
        if (frozen && Cut(graph) is { } cut)
        {
            _options = _options with { Blocks = true };
            _samples = Keep(Memory(graph.Inputs[0].Shape, Layout.Plain));
            _samples.Last = -1;
            _each = new Plan(OfOne(graph.Until(cut)), weights, team, frozen, _options, shared, begins: true);
            graph = graph.Pass((node, _) => node == cut ? new Input(node.Shape).Apply([], graph.NameOf(node)) : null);
        }

        _inputs = graph.Inputs;
        Graph = graph = Passes.All(graph, frozen, _options.Without);
        _users = graph.Users();
        _constants = frozen ? graph.Constants() : [];
        _plain = InPlainOrder(graph, _users, _constants, _options);
        _chosen = Chosen();

        foreach (var input in _inputs) Keep(New(input, _each is null ? Layout.Plain : Layout.Blocked)).Last = -1;
        if (_each is not null) _magnitudes[_inputs[0]] = _each.Magnitude(_each.Graph.Outputs[0]);
        if (!frozen)
            foreach (var parameter in graph.Parameters.Values) Keep(New(parameter, Layout.Plain));
        foreach (var node in graph.Nodes)
        {
            if (node.Op is Leaf || _constants.Contains(node)) continue;
            var first = _steps.Count;
            Lower(node);
            if (node.Cost.Macs > 0) Main(first)?.Macs = node.Cost.Macs;
        }

        foreach (var output in graph.Outputs)
        {
            var slot = Get(output, begins ? Layout.Blocked : Layout.Plain);
            if (frozen) slot.Needed(slot.First, Slot.Forever); // from the step that writes it until somebody has read it
            else Keep(slot);
        }

        // What was only made something else of is not needed any more.
        foreach (var slots in new[] { _plainSlots, _blockedSlots })
            foreach (var (node, slot) in slots)
                if (slot.Constant && !_read.Contains(slot) && !graph.Outputs.Contains(node)) slots.Remove(node);
        _shared.Forget();

        _passing?.Free();
        _passing = null;
        _arena = new Arena([.. _all.Where(slot => !slot.Constant && slot.Whole is null)]);
        if (!frozen)
            foreach (var (name, node) in graph.Parameters) weights[name].Span.CopyTo(SlotsIn(Layout.Plain)[node].Span);
        Steps = _each is null ? _steps : [.. _each._steps.Select(OfAll), .. _steps];
    }

    // Of the steps that a node became, from the first on, the one that moves most does its multiply-adds; the others pack and convert.
    private Step? Main(int first)
    {
        Step? main = null;
        for (var i = first; i < _steps.Count; i++)
            if (!_steps[i].Converts && (main is null || _steps[i].Bytes > main.Bytes)) main = _steps[i];
        return main;
    }

    /// <summary>The graph as the compiler rewrote it, with the outputs that it had, and the inputs and parameters that they still depend on; without what is computed a sample at a time.</summary>
    public Graph Graph { get; }

    /// <summary>In their order; those of single samples stand for all of them.</summary>
    public IReadOnlyList<Step> Steps { get; }

    /// <summary>Bytes of the arena and of the constants that steps read.</summary>
    public long Bytes => ArenaBytes + _read.Union(_each?._read ?? []).Sum(slot => slot.Size) * sizeof(float);

    /// <summary>Bytes of the memory that all values share.</summary>
    public long ArenaBytes => _arena.Size * sizeof(float) + (_each?.ArenaBytes ?? 0);

    /// <summary>Floats of scratch memory that each thread needs.</summary>
    public long Scratch { get; private set; }

    /// <summary>Where input i is written before a run, row-major.</summary>
    public Span<float> Input(int index) => (_samples ?? SlotsIn(Layout.Plain)[_inputs[index]]).Span;

    /// <summary>Output i after a run, row-major.</summary>
    public ReadOnlySpan<float> Output(int index) => SlotsIn(Layout.Plain)[Graph.Outputs[index]].Span;

    /// <summary>The plan's own copy of a parameter, row-major, unless the plan is frozen.</summary>
    public Span<float> Parameter(string name) => SlotsIn(Layout.Plain)[Graph.Parameters[name]].Span;

    public void Run() => Run(default(Span<long>));

    /// <summary>Runs on the caller's memory, of one input and one output, row-major; they are copied only where they must be.</summary>
    /// <remarks>Kernels treat 16 numbers at a time. They may read behind an input's last number, which is harmless within its page of memory, and
    /// write behind an output's unless its count is a multiple of 16.</remarks>
    public unsafe void Run(ReadOnlySpan<float> input, Span<float> output, Span<long> times = default)
    {
        var (from, to) = (_samples ?? SlotsIn(Layout.Plain)[_inputs[0]], SlotsIn(Layout.Plain)[Graph.Outputs[0]]);
        var apart = from != to && !output.Overlaps(input);
        fixed (float* x = input, y = output)
        {
            try
            {
                var end = (nuint)(x + input.Length) & 4095;
                if (apart && from.Whole is null && end > 0 && end <= 4096 - 64) from.Lent = x;
                else input.CopyTo(from.Span);
                if (apart && to is { Whole: null, Constant: false } && output.Length % 16 == 0) to.Lent = y;
                Run(times);
                if (to.Lent == null) to.Span.CopyTo(output);
            }
            finally
            {
                from.Lent = null;
                to.Lent = null;
            }
        }
    }

    /// <summary>Runs once and takes the time of each step, in ticks of <see cref="Stopwatch"/>, where there is room for them.</summary>
    public void Run(Span<long> times)
    {
        if (_each is not null) RunSamples(times);
        _team.Run(_steps, Scratch, times.IsEmpty ? times : times[(Steps.Count - _steps.Count)..]);
    }

    /// <summary>The median time of each step over some runs.</summary>
    /// <param name="before">Called before each run: to write the inputs.</param>
    public IReadOnlyList<(Step Step, double Seconds)> Profile(int runs, Action? before = null)
    {
        var times = new long[runs][];
        for (var run = 0; run < runs; run++)
        {
            before?.Invoke();
            Run(times[run] = new long[Steps.Count]);
        }

        return [.. Steps.Select((step, i) => (step, times.Select(of => of[i]).Order().ElementAt(runs / 2) / (double)Stopwatch.Frequency))];
    }

    /// <summary>The passes and the steps, a line each.</summary>
    public string Explain(IReadOnlyList<(CompilerPasses Pass, string Did)> passes)
    {
        var text = new StringBuilder();
        var threads = _team.Threads == 1 ? "1 thread" : $"{_team.Threads} threads";
        text.AppendLine($"{Graph.Name}: {Steps.Count} steps, {ArenaBytes / 1e6:f1} MB for values and {(Bytes - ArenaBytes) / 1e6:f1} MB for weights, {threads}, {Simd.Width}-bit kernels");
        foreach (var (pass, did) in passes) text.AppendLine($"  {pass,-14}  {did}");
        text.AppendLine();
        var width = Math.Min(60, Steps.Count == 0 ? 0 : Steps.Max(step => step.Name.Length));
        foreach (var step in Steps) text.AppendLine($"  {step.Name.PadRight(width)}  {step.Kernel}");
        return text.ToString();
    }

    /// <summary>The value in the layout asked for; a step that converts it is added when it is not there.</summary>
    private Slot Get(Node node, Layout layout)
    {
        if (SlotsIn(layout).TryGetValue(node, out var slot)) return slot;
        if (_constants.Contains(node) && !SlotsIn(Layout.Plain).ContainsKey(node) && !SlotsIn(Layout.Blocked).ContainsKey(node))
        {
            if (node.Op is Parameter)
            {
                SlotsIn(Layout.Plain)[node] = _shared.Get(Constants.Key(node), () =>
                {
                    // Linear layers read their weights as they are: more than nine tenths of AlexNet's, which need not be held twice.
                    var tensor = _weights[Graph.NameOf(node)];
                    if (Pinned.Of(tensor) is { } pinned) return new Slot(node.Shape, Layout.Plain) { Constant = true, Tensor = pinned };
                    var copy = Now(new Slot(node.Shape, Layout.Plain));
                    tensor.Span.CopyTo(copy.Span);
                    return copy;
                });
            }
            else
            {
                Lower(node);
            }

            return Get(node, layout);
        }

        var other = SlotsIn(layout == Layout.Plain ? Layout.Blocked : Layout.Plain)[node];
        slot = New(node, layout);
        Convert(node, other, slot);
        return slot;
    }

    // By node alone: .NET's own code for keys of reference types comes compiled, that for a pair would be compiled at the start of each process.
    private Dictionary<Node, Slot> SlotsIn(Layout layout) => layout == Layout.Plain ? _plainSlots : _blockedSlots;

    /// <summary>The value as it is, in whichever layout.</summary>
    private Slot Any(Node node) => SlotsIn(Layout.Blocked).TryGetValue(node, out var slot) ? slot : Get(node, Layout.Plain);

    /// <summary>Where the node's value goes.</summary>
    /// <param name="over">Those of its inputs of which each number is read where the result's is then written, once: where nothing else wants one of them any more,
    /// the value goes over it, so that a map less goes through the caches.</param>
    private Slot New(Node node, Layout layout, params ReadOnlySpan<Node?> over)
    {
        var slots = SlotsIn(layout);
        foreach (var input in over)
        {
            if (input is null || input.Shape != node.Shape || !IsLastOf(node, input)) continue;
            if (slots.TryGetValue(input, out var slot) && slot.Whole is null && !_joined.ContainsKey(slot)) return slots[node] = slot; // neither a piece nor joined of pieces
        }

        return slots[node] = Memory(node.Shape, layout);
    }

    // Whether a value that the node reads, once, is wanted by nothing that is still to come, under no other name either.
    private bool IsLastOf(Node node, Node input) =>
        input.Op is not Leaf && !_constants.Contains(input) && !Graph.Outputs.Contains(input) && !IsView(input)
        && _users[input].Count(user => user == node) == 1
        && _users[input].All(user => user == node || (!IsView(user) && (_plainSlots.ContainsKey(user) || _blockedSlots.ContainsKey(user))));

    private Slot Memory(Shape shape, Layout layout)
    {
        var slot = new Slot(shape, layout);
        _all.Add(slot);
        return slot;
    }

    /// <summary>Plain floats that are no node's value: packed weights, partial sums.</summary>
    private Slot Floats(long count) => Memory([checked((int)count)], Layout.Plain);

    private static Slot Keep(Slot slot)
    {
        (slot.First, slot.Last) = (-1, Slot.Forever);
        return slot;
    }

    // Memory of its own, at once, for what is computed while the plan is made.
    private static Slot Now(Slot slot)
    {
        slot.Constant = true;
        _ = new Arena([slot]);
        return slot;
    }

    /// <summary>A step at the end of the plan; what it reads and writes decides how long that memory is needed. A step that reads constants alone
    /// makes constants, and is run at once.</summary>
    private void Add(string name, string kernel, int items, Slot[] reads, Slot[] writes, Work work, long scratch = 0, bool converts = false)
    {
        if (reads.Length > 0 && reads.All(slot => slot.Constant))
        {
            foreach (var slot in writes) Now(slot);
            _team.Run([new Step(name, kernel, items, work)], scratch);
            return;
        }

        _read.UnionWith(reads.Where(slot => slot.Constant));
        long bytes = 0;
        foreach (var slot in reads.Concat(writes))
        {
            bytes += slot.Size * sizeof(float);
            slot.Needed(_steps.Count, _steps.Count);
        }

        Scratch = Math.Max(Scratch, scratch);
        _steps.Add(new Step(name, kernel, items, work) { Bytes = bytes, Converts = converts });
    }
}
