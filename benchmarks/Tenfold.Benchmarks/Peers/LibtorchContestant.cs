using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Tenfold.Benchmarks.Peers;

/// <summary>A graph on libtorch's operations, norms folded into the convolutions before them, as a frozen TorchScript has them.</summary>
internal sealed class LibtorchContestant : Contestant
{
    private readonly TorchGraph _graph;
    private readonly torch.Tensor _input;
    private readonly int _threads;
    private torch.Tensor? _output;

    public LibtorchContestant(Model model, Tensor input, int threads)
    {
        _graph = new TorchGraph(model.Graph.WithBatch(input.Shape.Batch), model.Weights, training: false);
        (_input, _threads) = (TorchGraph.ToTorch(input), threads);
    }

    public override float[] Output => _output!.contiguous().data<float>().ToArray();

    public override void Run()
    {
        if (get_num_threads() != _threads) set_num_threads(_threads);
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        var output = _graph.Run(_input);
        _output?.Dispose();
        _output = output.MoveToOuterDisposeScope();
    }

    public override void Dispose()
    {
        _output?.Dispose();
        _input.Dispose();
        _graph.Dispose();
    }
}

/// <summary>A graph interpreted with libtorch's operations.</summary>
internal sealed class TorchGraph : IDisposable
{
    private readonly Graph _graph;
    private readonly bool _training;
    private readonly Dictionary<Node, torch.Tensor> _parameters = [];
    private readonly Dictionary<Node, (torch.Tensor Kernel, torch.Tensor Bias)> _folded = [];
    private readonly HashSet<Node> _same = []; // norms that are folded

    /// <exception cref="NotSupportedException">TorchSharp has no such operation.</exception>
    public TorchGraph(Graph graph, Weights weights, bool training)
    {
        (_graph, _training) = (graph, training);
        foreach (var (name, node) in graph.Parameters)
        {
            var parameter = ToTorch(weights[name]);
            _parameters[node] = training && node.Op is Parameter { Trained: true } ? new TorchSharp.Modules.Parameter(parameter) : parameter;
        }

        if (training) return;
        using var inference = no_grad();
        foreach (var norm in graph.Nodes)
        {
            if (norm.Op is not BatchNorm op || norm.Inputs[0] is not { Op: Convolution } conv || graph.Nodes.Count(node => node.Inputs.Contains(conv)) > 1) continue;
            var factor = _parameters[norm.Inputs[1]] / (_parameters[norm.Inputs[4]] + op.Epsilon).sqrt();
            var bias = conv.Inputs.Count > 2 ? _parameters[conv.Inputs[2]] : zeros(factor.shape);
            _folded[conv] = (_parameters[conv.Inputs[1]] * factor.reshape(-1, 1, 1, 1), (bias - _parameters[norm.Inputs[3]]) * factor + _parameters[norm.Inputs[2]]);
            _same.Add(norm);
        }
    }

    public IEnumerable<TorchSharp.Modules.Parameter> Trained => _parameters.Values.OfType<TorchSharp.Modules.Parameter>();

    public static torch.Tensor ToTorch(Tensor x) => tensor(x.Span.ToArray(), [.. x.Shape.Select(size => (long)size)]);

    public torch.Tensor Run(torch.Tensor input)
    {
        var values = new Dictionary<Node, torch.Tensor> { [_graph.Inputs[0]] = input };
        var left = _training ? null : new Dictionary<Node, int>();
        if (left is not null)
            foreach (var node in _graph.Nodes)
                foreach (var given in node.Inputs) left[given] = left.GetValueOrDefault(given) + 1;
        foreach (var node in _graph.Nodes)
        {
            if (node.Op is Leaf) continue;
            var inputs = node.Inputs.Select(from => values.TryGetValue(from, out var value) ? value : _parameters[from]).ToArray();
            values[node] = Apply(node, inputs);
            if (left is null) continue;
            foreach (var given in node.Inputs) // memory goes back as early as it does in a TorchScript
                if (--left[given] == 0 && given.Op is not Leaf && values[given] is var value && values.Count(pair => ReferenceEquals(pair.Value, value)) == 1) value.Dispose();
        }

        return values[_graph.Outputs[0]];
    }

    public void Dispose()
    {
        foreach (var parameter in _parameters.Values) parameter.Dispose();
        foreach (var (kernel, bias) in _folded.Values)
        {
            kernel.Dispose();
            bias.Dispose();
        }
    }

