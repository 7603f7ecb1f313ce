using System.Numerics;
using System.Runtime.CompilerServices;
using Tenfold.Kernels;

using Addition = Tenfold.Add;

namespace Tenfold;

// From operations to steps. An operation that has no line here runs its own definition, so it works, and slowly.
internal sealed unsafe partial class Plan
{
    private const int Chunk = 8192; // floats of an elementwise step's item: a quarter of the first-level cache

    private void Lower(Node node)
    {
        var fused = _fused.GetValueOrDefault(node);
        if (fused is not null)
        {
            if (fused.Last != node) return; // computed by the last of them
            node = fused.First;
        }

        fused ??= new Fused(node) { Names = Graph.NameOf(node) };
        switch (node.Op)
        {
            case Convolution op:
                Dense(fused, new DenseShape(
                    node.Shape.Batch, node.Inputs[0].Channels, node.Channels, node.Inputs[0].Shape.Plane, node.Shape.Plane, KernelSize(node.Inputs[1]),
                    op.Stride, new Size(op.Padding.Top, op.Padding.Left), op.Dilation, op.Groups, Transposed: false));
                break;
            case ConvolutionTranspose op:
                Dense(fused, new DenseShape(
                    node.Shape.Batch, node.Inputs[0].Channels, node.Channels, node.Inputs[0].Shape.Plane, node.Shape.Plane, KernelSize(node.Inputs[1]),
                    op.Stride, new Size(op.Padding.Top, op.Padding.Left), op.Dilation, op.Groups, Transposed: true));
                break;
            case ConvolutionWeightGradient op:
                WeightGradient(node, new DenseShape(
                    node.Inputs[0].Shape.Batch, node.Inputs[0].Channels, node.Inputs[1].Channels, node.Inputs[0].Shape.Plane, node.Inputs[1].Shape.Plane, op.Kernel,
                    op.Stride, new Size(op.Padding.Top, op.Padding.Left), op.Dilation, op.Groups, Transposed: false));
                break;
            case BatchMean when node.Shape.Rank == 1 && node.Inputs[0].Shape.Rank == 4: Moments(node); break;
            case BatchVariance when _slots.ContainsKey((node, Layout.Plain)): break; // came with the mean
            case BatchNorm op when node.Shape.Rank == 4: Norm(fused, op); break;
            case BatchNormScaleGradient op when node.Inputs[0].Shape.Rank == 4: NormScaleGradient(node, op); break;
            case BatchNormInputGradient op when node.Shape.Rank == 4: NormInputGradient(node, op); break;
            case ChannelSum when _slots.ContainsKey((node, Layout.Plain)): break; // came with the norm's scale gradient
            case ChannelSum when node.Inputs[0].Shape.Rank == 4: SumChannels(node); break;
            case Relu: Map(node, new Bounds(0, float.PositiveInfinity)); break;
            case Relu6: Map(node, new Bounds(0, 6)); break;
            case Affine op: Map(node, new Line(op.Factor, op.Offset)); break;
            case Addition when Alike(node): Map2(node, new Plus()); break;
            case Multiply when Alike(node): Map2(node, new Times()); break;
            case ReluGradient: Map2(node, new WherePositive()); break;
            case Dropout: Alias(node, node.Inputs[0]); break;
            case Flatten or Reshape: Alias(node, node.Inputs[0]); break;
            default: ByDefinition(node); break;
        }

        if (fused.Last != fused.First)
            foreach (var layout in (ReadOnlySpan<Layout>)[Layout.Plain, Layout.Blocked])
                if (_slots.TryGetValue((fused.First, layout), out var slot)) _slots[(fused.Last, layout)] = slot;
    }

    private static Size KernelSize(Node kernel) => new(kernel.Shape[2], kernel.Shape[3]);

    private static bool Depthwise(Node node) => node.Op is Convolution { Groups: > 1 } op && op.Groups == node.Channels && op.Groups == node.Inputs[0].Channels;

