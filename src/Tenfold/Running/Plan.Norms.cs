using Tenfold.Kernels;

namespace Tenfold;

// Batch norms, their statistics and their gradients.
internal sealed unsafe partial class Plan
{
    private bool Norms(Node node)
    {
        switch (node.Op)
        {
            case BatchMean when node.Shape.Rank == 1 && node.Inputs[0].Shape.Rank == 4: Moments(node); return true;
            case BatchVariance when SlotsIn(Layout.Plain).ContainsKey(node): return true; // came with the mean
            case BatchNorm or Fused { First: BatchNorm } when node.Shape.Rank == 4: Norm(node); return true;
            case BatchNorm op when node.Shape.Rank == 2: NormOfVectors(node, op.Epsilon); return true;
            case BatchNormScaleGradient op when node.Inputs[0].Shape.Rank == 4: NormScaleGradient(node, op); return true;
            case BatchNormInputGradient op when node.Shape.Rank == 4: NormInputGradient(node, op); return true;
            case ReluGradient or Relu6Gradient when Masked(node) is not null: return true; // done by the norm's gradients
            case ChannelSum when SlotsIn(Layout.Plain).ContainsKey(node): return true; // came with the norm's scale gradient
            case ChannelSum when node.Inputs[0].Shape.Rank == 4: SumChannels(node); return true;
            default: return false;
        }
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
                var (average, square) = (OverBatch(sums, c, batch, blocks) / ((double)batch * pixels), 0.0);
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

    private void Norm(Node node)
    {
        var (first, then) = Split(node);
        var epsilon = ((BatchNorm)first).Epsilon;
        var x = Get(node.Inputs[0], Layout.Blocked);
        Slot[] vectors = [.. node.Inputs.Skip(1).Take(4).Select(input => Get(input, Layout.Plain))];
        var (scale, shift, mean, variance) = (vectors[0], vectors[1], vectors[2], vectors[3]);
        var (add, (low, high)) = (then.Add, then.Last);
        var y = New(node, Layout.Blocked);
        var (planes, pixels, blocks) = (Planes(node), Pixels(node), Blocks(node));
        Slot[] reads = add is null ? [x, .. vectors] : [x, .. vectors, add];
        Add(Graph.NameOf(node), "scale and shift", planes, reads, [y], (item, _) =>
        {
            float* factor = stackalloc float[16], offset = stackalloc float[16];
            AsLine(item % blocks * 16, scale, shift, mean, variance, epsilon, factor, offset);
            var at = (long)item * pixels * 16;
            Lanes.Scale(x.P + at, factor, offset, add is null ? null : add.P + at, low, high, y.P + at, pixels);
        });
    }

    // A norm as a line for each of 16 channels.
    private static void AsLine(int c, Slot scale, Slot shift, Slot mean, Slot variance, float epsilon, float* factor, float* offset)
    {
        for (var lane = 0; lane < 16; lane++)
        {
            factor[lane] = scale.P[c + lane] / MathF.Sqrt(variance.P[c + lane] + epsilon);
            offset[lane] = shift.P[c + lane] - mean.P[c + lane] * factor[lane];
        }
    }

    // The gradient of an activation right behind a norm, wanted by that norm's gradients alone. They read the norm's input, from which they see as well where
    // the activation lets pass: three of eight passes over a map are spared. The norm, and the gradient of the activation's output.
    private (Node Norm, Node Dy)? Masked(Node node) =>
        node.Op is ReluGradient or Relu6Gradient && node.Inputs[0] is { Shape.Rank: 4, Op: Fused { First: BatchNorm, Then: [Relu or Relu6] } } norm
        && _users.TryGetValue(node, out var users) && users is [{ Op: BatchNormScaleGradient } first, { Op: ChannelSum }, { Op: BatchNormInputGradient } last]
        && first.Inputs[0] == norm.Inputs[0] && last.Inputs[0] == norm.Inputs[0] && first.Inputs[1] == node && last.Inputs[1] == node && !Graph.Outputs.Contains(node)
            ? (norm, node.Inputs[1])
            : null;

    // The gradient that comes to a norm, and how to mask it where an activation's gradient is left to the reader.
    private (Slot Dy, Slot[] Vectors, MaskOf Mask) Incoming(Node dy)
    {
        if (Masked(dy) is not { } masked) return (Get(dy, Layout.Blocked), [], (_, _, _) => default);
        var fused = (Fused)masked.Norm.Op;
        var (epsilon, (low, high)) = (((BatchNorm)fused.First).Epsilon, Range(fused.Then[0]));
        Slot[] vectors = [.. masked.Norm.Inputs.Skip(1).Take(4).Select(input => Get(input, Layout.Plain))];
        return (Get(masked.Dy, Layout.Blocked), vectors, Mask);

        LaneMask Mask(int c, float* factor, float* offset)
        {
            AsLine(c, vectors[0], vectors[1], vectors[2], vectors[3], epsilon, factor, offset);
            return new LaneMask { Factor = factor, Offset = offset, Low = low, High = high };
        }
    }

    private delegate LaneMask MaskOf(int channel, float* factor, float* offset);

    private void NormOfVectors(Node node, float epsilon)
    {
        Slot[] inputs = [.. node.Inputs.Select(input => Get(input, Layout.Plain))];
        var (x, scale, shift, mean, variance) = (inputs[0], inputs[1], inputs[2], inputs[3], inputs[4]);
        var y = New(node, Layout.Plain);
        var (samples, channels) = (node.Shape[0], node.Shape[1]);
        Add(Graph.NameOf(node), "scale and shift", 1, inputs, [y], (_, factors) =>
        {
            var offsets = factors + channels;
            for (var c = 0; c < channels; c++)
            {
                factors[c] = scale.P[c] / MathF.Sqrt(variance.P[c] + epsilon);
                offsets[c] = shift.P[c] - mean.P[c] * factors[c];
            }

            for (long n = 0; n < samples; n++)
            {
                Broadcast.Row(new Times(), x.P + n * channels, 1, factors, 1, y.P + n * channels, channels);
                Broadcast.Row(new Plus(), y.P + n * channels, 1, offsets, 1, y.P + n * channels, channels);
            }
        }, 2L * channels);
    }

    // Both gradients of a norm's parameters come out of one reading of x and dy.
    private void NormScaleGradient(Node node, BatchNormScaleGradient op)
    {
        var source = node.Inputs[1];
        var x = Get(node.Inputs[0], Layout.Blocked);
        var (dy, line, maskOf) = Incoming(source);
        var (mean, variance) = (Get(node.Inputs[2], Layout.Plain), Get(node.Inputs[3], Layout.Plain));
        var sum = _users[source].Find(user => user.Op is ChannelSum && !SlotsIn(Layout.Plain).ContainsKey(user));
        var (planes, pixels, blocks, batch) = (Planes(source), Pixels(source), Blocks(source), source.Shape.Batch);
        var sums = Floats(planes * 16L);
        var products = Floats(planes * 16L);
        var dscale = New(node, Layout.Plain);
        var dshift = sum is null ? Floats(blocks * 16L) : New(sum, Layout.Plain);
        Add(Graph.NameOf(node), "sums of each plane", planes, [x, dy, mean, .. line], [sums, products], (item, _) =>
        {
            float* factor = stackalloc float[16], offset = stackalloc float[16];
            var mask = maskOf(item % blocks * 16, factor, offset);
            Lanes.NormSums(x.P + (long)item * pixels * 16, dy.P + (long)item * pixels * 16, mask, pixels, mean.P + item % blocks * 16, sums.P + item * 16, products.P + item * 16);
        });
        Add(Graph.NameOf(node), "over the batch", 1, [sums, products, variance], [dscale, dshift], (_, _) =>
        {
            for (var c = 0; c < node.Shape[0]; c++)
            {
                dshift.P[c] = (float)OverBatch(sums, c, batch, blocks);
                dscale.P[c] = (float)(OverBatch(products, c, batch, blocks) / Math.Sqrt((double)variance.P[c] + op.Epsilon));
            }
        });
    }

    private void NormInputGradient(Node node, BatchNormInputGradient op)
    {
        var x = Get(node.Inputs[0], Layout.Blocked);
        var (dy, line, maskOf) = Incoming(node.Inputs[1]);
        Slot[] vectors = [.. node.Inputs.Skip(2).Select(input => Get(input, Layout.Plain))];
        var (scale, mean, variance, dscale, dshift) = (vectors[0], vectors[1], vectors[2], vectors[3], vectors[4]);
        var dx = New(node, Layout.Blocked);
        var (planes, pixels, blocks) = (Planes(node), Pixels(node), Blocks(node));
        var share = op.Training ? 1f / ((float)node.Shape.Batch * pixels) : 0;
        Add(Graph.NameOf(node), "one pass", planes, [x, dy, .. vectors, .. line], [dx], (item, _) =>
        {
            // dx = scale r (dy - share (dshift + (x - mean) r dscale)), r = 1 / sqrt(v + e): a line in x and dy.
            float* factor = stackalloc float[16], slope = stackalloc float[16], offset = stackalloc float[16], maskFactor = stackalloc float[16], maskOffset = stackalloc float[16];
            var c = item % blocks * 16;
            for (var lane = 0; lane < 16; lane++)
            {
                var r = 1 / MathF.Sqrt(variance.P[c + lane] + op.Epsilon);
                slope[lane] = scale.P[c + lane] * r;
                factor[lane] = -slope[lane] * share * r * dscale.P[c + lane];
                offset[lane] = -slope[lane] * share * dshift.P[c + lane] - factor[lane] * mean.P[c + lane];
            }

            var at = (long)item * pixels * 16;
            Lanes.Blend(x.P + at, dy.P + at, maskOf(c, maskFactor, maskOffset), factor, slope, offset, dx.P + at, pixels);
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
            for (var c = 0; c < node.Shape[0]; c++) y.P[c] = (float)OverBatch(sums, c, batch, blocks);
        });
    }

    // The sum over a channel's planes, of each of which a sum is there.
    private static double OverBatch(Slot sums, int channel, int batch, int blocks)
    {
        var total = 0.0;
        for (var n = 0; n < batch; n++) total += sums.P[(long)n * blocks * 16 + channel];
        return total;
    }
}
