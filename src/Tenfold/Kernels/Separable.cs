using System.Numerics;

namespace Tenfold.Kernels;

/// <summary>Along an axis: for each output the inputs that it is a weighted sum of.</summary>
internal sealed class LinearAxis
{
    private readonly int[] _starts, _sources;
    private readonly float[] _weights;

    public LinearAxis(IReadOnlyList<IReadOnlyList<(int Source, double Weight)>> outputs)
    {
        _starts = new int[outputs.Count + 1];
        for (var i = 0; i < outputs.Count; i++) _starts[i + 1] = _starts[i] + outputs[i].Count;
        _sources = [.. outputs.SelectMany(taps => taps.Select(tap => tap.Source))];
        _weights = [.. outputs.SelectMany(taps => taps.Select(tap => (float)tap.Weight))];
    }

    public int Count => _starts.Length - 1;

    public ReadOnlySpan<int> Sources(int output) => _sources.AsSpan(_starts[output].._starts[output + 1]);

    public ReadOnlySpan<float> Weights(int output) => _weights.AsSpan(_starts[output].._starts[output + 1]);

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
internal sealed unsafe class Separable(LinearAxis rows, LinearAxis columns, int width)
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
            var sources = rows.Sources(h);
            var weights = rows.Weights(h);
            if (sources.Length == 0)
            {
                new Span<float>(target, length).Clear();
                continue;
            }

            var row = sources.Length == 1 && weights[0] == 1 ? Row(x, sources[0]) : scratch;
            if (row == scratch) SumRows(x, sources, weights, scratch);
            for (var w = 0; w < columns.Count; w++, target += Dense.Block) SumColumns(row, columns.Sources(w), columns.Weights(w), target);
        }
    }

    private float* Row(float* x, int row) => x + (long)row * width * Dense.Block;

    // Two rows at a time.
    private void SumRows(float* x, ReadOnlySpan<int> sources, ReadOnlySpan<float> weights, float* sum)
    {
        var n = width * Dense.Block;
        for (var k = 0; k < sources.Length; k += 2)
        {
            var pair = k + 1 < sources.Length;
            var a = Row(x, sources[k]);
            var b = Row(x, sources[pair ? k + 1 : k]);
            var (f, g) = (new Vector<float>(weights[k]), new Vector<float>(pair ? weights[k + 1] : 0));
            for (var i = 0; i < n; i += Vector<float>.Count)
            {
                var value = f * Vector.Load(a + i);
                if (pair) value = Vector.MultiplyAddEstimate(g, Vector.Load(b + i), value);
                if (k > 0) value += Vector.Load(sum + i);
                value.Store(sum + i);
            }
        }
    }

    private static void SumColumns(float* row, ReadOnlySpan<int> sources, ReadOnlySpan<float> weights, float* y)
    {
        for (var lane = 0; lane < Dense.Block; lane += Vector<float>.Count)
        {
            var sum = Vector<float>.Zero;
            for (var k = 0; k < sources.Length; k++) sum = Vector.MultiplyAddEstimate(new Vector<float>(weights[k]), Vector.Load(row + sources[k] * Dense.Block + lane), sum);
            sum.Store(y + lane);
        }
    }
}
