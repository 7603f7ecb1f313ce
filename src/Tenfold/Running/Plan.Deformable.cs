using Tenfold.Kernels;

namespace Tenfold;

// Deformable convolutions, and what their gradients are made of.
internal sealed unsafe partial class Plan
{
    private bool Deformables(Node node)
    {
        switch (node.Op)
        {
            case DeformableConvolution op: Deformable(node, op); return true;
            case DeformableSampling op: Sampling(node, op.Grid); return true;
            case DeformableInputGradient op: SamplingInputGradient(node, op.Grid); return true;
            case DeformableOffsetGradient op: SamplingMoves(node, op.Grid, masks: false); return true;
            case DeformableMaskGradient op: SamplingMoves(node, op.Grid, masks: true); return true;
            default: return false;
        }
    }

    private static DeformableShape ShapeOf(DeformableGrid grid, Node x, Size output) => new(
        x.Shape.Batch, x.Channels, x.Shape.Plane, output, grid.Kernel, grid.Stride, new Size(grid.Padding.Top, grid.Padding.Left), grid.Dilation, grid.OffsetGroups);

    private void Deformable(Node node, DeformableConvolution op)
    {
        var (input, weight, name) = (node.Inputs[0], node.Inputs[1], Graph.NameOf(node));
        var size = new Size(weight.Shape[2], weight.Shape[3]);
        var grid = new DeformableGrid(size, op.Stride, op.Padding, op.Dilation, op.OffsetGroups);
        var product = new DenseShape(
            node.Shape.Batch, input.Channels, node.Channels, input.Shape.Plane, node.Shape.Plane, size, op.Stride, new Size(op.Padding.Top, op.Padding.Left), op.Dilation, op.Groups, Transposed: false);
        var kernel = new DeformableConvolutionKernel(ShapeOf(grid, input, node.Shape.Plane), product, pairs: !_options.Exact) { Magnitude = Expected(Magnitude(input)) };
        var packed = Packed(name, weight, kernel);
        var bias = node.Inputs.Count > (op.Masked ? 4 : 3) ? Get(node.Inputs[^1], Layout.Plain) : Now(Floats(product.OutBlocks * 16)); // zeros
        var (x, offset) = (Get(input, Layout.Blocked), Get(node.Inputs[2], Layout.Blocked));
        var mask = op.Masked ? Get(node.Inputs[3], Layout.Blocked) : null;
        var y = New(node, Layout.Blocked);
        Slot[] reads = mask is null ? [x, offset, packed, bias] : [x, offset, mask, packed, bias];
        Add(name, $"{kernel.Name}, {kernel.Items} items", kernel.Items, reads, [y],
            (item, scratch) => kernel.Run(item, x.P, new DeformableMoves(offset.P, mask is null ? null : mask.P), packed.P, bias.P, y.P, scratch), kernel.Scratch);
    }

    private void Sampling(Node node, DeformableGrid grid)
    {
        var shape = ShapeOf(grid, node.Inputs[0], node.Shape.Plane);
        var sampler = new DeformableSampler(shape);
        var (x, offset) = (Get(node.Inputs[0], Layout.Blocked), Get(node.Inputs[1], Layout.Blocked));
        var mask = node.Inputs.Count > 2 ? Get(node.Inputs[2], Layout.Blocked) : null;
        var y = New(node, Layout.Blocked);
        var (area, tile) = (node.Shape.Plane.Area, DeformableSampler.Tile);
        var tiles = (area + tile - 1) / tile;
        Slot[] reads = mask is null ? [x, offset] : [x, offset, mask];
        Add(Graph.NameOf(node), "sampled", shape.Batch * tiles, reads, [y], (item, scratch) =>
        {
            var (n, part) = Math.DivRem(item, tiles);
            var (from, count) = (part * tile, Math.Min(tile, area - part * tile));
            sampler.Columns(x.P, new DeformableMoves(offset.P, mask is null ? null : mask.P), n, from, count, 0, shape.Taps, scratch, tile, scratch + sampler.TileSize * shape.Blocks);
            for (var block = 0; block < shape.Blocks; block++) sampler.Store(scratch, n, block, from, count, tile, y.P);
        }, sampler.TileSize * shape.Blocks + DeformableSampler.SamplesSize(tile));
    }

    private void SamplingInputGradient(Node node, DeformableGrid grid)
    {
        var shape = ShapeOf(grid, node, node.Inputs[0].Shape.Plane);
        var sampler = new DeformableSampler(shape);
        var (dy, offset) = (Get(node.Inputs[0], Layout.Blocked), Get(node.Inputs[1], Layout.Blocked));
        var mask = node.Inputs.Count > 2 ? Get(node.Inputs[2], Layout.Blocked) : null;
        var dx = New(node, Layout.Blocked);
        Slot[] reads = mask is null ? [dy, offset] : [dy, offset, mask];
        Add(Graph.NameOf(node), "to the pixels of each sample", Planes(node), reads, [dx], (item, scratch) =>
            sampler.InputGradient(item / shape.Blocks, item % shape.Blocks, dy.P, new DeformableMoves(offset.P, mask is null ? null : mask.P), dx.P, scratch), sampler.TileSize);
    }

    // The gradients of offsets and masks come out of the same sums; each has a step of its own.
    private void SamplingMoves(Node node, DeformableGrid grid, bool masks)
    {
        var shape = ShapeOf(grid, node.Inputs[1], node.Shape.Plane);
        var sampler = new DeformableSampler(shape);
        var (dy, x, offset) = (Get(node.Inputs[0], Layout.Blocked), Get(node.Inputs[1], Layout.Blocked), Get(node.Inputs[2], Layout.Blocked));
        var mask = node.Inputs.Count > 3 ? Get(node.Inputs[3], Layout.Blocked) : null;
        var result = New(node, Layout.Blocked);
        var (area, tile) = (node.Shape.Plane.Area, DeformableSampler.Tile);
        var tiles = (area + tile - 1) / tile;
        Slot[] reads = mask is null ? [dy, x, offset] : [dy, x, offset, mask];
        Add(Graph.NameOf(node), "slopes of the samples", shape.Batch * tiles, reads, [result], (item, scratch) =>
        {
            var (n, part) = Math.DivRem(item, tiles);
            sampler.MoveGradients(n, part * tile, Math.Min(tile, area - part * tile), x.P, dy.P, new DeformableMoves(offset.P, mask is null ? null : mask.P),
                masks ? null : result.P, masks ? result.P : null, scratch);
        }, sampler.MovesSize);
    }
}
