using System.Runtime.InteropServices;
using System.Text.Json;
using Google.Protobuf;
using Onnx;

namespace Tenfold;

/// <summary>A graph on its way into an ONNX file, node by node.</summary>
internal sealed partial class OnnxWriter
{
    private readonly Graph _graph;
    private readonly Weights _weights;
    private readonly OnnxOptions _options;
    private readonly GraphProto _proto = new();
    private readonly HashSet<string> _taken = [];
    private readonly Dictionary<Node, string> _names = []; // of the value, in the file
    private readonly Dictionary<Node, Node> _folded = []; // batch norm to its convolution
    private readonly int _opset;
    private string _layer = ""; // the name of the node that is being written

    private OnnxWriter(Model model, OnnxOptions options)
    {
        (_graph, _weights, _options) = (model.Graph, model.Weights, options);
        _opset = options.Opset ?? (_graph.Nodes.Any(node => FirstOpset(node.Op) > 17) ? 19 : 17);
        if (_opset is < 17 or > 24) throw new NotSupportedException($"onnx: opset {_opset} is not one of 17 to 24");
    }

    public static ModelProto Write(Model model, OnnxOptions options)
    {
        var writer = new OnnxWriter(model, options);
        var proto = new ModelProto
        {
            IrVersion = writer._opset switch { < 19 => 8, < 21 => 9, < 23 => 10, _ => 11 },
            ProducerName = "Tenfold",
            ProducerVersion = typeof(Graph).Assembly.GetName().Version!.ToString(3),
            Graph = writer.Write(),
        };
        proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = writer._opset });
        if (model.Classes.Count > 0) Describe(OnnxFile.Classes, json => model.Classes.ToList().ForEach(json.WriteStringValue), array: true);
        if (model.Preprocessing != Preprocessing.None)
        {
            Describe(OnnxFile.Mean, json => model.Preprocessing.Mean.ToList().ForEach(json.WriteNumberValue), array: true);
            Describe(OnnxFile.Deviation, json => model.Preprocessing.Deviation.ToList().ForEach(json.WriteNumberValue), array: true);
            Describe(OnnxFile.Share, json => json.WriteNumberValue(model.Preprocessing.Share), array: true);
            if (model.Preprocessing.Order == ChannelOrder.Bgr) Describe(OnnxFile.Order, json => json.WriteStringValue("bgr"), array: true);
        }

        if (model.Provenance.Count > 0) Describe(OnnxFile.Provenance, json => model.Provenance.ToList().ForEach(pair => json.WriteString(pair.Key, pair.Value)), array: false);
        return proto;

        void Describe(string key, Action<Utf8JsonWriter> content, bool array)
        {
            using var buffer = new MemoryStream();
            using (var json = new Utf8JsonWriter(buffer))
            {
                if (array) json.WriteStartArray();
                else json.WriteStartObject();
                content(json);
                if (array) json.WriteEndArray();
                else json.WriteEndObject();
            }

            proto.MetadataProps.Add(new StringStringEntryProto { Key = key, Value = System.Text.Encoding.UTF8.GetString(buffer.ToArray()) });
        }
    }

    private GraphProto Write()
    {
        _proto.Name = _graph.Name;
        foreach (var (name, node) in _graph.Parameters) _taken.Add(_names[node] = name);
        foreach (var node in _graph.Nodes)
            if (node.Op is not Parameter) _names[node] = Unique(_graph.NameOf(node));
        if (_options.FoldBatchNorm) FindFolds();

        foreach (var input in _graph.Inputs) _proto.Input.Add(Describe(input, input.Shape, FreeBatch(input.Shape, input.Shape.With(0, input.Shape[0] + 1))));
        foreach (var node in _graph.Nodes)
        {
            if (node.Op is Leaf || _folded.ContainsValue(node)) continue;
            if (FirstOpset(node.Op) > _opset) throw new NotSupportedException($"onnx: {_graph.NameOf(node)}: {node.Op.Name} needs opset {FirstOpset(node.Op)}, not {_opset}");
            _layer = _names[node];
            Write(node);
        }

        // What no longer has a reader was folded away.
        var read = _proto.Node.SelectMany(node => node.Input).ToHashSet();
        foreach (var (name, node) in _graph.Parameters)
            if (read.Contains(name) || _graph.Outputs.Contains(node)) Constant(name, _weights[name]);

        var shapes = OtherBatch();
        foreach (var (output, other) in _graph.Outputs.Zip(shapes)) _proto.Output.Add(Describe(output, output.Shape, FreeBatch(output.Shape, other)));
        return _proto;
    }

    private ValueInfoProto Describe(Node node, Shape shape, bool freeBatch)
    {
        var sizes = new TensorShapeProto();
        foreach (var (axis, size) in shape.Index())
            sizes.Dim.Add(axis == 0 && freeBatch ? new TensorShapeProto.Types.Dimension { DimParam = "batch" } : new TensorShapeProto.Types.Dimension { DimValue = size });
        return new ValueInfoProto
        {
            Name = _names[node],
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)TensorProto.Types.DataType.Float, Shape = sizes } },
        };
    }

    private bool FreeBatch(Shape shape, Shape other) => _options.DynamicBatch && shape.Rank > 0 && shape[0] != other[0];

    // The outputs for one sample more, which shows what depends on the batch.
    private IEnumerable<Shape> OtherBatch()
    {
        try
        {
            return [.. _graph.WithInputs([.. _graph.Inputs.Select(input => input.Shape.With(0, input.Shape[0] + 1))]).Outputs.Select(output => output.Shape)];
        }
        catch (ShapeException) when (!_options.DynamicBatch)
        {
            return _graph.Outputs.Select(output => output.Shape);
        }
        catch (ShapeException e)
        {
            throw new NotSupportedException($"onnx: {_graph.Name} takes no other batch than its own ({e.Message}); write it without a free batch", e);
        }
    }

    private void FindFolds()
    {
        var readers = _graph.Nodes.SelectMany(node => node.Inputs).CountBy(node => node).ToDictionary();
        foreach (var node in _graph.Nodes)
            if (node.Op is BatchNorm { Training: false } && node.Inputs is [{ Op: Convolution or ConvolutionTranspose or DeformableConvolution or Linear } layer, ..]
                && readers[layer] == 1 && !_graph.Outputs.Contains(layer)
                && layer.Inputs[1].Op is Parameter && readers[layer.Inputs[1]] == 1 && Bias(layer) is not { Op: not Parameter }
                && node.Inputs.Skip(1).All(input => input.Op is Parameter)) _folded[node] = layer;
    }

    private static Node? Bias(Node layer)
    {
        var place = layer.Op is DeformableConvolution { Masked: var masked } ? masked ? 4 : 3 : 2;
        return layer.Inputs.Count > place ? layer.Inputs[place] : null;
    }

    /// <summary>The kernel and the bias of a layer times the norm behind it.</summary>
    private (string Kernel, string Bias) Fold(Node layer, Node norm)
    {
        var epsilon = ((BatchNorm)norm.Op).Epsilon;
        var (scale, shift, mean, variance) = (Weight(norm.Inputs[1]), Weight(norm.Inputs[2]), Weight(norm.Inputs[3]), Weight(norm.Inputs[4]));
        var kernel = Weight(layer.Inputs[1]).Clone();
        var bias = Bias(layer) is { } own ? Weight(own).Clone() : new Tensor([norm.Channels]);
        var factors = new double[norm.Channels];
        for (var c = 0; c < factors.Length; c++)
        {
            factors[c] = scale[c] / Math.Sqrt(variance[c] + (double)epsilon);
            bias[c] = (float)((bias[c] - (double)mean[c]) * factors[c] + shift[c]);
        }

        // Output channels: dimension 0 of a kernel; of a transposed one, dimension 1 within the group of dimension 0.
        var inner = (int)(kernel.Shape.Count / kernel.Shape[0] / (layer.Op is ConvolutionTranspose ? kernel.Shape[1] : 1));
        for (var i = 0; i < kernel.Span.Length; i++)
        {
            var channel = layer.Op is ConvolutionTranspose { Groups: var groups }
                ? i / (inner * kernel.Shape[1]) / (kernel.Shape[0] / groups) * kernel.Shape[1] + i / inner % kernel.Shape[1]
                : i / inner;
            kernel.Span[i] = (float)(kernel.Span[i] * factors[channel]);
        }

        var name = _graph.NameOf(layer);
        return (Constant(Unique($"{name}.weight"), kernel), Constant(Unique($"{name}.bias"), bias));
    }

    private Tensor Weight(Node parameter) => _weights[_graph.NameOf(parameter)];

    private string Unique(string name)
    {
        var unique = name;
        for (var i = 2; !_taken.Add(unique); i++) unique = $"{name}_{i}";
        return unique;
    }

    /// <summary>Writes one ONNX node; its output is a value on the way to the layer's own, or that one (<paramref name="output"/>).</summary>
    private string Emit(string type, IEnumerable<string> inputs, string? output = null, params ReadOnlySpan<(string Name, object Value)> attributes)
    {
        var name = output ?? Unique($"{_layer}.{type.ToLowerInvariant()}");
        var node = new NodeProto { OpType = type, Name = name };
        node.Input.AddRange(inputs);
        node.Output.Add(name);
        foreach (var (key, value) in attributes)
        {
            var attribute = new AttributeProto { Name = key };
            switch (value)
            {
                case int number: (attribute.I, attribute.Type) = (number, AttributeProto.Types.AttributeType.Int); break;
                case bool flag: (attribute.I, attribute.Type) = (flag ? 1 : 0, AttributeProto.Types.AttributeType.Int); break;
                case float number: (attribute.F, attribute.Type) = (number, AttributeProto.Types.AttributeType.Float); break;
                case string text: (attribute.S, attribute.Type) = (ByteString.CopyFromUtf8(text), AttributeProto.Types.AttributeType.String); break;
                case int[] numbers: attribute.Ints.AddRange(numbers.Select(number => (long)number)); attribute.Type = AttributeProto.Types.AttributeType.Ints; break;
                default: throw new InvalidOperationException($"onnx: {key} is a {value.GetType()}");
            }

            node.Attribute.Add(attribute);
        }

        _proto.Node.Add(node);
        return name;
    }

    private string Constant(string name, Tensor tensor) => Constant(name, [.. tensor.Shape], MemoryMarshal.AsBytes(tensor.Span), TensorProto.Types.DataType.Float);

    private string Constant(string name, int[] sizes, ReadOnlySpan<byte> bytes, TensorProto.Types.DataType type)
    {
        if (!BitConverter.IsLittleEndian) throw new PlatformNotSupportedException("onnx: raw data is little-endian, and this machine is not");
        var proto = new TensorProto { Name = name, DataType = (int)type, RawData = ByteString.CopyFrom(bytes) };
        proto.Dims.AddRange(sizes.Select(size => (long)size));
        _proto.Initializer.Add(proto);
        return name;
    }

    /// <summary>Whole numbers as a value of the file: sizes, axes.</summary>
    private string Whole(string role, params ReadOnlySpan<long> numbers) =>
        Constant(Unique($"{_layer}.{role}"), [numbers.Length], MemoryMarshal.AsBytes(numbers), TensorProto.Types.DataType.Int64);

    /// <summary>One number, which broadcasts to any shape.</summary>
    private string Scalar(string role, float number) =>
        Constant(Unique($"{_layer}.{role}"), [], MemoryMarshal.AsBytes(new ReadOnlySpan<float>(in number)), TensorProto.Types.DataType.Float);

    /// <summary>Numbers that belong to the operation and are not trained: a node, not an initializer.</summary>
    private string Matrix(string role, Shape shape, Func<int, int, float> at)
    {
        var (tensor, width) = (new Tensor(shape), shape[shape.Rank - 1]);
        for (var i = 0; i < tensor.Span.Length; i++) tensor.Span[i] = at(i / width, i % width);
        var name = Constant(Unique($"{_layer}.{role}"), tensor);
        var value = _proto.Initializer[^1];
        _proto.Initializer.RemoveAt(_proto.Initializer.Count - 1);
        var node = new NodeProto { OpType = "Constant", Name = name, Output = { name }, Attribute = { new AttributeProto { Name = "value", Type = AttributeProto.Types.AttributeType.Tensor, T = value } } };
        _proto.Node.Add(node);
        return name;
    }
}
