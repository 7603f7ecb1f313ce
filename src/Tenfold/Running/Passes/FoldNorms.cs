namespace Tenfold;

/// <summary>A batch norm behind a convolution becomes part of its kernel and bias: norm(conv(x, k) + b) = conv(x, k f) + shift + (b - mean) f with
/// f = scale / sqrt(variance + epsilon), all of it known when the weights are.</summary>
internal static class FoldNorms
{
    public static Graph In(Graph graph)
    {
        var (once, constants) = (graph.UsedOnce(), graph.Constants());
        return graph.Pass((node, inputs) =>
        {
            if (node is not { Op: BatchNorm { Training: false } norm, Inputs: [{ Op: Convolution or ConvolutionTranspose } conv, ..] }) return null;
            if (!once.Contains(conv) || !constants.Contains(conv.Inputs[1]) || !node.Inputs.Skip(1).All(constants.Contains)) return null;
            var (made, name) = (inputs[0], graph.NameOf(node));
            var factor = new NormFactor(norm.Epsilon).Apply([inputs[1], inputs[4]], $"{name}.factor");
            return made.Op.Apply(
            [
                made.Inputs[0],
                new ScaledKernel(made.Op is ConvolutionTranspose transpose ? transpose.Groups : 0).Apply([made.Inputs[1], factor], $"{name}.kernel"),
                new NormShift().Apply([inputs[2], inputs[3], factor, .. made.Inputs.Skip(2)], $"{name}.shift"),
            ], $"{graph.NameOf(conv)} + {name}");
        });
    }

    public static string Tell(Graph before, Graph after)
    {
        var (norms, left) = (before.Nodes.Count(node => node.Op is BatchNorm), after.Nodes.Count(node => node.Op is BatchNorm));
        if (norms == 0) return "nothing: there are no batch norms";
        var folded = $"{norms - left} of {norms} batch norms are part of the kernels and biases of the convolutions before them";
        return left == 0 ? folded : $"{folded}; {left} stay, which follow no convolution, or one that others read too";
    }
}

/// <summary>What a batch norm multiplies each channel by: scale / sqrt(variance + epsilon). Inputs: scale, variance.</summary>
internal sealed record NormFactor(float Epsilon) : Op
{
    public override string Name => "norm factor";

    public override Shape Infer(ReadOnlySpan<Shape> inputs) => inputs[0];

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (scale, variance) = (inputs[0], inputs[1]);
        for (var c = 0; c < scale.Data.Length; c++) output[c] = scale[c] / T.Sqrt(variance[c] + T.CreateTruncating(Epsilon));
    }
}

/// <summary>What a batch norm behind a bias adds to each channel: shift + (bias - mean) factor. Inputs: shift, mean, factor, and the bias if there is one.</summary>
internal sealed record NormShift : Op
{
    public override string Name => "norm shift";

    public override Shape Infer(ReadOnlySpan<Shape> inputs) => inputs[0];

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (shift, mean, factor) = (inputs[0], inputs[1], inputs[2]);
        for (var c = 0; c < shift.Data.Length; c++) output[c] = shift[c] + ((inputs.Length > 3 ? inputs[3][c] : T.Zero) - mean[c]) * factor[c];
    }
}

/// <summary>A kernel times a factor for each output channel. Inputs: kernel, factor.</summary>
/// <param name="Groups">0 for a convolution's kernel [out, in/groups, kh, kw]; the groups of a transposed convolution, whose kernel is [in, out/groups, kh, kw].</param>
internal sealed record ScaledKernel(int Groups) : Op
{
    public override string Name => "scaled kernel";

    public override Shape Infer(ReadOnlySpan<Shape> inputs) => inputs[0];

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (kernel, factor) = (inputs[0], inputs[1]);
        for (var i = 0; i < kernel.Shape[0]; i++)
            for (var j = 0; j < kernel.Shape[1]; j++)
            {
                var o = Groups == 0 ? i : i / (kernel.Shape[0] / Groups) * kernel.Shape[1] + j;
                var from = kernel.Plane(i, j);
                var to = output.Plane(i, j);
                for (var tap = 0; tap < from.Length; tap++) to[tap] = from[tap] * factor[o];
            }
    }
}
