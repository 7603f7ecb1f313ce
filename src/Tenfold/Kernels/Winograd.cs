namespace Tenfold.Kernels;

/// <summary>One tile of transformed products on its way back: y = within bounds of (A' M A + bias), with an addition in between as in <see cref="DenseEpilogue"/>.</summary>
internal unsafe struct WinogradOutput
{
    /// <summary>The products, <see cref="Step"/> floats from one of the (m + 2)^2 to the next.</summary>
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

/// <summary>Which of the generated transforms this machine runs.</summary>
internal static unsafe class Winograd
{
    /// <summary>(m + 2) x (m + 2) pixels at x, transformed, to v, <paramref name="step"/> floats from one number to the next.</summary>
    /// <param name="scratch">(m + 2)^2 x 16 floats.</param>
    public static void Input(int m, float* x, nint row, nint pixel, float* v, nint step, float* scratch) => (Simd.Width switch
    {
        512 => Winograd512.Inputs,
        256 => Winograd256.Inputs,
        _ => Winograd128.Inputs,
    })[m / 2 - 1](x, row, pixel, v, step, scratch);

    public static void Output(int m, in WinogradOutput output, float* scratch) => (Simd.Width switch
    {
        512 => Winograd512.Outputs,
        256 => Winograd256.Outputs,
        _ => Winograd128.Outputs,
    })[m / 2 - 1](output, scratch);

    /// <summary>m x m pixels of an output gradient at dy, transformed, to d, <paramref name="step"/> floats from one of the (m + 2)^2 numbers to the next.</summary>
    public static void Back(int m, float* dy, nint row, nint pixel, float* d, nint step, float* scratch) => (Simd.Width switch
    {
        512 => Winograd512.Backs,
        256 => Winograd256.Backs,
        _ => Winograd128.Backs,
    })[m / 2 - 1](dy, row, pixel, d, step, scratch);

    /// <summary>The kernel's transform [m + 2][3]: row j holds 1, x, x^2 at the j-th point over the product of its distances to the others.</summary>
    public static double[,] Kernel(int m) => s_kernels[m / 2 - 1] ??= MakeKernel(m);

    /// <summary>For each row of the input's transform its norm: by what it multiplies the size of unrelated numbers. Row j holds the polynomial that is zero at all points but the j-th.</summary>
    public static double[] Magnitudes(int m) => s_magnitudes[m / 2 - 1] ??= MakeMagnitudes(m);

    private static readonly double[]?[] s_magnitudes = new double[]?[3]; // of F(2x2), F(4x4) and F(6x6)
    private static readonly double[,]?[] s_kernels = new double[,]?[3];

    private static double[,] MakeKernel(int m)
    {
        var points = Points(m);
        var g = new double[m + 2, 3];
        for (var j = 0; j < points.Length; j++)
        {
            var distances = 1.0;
            for (var k = 0; k < points.Length; k++)
                if (k != j) distances *= points[j] - points[k];
            for (var i = 0; i < 3; i++) g[j, i] = Math.Pow(points[j], i) / distances;
        }

        g[m + 1, 2] = 1; // infinity
        return g;
    }

    private static double[] MakeMagnitudes(int m)
    {
        var (points, norms) = (Points(m), new double[m + 2]);
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

    // All but infinity, the last.
    private static double[] Points(int m)
    {
        var (pairs, points) = (WinogradPoints.Of[m / 2 - 1], new double[m + 1]);
        for (var i = 0; i < m; i++) points[i + 1] = i % 2 == 0 ? pairs[i / 2] : -pairs[i / 2];
        return points;
    }
}
