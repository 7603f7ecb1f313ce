using Tenfold.Kernels;

namespace Tenfold;

// In which layout a value is made. Maps lie in blocks of channels, which suits convolutions that mix channels. Where nothing of that kind is near, as
// between the input and the output of a graph of one depthwise convolution or of squeeze-and-excitation, the changes of layout would move as many bytes as the work itself.
internal sealed partial class Plan
{
    /// <summary>The nodes that are computed in plain order: they can be, the maps that they read come so, and whoever reads theirs wants it so. What comes out of the graph as a list of channels
    /// takes them out of maps in blocks as well.</summary>
    private static HashSet<Node> InPlainOrder(Graph graph, Dictionary<Node, List<Node>> users, HashSet<Node> constants, RunOptions options)
    {
        if (options.Blocks) return [];
        HashSet<Node> plain = [.. graph.Nodes.Where(node => CanBePlain(node, options.Exact) && Forced(options, graph.NameOf(node)) is null)];
        while (plain.RemoveWhere(node => !CanRead(node) || !(IsVector(node) || users[node].All(plain.Contains))) > 0) { }
        AddParts(plain, graph, users, constants, options);
        return plain;

        bool CanRead(Node node) => node.Inputs.All(Comes) || (node.Op is Pick && users[node].Count == 0);

        bool Comes(Node input) => input.Op is Leaf || constants.Contains(input) || IsVector(input) || plain.Contains(input);
    }

    /// <summary>Adds parts of a network around pointwise convolutions in groups or of lists of channels, which seldom fill blocks of 16: those with as many convolutions that fill vectors of pixels better
    /// as there are maps that change their layout at the border.</summary>
    /// <remarks>What reads planes alone goes with them where it can, as depthwise convolutions and means of windows do; so does a concatenation that they read, whose maps are computed in their place.</remarks>
    private static void AddParts(HashSet<Node> plain, Graph graph, Dictionary<Node, List<Node>> users, HashSet<Node> constants, RunOptions options)
    {
        HashSet<Node> suited = [.. graph.Nodes.Where(node => Free(node) && Pointwise(node) is { } shape && (shape.Groups > 1 || PanelConvolution.FillsMore(shape)))];
        HashSet<Node> able = [.. suited];
        foreach (var node in graph.Nodes)
            if (Free(node) && (node.Op is Concat { Axis: 1 } ? users[node].Any(suited.Contains) && CanJoin(node, Layout.Plain) : Follows(node))) able.Add(node);

        var seen = new HashSet<Node>();
        foreach (var first in suited)
        {
            if (!seen.Add(first)) continue;
            var (part, counted, border) = (new List<Node> { first }, new HashSet<Node>(), 0);
            for (var i = 0; i < part.Count; i++)
                foreach (var near in part[i].Inputs.Concat(users[part[i]]))
                    if (able.Contains(near) && seen.Add(near)) part.Add(near);
            foreach (var node in part)
            {
                foreach (var input in node.Inputs)
                    if (IsMap(input) && !able.Contains(input) && counted.Add(input)) border++;
                if (users[node].Any(user => !able.Contains(user)) && !IsVector(node)) border++;
            }

            if (part.Count(suited.Contains) >= border && part.Any(InGroupsOrListed)) plain.UnionWith(part);
        }

        bool Free(Node node) => !plain.Contains(node) && node.Shape.Rank == 4 && node.Inputs.Count > 0 && node.Inputs[0].Shape.Rank == 4 && Forced(options, graph.NameOf(node)) is null;

        bool IsMap(Node node) => node.Op is not Leaf && !constants.Contains(node) && !IsVector(node);

        bool InGroupsOrListed(Node node) => suited.Contains(node) && (node.Op is Chained || Pointwise(node)!.Groups > 1);

        // The numbers of a pointwise convolution that panels take; null for what is none.
        DenseShape? Pointwise(Node node)
        {
            var (convolution, x, weights) = node.Op switch
            {
                Convolution or Fused { First: Convolution } => (node.Op, node.Inputs[0].Shape, node.Inputs[1]),
                Chained { First: Pick } chain => (chain.Second, chain.First.Infer([node.Inputs[0].Shape]), node.Inputs[chain.Arity]),
                _ => default,
            };
            return weights is not null && constants.Contains(weights) && DenseShapes.Of(convolution, x, weights.Shape, node.Shape) is var shape && PanelConvolution.Takes(shape) ? shape : null;
        }

        bool Follows(Node node) => able.Contains(node.Inputs[0]) && node.Inputs.All(input => able.Contains(input) || !IsMap(input)) && CanBePlain(node, options.Exact)
            && (node.Op is not (Convolution or Fused { First: Convolution }) || PlaneRowConvolution.Takes(DenseShapes.Of(node)) || Pointwise(node) is not null);
    }

    private static bool CanBePlain(Node node, bool exact) => node.Shape.Rank == 4 && node.Inputs.Count > 0 && node.Inputs[0].Shape.Rank == 4 && node.Op switch
    {
        Convolution or Fused { First: Convolution } => ConvolutionChoice.OfPlanes(DenseShapes.Of(node), exact) switch
        {
            ConvolutionChoice.PlaneWay.None => false,
            ConvolutionChoice.PlaneWay.Panels => true,
            _ => !node.ReadsMore(), // the others add no map
        },
        Chained { First: Pick } chain => PanelConvolution.Takes(DenseShapes.Of(chain.Second, chain.First.Infer([node.Inputs[0].Shape]), node.Inputs[chain.Arity].Shape, node.Shape)),
        Pick => node.Shape.Plane.Area > 1,
        Fused { First: Multiply } => node.Inputs[0].Shape == node.Shape && IsVector(node.Inputs[1]),
        AdaptiveAvgPool => IsVector(node),
        AvgPool => AsDepthwise(node) is { } windows && PlaneRowConvolution.Takes(windows),
        Tenfold.Add or Multiply => node.Inputs.All(input => input.Shape == node.Shape || (IsVector(input) && input.Shape.Batch == node.Shape.Batch && input.Channels == node.Channels)),
        Relu or Relu6 or LeakyRelu or Affine or Sigmoid or Tanh or Silu or HardSigmoid or HardSwish => true,
        ReluGradient or Relu6Gradient or LeakyReluGradient or SigmoidGradient or TanhGradient or SiluGradient or HardSigmoidGradient or HardSwishGradient => true,
        _ => false,
    };

    // One number for each channel: next to nothing to convert.
    private static bool IsVector(Node node) => node.Shape.Rank == 4 && node.Shape.Plane.Area == 1;

    private Layout LayoutOf(Node node) => _plain.Contains(node) ? Layout.Plain : Layout.Blocked;
}
