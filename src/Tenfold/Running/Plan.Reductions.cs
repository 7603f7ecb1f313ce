using Tenfold.Kernels;

namespace Tenfold;

// Many numbers made one, rows standardised, places sampled: what imported networks have besides the operations of CNNs.
internal sealed unsafe partial class Plan
{
    private bool Reductions(Node node)
    {
        switch (node.Op)
        {
            case Max op when Middle(node.Inputs[0].Shape, op.Axes) is { } part: Reduce(node, part, new MaximumOf(), "maxima"); return true;
            case Product op when Middle(node.Inputs[0].Shape, op.Axes) is { } part: Reduce(node, part, new Times(), "products"); return true;
            case ArgMax op:
                var (outer, count, inner) = Middle(node.Inputs[0].Shape, (Axes)(1 << op.Axis))!.Value;
                var (x, y) = (Get(node.Inputs[0], Layout.Plain), New(node, Layout.Plain));
                InStripsOfColumns(node, "places of maxima", outer, inner, [x], [y], (row, from, n) => Reduction.Places(x.P + row * count * inner + from, inner, count, op.Last, y.P + row * inner + from, n));
                return true;
            case Standardize { Axis: 2 } op when node.Shape.Rank == 4: StandardizePlanes(node, op.Epsilon); return true;
            case Standardize op: StandardizeRows(node, op); return true;
            case MatMul: Products(node); return true;
            case GridSampling op: Sample(node, op); return true;
            case RoiSampling op when op.PositionSensitive || (node.Inputs.Count > 2 && node.Inputs[2].Channels > 2): SampleEach(node, op); return true;
            case RoiSampling op: Sample(node, op); return true;
            default: return false;
        }
    }

    /// <summary>The shape as what lies before, along and behind the axes; null where others lie between them.</summary>
    private static (long Outer, int Count, int Inner)? Middle(Shape shape, Axes axes)
    {
        var places = Enumerable.Range(0, shape.Rank).Where(axis => axes.HasFlag((Axes)(1 << axis)) && shape[axis] > 1).ToArray();
        if (places.Length == 0) return (shape.Count, 1, 1);
        var (first, last) = (places[0], places[^1]);
        if (Enumerable.Range(first, last - first).Any(axis => shape[axis] > 1 && !places.Contains(axis))) return null;
        return (Product(0, first), (int)Product(first, last + 1), (int)Product(last + 1, shape.Rank));

        long Product(int from, int to)
        {
            var product = 1L;
            for (var axis = from; axis < to; axis++) product *= shape[axis];
            return product;
        }
    }

    private void Reduce<TMap>(Node node, (long Outer, int Count, int Inner) part, TMap map, string what) where TMap : struct, IMap2
    {
        var (x, y) = (Get(node.Inputs[0], Layout.Plain), New(node, Layout.Plain));
        var (outer, count, inner) = part;
        InStripsOfColumns(node, what, outer, inner, [x], [y], (row, from, n) =>
        {
            if (inner == 1) y.P[row] = Reduction.Row(map, x.P + row * count, count);
            else Reduction.Columns(map, x.P + row * count * inner + from, inner, count, y.P + row * inner + from, n);
        });
    }

    private delegate void OnColumns(long row, int from, int count);

    // A step of columns [from, from + count) of each of many rows.
    private void InStripsOfColumns(Node node, string what, long rows, int columns, Slot[] reads, Slot[] writes, OnColumns work)
    {
        var strips = (columns + Strip - 1) / Strip;
        Add(Graph.NameOf(node), what, checked((int)(rows * strips)), reads, writes, (item, _) =>
        {
            var (row, strip) = Math.DivRem(item, strips);
            work(row, strip * Strip, Math.Min(Strip, columns - strip * Strip));
        });
    }

