namespace Tenfold;

/// <summary>Every part of a tensor shifted and scaled to mean 0 and variance 1: what layer, group and instance normalisation share.</summary>
/// <remarks>
/// <code>y = (x - mean) / sqrt(variance + epsilon),   both over all dimensions from <paramref name="Axis"/> on, the variance biased</code>
/// From dimension 1 on: layer normalisation of maps (Ba, Kiros, Hinton 2016); from 2 on: instance normalisation (Ulyanov, Vedaldi, Lempitsky 2016);
/// group normalisation (Wu and He, ECCV 2018) is that of the channels reshaped to groups. Scale and shift are a product and a sum behind it. No MACs.
/// </remarks>
public sealed record Standardize(int Axis, float Epsilon = 1e-5f) : UnaryOp
{
    public override string Name => "standardize";

    public override Shape Infer(Shape x)
    {
        Require.Axis(Name, x, Axis);
        return x;
    }

    protected override void Define<T>(Values<T> x, Values<T> y)
    {
        for (var i = 0; i < Rows.Count(x.Shape, Axis); i++)
        {
            var from = Rows.Of(x, Axis, i);
            var to = Rows.Of(y, Axis, i);
            var (mean, inverse) = Statistics<T>(from);
            for (var j = 0; j < from.Length; j++) to[j] = (from[j] - mean) * inverse;
        }
    }

    protected override Node Gradient(Node x, Node y, Node dy) => new StandardizeGradient(this).Apply(x, dy);

    /// <summary>The mean, and one over the root of variance and epsilon.</summary>
    internal (T Mean, T Inverse) Statistics<T>(ReadOnlySpan<T> part) where T : struct, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        var (mean, variance, count) = (T.Zero, T.Zero, T.CreateTruncating(part.Length));
        foreach (var value in part) mean += value;
        mean /= count;
        foreach (var value in part) variance += (value - mean) * (value - mean);
        return (mean, T.One / T.Sqrt(variance / count + T.CreateTruncating(Epsilon)));
    }
}

/// <summary>dx of <see cref="Standardize"/>: (dy - mean(dy) - y mean(dy y)) / sqrt(variance + epsilon), the means over a part. Inputs: x, dy.</summary>
public sealed record StandardizeGradient(Standardize Norm) : Op
{
    public override string Name => "standardize gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 2, "x and dy");
        Require.Same(Name, "dy", inputs[1], Norm.Infer(inputs[0]));
        return inputs[0];
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        for (var i = 0; i < Rows.Count(output.Shape, Norm.Axis); i++)
        {
            var x = Rows.Of(inputs[0], Norm.Axis, i);
            var dy = Rows.Of(inputs[1], Norm.Axis, i);
            var dx = Rows.Of(output, Norm.Axis, i);
            var (mean, inverse) = Norm.Statistics<T>(x);
            var (plain, along, count) = (T.Zero, T.Zero, T.CreateTruncating(x.Length));
            for (var j = 0; j < x.Length; j++) (plain, along) = (plain + dy[j], along + dy[j] * (x[j] - mean) * inverse);
            for (var j = 0; j < x.Length; j++) dx[j] = (dy[j] - plain / count - (x[j] - mean) * inverse * along / count) * inverse;
        }
    }
}

public static partial class Verbs
{
    /// <summary>Mean 0 and variance 1 over all dimensions from <paramref name="axis"/> on; see <see cref="Tenfold.Standardize"/>.</summary>
    public static Node Standardize(this Node x, int axis, float epsilon = 1e-5f) => new Standardize(axis, epsilon).Apply(x);
}
