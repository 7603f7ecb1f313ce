namespace Tenfold;

/// <summary>How to run.</summary>
public sealed record RunOptions
{
    /// <summary>How many threads work on one run, the caller's included; the results do not depend on it.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>True to do without Winograd's convolution, whose rounding is some ten times that of the direct kernel (below 1e-4 of the largest
    /// output of the networks here).</summary>
    public bool Exact { get; init; }

    /// <summary>How a convolution is computed, by the name of its layer; a step that <see cref="Session"/> computes otherwise when it is not named here.
    /// The name <c>*</c> stands for all others.</summary>
    public IReadOnlyDictionary<string, ConvolutionAlgorithm> Algorithms { get; init; } = new Dictionary<string, ConvolutionAlgorithm>();
}

/// <summary>Ways to compute a convolution. Winograd's apply to kernels of 3x3 and stride 1; all else is computed directly whatever is asked.</summary>
public enum ConvolutionAlgorithm
{
    /// <summary>Every product of the definition.</summary>
    Direct = 0,

    /// <summary>F(2x2, 3x3): 4 products an output instead of 9.</summary>
    Winograd2 = 2,

    /// <summary>F(4x4, 3x3): 2.25 products an output.</summary>
    Winograd4 = 4,

    /// <summary>F(6x6, 3x3): 1.78 products an output, and the largest rounding; chosen only when asked for.</summary>
    Winograd6 = 6,
}

/// <summary>A compiled network, ready to run. Other batch and image sizes than the graph's are compiled when they first come.</summary>
/// <remarks>Safe to call from several threads: calls take turns.</remarks>
public sealed class Session
{
    private readonly Graph _graph;
    private readonly Weights _weights;
    private readonly RunOptions _options;
    private readonly Team _team;
    private readonly Constants _constants = new();
    private readonly List<(Shape[] Shapes, Plan Plan)> _plans = [];
    private readonly Lock _lock = new();

    public Session(Graph graph, Weights weights, RunOptions? options = null)
    {
        weights.CheckAgainst(graph);
        _options = options ?? new RunOptions();
        (_graph, _weights, _team) = (graph, weights, Team.Of(_options.Threads));
    }

    /// <summary>The output of a network with one input and one output.</summary>
    public Tensor Run(Tensor x) => RunAll(x)[0];

    /// <summary>All outputs for all inputs, in the order of the graph's.</summary>
    public Tensor[] RunAll(params ReadOnlySpan<Tensor> inputs)
    {
        lock (_lock)
        {
            var plan = PlanFor(inputs);
            for (var i = 0; i < inputs.Length; i++) inputs[i].Span.CopyTo(plan.Input(i));
            plan.Run();
            var outputs = new Tensor[plan.Graph.Outputs.Count];
            for (var i = 0; i < outputs.Length; i++)
            {
                outputs[i] = new Tensor(plan.Graph.Outputs[i].Shape);
                plan.Output(i).CopyTo(outputs[i].Span);
            }

            return outputs;
        }
    }

    private Plan PlanFor(ReadOnlySpan<Tensor> inputs)
    {
        foreach (var (shapes, plan) in _plans)
            if (Fits(shapes, inputs)) return plan;

        Shape[] wanted = [.. inputs.ToArray().Select(input => input.Shape)];
        var made = new Plan(_graph.WithInputs(wanted), _weights, _team, frozen: true, _options, _constants);
        _plans.Add((wanted, made));
        return made;
    }

    private static bool Fits(Shape[] shapes, ReadOnlySpan<Tensor> inputs)
    {
        if (shapes.Length != inputs.Length) return false;
        for (var i = 0; i < shapes.Length; i++)
            if (shapes[i] != inputs[i].Shape) return false;
        return true;
    }
}

public static partial class Verbs
{
    /// <summary>The model ready to run.</summary>
    public static Session Compile(this Model model, RunOptions? options = null) => new(model.Graph, model.Weights, options);
}
