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
    public static Node SqueezeExcite(this Node x, int reduction = 16) => x * x
        .GlobalAvgPool()
        .Conv(Math.Max(1, x.Channels / reduction), kernel: 1, name: "se?.fc1").Relu()
        .Conv(x.Channels, kernel: 1, name: "se?.fc2").Sigmoid();
}
