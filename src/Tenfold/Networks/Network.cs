namespace Tenfold;

/// <summary>A network of the zoo: how to build it, and where it comes from.</summary>
/// <param name="Paper">Authors, title, year, arXiv number.</param>
/// <param name="Description">One line.</param>
/// <param name="Input">The paper's size of one picture, [channels, height, width].</param>
/// <param name="Classes">The paper's number of classes.</param>
/// <param name="Build">From classes and the size of one picture.</param>
public sealed record Network(string Name, string Paper, string Description, Shape Input, int Classes, Func<int, Shape, Graph> Build)
{
    /// <summary>All networks, paper by paper.</summary>
    public static IReadOnlyList<Network> All { get; } =
    [
        .. AlexNet.Entries, .. Vgg.Entries, .. NetworkInNetwork.Entries, .. GoogLeNet.Entries, .. BnInception.Entries, .. InceptionV3.Entries,
        .. ResNet.Entries, .. ResNetV2.Entries, .. ResNeXt.Entries, .. WideResNet.Entries, .. DenseNet.Entries,
        .. SqueezeNet.Entries, .. Xception.Entries, .. MobileNet.Entries, .. MobileNetV2.Entries, .. MobileNetV3.Entries, .. EfficientNet.Entries,
        .. ShuffleNet.Entries, .. ShuffleNetV2.Entries, .. InterleavedGroupNet.Entries, .. SqueezeExciteNet.Entries, .. SqueezeExciteCaffeNet.Entries, .. FactorizedNet.Entries,
        .. ContextNet.Entries, .. DilatedResNet.Entries, .. DeepLab.Entries, .. DeformableResNet.Entries,
    ];

    /// <summary>How the published weights want their pictures prepared; torchvision's for ImageNet unless the network says otherwise.</summary>
    public Preprocessing Preprocessing { get; init; } = Preprocessing.ImageNet;

    /// <summary>The network of this name.</summary>
    /// <exception cref="ArgumentException">There is none; the message names those whose names come close.</exception>
    public static Network Named(string name) => All.FirstOrDefault(network => network.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) ??
        throw new ArgumentException($"network: there is no {name}{Names.Suggest(name, All.Select(network => network.Name))}", nameof(name));

    /// <summary>The network's graph for a batch of one.</summary>
    /// <param name="classes">The paper's by default.</param>
    /// <param name="input">[channels, height, width]; the paper's by default.</param>
    /// <exception cref="ArgumentException">There is no such network; the message names those whose names come close.</exception>
    /// <exception cref="ShapeException">The network does not take such pictures.</exception>
    public static Graph Create(string name, int? classes = null, Shape? input = null)
    {
        var network = Named(name);
        var size = input ?? network.Input;
        if (size.Rank != 3) throw new ShapeException($"{name}: a picture is channels x height x width, not {size}");
        if (classes < 1) throw new ShapeException($"{name}: {classes} classes; at least 1");
        return network.Build(classes ?? network.Classes, size);
    }
}
