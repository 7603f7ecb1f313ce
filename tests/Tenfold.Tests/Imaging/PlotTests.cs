using System.Xml.Linq;
using CsCheck;
using Xunit;

namespace Tenfold.Tests;

public class PlotTests
{
    private static readonly XNamespace s_svg = "http://www.w3.org/2000/svg";

    // Away from the SDK's fonts there must still be letters: nothing but the embedded typefaces is asked for.
    [Fact]
    public void Words_need_no_installed_font()
    {
        var blank = new Plot("a", 200, 60);
        var plot = new Plot("a", 200, 60);
        plot.Words(Ink.Text, "Pareto front, ± 3 %", 10, 30, 16);
        Assert.True(Plot.Measure("mmmm", 16) > 2 * Plot.Measure("iiii", 16));
        var inked = Dark(plot);
        Assert.InRange(inked, 300, 3000);
        Assert.Equal(0, Dark(blank));

        // Missing glyphs would all be the same box.
        Assert.NotEqual(Pixels("W"), Pixels("M"));

        static int Dark(Plot plot)
        {
            var count = 0;
            foreach (var pixel in Picture.Decode(plot.ToPng(), "plot").ToGrey().Pixels)
                if (pixel < 128) count++;
            return count;
        }

        static byte[] Pixels(string text)
        {
            var plot = new Plot("a", 30, 30);
            plot.Words(Ink.Text, text, 5, 20, 16);
            return Picture.Decode(plot.ToPng(), "plot").Pixels.ToArray();
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_trade_off_names_every_variant_in_both_files(bool logarithmic)
    {
        using var folder = new TemporaryFolder();
        var result = CompareResultTests.Result(Enumerable.Range(0, 13)
            .Select(i => CompareResultTests.Row($"variant {i}", 0.3 + i * i * 0.05, 2000, 0.8 + 0.01 * (i * 7 % 13), 0.81 + 0.01 * (i * 7 % 13))).ToArray());
        var plot = TradeOffPlot.Of(result, logarithmic);
        plot.Save(Path.Combine(folder.Path, "plot.png"));
        plot.Save(Path.Combine(folder.Path, "plot.svg"));

        Assert.Equal(new Size(1200, 1920), Picture.Load(Path.Combine(folder.Path, "plot.png")).Size);
        var svg = XDocument.Load(Path.Combine(folder.Path, "plot.svg"));
        Assert.Equal(s_svg + "svg", svg.Root!.Name);
        var words = svg.Descendants(s_svg + "text").Select(text => text.Value).ToArray();
        Assert.All(result.Rows, row => Assert.Contains(row.Operation, words));
        Assert.DoesNotContain("NaN", File.ReadAllText(Path.Combine(folder.Path, "plot.svg")));
    }

    [Fact]
    public void A_plot_of_nothing_one_or_failed_variants_is_still_a_plot()
    {
        var failed = CompareResultTests.Row("deformable", 1, 100) with { Failure = "loss is NaN" };
        foreach (var result in new[] { CompareResultTests.Result(), CompareResultTests.Result(failed), CompareResultTests.Result(CompareResultTests.Row("one", 1, 100, 0.5)), CompareResultTests.Result(failed, CompareResultTests.Row("zero", 0, 100, 0)) })
        {
            foreach (var plot in new[] { TradeOffPlot.Of(result), TradeOffPlot.Of(result, true), TrainingPlot.Of(result) })
            {
                Assert.NotNull(XDocument.Parse(plot.ToSvg()).Root);
                Assert.DoesNotContain("NaN", plot.ToSvg().Replace("loss is NaN", ""));
                Assert.DoesNotContain("∞", plot.ToSvg());
                Assert.NotEmpty(plot.ToPng(1));
            }
        }
    }

    [Fact]
    public void The_training_plot_has_a_cell_for_every_variant()
    {
        ComparePoint[] points = [new(1, 2, 1.5, 0.5), new(2, 4, double.NaN, double.NaN), new(3, 6, 0.5, 0.75)];
        var plot = TrainingPlot.Of("Training", new TrainingCurve("a", points), new TrainingCurve("a", points), new TrainingCurve("b", points), new TrainingCurve("none", []));
        var words = XDocument.Parse(plot.ToSvg()).Descendants(s_svg + "text").Select(text => text.Value).ToArray();
        Assert.Single(words, "a");
        Assert.Single(words, "b");
        Assert.DoesNotContain("none", words);
        Assert.Equal(2, words.Count(word => word == "75.0 %"));
    }

    [Fact]
    public void Hostile_names_stay_words()
    {
        const string Name = "</text><script>alert('1')</script>&\"\0\ud800";
        var svg = TradeOffPlot.Of(CompareResultTests.Result(CompareResultTests.Row(Name, 1, 100, 0.5)) with { Data = Name }).ToSvg();
        Assert.DoesNotContain("<script", svg);
        Assert.Contains(XDocument.Parse(svg).Descendants(s_svg + "text"), text => text.Value.StartsWith("</text><script>alert('1')"));
    }

    [Fact]
    public void Only_png_and_svg() =>
        Assert.Equal("a.gif: a plot is saved as .png or .svg, not as .GIF (Parameter 'path')", Assert.Throws<ArgumentException>(() => new Plot("a", 9, 9).Save("a.gif")).Message);

    [Fact]
    public void Labels_of_up_to_sixteen_points_never_overlap() =>
        Gen.Select(Gen.Select(Gen.Double[80, 920], Gen.Double[120, 520]).Array[1, 16], Gen.Bool).Sample((points, together) =>
        {
            // Half of the time all in one small heap.
            if (together) points = [.. points.Select(p => (400 + p.Item1 / 50, 300 + p.Item2 / 50))];
            var within = new Rectangle(80, 100, 950, 526);
            var places = Labels.Place(points, [.. points.Select((_, i) => (60.0 + i * 7, 17.0))], within, []);
            for (var i = 0; i < places.Length; i++)
            {
                Assert.Equal(places[i].Right - places[i].Left, places[i].Overlap(within) / 17, 6);
                for (var j = 0; j < i; j++) Assert.Equal(0, places[i].Overlap(places[j]), 6);
            }
        }, iter: 60);

    [Fact]
    public void Ticks_are_round_and_inside() => Gen.Select(Gen.Double[-5, 5], Gen.Double[0.001, 1000], Gen.Bool).Sample((low, range, log) =>
    {
        if (log) low = Math.Exp(low);
        var axis = new Axis([low, low + range], 0, 100, log);
        var ticks = axis.Ticks(6);
        Assert.InRange(ticks.Count, 2, 20);
        Assert.All(ticks, tick => Assert.InRange(axis.Place(tick), -0.001, 100.001));
        Assert.Equal(ticks.Order(), ticks);
        Assert.Equal(ticks.Count, ticks.Select(tick => Axis.Text(tick, ticks)).Distinct().Count());
    });

    [Fact]
    public void Tick_texts_have_the_decimals_they_need()
    {
        Assert.Equal(["0.0", "0.5", "1.0"], new[] { 0, 0.5, 1.0 }.Select(tick => Axis.Text(tick, [0, 0.5, 1.0])));
        Assert.Equal(["−20", "0", "20"], new[] { -20.0, 0, 20 }.Select(tick => Axis.Text(tick, [-20, 0, 20])));
    }
}
