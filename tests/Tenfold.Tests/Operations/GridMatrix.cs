using Xunit;

namespace Tenfold.Tests;

/// <summary>Reading a map at the places of a grid: every mode, everything that can lie outside, both corners.</summary>
public class GridMatrix : Matrix<GridMatrix>, ICases
{
    public static IReadOnlyList<Case> Cases { get; } =
    [
        .. from mode in Enum.GetValues<GridMode>()
           from outside in Enum.GetValues<GridPadding>()
           from align in new[] { false, true }
           select new Case($"{mode} {outside} {(align ? "aligned" : "edges")}", x => x[0].GridSample(x[1], mode, outside, align), [2, 19, 5, 4], [2, 3, 6, 2]) { Draws = [Draws.Normal, Draws.Uniform(-2.7, 2.7)] },
        new("one pixel", x => x[0].GridSample(x[1], GridMode.Bicubic, GridPadding.Reflection, alignCorners: true), [1, 1, 1, 1], [1, 2, 2, 2]) { Draws = [Draws.Normal, Draws.Uniform(-1, 1)] },
        new("one pixel mirrored", x => x[0].GridSample(x[1], GridMode.Bilinear, GridPadding.Reflection), [1, 1, 1, 1], [1, 2, 2, 2]) { Draws = [Draws.Normal, Draws.Uniform(-9, 9)], Differentiable = false },
    ];

    [Theory]
    [InlineData(GridPadding.Zeros)]
    [InlineData(GridPadding.Border)]
    [InlineData(GridPadding.Reflection)]
    public void Places_that_are_no_numbers_or_far_away_do_no_harm(GridPadding outside)
    {
        float[] wild = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue, float.MinValue, 1e10f, -1e10f, 0];
        foreach (var mode in Enum.GetValues<GridMode>())
            foreach (var align in new[] { false, true })
            {
                var graph = new Graph("wild", Image.Of(2, 3, 4).GridSample(new Input([1, 1, wild.Length, 2]).Apply([], "grid"), mode, outside, align));
                Tensor x = new([1, 2, 3, 4]), grid = new([1, 1, wild.Length, 2]);
                x.Span.Fill(1);
                for (var i = 0; i < grid.Span.Length; i++) grid.Span[i] = wild[i / 2];
                var y = Reference.Run(graph, new Weights(), [x, grid])[0];
                Assert.All(y.Span.ToArray(), value => Assert.True(value is >= 0 and <= 1.0001f, $"{mode} {align}: {value}"));
                Assert.Equal(0, y.Span[0]);
                Check.Close([.. y.Span.ToArray().Select(value => (double)value)], [.. new Session(graph, new Weights(), new RunOptions { Threads = 2 }).RunAll([x, grid])[0].Span.ToArray().Select(value => (double)value)], 1e-5, "the session");
            }
    }

    // The identity of both conventions: where the grid names the centres of the pixels.
    [Theory]
    [InlineData(GridMode.Nearest)]
    [InlineData(GridMode.Bilinear)]
    [InlineData(GridMode.Bicubic)]
    public void At_the_centres_of_the_pixels_stand_the_pixels(GridMode mode)
    {
        var map = new Size(4, 5);
        var x = new Tensor([1, 1, 4, 5]);
        for (var i = 0; i < x.Span.Length; i++) x.Span[i] = i * i % 7;
        foreach (var align in new[] { false, true })
        {
            var grid = new Tensor([1, 4, 5, 2]);
            for (var i = 0; i < 20; i++)
            {
                var (row, column) = (i / 5, i % 5);
                grid.Span[2 * i] = align ? 2f * column / 4 - 1 : (2f * column + 1) / 5 - 1;
                grid.Span[2 * i + 1] = align ? 2f * row / 3 - 1 : (2f * row + 1) / 4 - 1;
            }

            var graph = new Graph("centres", Image.Of(1, map.Height, map.Width).GridSample(new Input([1, 4, 5, 2]).Apply([], "grid"), mode, GridPadding.Border, align));
            Check.Close([.. x.Span.ToArray().Select(value => (double)value)], [.. Reference.Run(graph, new Weights(), [x, grid])[0].Span.ToArray().Select(value => (double)value)], 1e-5, $"{mode}");
        }
    }
}
