namespace Tenfold;

/// <summary>Krizhevsky, Sutskever, Hinton: "ImageNet Classification with Deep Convolutional Neural Networks", NIPS 2012, section 3 and figure 2;
/// and its form of Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014 (arXiv 1404.5997), which torchvision has.</summary>
public static class AlexNet
{
    internal static IEnumerable<Network> Entries =>
    [
        new("alexnet", "Krizhevsky: One weird trick for parallelizing convolutional neural networks, 2014, arXiv 1404.5997",
            "AlexNet as in torchvision: no groups, no response normalisation", [3, 224, 224], 1000, Later),
        new("alexnet2012", "Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional Neural Networks, 2012",
            "AlexNet of the paper: two groups (its two GPUs), local response normalisation", [3, 227, 227], 1000, Original) { Preprocessing = Preprocessing.None },
    ];

    // The paper says 224, but 55 places of a kernel of 11 by steps of 4 take 227. Its alpha is not divided by the size of the window, Lrn's is.
    private static Graph Original(int classes, Shape input) => Image.Of(input[0], input[1], input[2])
        .Conv(96, kernel: 11, stride: 4, pad: 0, name: "conv1").Relu().Lrn(5, alpha: 5e-4f, beta: 0.75f, k: 2).MaxPool(3, stride: 2)
        .Conv(256, kernel: 5, groups: 2, name: "conv2").Relu().Lrn(5, alpha: 5e-4f, beta: 0.75f, k: 2).MaxPool(3, stride: 2)
        .Conv(384, kernel: 3, name: "conv3").Relu()
        .Conv(384, kernel: 3, groups: 2, name: "conv4").Relu()
        .Conv(256, kernel: 3, groups: 2, name: "conv5").Relu().MaxPool(3, stride: 2)
        .Linear(4096, name: "fc6").Relu().Dropout()
        .Linear(4096, name: "fc7").Relu().Dropout()
        .Linear(classes, name: "fc8")
        .ToGraph("alexnet2012")
        .WithInit((name, parameter) => parameter.Role == "weight" ? new Initializer.Normal(0.01)
            : name is "conv2.bias" or "conv4.bias" or "conv5.bias" or "fc6.bias" or "fc7.bias" ? Initializer.Ones : null);

    private static Graph Later(int classes, Shape input) => Image.Of(input[0], input[1], input[2])
        .Conv(64, kernel: 11, stride: 4, pad: 2, name: "features.0").Relu().MaxPool(3, stride: 2)
        .Conv(192, kernel: 5, name: "features.3").Relu().MaxPool(3, stride: 2)
        .Conv(384, kernel: 3, name: "features.6").Relu()
        .Conv(256, kernel: 3, name: "features.8").Relu()
        .Conv(256, kernel: 3, name: "features.10").Relu().MaxPool(3, stride: 2)
        .AdaptiveAvgPool(6)
        .Dropout().Linear(4096, name: "classifier.1").Relu()
        .Dropout().Linear(4096, name: "classifier.4").Relu()
        .Linear(classes, name: "classifier.6")
        .ToGraph("alexnet")
        .WithInit((_, parameter) => parameter.Role == "weight" ? Initializer.Default : null);
}
