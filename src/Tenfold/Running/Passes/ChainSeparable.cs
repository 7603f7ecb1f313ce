using Tenfold.Kernels;

namespace Tenfold;

/// <summary>A depthwise convolution and the pointwise one behind it, each with its epilogue, become one operation where the map between them is large; so does the pointwise one before them, if its map is larger still.</summary>
/// <remarks>A pointwise convolution between two depthwise ones is done with the later where it widens the map or leaves it as wide: of the two maps that then never leave the cache its own is the larger.</remarks>
internal static class ChainSeparable
{
    public static Graph In(Graph graph)
    {
        var users = graph.Users();
        var once = graph.UsedOnce();
        return graph.Pass((node, inputs) =>
        {
            if (!Ends(node)) return null;
            var (depthwise, expansion, name) = (inputs[0], inputs[0].Inputs[0], $"{graph.NameOf(node.Inputs[0])} + {graph.NameOf(node)}");
            var chained = new Chained(depthwise.Op, depthwise.Inputs.Count, node.Op);
            if (Expands(node.Inputs[0]) && expansion.Op is not Chained)
                return new Chained(expansion.Op, expansion.Inputs.Count, chained)
                    .Apply([.. expansion.Inputs, .. depthwise.Inputs.Skip(1), .. inputs.Skip(1)], $"{graph.NameOf(node.Inputs[0].Inputs[0])} + {name}");
            return Begins(node) ? null : chained.Apply([.. depthwise.Inputs, .. inputs.Skip(1)], name);
        });

        // Whether the node is a pointwise convolution that alone reads a depthwise one.
        bool Ends(Node node)
        {
            if (node.Inputs.Count < 2 || !once.Contains(node.Inputs[0]) || Convolution(node.Op) is not { Groups: 1 } second || node.Inputs[0] is var depthwise && Convolution(depthwise.Op) is not { Groups: > 1 }) return false;
            if (Adds(depthwise) || node.Op is Fused { Then: [Multiply, ..] } || BetweenPlanes(node)) return false;
            return SeparableConvolution.Takes(Shape(depthwise), Shape(node));
        }

        // Whether what a depthwise convolution reads is the large map of a pointwise one.
        bool Expands(Node depthwise) => depthwise.Inputs[0] is var expansion && once.Contains(expansion) && !Adds(expansion) && Convolution(expansion.Op) is not null && SeparableConvolution.Expands(Shape(expansion));

        // Whether it is the node's, which is no smaller than what the node reads.
        bool Begins(Node node) => once.Contains(node) && users[node][0] is var depthwise && once.Contains(depthwise) && depthwise.Inputs[0] == node && Ends(users[depthwise][0]) && users[depthwise][0].Inputs[0] == depthwise
            && Expands(depthwise) && node.Channels >= node.Inputs[0].Channels;

        // All there is between an input and an output, which lie in planes: both are computed so, and no map changes its layout.
        bool BetweenPlanes(Node node) => node.Inputs[0].Inputs[0].Op is Input && graph.Outputs.Contains(node) && Planes(node.Inputs[0]) == ConvolutionChoice.PlaneWay.Rows && Planes(node) == ConvolutionChoice.PlaneWay.Panels;

        static ConvolutionChoice.PlaneWay Planes(Node node) => ConvolutionChoice.OfPlanes(Shape(node), exact: false);

        static bool Adds(Node node) => node.Op is Fused fused && fused.Arity < node.Inputs.Count;

        static DenseShape Shape(Node node) => DenseShapes.Of(Convolution(node.Op)!, node.Inputs[0].Shape, node.Inputs[1].Shape, node.Shape);

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