    private void StandardizePlanes(Node node, float epsilon)
    {
        var (x, y, pixels) = (Get(node.Inputs[0], Layout.Blocked), New(node, Layout.Blocked), Pixels(node));
        Add(Graph.NameOf(node), "planes standardised", Planes(node), [x], [y], (plane, _) =>
        {
            float* sum = stackalloc float[16], squares = stackalloc float[16];
            var at = (long)plane * pixels * 16;
            Lanes.Moments(x.P + at, pixels, sum, squares);
            for (var lane = 0; lane < 16; lane++)
            {
                var factor = 1 / MathF.Sqrt(squares[lane] / pixels + epsilon);
                (squares[lane], sum[lane]) = (factor, -sum[lane] / pixels * factor);
            }

            Lanes.Scale(x.P + at, squares, sum, null, float.NegativeInfinity, float.PositiveInfinity, y.P + at, pixels);
        });
    }

    private void StandardizeRows(Node node, Standardize op)
    {
        var (x, y) = (Get(node.Inputs[0], Layout.Plain), New(node, Layout.Plain));
        var (rows, length, _) = Middle(node.Shape.With(0, 1), (Axes)(((1 << node.Shape.Rank) - 1) & ~((1 << op.Axis) - 1)))!.Value;
        rows *= node.Shape[0];
        EachRow(node, "rows standardised", rows, Math.Max(1, Chunk / length), [x], [y], row => Reduction.Standardize(x.P + row * length, y.P + row * length, length, op.Epsilon));
    }

    // Each product of two matrices in strips of rows; a column's is that of a matrix and a vector.
    private void Products(Node node)
    {
        var (a, b, y) = (Get(node.Inputs[0], Layout.Plain), Get(node.Inputs[1], Layout.Plain), New(node, Layout.Plain));
        var (left, right, shape) = (node.Inputs[0].Shape, node.Inputs[1].Shape, node.Shape);
        var (rows, columns, depth) = (shape[shape.Rank - 2], shape[shape.Rank - 1], left[left.Rank - 1]);
        var (lead, leadLeft, leadRight) = (Leading(shape), Leading(left), Leading(right));
        var perItem = Share(rows, (long)depth * Math.Max(1, columns / 4));
        var items = (rows + perItem - 1) / perItem;
        Add(Graph.NameOf(node), "products of matrices", checked((int)(shape.Count / ((long)rows * columns) * items)), [a, b], [y], (item, _) =>
        {
            var (m, part) = Math.DivRem(item, items);
            var p = a.P + (long)Broadcasting.Source(m, lead, leadLeft) * rows * depth;
            var q = b.P + (long)Broadcasting.Source(m, lead, leadRight) * depth * columns;
            var to = y.P + (long)m * rows * columns;
            var (from, end) = (part * perItem, Math.Min(rows, (part + 1) * perItem));
            if (columns == 1) Matrix.Dots(q, p, null, to, 1, depth, from, end, rows);
            else Matrix.Outer(p, depth, 1, q, columns, to, columns, from, end, depth, columns);
        });

        static Shape Leading(Shape shape) => Shape.Of(shape.AsSpan()[..^2]);
    }

    private void Sample(Node node, GridSampling op)
    {
        var grid = Get(node.Inputs[1], Layout.Plain);
        var (map, width) = (node.Inputs[0].Shape.Plane, node.Shape.Width);
        var sampler = new GridSampler(op.Taps * op.Taps, width);
        Sample(node, sampler, [grid], 1, (item, taps) =>
        {
            Span<GridTap<float>> rows = stackalloc GridTap<float>[4], columns = stackalloc GridTap<float>[4];
            for (var w = 0; w < width; w++)
            {
                var place = grid.P + ((long)item * width + w) * 2;
                var (down, right) = (op.Along(place[1], map.Height, rows), op.Along(place[0], map.Width, columns));
                foreach (var row in rows[..down])
                    foreach (var column in columns[..right]) sampler.Set(taps, w, row.Pixel * map.Width + column.Pixel, row.Weight * column.Weight);
            }
        });
    }

