using System.Numerics;

namespace Tenfold;

/// <summary>Softmax over the channels: positive numbers that sum to 1, at every place of a map or for every sample.</summary>
/// <remarks>
/// <code>y[n, c, ...] = exp(x[n, c, ...] - m) / sum over k of exp(x[n, k, ...] - m),   m = max over k of x[n, k, ...]</code>
/// Takes [N, C] or [N, C, ...]. Subtracting the maximum changes nothing but keeps the exponentials in range. Bridle, 1990.
/// </remarks>
public sealed record Softmax : UnaryOp
{
    public override string Name => "softmax";

    public override Shape Infer(Shape x)
    {
        Require.Channels(Name, x);
        return x;
    }

    protected override void Define<T>(Values<T> x, Values<T> y)
    {
        foreach (var place in Places(x.Shape))
        {
            var (max, sum) = MaxAndSum(x, place);
            foreach (var i in place) y[i] = T.Exp(x[i] - max) / sum;
        }
    }

    protected override Node Gradient(Node x, Node y, Node dy) => new SoftmaxGradient().Apply(y, dy);

    /// <summary>For each sample and place: the indices of its channels.</summary>
    internal static IEnumerable<int[]> Places(Shape shape)
    {
        var (channels, inner) = (shape.Channels, (int)(shape.Count / shape.Batch / shape.Channels));
        var place = new int[channels];
        for (var n = 0; n < shape.Batch; n++)
            for (var i = 0; i < inner; i++)
            {
                for (var c = 0; c < channels; c++) place[c] = (n * channels + c) * inner + i;
                yield return place;
            }
    }

    /// <summary>m and the sum of exp(x - m) over the channels.</summary>
    internal static (T Max, T Sum) MaxAndSum<T>(Values<T> x, int[] place) where T : struct, IBinaryFloatingPointIeee754<T>
    {
        var (max, sum) = (T.NegativeInfinity, T.Zero);
        foreach (var i in place) max = T.Max(max, x[i]);
        foreach (var i in place) sum += T.Exp(x[i] - max);
        return (max, sum);
    }
}

/// <summary>dx = y (dy - sum over channels of y dy). Inputs: y, dy.</summary>
public sealed record SoftmaxGradient : Op
{
    public override string Name => "softmax gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 2, "y and dy");
        Require.Channels(Name, inputs[0]);
        Require.Same(Name, "dy", inputs[1], inputs[0]);
        return inputs[0];
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (y, dy, dx) = (inputs[0], inputs[1], output);
        foreach (var place in Softmax.Places(y.Shape))
        {
            var sum = T.Zero;
            foreach (var i in place) sum += y[i] * dy[i];
            foreach (var i in place) dx[i] = y[i] * (dy[i] - sum);
        }
    }
}

/// <summary>The logarithm of <see cref="Softmax"/>, without the detour: y = x - m - log(sum of exp(x - m)).</summary>
public sealed record LogSoftmax : UnaryOp
{
    public override string Name => "log softmax";

    public override Shape Infer(Shape x)
    {
        Require.Channels(Name, x);
        return x;
    }

    protected override void Define<T>(Values<T> x, Values<T> y)
    {
        foreach (var place in Softmax.Places(x.Shape))
        {
            var (max, sum) = Softmax.MaxAndSum(x, place);
            foreach (var i in place) y[i] = x[i] - max - T.Log(sum);
        }
    }

    protected override Node Gradient(Node x, Node y, Node dy) => new LogSoftmaxGradient().Apply(y, dy);
}

/// <summary>dx = dy - exp(y) times the sum over channels of dy. Inputs: y, dy.</summary>
public sealed record LogSoftmaxGradient : Op
{
    public override string Name => "log softmax gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 2, "y and dy");
        Require.Channels(Name, inputs[0]);
        Require.Same(Name, "dy", inputs[1], inputs[0]);
        return inputs[0];
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (y, dy, dx) = (inputs[0], inputs[1], output);
        foreach (var place in Softmax.Places(y.Shape))
        {
            var sum = T.Zero;
            foreach (var i in place) sum += dy[i];
            foreach (var i in place) dx[i] = dy[i] - T.Exp(y[i]) * sum;
        }
    }
}

public static partial class Verbs
{
    /// <summary>Positive numbers that sum to 1 over the channels; see <see cref="Tenfold.Softmax"/>.</summary>
    public static Node Softmax(this Node x) => new Softmax().Apply(x);

    /// <summary>The logarithm of the softmax over the channels.</summary>
    public static Node LogSoftmax(this Node x) => new LogSoftmax().Apply(x);
}
