namespace Tenfold;

internal sealed partial class Plan
{
    // A node that is computed with others in one step, by the last of them.
    private readonly Dictionary<Node, Fused> _fused = [];

    /// <summary>A convolution or norm with what follows it, done in one pass: y = within [Low, High] of (norm(first) + Add).</summary>
    private sealed class Fused(Node first)
    {
        public Node First { get; } = first;

        /// <summary>The norm that is folded into the weights of a frozen convolution.</summary>
        public Node? Norm { get; set; }

        public Node? Add { get; set; }

        public float Low { get; set; } = float.NegativeInfinity;

        public float High { get; set; } = float.PositiveInfinity;

        public Node Last { get; set; } = first;

        public string Names { get; set; } = "";
    }

    // Follows every convolution and norm along the only use of its value.
    private void Fuse()
    {
        foreach (var first in Graph.Nodes)
        {
            if (first.Op is not (Convolution or ConvolutionTranspose or BatchNorm) || first.Shape.Rank != 4 || _fused.ContainsKey(first)) continue;
            var fused = new Fused(first) { Names = Graph.NameOf(first) };
            while (OnlyUser(fused.Last) is { } next)
            {
                if (next.Op is BatchNorm { Training: false } && fused.Last == first && first.Op is not BatchNorm && next.Inputs[0] == first && FrozenNorm(next)) fused.Norm = next;
                else if (next.Op is Tenfold.Add && fused.Add is null && Other(next, fused.Last) is { } other && other.Shape == next.Shape && other.Shape == fused.Last.Shape) fused.Add = other;
                else if (next.Op is Relu) fused.Low = 0;
                else if (next.Op is Relu6) (fused.Low, fused.High) = (0, 6);
                else break;
                _fused[fused.Last] = fused;
                fused.Last = next;
                fused.Names += $" + {Graph.NameOf(next)}";
                if (fused.Low == 0) break;
            }

            if (fused.Last != first) _fused[fused.Last] = fused;
        }

        bool FrozenNorm(Node norm) => _frozen && norm.Inputs.Skip(1).All(input => input.Op is Parameter);

        static Node? Other(Node add, Node one) => add.Inputs[0] == one ? add.Inputs[1] == one ? null : add.Inputs[1] : add.Inputs[0];
    }

    /// <summary>The one node that uses this value and nothing else does; null when there are several, or it is an output.</summary>
    private Node? OnlyUser(Node node) => !_outputs.Contains(node) && _users.TryGetValue(node, out var users) && users is [var user] && !_fused.ContainsKey(user) ? user : null;
}
