namespace Tenfold;

public static partial class Verbs
{
    /// <summary>Squeeze-and-excitation: every channel is scaled by a number in (0, 1) that two small layers read from the channels' means.</summary>
    /// <remarks>
    /// <code>z = global average of x;   s = sigmoid(W2 relu(W1 z + b1) + b2);   y = s x</code>
    /// W1: C/r x C, W2: C x C/r. 2 C^2 / r weights, C + C/r biases, 2 C^2 / r MACs whatever the size of the map. In a residual block it stands on the
    /// branch behind the last norm; in Inception behind the concat. Hu, Shen, Sun, "Squeeze-and-Excitation Networks", CVPR 2018, arXiv 1709.01507.
    /// </remarks>
    /// <param name="reduction">r: 16 in the paper. The hidden layer has at least one unit.</param>
    public static Node SqueezeExcite(this Node x, int reduction = 16) => x.Excite(Math.Max(1, x.Channels / reduction), Relu, Sigmoid, "se?.");

    /// <summary>Squeeze-and-excitation with other functions: those of MobileNet v3 are ReLU and hard sigmoid, those of EfficientNet SiLU and sigmoid.</summary>
    /// <param name="hidden">Units of the hidden layer.</param>
    public static Node SqueezeExcite(this Node x, int hidden, Func<Node, Node> activation, Func<Node, Node> gate) => x.Excite(hidden, activation, gate, "");

    private static Node Excite(this Node x, int hidden, Func<Node, Node> activation, Func<Node, Node> gate, string prefix) =>
        x * gate(activation(x.GlobalAvgPool().Conv(hidden, kernel: 1, name: $"{prefix}fc1")).Conv(x.Channels, kernel: 1, name: $"{prefix}fc2"));
}
