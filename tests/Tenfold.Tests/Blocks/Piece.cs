namespace Tenfold.Tests;

/// <summary>A piece of network with random weights in double, run by the definitions.</summary>
internal sealed class Piece
{
    public Piece(Func<Node, Node> build, Shape shape, ulong seed = 1)
    {
        Shape = shape;
        Graph = new Graph("piece", build(new Input(shape).Apply([], "x")));
        foreach (var (name, node) in Graph.Parameters)
            Weights[name] = name.EndsWith("running_var", StringComparison.Ordinal)
                ? new(node.Shape, [.. Numbers(node.Shape, name, seed).Select(z => 0.5 + z * z)])
                : new(node.Shape, Numbers(node.Shape, name, seed));
    }

    public Graph Graph { get; }

    public Shape Shape { get; }

    public Dictionary<string, Values<double>> Weights { get; } = [];

    public Shape Output => Graph.Output.Shape;

    /// <summary>The parameters of convolutions and linear layers: what the article counts.</summary>
    public static long Kernels(Graph graph) => graph.Parameters.Where(pair => pair.Value.Shape.Rank is 2 or 4).Sum(pair => pair.Value.Shape.Count);

    public static long Kernels(Node node) => Kernels(node.ToGraph("piece"));

    /// <summary>The weights that the layers begin with.</summary>
    public Piece Fresh(ulong seed = 1)
    {
        foreach (var (name, tensor) in Graph.Init(seed)) Weights[name] = Values<double>.From(tensor);
        return this;
    }

    public Piece Set(string name, Func<int, double> number)
    {
        var data = Weights[name].Data;
        for (var i = 0; i < data.Length; i++) data[i] = number(i);
        return this;
    }

    /// <summary>The same weights as <paramref name="other"/>, by order.</summary>
    public Piece Like(Piece other)
    {
        foreach (var (mine, theirs) in Graph.Parameters.Keys.Zip(other.Graph.Parameters.Keys)) Weights[mine] = new(Weights[mine].Shape, other.Weights[theirs].Data);
        return this;
    }

    public Values<double> Run(Values<double> x) => Reference.Run(Graph, Weights, x)[0];

    public Values<double> Run(ulong seed = 7) => Run(X(seed));

    public Values<double> X(ulong seed = 7) => new(Shape, Numbers(Shape, "x", seed));

    public static Values<double> Random(Shape shape, string name = "random") => new(shape, Numbers(shape, name, 3));

    /// <summary>The output for each channel of one pixel set to 1, less that for zeros: [out, in].</summary>
    public double[,] Jacobian()
    {
        var jacobian = new double[Output.Channels, Shape.Channels];
        var zero = Run(new Values<double>(Shape));
        for (var c = 0; c < Shape.Channels; c++)
        {
            var x = new Values<double>(Shape);
            x.Plane(0, c).Fill(1);
            var y = Run(x);
            for (var o = 0; o < Output.Channels; o++)
                for (var i = 0; i < y.Plane(0, o).Length; i++) jacobian[o, c] += Math.Abs(y.Plane(0, o)[i] - zero.Plane(0, o)[i]);
        }

        return jacobian;
    }

    public static void Equal(Values<double> expected, Values<double> actual, double tolerance = 1e-12)
    {
        Xunit.Assert.Equal(expected.Shape, actual.Shape);
        Check.Close(expected.Data, actual.Data, tolerance, "equal pieces");
    }

    private static double[] Numbers(Shape shape, string name, ulong seed)
    {
        var random = Philox.Named(seed, name);
        return [.. Enumerable.Range(0, (int)shape.Count).Select(i => random.Normal((ulong)i))];
    }
}
