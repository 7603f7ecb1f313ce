using Onnx;

namespace Tenfold;

/// <summary>An ONNX graph on its way to a <see cref="Graph"/> for given input shapes, node by node. What does not depend on the inputs is computed.</summary>
internal sealed partial class OnnxImport
{
    private readonly OnnxModel _model;
    private readonly Dictionary<string, Value> _values = [];
    private readonly HashSet<string> _read; // names of values that something reads
    private readonly HashSet<string> _taken = [];
    private readonly Dictionary<(string Source, string Shape), Node> _lifted = [];
    private readonly Dictionary<Node, Tensor> _tensors = [];
    private readonly List<Node> _inputs = [];
    private long _budget; // of numbers that may yet be made at import: a file of some bytes must not fill the memory

    public OnnxImport(OnnxModel model, Shape[] shapes)
    {
        _model = model;
        _budget = 1L << 24;
        foreach (var constant in model.Constants.Values) _budget += 4L * constant.Count;
        _read = [.. model.Order.SelectMany(node => node.Input), .. model.Graph.Output.Select(output => output.Name)];
        for (var i = 0; i < shapes.Length; i++)
        {
            var name = model.Inputs[i].Name;
            var node = new Input(shapes[i]).Apply([], Unique(name));
            _inputs.Add(node);
            _values[name] = node;
        }

        foreach (var (name, constant) in model.Constants) _values[name] = new Value(null, constant, name);
    }

    public Model Build()
    {
        var unsupported = new List<string>();
        var lost = new HashSet<string>(); // values of unsupported nodes
        foreach (var proto in _model.Order)
        {
            if (proto.Input.Any(lost.Contains))
            {
                if (!IsSupported(proto)) Refuse(proto, null);
                lost.UnionWith(proto.Output);
                continue;
            }

            try
            {
                if (!IsSupported(proto)) throw new NotSupportedException("");
                var step = new OnnxStep(this, proto, [.. proto.Input.Select(name => name.Length == 0 ? null : _values[name])], _model.Opset);
                var results = Translate(step);
                for (var i = 0; i < proto.Output.Count; i++)
                {
                    if (proto.Output[i].Length == 0) continue;
                    if (i < results.Length) _values[proto.Output[i]] = results[i];
                    else if (_read.Contains(proto.Output[i])) throw new NotSupportedException($"its output {i} is read");
                }
            }
            catch (NotSupportedException e)
            {
                Refuse(proto, e.Message);
                lost.UnionWith(proto.Output);
            }
            catch (Exception e) when (e is ShapeException or FormatException or ArgumentException or ArithmeticException or IndexOutOfRangeException or InvalidCastException or KeyNotFoundException)
            {
                throw new MalformedFileException($"{_model.Path}: node {OnnxModel.Short(OnnxModel.Named(proto))} ({OnnxModel.Short(proto.OpType)}): {e.Message}", e);
            }
        }

        if (unsupported.Count > 0)
            throw new NotSupportedException($"{_model.Path}: {unsupported.Count} node{(unsupported.Count == 1 ? " has" : "s have")} no counterpart here: {string.Join("; ", unsupported.Take(50))}{(unsupported.Count > 50 ? $"; and {unsupported.Count - 50} more" : "")}");
        try
        {
            return Finish();
        }
        catch (Exception e) when (e is ShapeException or ArgumentException or FormatException or KeyNotFoundException)
        {
            throw new MalformedFileException($"{_model.Path}: {e.Message}", e);
        }

        void Refuse(NodeProto proto, string? why) => unsupported.Add(
            $"{OnnxModel.Short(OnnxModel.Named(proto))} ({(OnnxModel.Domains.Contains(proto.Domain) ? "" : proto.Domain + ".")}{OnnxModel.Short(proto.OpType)}, opset {_model.Opset}{(why is { Length: > 0 } ? $": {why}" : "")})");
    }

    public bool IsRead(string value) => _read.Contains(value);

    /// <summary>A name that no other node has.</summary>
    public string Unique(string name)
    {
        // The graph gives numbers for these two.
        name = (name.Length > 200 ? name[..200] : name).Replace('#', '_').Replace('?', '_');
        var unique = name;
        for (var i = 2; !_taken.Add(unique); i++) unique = $"{name}_{i}";
        return unique;
    }

    /// <summary>What is known as a parameter: trained when it is a tensor of the file, and one node for all that use it.</summary>
    public Node Lift(Constant known, string role, string? source)
    {
        if (source is not null && _lifted.TryGetValue((source, Constant.Text(known.Sizes)), out var lifted)) return lifted;
        var shape = Shape.Of(known.Sizes);
        var trained = source is not null && role is not ("running_mean" or "running_var");
        var node = new Parameter(role.Replace('#', '_').Replace('?', '_'), shape, Initializer.Zeros, trained).Apply();
        _tensors[node] = new Tensor(shape, known.AsReals);
        if (source is not null) _lifted[(source, Constant.Text(known.Sizes))] = node;
        return node;
    }