    private torch.Tensor Apply(Node node, torch.Tensor[] x)
    {
        switch (node.Op)
        {
            case Convolution op:
                var (kernel, bias) = _folded.TryGetValue(node, out var folded) ? folded : (x[1], x.Length > 2 ? x[2] : null);
                return F.conv2d(Padded(x[0], op.Padding, 0, out var pad), kernel, bias, Pair(op.Stride), pad, Pair(op.Dilation), op.Groups);
            case ConvolutionTranspose op when (op.Padding.Top, op.Padding.Left) == (op.Padding.Bottom, op.Padding.Right):
                return F.conv_transpose2d(x[0], x[1], x.Length > 2 ? x[2] : null, Pair(op.Stride), [op.Padding.Top, op.Padding.Left], Pair(op.Extra), Pair(op.Dilation), op.Groups);
            case BatchNorm when _same.Contains(node): return x[0].alias();
            case BatchNorm op: return F.batch_norm(x[0], x[3], x[4], x[1], x[2], _training, op.Momentum, op.Epsilon);
            case Linear: return F.linear(x[0], x[1], x.Length > 2 ? x[2] : null);
            case MaxPool op:
                return F.max_pool2d(Padded(x[0], op.Padding, float.NegativeInfinity, out var around), Pair(op.Kernel), Pair(op.Stride), around, Pair(op.Dilation), op.CeilMode);
            case AvgPool op when (op.Padding.Top, op.Padding.Left) == (op.Padding.Bottom, op.Padding.Right):
                return F.avg_pool2d(x[0], Pair(op.Kernel), Pair(op.Stride), [op.Padding.Top, op.Padding.Left], op.CeilMode, op.CountIncludePad);
            case AdaptiveAvgPool op: return F.adaptive_avg_pool2d(x[0], Pair(op.Size));
            case AdaptiveMaxPool op: return F.adaptive_max_pool2d(x[0], Pair(op.Size));
            case Lrn op: return F.local_response_norm(x[0], op.Size, op.Alpha, op.Beta, op.K);
            case Relu: return x[0].relu();
            case Relu6: return x[0].relu6();
            case LeakyRelu op: return F.leaky_relu(x[0], op.Slope);
            case Sigmoid: return x[0].sigmoid();
            case Tanh: return x[0].tanh();
            case Silu: return x[0].silu();
            case HardSigmoid: return F.hardsigmoid(x[0]);
            case HardSwish: return x[0].hardswish();
            case Softmax: return F.softmax(x[0], 1);
            case LogSoftmax: return F.log_softmax(x[0], 1);
            case Add: return x[0] + x[1];
            case Multiply: return x[0] * x[1];
            case Affine op: return x[0] * op.Factor + op.Offset;
            case Concat op: return cat(x, op.Axis);
            case Slice op: return x[0].narrow(op.Axis, op.Start, op.Length);
            case ChannelShuffle op: return x[0].reshape(x[0].shape[0], op.Groups, -1, x[0].shape[2], x[0].shape[3]).transpose(1, 2).reshape(x[0].shape);
            case Flatten: return x[0].flatten(1);
            case Reshape or Transpose or Expand when Moved(node.Op, x[0], node) is { } moved: return moved;
            case Dropout op: return F.dropout(x[0], op.Rate, _training);
            case Resize { Mode: Interpolation.Nearest } op: return F.interpolate(x[0], Pair(op.Size), mode: InterpolationMode.Nearest);
            case Resize op: return F.interpolate(x[0], Pair(op.Size), mode: InterpolationMode.Bilinear, align_corners: op.Mode == Interpolation.BilinearCorners);
            case Pad { Mode: PadMode.Zero } op: return F.pad(x[0], [op.Padding.Left, op.Padding.Right, op.Padding.Top, op.Padding.Bottom]);
            case Embed { Axis: 1 } op: return F.pad(x[0], [0, 0, 0, 0, op.Before, op.After]);
            default: throw new NotSupportedException($"TorchSharp has no {node.Op.Name}");
        }
    }

    private static torch.Tensor? Moved(Op op, torch.Tensor x, Node node) => op switch
    {
        Reshape => x.reshape([.. node.Shape.Select(size => (long)size)]),
        Transpose transpose => x.permute([.. Enumerable.Range(0, node.Shape.Rank).Select(axis => (long)transpose.Order[axis])]),
        Expand => x.expand([.. node.Shape.Select(size => (long)size)]),
        _ => null,
    };

    private static long[] Pair(Size size) => [size.Height, size.Width];

    // libtorch pads alike on both sides; the rest is a step of its own.
    private static torch.Tensor Padded(torch.Tensor x, Padding padding, double value, out long[] pad)
    {
        pad = [padding.Top, padding.Left];
        if ((padding.Top, padding.Left) == (padding.Bottom, padding.Right)) return x;
        pad = [0, 0];
        return F.pad(x, [padding.Left, padding.Right, padding.Top, padding.Bottom], value: value);
    }
}
