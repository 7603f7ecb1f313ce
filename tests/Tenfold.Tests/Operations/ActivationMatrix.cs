namespace Tenfold.Tests;

/// <summary>Operations on every number for itself, and softmax. Lengths on both sides of every vector width.</summary>
public class ActivationMatrix : Matrix<ActivationMatrix>, ICases
{
    public static IReadOnlyList<Case> Cases { get; } =
    [
        .. Everywhere("relu", x => x.Relu()),
        .. Everywhere("relu6", x => x.Relu6(), scale: 6),
        .. Everywhere("leaky relu", x => x.LeakyRelu(0.1f)),
        .. Everywhere("leaky relu that turns", x => x.LeakyRelu(-0.5f)),
        .. Everywhere("sigmoid", x => x.Sigmoid(), scale: 4),
        .. Everywhere("tanh", x => x.Tanh(), scale: 2),
        .. Everywhere("silu", x => x.Silu(), scale: 4),
        .. Everywhere("hard sigmoid", x => x.HardSigmoid(), scale: 4),
        .. Everywhere("hard swish", x => x.HardSwish(), scale: 4),
        .. Everywhere("affine", x => x.Affine(-2.5f, 0.75f)),
        .. Everywhere("softmax", x => x.Softmax(), scale: 3),
        .. Everywhere("log softmax", x => x.LogSoftmax(), scale: 3),
        .. Everywhere("dropout at inference", x => x.Dropout(0.3f)),
        new("softmax of large logits", x => x.Softmax(), [2, 7]) { Draws = [Draws.Uniform(-90, 90)], Differentiable = false },
        new("log softmax of large logits", x => x.LogSoftmax(), [2, 7]) { Draws = [Draws.Uniform(-500, 500)] },
        new("sigmoid far out", x => x.Sigmoid(), [1, 40]) { Draws = [Draws.Uniform(-100, 100)] },
        new("silu far out", x => x.Silu(), [1, 40]) { Draws = [Draws.Uniform(-100, 100)] },
        new("softmax of one class", x => x.Softmax(), [3, 1]),
        new("random mask", x => x[0] * new RandomMask(0.4f, 7).Apply(x), [2, 3, 4, 5], [4]) { Draws = [Draws.Normal, Draws.Integers(0, 65535)], Constants = [1] },
    ];

    private static IEnumerable<Case> Everywhere(string name, Func<Node, Node> build, double scale = 1) =>
        new Shape[] { [1, 1, 1, 1], [2, 3, 5, 7], [1, 17, 3, 3], [3, 31] }.Select(shape =>
            new Case(name, build, shape) { Draws = [(random, index) => scale * random.Normal(index)] });
}
