using System.Globalization;
using System.Text;

namespace Tenfold;

/// <summary>The report of a comparison: one HTML page that needs no other file and no network, light or dark as its reader prefers.</summary>
public static class ComparePage
{
    private const string Style = """
        :root{color-scheme:light dark;--paper:#fff;--text:#1b2028;--muted:#626b78;--line:#e3e7ec;--veil:#f5f7f9;--blue:#0072b2;--bar:#cfe4f2;--vermilion:#b84f00}
        @media(prefers-color-scheme:dark){:root{--paper:#14171c;--text:#e7eaef;--muted:#9aa4b2;--line:#2a313b;--veil:#1b2027;--blue:#4aa8e0;--bar:#1d3f55;--vermilion:#f08a4b}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--paper);color:var(--text);font:16px/1.55 Inter,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}
        main{max-width:1080px;margin:0 auto;padding:2.5rem 1.25rem 4rem}
        h1{font-size:1.9rem;line-height:1.2;margin:0 0 .3rem;letter-spacing:-.015em}
        h2{font-size:1.2rem;margin:3rem 0 .6rem;letter-spacing:-.01em}
        p{margin:.5rem 0;max-width:46rem}
        .sub{color:var(--muted);margin:0}
        .lead{font-size:1.15rem;margin:1.4rem 0 0}
        .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:.8rem;margin:1.6rem 0 0}
        .tile{border:1px solid var(--line);border-radius:10px;padding:.8rem 1rem}
        .tile b{display:block;font-size:1.45rem;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
        .tile span{color:var(--muted);font-size:.85rem}
        .wide{overflow-x:auto;margin:.6rem 0}
        .wide svg{display:block;width:100%;min-width:680px;height:auto}
        table{border-collapse:collapse;width:100%;font-size:.93rem}
        th,td{padding:.5rem .7rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
        th{color:var(--muted);font-weight:500;white-space:nowrap;border-bottom-width:2px}
        .n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
        td i{font-style:normal;color:var(--muted);font-size:.85em}
        td small,.muted{color:var(--muted)}
        .name{font-weight:600;white-space:nowrap}
        .front .name{color:var(--blue)}
        .dot{color:var(--blue)}
        .held{white-space:nowrap}
        .failed td{color:var(--muted)}
        .failed .why{color:var(--vermilion)}
        .meter{height:4px;background:var(--veil);border-radius:2px;margin-top:.3rem;min-width:110px}
        .meter i{display:block;height:4px;border-radius:2px;background:var(--bar)}
        .front .meter i{background:var(--blue)}
        dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.2rem;margin:.6rem 0}
        dt{color:var(--muted)}
        dd{margin:0;overflow-wrap:anywhere}
        @media(max-width:560px){main{padding-top:1.5rem}h1{font-size:1.5rem}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.6rem}}
        @media print{.wide{overflow:visible}h2{break-after:avoid}tr,svg{break-inside:avoid}}
        """;

