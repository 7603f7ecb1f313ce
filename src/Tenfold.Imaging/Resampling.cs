namespace Tenfold;

/// <summary>A part of a picture, in pixels, whose borders may lie between them.</summary>
internal readonly record struct Box(double Top, double Left, double Height, double Width)
{
    public static Box All(Size size) => new(0, 0, size.Height, size.Width);

    /// <summary>The largest centred part of <paramref name="whole"/> with the proportions of <paramref name="part"/>.</summary>
    public static Box Centred(Size whole, Size part)
    {
        var scale = Math.Min((double)whole.Height / part.Height, (double)whole.Width / part.Width);
        var (height, width) = (scale * part.Height, scale * part.Width);
        return new Box((whole.Height - height) / 2, (whole.Width - width) / 2, height, width);
    }
}

/// <summary>Resizing with antialiasing: every new pixel is the mean of the old ones under a triangle centred on it, weighted by the
/// triangle's height there. The triangle is two new pixels wide, and never narrower than two old ones.</summary>
/// <remarks>Rows first, then columns, with weights in 22-bit fixed point and bytes between, so the result is the same to the last bit as that
/// of Pillow's bilinear filter, which networks of the Python world are trained with.</remarks>
internal static class Resampling
{
    private const int Bits = 22;

    public static void Bilinear(ReadOnlySpan<byte> from, int channels, Size fromSize, Box box, Span<byte> to, Size toSize)
    {
        var columns = Taps.Of(fromSize.Width, box.Left, box.Width, toSize.Width);
        var rows = Taps.Of(fromSize.Height, box.Top, box.Height, toSize.Height);
        // Only the rows that some new row needs.
        var (first, end) = (rows.First[0], rows.First[^1] + rows.Count[^1]);
        var narrow = new byte[checked((end - first) * toSize.Width)];
        for (var c = 0; c < channels; c++)
        {
            var plane = from.Slice(c * fromSize.Area, fromSize.Area);
            for (var r = first; r < end; r++)
                AlongRow(plane.Slice(r * fromSize.Width, fromSize.Width), columns, narrow.AsSpan((r - first) * toSize.Width, toSize.Width));
            DownColumns(narrow, first, rows, to.Slice(c * toSize.Area, toSize.Area), toSize.Width);
        }
    }

    private static void AlongRow(ReadOnlySpan<byte> row, Taps taps, Span<byte> to)
    {
        for (var i = 0; i < to.Length; i++)
        {
            var weights = taps.Of(i);
            var under = row.Slice(taps.First[i], weights.Length);
            var sum = 1 << (Bits - 1);
            for (var k = 0; k < weights.Length; k++) sum += under[k] * weights[k];
            to[i] = Round(sum);
        }
    }

    private static void DownColumns(ReadOnlySpan<byte> narrow, int first, Taps taps, Span<byte> to, int width)
    {
        Span<int> sums = width <= 1024 ? stackalloc int[width] : new int[width];
        for (var i = 0; i < to.Length / width; i++)
        {
            var weights = taps.Of(i);
            sums.Fill(1 << (Bits - 1));
            for (var k = 0; k < weights.Length; k++)
            {
                var row = narrow.Slice((taps.First[i] - first + k) * width, width);
                for (var x = 0; x < row.Length; x++) sums[x] += row[x] * weights[k];
            }

            for (var x = 0; x < width; x++) to[i * width + x] = Round(sums[x]);
        }
    }

    private static byte Round(int sum) => (byte)Math.Clamp(sum >> Bits, 0, 255);

    /// <summary>For every new pixel along one side: the first old one under its triangle, how many, and their weights.</summary>
    private sealed record Taps(int[] First, int[] Count, int[] Weights, int Most)
    {
        public ReadOnlySpan<int> Of(int pixel) => Weights.AsSpan(pixel * Most, Count[pixel]);

        public static Taps Of(int old, double start, double length, int made)
        {
            var scale = length / made;
            var support = Math.Max(scale, 1);
            var most = checked(2 * (int)Math.Ceiling(support) + 1);
            var taps = new Taps(new int[made], new int[made], new int[checked(made * most)], most);
            var heights = new double[most];
            for (var i = 0; i < made; i++)
            {
                var centre = start + (i + 0.5) * scale;
                var first = Math.Max((int)(centre - support + 0.5), 0);
                var count = Math.Min((int)(centre + support + 0.5), old) - first;
                var sum = 0.0;
                for (var k = 0; k < count; k++)
                {
                    heights[k] = Math.Max(0, 1 - Math.Abs((first + k - centre + 0.5) * (1 / support)));
                    sum += heights[k];
                }

                (taps.First[i], taps.Count[i]) = (first, count);
                for (var k = 0; k < count; k++) taps.Weights[i * most + k] = (int)(0.5 + heights[k] / sum * (1 << Bits));
            }

            return taps;
        }
    }
}
