namespace Tenfold;

/// <summary>The largest number along some dimensions, each kept with size 1.</summary>
public sealed record Max(Axes Axes) : UnaryOp
{
    public override string Name => "max";

    public override Shape Infer(Shape x) => new Sum(Axes).Infer(x);

    protected override void Define<T>(Values<T> x, Values<T> y)
    {
        Array.Fill(y.Data, T.NegativeInfinity);
        for (var i = 0; i < x.Data.Length; i++)
        {
            ref var most = ref y[Broadcasting.Source(i, x.Shape, y.Shape)];
            most = T.Max(most, x[i]);
        }
    }

    protected override Node Gradient(Node x, Node y, Node dy) => new MaxGradient(Axes).Apply(x, y, dy);
}

/// <summary>dx of <see cref="Max"/>: each gradient goes to the first maximum in memory order. Inputs: x, y, dy.</summary>
public sealed record MaxGradient(Axes Axes) : Op
{
    public override string Name => "max gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 3, "x, y and dy");
        var y = new Max(Axes).Infer(inputs[0]);
        Require.Same(Name, "y", inputs[1], y);
        Require.Same(Name, "dy", inputs[2], y);
        return inputs[0];
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (x, y, dy) = (inputs[0], inputs[1], inputs[2]);
        var given = new bool[y.Data.Length];
        for (var i = 0; i < x.Data.Length; i++)
        {
            var place = Broadcasting.Source(i, x.Shape, y.Shape);
            if (given[place] || !x[i].Equals(y[place])) continue;
            (given[place], output[i]) = (true, dy[place]);
        }
    }
}

/// <summary>Where along a dimension, kept with size 1, the largest number stands: the class that a classifier decides for. It has no gradient.</summary>
/// <param name="Axis">Not the batch: 1 for channels.</param>
/// <param name="Last">Of several the last, else the first.</param>
public sealed record ArgMax(int Axis, bool Last = false) : UnaryOp
{
    public override string Name => "argmax";

    public override Shape Infer(Shape x)
    {
        Require.Axis(Name, x, Axis);
        return x.With(Axis, 1);
    }

    protected override void Define<T>(Values<T> x, Values<T> y)
    {
        var inner = y.Data.Length / Rows.Count(y.Shape, Axis);
        for (var i = 0; i < y.Data.Length; i++)
        {
            var column = Rows.Of(x, Axis, i / inner)[(i % inner)..];
            var best = 0;
            for (var place = 1; place < x.Shape[Axis]; place++)
                if (Last ? column[place * inner] >= column[best * inner] : column[place * inner] > column[best * inner]) best = place;
            y[i] = T.CreateTruncating(best);
        }
    }

    protected override Node? Gradient(Node x, Node y, Node dy) => null;
}

public static partial class Verbs
{
    /// <summary>The largest number along <paramref name="axes"/>, each kept with size 1.</summary>
    public static Node Max(this Node x, Axes axes) => axes == Axes.None ? x : new Max(axes).Apply(x);

    /// <summary>Where along an axis the largest number stands.</summary>
    public static Node ArgMax(this Node x, int axis = 1) => new ArgMax(axis).Apply(x);
}
