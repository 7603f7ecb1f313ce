using Tenfold.Kernels;

namespace Tenfold;

// From operations to steps, a page for each family of them. An operation that no page has a line for runs its own definition, so it works, and slowly.
internal sealed unsafe partial class Plan
{
    private void Lower(Node node)
    {
        var lowered = Convolutions(node)
            || Norms(node)
            || Elementwise(node)
            || Movement(node)
            || Pools(node)
            || Vectors(node)
            || Deformables(node)
            || Reductions(node)
            || Views(node);
        if (!lowered) ByDefinition(node);
    }

    private (Op First, Epilogue Then) Split(Node node) => Split(node.Op, node.Inputs, LayoutOf(node));

    // An operation as the one that begins it and what is done to each of its numbers afterwards.
    private (Op First, Epilogue Then) Split(Op node, IReadOnlyList<Node> inputs, Layout layout)
    {
        if (node is not Fused fused) return (node, new Epilogue(null, null, null, s_all, s_all, null));
        var (first, last) = (s_all, s_all);
        var (added, add, gate, other) = ((Node?)null, (Slot?)null, (Slot?)null, fused.Arity);
        Activation? activation = null;
        var toAdd = fused.Then.Any(op => op is Tenfold.Add); // bounds before the addition are the first, all others the last
        foreach (var op in fused.Then)
        {
            switch (op)
            {
                case Multiply:
                    gate = Get(inputs[other++], layout);
                    break;
                case Tenfold.Add:
                    added = inputs[other++];
                    add = Get(added, layout);
                    toAdd = false;
                    break;
                case Relu or Relu6 when toAdd:
                    first = Range(op);
                    break;
                case Relu or Relu6:
                    last = Range(op);
                    break;
                default:
                    activation = Activated(op) ?? throw new InvalidOperationException($"{op.Name} is no epilogue");
                    break;
            }
        }

        return (fused.First, new Epilogue(added, add, gate, first, last, activation));
    }

    private static (float, float) Range(Op op) => op is Relu6 ? (0, 6) : (0, float.PositiveInfinity);

    private static readonly (float, float) s_all = (float.NegativeInfinity, float.PositiveInfinity);

    /// <summary>y = activation(within Last of (within First of value Gate + Add)).</summary>
    /// <param name="Added">The node whose value <paramref name="Add"/> holds.</param>
    private sealed record Epilogue(Node? Added, Slot? Add, Slot? Gate, (float Low, float High) First, (float Low, float High) Last, Activation? Activation)
    {
        public DenseEpilogue Kernel => new(Add is null ? null : Add.P, First, Last, Activation, Gate is null ? null : Gate.P);

        /// <summary>What it reads.</summary>
        public Slot[] Reads => Add is null ? Gate is null ? [] : [Gate] : Gate is null ? [Add] : [Add, Gate];
    }

    // Operations that compute nothing.
    private bool Views(Node node)
    {
        if (!IsView(node)) return false;
        Alias(node, node.Inputs[0]);
        return true;
    }

    private static bool IsView(Node node) => node.Op is Dropout or Flatten or Reshape;

    // The same numbers in the same order: no step, only another name for the memory.
    private void Alias(Node node, Node of)
    {
        if (node.Shape == of.Shape && Any(of) is var same) SlotsIn(same.Layout)[node] = same;
        else SlotsIn(Layout.Plain)[node] = Get(of, Layout.Plain);
    }

    private void Convert(Node node, Slot from, Slot to)
    {
        var (channels, pixels, blocks) = (node.Channels, Pixels(node), Blocks(node));
        Add(Graph.NameOf(node), $"to {to.Layout.ToString().ToLowerInvariant()}", Planes(node), [from], [to], (item, _) =>
        {
            var (n, block) = Math.DivRem(item, blocks);
            var plain = ((long)n * channels + block * 16) * pixels;
            if (to.Layout == Layout.Blocked) Repack.ToBlock(from.P + plain, channels - block * 16, pixels, to.P + (long)item * pixels * 16);
            else Repack.ToPlanes(from.P + (long)item * pixels * 16, channels - block * 16, pixels, to.P + plain);
        }, converts: true);
    }

    private void ByDefinition(Node node)
    {
        Slot[] inputs = [.. node.Inputs.Select(input => Get(input, Layout.Plain))];
        var y = New(node, Layout.Plain);
        var values = node.Inputs.Select(input => new Values<float>(input.Shape)).ToArray();
        var result = new Values<float>(node.Shape);
        Add(Graph.NameOf(node), $"the definition of {node.Op.Name}, which has no kernel", 1, inputs, [y], (_, _) =>
        {
            for (var i = 0; i < inputs.Length; i++) inputs[i].Span.CopyTo(values[i].Data);
            Array.Clear(result.Data);
            node.Op.Define<float>(values, result);
            result.Data.CopyTo(y.Span);
        });
    }

    private static int Pixels(Node node) => node.Shape.Height * node.Shape.Width;

    private static int Blocks(Node node) => (node.Channels + 15) / 16;

    private static int Planes(Node node) => checked(node.Shape.Batch * Blocks(node));
}