    public static string Of(CompareResult result)
    {
        var page = new StringBuilder();
        var title = $"Which operation pays on {result.Data}?";
        page.Append($"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="generator" content="Tenfold">
            <title>{Escaped.Text(title)}</title>
            <style>
            {Style}
            </style>
            </head>
            <body>
            <main>
            <h1>{Escaped.Text(title)}</h1>
            <p class="sub">{result.Rows.Count} small networks of equal size, one operation changed in each, trained for the same time and measured on this machine</p>
            <p class="lead">{Escaped.Text(result.Conclusion)}</p>

            """);
        Tiles(page, result);
        page.Append($"\n<h2>Accuracy against latency</h2>\n<div class=\"wide\">{TradeOffPlot.Of(result).ToSvg()}</div>\n");
        Table(page, result);
        Words(page, result);
        page.Append($"<h2>Training</h2>\n<div class=\"wide\">{TrainingPlot.Of(result).ToSvg()}</div>\n");
        Changes(page, result);
        Method(page, result);
        return page.Append("</main>\n</body>\n</html>\n").ToString();
    }

    private static void Tiles(StringBuilder page, CompareResult result)
    {
        page.Append("<div class=\"tiles\">");
        if (result.Best is { } best)
        {
            Tile(Percent(best.Accuracy), $"best: {best.Operation}");
            var fastest = result.Front[0];
            Tile(Invariant($"{fastest.LatencyMs.Value:0.000} ms"), $"fastest: {fastest.Operation}, {Percent(fastest.Accuracy)}");
        }

        Tile(Invariant($"{result.Budget.SecondsEach:0.#} s"), result.Budget.Repeat > 1 ? $"of training each, {result.Budget.Repeat} seeds" : "of training each");
        if (result.TrainingSamples > 0) Tile(Invariant($"{result.TrainingSamples:N0}"), Invariant($"pictures to train, {result.TestSamples:N0} to test"));
        page.Append("</div>\n");

        void Tile(string number, string what) => page.Append($"<div class=\"tile\"><b>{Escaped.Text(number)}</b><span>{Escaped.Text(what)}</span></div>");
    }

    private static void Table(StringBuilder page, CompareResult result)
    {
        var front = result.Front;
        var accuracies = result.Rows.Where(row => !row.Failed).Select(row => row.Accuracy.Value).DefaultIfEmpty().ToArray();
        var (low, high) = (Math.Max(0, accuracies.Min() - 0.02), accuracies.Max());
        page.Append("<div class=\"wide\"><table>\n<tr><th>operation</th><th class=\"n\">test accuracy</th><th class=\"n\">latency</th><th class=\"n\">parameters</th><th class=\"n\">MACs</th><th class=\"n\">epochs</th><th>front</th></tr>\n");
        foreach (var row in result.Sorted(CompareOrder.Accuracy))
        {
            var name = $"<td class=\"name\">{Escaped.Text(row.Operation)}</td>";
            if (row.Failed)
            {
                page.Append($"<tr class=\"failed\">{name}<td class=\"why\" colspan=\"6\">{Escaped.Text(result.Describe(row))}</td></tr>\n");
                continue;
            }

            var share = high > low ? 100 * (row.Accuracy.Value - low) / (high - low) : 100;
            page.Append(front.Contains(row) ? "<tr class=\"front\">" : "<tr>").Append(name)
                .Append(CultureInfo.InvariantCulture, $"<td class=\"n\">{100 * row.Accuracy.Value:0.00} <i>± {100 * row.Accuracy.Spread:0.00} %</i><div class=\"meter\"><i style=\"width:{share:0}%\"></i></div></td>")
                .Append(CultureInfo.InvariantCulture, $"<td class=\"n\">{row.LatencyMs.Value:0.000} <i>± {row.LatencyMs.Spread:0.000} ms</i></td>")
                .Append(CultureInfo.InvariantCulture, $"<td class=\"n\">{row.Parameters:N0}</td><td class=\"n\">{row.Macs:N0}</td><td class=\"n\">{row.Runs.Average(run => run.Epochs):0.0}</td>")
                .Append(front.Contains(row) ? "<td class=\"dot\" title=\"on the Pareto front\">●</td></tr>\n" : "<td></td></tr>\n");
        }

        page.Append("</table></div>\n<p class=\"muted\">● on the Pareto front: no other is both faster and more accurate. The spread of an accuracy is the deviation over the seeds, and at least the sampling error that a test set of this size leaves; that of a latency is half the range between the quartiles.</p>\n");
    }

    private static void Words(StringBuilder page, CompareResult result)
    {
        if (result.Baseline is not { Failed: false } baseline || result.Rows.Count < 2) return;
        page.Append($"<h2>Against the {Escaped.Text(baseline.Operation)}, in words</h2>\n<div class=\"wide\"><table>\n");
        foreach (var row in result.Sorted(CompareOrder.Accuracy).Where(row => row != baseline))
            page.Append($"<tr{(row.Failed ? " class=\"failed\"" : "")}><td class=\"name\">{Escaped.Text(row.Operation)}</td><td>{Escaped.Text(result.Describe(row))}</td></tr>\n");
        page.Append("</table></div>\n<p class=\"muted\">A difference is called one only where the two intervals, value ± spread, do not touch. More seeds (<code>--repeat</code>) and a larger test set make them smaller.</p>\n");
    }

    private static void Changes(StringBuilder page, CompareResult result)
    {
        page.Append("<h2>What was changed, and why it is fair</h2>\n<div class=\"wide\"><table>\n<tr><th>operation</th><th>the one change</th><th>held equal</th></tr>\n");
        foreach (var row in result.Rows)
            page.Append($"<tr><td class=\"name\">{Escaped.Text(row.Operation)}</td><td>{Escaped.Text(row.Change)}<br><small>{Escaped.Text(row.Paper)}</small></td><td class=\"held\">{Escaped.Text(row.Fairness).Replace("; ", "<br>")}</td></tr>\n");
        page.Append("</table></div>\n");
    }

    private static void Method(StringBuilder page, CompareResult result)
    {
        page.Append(CultureInfo.InvariantCulture, $"""
            <h2>How it was measured</h2>
            <p>All networks are one skeleton: a stem that brings the picture down to at most 16x16 places, two units, half the map and about twice the channels, two more units, global average pooling, a linear layer.
            A variant replaces the units. Its channels are then chosen so that one picture costs as many multiply-adds as in the baseline, within {100 * Variant.Tolerance:0} %: what remains of a difference in latency is what counting multiply-adds does not tell. Where most weights cost no multiply-adds, parameters are held equal instead; the table above says so.</p>
            <p>Each was trained for {result.Budget.SecondsEach:0.#} s of wall time, evaluation included, with the same recipe on {result.Budget.Threads} threads: a faster variant sees more epochs, as it would for its user. Accuracy is that of the last weights on test pictures that took no part in training.
            Latency is one picture at a time, round and round over all variants before training.</p>
            <dl>

            """);
        Fact("data", result.Data);
        if (result.Source != "") Fact("source", result.Source);
        if (result.Input.Rank > 0) Fact("picture", $"{result.Input}");
        if (result.Classes.Count > 0) Fact("classes", result.Classes.Count <= 20 ? string.Join(", ", result.Classes) : Invariant($"{result.Classes.Count:N0}"));
        Fact("budget", Invariant($"{result.Budget.Minutes:0.##} minutes in all; took {result.Seconds:0} s"));
        foreach (var fact in result.Machine) Fact(fact.Name, fact.Value);
        page.Append("</dl>\n");

        void Fact(string name, string value) => page.Append($"<dt>{Escaped.Text(name)}</dt><dd>{Escaped.Text(value)}</dd>\n");
    }

    private static string Percent(Reading accuracy) => Invariant($"{100 * accuracy.Value:0.0} %");

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
