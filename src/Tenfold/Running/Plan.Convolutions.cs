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
            case Chained:
                Separable(node);
                return true;
            case ComposedKernel:
                SlotsIn(Layout.Plain)[node] = _shared.Get(Constants.Key(node), () => Composed(node));
                return true;
            case ComposedBias:
                SlotsIn(Layout.Plain)[node] = _shared.Get(Constants.Key(node), () => ComposedBiases(node));
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
        var then = Split(node).Then;
        var ((convolution, reason), name) = (_chosen[node], Graph.NameOf(node));
        convolution.Magnitude = Expected(Magnitude(node.Inputs[0]));
        Warming.Add(convolution.Warm);

        var x = Get(node.Inputs[0], convolution.ReadsPlain ? Layout.Plain : LayoutOf(node));
        if (convolution is { Pairs: true, ReadsPlain: false } && !_constants.Contains(node.Inputs[1])) Measured(name, node.Inputs[0], x, convolution);
        var packed = Packed(name, node.Inputs[1], convolution);
        var bias = Bias(node.Op, node.Inputs, node.Channels);
        var y = NewOverAdded(node, then);
        Slot[] reads = [x, packed, bias, .. then.Reads];
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

    private void Separable(Node node)
    {
        // The convolutions of the chain: a depthwise one and a pointwise one, often another pointwise one before them.
        var convolutions = new List<Link>();
        var (inputs, shape, magnitude) = (node.Inputs.ToArray(), node.Inputs[0].Shape, Magnitude(node.Inputs[0]));
        for (var op = node.Op; op is not null; op = (op as Chained)?.Second)
        {
            var (first, own) = op is Chained chain ? (chain.First, inputs[..chain.Arity]) : (op, inputs);
            var (shapes, magnitudes) = (Array.ConvertAll(own, input => input.Shape), MagnitudesOf(own));
            (shapes[0], magnitudes[0]) = (shape, magnitude);
            var (convolution, then) = Split(first, own, Layout.Blocked);
            shape = first.Infer(shapes);
            convolutions.Add(new Link(first, own, DenseShapes.Of(convolution, shapes[0], shapes[1], shape), then, magnitude));
            magnitude = Magnitude(first, magnitudes, own);
            inputs = [inputs[0], .. inputs[own.Length..]]; // the first only stands for what the next reads, which is no node
        }

        var (name, expands) = (Graph.NameOf(node), convolutions.Count == 3);
        var separable = new SeparableConvolution(expands ? convolutions[0].Shape : null, convolutions[^2].Shape, convolutions[^1].Shape, pairs: !_options.Exact);
        Warming.Add(separable.Warm);
        var x = Get(node.Inputs[0], Layout.Blocked);
        var y = NewOverAdded(node, convolutions[^1].Then);
        List<Slot> reads = [x];
        var (expansion, depthwise, pointwise) = (expands ? Of(0, separable.Expansion!) : null, Of(convolutions.Count - 2, separable.First), Of(convolutions.Count - 1, separable.Second));
        Add(name, $"{(expands ? $"{separable.Expansion!.Name}, then " : "")}{separable.First.Name}, then {separable.Second.Name}, in strips, {separable.Items} items", separable.Items, [.. reads], [y],
            (item, scratch) => separable.Run(item, x.P, expansion is null ? default : expansion(), depthwise(), pointwise(), y.P, scratch), separable.Scratch);

        Func<DenseLayer> Of(int i, ConvolutionKernel kernel)
        {
            var layer = convolutions[i];
            kernel.Magnitude = Expected(layer.Magnitude);
            var (packed, bias) = (Packed(name, layer.Inputs[1], kernel), Bias(layer.Op, layer.Inputs, layer.Shape.Out));
            reads.AddRange([packed, bias, .. layer.Then.Reads]);
            return () => new DenseLayer(packed.P, bias.P, layer.Then.Kernel);
        }
    }

    /// <param name="Magnitude">Of the map that it reads.</param>
    private sealed record Link(Op Op, Node[] Inputs, DenseShape Shape, Epilogue Then, double Magnitude);

    private void Listed(Node node, Chained chain)
    {
        var (pick, maps) = ((Pick)chain.First, node.Inputs.Take(chain.Arity).ToArray());
        Node[] after = [node.Inputs[0], .. node.Inputs.Skip(chain.Arity)]; // the list itself is no node
        var layout = LayoutOf(node);
        var (op, then) = Split(chain.Second, after, layout);
        var (name, shape, magnitude) = (Graph.NameOf(node), DenseShapes.Of(op, pick.Infer([node.Inputs[0].Shape]), after[1].Shape, node.Shape), Expected(Picked(pick, MagnitudesOf(maps))));
        if (layout == Layout.Plain)
        {
            var panels = new PanelConvolution(shape, pairs: !_options.Exact, pick.Channels, [.. maps.Select(map => map.Channels)]) { Magnitude = magnitude };
            Warming.Add(panels.Warm);
            Read(panels.Name, panels, panels.Run);
            return;
        }

        var convolution = new ListedConvolution(shape, pick.Channels, [.. maps.Select(Blocks)], pairs: !_options.Exact) { Magnitude = magnitude };
        Warming.Add(convolution.Warm);
        Read($"{convolution.Name}, {pick.Channels.Length} channels of {maps.Length} maps by {convolution.Runs} runs", convolution, convolution.Run);

        void Read(string how, PackedKernel kernel, OfMaps run)
        {
            Slot[] x = [.. maps.Select(map => Get(map, layout))];
            var (packed, bias) = (Packed(name, after[1], kernel), Bias(chain.Second, after, node.Channels));
            var y = NewOverAdded(node, then);
            Slot[] reads = [.. x, packed, bias, .. then.Reads];
            Add(name, $"{how}, {kernel.Items} items", kernel.Items, reads, [y], (item, scratch) =>
            {
                var from = stackalloc float*[x.Length];
                for (var i = 0; i < x.Length; i++) from[i] = x[i].P;
                run(item, from, packed.P, bias.P, then.Kernel, y.P, scratch);
            }, kernel.Scratch);
        }
    }

    private delegate void OfMaps(int item, float** x, float* packed, float* bias, in DenseEpilogue then, float* y, float* scratch);

    // Over what is added, where that is not wanted any more; between plain maps kernels also write behind what they computed.
    private Slot NewOverAdded(Node node, Epilogue then) => LayoutOf(node) == Layout.Blocked ? New(node, Layout.Blocked, then.Added) : New(node, Layout.Plain);

    // A number for each output channel; zeros where the operation has no bias.
    private Slot Bias(Op op, IReadOnlyList<Node> inputs, int channels) =>
        (op is Fused fused ? fused.Arity : inputs.Count) > 2 ? Get(inputs[2], Layout.Plain) : Now(Floats((channels + 15) / 16 * 16));

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
