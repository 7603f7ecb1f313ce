using Tenfold.Kernels;
using Xunit;

namespace Tenfold.Tests;

/// <summary>Convolutions of maps of one pixel, between maps in blocks as within a network.</summary>
public class VectorTests
{
    private static readonly (string Name, Func<Node, Node> Build, Shape X)[] s_cases =
    [
        ("one channel", x => x.Conv(1, 1), [1, 1, 1, 1]),
        ("odd channels", x => x.Conv(37, 1), [3, 53, 1, 1]),
        ("several items", x => x.Conv(131, 1, bias: false), [2, 259, 1, 1]),
        ("six samples", x => x.Conv(37, 1).Sigmoid(), [6, 53, 1, 1]),
        ("a norm", x => x.Conv(40, 1, bias: false).BatchNorm().Relu(), [2, 24, 1, 1]),
        ("a skip and bounds around it", x => (x.Conv(70, 1).Relu6() + x).Relu(), [2, 70, 1, 1]),
        ("an activation that is no bound", x => x.Conv(33, 1).Sigmoid(), [1, 20, 1, 1]),
        ("a gate", x => x.Conv(40, 1).SqueezeExcite(4), [2, 40, 1, 1]),
    ];

    public static TheoryData<string> Cases => [.. s_cases.Select(@case => @case.Name)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_pixel_by_a_matrix_gives_the_convolution_and_its_gradients(string name)
    {
        var (_, build, shape) = s_cases.Single(@case => @case.Name == name);
        Check.Gradients(build, shape, new RunOptions { Blocks = true }, 3e-5, plan => Assert.Contains(plan.Steps, step => step.Kernel.StartsWith("matrix by vector, in double", StringComparison.Ordinal)));
    }

    // Where the map that is added is not wanted any more, the sum goes over it.
    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public void A_sum_over_what_is_added(int batch) =>
        Check.Op(x => x.Conv(90, 3, stride: 3).Relu().Residual(y => y.Conv(40, 1).Relu().Conv(90, 1)).Relu().Conv(20, 1), [batch, 70, 3, 3], differentiable: false);

    [Fact]
    public void Little_more_is_rounded_than_the_result()
    {
        const int In = 2048, Out = 64;
        var graph = new Input([1, In, 1, 1]).Apply([], "x").Conv(Out, 1, bias: false).ToGraph("vector");
        var (weights, random) = (graph.Init(seed: 3), new Philox(4));
        var kernel = weights.Single(pair => pair.Value.Shape.Rank == 4).Value;
        var plan = new Plan(graph, weights, Team.Of(1), frozen: true, new RunOptions { Blocks = true });
        var x = Enumerable.Range(0, In).Select(c => 100 + (float)random.Normal((ulong)c)).ToArray(); // sums are far larger than what is left of them
        x.CopyTo(plan.Input(0));
        plan.Run();
        for (var o = 0; o < Out; o++)
        {
            var (sum, squares) = (0.0, 0.0);
            for (var c = 0; c < In; c++)
            {
                var product = (double)kernel.Span[o * In + c] * x[c];
                (sum, squares) = (sum + product, squares + product * product);
            }

            Assert.InRange(Math.Abs(plan.Output(0)[o] - sum) / Math.Sqrt(squares), 0, 2e-7); // in single precision 1e-6
        }
    }

    // As a gate is computed ahead: of two kernels, one behind the other, a product.
    [Fact]
    public void A_composed_kernel_is_rounded_once()
    {
        const int Rows = 7, Depth = 300, Columns = 37;
        var random = new Philox(5);
        var a = Enumerable.Range(0, Rows * Depth).Select(i => random.Normal((ulong)i)).ToArray();
        var b = Enumerable.Range(0, Depth * Columns).Select(i => (float)random.Normal((ulong)(i + a.Length))).ToArray();
        var c = new float[Rows * Columns];
        unsafe
        {
            fixed (double* left = a)
            fixed (float* right = b, made = c)
            {
                Matrix.Compose(left, right, made, 0, 5, Depth, Columns);
                Matrix.Compose(left, right, made, 5, Rows, Depth, Columns);
            }
        }

        for (var i = 0; i < Rows; i++)
            for (var j = 0; j < Columns; j++) Assert.InRange(c[i * Columns + j] / Enumerable.Range(0, Depth).Sum(k => a[i * Depth + k] * b[k * Columns + j]), 1 - 6e-8, 1 + 6e-8);
    }
}
