namespace Tenfold;

/// <summary>Cross-entropy between the softmax of the logits and target probabilities, one number per sample.</summary>
/// <remarks>
/// <code>y[n] = sum over k of  t[n, k] (log(sum over j of exp(x[n, j])) - x[n, k])</code>
/// Inputs: logits x [N, K], targets t [N, K]: one-hot, smoothed or mixed; they have no gradient. Output: [N, 1]. The largest logit is
/// subtracted first, so nothing overflows. The gradient is (softmax(x) sum(t) - t) dy.
/// </remarks>
public sealed record SoftmaxCrossEntropy : Op
{
    public override string Name => "softmax cross-entropy";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 2, "logits and targets");
        if (inputs[0].Rank != 2) throw new ShapeException($"{Name}: takes logits [N, K], not {inputs[0]}");
        Require.Same(Name, "the target", inputs[1], inputs[0]);
        return [inputs[0].Batch, 1];
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (x, t) = (inputs[0], inputs[1]);
        foreach (var (n, place) in Softmax.Places(x.Shape).Index())
        {
            var (max, sum) = Softmax.MaxAndSum(x, place);
            foreach (var i in place) output[n] += t[i] * (T.Log(sum) + max - x[i]);
        }
    }

    public override IReadOnlyList<Node?> Gradient(Node y, Node dy) => [new SoftmaxCrossEntropyGradient().Apply(y.Inputs[0], y.Inputs[1], dy), null];
}

/// <summary>dx = (softmax(x) sum(t) - t) dy. Inputs: logits x, targets t, dy [N, 1].</summary>
public sealed record SoftmaxCrossEntropyGradient : Op
{
    public override string Name => "softmax cross-entropy gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 3, "logits, targets and dy");
        Require.Same(Name, "dy", inputs[2], new SoftmaxCrossEntropy().Infer(inputs[..2]));
        return inputs[0];
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (x, t, dy) = (inputs[0], inputs[1], inputs[2]);
        foreach (var (n, place) in Softmax.Places(x.Shape).Index())
        {
            var (max, sum) = Softmax.MaxAndSum(x, place);
            var total = T.Zero;
            foreach (var i in place) total += t[i];
            foreach (var i in place) output[i] = (T.Exp(x[i] - max) / sum * total - t[i]) * dy[n];
        }
    }
}

/// <summary>The mean of the squared differences, one number per sample: [N, ...] and [N, ...] -> [N, 1].</summary>
public sealed record MeanSquareError : Op
{
    public override string Name => "mean square error";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 2, "x and targets");
        Require.Channels(Name, inputs[0]);
        Require.Same(Name, "the target", inputs[1], inputs[0]);
        return [inputs[0].Batch, 1];
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (x, t) = (inputs[0], inputs[1]);
        var size = x.Data.Length / x.Shape.Batch;
        for (var i = 0; i < x.Data.Length; i++) output[i / size] += (x[i] - t[i]) * (x[i] - t[i]);
        for (var n = 0; n < output.Data.Length; n++) output[n] /= T.CreateTruncating(size);
    }

    public override IReadOnlyList<Node?> Gradient(Node y, Node dy)
    {
        var dx = new MeanSquareErrorGradient().Apply(y.Inputs[0], y.Inputs[1], dy);
        return [dx, dx.Affine(-1)];
    }
}

/// <summary>dx = 2 / size (x - t) dy. Inputs: x, targets t, dy [N, 1].</summary>
public sealed record MeanSquareErrorGradient : Op
{
    public override string Name => "mean square error gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 3, "x, targets and dy");
        Require.Same(Name, "dy", inputs[2], new MeanSquareError().Infer(inputs[..2]));
        return inputs[0];
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (x, t, dy) = (inputs[0], inputs[1], inputs[2]);
        var size = x.Data.Length / x.Shape.Batch;
        for (var i = 0; i < x.Data.Length; i++) output[i] = T.CreateTruncating(2) / T.CreateTruncating(size) * (x[i] - t[i]) * dy[i / size];
    }
}

public static partial class Verbs
{
    /// <summary>[N, 1]: how far the softmax of the logits is from the targets; see <see cref="Tenfold.SoftmaxCrossEntropy"/>.</summary>
    public static Node SoftmaxCrossEntropy(this Node logits, Node targets) => new SoftmaxCrossEntropy().Apply(logits, targets);

    /// <summary>[N, 1]: the mean of the squared differences.</summary>
    public static Node MeanSquareError(this Node x, Node targets) => new MeanSquareError().Apply(x, targets);

    /// <summary>Target probabilities of which a share goes to all classes alike: (1 - share) t + share / K. Szegedy et al. 2016, section 7.</summary>
    public static Node SmoothLabels(this Node targets, float share) => targets.Affine(1 - share, share / targets.Channels);
}