    private static bool Alike(Node node) => node.Inputs[0].Shape == node.Inputs[1].Shape;

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

    // Mean, and variance where somebody wants it, in one reading: sums per plane, then over planes in double.
    private void Moments(Node node)
    {
        var source = node.Inputs[0];
        var variance = _users.TryGetValue(source, out var users) ? users.Find(user => user.Op is BatchVariance && user.Inputs[1] == node) : null;
        var x = Get(source, Layout.Blocked);
        var (planes, pixels, blocks, batch) = (Planes(source), Pixels(source), Blocks(source), source.Shape.Batch);
        var sums = Floats(planes * 16L);
        var squares = Floats(planes * 16L);
        var mean = New(node, Layout.Plain);
        var spread = variance is null ? Floats(blocks * 16L) : New(variance, Layout.Plain);
        Add(Graph.NameOf(node), "sums of each plane", planes, [x], [sums, squares],
            (item, _) => Lanes.Moments(x.P + (long)item * pixels * 16, pixels, sums.P + item * 16, squares.P + item * 16));
        Add(Graph.NameOf(node), "over the batch", 1, [sums, squares], [mean, spread], (_, _) =>
        {
            for (var c = 0; c < node.Shape[0]; c++)
            {
                var (sum, square) = (0.0, 0.0);
                for (var n = 0; n < batch; n++) sum += sums.P[n * blocks * 16 + c];
                var average = sum / ((double)batch * pixels);
                for (var n = 0; n < batch; n++)
                {
                    var distance = sums.P[n * blocks * 16 + c] / (double)pixels - average;
                    square += squares.P[n * blocks * 16 + c] + distance * distance * pixels;
                }

                mean.P[c] = (float)average;
                spread.P[c] = (float)(square / ((double)batch * pixels));
            }
        });
    }

    private void Norm(Fused fused, BatchNorm op)
    {
        var node = fused.First;
        var x = Get(node.Inputs[0], Layout.Blocked);
        Slot[] vectors = [.. node.Inputs.Skip(1).Select(input => Get(input, Layout.Plain))];
        var (scale, shift, mean, variance) = (vectors[0], vectors[1], vectors[2], vectors[3]);
        var add = fused.Add is { } other ? Get(other, Layout.Blocked) : null;
        var y = New(node, Layout.Blocked);
        var (planes, pixels, blocks, low, high) = (Planes(node), Pixels(node), Blocks(node), fused.Low, fused.High);
        Slot[] reads = add is null ? [x, .. vectors] : [x, .. vectors, add];
        Add(fused.Names, "scale and shift", planes, reads, [y], (item, _) =>
        {
            float* factor = stackalloc float[16], offset = stackalloc float[16];
            var c = item % blocks * 16;
            for (var lane = 0; lane < 16; lane++)
            {
                factor[lane] = scale.P[c + lane] / MathF.Sqrt(variance.P[c + lane] + op.Epsilon);
                offset[lane] = shift.P[c + lane] - mean.P[c + lane] * factor[lane];
            }

            var at = (long)item * pixels * 16;
            Lanes.Scale(x.P + at, factor, offset, add is null ? null : add.P + at, low, high, y.P + at, pixels);
        });
    }

