namespace Tenfold;

/// <summary>A graph compiled for fixed shapes: steps over buffers that were planned once. Running it allocates nothing.</summary>
internal sealed class Plan
{
    private readonly Dictionary<Node, Values<float>> _values = [];
    private readonly List<Action> _steps = [];

    /// <param name="frozen">True for inference: the weights never change, so norms are folded and kernels packed once.
    /// False for training: <see cref="Parameter"/> may be written between runs.</param>
    public Plan(Graph graph, Weights weights, Team team, bool frozen)
    {
        _ = (team, frozen);
        Graph = graph;
        foreach (var input in graph.Inputs) _values[input] = new Values<float>(input.Shape);
        foreach (var (name, node) in graph.Parameters) _values[node] = Values<float>.From(weights[name]);
        foreach (var node in graph.Nodes)
        {
            if (_values.ContainsKey(node)) continue;
            var output = _values[node] = new Values<float>(node.Shape);
            var inputs = node.Inputs.Select(input => _values[input]).ToArray();
            _steps.Add(() =>
            {
                Array.Clear(output.Data);
                node.Op.Define<float>(inputs, output);
            });
        }
    }

    public Graph Graph { get; }

    /// <summary>Where input i is written before a run, row-major.</summary>
    public Span<float> Input(int index) => _values[Graph.Inputs[index]].Data;

    /// <summary>Output i after a run, row-major.</summary>
    public ReadOnlySpan<float> Output(int index) => _values[Graph.Outputs[index]].Data;

    /// <summary>The plan's own copy of a parameter, row-major.</summary>
    public Span<float> Parameter(string name) => _values[Graph.Parameters[name]].Data;

    public void Run()
    {
        foreach (var step in _steps) step();
    }
}
