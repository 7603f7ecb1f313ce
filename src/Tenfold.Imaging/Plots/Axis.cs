namespace Tenfold;

/// <summary>One side of a plot: from values to places on the paper, and where to put the ticks.</summary>
internal sealed class Axis
{
    private readonly double _low, _high, _from, _to;
    private readonly bool _log;

    /// <param name="values">What must be visible; numbers that are not finite (and, on a logarithmic axis, not positive) are passed over.</param>
    /// <param name="from">The place of the lowest value.</param>
    /// <param name="margin">Room beyond the values, as a part of their range.</param>
    public Axis(IEnumerable<double> values, double from, double to, bool log = false, double margin = 0.06, double? least = null, double? most = null)
    {
        (_log, _from, _to) = (log, from, to);
        double[] seen = [.. values.Where(v => double.IsFinite(v) && (!log || v > 0)).Select(v => log ? Math.Log10(v) : v)];
        var (low, high) = seen.Length > 0 ? (seen.Min(), seen.Max()) : (0, 1);
        var range = high - low;
        // Values that are all the same stand in the middle.
        if (range < 1e-9 * Math.Max(1, Math.Abs(high))) range = log ? 1 : Math.Max(Math.Abs(high) * 0.2, 1e-3);
        if (high - low < range / 2) (low, high) = (low - range / 2, high + range / 2);
        (_low, _high) = (low - margin * range, high + margin * range);
        if (least is { } l) _low = Math.Max(_low, log ? Math.Log10(l) : l);
        if (most is { } m) _high = Math.Min(_high, log ? Math.Log10(m) : m);
    }

    public double Place(double value) => _from + ((_log ? Math.Log10(value) : value) - _low) / (_high - _low) * (_to - _from);

    /// <summary>Round numbers along the axis, about <paramref name="wanted"/> of them.</summary>
    public IReadOnlyList<double> Ticks(int wanted)
    {
        if (_log && Decades() is { Count: >= 3 } decades) return decades;
        var (low, high) = _log ? (Math.Pow(10, _low), Math.Pow(10, _high)) : (_low, _high);
        var step = Step((high - low) / wanted);
        var ticks = new List<double>();
        for (var i = Math.Ceiling(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) ticks.Add(i * step + 0.0); // no -0
        return ticks;
    }

    /// <summary>The tick's number with as many decimals as tell the ticks apart.</summary>
    public static string Text(double tick, IReadOnlyList<double> ticks)
    {
        var gap = ticks.Count > 1 ? ticks.Zip(ticks.Skip(1)).Min(pair => Math.Abs(pair.Second - pair.First)) : Math.Abs(tick);
        var decimals = gap > 0 ? Math.Clamp((int)Math.Ceiling(-Math.Log10(gap) - 1e-9), 0, 6) : 0;
        return Math.Round(tick, decimals).ToString($"f{decimals}").Replace('-', '−');
    }

    // 1, 2 and 5 times the powers of ten.
    private List<double> Decades()
    {
        var ticks = new List<double>();
        for (var power = Math.Floor(_low); power <= _high; power++)
            foreach (var digit in new[] { 1, 2, 5 })
                if (Math.Log10(digit) + power >= _low && Math.Log10(digit) + power <= _high) ticks.Add(digit * Math.Pow(10, power));
        return ticks;
    }

    private static double Step(double rough)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        return power * ((rough / power) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 });
    }
}
