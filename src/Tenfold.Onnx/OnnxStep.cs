using Onnx;
using Attribute = Onnx.AttributeProto.Types.AttributeType;

namespace Tenfold;

/// <summary>A value on the way in: computed by the network, or known already.</summary>
/// <param name="Source">The name of the tensor in the file, when it is one: a weight.</param>
internal sealed record Value(Node? Node, Constant? Known, string? Source = null)
{
    public static implicit operator Value(Node node) => new(node, null);

    public static implicit operator Value(Constant known) => new(null, known);

    public int[] Sizes => Known?.Sizes ?? [.. Node!.Shape];
}

/// <summary>One ONNX node with its inputs: what the translation of its operator works with.</summary>
internal sealed class OnnxStep
{
    private readonly OnnxImport _import;
    private readonly NodeProto _proto;
    private readonly Value?[] _inputs;
    private readonly Dictionary<string, AttributeProto> _attributes = [];
    private readonly string _layer;

    public OnnxStep(OnnxImport import, NodeProto proto, Value?[] inputs, int opset)
    {
        (_import, _proto, _inputs, Opset) = (import, proto, inputs, opset);
        foreach (var attribute in proto.Attribute)
            if (!_attributes.TryAdd(attribute.Name, attribute)) throw new FormatException($"the attribute {OnnxModel.Short(attribute.Name)} is there twice");

        // Weights named after their layer (layer1.0.conv1.weight) name it here too.
        var weights = inputs.Where(input => input?.Source is { } source && source.LastIndexOf('.') > 0).Select(input => input!.Source![..input.Source!.LastIndexOf('.')]).Distinct().ToArray();
        _layer = weights is [var only] ? only : OnnxModel.Named(proto);
    }

    public string Type => _proto.OpType;

    public string Name => OnnxModel.Named(_proto);

    public int Opset { get; }

    public int Inputs => _inputs.Length;

    public int Outputs => _proto.Output.Count;

    public bool UsesOutput(int i) => i < _proto.Output.Count && _import.IsRead(_proto.Output[i]);

    public bool Has(int i) => i < _inputs.Length && _inputs[i] is not null;

    public Value this[int i] => Has(i) ? _inputs[i]! : throw new FormatException($"has no input {i}");

    public bool AllKnown => _inputs.All(input => input?.Node is null);

    /// <summary>Whether it is made of the same memory as an input.</summary>
    public bool Shares(Constant constant) => _inputs.Any(input => input?.Known is { } known && ReferenceEquals(known.Reals, constant.Reals) && ReferenceEquals(known.Wholes, constant.Wholes));

    /// <summary>An input as a node; what is known becomes a parameter.</summary>
    public Node X(int i, string role = "value") => this[i].Node ?? Weight(i, role);

    /// <summary>A known input as a parameter, in another shape if asked.</summary>
    public Node Weight(int i, string role, params int[] sizes) => Lift(this[i], role, sizes);

    /// <summary>A known value as a parameter.</summary>
    public Node Lift(Value value, string role, params int[] sizes)
    {
        if (value.Known is not { } known) throw new NotSupportedException($"its {role} is computed, not a constant");
        var own = value.Source is { } source && source.StartsWith(_layer + ".", StringComparison.Ordinal) ? source[(_layer.Length + 1)..] : role;
        return _import.Lift(sizes.Length > 0 ? known.Reshape(sizes) : known, own, value.Source);
    }

    /// <summary>Numbers that the translation made up, as a parameter that is not trained.</summary>
    public Node Fixed(string role, Shape shape, Func<int, float> number) =>
        _import.Lift(new Constant([.. shape], [.. Enumerable.Range(0, Constant.Product(shape)).Select(number)]), role, source: null);

    /// <summary>An input that must be known.</summary>
    public Constant Known(int i, string role) => this[i].Known ?? throw new NotSupportedException($"its {role} is computed, not a constant");

    public long[] Wholes(int i, string role) => Known(i, role).Wholes ?? throw new FormatException($"its {role} are not whole numbers");

    public float Scalar(int i, string role) => Known(i, role) is { Count: 1 } one ? one.AsReals[0] : throw new FormatException($"its {role} is not one number");

    /// <summary>The node that the ONNX node becomes, under its name.</summary>
    public Node Make(Op op, params ReadOnlySpan<Node> inputs) => op.Apply(inputs, _import.Unique(_layer));

    /// <summary>A node on the way there.</summary>
    public Node Part(Op op, params ReadOnlySpan<Node> inputs) => op.Apply(inputs, _import.Unique($"{_layer}/{op.Name.Replace(' ', '_')}"));

    public long Int(string name, long without) => Find(name, Attribute.Int)?.I ?? without;

    public int Small(string name, int without) => Int(name, without) is >= int.MinValue and <= int.MaxValue and var number ? (int)number : throw new FormatException($"{name} is {Int(name, without)}");

    public bool Flag(string name, bool without = false) => Int(name, without ? 1 : 0) != 0;

    public float Float(string name, float without) => Find(name, Attribute.Float)?.F ?? without;

    public string Text(string name, string without) => Find(name, Attribute.String)?.S.ToStringUtf8() ?? without;

    public long[]? Ints(string name) => Find(name, Attribute.Ints) is { } found ? [.. found.Ints] : null;

    public float[]? Floats(string name) => Find(name, Attribute.Floats) is { } found ? [.. found.Floats] : null;

    public TensorProto? Tensor(string name) => Find(name, Attribute.Tensor)?.T;

    public bool HasAttribute(string name) => _attributes.ContainsKey(name);

    private AttributeProto? Find(string name, Attribute type)
    {
        if (!_attributes.TryGetValue(name, out var found)) return null;
        // Files of the first years do not state the type.
        return found.Type == type || found.Type == Attribute.Undefined ? found : throw new FormatException($"the attribute {name} is of type {found.Type}, not {type}");
    }
}
