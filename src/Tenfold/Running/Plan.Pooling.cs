using Tenfold.Kernels;
using static Tenfold.PlaneAxes;
using Axis = System.Collections.Generic.IReadOnlyList<System.Collections.Generic.IReadOnlyList<(int Source, double Weight)>>;

namespace Tenfold;

// Pooling, resizing and padding: operations on planes.
internal sealed unsafe partial class Plan
{
    private bool Pools(Node node)
    {
        if (node.Shape.Rank != 4 || node.Inputs[0].Shape.Rank != 4) return false;
        var (map, size) = (node.Inputs[0].Shape.Plane, node.Shape.Plane);
        switch (node.Op)
        {
            case AdaptiveAvgPool when size.Area == 1: Means(node); return true;
            case AdaptiveAvgPool: Planewise(node, AvgBins(map.Height, size.Height), AvgBins(map.Width, size.Width), "bins"); return true;
            case AdaptiveAvgPoolGradient: PlanewiseBack(node, AvgBins(size.Height, map.Height), AvgBins(size.Width, map.Width), "bins"); return true;
            case AvgPool when AsDepthwise(node) is { } windows: WindowMeans(node, windows); return true;
            case AvgPool op: Planewise(node, AvgRows(op, map.Height, size.Height), AvgColumns(op, map.Width, size.Width), "windows"); return true;
            case AvgPoolGradient op: PlanewiseBack(node, AvgRows(op.Pool, size.Height, map.Height), AvgColumns(op.Pool, size.Width, map.Width), "windows"); return true;
            case Resize op: Planewise(node, Interpolated(op, map.Height, size.Height), Interpolated(op, map.Width, size.Width), "interpolation"); return true;
            case ResizeGradient op: PlanewiseBack(node, Interpolated(op.Resize, size.Height, map.Height), Interpolated(op.Resize, size.Width, map.Width), "interpolation"); return true;
            case Pad op: Planewise(node, PadRows(op, map, size.Height), PadColumns(op, map, size.Width), "copies"); return true;
            case PadGradient op: PlanewiseBack(node, PadRows(op.Pad, size, map.Height), PadColumns(op.Pad, size, map.Width), "copies"); return true;
            case Lrn op: Responses(node, op, gradient: false); return true;
            case LrnGradient op: Responses(node, op.Lrn, gradient: true); return true;
            case MaxPool op: Largest(node, MaxRows(op, map.Height, size.Height), MaxColumns(op, map.Width, size.Width)); return true;
            case AdaptiveMaxPool: Largest(node, MaxBins(map.Height, size.Height), MaxBins(map.Width, size.Width)); return true;
            case MaxPoolGradient op:
                LargestGradient(node, MaxRows(op.Pool, size.Height, node.Inputs[1].Shape.Height), MaxColumns(op.Pool, size.Width, node.Inputs[1].Shape.Width));
                return true;
            case AdaptiveMaxPoolGradient:
                LargestGradient(node, MaxBins(size.Height, node.Inputs[1].Shape.Height), MaxBins(size.Width, node.Inputs[1].Shape.Width));
                return true;
            default: return false;
        }
    }

    // The depthwise convolution whose weights are all alike, where every window counts as many pixels; null where it has no tiles.
    private static DenseShape? AsDepthwise(Node node)
    {
        if (node is not { Op: AvgPool op, Shape.Rank: 4 }) return null;
        var (from, to, kernel, stride, padding) = (node.Inputs[0].Shape.Plane, node.Shape.Plane, op.Kernel, op.Stride, op.Padding);
        if (!op.CountIncludePad && padding != Padding.None) return null;
        if ((to.Height - 1) * stride.Height + kernel.Height > from.Height + padding.Top + padding.Bottom || (to.Width - 1) * stride.Width + kernel.Width > from.Width + padding.Left + padding.Right) return null; // what hangs over does not count
        var shape = new DenseShape(node.Shape.Batch, node.Channels, node.Channels, from, to, kernel, stride, new Size(padding.Top, padding.Left), 1, node.Channels, Transposed: false);
        return node.Channels > 1 && LaneConvolution.InTiles(shape) ? shape : null;
    }

    private void WindowMeans(Node node, DenseShape windows)
    {
        var layout = LayoutOf(node);
        ConvolutionKernel kernel = layout == Layout.Plain ? new PlaneRowConvolution(windows) : new LaneConvolution(windows, LaneMap.Of(windows)!);
        Warming.Add(kernel.Warm);
        var (x, y, bias) = (Get(node.Inputs[0], layout), New(node, layout), Now(Floats((node.Channels + 15) / 16 * 16)));
        var weights = Now(Floats(kernel.PackedSize));
        weights.Span.Fill(1f / windows.KernelSize.Area);
        var then = new DenseEpilogue(null, s_all, s_all);
        Add(Graph.NameOf(node), $"means of windows, {kernel.Name}, {kernel.Items} items", kernel.Items, [x, weights, bias], [y], (item, scratch) => kernel.Run(item, x.P, weights.P, bias.P, then, y.P, scratch), kernel.Scratch);
    }

