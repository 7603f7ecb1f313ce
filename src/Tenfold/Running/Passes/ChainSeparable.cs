using Tenfold.Kernels;

namespace Tenfold;

/// <summary>A depthwise convolution and the pointwise one behind it, each with its epilogue, become one operation where the map between them is large; so does the pointwise one before them, if its map is larger still.</summary>
internal static class ChainSeparable
{
    public static Graph In(Graph graph)
    {
        var once = graph.UsedOnce();
        return graph.Pass((node, inputs) =>
        {
            if (inputs.Length < 2 || !once.Contains(node.Inputs[0]) || Convolution(node.Op) is not { Groups: 1 } second || Convolution(inputs[0].Op) is not { Groups: > 1 } first) return null;
            var depthwise = inputs[0];
            if (Adds(depthwise) || node.Op is Fused { Then: [Multiply, ..] } || BetweenPlanes(node)) return null;
            if (!SeparableConvolution.Takes(Shape(first, depthwise), DenseShapes.Of(second, depthwise.Shape, inputs[1].Shape, node.Shape))) return null;
            var chained = new Chained(depthwise.Op, depthwise.Inputs.Count, node.Op);
            var name = $"{graph.NameOf(node.Inputs[0])} + {graph.NameOf(node)}";
            var expansion = depthwise.Inputs[0];
            if (!once.Contains(node.Inputs[0].Inputs[0]) || Adds(expansion) || Convolution(expansion.Op) is not { } pointwise || !SeparableConvolution.Expands(Shape(pointwise, expansion)))
                return chained.Apply([.. depthwise.Inputs, .. inputs.Skip(1)], name);
            return new Chained(expansion.Op, expansion.Inputs.Count, chained)
                .Apply([.. expansion.Inputs, .. depthwise.Inputs.Skip(1), .. inputs.Skip(1)], $"{graph.NameOf(node.Inputs[0].Inputs[0])} + {name}");
        });

        // All there is between an input and an output, which lie in planes: both are computed so, and no map changes its layout.
        bool BetweenPlanes(Node node) => node.Inputs[0].Inputs[0].Op is Input && graph.Outputs.Contains(node) && Planes(node.Inputs[0]) == ConvolutionChoice.PlaneWay.Rows && Planes(node) == ConvolutionChoice.PlaneWay.Panels;

        static ConvolutionChoice.PlaneWay Planes(Node node) => ConvolutionChoice.OfPlanes(Shape(Convolution(node.Op)!, node), exact: false);

        static bool Adds(Node node) => node.Op is Fused fused && fused.Arity < node.Inputs.Count;

        static DenseShape Shape(Convolution convolution, Node node) => DenseShapes.Of(convolution, node.Inputs[0].Shape, node.Inputs[1].Shape, node.Shape);

        static Convolution? Convolution(Op op) => op as Convolution ?? (op as Fused)?.First as Convolution;
    }

    public static string Tell(Graph before, Graph after)
    {
        var depthwise = before.Nodes.Count(node => ((node.Op as Fused)?.First ?? node.Op) is Convolution conv && conv.Groups > 1 && conv.Groups == node.Channels && conv.Groups == node.Inputs[0].Channels);
        var chained = after.Nodes.Count(node => node.Op is Chained { First: not Pick });
        var expanded = after.Nodes.Count(node => node.Op is Chained { Second: Chained });
        if (depthwise == 0) return "nothing: there are no depthwise convolutions";
        return chained == 0
            ? $"nothing: no map behind {depthwise} depthwise convolutions is both large and read by a small pointwise one alone"
            : $"{chained} of {depthwise} depthwise convolutions and the pointwise ones behind them are computed in strips of rows, since the map between them is large; smaller ones stay in the second-level cache{(expanded == 0 ? "" : $"; {expanded} of them with the pointwise one before them, whose map is larger still")}";
    }
}

/// <summary>An operation whose first input is another operation's result. Inputs: those of the first, then the others of the second.</summary>
/// <param name="Arity">How many inputs the first operation takes.</param>
internal sealed record Chained(Op First, int Arity, Op Second) : Op
{
    public override string Name => $"{First.Name}, {Second.Name}";

    public override Shape Infer(ReadOnlySpan<Shape> inputs) => Second.Infer([First.Infer(inputs[..Arity]), .. inputs[Arity..]]);

    public override Cost Cost(ReadOnlySpan<Shape> inputs, Shape output)
    {
        var between = First.Infer(inputs[..Arity]);
        return First.Cost(inputs[..Arity], between) + Second.Cost([between, .. inputs[Arity..]], output);
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var between = new Values<T>(First.Infer([.. inputs[..Arity].ToArray().Select(input => input.Shape)]));
        First.Define(inputs[..Arity], between);
        Second.Define([between, .. inputs[Arity..]], output);
    }
}
