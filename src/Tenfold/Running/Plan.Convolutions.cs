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
                SlotsIn(Layout.Plain)[node] = _shared.Get(Constants.Key(node), () => Biases(node));
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
            var panels = new PanelConvolution(shape, pairs: !_options.Exact, [.. pick.Channels], [.. maps.Select(map => map.Channels)]) { Magnitude = magnitude };
            Warming.Add(panels.Warm);
            Read(panels.Name, panels, panels.Run);
            return;
        }

        var convolution = new ListedConvolution(shape, [.. pick.Channels], [.. maps.Select(Blocks)], pairs: !_options.Exact) { Magnitude = magnitude };
        Read($"{convolution.Name}, {pick.Channels.Count} channels of {maps.Length} maps by {convolution.Runs} runs", convolution, convolution.Run);

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

    // A scaled kernel is scaled while it is packed.
    private Slot Packed(string name, Node node, PackedKernel convolution)
    {
        var (kernel, factor) = node.Op is ScaledKernel ? (node.Inputs[0], Get(node.Inputs[1], Layout.Plain)) : (node, null);
        var size = Math.Max(1, convolution.PackedSize); // a transposed convolution of which padding alone would be left reads no weights
        if (_constants.Contains(node))
            return _shared.Get(Constants.Key(node) is { } key ? $"{key} {convolution.Packing}" : null, () =>
            {
                // Straight from the weights, where it is one of them.
                var tensor = kernel.Op is Parameter ? _weights[Graph.NameOf(kernel)] : null;
                var reordered = tensor is null ? Get(kernel, Layout.Plain) : null;
                var passing = tensor?.Place is { } place ? Stored(tensor, place) : null;
                if (passing is not null) _ = MeanSquare(node, passing.Span); // which the next layers ask for, while the numbers are here
                var made = Now(new Slot([checked((int)size)], Layout.Plain), clear: false);
                _team.Run([new Step(name, "pack the kernel", convolution.PackItems, (item, _) =>
                {
                    fixed (float* k = passing is not null ? passing.Span : tensor is null ? reordered!.Span : tensor.Span) convolution.Pack(item, k, factor is null ? null : factor.P, made.P);
                })], 0);
                return made;
            });

        var (plain, packed) = (Get(kernel, Layout.Plain), Floats(size));
        Slot[] reads = factor is null ? [plain] : [plain, factor];
        Add(name, "pack the kernel", convolution.PackItems, reads, [packed], (item, _) => convolution.Pack(item, plain.P, factor is null ? null : factor.P, packed.P));
        return packed;
    }

    // A product of two matrices of constants. Sums are in double, as those of the layer that reads it are.
    private Slot Composed(Node node)
    {
        var (second, first) = (node.Inputs[0], node.Inputs[1]);
        var (outputs, between, channels) = (node.Shape[0], second.Shape[1], node.Shape[1]);
        var (kernel, factor) = first.Op is ScaledKernel ? (first.Inputs[0], Get(first.Inputs[1], Layout.Plain)) : (first, null);
        var made = Now(new Slot(node.Shape, Layout.Plain));
        var rows = new double[outputs * between];
        var numbers = Passing(second);
        for (var i = 0; i < rows.Length; i++) rows[i] = (double)numbers[i] * (factor is null ? 1 : factor.P[i % between]);
        var perItem = Share(outputs, (long)between * channels / 4);
        fixed (double* a = rows)
        fixed (float* b = Passing(kernel))
        {
            var (left, right) = ((nint)a, (nint)b);
            _team.Run([new Step(Graph.NameOf(node), "compose the kernel", (outputs + perItem - 1) / perItem, (item, _) =>
                Matrix.Compose((double*)left, (float*)right, made.P, item * perItem, Math.Min(outputs, (item + 1) * perItem), between, channels))], 0);
        }

        return made;
    }

    private Slot Biases(Node node)
    {
        var (first, own, made) = (Get(node.Inputs[1], Layout.Plain), node.Inputs.Count > 2 ? Get(node.Inputs[2], Layout.Plain) : null, Now(new Slot(node.Shape, Layout.Plain)));
        var between = node.Inputs[0].Shape[1];
        var kernel = Passing(node.Inputs[0]);
        for (var o = 0; o < node.Shape[0]; o++)
        {
            var sum = own is null ? 0.0 : own.P[o];
            for (var m = 0; m < between; m++) sum += (double)kernel[o * between + m] * first.P[m];
            made.P[o] = (float)sum;
        }

        return made;
    }

    // The numbers of a tensor that lies in a file, until the next is asked for: nobody needs them once the kernel is packed.
    private PassingNumbers Stored(Tensor tensor, TensorPlace place)
    {
        if (_passing is null)
        {
            var most = 0L;
            foreach (var parameter in Graph.Parameters.Values) most = Math.Max(most, parameter.Shape.Count);
            _passing = new PassingNumbers(most);
        }

        const int piece = 64 * 1024;
        var passing = _passing.Of((int)tensor.Shape.Count);
        _team.Run([new Step(place.Name, "read", (passing.Count + piece - 1) / piece, (item, _) =>
            place.Read((long)item * piece, passing.Span.Slice(item * piece, Math.Min(piece, passing.Count - item * piece))))], 0);
        return passing;
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
    public static DenseShape Of(Node node) => Of(node.Op, node.Inputs[0].Shape, node.Inputs[1].Shape, node.Shape);

    public static DenseShape Of(Op op, Shape x, Shape kernel, Shape y)
    {
        var (stride, pad, dilation, groups, transposed) = op.Unfused() switch
        {
            Convolution conv => (conv.Stride, conv.Padding, conv.Dilation, conv.Groups, false),
            ConvolutionTranspose transpose => (transpose.Stride, transpose.Padding, transpose.Dilation, transpose.Groups, true),
            _ => throw new InvalidOperationException($"{op.Name} is no convolution"),
        };
        return new DenseShape(y.Batch, x.Channels, y.Channels, x.Plane, y.Plane, new Size(kernel[2], kernel[3]), stride, new Size(pad.Top, pad.Left), dilation, groups, transposed);
    }
}
