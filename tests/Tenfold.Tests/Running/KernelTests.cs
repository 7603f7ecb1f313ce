using Xunit;

namespace Tenfold.Tests;

/// <summary>Sessions run kernels, not definitions.</summary>
public class KernelTests
{
    // Maxima along dimensions with others between them.
    private static readonly string[] s_defined = ["max"];

    [Fact]
    public void No_operation_of_a_model_runs_its_definition()
    {
        var slow = new SortedSet<string>();
        foreach (var type in typeof(KernelTests).Assembly.GetTypes().Where(type => type.IsClass && type.IsAssignableTo(typeof(ICases))))
            foreach (var @case in (IReadOnlyList<Case>)type.GetProperty(nameof(ICases.Cases))!.GetValue(null)!)
            {
                var (model, _, _) = Check.Example(@case);
                if (model.Graph.Nodes.Any(node => !Stored.Ops.Types.Any(line => line.Type == node.Op.GetType()))) continue; // training only
                foreach (var step in new Plan(model.Graph, model.Weights, Team.Of(1), frozen: true, new RunOptions()).Steps)
                    if (step.Kernel.StartsWith("the definition of", StringComparison.Ordinal)) slow.Add($"{@case}: {step.Kernel}");
            }

        slow.RemoveWhere(step => s_defined.Any(name => step.Contains($"definition of {name},", StringComparison.Ordinal)));
        Assert.True(slow.Count == 0, string.Join('\n', slow));
    }
}
