namespace Tenfold;

/// <summary>Lin, Chen, Yan: "Network In Network", ICLR 2014 (arXiv 1312.4400), section 3, with the widths of the Caffe model zoo.</summary>
/// <remarks>The last map has a channel per class and is averaged: no fully connected layer, so any picture that survives the pooling fits.</remarks>
public static class NetworkInNetwork
{
    private const string Paper = "Lin, Chen, Yan: Network In Network, 2014, arXiv 1312.4400";

    internal static IEnumerable<Network> Entries =>
    [
        new("nin", Paper, "Network in Network: four mlpconv layers and global average pooling", [3, 224, 224], 1000, Large) { Preprocessing = Preprocessing.None },
        new("nin_cifar", Paper, "Network in Network for small pictures: three mlpconv layers and global average pooling", [3, 32, 32], 10, Small) { Preprocessing = Preprocessing.Cifar },
    ];

    private static Graph Small(int classes, Shape input) => Image.Of(input[0], input[1], input[2])
        .MlpConv((192, 160, 96), kernel: 5).MaxPool(3, stride: 2, ceilMode: true).Dropout()
        .MlpConv((192, 192, 192), kernel: 5).AvgPool(3, stride: 2, ceilMode: true).Dropout()
        .MlpConv((192, 192, classes), kernel: 3)
        .GlobalAvgPool().Flatten().ToGraph("nin_cifar");

    private static Graph Large(int classes, Shape input) => Image.Of(input[0], input[1], input[2])
        .MlpConv((96, 96, 96), kernel: 11, stride: 4, pad: 0).MaxPool(3, stride: 2)
        .MlpConv((256, 256, 256), kernel: 5).MaxPool(3, stride: 2)
        .MlpConv((384, 384, 384), kernel: 3).MaxPool(3, stride: 2).Dropout()
        .MlpConv((1024, 1024, classes), kernel: 3)
        .GlobalAvgPool().Flatten().ToGraph("nin");
}
