namespace Tenfold;

/// <summary>Convolution algorithms chosen by measuring in place of estimating.</summary>
public static class MeasuredChoice
{
    private const double Clearly = 0.97; // of the time of the session's own choice

    /// <summary>For each convolution that some algorithm computes clearly faster than a session's own choice, within the network and on this machine, the fastest.</summary>
    /// <param name="options">With its number of threads; algorithms that it names are kept as they are.</param>
    /// <param name="time">For all of the measuring, compiling left out.</param>
    /// <param name="inputs">Of the sizes to choose for, in the order of the graph's.</param>
    /// <returns>For <see cref="RunOptions.Algorithms"/>. Two measurements may differ; a choice that is kept gives the same results at every time.</returns>
    public static IReadOnlyDictionary<string, ConvolutionAlgorithm> Measure(this Model model, RunOptions options, TimeSpan time, params ReadOnlySpan<Tensor> inputs)
    {
        var ways = options.Exact ? [] : Enum.GetValues<ConvolutionAlgorithm>();
        var each = time / (2 * (ways.Length + 1));
        var (own, chosen) = (Measured(null, inputs), new Dictionary<string, ConvolutionAlgorithm>(options.Algorithms));
        var least = own.ToDictionary(step => step.Key, step => Clearly * step.Value.Seconds);
        foreach (var way in ways)
            foreach (var (layer, (how, seconds)) in Measured(way, inputs))
            {
                // What is computed in the same way takes the same time, but for noise.
                if (options.Algorithms.ContainsKey(layer) || !own.TryGetValue(layer, out var before) || before.How == how || seconds >= least[layer]) continue;
                (least[layer], chosen[layer]) = (seconds, way);
            }

        return chosen;

        // Of each layer's steps, named by the first convolution: the kernels, and the shorter of two times.
        Dictionary<string, (string How, double Seconds)> Measured(ConvolutionAlgorithm? way, ReadOnlySpan<Tensor> inputs)
        {
            var algorithms = new Dictionary<string, ConvolutionAlgorithm>(options.Algorithms);
            if (way is { } every) algorithms.TryAdd("*", every);
            var session = model.Compile(options with { Algorithms = algorithms });
            var layers = new Dictionary<string, (string How, double Seconds)>();
            for (var turn = 0; turn < 2; turn++)
                foreach (var steps in session.Profile(each, inputs).Steps.GroupBy(timed => timed.Step.Name.Split(" + ")[0]))
                {
                    var seconds = steps.Sum(timed => timed.Seconds);
                    if (layers.TryGetValue(steps.Key, out var before)) seconds = Math.Min(seconds, before.Seconds);
                    layers[steps.Key] = (string.Join(", ", steps.Select(timed => timed.Step.How.Split("; ")[0])), seconds);
                }

            return layers;
        }
    }
}
