namespace Tenfold;

/// <summary>Reverse-mode differentiation: the gradient of a graph is a graph.</summary>
public static class Differentiation
{
    /// <summary>Nodes that compute dL/d(target) for each target, where L is the sum of all numbers of <paramref name="loss"/>.</summary>
    /// <returns>In the order of the targets; a target that does not reach the loss gets null.</returns>
    /// <exception cref="NotSupportedException">An operation between a target and the loss has no gradient.</exception>
    public static IReadOnlyList<Node?> Gradient(this Node loss, IReadOnlyList<Node> targets)
    {
        var nodes = new Graph("gradient", loss).Nodes;
        var leads = new HashSet<Node>(targets.Select(target => target.Value)); // nodes through which a target reaches the loss
        foreach (var node in nodes)
            if (node.Inputs.Any(leads.Contains)) leads.Add(node);

        var gradients = new Dictionary<Node, Node> { [loss.Value] = loss.Affine(0, 1) };
        foreach (var y in nodes.Reverse())
        {
            if (y.Inputs.Count == 0 || !leads.Contains(y) || !gradients.TryGetValue(y, out var dy)) continue;
            var toInputs = y.Op.Gradient(y, dy);
            for (var i = 0; i < toInputs.Count; i++)
            {
                var x = y.Inputs[i];
                if (toInputs[i] is not { } dx || !leads.Contains(x)) continue;
                gradients[x] = gradients.TryGetValue(x, out var sum) ? sum + dx : dx;
            }
        }

        return [.. targets.Select(target => gradients.GetValueOrDefault(target.Value))];
    }
}
