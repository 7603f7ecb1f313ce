using Tenfold.Kernels;
using Axis = System.Collections.Generic.IReadOnlyList<System.Collections.Generic.IReadOnlyList<(int Source, double Weight)>>;

namespace Tenfold;

/// <summary>For each row or column of a pooled, resized or padded map, which of the source's it is made of: a weighted sum of some, or the largest of a window.</summary>
/// <remarks>Along an axis of <c>from</c> rows or columns of the source and <c>to</c> of the result.</remarks>
internal static class PlaneAxes
{
    public static Axis AvgBins(int from, int to) => [.. Enumerable.Range(0, to).Select(i => Mean(Bins.Of(new Size(from, 1), new Size(to, 1), i, 0).Rows))];

    private static (int, double)[] Mean(Interval interval) => [.. Enumerable.Range(interval.From, interval.Length).Select(source => (source, 1.0 / interval.Length))];

    // The count of a window is a product of rows and columns.
    public static Axis AvgRows(AvgPool pool, int from, int to) =>
        Windows(from, to, pool.Kernel.Height, pool.Stride.Height, pool.Padding.Top, pool.Padding.Bottom, pool.CountIncludePad);

    public static Axis AvgColumns(AvgPool pool, int from, int to) =>
        Windows(from, to, pool.Kernel.Width, pool.Stride.Width, pool.Padding.Left, pool.Padding.Right, pool.CountIncludePad);

    private static Axis Windows(int from, int to, int kernel, int stride, int before, int after, bool countPad) =>
    [
        .. Enumerable.Range(0, to).Select(i =>
        {
            var window = Interval.Of(i * stride - before, kernel);
            var inside = window.Within(0, from);
            var count = countPad ? window.Within(-before, from + after).Length : inside.Length;
            return Enumerable.Range(inside.From, inside.Length).Select(source => (source, 1.0 / count)).ToArray();
        }),
    ];

    public static Axis Interpolated(Resize resize, int from, int to) =>
    [
        .. Enumerable.Range(0, to).Select(i => resize.Along(i, from, to) switch
        {
            (var pixel, 0) => new[] { (pixel, 1.0) },
            var (pixel, fraction) when pixel == from - 1 => [(pixel, 1.0)], // behind the last pixel the map goes on
            var (pixel, fraction) => [(pixel, 1 - fraction), (pixel + 1, fraction)],
        }),
    ];

    public static Axis PadRows(Pad pad, Size map, int to) =>
        [.. Enumerable.Range(0, to).Select(i => pad.Source(map, i, pad.Padding.Left) is var (row, _) ? new[] { (row, 1.0) } : [])];

    public static Axis PadColumns(Pad pad, Size map, int to) =>
        [.. Enumerable.Range(0, to).Select(i => pad.Source(map, pad.Padding.Top, i) is var (_, column) ? new[] { (column, 1.0) } : [])];

    public static Window[] MaxRows(MaxPool pool, int from, int to) => MaxWindows(from, to, pool.Kernel.Height, pool.Stride.Height, pool.Padding.Top, pool.Dilation.Height);

    public static Window[] MaxColumns(MaxPool pool, int from, int to) => MaxWindows(from, to, pool.Kernel.Width, pool.Stride.Width, pool.Padding.Left, pool.Dilation.Width);

    private static Window[] MaxWindows(int from, int to, int kernel, int stride, int before, int dilation)
    {
        var windows = new Window[to];
        for (var i = 0; i < to; i++)
        {
            var (first, count) = (0, 0);
            for (var k = 0; k < kernel; k++)
                if (i * stride - before + k * dilation is var place && (uint)place < (uint)from && count++ == 0) first = place;
            windows[i] = new Window(first, count, count == 0 ? 1 : dilation);
        }

        return windows;
    }

    public static Window[] MaxBins(int from, int to) =>
        [.. Enumerable.Range(0, to).Select(i => Bins.Of(new Size(from, 1), new Size(to, 1), i, 0).Rows).Select(bin => new Window(bin.From, bin.Length, 1))];
}
