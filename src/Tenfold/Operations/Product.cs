namespace Tenfold;

/// <summary>The product along some dimensions, each kept with size 1.</summary>
public sealed record Product(Axes Axes) : UnaryOp
{
    public override string Name => "product";

    public override Shape Infer(Shape x) => new Sum(Axes).Infer(x);

    protected override void Define<T>(Values<T> x, Values<T> y)
    {
        Array.Fill(y.Data, T.One);
        for (var i = 0; i < x.Data.Length; i++) y[Broadcasting.Source(i, x.Shape, y.Shape)] *= x[i];
    }

    protected override Node Gradient(Node x, Node y, Node dy) => new ProductGradient(Axes).Apply(x, dy);
}

/// <summary>dx of <see cref="Product"/>: dy times the product of all the others, right also where one of them is 0. Inputs: x, dy.</summary>
public sealed record ProductGradient(Axes Axes) : Op
{
    public override string Name => "product gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 2, "x and dy");
        Require.Same(Name, "dy", inputs[1], new Product(Axes).Infer(inputs[0]));
        return inputs[0];
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (x, dy) = (inputs[0], inputs[1]);
        var product = new T[dy.Data.Length]; // of those that are not 0
        var zeros = new int[dy.Data.Length];
        Array.Fill(product, T.One);
        for (var i = 0; i < x.Data.Length; i++)
        {
            var place = Broadcasting.Source(i, x.Shape, dy.Shape);
            if (x[i] == T.Zero) zeros[place]++;
            else product[place] *= x[i];
        }

        for (var i = 0; i < x.Data.Length; i++)
        {
            var place = Broadcasting.Source(i, x.Shape, dy.Shape);
            output[i] = (x[i] == T.Zero, zeros[place]) switch
            {
                (true, 1) => dy[place] * product[place],
                (false, 0) => dy[place] * product[place] / x[i],
                _ => T.Zero,
            };
        }
    }
}

public static partial class Verbs
{
    /// <summary>The product along <paramref name="axes"/>, each kept with size 1.</summary>
    public static Node Product(this Node x, Axes axes) => axes == Axes.None ? x : new Product(axes).Apply(x);
}
