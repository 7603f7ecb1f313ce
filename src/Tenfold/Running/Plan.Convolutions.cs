using Tenfold.Kernels;

namespace Tenfold;

// Convolutions, with what follows them, and their gradients.
internal sealed unsafe partial class Plan
{
    private bool Convolutions(Node node)
    {
        switch (node.Op)
        {
            case Convolution or ConvolutionTranspose or Fused { First: Convolution or ConvolutionTranspose }:
                Dense(node);
                return true;
            case Chained { First: Pick } chain:
                Listed(node, chain);
                return true;
            case Chained chain:
                Separable(node, chain);
                return true;
            case ConvolutionWeightGradient op:
                WeightGradient(node, new DenseShape(
                    node.Inputs[0].Shape.Batch, node.Inputs[0].Channels, node.Inputs[1].Channels, node.Inputs[0].Shape.Plane, node.Inputs[1].Shape.Plane, op.Kernel,
                    op.Stride, new Size(op.Padding.Top, op.Padding.Left), op.Dilation, op.Groups, Transposed: false));
                return true;
            default: return false;
        }
    }

    private void Dense(Node node)
    {
        var (op, then) = Split(node);
        var (shape, name) = (DenseShapes.Of(op, node.Inputs[0].Shape, node.Inputs[1].Shape, node.Shape), Graph.NameOf(node));
        var (convolution, reason) = _plain.Contains(node) ? (ConvolutionChoice.OfPlanes(shape, _options.Exact)!, "") : ConvolutionChoice.Of(shape, _options.Exact, Forced(name), _constants.Contains(node.Inputs[1]));
        convolution.Magnitude = Expected(Magnitude(node.Inputs[0]));
        Warming.Add(convolution.Warm);

        var x = Get(node.Inputs[0], convolution.ReadsPlain ? Layout.Plain : LayoutOf(node));
        if (convolution is { Pairs: true, ReadsPlain: false } && !_constants.Contains(node.Inputs[1])) Measured(name, node.Inputs[0], x, convolution);
        var packed = Packed(name, node.Inputs[1], convolution);
        var bias = Bias(node.Op, node.Inputs, shape.Out);
        var y = New(node, LayoutOf(node));
        Slot[] reads = then.Add is null ? [x, packed, bias] : [x, packed, bias, then.Add];
        if (convolution is LaneConvolution { Sums: > 0 } lanes && _users[node].Any(user => user.Op is AdaptiveAvgPool && IsVector(user)))
        {
            // A mean of each plane, as squeeze-and-excitation begins with, needs the sums of what is stored.
            var sums = Floats((long)lanes.Items * 16);
            _sums[node] = new PlaneSums(sums, lanes.Sums);
            Add(name, $"{lanes.Name}, {lanes.Items} items; with sums of each plane", lanes.Items, reads, [y, sums],
                (item, scratch) => lanes.Run(item, x.P, packed.P, bias.P, then.Kernel, y.P, sums.P, scratch), lanes.Scratch);
            return;
        }

        Add(name, $"{convolution.Name}, {convolution.Items} items{(reason.Length > 0 ? $"; {reason}" : "")}", convolution.Items, reads, [y],
            (item, scratch) => convolution.Run(item, x.P, packed.P, bias.P, then.Kernel, y.P, scratch), convolution.Scratch);
        if (then.Activation is { } activation && !convolution.Activates)
            Add(name, "elementwise", Chunks(y), [y], [y], (item, _) =>
            {
                var (at, count) = Part(y, item);
                activation.Apply(y.P + at, y.P + at, count);
            });
    }

    private void Separable(Node node, Chained chain)
    {
        Node[] before = [.. node.Inputs.Take(chain.Arity)], after = [node.Inputs[0], .. node.Inputs.Skip(chain.Arity)]; // the second's own input is no node
        var ((first, firstThen), (second, then)) = (Split(chain.First, before, Layout.Blocked), Split(chain.Second, after, Layout.Blocked));
        var between = chain.First.Infer(Array.ConvertAll(before, input => input.Shape));
        var name = Graph.NameOf(node);
        var separable = new SeparableConvolution(DenseShapes.Of(first, before[0].Shape, before[1].Shape, between), DenseShapes.Of(second, between, after[1].Shape, node.Shape), pairs: !_options.Exact);
        separable.Second.Magnitude = Expected(Magnitude(chain.First, MagnitudesOf(before), before));
        var (firstPacked, packed) = (Packed(name, before[1], separable.First), Packed(name, after[1], separable.Second));
        var (firstBias, bias) = (Bias(chain.First, before, between.Channels), Bias(chain.Second, after, node.Channels));
        var x = Get(before[0], Layout.Blocked);
        var y = New(node, Layout.Blocked);
        Slot[] reads = then.Add is null ? [x, firstPacked, firstBias, packed, bias] : [x, firstPacked, firstBias, packed, bias, then.Add];
        Add(name, $"{separable.First.Name}, then {separable.Second.Name}, in strips, {separable.Items} items", separable.Items, reads, [y],
            (item, scratch) => separable.Run(item, x.P, firstPacked.P, firstBias.P, firstThen.Kernel, packed.P, bias.P, then.Kernel, y.P, scratch), separable.Scratch);
    }

