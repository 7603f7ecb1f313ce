namespace Tenfold;

/// <summary>Squeeze-and-excitation behind a pointwise convolution reads the means of what the convolution reads, so its gates are known before the convolution runs, which then multiplies them in where it stores.</summary>
/// <remarks>
/// <para>A mean over pixels and a sum over channels change places: mean(W x + b) = W mean(x) + b. The small layer that reads the means takes W in:
/// V (W mean(x) + b) + c = (V W) mean(x) + (V b + c). What is in brackets is known when the weights are, and V W is shorter than V where the convolution has fewer channels before it than behind it.</para>
/// <para>The gate itself is moved by <see cref="FuseEpilogues"/>, since nothing but it reads the convolution any more.</para>
/// </remarks>
internal static class MeansFirst
{
    public static Graph In(Graph graph)
    {
        var (users, constants) = (graph.Users(), graph.Constants());
        return graph.Pass((node, inputs) =>
        {
            if (Before(node) is not { } convolution) return null;
            var (made, name) = (inputs[0].Inputs[0], graph.NameOf(node));
            var means = new AdaptiveAvgPool(1).Apply([made.Inputs[0].Outermost], graph.NameOf(node.Inputs[0]));
            var kernel = new ComposedKernel().Apply([inputs[1], made.Inputs[1].Outermost], $"{name}.kernel#");
            if (convolution.Inputs.Count == 2) return node.Op.Apply([means, kernel, .. inputs.Skip(2)], name);
            return node.Op.Apply([means, kernel, new ComposedBias().Apply([inputs[1], made.Inputs[2].Outermost, .. inputs.Skip(2)], $"{name}.bias#")], name);
        });

        // The convolution whose means the node reads, if they and a gate are all that reads it. Behind a depthwise one it is left alone: both are computed in strips, which is worth more.
        Node? Before(Node node)
        {
            if (!Pointwise(node) || node.Inputs[0] is not { Op: AdaptiveAvgPool, Shape.Plane.Area: 1 } means || users[means].Count > 1 || graph.Outputs.Contains(means)) return null;
            var convolution = means.Inputs[0];
            if (!Pointwise(convolution) || graph.Outputs.Contains(convolution) || convolution.Inputs[0].Op is Convolution { Groups: > 1 }) return null;
            if (users[convolution] is not [var one, var other] || (one == means) == (other == means)) return null;
            var gated = one == means ? other : one;
            return gated.Inputs[0] == convolution && FuseEpilogues.Gates(gated) ? convolution : null;
        }

        bool Pointwise(Node node) => FuseEpilogues.IsPointwise(node) && node.Inputs.Skip(1).All(constants.Contains);
    }

    public static string Tell(Graph before, Graph after)
    {
        var gates = before.Nodes.Count(FuseEpilogues.Gates);
        var moved = after.Nodes.Count(node => node.Op is ComposedKernel);
        return gates == 0 ? "nothing: there are no gates"
            : moved == 0 ? $"nothing: none of {gates} gates stands behind a pointwise convolution with nothing between"
            : $"{moved} of {gates} gates are computed from what the pointwise convolution before them reads";
    }
}

/// <summary>The kernel of two pointwise convolutions, one behind the other: k[o, c] = sum over m of second[o, m] first[m, c]. Inputs: the second's kernel, the first's.</summary>
internal sealed record ComposedKernel : Op
{
    public override string Name => "composed kernel";

    public override Shape Infer(ReadOnlySpan<Shape> inputs) => [inputs[0][0], inputs[1][1], 1, 1];

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (second, first) = (inputs[0], inputs[1]);
        for (var o = 0; o < output.Shape[0]; o++)
            for (var c = 0; c < output.Shape[1]; c++)
            {
                var sum = T.Zero;
                for (var m = 0; m < first.Shape[0]; m++) sum += second[o, m, 0, 0] * first[m, c, 0, 0];
                output[o, c, 0, 0] = sum;
            }
    }
}

/// <summary>Their bias: b[o] = own[o] + sum over m of second[o, m] bias[m]. Inputs: the second's kernel, the first's bias, the second's own if it has one.</summary>
internal sealed record ComposedBias : Op
{
    public override string Name => "composed bias";

    public override Shape Infer(ReadOnlySpan<Shape> inputs) => [inputs[0][0]];

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        for (var o = 0; o < output.Shape[0]; o++)
        {
            var sum = inputs.Length > 2 ? inputs[2][o] : T.Zero;
            for (var m = 0; m < inputs[1].Shape[0]; m++) sum += inputs[0][o, m, 0, 0] * inputs[1][m];
            output[o] = sum;
        }
    }
}
