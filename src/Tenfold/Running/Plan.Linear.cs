using System.Numerics;
using Tenfold.Kernels;

namespace Tenfold;

// Linear layers, softmax and losses: vectors for each sample.
internal sealed unsafe partial class Plan
{
    private bool Vectors(Node node)
    {
        switch (node.Op)
        {
            case Linear: Product(node); return true;
            case LinearInputGradient: ProductInputGradient(node); return true;
            case LinearWeightGradient: ProductWeightGradient(node); return true;
            case ChannelSum when node.Inputs[0].Shape.Rank == 2: SumSamples(node); return true;
            case Softmax when node.Shape.Rank == 2: SoftmaxRows(node); return true;
            case Softmax: Places(node, (x, _) => Kernels.Places.Softmax(x, x, node.Channels)); return true;
            case LogSoftmax: Places(node, (x, _) => Kernels.Places.LogSoftmax(x, x, node.Channels)); return true;
            case SoftmaxGradient: Places(node, (y, dy) => Kernels.Places.SoftmaxGradient(y, dy, node.Channels)); return true;
            case LogSoftmaxGradient: Places(node, (y, dy) => Kernels.Places.LogSoftmaxGradient(y, dy, node.Channels)); return true;
            case SoftmaxCrossEntropy: CrossEntropy(node); return true;
            case SoftmaxCrossEntropyGradient: CrossEntropyGradient(node); return true;
            case MeanSquareError: SquareError(node); return true;
            case MeanSquareErrorGradient: SquareErrorGradient(node); return true;
            case RandomMask op: Mask(node, op); return true;
            default: return false;
        }
    }

    private void Product(Node node)
    {
        Warming.Add(Matrix.Warm);
        var (x, w) = (Get(node.Inputs[0], Layout.Plain), Get(node.Inputs[1], Layout.Plain));
        var bias = node.Inputs.Count > 2 ? Get(node.Inputs[2], Layout.Plain) : null;
        var y = New(node, Layout.Plain);
        var (samples, features, outputs) = (node.Shape[0], node.Inputs[0].Shape[1], node.Shape[1]);
        var rows = Share(outputs, (long)features * Math.Max(1, samples / 3));
        Slot[] reads = bias is null ? [x, w] : [x, w, bias];
        Add(Graph.NameOf(node), samples == 1 ? "matrix by vector" : "products of rows", (outputs + rows - 1) / rows, reads, [y], (item, _) =>
            Matrix.Dots(x.P, w.P, bias is null ? null : bias.P, y.P, samples, features, item * rows, Math.Min(outputs, (item + 1) * rows), outputs));
    }

    private void ProductInputGradient(Node node)
    {
        var (dy, w) = (Get(node.Inputs[0], Layout.Plain), Get(node.Inputs[1], Layout.Plain));
        var dx = New(node, Layout.Plain);
        var (samples, features, outputs) = (node.Shape[0], node.Shape[1], node.Inputs[1].Shape[0]);
        // Columns of w, so that all samples share what is read of it.
        var columns = (Share(features, (long)outputs * Math.Max(1, samples / 4)) + 23) / 24 * 24;
        Add(Graph.NameOf(node), "products of columns", (features + columns - 1) / columns, [dy, w], [dx], (item, _) =>
            Matrix.Outer(dy.P, outputs, 1, w.P + item * columns, features, dx.P + item * columns, features, 0, samples, outputs, Math.Min(columns, features - item * columns)));
    }

    private void ProductWeightGradient(Node node)
    {
        var (x, dy) = (Get(node.Inputs[0], Layout.Plain), Get(node.Inputs[1], Layout.Plain));
        var dw = New(node, Layout.Plain);
        var (samples, features, outputs) = (node.Inputs[0].Shape[0], node.Shape[1], node.Shape[0]);
        var rows = Share(outputs, (long)features * Math.Max(1, samples / 4));
        Add(Graph.NameOf(node), "products of columns", (outputs + rows - 1) / rows, [x, dy], [dw], (item, _) =>
            Matrix.Outer(dy.P, 1, outputs, x.P, features, dw.P, features, item * rows, Math.Min(outputs, (item + 1) * rows), samples, features));
    }

    // How many of `count` rows make an item of about 64k products, in whole tiles.
    private static int Share(int count, long each) => Math.Min(count, (int)Math.Max(1, (1 << 16) / Math.Max(1, each) / Matrix.Rows) * Matrix.Rows);

    // The gradient of a linear layer's bias.
    private void SumSamples(Node node)
    {
        var x = Get(node.Inputs[0], Layout.Plain);
        var y = New(node, Layout.Plain);
        var (samples, channels) = (node.Inputs[0].Shape[0], node.Shape[0]);
        Add(Graph.NameOf(node), "sums of columns", 1, [x], [y], (_, _) =>
        {
            y.Span.Clear();
            for (var n = 0; n < samples; n++) Broadcast.Row(new Plus(), y.P, 1, x.P + (long)n * channels, 1, y.P, channels);
        });
    }

    private delegate void OnTile(float* first, float* last);

