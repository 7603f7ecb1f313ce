using Xunit;

namespace Tenfold.Tests;

/// <summary>Operations on a handful of numbers, by their definitions in double.</summary>
internal static class Direct
{
    public static double[] Run(Func<Node, Node> build, Shape shape, params double[] numbers) => Run(x => build(x[0]), (shape, numbers));

    public static double[] Run(Func<Node[], Node> build, params (Shape Shape, double[] Numbers)[] inputs)
    {
        Node[] x = [.. inputs.Select((input, i) => new Input(input.Shape).Apply([], $"x{i}"))];
        var graph = new Graph("direct", build(x));
        return Reference.Run(graph, new Dictionary<string, Values<double>>(),
            [.. graph.Inputs.Select(node => new Values<double>(node.Shape, inputs[Array.IndexOf(x, node)].Numbers))])[0].Data;
    }

    /// <summary>The gradient of the sum of y for input <paramref name="index"/>.</summary>
    public static double[] Gradient(int index, Func<Node[], Node> build, params (Shape Shape, double[] Numbers)[] inputs) =>
        Run(x => build(x).Gradient([x[index]])[0]!, inputs);

    public static double[] Gradient(Func<Node, Node> build, Shape shape, params double[] numbers) => Gradient(0, x => build(x[0]), (shape, numbers));

    public static Shape Infer(Func<Node, Node> build, Shape shape) => build(new Input(shape).Apply([], "x")).Shape;

    /// <summary>The message of the <see cref="ShapeException"/> that the operation answers the shapes with.</summary>
    public static string Refused(Func<Node[], Node> build, params Shape[] shapes) =>
        Assert.Throws<ShapeException>(() => build([.. shapes.Select(shape => new Input(shape).Apply([], "x"))])).Message;

    public static string Refused(Func<Node, Node> build, Shape shape) => Refused(x => build(x[0]), shape);

    public static double[] Count(int count, double first = 0) => [.. Enumerable.Range(0, count).Select(i => first + i)];

    public static void Equal(double[] expected, double[] actual, double tolerance = 1e-12)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++) Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance, $"at {i}: {actual[i]}, not {expected[i]}");
    }
}
