using System.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Tenfold.Benchmarks.Peers;

/// <summary>A graph on libtorch's operations, norms folded into the convolutions before them, as a frozen TorchScript has them; maps and kernels lie in memory
/// in the order of their dimensions or with the channels last, whichever is faster.</summary>
internal sealed class LibtorchContestant : Contestant
{
    private readonly TorchGraph _graph;
    private readonly torch.Tensor _input;
    private readonly int _threads;
    private torch.Tensor? _output;

    private LibtorchContestant(Model model, Tensor input, int threads, bool channelsLast)
    {
        _graph = new TorchGraph(model.Graph.WithBatch(input.Shape.Batch), model.Weights, training: false, channelsLast);
        (_input, _threads) = (TorchGraph.ToTorch(input, channelsLast), threads);
        Remark = channelsLast ? ", channels last" : "";
    }

    public override string Remark { get; }

    /// <exception cref="NotSupportedException">TorchSharp has no such operation.</exception>
    public static LibtorchContestant Faster(Model model, Tensor input, int threads)
    {
        LibtorchContestant[] orders = [new(model, input, threads, channelsLast: false), new(model, input, threads, channelsLast: true)];
        var faster = Least(orders[1]) < Least(orders[0]) ? 1 : 0;
        orders[1 - faster].Dispose();
        return orders[faster];

        static double Least(LibtorchContestant order)
        {
            order.Run();
            return Enumerable.Range(0, 3).Min(_ =>
            {
                var start = Stopwatch.GetTimestamp();
                order.Run();
                return Stopwatch.GetElapsedTime(start).TotalSeconds;
            });
        }
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
    private readonly List<Step> _steps = [];
    private readonly torch.Tensor?[] _values; // the input, parameters, and what the steps compute
    private readonly int _output;

    /// <exception cref="NotSupportedException">TorchSharp has no such operation.</exception>
    public TorchGraph(Graph graph, Weights weights, bool training, bool channelsLast = false)
    {
        (_graph, _training) = (graph, training);
        foreach (var (name, node) in graph.Parameters)
        {
            var parameter = ToTorch(weights[name], channelsLast);
            _parameters[node] = training && node.Op is Parameter { Trained: true } ? new TorchSharp.Modules.Parameter(parameter) : parameter;
        }

        var same = new HashSet<Node>(); // norms that are folded, dropouts
        if (!training) Fold(same);
        _values = new torch.Tensor?[graph.Nodes.Count];
        var places = new Dictionary<Node, int> { [graph.Inputs[0]] = 0 };
        foreach (var (node, parameter) in _parameters)
        {
            _values[places.Count] = parameter;
            places.Add(node, places.Count);
        }

        var users = graph.Users();
        var first = places.Count;
        var count = first;
        foreach (var node in graph.Nodes)
        {
            if (node.Op is Leaf) continue;
            if (same.Contains(node))
            {
                places.Add(node, places[node.Inputs[0]]);
                continue;
            }

            // An activation takes the place of what a convolution, norm or sum made for it alone.
            var from = node.Inputs[0];
            var inPlace = !training && node.Op is Relu or Relu6 or Silu or HardSwish && Owner(from, same) is { Op: Convolution or BatchNorm or Add } && users[from].Count == 1;
            places.Add(node, inPlace ? places[from] : count++);
            _steps.Add(new Step(node, [.. node.Inputs.Select(input => places[input])], places[node], inPlace));
        }

        _output = places[graph.Outputs[0]];
        if (training) return;
        var left = new HashSet<int> { _output };
        foreach (var step in Enumerable.Reverse(_steps)) step.Last = [.. step.From.Distinct().Where(place => place >= first && left.Add(place))];
    }

    private static Node Owner(Node node, HashSet<Node> same) => same.Contains(node) ? Owner(node.Inputs[0], same) : node;

    private void Fold(HashSet<Node> same)
    {
        var graph = _graph;
        using var inference = no_grad();
        foreach (var dropout in graph.Nodes.Where(node => node.Op is Dropout)) same.Add(dropout);
        foreach (var norm in graph.Nodes)
        {
            if (norm.Op is not BatchNorm op || norm.Inputs[0] is not { Op: Convolution } conv || graph.Nodes.Count(node => node.Inputs.Contains(conv)) > 1) continue;
            var factor = _parameters[norm.Inputs[1]] / (_parameters[norm.Inputs[4]] + op.Epsilon).sqrt();
            var bias = conv.Inputs.Count > 2 ? _parameters[conv.Inputs[2]] : zeros(factor.shape);
            _folded[conv] = (_parameters[conv.Inputs[1]] * factor.reshape(-1, 1, 1, 1), (bias - _parameters[norm.Inputs[3]]) * factor + _parameters[norm.Inputs[2]]);
            same.Add(norm);
        }
    }

    public IEnumerable<TorchSharp.Modules.Parameter> Trained => _parameters.Values.OfType<TorchSharp.Modules.Parameter>();

    public static torch.Tensor ToTorch(Tensor x, bool channelsLast = false)
    {
        var made = tensor(x.Span.ToArray(), [.. x.Shape.Select(size => (long)size)]);
        return channelsLast && x.Shape.Rank == 4 ? made.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2) : made;
    }

