using Xunit;

namespace Tenfold.Tests;

/// <summary>Elementary functions, standardisation, products of matrices, maxima: what imported networks are made of besides the primitives of CNNs.</summary>
public class FunctionMatrix : Matrix<FunctionMatrix>, ICases
{
    public static IReadOnlyList<Case> Cases { get; } =
    [
        .. Everywhere("exp", x => x.Exp(), Draws.Normal),
        .. Everywhere("log", x => x.Log(), Draws.Uniform(0.2, 5)),
        .. Everywhere("square root", x => x.Power(0.5f), Draws.Uniform(0.2, 5)),
        .. Everywhere("reciprocal", x => x.Power(-1), Draws.Uniform(0.2, 5)),
        .. Everywhere("square", x => x.Power(2), Draws.Normal),
        .. Everywhere("power", x => x.Power(2.5f), Draws.Uniform(0.2, 3)),
        .. Everywhere("erf", x => x.Erf(), Draws.Normal),
        .. Everywhere("softplus", x => x.Softplus(), Draws.Uniform(-30, 30)),
        .. Everywhere("elu", x => x.Elu(1.5f), Draws.Normal),
        .. Everywhere("clip", x => x.Clip(-0.5f, 0.75f), Draws.Normal),
        .. Everywhere("clip from below", x => x.Clip(-0.5f, float.MaxValue), Draws.Normal),
        .. Everywhere("cube", x => x.Power(3), Draws.Normal),
        .. Everywhere("inverse root", x => x.Power(-0.5f), Draws.Uniform(0.2, 5)),
        .. Everywhere("odd power of negatives", x => x.Power(5), Draws.Normal),
        .. Everywhere("elu near 0", x => x.Elu(), Draws.Uniform(-0.4, 0.01)),
        new("pow", x => x[0].Pow(x[1]), [2, 3, 5, 7], [2, 3, 5, 7]) { Draws = [Draws.Uniform(0.2, 3), Draws.Normal] },
        new("pow, an exponent a channel", x => x[0].Pow(x[1]), [2, 3, 5, 7], [1, 3, 1, 1]) { Draws = [Draws.Uniform(0.2, 3), Draws.Normal] },
        new("pow, whole exponents of any base", x => x[0].Pow(x[1]), [3, 17], [3, 17]) { Draws = [Draws.Integers(-3, 3), Draws.Integers(0, 4)], Differentiable = false },
        new("prelu", x => x[0].PRelu(x[1]), [2, 19, 5, 3], [1, 19, 1, 1]),
        new("prelu of vectors", x => x[0].PRelu(x[1]), [3, 31], [1, 31]),
        new("maximum", x => x[0].Maximum(x[1]), [2, 3, 5, 7], [2, 3, 5, 7]),
        new("maximum with a row", x => x[0].Maximum(x[1]), [3, 31], [1, 31]),
        new("minimum", x => x[0].Minimum(x[1]), [2, 17, 5, 1], [1, 17, 1, 7]),
        new("equal", x => x[0].Is(Relation.Equal, x[1]), [3, 31], [3, 31]) { Draws = [Draws.Integers(0, 2), Draws.Integers(0, 2)], Differentiable = false },
        new("greater", x => x[0].Is(Relation.Greater, x[1]), [2, 3, 5, 7], [1, 3, 1, 1]) { Draws = [Draws.Integers(0, 2), Draws.Integers(0, 2)], Differentiable = false },
        new("greater or equal", x => x[0].Is(Relation.GreaterOrEqual, x[1]), [3, 31], [3, 1]) { Draws = [Draws.Integers(0, 2), Draws.Integers(0, 2)], Differentiable = false },
        new("not", (Node x) => x.Not(), [2, 3, 5, 7]) { Draws = [Draws.Integers(0, 2)], Differentiable = false },
        new("where", x => x[0].Where(x[1], x[2]), [2, 3, 5, 7], [2, 3, 5, 7], [2, 3, 5, 7]) { Draws = [Draws.Integers(0, 1)], Constants = [0] },
        new("where, all broadcast", x => x[0].Where(x[1], x[2]), [2, 1, 5, 1], [1, 3, 1, 19], [1, 1, 1, 1]) { Draws = [Draws.Integers(0, 1)], Constants = [0] },
        new("product of planes", (Node x) => x.Product(Axes.Plane), [2, 3, 2, 3]),
        new("product of all, one of them 0", (Node x) => x.Product(Axes.Batch | Axes.Channels), [2, 3]) { Draws = [(_, index) => index == 4 ? 0 : 1 + index / 4.0] },
        new("product of channels, zeros among them", (Node x) => x.Product(Axes.Channels), [2, 3, 4, 5]) { Draws = [Draws.Integers(-1, 2)] },
        new("layer norm of vectors", x => x.Standardize(1), [3, 17]),
        new("layer norm of maps", x => x.Standardize(1, epsilon: 0.1f), [2, 3, 4, 5]),
        new("instance norm", x => x.Standardize(2), [2, 3, 4, 5]),
        new("norm of rows", x => x.Standardize(3), [2, 3, 4, 5]),
        new("matrices", x => x[0].MatMul(x[1]), [3, 5], [5, 4]),
        new("instance norm of planes", x => x.Standardize(2), [2, 19, 7, 5]),
        new("layer norm of long rows", x => x.Standardize(1), [3, 2, 37, 11]),
        new("long matrices", x => x[0].MatMul(x[1]), [37, 129], [129, 75]) { Places = 4 },
        new("matrix by vector", x => x[0].MatMul(x[1]), [2, 23, 70], [1, 70, 1]),
        new("max of long rows", (Node x) => x.Max(Axes.Plane), [2, 3, 17, 19]),
        new("max of samples and channels", (Node x) => x.Max(Axes.Batch | Axes.Channels), [2, 5, 3, 47]),
        new("max of axes with others between", (Node x) => x.Max(Axes.Channels | Axes.Width), [2, 5, 3, 4]),
        new("product of long rows", (Node x) => x.Product(Axes.Width), [2, 3, 2, 90]) { Draws = [Draws.Uniform(0.9, 1.1)] },
        new("argmax of many channels", (Node x) => x.ArgMax(), [2, 21, 9, 11]) { Differentiable = false },
        new("matrices, one left", x => x[0].MatMul(x[1]), [1, 1, 3, 5], [2, 4, 5, 7]),
        new("matrices, one right of many", x => x[0].MatMul(x[1]), [2, 4, 3, 5], [2, 1, 5, 2]),
        new("max of channels", (Node x) => x.Max(Axes.Channels), [2, 5, 3, 4]),
        new("max of planes", (Node x) => x.Max(Axes.Plane), [2, 5, 3, 4]),
        new("max of all", (Node x) => x.Max(Axes.Batch | Axes.Channels), [3, 7]),
        new("argmax of channels", (Node x) => x.ArgMax(), [2, 5, 3, 4]),
        new("argmax of rows, last", (Node x) => new ArgMax(2, Last: true).Apply(x), [2, 5, 3, 4]) { Draws = [Draws.Integers(0, 2)], Differentiable = false },
    ];

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0.5, 0.5204998778130465)]
    [InlineData(-1, -0.8427007929497149)]
    [InlineData(2.5, 0.9995930479825550)]
    [InlineData(5, 0.9999999999984626)]
    [InlineData(9, 1)]
    public void Erf_is_that_of_the_tables(double x, double y) => Assert.Equal(y, Erf.Of(x), 1e-15);

    private static IEnumerable<Case> Everywhere(string name, Func<Node, Node> build, Draw draw) =>
        new Shape[] { [1, 1, 1, 1], [2, 3, 5, 7], [3, 31] }.Select(shape => new Case(name, build, shape) { Draws = [draw] });
}
