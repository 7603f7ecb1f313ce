namespace Tenfold.Benchmarks.Peers;

/// <summary>How many times as fast Tenfold runs each network as its peers: a line for a network, a disc for a peer, its spread as a bar.</summary>
internal static class PeersPlot
{
    private const double Width = 960, Left = 190, Right = 920, Top = 130, Line = 22;

    private static readonly Ink[] s_inks = [Ink.Blue, Ink.Vermilion];

    /// <param name="rows">Networks of one batch, picture size and number of threads; those without a peer's time are passed over.</param>
    public static Plot Of(IReadOnlyList<Row> rows)
    {
        string[] peers = [.. rows.SelectMany(row => row.Peers).Select(peer => peer.Name).Distinct().Take(s_inks.Length)];
        Row[] sorted = [.. rows.Where(row => row.Peers.Length > 0).OrderByDescending(row => row.Peers[0].Ratio)];
        var bottom = Top + Line * sorted.Length;
        var threads = rows[0].Threads == 1 ? "one thread" : $"{rows[0].Threads} threads";
        var plot = new Plot($"How many times as fast Tenfold runs networks as {string.Join(" and ", peers)}, {threads}", Width, bottom + 56);
        var x = new Axis([0, 1, .. sorted.SelectMany(row => row.Peers).Select(peer => peer.High)], Left, Right, margin: 0.02, least: 0);

        plot.Words(Ink.Text, "Tenfold: how many times as fast as its peers", 24, 36, 20, bold: true);
        plot.Words(Ink.Muted, $"{threads}, batch {rows[0].Batch}, engines in turns in one process; bars: tenth to nine tenths of the rounds", 24, 60, 13);
        var at = 30.0;
        foreach (var (peer, ink) in peers.Zip(s_inks))
        {
            double[] ratios = [.. sorted.SelectMany(row => row.Peers).Where(one => one.Name == peer).Select(one => one.Ratio)];
            var text = $"{peer}, geometric mean of {ratios.Length}: {Math.Exp(ratios.Average(Math.Log)):f2}";
            plot.Disc(ink, at, 83, 4.6);
            plot.Words(Ink.Text, text, at + 12, 88, 13);
            at += Plot.Measure(text, 13) + 48;
        }

        var ticks = x.Ticks(8);
        foreach (var tick in ticks)
        {
            plot.Line(Ink.Grid, 1, [(x.Place(tick), Top), (x.Place(tick), bottom)]);
            plot.Words(Ink.Muted, Axis.Text(tick, ticks), x.Place(tick), bottom + 20, 12, Anchor.Middle);
        }

        plot.Line(Ink.Faint, 1.6, [(x.Place(1), Top - 6), (x.Place(1), bottom)]);
        plot.Words(Ink.Muted, "equally fast", x.Place(1), Top - 12, 12, Anchor.Middle);
        foreach (var (i, row) in sorted.Index())
        {
            var y = Top + Line * (i + 0.5);
            plot.Words(Ink.Text, Plot.Short(row.Case), Left - 12, y + 4, 12, Anchor.End);
            foreach (var peer in row.Peers.Where(peer => peers.Contains(peer.Name)))
            {
                var ink = s_inks[Array.IndexOf(peers, peer.Name)];
                plot.Line(ink, 1.4, [(x.Place(peer.Low), y), (x.Place(peer.High), y)], opacity: 0.5);
                plot.Disc(ink, x.Place(peer.Ratio), y, 4.6);
            }
        }

        return plot;
    }
}