    public torch.Tensor Run(torch.Tensor input)
    {
        var values = _values; // the parameters are there
        values[0] = input;
        foreach (var step in _steps)
        {
            for (var i = 0; i < step.From.Length; i++) step.Inputs[i] = values[step.From[i]]!;
            values[step.To] = Apply(step.Node, step.Inputs, step.InPlace);
            foreach (var last in step.Last) // memory goes back as early as it does in a TorchScript
            {
                values[last]!.Dispose();
                values[last] = null;
            }
        }

        return values[_output]!;
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

    private torch.Tensor Apply(Node node, torch.Tensor[] x, bool inPlace)
    {
        switch (node.Op)
        {
            case Convolution op:
                var (kernel, bias) = _folded.TryGetValue(node, out var folded) ? folded : (x[1], x.Length > 2 ? x[2] : null);
                return F.conv2d(Padded(x[0], op.Padding, 0, out var pad), kernel, bias, Pair(op.Stride), pad, Pair(op.Dilation), op.Groups);
            case ConvolutionTranspose op when (op.Padding.Top, op.Padding.Left) == (op.Padding.Bottom, op.Padding.Right):
                return F.conv_transpose2d(x[0], x[1], x.Length > 2 ? x[2] : null, Pair(op.Stride), [op.Padding.Top, op.Padding.Left], Pair(op.Extra), Pair(op.Dilation), op.Groups);
            case BatchNorm op: return F.batch_norm(x[0], x[3], x[4], x[1], x[2], _training, op.Momentum, op.Epsilon);
            case Linear: return F.linear(x[0], x[1], x.Length > 2 ? x[2] : null);
            case MaxPool op:
                return F.max_pool2d(Padded(x[0], op.Padding, float.NegativeInfinity, out var around), Pair(op.Kernel), Pair(op.Stride), around, Pair(op.Dilation), op.CeilMode);
            case AvgPool op when (op.Padding.Top, op.Padding.Left) == (op.Padding.Bottom, op.Padding.Right):
                return F.avg_pool2d(x[0], Pair(op.Kernel), Pair(op.Stride), [op.Padding.Top, op.Padding.Left], op.CeilMode, op.CountIncludePad);
            case AdaptiveAvgPool op: return F.adaptive_avg_pool2d(x[0], Pair(op.Size));
            case AdaptiveMaxPool op: return F.adaptive_max_pool2d(x[0], Pair(op.Size));
            case Lrn op: return F.local_response_norm(x[0], op.Size, op.Alpha, op.Beta, op.K);
            case Relu: return inPlace ? x[0].relu_() : x[0].relu();
            case Relu6: return inPlace ? x[0].relu6_() : x[0].relu6();
            case LeakyRelu op: return F.leaky_relu(x[0], op.Slope);
            case Sigmoid: return x[0].sigmoid();
            case Tanh: return x[0].tanh();
            case Silu: return inPlace ? x[0].silu_() : x[0].silu();
            case HardSigmoid: return F.hardsigmoid(x[0]);
            case HardSwish: return inPlace ? x[0].hardswish_() : x[0].hardswish();
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

    /// <param name="From">Places of the inputs.</param>
    /// <param name="To">The place of the result.</param>
    private sealed record Step(Node Node, int[] From, int To, bool InPlace)
    {
        public torch.Tensor[] Inputs { get; } = new torch.Tensor[From.Length];

        /// <summary>Places that nobody reads after this step.</summary>
        public int[] Last { get; set; } = [];
    }
}