    private static bool IsSupported(NodeProto proto) => OnnxModel.Domains.Contains(proto.Domain) && (s_operators.ContainsKey(proto.OpType) || IsFolded(proto.OpType));

    private Value[] Translate(OnnxStep step)
    {
        if (Fold(step) is { } folded) return [.. folded.Select(constant => (Value)(step.Shares(constant) ? constant : Counted(constant)))];
        if (!s_operators.TryGetValue(step.Type, out var translate)) throw new NotSupportedException(step.AllKnown ? "" : "it computes with sizes or indices that depend on the input's numbers");
        var results = translate(step);
        if (!step.AllKnown) return [.. results.Select(node => (Value)node)];

        // Of constants alone: run it now.
        var graph = new Graph("constant", results);
        if (graph.Nodes.Aggregate(0m, (sum, node) => sum + node.Shape.Count) > 2 * _budget || graph.Cost.Macs > 1L << 28) throw new NotSupportedException("it makes too large a constant");
        var weights = new Weights();
        foreach (var (name, node) in graph.Parameters) weights[name] = _tensors[node];
        return [.. Reference.Run(graph, weights).Select(y => (Value)Counted(new Constant([.. y.Shape], y.Span.ToArray())))];
    }

    private Constant Counted(Constant constant) => (_budget -= constant.Count) >= 0 ? constant : throw new NotSupportedException("its constants are too large");

    private Model Finish()
    {
        var outputs = new List<Node>();
        foreach (var output in _model.Graph.Output)
        {
            if (_values[output.Name] is not { Node: { } node }) throw new FormatException($"its output {OnnxModel.Short(output.Name)} is a constant");
            outputs.Add(node);
        }

        // Every input of the file is one of the graph, also one that nothing reads.
        var idle = _inputs.Except(new Graph("reached", outputs).Inputs).ToArray();
        if (idle.Length > 0) throw new FormatException($"its input {OnnxModel.Short(_model.Inputs[_inputs.IndexOf(idle[0])].Name)} is not used");
        var name = _model.Graph.Name.Length > 0 ? OnnxModel.Short(_model.Graph.Name) : "onnx";
        var graph = new Graph(name, outputs);
        var weights = new Weights();
        foreach (var (parameter, node) in graph.Parameters) weights[parameter] = _tensors[node];
        var metadata = _model.Proto.MetadataProps.GroupBy(pair => pair.Key).ToDictionary(pairs => pairs.Key, pairs => pairs.First().Value);
        var channels = graph.Inputs[0].Shape is { Rank: > 1 } input ? input.Channels : 1;
        var classes = Texts(metadata, OnnxFile.Classes);
        var (mean, deviation) = (Numbers(metadata, OnnxFile.Mean), Numbers(metadata, OnnxFile.Deviation));
        if (classes.Length > 0 && (graph.Outputs[0].Shape.Rank < 2 || graph.Outputs[0].Shape.Channels != classes.Length)) throw new FormatException($"names {classes.Length} classes for an output {graph.Outputs[0].Shape}");
        if (mean is not null && ((mean.Length != 1 && mean.Length != channels) || deviation is null || (deviation.Length != 1 && deviation.Length != channels) || deviation.Contains(0)))
            throw new FormatException("its mean and deviation do not fit its input");
        var share = Numbers(metadata, OnnxFile.Share) is [> 0 and <= 1 and var some] ? some : 1;
        var order = Texts(metadata, OnnxFile.Order) is ["bgr"] ? ChannelOrder.Bgr : ChannelOrder.Rgb;
        return new Model(graph, weights)
        {
            Classes = classes,
            Preprocessing = mean is null ? Preprocessing.None : new Preprocessing(mean, deviation!, share, order),
            Provenance = Pairs(metadata, OnnxFile.Provenance),
        };
    }

    private static string[] Texts(Dictionary<string, string> metadata, string key) =>
        Parse(metadata, key, json => json.Items.Select(text => text.IsNull ? "" : text.Text).ToArray()) ?? [];

    private static float[]? Numbers(Dictionary<string, string> metadata, string key) =>
        Parse(metadata, key, json => json.Items.Select(number => number.Float).ToArray());

    private static Dictionary<string, string> Pairs(Dictionary<string, string> metadata, string key) =>
        Parse(metadata, key, json => json.Members.ToDictionary(pair => pair.Key, pair => pair.Value.IsNull ? "" : pair.Value.Text)) ?? [];

    private static T? Parse<T>(Dictionary<string, string> metadata, string key, Func<Json, T> read) where T : class
    {
        if (!metadata.TryGetValue(key, out var text)) return null;
        try
        {
            return read(Json.Parse(text));
        }
        catch (FormatException e)
        {
            throw new FormatException($"its metadata {key} is damaged: {e.Message}", e);
        }
    }
}
