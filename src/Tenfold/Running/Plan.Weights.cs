using Tenfold.Kernels;

namespace Tenfold;

// What is made of weights: packed kernels, kernels and biases of two layers in one. Of weights that never change it is made once, for all plans of a session; weights that lie in a file
// pass through memory one tensor after the other.
internal sealed unsafe partial class Plan
{
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
                var made = _shared.Place(new Slot([checked((int)size)], Layout.Plain));
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

    // The bias of that layer.
    private Slot ComposedBiases(Node node)
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

    private ReadOnlySpan<float> Numbers(Node constant) => constant.Op is Parameter ? _weights[Graph.NameOf(constant)].Span : Get(constant, Layout.Plain).Span;

    // A constant's numbers; those that lie in a file only until the next are asked for.
    private ReadOnlySpan<float> Passing(Node constant) => constant.Op is Parameter && _weights[Graph.NameOf(constant)] is { Place: { } place } tensor ? Stored(tensor, place).Span : Numbers(constant);

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
}
