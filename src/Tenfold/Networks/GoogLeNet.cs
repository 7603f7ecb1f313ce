namespace Tenfold;

/// <summary>Szegedy et al.: "Going Deeper with Convolutions", CVPR 2015 (arXiv 1409.4842), table 1 and figures 2 and 3.</summary>
/// <remarks>
/// Networks whose names end in <c>_aux</c> have the two auxiliary classifiers of the paper as further outputs, to be trained with; their weights
/// fit the network without. torchvision's form has batch norm in place of biases and response normalisation, and 3x3 kernels in the branch
/// that should have 5x5; weights carry its names.
/// </remarks>
public static class GoogLeNet
{
    private const string Paper = "Szegedy et al.: Going Deeper with Convolutions, 2015, arXiv 1409.4842";

    // Table 1: #1x1, (#3x3 reduce, #3x3), (#5x5 reduce, #5x5), pool proj.
    private static readonly (string Name, int One, (int, int) Three, (int, int) Five, int Pool)[] s_modules =
    [
        ("3a", 64, (96, 128), (16, 32), 32),
        ("3b", 128, (128, 192), (32, 96), 64),
        ("4a", 192, (96, 208), (16, 48), 64),
        ("4b", 160, (112, 224), (24, 64), 64),
        ("4c", 128, (128, 256), (24, 64), 64),
        ("4d", 112, (144, 288), (32, 64), 64),
        ("4e", 256, (160, 320), (32, 128), 128),
        ("5a", 256, (160, 320), (32, 128), 128),
        ("5b", 384, (192, 384), (48, 128), 128),
    ];

    internal static IEnumerable<Network> Entries =>
    [
        Entry("googlenet", "GoogLeNet as in torchvision: batch norm, no 5x5", Torchvision),
        Entry("googlenet_aux", "GoogLeNet as in torchvision, with its auxiliary classifiers", Torchvision with { Heads = true }),
        Entry("googlenet2015", "GoogLeNet of the paper: 5x5 kernels, local response normalisation", Original),
        Entry("googlenet2015_aux", "GoogLeNet of the paper, with its auxiliary classifiers", Original with { Heads = true }),
        Entry("googlenet_naive", "GoogLeNet of the paper's naive modules, of the same widths: what the 1x1 reductions save", Original with { Naive = true }),
    ];

    private static Network Entry(string name, string description, Style style) => new(name, Paper, description, [3, 224, 224], 1000, (classes, input) => Build(name, style, classes, input))
    {
        Preprocessing = style.Responses ? Preprocessing.None : Preprocessing.Symmetric with { Share = 0.875f },
    };

    /// <summary>What tells the forms apart.</summary>
    /// <param name="Unit">From a map, channels, kernel and stride to a convolution with what follows it.</param>
    /// <param name="Responses">Whether responses are normalised.</param>
    /// <param name="LastPool">Kernel of the pooling before module 5a.</param>
    private sealed record Style(Func<Node, int, Size, int, Node> Unit, bool Responses, int LastPool, float Dropout, bool Heads = false, bool Naive = false);

    private static readonly Style Original = new((x, channels, kernel, stride) => x.Conv(channels, kernel, stride, name: "conv").Relu(), Responses: true, LastPool: 3, Dropout: 0.4f);

    private static readonly Style Torchvision = new(
        (x, channels, kernel, stride) => x.ConvBn(channels, kernel == 5 ? 3 : kernel, stride, conv: "conv", bn: "bn", epsilon: 1e-3f).Relu(),
        Responses: false, LastPool: 2, Dropout: 0.2f);

    private static Graph Build(string name, Style style, int classes, Shape input)
    {
        var x = Image.Of(input[0], input[1], input[2]).Scope("conv1", y => style.Unit(y, 64, 7, 2)).MaxPool(3, stride: 2, ceilMode: true);
        if (style.Responses) x = x.Lrn(5, alpha: 1e-4f, beta: 0.75f, k: 1);
        x = x.Scope("conv2", y => style.Unit(y, 64, 1, 1)).Scope("conv3", y => style.Unit(y, 192, 3, 1));
        if (style.Responses) x = x.Lrn(5, alpha: 1e-4f, beta: 0.75f, k: 1);
        x = x.MaxPool(3, stride: 2, ceilMode: true);

        var heads = new List<Node>();
        foreach (var module in s_modules)
        {
            if (module.Name is "4a") x = x.MaxPool(3, stride: 2, ceilMode: true);
            if (module.Name is "5a") x = x.MaxPool(style.LastPool, stride: 2, ceilMode: true);
            x = x.Scope($"inception{module.Name}", y => style.Naive
                ? y.InceptionNaive(module.One, module.Three.Item2, module.Five.Item2, Unit)
                : y.Inception(module.One, module.Three, module.Five, module.Pool, Unit));
            if (style.Heads && module.Name is ("4a" or "4d")) heads.Add(x.Scope($"aux{heads.Count + 1}", y => Head(y, style, classes)));
        }

        var logits = x.GlobalAvgPool().Flatten().Dropout(style.Dropout).Linear(classes, name: "fc");
        return new Graph(name, [logits, .. heads]).WithInit((_, parameter) => style.Responses
            ? parameter.Role == "weight" ? new Initializer.Uniform(FanIn: 3) : new Initializer.Constant(0.2)
            : parameter is { Role: "weight", Shape.Rank: > 1 } ? new Initializer.Normal(0.01) : null);

        Node Unit(Node y, int channels, Size kernel) => style.Unit(y, channels, kernel, 1);
    }

    // Both poolings make 4x4 of 14x14.
    private static Node Head(Node x, Style style, int classes) => (style.Responses ? x.AvgPool(5, stride: 3) : x.AdaptiveAvgPool(4))
        .Scope("conv", y => style.Unit(y, 128, 1, 1))
        .Linear(1024, name: "fc1").Relu().Dropout(0.7f)
        .Linear(classes, name: "fc2");
}
