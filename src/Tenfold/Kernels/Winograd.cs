namespace Tenfold.Kernels;

/// <summary>One tile of transformed products on its way back: y = within bounds of (A' M A + bias), with an addition in between as in <see cref="DenseEpilogue"/>.</summary>
internal unsafe struct WinogradOutput
{
    /// <summary>The products, <see cref="Step"/> floats from one of the tile's to the next.</summary>
    public float* M;
    public nint Step;

    public float* Bias;

    /// <summary>Laid out as <see cref="Y"/>; or null.</summary>
    public float* Add;

    public float* Y;

    /// <summary>Floats from one row and one pixel of the tile to the next in <see cref="Y"/>.</summary>
    public nint YRow, YPixel;

    public float FirstLow, FirstHigh, Low, High;
}

/// <summary>Winograd's minimal filtering F(m x m, r x r), or F(m, r) along the one axis of a kernel that is a row or a column, and the transforms of it that this machine runs.</summary>
/// <remarks>
/// <code>
///  kernel   outputs   tile                           products an output, of the kernel's
///  3x3      2x2 4x4 6x6   4x4 6x6 8x8                4  2.25  1.78   of 9
///  5x5      2x2 4x4           6x6 8x8                9  4            of 25
///  7x1      2x1 4x1                8x1 10x1          4  2.5          of 7
/// </code>
/// A tile's numbers are values at as many points along each axis, so what becomes of the inputs depends on the tile alone. A row is a column whose axes are exchanged.
/// </remarks>
internal sealed unsafe class Winograd
{
    private readonly delegate*<float*, nint, nint, float*, nint, float*, void> _input;
    private readonly delegate*<in WinogradOutput, float*, void> _output;

    /// <param name="m">One of <see cref="Sizes"/>.</param>
    public Winograd(Size kernel, int m)
    {
        (Outputs, Tile) = (Along(kernel, m), TileOf(kernel, m));
        var (n, line) = (Math.Max(Tile.Height, Tile.Width), kernel.Height != kernel.Width);
        _input = Simd.Width switch { 512 => Winograd512.Input(n, line), 256 => Winograd256.Input(n, line), _ => Winograd128.Input(n, line) };
        _output = Simd.Width switch { 512 => Winograd512.Output(n, m, line), 256 => Winograd256.Output(n, m, line), _ => Winograd128.Output(n, m, line) };
        Columns = Kernel(Tile.Height, kernel.Height);
        Rows = Kernel(Tile.Width, kernel.Width);
    }

    /// <summary>m x m, or m x 1 or 1 x m.</summary>
    public Size Outputs { get; }

    /// <summary>Inputs that they are made of, and products.</summary>
    public Size Tile { get; }

    /// <summary>The kernel's transforms: U = Columns k Rows'.</summary>
    public double[,] Columns { get; }

    public double[,] Rows { get; }

    /// <summary>Each m whose transforms the generator writes, smallest first. The last rounds four to nine times as much as every product does, those before it one to two and a half times.</summary>
    public static ReadOnlySpan<int> Sizes(Size kernel) => kernel switch
    {
        (3, 3) => [2, 4, 6],
        (5, 5) or (7, 1) or (1, 7) => [2, 4],
        _ => [],
    };

    /// <summary>How many inputs along each axis m outputs are made of.</summary>
    public static Size TileOf(Size kernel, int m)
    {
        var outputs = Along(kernel, m);
        return new Size(outputs.Height + kernel.Height - 1, outputs.Width + kernel.Width - 1);
    }

    /// <summary>A tile at x, transformed, to v, <paramref name="step"/> floats from one number to the next.</summary>
    /// <param name="scratch">As many x 16 floats.</param>
    public void Input(float* x, nint row, nint pixel, float* v, nint step, float* scratch) => _input(x, Down(row, pixel), pixel, v, step, scratch);

    /// <param name="output">Its rows lie <see cref="Down"/> apart.</param>
    public void Output(in WinogradOutput output, float* scratch) => _output(output, scratch);

    /// <summary>Which of two steps leads down a tile's column, as its transforms see it: of a row the one across.</summary>
    public nint Down(nint row, nint pixel) => Tile.Height == 1 ? pixel : row;

    /// <summary>The root mean square of each of a tile's numbers where those of the map are unrelated and of 1.</summary>
    public float[] Magnitudes()
    {
        var (columns, rows) = (Norms(Tile.Height), Norms(Tile.Width));
        var magnitudes = new float[Tile.Area];
        for (var i = 0; i < magnitudes.Length; i++) magnitudes[i] = (float)(columns[i / rows.Length] * rows[i % rows.Length]);
        return magnitudes;
    }

    /// <summary>4 x 4 pixels of an output gradient at dy, transformed for F(4x4, 3x3), to d, <paramref name="step"/> floats from one of the 36 numbers to the next.</summary>
    public static void Back(float* dy, nint row, nint pixel, float* d, nint step, float* scratch)
    {
        switch (Simd.Width)
        {
            case 512: Winograd512.Back(dy, row, pixel, d, step, scratch); break;
            case 256: Winograd256.Back(dy, row, pixel, d, step, scratch); break;
            default: Winograd128.Back(dy, row, pixel, d, step, scratch); break;
        }
    }

    /// <summary>The kernel's transform along one axis [n][taps]: row j holds 1, x, x^2 ... at the j-th point over the product of its distances to the others.</summary>
    /// <param name="n">Points; with one of them the axis stays as it is.</param>
    public static double[,] Kernel(int n, int taps) => s_kernels[n / 2, taps / 2] ??= MakeKernel(n, taps);

    private static readonly double[]?[] s_norms = new double[]?[6]; // by n / 2
    private static readonly double[,]?[,] s_kernels = new double[,]?[6, 4]; // by n / 2 and taps / 2

    private static Size Along(Size kernel, int m) => new(kernel.Height > 1 ? m : 1, kernel.Width > 1 ? m : 1);

    // For each row of the input's transform its norm: by what it multiplies the size of unrelated numbers. Row j holds the polynomial that is zero at all points but the j-th.
    private static double[] Norms(int n) => s_norms[n / 2] ??= MakeNorms(n);

    private static double[,] MakeKernel(int n, int taps)
    {
        var points = Points(n);
        var g = new double[n, taps];
        for (var j = 0; j < points.Length; j++)
        {
            var distances = 1.0;
            for (var k = 0; k < points.Length; k++)
                if (k != j) distances *= points[j] - points[k];
            for (var i = 0; i < taps; i++) g[j, i] = Math.Pow(points[j], i) / distances;
        }

        g[n - 1, taps - 1] = 1; // infinity
        return g;
    }

    private static double[] MakeNorms(int n)
    {
        var (points, norms) = (Points(n), new double[n]);
        for (var j = 0; j < norms.Length; j++)
        {
            double[] polynomial = [1];
            for (var k = 0; k < points.Length; k++)
            {
                if (k == j) continue;
                var next = new double[polynomial.Length + 1];
                for (var i = 0; i < next.Length; i++) next[i] = (i > 0 ? polynomial[i - 1] : 0) - (i < polynomial.Length ? points[k] * polynomial[i] : 0);
                polynomial = next;
            }

            foreach (var c in polynomial) norms[j] += c * c;
            norms[j] = Math.Sqrt(norms[j]);
        }

        return norms;
    }

    // All but infinity, the last; where it is the only one, none.
    private static double[] Points(int n)
    {
        var points = new double[n - 1];
        for (var i = 0; i < n - 2; i++) points[i + 1] = WinogradPoints.Of[n / 2 - 2][i / 2] * (i % 2 == 0 ? 1 : -1);
        return points;
    }
}
