namespace Tenfold.Kernels;

/// <summary>One dimension of a window over a map: its taps in order, at equal distances.</summary>
internal sealed class LaneAxis
{
    private readonly int[] _order;
    private readonly (int From, int To)[] _inside;

    public LaneAxis(Geometry geometry, int size)
    {
        (Geometry, _order) = (geometry, new int[geometry.Shifts.Length]);
        var rising = _order.Length < 2 || geometry.Shifts[0] <= geometry.Shifts[^1];
        for (var i = 0; i < _order.Length; i++) _order[i] = rising ? i : _order.Length - 1 - i;
        Step = geometry.Shifts.Length < 2 ? 1 : Math.Abs(geometry.Shifts[1] - geometry.Shifts[0]);
        _inside = new (int, int)[geometry.Count];
        for (var t = 0; t < geometry.Count; t++)
        {
            var place = Place(t);
            var from = Math.Min(Taps, place >= 0 ? 0 : (-place + Step - 1) / Step);
            var to = place >= size ? 0 : Math.Min(Taps, (size - 1 - place) / Step + 1);
            _inside[t] = (from, Math.Max(from, to));
        }

        var (whole, end) = (0, 0);
        while (whole < geometry.Count && _inside[whole] != (0, Taps)) whole++;
        for (end = whole; end < geometry.Count && _inside[end] == (0, Taps);) end++;
        Whole = (whole, end);
        Regular = Taps is 1 or 2 or 3 or 4 or 5 or 7 && Step == 1 && geometry.InStride is 1 or 2 && (geometry.InStride == 1 || Taps is 3 or 5 or 7)
            && Place(0) > -Taps && Place(geometry.Count - 1) < size;
        Apart = Taps == 3 && Step > 1 && geometry is { InStride: 1, OutStride: 1 } && Place(0) + 2 * Step >= 0 && Place(geometry.Count - 1) < size;
    }

    public Geometry Geometry { get; }

    public int Taps => _order.Length;

    /// <summary>From one tap to the next in the map.</summary>
    public int Step { get; }

    /// <summary>Where tap i, from the first in the map on, stands in the kernel.</summary>
    public int Tap(int i) => Geometry.Taps[_order[i]];

    /// <summary>Where the first tap of output t stands in the map.</summary>
    public int Place(int t) => t * Geometry.InStride + Geometry.MinShift;

    /// <summary>The taps of output t that lie in the map.</summary>
    public (int From, int To) Inside(int t) => _inside[t];

    /// <summary>Whether every output sees the map, by taps that are neighbours: what the generated tiles ask for.</summary>
    public bool Regular { get; }

    /// <summary>The same, by three taps <see cref="Step"/> columns apart: of a dilated kernel every Step-th output is one of a kernel that is not.</summary>
    public bool Apart { get; }

    /// <summary>The outputs whose taps all lie in the map.</summary>
    public (int From, int To) Whole { get; }
}
