namespace Tenfold;

public static partial class Verbs
{
    /// <summary>A densely connected layer: k new channels, computed from all there are, are put behind them.</summary>
    /// <remarks>
    /// BN, ReLU, 1x1 to 4k, BN, ReLU, 3x3 to k; 4 C k + 36 k^2 weights. The channels that come in go out unchanged, so every layer reads those of all
    /// layers before it. Huang, Liu, van der Maaten, Weinberger, "Densely Connected Convolutional Networks", CVPR 2017, arXiv 1608.06993,
    /// section 3. Parameters carry torchvision's names.
    /// </remarks>
    /// <param name="growth">k, the new channels.</param>
    /// <param name="bottleneck">The 1x1 makes so many times k; 0 leaves it out (the network without "-B").</param>
    /// <param name="dropout">Of the new channels.</param>
    public static Node DenseLayer(this Node x, int growth, int bottleneck = 4, float dropout = 0)
    {
        var y = x.BatchNorm(name: "norm1").Relu();
        if (bottleneck > 0) y = y.Conv(bottleneck * growth, kernel: 1, bias: false, name: "conv1").BatchNorm(name: "norm2").Relu();
        y = y.Conv(growth, kernel: 3, bias: false, name: bottleneck > 0 ? "conv2" : "conv1");
        return x.Concat(dropout > 0 ? y.Dropout(dropout) : y);
    }

    /// <summary>A dense block: layers l, each a <see cref="DenseLayer"/>; C + l k channels come out, and l (l + 1) / 2 connections are in it.</summary>
    public static Node DenseBlock(this Node x, int layers, int growth, int bottleneck = 4, float dropout = 0)
    {
        for (var i = 1; i <= layers; i++) x = x.Scope($"denselayer{i}", y => y.DenseLayer(growth, bottleneck, dropout));
        return x;
    }

    /// <summary>What stands between dense blocks: BN, ReLU, a 1x1 convolution to fewer channels, 2x2 average pooling.</summary>
    /// <param name="channels">Half of those of x in the networks with "-C".</param>
    public static Node DenseTransition(this Node x, int channels) =>
        x.BatchNorm(name: "norm").Relu().Conv(channels, kernel: 1, bias: false, name: "conv").AvgPool(2);
}
