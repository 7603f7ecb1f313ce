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
            var (before, depthwise) = (node.Inputs[0], inputs[0]); // the same, as it was and as rewritten
            var name = $"{graph.NameOf(before)} + {graph.NameOf(node)}";
            var chained = new Chained(depthwise.Op, depthwise.Inputs.Count, node.Op);
            if (Expands(before) && depthwise.Inputs[0] is { Op: not Chained } expansion)
                return new Chained(expansion.Op, expansion.Inputs.Count, chained)
                    .Apply([.. expansion.Inputs, .. depthwise.Inputs.Skip(1), .. inputs.Skip(1)], $"{graph.NameOf(before.Inputs[0])} + {name}");
            return Begins(node) ? null : chained.Apply([.. depthwise.Inputs, .. inputs.Skip(1)], name);
        });

        // Whether the node is a pointwise convolution that alone reads a depthwise one.
        bool Ends(Node node)
        {
            if (node.Op.Unfused() is not Convolution { Groups: 1 } || node.Op is Fused { Then: [Multiply, ..] } || !once.Contains(node.Inputs[0])) return false;
            var depthwise = node.Inputs[0];
            if (depthwise.Op.Unfused() is not Convolution { Groups: > 1 } || depthwise.ReadsMore() || BetweenPlanes(depthwise, node)) return false;
            return SeparableConvolution.Takes(DenseShapes.Of(depthwise), DenseShapes.Of(node));
        }

        // Whether what a depthwise convolution reads is the large map of a pointwise one.
        bool Expands(Node depthwise)
        {
            var expansion = depthwise.Inputs[0];
            return once.Contains(expansion) && expansion.Op.Unfused() is Convolution && !expansion.ReadsMore() && SeparableConvolution.Expands(DenseShapes.Of(expansion));
        }

        // Whether the node is itself such a pointwise convolution, and widens its map or leaves it as wide.
        bool Begins(Node node)
        {
            if (!once.Contains(node) || node.Channels < node.Inputs[0].Channels) return false;
            var depthwise = users[node][0];
            if (!once.Contains(depthwise) || depthwise.Inputs[0] != node || !Expands(depthwise)) return false;
            var pointwise = users[depthwise][0];
            return pointwise.Inputs[0] == depthwise && Ends(pointwise);
        }

        // All there is between an input and an output, which lie in planes: both are computed so, and no map changes its layout.
        bool BetweenPlanes(Node depthwise, Node pointwise) => depthwise.Inputs[0].Op is Input && graph.Outputs.Contains(pointwise)
            && Way(depthwise) == ConvolutionChoice.PlaneWay.Rows && Way(pointwise) == ConvolutionChoice.PlaneWay.Panels;

        static ConvolutionChoice.PlaneWay Way(Node node) => ConvolutionChoice.OfPlanes(DenseShapes.Of(node), exact: false);
    }

    public static string Tell(Graph before, Graph after)
    {
        var depthwise = before.Nodes.Count(node => node.Op.Unfused() is Convolution conv && conv.IsDepthwise(node.Inputs[0].Channels) && conv.Groups == node.Channels);
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
