namespace Tenfold;

/// <summary>A network as a value: its outputs and all they are made of, in topological order. It holds no weights.</summary>
public sealed class Graph
{
    private readonly Dictionary<Node, string> _names = [];
    private readonly Dictionary<string, Node> _parameters = [];

    /// <exception cref="ArgumentException">Two layers were given the same name.</exception>
    public Graph(string name, params IEnumerable<Node> outputs) : this(name, outputs, null)
    {
    }

    // The parameters keep the names that they have in another graph.
    private Graph(string name, IEnumerable<Node> outputs, Graph? named)
    {
        Name = name;
        Outputs = [.. outputs.Select(node => node.Value)];
        if (Outputs.Count == 0) throw new ArgumentException($"graph {name}: has no output", nameof(outputs));
        Nodes = Reach(Outputs);
        Inputs = [.. Nodes.Where(node => node.Op is Input)];
        if (named is not null)
            foreach (var (parameter, node) in named._parameters)
                if (Nodes.Contains(node)) (_names[node], _parameters[parameter]) = (parameter, node);
        NameNodes();
    }

    public string Name { get; }

    public IReadOnlyList<Node> Inputs { get; }

    public IReadOnlyList<Node> Outputs { get; }

    /// <summary>Inputs before those that use them, otherwise in the order in which they were written.</summary>
    public IReadOnlyList<Node> Nodes { get; }

    /// <summary>Name to <see cref="Tenfold.Parameter"/> node, in order of first use: <c>layer1.0.conv1.weight</c>.</summary>
    public IReadOnlyDictionary<string, Node> Parameters => _parameters;

    /// <summary>The output of a graph that has one.</summary>
    public Node Output => Outputs is [var output] ? output : throw new InvalidOperationException($"graph {Name}: has {Outputs.Count} outputs, not one");

    public Cost Cost => Nodes.Aggregate(default(Cost), (sum, node) => sum + node.Cost) with { Parameters = TrainedParameters };

    /// <summary>The node's name, unique in the graph.</summary>
    public string NameOf(Node node) => _names[node.Value];

    /// <summary>First values for every parameter: the same on every machine for the same seed, and for a parameter of the same name.</summary>
    public Weights Init(ulong seed = 0)
    {
        var weights = new Weights();
        foreach (var (name, node) in _parameters)
            weights[name] = ((Parameter)node.Op).Initializer.Fill(node.Shape, Philox.Named(seed, name));
        return weights;
    }

    /// <summary>The same network for other input shapes, in the order of <see cref="Inputs"/>.</summary>
    /// <exception cref="ShapeException">The architecture does not take them.</exception>
    public Graph WithInputs(params ReadOnlySpan<Shape> shapes)
    {
        if (shapes.Length != Inputs.Count) throw new ShapeException($"graph {Name}: takes {Inputs.Count} inputs, not {shapes.Length}");
        var given = shapes.ToArray();
        return Rewrite((node, inputs) =>
        {
            for (var i = 0; i < given.Length; i++)
                if (Inputs[i] == node) return new Input(given[i]).Apply(inputs, NameOf(node));
            return null;
        });
    }

    public Graph WithBatch(int batch) => WithInputs([.. Inputs.Select(input => input.Shape.With(0, batch))]);

    /// <summary>The same network with other first values.</summary>
    /// <param name="rule">From a parameter and its name to its first values, or null to keep what it has.</param>
    public Graph WithInit(Func<string, Parameter, Initializer?> rule) => Rewrite((node, _) =>
        node.Op is Parameter parameter && rule(NameOf(node), parameter) is { } initializer ? (parameter with { Initializer = initializer }).Apply() : null);

    /// <summary>A graph in which <paramref name="rule"/> has replaced nodes.</summary>
    /// <param name="rule">Given a node and its inputs as already rewritten: its replacement, or null to keep it (made anew on its new inputs
    /// behind the first change). Kept nodes keep their names.</param>
    public Graph Rewrite(Func<Node, Node[], Node?> rule) => new(Name, Outputs.Select(Rewriting(rule).Invoke));

    /// <summary>The same, for compilers: the parameters that stay keep their names, whatever uses them now.</summary>
    internal Graph Pass(Func<Node, Node[], Node?> rule) => new(Name, Outputs.Select(Rewriting(rule).Invoke), this);

    /// <summary>What one of its values is made of; the parameters keep their names.</summary>
    internal Graph Until(Node node) => new(Name, [node], this);

    /// <summary>The map from this graph's nodes to the rewritten ones.</summary>
    internal Func<Node, Node> Rewriting(Func<Node, Node[], Node?> rule)
    {
        var made = new Dictionary<Node, Node>();
        var same = true;
        foreach (var node in Nodes)
        {
            var inputs = new Node[node.Inputs.Count];
            for (var i = 0; i < inputs.Length; i++) inputs[i] = made[node.Inputs[i]].Outermost; // NameOf is the whole name: a kept input must not put its scope before it again

            // Behind the first change all are made anew, also what has the same inputs: the order of the nodes, which names the parameters, is kept.
            made[node] = rule(node, inputs)?.Value ?? (same || inputs.Length == 0 ? node : node.Op.Apply(inputs, NameOf(node)));
            same &= made[node] == node;
        }

        return node => made[node.Value];
    }

    public override string ToString() => $"{Name}: {string.Join(", ", Inputs.Select(i => i.Shape))} -> {string.Join(", ", Outputs.Select(o => o.Shape))}";

    private long TrainedParameters => _parameters.Values.Where(node => node.Op is Parameter { Trained: true }).Sum(node => node.Shape.Count);

    private static Node[] Reach(IReadOnlyList<Node> outputs)
    {
        var reached = new HashSet<Node>();
        var open = new Stack<Node>(outputs);
        while (open.TryPop(out var node))
            if (reached.Add(node))
                foreach (var input in node.Inputs) open.Push(input);
        Node[] ordered = [.. reached];
        Array.Sort(ordered, (a, b) => a.Id.CompareTo(b.Id));
        return ordered;
    }

    // A layer's parameters are named after it, so they are named when the first layer that uses them is.
    private void NameNodes()
    {
        var taken = new HashSet<string>();
        var counts = new Dictionary<string, int>();
        foreach (var node in Nodes)
        {
            if (node.Op is Parameter) continue;
            var name = node.Label;
            for (var label = name; label.AsSpan().ContainsAny('#', '?') && (name == label || taken.Contains(name));)
            {
                var count = counts[label] = counts.GetValueOrDefault(label) + 1;
                name = label.Replace("#", $"{count}").Replace("?", count == 1 ? "" : $"{count}");
            }

            if (!taken.Add(name)) throw new ArgumentException($"graph {Name}: two layers are named {name}");
            _names[node] = name;
            foreach (var input in node.Inputs)
            {
                if (input.Op is not Parameter parameter || _names.ContainsKey(input)) continue;
                var full = $"{name}.{parameter.Role}";
                if (!_parameters.TryAdd(full, input)) throw new ArgumentException($"graph {Name}: two parameters are named {full}");
                _names[input] = full;
            }
        }
    }
}
