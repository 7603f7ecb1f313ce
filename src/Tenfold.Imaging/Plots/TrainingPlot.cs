namespace Tenfold;

/// <summary>One training as it went on.</summary>
/// <param name="Name">Curves of one name, say several seeds, are drawn as one.</param>
public sealed record TrainingCurve(string Name, IReadOnlyList<ComparePoint> Points);

/// <summary>Accuracy and loss by epoch: a cell for each training, in which the others stand in grey.</summary>
/// <remarks>A dozen curves in a dozen colours cannot be told apart; one among grey ones can, by everybody.</remarks>
public static class TrainingPlot
{
    private const double Width = 1120, Head = 64, Edge = 60;

    /// <summary>The curves of every run of a comparison, in the order of its rows.</summary>
    public static Plot Of(CompareResult result) => Of(
        $"Training on {Plot.Short(result.Data)}", [.. result.Rows.SelectMany(row => row.Runs.Select(run => new TrainingCurve(row.Operation, run.Curve)))]);

    public static Plot Of(string title, params IReadOnlyList<TrainingCurve> curves)
    {
        // What diverged has no place on the paper.
        IGrouping<string, TrainingCurve>[] groups = [.. curves
            .Select(curve => curve with { Points = [.. curve.Points.Where(point => double.IsFinite(point.Loss) && double.IsFinite(point.Accuracy))] })
            .Where(curve => curve.Points.Count > 0)
            .GroupBy(curve => curve.Name)];
        ComparePoint[] all = [.. groups.SelectMany(group => group).SelectMany(curve => curve.Points)];

        var columns = groups.Length switch { <= 1 => 1, <= 4 => 2, <= 9 => 3, _ => 4 };
        var rows = Math.Max(1, (groups.Length + columns - 1) / columns);
        var (across, down) = ((Width - Edge - 24) / columns, groups.Length <= 1 ? 420.0 : 250.0);
        var plot = new Plot($"{title}: accuracy and loss by epoch", Width, Head + rows * down + 40);
        plot.Words(Ink.Text, title, 24, 36, 20, bold: true);
        plot.Words(Ink.Muted, $"above accuracy in %, below training loss, by epoch{(groups.Length > 1 ? "; in grey the other variants" : "")}", 24, 58, 13);
        if (groups.Length == 0) plot.Words(Ink.Muted, "no training to show", Width / 2, Head + down / 2, 15, Anchor.Middle);

        for (var i = 0; i < groups.Length; i++)
        {
            var (left, top) = (Edge + i % columns * across, Head + i / columns * down + 38);
            var (right, bottom) = (left + across - 28, top + down - 60);
            var middle = top + (bottom - top) * 0.62;
            var x = new Axis([0, .. all.Select(point => point.Epoch)], left, right, margin: 0.02, least: 0);
            var accuracy = new Axis(all.Select(point => 100 * point.Accuracy), middle - 7, top, least: 0, most: 100);
            var loss = new Axis(all.Select(point => point.Loss), bottom, middle + 7, least: 0);
            Frame(plot, accuracy, left, right, groups.Length > 1 ? 4 : 6, numbered: i % columns == 0);
            Frame(plot, loss, left, right, groups.Length > 1 ? 3 : 4, numbered: i % columns == 0);
            plot.Line(Ink.Faint, 1, [(left, bottom), (right, bottom)]);
            if (i + columns >= groups.Length)
            {
                var ticks = x.Ticks(groups.Length > 1 ? 4 : 10);
                foreach (var tick in ticks) plot.Words(Ink.Muted, Axis.Text(tick, ticks), x.Place(tick), bottom + 18, 11.5, Anchor.Middle);
            }

            foreach (var other in groups.Where(group => group != groups[i]).SelectMany(group => group)) Draw(Ink.Veil, 1.2, other);
            foreach (var curve in groups[i]) Draw(Ink.Blue, groups[i].Count() > 1 ? 1.4 : 2, curve, ends: true);

            plot.Words(Ink.Text, Plot.Short(groups[i].Key), left, top - 12, 13, bold: true);
            plot.Words(Ink.Blue, $"{100 * groups[i].Average(curve => curve.Points[^1].Accuracy):f1} %", right, top - 12, 13, Anchor.End);

            void Draw(Ink ink, double width, TrainingCurve curve, bool ends = false)
            {
                foreach (var (axis, value) in new (Axis, Func<ComparePoint, double>)[] { (accuracy, point => 100 * point.Accuracy), (loss, point => point.Loss) })
                {
                    (double X, double Y)[] line = [.. curve.Points.Select(point => (x.Place(point.Epoch), axis.Place(value(point))))];
                    if (line.Length > 1) plot.Line(ink, width, line);
                    if (ends) plot.Disc(ink, line[^1].X, line[^1].Y, 3);
                }
            }
        }

        return plot;
    }

    private static void Frame(Plot plot, Axis axis, double left, double right, int wanted, bool numbered)
    {
        var ticks = axis.Ticks(wanted);
        foreach (var tick in ticks)
        {
            var at = axis.Place(tick);
            plot.Line(Ink.Grid, 1, [(left, at), (right, at)]);
            if (numbered) plot.Words(Ink.Muted, Axis.Text(tick, ticks), left - 10, at + 4, 11.5, Anchor.End);
        }
    }
}
