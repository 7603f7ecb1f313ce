namespace Tenfold;

/// <summary>Accuracy against latency: a point per variant, the Pareto front as a step line, the spread as bars.</summary>
public static class TradeOffPlot
{
    private const double Width = 960, Height = 600, Left = 76, Right = 930, Top = 112, Bottom = 530;

    /// <param name="logarithmic">Latency on a logarithmic axis; by default where the slowest takes more than six times as long as the fastest.</param>
    public static Plot Of(CompareResult result, bool? logarithmic = null)
    {
        var plot = new Plot($"Test accuracy against latency on {result.Data}: {result.Conclusion}", Width, Height);
        CompareRow[] rows = [.. result.Rows.Where(row => !row.Failed && double.IsFinite(row.LatencyMs.Value))];
        CompareRow[] front = [.. result.Front];
        var log = logarithmic ?? (rows.Length > 0 && rows.Min(row => row.LatencyMs.Value) is > 0 and var fastest && rows.Max(row => row.LatencyMs.Value) > 6 * fastest);
        var x = new Axis(rows.SelectMany(row => Ends(row.LatencyMs)), Left, Right, log, least: log ? null : 0);
        var y = new Axis(rows.SelectMany(row => Ends(row.Accuracy)), Bottom, Top, margin: 0.08, least: 0, most: 1);

        Head(plot, result, rows.Length);
        Frame(plot, x, y);
        if (rows.Length == 0)
        {
            plot.Words(Ink.Muted, "no variant finished", (Left + Right) / 2, (Top + Bottom) / 2, 15, Anchor.Middle);
            return plot;
        }

        var steps = Steps([.. front.Select(row => (x.Place(row.LatencyMs.Value), y.Place(row.Accuracy.Value)))]);
        plot.Area(Ink.Blue, [.. steps, (Right, Bottom)], opacity: 0.06);
        plot.Line(Ink.Blue, 1.6, steps, opacity: 0.75);

        (double X, double Y)[] points = [.. rows.Select(row => (x.Place(row.LatencyMs.Value), y.Place(row.Accuracy.Value)))];
        var avoid = new List<(Rectangle, double)>();
        foreach (var (from, to) in steps.Zip(steps.Skip(1)))
            avoid.Add((new(Math.Min(from.X, to.X) - 1, Math.Min(from.Y, to.Y) - 1, Math.Max(from.X, to.X) + 1, Math.Max(from.Y, to.Y) + 1), 30));
        foreach (var (row, point) in rows.Zip(points))
        {
            var ink = front.Contains(row) ? Ink.Blue : Ink.Faint;
            var (lower, upper) = (y.Place(Math.Max(0, row.Accuracy.Value - row.Accuracy.Spread)), y.Place(Math.Min(1, row.Accuracy.Value + row.Accuracy.Spread)));
            if (lower - upper > 3) plot.Line(ink, 1.2, [(point.X, lower), (point.X, upper)], opacity: 0.55);
            var least = row.LatencyMs.Value - row.LatencyMs.Spread;
            var (faster, slower) = (log && least <= 0 ? Left : Math.Max(Left, x.Place(least)), x.Place(row.LatencyMs.Value + row.LatencyMs.Spread));
            if (slower - faster > 3) plot.Line(ink, 1.2, [(faster, point.Y), (slower, point.Y)], opacity: 0.55);
            avoid.Add((new(point.X - 2, upper, point.X + 2, lower), 25));
            avoid.Add((new(faster, point.Y - 2, slower, point.Y + 2), 25));
            avoid.Add((Rectangle.Around(point.X, point.Y, 8, 8), 90));
        }

        string[] names = [.. rows.Select(row => Plot.Short(row.Operation))];
        bool[] bold = [.. rows.Select(row => row == result.Best)];
        var places = Labels.Place(points, [.. names.Zip(bold, (name, b) => (Plot.Measure(name, 13, b) + 4, 17.0))], new(Left + 4, Top - 12, Right, Bottom - 4), avoid);
        foreach (var (point, place) in points.Zip(places))
        {
            var end = place.Nearest(point.X, point.Y);
            if (Math.Abs(end.X - point.X) + Math.Abs(end.Y - point.Y) > 18) plot.Line(Ink.Faint, 0.8, [point, end]);
        }

        foreach (var (row, point) in rows.Zip(points)) Mark(plot, row == result.Baseline, front.Contains(row), point.X, point.Y);
        for (var i = 0; i < rows.Length; i++)
            plot.Words(front.Contains(rows[i]) ? Ink.Text : Ink.Muted, names[i], places[i].Left + 2, places[i].Bottom - 4, 13, bold: bold[i]);
        return plot;

        static IEnumerable<double> Ends(Reading reading) => [reading.Value, reading.Value - reading.Spread, reading.Value + reading.Spread];
    }

