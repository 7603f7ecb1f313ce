namespace Tenfold;

/// <summary>What follows a convolution, a norm or a gate (a map times a number for each of its channels, as in squeeze-and-excitation) on every number
/// for itself is done while the number is in a register: an activation, the other end of a residual connection, another activation.</summary>
/// <remarks>ReLU behind a concatenation is done with what is joined: of a convolution where it stores, of what is never negative not at all.</remarks>
internal static class FuseEpilogues
{
    public static Graph In(Graph graph)
    {
        var once = graph.UsedOnce();
        return graph.Pass((node, inputs) =>
        {
            if (node.Op is Relu && node.Inputs[0] is { Op: Concat } joined && once.Contains(joined)
                && joined.Inputs.Zip(inputs[0].Inputs).All(part => part.Second.IsRectified() || (once.Contains(part.First) && Takes(part.Second, node))))
                return joined.Op.Apply([.. joined.Inputs.Zip(inputs[0].Inputs, (part, now) => now.IsRectified() ? now.Outermost : With(part, now, node, []).Outermost)], graph.NameOf(joined));

            // The last of the operands takes it, when the others are already there.
            var last = -1;
            for (var i = 0; i < inputs.Length; i++)
                if (once.Contains(node.Inputs[i]) && Takes(inputs[i], node) && (last < 0 || node.Inputs[i].Id > node.Inputs[last].Id)) last = i;
            if (last < 0 || !(Gates(node) ? last == 0 : inputs.All(input => input.Shape == node.Shape))) return null;
            return With(node.Inputs[last], inputs[last], node, inputs.Where((_, i) => i != last));
        });

        // What came before, as rewritten, with the operation that follows it and its other operands.
        Node With(Node original, Node before, Node next, IEnumerable<Node> others)
        {
            var fused = before.Op as Fused ?? new Fused(before.Op, before.Inputs.Count, []);
            var name = before.Op is Fused ? before.Label : graph.NameOf(original);
            return (fused with { Then = [.. fused.Then, next.Op] }).Apply([.. before.Inputs, .. others], $"{name} + {graph.NameOf(next)}");
        }
    }

    public static string Tell(Graph before, Graph after)
    {
        var (fused, left) = (after.Nodes.Select(node => node.Op).OfType<Fused>().ToArray(), after.Nodes.Select(node => node.Op).Where(Follows).ToArray());
        var stay = left.Length == 0 ? "" : $"; {Passes.Counted(left)} stay, which follow nothing that could take them, or what others read too";
        if (fused.Length == 0) return left.Length == 0 ? "nothing: there are no activations and no sums" : $"nothing{stay}";
        return $"{Passes.Counted(fused.SelectMany(op => op.Then))} are done where {Passes.Counted(fused.Select(op => op.First))} store their results{stay}";

        static bool Follows(Op op) => op is Add or Relu or Relu6 or Sigmoid or Silu or HardSigmoid or HardSwish or Tanh;
    }

    // Bound, addition, bound or another activation; of a norm or a gate only an addition and a bound. A pointwise convolution takes a gate as well, before all else.
    private static bool Takes(Node node, Node after)
    {
        var next = after.Op;
        if (node.Shape.Rank != 4) return false;
        var (first, then) = node.Op is Fused fused ? (fused.First, fused.Then) : (node.Op, []);
        var convolves = first is Convolution or ConvolutionTranspose;
        if (next is Multiply) return then.Length == 0 && Gates(after) && IsPointwise(node);
        if (!(convolves || first is BatchNorm || Gates(first, node)) || then is [.., not (Add or Multiply or Relu or Relu6)]) return false;
        var adds = then.Any(op => op is Add);
        var active = then is [.., not (Add or Multiply)];
        if (next is Add) return !adds && (convolves || !active);
        return !active && (next is Relu or Relu6 || (next is Sigmoid or Silu or HardSigmoid or HardSwish or Tanh && convolves));
    }

    /// <summary>Whether the node multiplies a map by a number for each of its channels.</summary>
    public static bool Gates(Node node) => Gates(node.Op, node);

    /// <summary>Whether the node is a convolution of single pixels, of all channels.</summary>
    public static bool IsPointwise(Node node) => node is { Op: Convolution { Groups: 1 }, Shape.Rank: 4 } && DenseShapes.Of(node).Pointwise;

    private static bool Gates(Op op, Node node) => op is Multiply && node.Inputs[0].Shape == node.Shape && node.Inputs[1].Shape is { Rank: 4, Plane.Area: 1 } gate
        && gate.Batch == node.Shape.Batch && gate.Channels == node.Channels;
}

/// <summary>An operation and those on every number for itself that follow it, computed in one pass.</summary>
/// <remarks>Inputs: those of the first operation, then the other operand of each addition, and a gate.</remarks>
/// <param name="Arity">How many inputs the first operation takes.</param>
internal sealed record Fused(Op First, int Arity, Op[] Then) : Op
{
    public override string Name => First.Name;

    public override Shape Infer(ReadOnlySpan<Shape> inputs) => First.Infer(inputs[..Arity]);

    public override Cost Cost(ReadOnlySpan<Shape> inputs, Shape output) => First.Cost(inputs[..Arity], output);

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var value = new Values<T>(output.Shape);
        First.Define(inputs[..Arity], value);
        var others = inputs[Arity..];
        foreach (var op in Then)
        {
            var next = new Values<T>(output.Shape);
            var two = op is Add or Multiply;
            op.Define(two ? [value, others[0]] : [value], next);
            if (two) others = others[1..];
            value = next;
        }

        value.Data.CopyTo(output.Data, 0);
    }
}