    private void Sample(Node node, RoiSampling op)
    {
        Slot[] reads = [.. node.Inputs.Skip(1).Select(input => Get(input, Layout.Plain))];
        var (map, to) = (node.Inputs[0].Shape.Plane, node.Shape.Plane);
        var sampler = new GridSampler(4, to.Width);
        Sample(node, sampler, reads, node.Inputs[1].Shape[1], (item, taps) =>
        {
            Span<(int, float)> corners = stackalloc (int, float)[4];
            var (region, h) = Math.DivRem(item, to.Height);
            for (var w = 0; w < to.Width; w++)
                foreach (var (place, weight) in corners[..Corners(op, map, reads, region, h, w, corners)]) sampler.Set(taps, w, place, weight);
        });
    }

    // The pixels around a sample, with their weights.
    private static int Corners(RoiSampling op, Size map, Slot[] reads, long regionAndGroup, int h, int w, Span<(int Place, float Weight)> corners, int groups = 1)
    {
        var offset = reads.Length > 1 ? reads[1].P + (regionAndGroup * 2 * op.Bins.Height + h / op.Samples) * op.Bins.Width + w / op.Samples : null;
        var region = new ReadOnlySpan<float>(reads[0].P + regionAndGroup / groups * 4, 4);
        var (row, column) = op.Place(region, offset == null ? 0 : *offset, offset == null ? 0 : offset[op.Bins.Area], h, w);
        if (!(row >= -1 && row < map.Height && column >= -1 && column < map.Width)) return 0;
        var (top, left) = ((int)MathF.Floor(row), (int)MathF.Floor(column));
        var (a, b, count) = (row - top, column - left, 0);
        for (var corner = 0; corner < 4; corner++)
        {
            var (i, j) = (top + corner / 2, left + corner % 2);
            if ((uint)i < (uint)map.Height && (uint)j < (uint)map.Width) corners[count++] = (i * map.Width + j, (i == top ? 1 - a : a) * (j == left ? 1 - b : b));
        }

        return count;
    }

    // Where channels read at places of their own or bins from maps of their own, number by number.
    private void SampleEach(Node node, RoiSampling op)
    {
        Slot[] inputs = [.. node.Inputs.Select(input => Get(input, Layout.Plain))];
        var (x, reads, y) = (inputs[0], inputs[1..], New(node, Layout.Plain));
        var (source, to, channels, perSample) = (node.Inputs[0].Shape, node.Shape.Plane, node.Channels, node.Inputs[1].Shape[1]);
        var groups = node.Inputs.Count > 2 ? node.Inputs[2].Channels / 2 : 1;
        Add(Graph.NameOf(node), "sampled bin by bin", checked(node.Shape.Batch * channels), inputs, [y], (item, _) =>
        {
            Span<(int, float)> corners = stackalloc (int, float)[4];
            var (region, c) = Math.DivRem(item, channels);
            var maps = x.P + (long)(region / perSample) * source.Channels * source.Plane.Area;
            for (var h = 0; h < to.Height; h++)
                for (var w = 0; w < to.Width; w++)
                {
                    var map = maps + (long)op.Source(c, h / op.Samples, w / op.Samples) * source.Plane.Area;
                    var sum = 0f;
                    var around = Corners(op, source.Plane, reads, (long)region * groups + c / (channels / groups), h, w, corners, groups);
                    foreach (var (place, weight) in corners[..around]) sum += weight * map[place];
                    y.P[((long)item * to.Height + h) * to.Width + w] = sum;
                }
        });
    }

    // Row by row of the output: where its pixels are read, then all blocks of channels.
    private void Sample(Node node, GridSampler sampler, Slot[] reads, int perSample, Work places)
    {
        var (x, y) = (Get(node.Inputs[0], Layout.Blocked), New(node, Layout.Blocked));
        var (area, to, blocks) = (node.Inputs[0].Shape.Plane.Area, node.Shape.Plane, Blocks(node));
        Add(Graph.NameOf(node), "sampled row by row", checked(node.Shape.Batch * to.Height), [x, .. reads], [y], (item, taps) =>
        {
            sampler.Begin(taps);
            places(item, taps);
            var (n, h) = Math.DivRem(item, to.Height);
            for (var block = 0; block < blocks; block++)
                sampler.Run(taps, x.P + ((long)n / perSample * blocks + block) * area * 16, y.P + (((long)n * blocks + block) * to.Height + h) * to.Width * 16);
        }, sampler.Size);
    }
}
