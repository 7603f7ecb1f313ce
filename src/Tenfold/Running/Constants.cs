namespace Tenfold;

/// <summary>What depends on frozen weights alone, computed once for all plans of a session: packed kernels above all.</summary>
internal sealed class Constants
{
    private readonly Dictionary<string, Slot> _slots = [];
    private readonly HashSet<Slot> _read = [];

    /// <summary>The mean squares of kernels, by their keys.</summary>
    public Dictionary<string, double> MeanSquares { get; } = [];

    /// <summary>What was made under this key, or what <paramref name="make"/> makes now; null for a key shares nothing.</summary>
    public Slot Get(string? key, Func<Slot> make)
    {
        if (key is null) return make();
        return _slots.TryGetValue(key, out var slot) ? slot : _slots[key] = make();
    }

    /// <summary>Forgets what no step of any plan reads.</summary>
    public void Keep(IEnumerable<Slot> read)
    {
        foreach (var slot in read) _read.Add(slot);
        foreach (var (key, slot) in _slots)
            if (!_read.Contains(slot)) _slots.Remove(key);
    }

    /// <summary>The same for two nodes that compute the same from the same parameters, as in two plans of one session; null when that is not known.</summary>
    /// <remarks>The operations that passes make of parameters print all their numbers; of others that is not known.</remarks>
    public static string? Key(Node node)
    {
        if (node.Op is Parameter) return $"#{node.Id}";
        if (node.Op is not (NormFactor or NormShift or ScaledKernel or ComposedKernel or ComposedBias or Reordered or Concat)) return null;
        var inputs = node.Inputs.Select(Key).ToArray();
        return inputs.Contains(null) ? null : $"{node.Op}({string.Join(", ", inputs)})";
    }
}