    private static void Head(Plot plot, CompareResult result, int rows)
    {
        plot.Words(Ink.Text, "Accuracy against latency", 24, 36, 20, bold: true);
        var repeat = result.Budget.Repeat > 1 ? $", mean of {result.Budget.Repeat} seeds" : "";
        plot.Words(Ink.Muted, $"{Plot.Short(result.Data)}, {rows} variants, {result.Budget.SecondsEach:0.#} s of training each{repeat}", 24, 58, 13);
        plot.Words(Ink.Muted, "test accuracy, %", 24, Top - 20, 12);
        plot.Words(Ink.Muted, "latency of one picture, ms", Right, Bottom + 46, 12, Anchor.End);

        var at = Right;
        foreach (var (text, baseline, front) in new[] { ("dominated", false, false), ("baseline", true, false), ("on the Pareto front", false, true) })
        {
            at -= Plot.Measure(text, 12);
            plot.Words(Ink.Muted, text, at, 36, 12);
            at -= 13;
            Mark(plot, baseline, front, at, 32);
            at -= 22;
        }

        plot.Words(Ink.Faint, result.Budget.Repeat > 1 ? "bars: spread over seeds and timings" : "bars: sampling error of the test set, spread of timings", Right, 58, 12, Anchor.End);
    }

    private static void Frame(Plot plot, Axis x, Axis y)
    {
        var rows = y.Ticks(6);
        foreach (var tick in rows)
        {
            var at = y.Place(tick);
            plot.Line(Ink.Grid, 1, [(Left, at), (Right, at)]);
            plot.Words(Ink.Muted, Axis.Text(100 * tick, [.. rows.Select(row => 100 * row)]), Left - 10, at + 4, 12, Anchor.End);
        }

        var columns = x.Ticks(8);
        foreach (var tick in columns)
        {
            var at = x.Place(tick);
            plot.Line(Ink.Grid, 1, [(at, Top), (at, Bottom)]);
            plot.Words(Ink.Muted, Axis.Text(tick, columns), at, Bottom + 20, 12, Anchor.Middle);
        }

        plot.Line(Ink.Faint, 1, [(Left, Bottom), (Right, Bottom)]);
    }

    // Up to the first point, along at its height to the next one's latency, up, and so on to the right edge.
    private static List<(double X, double Y)> Steps((double X, double Y)[] front)
    {
        var steps = new List<(double X, double Y)> { (front[0].X, Bottom) };
        foreach (var point in front)
        {
            if (steps[^1].X < point.X) steps.Add((point.X, steps[^1].Y));
            if (steps[^1] != point) steps.Add(point);
        }

        steps.Add((Right, steps[^1].Y));
        return steps;
    }

    // On the front a filled disc, elsewhere a ring; the baseline a ring about either.
    private static void Mark(Plot plot, bool baseline, bool front, double x, double y)
    {
        var ink = front ? Ink.Blue : baseline ? Ink.Vermilion : Ink.Faint;
        if (baseline)
        {
            plot.Disc(Ink.Vermilion, x, y, 8.5);
            plot.Disc(Ink.Paper, x, y, 6.8);
            plot.Disc(ink, x, y, 4.4);
            return;
        }

        plot.Disc(Ink.Paper, x, y, 7);
        plot.Disc(ink, x, y, 5.5);
        if (!front) plot.Disc(Ink.Paper, x, y, 3.6);
    }
}
