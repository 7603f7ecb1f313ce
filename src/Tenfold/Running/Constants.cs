namespace Tenfold;

/// <summary>What depends on frozen weights alone, computed once for all plans of a session at a time: packed kernels above all.</summary>
internal sealed class Constants
{
    private const int FirstPiece = 1 << 17, Piece = 2 << 20; // numbers: 512 KB, each twice as long as the one before until 8 MB

    private readonly Dictionary<string, WeakReference<Slot>> _slots = []; // plans hold them: a session that many sizes come to must not keep what was made for each
    private Arena? _room;
    private long _length, _used; // of that piece

    /// <summary>The mean squares of kernels, by their keys.</summary>
    public Dictionary<string, double> MeanSquares { get; } = [];

    /// <summary>What was made under this key, as long as a plan reads it, or what <paramref name="make"/> makes now; null for a key shares nothing.</summary>
    public Slot Get(string? key, Func<Slot> make)
    {
        if (key is null) return make();
        if (_slots.TryGetValue(key, out var known) && known.TryGetTarget(out var slot)) return slot;
        slot = make();
        _slots[key] = new WeakReference<Slot>(slot);
        return slot;
    }

    /// <summary>Memory for a packed kernel, of which all is written before it is read. Short ones lie side by side, so that they too get pages of 2 MB (<see cref="LargePages"/>);
    /// the memory goes when all of them are gone.</summary>
    public Slot Place(Slot slot)
    {
        slot.Constant = true;
        if (slot.Size > Piece / 2)
        {
            _ = new Arena([slot], clear: false);
            return slot;
        }

        if (_room is null || _used + slot.Size > _length)
        {
            (_length, _used) = (Math.Min(Piece, Math.Max(Math.Max(FirstPiece, 2 * _length), 2 * slot.Size)), 0);
            _room = new Arena([new Slot([(int)_length], Layout.Plain)], clear: false);
        }

        (slot.Arena, slot.Offset) = (_room, _used);
        _used += slot.Size;
        return slot;
    }

    /// <summary>Forgets the keys of what is gone.</summary>
    public void Forget()
    {
        foreach (var (key, known) in _slots)
            if (!known.TryGetTarget(out _)) _slots.Remove(key);
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
