namespace Tenfold;

/// <summary>Products of matrices, which the last two dimensions hold; sizes of 1 before them are broadcast.</summary>
/// <remarks>
/// <code>y[..., i, j] = sum over k of  a[..., i, k] b[..., k, j]</code>
/// Inputs: a [..., I, K], b [..., K, J] of the same rank. No parameters of its own. MACs: K to each number of y.
/// </remarks>
public sealed record MatMul : Op
{
    public override string Name => "matmul";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 2, "two matrices");
        var (a, b) = (inputs[0], inputs[1]);
        if (a.Rank < 2 || a.Rank != b.Rank) throw new ShapeException($"{Name}: takes two matrices, or as many in the same number of dimensions, not {a} and {b}");
        if (a[a.Rank - 1] != b[b.Rank - 2]) throw new ShapeException($"{Name}: the rows of {a} and the columns of {b} differ in length");
        var y = a.With(a.Rank - 1, b[b.Rank - 1]);
        for (var axis = 0; axis < a.Rank - 2; axis++)
            y = y.With(axis, a[axis] == b[axis] || b[axis] == 1 ? a[axis]
                : a[axis] == 1 ? b[axis]
                : throw new ShapeException($"{Name}: {a} and {b} differ in dimension {axis}, and neither is 1"));
        return y;
    }

    public override Cost Cost(ReadOnlySpan<Shape> inputs, Shape output) => Tenfold.Cost.Multiplies(checked(output.Count * inputs[0][inputs[0].Rank - 1]), inputs, output);

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (a, b, rank) = (inputs[0], inputs[1], output.Shape.Rank);
        var (rows, columns, inner) = (output.Shape[rank - 2], output.Shape[rank - 1], a.Shape[rank - 1]);
        var (leading, left, right) = (Leading(output.Shape), Leading(a.Shape), Leading(b.Shape));
        for (var m = 0; m < output.Data.Length / (rows * columns); m++)
        {
            var x = a.Data.AsSpan(Broadcasting.Source(m, leading, left) * rows * inner, rows * inner);
            var z = b.Data.AsSpan(Broadcasting.Source(m, leading, right) * inner * columns, inner * columns);
            var y = output.Data.AsSpan(m * rows * columns, rows * columns);
            for (var i = 0; i < rows; i++)
                for (var k = 0; k < inner; k++)
                    for (var j = 0; j < columns; j++) y[i * columns + j] += x[i * inner + k] * z[k * columns + j];
        }
    }

    public override IReadOnlyList<Node?> Gradient(Node y, Node dy)
    {
        var (a, b) = (y.Inputs[0], y.Inputs[1]);
        return [new MatMul().Apply(dy, Turned(b)).SumTo(a), new MatMul().Apply(Turned(a), dy).SumTo(b)];
    }

    private static Shape Leading(Shape shape) => Shape.Of(shape.AsSpan()[..^2]);

    private static Node Turned(Node x)
    {
        var rank = x.Shape.Rank;
        return x.Transpose([.. Enumerable.Range(0, rank - 2), rank - 1, rank - 2]);
    }
}

public static partial class Verbs
{
    /// <summary>The products of matrices; see <see cref="Tenfold.MatMul"/>.</summary>
    public static Node MatMul(this Node a, Node b) => new MatMul().Apply(a, b);
}