    // Both gradients of a norm's parameters come out of one reading of x and dy.
    private void NormScaleGradient(Node node, BatchNormScaleGradient op)
    {
        var source = node.Inputs[1];
        var (x, dy) = (Get(node.Inputs[0], Layout.Blocked), Get(source, Layout.Blocked));
        var (mean, variance) = (Get(node.Inputs[2], Layout.Plain), Get(node.Inputs[3], Layout.Plain));
        var sum = _users[source].Find(user => user.Op is ChannelSum && !_slots.ContainsKey((user, Layout.Plain)));
        var (planes, pixels, blocks, batch) = (Planes(source), Pixels(source), Blocks(source), source.Shape.Batch);
        var sums = Floats(planes * 16L);
        var products = Floats(planes * 16L);
        var dscale = New(node, Layout.Plain);
        var dshift = sum is null ? Floats(blocks * 16L) : New(sum, Layout.Plain);
        Add(Graph.NameOf(node), "sums of each plane", planes, [x, dy, mean], [sums, products], (item, _) =>
            Lanes.NormSums(x.P + (long)item * pixels * 16, dy.P + (long)item * pixels * 16, pixels, mean.P + item % blocks * 16, sums.P + item * 16, products.P + item * 16));
        Add(Graph.NameOf(node), "over the batch", 1, [sums, products, variance], [dscale, dshift], (_, _) =>
        {
            for (var c = 0; c < node.Shape[0]; c++)
            {
                dshift.P[c] = (float)Total(sums, c);
                dscale.P[c] = (float)(Total(products, c) / Math.Sqrt((double)variance.P[c] + op.Epsilon));
            }
        });

        double Total(Slot parts, int c)
        {
            var total = 0.0;
            for (var n = 0; n < batch; n++) total += parts.P[n * blocks * 16 + c];
            return total;
        }
    }

    private void NormInputGradient(Node node, BatchNormInputGradient op)
    {
        var (x, dy) = (Get(node.Inputs[0], Layout.Blocked), Get(node.Inputs[1], Layout.Blocked));
        Slot[] vectors = [.. node.Inputs.Skip(2).Select(input => Get(input, Layout.Plain))];
        var (scale, mean, variance, dscale, dshift) = (vectors[0], vectors[1], vectors[2], vectors[3], vectors[4]);
        var dx = New(node, Layout.Blocked);
        var (planes, pixels, blocks) = (Planes(node), Pixels(node), Blocks(node));
        var share = op.Training ? 1f / ((float)node.Shape.Batch * pixels) : 0;
        Add(Graph.NameOf(node), "one pass", planes, [x, dy, .. vectors], [dx], (item, _) =>
        {
            // dx = scale r (dy - share (dshift + (x - mean) r dscale)), r = 1 / sqrt(v + e): a line in x and dy.
            float* factor = stackalloc float[16], slope = stackalloc float[16], offset = stackalloc float[16];
            var c = item % blocks * 16;
            for (var lane = 0; lane < 16; lane++)
            {
                var r = 1 / MathF.Sqrt(variance.P[c + lane] + op.Epsilon);
                slope[lane] = scale.P[c + lane] * r;
                factor[lane] = -slope[lane] * share * r * dscale.P[c + lane];
                offset[lane] = -slope[lane] * share * dshift.P[c + lane] - factor[lane] * mean.P[c + lane];
            }

            var at = (long)item * pixels * 16;
            Lanes.Blend(x.P + at, dy.P + at, factor, slope, offset, dx.P + at, pixels);
        });
    }

    private void SumChannels(Node node)
    {
        var source = node.Inputs[0];
        var x = Get(source, Layout.Blocked);
        var (planes, pixels, blocks, batch) = (Planes(source), Pixels(source), Blocks(source), source.Shape.Batch);
        var sums = Floats(planes * 16L);
        var y = New(node, Layout.Plain);
        Add(Graph.NameOf(node), "sums of each plane", planes, [x], [sums], (item, _) => Lanes.Sum(x.P + (long)item * pixels * 16, pixels, sums.P + item * 16));
        Add(Graph.NameOf(node), "over the batch", 1, [sums], [y], (_, _) =>
        {
            for (var c = 0; c < node.Shape[0]; c++)
            {
                var total = 0.0;
                for (var n = 0; n < batch; n++) total += sums.P[n * blocks * 16 + c];
                y.P[c] = (float)total;
            }
        });
    }

    private void Map<TMap>(Node node, TMap map) where TMap : struct, IMap
    {
        var x = Any(node.Inputs[0]);
        var y = New(node, x.Layout);
        Add(Graph.NameOf(node), "elementwise", Chunks(y), [x], [y], (item, _) =>
        {
            var (at, count) = Part(y, item);
            Lanes.Map(map, x.P + at, y.P + at, count);
        });
    }

