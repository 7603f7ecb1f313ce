namespace Tenfold;

/// <summary>Linear layer, also fully connected: every output is a weighted sum of all inputs.</summary>
/// <remarks>
/// <code>y[n, o] = b[o] + sum over f of  w[o, f] x[n, f]</code>
/// Inputs: x [N, F], weight [O, F], bias [O] (optional). Parameters: O F (+ O). MACs: N O F. The same as a 1x1 convolution on a 1x1 map.
/// </remarks>
public sealed record Linear : Op
{
    public override string Name => "linear";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        if (inputs is not ([_, _] or [_, _, _])) throw new ShapeException($"{Name}: takes x, a weight and perhaps a bias, not {inputs.Length} inputs");
        var (x, weight) = (inputs[0], inputs[1]);
        if (x.Rank != 2 || weight.Rank != 2) throw new ShapeException($"{Name}: takes a batch of features and a matrix, not {x} and {weight}");
        if (weight[1] != x[1]) throw new ShapeException($"{Name}: a weight {weight} reads {weight[1]} features, not {x[1]}");
        if (inputs is [_, _, var bias] && (bias.Rank != 1 || bias[0] != weight[0])) throw new ShapeException($"{Name}: a bias {bias} does not fit {weight[0]} features");
        return [x[0], weight[0]];
    }

    public override Cost Cost(ReadOnlySpan<Shape> inputs, Shape output) => Tenfold.Cost.Multiplies(output.Count * inputs[1][1], inputs, output);

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (x, weight) = (inputs[0], inputs[1]);
        for (var n = 0; n < x.Shape[0]; n++)
            for (var o = 0; o < weight.Shape[0]; o++)
            {
                var sum = inputs.Length > 2 ? inputs[2][o] : T.Zero;
                for (var f = 0; f < x.Shape[1]; f++) sum += weight[o, f] * x[n, f];
                output[n, o] = sum;
            }
    }

    public override IReadOnlyList<Node?> Gradient(Node y, Node dy)
    {
        var (x, weight) = (y.Inputs[0], y.Inputs[1]);
        var dx = new LinearInputGradient().Apply(dy, weight);
        var dw = new LinearWeightGradient().Apply(x, dy);
        return y.Inputs.Count > 2 ? [dx, dw, dy.ChannelSum()] : [dx, dw];
    }
}

/// <summary>dx[n, f] = sum over o of dy[n, o] w[o, f]. Inputs: dy, weight. Costs the MACs of the forward pass.</summary>
public sealed record LinearInputGradient : Op
{
    public override string Name => "linear input gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs) => inputs is [{ Rank: 2 } dy, { Rank: 2 } weight] && dy[1] == weight[0]
        ? [dy[0], weight[1]]
        : throw new ShapeException($"{Name}: takes dy [N, O] and a weight [O, F]");

    public override Cost Cost(ReadOnlySpan<Shape> inputs, Shape output) => Tenfold.Cost.Multiplies(output.Count * inputs[1][0], inputs, output);

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (dy, weight) = (inputs[0], inputs[1]);
        for (var n = 0; n < dy.Shape[0]; n++)
            for (var o = 0; o < dy.Shape[1]; o++)
                for (var f = 0; f < weight.Shape[1]; f++) output[n, f] += dy[n, o] * weight[o, f];
    }
}

/// <summary>dw[o, f] = sum over n of dy[n, o] x[n, f]. Inputs: x, dy. Costs the MACs of the forward pass.</summary>
public sealed record LinearWeightGradient : Op
{
    public override string Name => "linear weight gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs) => inputs is [{ Rank: 2 } x, { Rank: 2 } dy] && x[0] == dy[0]
        ? [dy[1], x[1]]
        : throw new ShapeException($"{Name}: takes x [N, F] and dy [N, O]");

    public override Cost Cost(ReadOnlySpan<Shape> inputs, Shape output) => Tenfold.Cost.Multiplies(output.Count * inputs[0][0], inputs, output);

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (x, dy) = (inputs[0], inputs[1]);
        for (var n = 0; n < x.Shape[0]; n++)
            for (var o = 0; o < dy.Shape[1]; o++)
                for (var f = 0; f < x.Shape[1]; f++) output[o, f] += dy[n, o] * x[n, f];
    }
}

public static partial class Verbs
{
    /// <summary>Linear layer; see <see cref="Tenfold.Linear"/>. A map is flattened first.</summary>
    public static Node Linear(this Node x, int features, bool bias = true, Initializer? init = null, string? name = null)
    {
        if (x.Shape.Rank != 2) x = x.Flatten();
        var weight = new Parameter("weight", [features, x.Channels], init ?? Initializer.Default).Apply();
        return bias
            ? new Linear().Apply([x, weight, new Parameter("bias", [features], Initializer.Zeros).Apply()], name ?? "fc#")
            : new Linear().Apply([x, weight], name ?? "fc#");
    }
}
