using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Tenfold;

/// <summary>Name to tensor, in the order in which they were set: the numbers that make a <see cref="Graph"/> a model.</summary>
public sealed class Weights : IEnumerable<KeyValuePair<string, Tensor>>
{
    private readonly OrderedDictionary<string, Tensor> _tensors = [];

    public int Count => _tensors.Count;

    public IEnumerable<string> Names => _tensors.Keys;

    public Tensor this[string name]
    {
        get => _tensors.TryGetValue(name, out var tensor) ? tensor : throw new KeyNotFoundException($"weights: there is no {name}");
        set => _tensors[name] = value;
    }

    public bool TryGet(string name, [NotNullWhen(true)] out Tensor? tensor) => _tensors.TryGetValue(name, out tensor);

    public Weights Clone()
    {
        var clone = new Weights();
        foreach (var (name, tensor) in _tensors) clone[name] = tensor.Clone();
        return clone;
    }

    /// <summary>Checks that there is a tensor of the right shape for every parameter, and none besides.</summary>
    /// <exception cref="ArgumentException">Lists what is missing, what is unexpected and what has another shape.</exception>
    public void CheckAgainst(Graph graph)
    {
        var faults = new List<string>();
        foreach (var (name, node) in graph.Parameters)
        {
            if (!TryGet(name, out var tensor)) faults.Add($"{name} is missing");
            else if (tensor.Shape != node.Shape) faults.Add($"{name} is {tensor.Shape}, not {node.Shape}");
        }

        faults.AddRange(Names.Where(name => !graph.Parameters.ContainsKey(name)).Select(name => $"{name} is unexpected"));
        if (faults.Count > 0) throw new ArgumentException($"weights do not fit {graph.Name}: {string.Join("; ", faults.Take(10))}{(faults.Count > 10 ? $"; and {faults.Count - 10} more" : "")}");
    }

    public IEnumerator<KeyValuePair<string, Tensor>> GetEnumerator() => _tensors.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