    private void Map2<TMap>(Node node, TMap map) where TMap : struct, IMap2
    {
        var a = Any(node.Inputs[0]);
        var b = Get(node.Inputs[1], a.Layout);
        var y = New(node, a.Layout);
        Add(Graph.NameOf(node), "elementwise", Chunks(y), [a, b], [y], (item, _) =>
        {
            var (at, count) = Part(y, item);
            Lanes.Map2(map, a.P + at, b.P + at, y.P + at, count);
        });
    }

    private static int Chunks(Slot slot) => checked((int)((slot.Size + Chunk - 1) / Chunk));

    private static (long At, int Count) Part(Slot slot, int item) => ((long)item * Chunk, (int)Math.Min(Chunk, slot.Size - (long)item * Chunk));

    // The same numbers in the same order: no step, only another name for the memory.
    private void Alias(Node node, Node of)
    {
        if (node.Shape == of.Shape && Any(of) is var same) _slots[(node, same.Layout)] = same;
        else _slots[(node, Layout.Plain)] = Get(of, Layout.Plain);
    }

    private void Convert(Node node, Slot from, Slot to)
    {
        var (channels, pixels, blocks) = (node.Channels, Pixels(node), Blocks(node));
        Add(Graph.NameOf(node), $"to {to.Layout.ToString().ToLowerInvariant()}", Planes(node), [from], [to], (item, _) =>
        {
            var (n, block) = Math.DivRem(item, blocks);
            var plain = ((long)n * channels + block * 16) * pixels;
            if (to.Layout == Layout.Blocked) Repack.ToBlock(from.P + plain, channels - block * 16, pixels, to.P + (long)item * pixels * 16);
            else Repack.ToPlanes(from.P + (long)item * pixels * 16, channels - block * 16, pixels, to.P + plain);
        });
    }

    private void ByDefinition(Node node)
    {
        Slot[] inputs = [.. node.Inputs.Select(input => Get(input, Layout.Plain))];
        var y = New(node, Layout.Plain);
        var values = node.Inputs.Select(input => new Values<float>(input.Shape)).ToArray();
        var result = new Values<float>(node.Shape);
        Add(Graph.NameOf(node), $"the definition of {node.Op.Name}, which has no kernel", 1, inputs, [y], (_, _) =>
        {
            for (var i = 0; i < inputs.Length; i++) inputs[i].Span.CopyTo(values[i].Data);
            Array.Clear(result.Data);
            node.Op.Define<float>(values, result);
            result.Data.CopyTo(y.Span);
        });
    }

    private static int Pixels(Node node) => node.Shape.Height * node.Shape.Width;

    private static int Blocks(Node node) => (node.Channels + 15) / 16;

    private static int Planes(Node node) => checked(node.Shape.Batch * Blocks(node));

    private readonly struct Bounds(float low, float high) : IMap
    {
        public Vector<float> Of(Vector<float> x) => Vector.MinNative(new Vector<float>(high), Vector.MaxNative(new Vector<float>(low), x));
    }

    private readonly struct Line(float factor, float offset) : IMap
    {
        public Vector<float> Of(Vector<float> x) => Vector.FusedMultiplyAdd(x, new Vector<float>(factor), new Vector<float>(offset));
    }

    private readonly struct Plus : IMap2
    {
        public Vector<float> Of(Vector<float> a, Vector<float> b) => a + b;
    }

    private readonly struct Times : IMap2
    {
        public Vector<float> Of(Vector<float> a, Vector<float> b) => a * b;
    }

    private readonly struct WherePositive : IMap2
    {
        public Vector<float> Of(Vector<float> y, Vector<float> dy) => Vector.ConditionalSelect(Vector.GreaterThan(y, Vector<float>.Zero), dy, Vector<float>.Zero);
    }
}