    // The mean of each plane.
    private void Means(Node node)
    {
        if (_sums.TryGetValue(node.Inputs[0], out var sums) && LayoutOf(node) == Layout.Blocked)
        {
            MeansOfSums(node, sums.Slot, sums.Count);
            return;
        }

        var (x, y) = (Get(node.Inputs[0], LayoutOf(node)), New(node, LayoutOf(node)));
        var pixels = Pixels(node.Inputs[0]);
        if (x.Layout == Layout.Plain)
        {
            var planes = (int)node.Shape.Count;
            Add(Graph.NameOf(node), "means of planes", (planes + 15) / 16, [x], [y], (item, _) =>
            {
                for (var plane = item * 16; plane < Math.Min(planes, item * 16 + 16); plane++) y.P[plane] = Lanes.Sum(x.P + (long)plane * pixels, pixels) / pixels;
            });
            return;
        }

        Add(Graph.NameOf(node), "means of planes", Planes(node), [x], [y], (plane, _) =>
        {
            var mean = y.P + plane * 16;
            Lanes.Sum(x.P + (long)plane * pixels * 16, pixels, mean);
            Lanes.Map(new Line(1f / pixels, 0), mean, mean, 16);
        });
    }

    /// <summary>So many sums of each plane of a map.</summary>
    private sealed record PlaneSums(Slot Slot, int Count);

    // Of each plane some sums are there already.
    private void MeansOfSums(Node node, Slot sums, int count)
    {
        var (y, factor) = (New(node, Layout.Blocked), 1f / Pixels(node.Inputs[0]));
        Add(Graph.NameOf(node), $"means of planes by {count} sums of each", 1, [sums], [y], (_, _) =>
        {
            for (var plane = 0; plane < y.Size / 16; plane++) Lanes.Sum(sums.P + (long)plane * count * 16, count, y.P + plane * 16);
            Lanes.Map(new Line(factor, 0), y.P, y.P, (int)y.Size);
        });
    }

    // Weighted sums of rows and of columns.
    private void Planewise(Node node, Axis rows, Axis columns, string what)
    {
        var input = node.Inputs[0];
        var x = Get(input, Layout.Blocked);
        var y = New(node, Layout.Blocked);
        var kernel = new SeparableFilter(new LinearAxis(rows), new LinearAxis(columns), input.Shape.Width);
        var (source, result, blocks) = (Pixels(input) * 16, Pixels(node) * 16, Blocks(node)); // floats of a plane
        InStripsOfRows(node, $"{what}, by rows and columns", [x], [y], (n, block, from, to, scratch) =>
        {
            var plane = (long)n * blocks + block;
            kernel.Run(x.P + plane * source, y.P + plane * result, from, to, scratch);
        }, kernel.Scratch);
    }

    // The gradient of such a sum.
    private void PlanewiseBack(Node node, Axis rows, Axis columns, string what) =>
        Planewise(node, LinearAxis.Transposed(rows, node.Shape.Height), LinearAxis.Transposed(columns, node.Shape.Width), what);

    private void Largest(Node node, Window[] rows, Window[] columns)
    {
        Warming.Add(MaxPooling.Warm);
        var input = node.Inputs[0];
        var x = Get(input, Layout.Blocked);
        var y = New(node, Layout.Blocked);
        var kernel = new MaxPooling(rows, columns, input.Shape.Width);
        var (source, result, blocks) = (Pixels(input) * 16, Pixels(node) * 16, Blocks(node)); // floats of a plane
        InStripsOfRows(node, "largest of rows, then of columns", [x], [y], (n, block, from, to, scratch) =>
        {
            var plane = (long)n * blocks + block;
            kernel.Run(x.P + plane * source, y.P + plane * result, from, to, scratch);
        }, kernel.Scratch);
    }

    private void LargestGradient(Node node, Window[] rows, Window[] columns)
    {
        var (x, dy) = (Get(node.Inputs[0], Layout.Blocked), Get(node.Inputs[1], Layout.Blocked));
        var dx = New(node, Layout.Blocked);
        var kernel = new MaxPooling(rows, columns, node.Shape.Width);
        var (from, to, height) = (Pixels(node), Pixels(node.Inputs[1]), node.Shape.Height);
        Add(Graph.NameOf(node), "to the largest of each window", Planes(node), [x, dy], [dx], (plane, _) =>
            kernel.Gradient(x.P + (long)plane * from * 16, dy.P + (long)plane * to * 16, dx.P + (long)plane * from * 16, height));
    }

    // Over neighbouring channels of each pixel.
    private void Responses(Node node, Lrn op, bool gradient)
    {
        var x = Get(node.Inputs[0], Layout.Blocked);
        var dy = gradient ? Get(node.Inputs[1], Layout.Blocked) : x;
        var y = New(node, Layout.Blocked);
        var (blocks, pixels) = (Blocks(node), Pixels(node));
        var kernel = new ResponseNorm(node.Channels, pixels, op.Size, op.Alpha, op.Beta, op.K);
        const int strip = 64;
        var strips = (pixels + strip - 1) / strip;
        Add(Graph.NameOf(node), "neighbouring channels", node.Shape.Batch * strips, [x, dy], [y], (item, scratch) =>
        {
            var (n, part) = Math.DivRem(item, strips);
            var at = (long)n * blocks * pixels * 16;
            var (from, to) = (part * strip, Math.Min(pixels, (part + 1) * strip));
            if (gradient) kernel.Gradient(x.P + at, dy.P + at, y.P + at, from, to, scratch);
            else kernel.Run(x.P + at, y.P + at, from, to, scratch);
        }, kernel.Scratch);
    }
}
