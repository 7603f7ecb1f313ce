using System.Numerics;
using System.Runtime.CompilerServices;

namespace Tenfold.Kernels;

/// <summary>Along an axis: for each output the inputs that it is a weighted sum of.</summary>
internal sealed class LinearAxis
{
    public LinearAxis(IReadOnlyList<IReadOnlyList<(int Source, double Weight)>> outputs)
    {
        Starts = new int[outputs.Count + 1];
        for (var i = 0; i < outputs.Count; i++) Starts[i + 1] = Starts[i] + outputs[i].Count;
        Sources = [.. outputs.SelectMany(taps => taps.Select(tap => tap.Source))];
        Weights = [.. outputs.SelectMany(taps => taps.Select(tap => (float)tap.Weight))];
    }

    public int Count => Starts.Length - 1;

    /// <summary>Where those of each output begin, and the end.</summary>
    public int[] Starts { get; }

    public int[] Sources { get; }

    public float[] Weights { get; }

    /// <summary>From outputs to inputs: the gradient.</summary>
    public static IReadOnlyList<IReadOnlyList<(int, double)>> Transposed(IReadOnlyList<IReadOnlyList<(int Source, double Weight)>> outputs, int inputs)
    {
        var transposed = Enumerable.Range(0, inputs).Select(_ => new List<(int, double)>()).ToArray();
        for (var i = 0; i < outputs.Count; i++)
            foreach (var (source, weight) in outputs[i]) transposed[source].Add((i, weight));
        return transposed;
    }
}

/// <summary>Operations on planes that are linear and fall into rows and columns: average pooling, resizing, padding, and the gradients of all of them.</summary>
/// <remarks><code>y[h][w] = sum over i, j of  R[h, i] C[w, j] x[i][j]</code> A row of y first sums rows of x, which lie in one piece; then columns are summed.</remarks>
internal sealed unsafe class SeparableFilter(LinearAxis rows, LinearAxis columns, int width)
{
    /// <summary>Floats: one row of x.</summary>
    public long Scratch => (long)width * Dense.Block;

    /// <summary>Rows [from, to) of one plane of 16 lanes.</summary>
    public void Run(float* x, float* y, int from, int to, float* scratch)
    {
        var length = columns.Count * Dense.Block;
        for (var h = from; h < to; h++)
        {
            var target = y + (long)h * length;
            var sources = rows.Sources.AsSpan(rows.Starts[h]..rows.Starts[h + 1]);
            var weights = rows.Weights.AsSpan(rows.Starts[h]..rows.Starts[h + 1]);
            if (sources.Length == 0)
            {
                new Span<float>(target, length).Clear();
                continue;
            }

            var row = sources.Length == 1 && weights[0] == 1 ? Row(x, sources[0]) : scratch;
            if (row == scratch) SumRows(x, sources, weights, scratch);
            SumColumns(row, target);
        }
    }

    private float* Row(float* x, int row) => x + (long)row * width * Dense.Block;

    // Three rows at a time.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void SumRows(float* x, ReadOnlySpan<int> sources, ReadOnlySpan<float> weights, float* sum)
    {
        var n = width * Dense.Block;
        for (var k = 0; k < sources.Length; k += 3)
        {
            var (second, third) = (Math.Min(k + 1, sources.Length - 1), Math.Min(k + 2, sources.Length - 1));
            float* a = Row(x, sources[k]), b = Row(x, sources[second]), c = Row(x, sources[third]);
            var (f, g, h) = (new Vector<float>(weights[k]), new Vector<float>(weights[second]), new Vector<float>(weights[third]));
            for (var i = 0; i < n; i += Vector<float>.Count)
            {
                var value = f * Vector.Load(a + i);
                if (second > k) value = Vector.MultiplyAddEstimate(g, Vector.Load(b + i), value);
                if (third > second) value = Vector.MultiplyAddEstimate(h, Vector.Load(c + i), value);
                if (k > 0) value += Vector.Load(sum + i);
                value.Store(sum + i);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void SumColumns(float* row, float* y)
    {
        fixed (int* starts = columns.Starts, sources = columns.Sources)
        fixed (float* weights = columns.Weights)
            for (var w = 0; w < columns.Count; w++, y += Dense.Block)
                for (var lane = 0; lane < Dense.Block; lane += Vector<float>.Count)
                {
                    var sum = Vector<float>.Zero;
                    for (var k = starts[w]; k < starts[w + 1]; k++) sum = Vector.MultiplyAddEstimate(new Vector<float>(weights[k]), Vector.Load(row + sources[k] * Dense.Block + lane), sum);
                    sum.Store(y + lane);
                }
    }
}
