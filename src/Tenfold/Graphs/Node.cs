namespace Tenfold;

/// <summary>A value in a graph: an operation applied to other values, and the shape that comes out.</summary>
/// <remarks>
/// <para>Immutable, with reference identity: two nodes that compute the same are two nodes, so a skip connection is a C# local variable.</para>
/// <para>A node knows its shape the moment it exists; a broken rule throws at the line that wrote it.</para>
/// <para>Names travel with values: <see cref="Scope(string, Func{Node, Node})"/> hands the body the same value in an inner scope, and
/// whatever is made from it is named there.</para>
/// </remarks>
public sealed class Node
{
    private static long s_count;

    private readonly Node? _alias; // the value itself, when this node is only that value seen in another scope
    private readonly string _scope;
    private readonly Node[] _inputs;

    internal Node(Op op, ReadOnlySpan<Node> inputs, string? name)
    {
        var shapes = new Shape[inputs.Length];
        _inputs = new Node[inputs.Length];
        for (var i = 0; i < inputs.Length; i++) (_inputs[i], shapes[i]) = (inputs[i].Value, inputs[i].Shape);
        Op = op;
        Shape = op.Infer(shapes);
        _scope = inputs.Length > 0 ? inputs[0]._scope : "";
        Label = _scope + (name ?? op.Name.Replace(' ', '_') + "#");
        Id = Interlocked.Increment(ref s_count);
    }

    private Node(Node value, string scope)
    {
        (_alias, _scope, _inputs) = (value, scope, value._inputs);
        (Op, Shape, Label, Id) = (value.Op, value.Shape, value.Label, value.Id);
    }

    public Op Op { get; }

    public IReadOnlyList<Node> Inputs => _inputs;

    public Shape Shape { get; }

    public int Channels => Shape.Channels;

    /// <summary>Cost for this node's shapes; parameters are those among its inputs.</summary>
    public Cost Cost
    {
        get
        {
            long parameters = 0;
            foreach (var input in _inputs)
                if (input.Op is Parameter { Trained: true }) parameters += input.Shape.Count;
            return Op.Cost(Array.ConvertAll(_inputs, input => input.Shape), Shape) with { Parameters = parameters };
        }
    }

    /// <summary>The name with its scope, before the graph replaces <c>#</c> and <c>?</c> by a number.</summary>
    internal string Label { get; }

    /// <summary>Grows with every node made, so sorting by it is a topological order, and the order in which the network was written.</summary>
    internal long Id { get; }

    /// <summary>The value itself, whatever scope it is seen in.</summary>
    internal Node Value => _alias ?? this;

    /// <summary>The value seen outside of all scopes: what is made from it is named as it is told.</summary>
    internal Node Outermost => _scope.Length == 0 ? this : new Node(Value, "");

    /// <summary>What <paramref name="body"/> makes of this value, with <c>name.</c> before the names of all it makes.</summary>
    public Node Scope(string name, Func<Node, Node> body) => Leave(body(Enter(name)));

    /// <summary>The same for a body with several results.</summary>
    public Node[] Scope(string name, Func<Node, Node[]> body) => Array.ConvertAll(body(Enter(name)), Leave);

    public Graph ToGraph(string name) => new(name, this);

    public override string ToString() => $"{Label}: {Op.Name} -> {Shape}";

    private Node Enter(string name) => new(Value, $"{_scope}{name}.");

    private Node Leave(Node inner) => inner._scope == _scope ? inner : new Node(inner.Value, _scope);
}