    // A function of all channels of each place, of one input or of two; what it leaves in the last tile is the result.
    private void Places(Node node, OnTile function)
    {
        Slot[] inputs = [.. node.Inputs.Select(input => Get(input, Layout.Plain))];
        var y = New(node, Layout.Plain);
        var (channels, inner) = (node.Channels, (int)(node.Shape.Count / node.Shape.Batch / node.Channels));
        var (places, size) = ((long)node.Shape.Batch * inner, (long)channels * Kernels.Places.Count);
        Add(Graph.NameOf(node), "places side by side", Tiles(places), inputs, [y], (item, scratch) =>
        {
            var (first, count) = Tile(places, item);
            for (var i = 0; i < inputs.Length; i++) Kernels.Places.Load(inputs[i].P, channels, inner, first, count, scratch + i * size);
            var last = scratch + (inputs.Length - 1) * size;
            function(scratch, last);
            Kernels.Places.Store(last, channels, inner, first, count, y.P);
        }, inputs.Length * size);
    }

    private void SoftmaxRows(Node node)
    {
        var x = Get(node.Inputs[0], Layout.Plain);
        var y = New(node, Layout.Plain);
        var channels = node.Channels;
        Add(Graph.NameOf(node), "a row at a time", node.Shape.Batch, [x], [y], (n, _) => Kernels.Places.SoftmaxRow(x.P + (long)n * channels, y.P + (long)n * channels, channels));
    }

    private void CrossEntropy(Node node)
    {
        var (x, t) = (Get(node.Inputs[0], Layout.Plain), Get(node.Inputs[1], Layout.Plain));
        var y = New(node, Layout.Plain);
        var (samples, classes) = (node.Shape.Batch, node.Inputs[0].Channels);
        var size = (long)classes * Kernels.Places.Count;
        Add(Graph.NameOf(node), "places side by side", Tiles(samples), [x, t], [y], (item, scratch) =>
        {
            var (first, count) = Tile(samples, item);
            Kernels.Places.Load(x.P, classes, 1, first, count, scratch);
            Kernels.Places.Load(t.P, classes, 1, first, count, scratch + size);
            var loss = Kernels.Places.CrossEntropy(scratch, scratch + size, classes);
            for (var i = 0; i < count; i++) y.P[first + i] = loss[i];
        }, 2 * size);
    }

    private void CrossEntropyGradient(Node node)
    {
        var (x, t, dy) = (Get(node.Inputs[0], Layout.Plain), Get(node.Inputs[1], Layout.Plain), Get(node.Inputs[2], Layout.Plain));
        var dx = New(node, Layout.Plain);
        var (samples, classes) = (node.Shape.Batch, node.Channels);
        var size = (long)classes * Kernels.Places.Count;
        Add(Graph.NameOf(node), "places side by side", Tiles(samples), [x, t, dy], [dx], (item, scratch) =>
        {
            var (first, count) = Tile(samples, item);
            Kernels.Places.Load(x.P, classes, 1, first, count, scratch);
            Kernels.Places.Load(t.P, classes, 1, first, count, scratch + size);
            Kernels.Places.Load(dy.P, 1, 1, first, count, scratch + 2 * size);
            Kernels.Places.CrossEntropyGradient(scratch, scratch + size, Vector.Load(scratch + 2 * size), classes);
            Kernels.Places.Store(scratch, classes, 1, first, count, dx.P);
        }, 2 * size + Kernels.Places.Count);
    }

    private static int Tiles(long places) => checked((int)((places + Kernels.Places.Count - 1) / Kernels.Places.Count));

    private static (long First, int Count) Tile(long places, int item) =>
        ((long)item * Kernels.Places.Count, (int)Math.Min(Kernels.Places.Count, places - (long)item * Kernels.Places.Count));

    private void SquareError(Node node)
    {
        var (x, t) = (Get(node.Inputs[0], Layout.Plain), Get(node.Inputs[1], Layout.Plain));
        var y = New(node, Layout.Plain);
        var size = (int)(node.Inputs[0].Shape.Count / node.Shape.Batch);
        Add(Graph.NameOf(node), "a sample at a time", node.Shape.Batch, [x, t], [y], (n, _) =>
        {
            var sum = 0.0;
            for (var i = (long)n * size; i < (n + 1L) * size; i++)
            {
                var distance = (double)x.P[i] - t.P[i];
                sum += distance * distance;
            }

            y.P[n] = (float)(sum / size);
        });
    }

    private void SquareErrorGradient(Node node)
    {
        var (x, t, dy) = (Get(node.Inputs[0], Layout.Plain), Get(node.Inputs[1], Layout.Plain), Get(node.Inputs[2], Layout.Plain));
        var dx = New(node, Layout.Plain);
        var size = (int)(node.Shape.Count / node.Shape.Batch);
        Add(Graph.NameOf(node), "a sample at a time", node.Shape.Batch, [x, t, dy], [dx], (n, _) =>
        {
            var at = (long)n * size;
            Broadcast.Row(new Distance(2f / size * dy.P[n]), x.P + at, 1, t.P + at, 1, dx.P + at, size);
        });
    }

    private void Mask(Node node, RandomMask op)
    {
        var key = Get(node.Inputs[1], Layout.Plain);
        var mask = New(node, Layout.Plain);
        var kept = 1 / (1 - op.Rate);
        Add(Graph.NameOf(node), "random", Chunks(mask), [key], [mask], (item, _) =>
        {
            var random = new Philox(RandomMask.ReadKey<float>(key.Span));
            var (at, count) = Part(mask, item);
            for (var i = at; i < at + count; i++) mask.P[i] = random.Uniform((ulong)i, op.Salt) >= op.Rate ? kept : 0;
        });
    }

    private readonly struct Distance(float factor) : IMap2
    {
        public Vector<float> Of(Vector<float> a, Vector<float> b) => (a - b) * new Vector<float>(factor);
    }
}
