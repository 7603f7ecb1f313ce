using Tenfold.Kernels;

namespace Tenfold;

// Which kernel computes each convolution: the fastest by the estimate, as long as the packed weights of all together stay within a budget. Winograd's are up to seven times as long as the
// kernel, and a network of many channels on large maps, as dilation leaves them, would hold them in every layer.
internal sealed partial class Plan
{
    private const long Spare = 80_000_000; // bytes, beside twice the model's own weights: so DRN and DeepLab v3, which would hold up to four times theirs, stay below what ONNX Runtime takes

    private Dictionary<Node, Choice> Chosen()
    {
        var chosen = new Dictionary<Node, Choice>();
        var own = 0L;
        foreach (var parameter in Graph.Parameters.Values) own += sizeof(float) * parameter.Shape.Count;
        var packed = own;
        foreach (var node in Graph.Nodes)
        {
            if (node.Op.Unfused() is not (Convolution or ConvolutionTranspose)) continue;
            var (shape, exact, constant) = (DenseShapes.Of(node), _options.Exact, _constants.Contains(node.Inputs[1]));
            var (kernel, reason) = _plain.Contains(node)
                ? (ConvolutionChoice.By(shape, ConvolutionChoice.OfPlanes(shape, exact), exact), "")
                : ConvolutionChoice.Of(shape, exact, Forced(Graph.NameOf(node)), constant);
            chosen[node] = new Choice(kernel, reason);
            if (constant) packed += sizeof(float) * (kernel.PackedSize - node.Inputs[1].Shape.Count);
        }

        if (packed > 2 * own + Spare) Shorten(chosen, packed - 2 * own - Spare);
        return chosen;
    }

    // Again and again the convolution that loses the fewest cycles for a byte takes a way with shorter weights.
    private void Shorten(Dictionary<Node, Choice> chosen, long excess)
    {
        var ways = new List<(Node Node, ConvolutionChoice.Way[] Ways, int Now)>(); // from the longest weights to the shortest
        foreach (var (node, (kernel, _)) in chosen)
            if (kernel is WinogradConvolution winograd && _constants.Contains(node.Inputs[1]) && Forced(Graph.NameOf(node)) is null)
                ways.Add((node, ConvolutionChoice.Ways(DenseShapes.Of(node), winograd.M), 0));

        while (excess > 0)
        {
            var (best, way, least) = (-1, 0, double.MaxValue);
            for (var i = 0; i < ways.Count; i++)
            {
                var now = ways[i].Ways[ways[i].Now];
                for (var j = ways[i].Now + 1; j < ways[i].Ways.Length; j++)
                {
                    var other = ways[i].Ways[j];
                    if ((other.Cycles - now.Cycles) / (now.Bytes - other.Bytes) is var loss && loss < least) (best, way, least) = (i, j, loss);
                }
            }

            if (best < 0) return;
            var (node, all, before) = ways[best];
            excess -= all[before].Bytes - all[way].Bytes;
            ways[best] = (node, all, way);
            var (fastest, direct) = (all[0], all[^1].Cycles);
            chosen[node] = new Choice(ConvolutionChoice.By(DenseShapes.Of(node), all[way].Size),
                $"{all[way].Cycles / direct:p0} of the direct kernel's cycles; F({fastest.Size}x{fastest.Size}), of {fastest.Cycles / direct:p0}, has weights too long for the budget");
        }
    }

    /// <param name="Reason">Why, in words.</param>
    private sealed record Choice(ConvolutionKernel Kernel, string Reason);
}