    private void Listed(Node node, Chained chain)
    {
        var (pick, maps) = ((Pick)chain.First, node.Inputs.Take(chain.Arity).ToArray());
        Node[] after = [node.Inputs[0], .. node.Inputs.Skip(chain.Arity)]; // the list itself is no node
        var layout = LayoutOf(node);
        var (op, then) = Split(chain.Second, after, layout);
        var name = Graph.NameOf(node);
        if (layout == Layout.Plain)
        {
            var panels = new PanelConvolution(DenseShapes.Of(op, pick.Infer([node.Inputs[0].Shape]), after[1].Shape, node.Shape), pairs: !_options.Exact, [.. pick.Channels], [.. maps.Select(map => map.Channels)]) { Magnitude = Expected(Largest(MagnitudesOf(maps))) };
            Warming.Add(panels.Warm);
            Read(panels.Name, panels, [.. maps.Select(map => Get(map, layout))], panels.Run);
            return;
        }

        var convolution = new ListedConvolution(DenseShapes.Of(op, pick.Infer([node.Inputs[0].Shape]), after[1].Shape, node.Shape), [.. pick.Channels], [.. maps.Select(Blocks)], pairs: !_options.Exact) { Magnitude = Expected(Largest(MagnitudesOf(maps))) };
        Read($"{convolution.Name}, {pick.Channels.Count} channels of {maps.Length} maps by {convolution.Runs} runs", convolution, [.. maps.Select(map => Get(map, layout))], convolution.Run);

        void Read(string how, PackedKernel kernel, Slot[] x, OfMaps run)
        {
            var (packed, bias) = (Packed(name, after[1], kernel), Bias(chain.Second, after, node.Channels));
            var y = New(node, layout);
            Slot[] reads = then.Add is null ? [.. x, packed, bias] : [.. x, packed, bias, then.Add];
            Add(name, $"{how}, {kernel.Items} items", kernel.Items, reads, [y], (item, scratch) =>
            {
                var from = stackalloc float*[x.Length];
                for (var i = 0; i < x.Length; i++) from[i] = x[i].P;
                run(item, from, packed.P, bias.P, then.Kernel, y.P, scratch);
            }, kernel.Scratch);
        }
    }

    private delegate void OfMaps(int item, float** x, float* packed, float* bias, in DenseEpilogue then, float* y, float* scratch);

    // A number for each output channel; zeros where the operation has no bias.
    private Slot Bias(Op op, IReadOnlyList<Node> inputs, int channels) =>
        (op is Fused fused ? fused.Arity : inputs.Count) > 2 ? Get(inputs[2], Layout.Plain) : Now(Floats((channels + 15) / 16 * 16));

    // A scaled kernel is scaled while it is packed.
    private Slot Packed(string name, Node node, PackedKernel convolution)
    {
        var (kernel, factor) = node.Op is ScaledKernel ? (node.Inputs[0], Get(node.Inputs[1], Layout.Plain)) : (node, null);
        if (_constants.Contains(node))
            return _shared.Get(Constants.Key(node) is { } key ? $"{key} {convolution.Packing}" : null, () =>
            {
                // Straight from the weights, where it is one of them.
                var tensor = kernel.Op is Parameter ? _weights[Graph.NameOf(kernel)] : null;
                var reordered = tensor is null ? Get(kernel, Layout.Plain) : null;
                var made = Now(new Slot([checked((int)convolution.PackedSize)], Layout.Plain), clear: false);
                _team.Run([new Step(name, "pack the kernel", convolution.PackItems, (item, _) =>
                {
                    fixed (float* k = tensor is null ? reordered!.Span : tensor.Span) convolution.Pack(item, k, factor is null ? null : factor.P, made.P);
                })], 0);
                return made;
            });

        var (plain, packed) = (Get(kernel, Layout.Plain), Floats(convolution.PackedSize));
        Slot[] reads = factor is null ? [plain] : [plain, factor];
        Add(name, "pack the kernel", convolution.PackItems, reads, [packed], (item, _) => convolution.Pack(item, plain.P, factor is null ? null : factor.P, packed.P));
        return packed;
    }

    // The algorithm that was asked for; the convolution's own name comes first in that of a step.
    private int? Forced(string name) => Forced(_options, name);

    private static int? Forced(RunOptions options, string name) =>
        options.Algorithms.Count > 0 && (options.Algorithms.TryGetValue(name.Split(" + ")[0], out var algorithm) || options.Algorithms.TryGetValue("*", out algorithm)) ? (int)algorithm : null;

    private void WeightGradient(Node node, DenseShape shape)
    {
        var gradient = ConvolutionChoice.WeightGradient(shape, _options.Exact, Forced(Graph.NameOf(node)));
        var (x, dy) = (Get(node.Inputs[0], Layout.Blocked), Get(node.Inputs[1], Layout.Blocked));
        var sums = Floats(gradient.SumsSize);
        var dk = New(node, Layout.Plain);
        Add(Graph.NameOf(node), $"{gradient.Name}, {gradient.Items} items", gradient.Items, [x, dy], [sums], (item, scratch) => gradient.Run(item, x.P, dy.P, sums.P, scratch), gradient.Scratch);
        Add(Graph.NameOf(node), "add the chunks", gradient.AddItems, [sums], [dk], (item, _) => gradient.Add(item, sums.P, dk.P));
    }
}

/// <summary>A convolution's attributes and shapes as its kernels want them.</summary>
internal static class DenseShapes
{
    public static DenseShape Of(Op op, Shape x, Shape kernel, Shape y)
    {
        var (stride, pad, dilation, groups) = op is Convolution conv
            ? (conv.Stride, conv.Padding, conv.Dilation, conv.Groups)
            : op is ConvolutionTranspose transpose ? (transpose.Stride, transpose.Padding, transpose.Dilation, transpose.Groups) : throw new InvalidOperationException(op.Name);
        return new DenseShape(
            y.Batch, x.Channels, y.Channels, x.Plane, y.Plane, new Size(kernel[2], kernel[3]), stride, new Size(pad.Top, pad.Left), dilation, groups, Transposed: op is ConvolutionTranspose);
    }
}
