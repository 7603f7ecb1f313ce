using Tenfold.Kernels;

namespace Tenfold;

// Convolutions, with what follows them, and their gradients.
internal sealed unsafe partial class Plan
{
    private bool Convolutions(Fused fused)
    {
        var node = fused.First;
        switch (node.Op)
        {
            case Convolution op:
                Dense(fused, Shape(op.Stride, op.Padding, op.Dilation, op.Groups, transposed: false));
                return true;
            case ConvolutionTranspose op:
                Dense(fused, Shape(op.Stride, op.Padding, op.Dilation, op.Groups, transposed: true));
                return true;
            case ConvolutionWeightGradient op:
                WeightGradient(node, new DenseShape(
                    node.Inputs[0].Shape.Batch, node.Inputs[0].Channels, node.Inputs[1].Channels, node.Inputs[0].Shape.Plane, node.Inputs[1].Shape.Plane, op.Kernel,
                    op.Stride, new Size(op.Padding.Top, op.Padding.Left), op.Dilation, op.Groups, Transposed: false));
                return true;
            default: return false;
        }

        DenseShape Shape(Size stride, Padding pad, Size dilation, int groups, bool transposed) => new(
            node.Shape.Batch, node.Inputs[0].Channels, node.Channels, node.Inputs[0].Shape.Plane, node.Shape.Plane, new Size(node.Inputs[1].Shape[2], node.Inputs[1].Shape[3]),
            stride, new Size(pad.Top, pad.Left), dilation, groups, transposed);
    }

    private void Dense(Fused fused, DenseShape shape)
    {
        var node = fused.First;
        var kernel = Get(node.Inputs[1], Layout.Plain);
        var convolution = new DenseConvolution(shape);
        var packed = Floats(convolution.PackedSize);
        var bias = node.Inputs.Count > 2 ? Get(node.Inputs[2], Layout.Plain) : null;
        if (fused.Norm is { } norm)
        {
            var scale = Keep(Floats(shape.OutBlocks * 16));
            var shift = Keep(Floats(shape.OutBlocks * 16));
            var given = bias;
            Slot[] inputs = [.. norm.Inputs.Skip(1).Select(input => Get(input, Layout.Plain))];
            var epsilon = ((BatchNorm)norm.Op).Epsilon;
            _once.Add(new Step(fused.Names, "fold the norm", 1, (_, _) =>
            {
                for (var c = 0; c < shape.Out; c++)
                {
                    scale.P[c] = (float)(inputs[0].P[c] / Math.Sqrt((double)inputs[3].P[c] + epsilon));
                    shift.P[c] = inputs[1].P[c] + ((given is null ? 0 : given.P[c]) - inputs[2].P[c]) * scale.P[c];
                }
            }));
            PackOnce(item => convolution.Pack(item, kernel.P, scale.P, packed.P));
            bias = shift;
        }
        else if (_frozen && node.Inputs[1].Op is Parameter) PackOnce(item => convolution.Pack(item, kernel.P, null, packed.P));
        else Add(fused.Names, "pack the kernel", convolution.PackItems, [kernel], [packed], (item, _) => convolution.Pack(item, kernel.P, null, packed.P));

        bias ??= Keep(Floats(shape.OutBlocks * 16)); // zeros
        var x = Get(node.Inputs[0], Layout.Blocked);
        var add = fused.Add is { } other ? Get(other, Layout.Blocked) : null;
        var y = New(node, Layout.Blocked);
        var (low, high) = (fused.Low, fused.High);
        Slot[] reads = add is null ? [x, packed, bias] : [x, packed, bias, add];
        Add(fused.Names, $"{(shape.Pointwise ? "pointwise" : shape.Transposed ? "transposed, by phases" : "direct")}, {convolution.Items} items", convolution.Items, reads, [y],
            (item, scratch) => convolution.Run(item, x.P, packed.P, bias.P, add is null ? null : add.P, low, high, y.P, scratch), convolution.Scratch);

        void PackOnce(Action<int> pack)
        {
            Keep(packed);
            _once.Add(new Step(fused.Names, "pack the kernel", convolution.PackItems, (item, _) => pack(item)));
        }
    }

    private void WeightGradient(Node node, DenseShape shape)
    {
        var gradient = new DenseWeightGradient(shape);
        var (x, dy) = (Get(node.Inputs[0], Layout.Blocked), Get(node.Inputs[1], Layout.Blocked));
        var sums = Floats(gradient.SumsSize);
        var dk = New(node, Layout.Plain);
        Add(Graph.NameOf(node), $"outer products, {gradient.Items} items", gradient.Items, [x, dy], [sums], (item, scratch) => gradient.Run(item, x.P, dy.P, sums.P, scratch), gradient.Scratch);
        Add(Graph.NameOf(node), "add the chunks", gradient.AddItems, [sums], [dk], (item, _) => gradient.Add(item, sums.P, dk.P));
    }
}
