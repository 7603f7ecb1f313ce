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
        while (plain.RemoveWhere(node => !(node.Inputs.All(Comes) || (node.Op is Pick && users[node].Count == 0)) || !(IsVector(node) || users[node].All(plain.Contains))) > 0) { }
        return plain;

        bool Comes(Node input) => input.Op is Leaf || constants.Contains(input) || IsVector(input) || plain.Contains(input);
    }

    private static bool CanBePlain(Node node, bool exact) => node.Shape.Rank == 4 && node.Inputs.Count > 0 && node.Inputs[0].Shape.Rank == 4 && node.Op switch
    {
        Convolution or Fused { First: Convolution } => ConvolutionChoice.OfPlanes(Convolved(node.Op, node.Inputs[0].Shape, node.Inputs[1].Shape, node.Shape), exact) is var way && way != ConvolutionChoice.PlaneWay.None
            && (way == ConvolutionChoice.PlaneWay.Panels || node.Inputs.Count <= ((node.Op as Fused)?.Arity ?? 3)), // the others add no map
        Chained { First: Pick } chain => PanelConvolution.Takes(Convolved(chain.Second, chain.First.Infer([node.Inputs[0].Shape]), node.Inputs[chain.Arity].Shape, node.Shape)),
        Pick => node.Shape.Plane.Area > 1,
        Fused { First: Multiply } => node.Inputs[0].Shape == node.Shape && IsVector(node.Inputs[1]),
        AdaptiveAvgPool => IsVector(node),
        Tenfold.Add or Multiply => node.Inputs.All(input => input.Shape == node.Shape || (IsVector(input) && input.Shape.Batch == node.Shape.Batch && input.Channels == node.Channels)),
        Relu or Relu6 or LeakyRelu or Affine or Sigmoid or Tanh or Silu or HardSigmoid or HardSwish => true,
        ReluGradient or Relu6Gradient or LeakyReluGradient or SigmoidGradient or TanhGradient or SiluGradient or HardSigmoidGradient or HardSwishGradient => true,
        _ => false,
    };

    private static DenseShape Convolved(Op op, Shape x, Shape kernel, Shape y) => DenseShapes.Of((op as Fused)?.First ?? op, x, kernel, y);

    // One number for each channel: next to nothing to convert.
    private static bool IsVector(Node node) => node.Shape.Rank == 4 && node.Shape.Plane.Area == 1;

    private Layout LayoutOf(Node node) => _plain.Contains(node) ? Layout.Plain : Layout.Blocked;
}
