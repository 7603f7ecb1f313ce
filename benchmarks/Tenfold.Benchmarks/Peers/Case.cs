namespace Tenfold.Benchmarks.Peers;

/// <summary>What is timed: a graph for a batch of one.</summary>
internal sealed record Case(string Name, Func<Graph> Build)
{
    /// <summary>The single operations and small blocks that networks are made of.</summary>
    public static IReadOnlyList<Case> Operations { get; } =
    [
        Of("3x3 64->64 56x56", 64, 56, x => x.Conv(64, 3)),
        Of("3x3 128->128 28x28", 128, 28, x => x.Conv(128, 3)),
        Of("3x3 256->256 14x14", 256, 14, x => x.Conv(256, 3)),
        Of("3x3 512->512 7x7", 512, 7, x => x.Conv(512, 3)),
        Of("3x3 64->64 224x224", 64, 224, x => x.Conv(64, 3)),
        Of("3x3 stride 2 128->128 56x56", 128, 56, x => x.Conv(128, 3, stride: 2, pad: 1)),
        Of("5x5 96->256 2 groups 27x27", 96, 27, x => x.Conv(256, 5, groups: 2)),
        Of("3x3 128 ch 32 groups 56x56", 128, 56, x => x.Conv(128, 3, groups: 32)),
        Of("3x3 256 ch 8 groups 28x28", 256, 28, x => x.Conv(256, 3, groups: 8)),
        Of("5x5 16->32 28x28", 16, 28, x => x.Conv(32, 5)),
        Of("7x7 stride 2 3->64 224x224", 3, 224, x => x.Conv(64, 7, stride: 2, pad: 3)),
        Of("1x1 256->64 56x56", 256, 56, x => x.Conv(64, 1)),
        Of("1x1 512->2048 7x7", 512, 7, x => x.Conv(2048, 1)),
        Of("1x1 stride 2 256->512 56x56", 256, 56, x => x.Conv(512, 1, stride: 2)),
        Of("depthwise 3x3 32 ch 112x112", 32, 112, x => x.Depthwise(3)),
        Of("depthwise 3x3 512 ch 14x14", 512, 14, x => x.Depthwise(3)),
        Of("depthwise 3x3 stride 2 144 ch 56x56", 144, 56, x => x.Depthwise(3, stride: 2, pad: 1)),
        Of("depthwise 7x7 96 ch 56x56", 96, 56, x => x.Depthwise(7)),
        Of("dilated 2 3x3 64->64 56x56", 64, 56, x => x.Conv(64, 3, dilation: 2)),
        Of("dilated 4 3x3 128->128 28x28", 128, 28, x => x.Conv(128, 3, dilation: 4)),
        Of("dilated 16 3x3 21->21 64x64", 21, 64, x => x.Conv(21, 3, dilation: 16)),
        Of("separable 32->64 112x112", 32, 112, x => x.Depthwise(3).Relu().Conv(64, 1).Relu()),
        Of("separable 512->512 14x14", 512, 14, x => x.Depthwise(3).Relu().Conv(512, 1).Relu()),
        Of("separable 728->728 19x19", 728, 19, x => x.Depthwise(3).Relu().Conv(728, 1).Relu()),
        Of("shuffle unit v1 240 ch g3 28x28", 240, 28, x => x.ShuffleUnit(240, 3)),
        Of("shuffle unit v1 480 ch g3 14x14", 480, 14, x => x.ShuffleUnit(480, 3)),
        Of("shuffle unit v2 116 ch 28x28", 116, 28, x => x.ShuffleUnitV2(116)),
        Of("shuffle unit v2 232 ch 14x14", 232, 14, x => x.ShuffleUnitV2(232)),
        Of("SE 256 ch r16 56x56", 256, 56, x => x.SqueezeExcite()),
        Of("SE between 1x1 and sum 256 ch 56x56", 256, 56, x => (x + x.Conv(256, 1).SqueezeExcite()).Relu()),
        Of("Inception 3a 28x28", 192, 28, x => x.Inception(64, (96, 128), (16, 32), 32, Unit)),
        Of("bottleneck 256-64-256 56x56", 256, 56, x => (x + Unit(Unit(x, 64, 1), 64, 3).Conv(256, 1)).Relu()),
        Of("bottleneck 1024-256-1024 14x14", 1024, 14, x => (x + Unit(Unit(x, 256, 1), 256, 3).Conv(1024, 1)).Relu()),
        Of("deformable 3x3 64->64 56x56", 64, 56, x => x.Deformable(64, 3)),
        Of("deformable 3x3 256->256 14x14", 256, 14, x => x.Deformable(256, 3)),
        Of("deformable v2 3x3 512->512 14x14", 512, 14, x => x.ModulatedDeformable(512, 3)),
        Of("deformable v2 3x3 128->128 28x28 4 offset groups", 128, 28, x => x.ModulatedDeformable(128, 3, offsetGroups: 4)),
    ];

    /// <summary>Networks, by their names in the zoo, that the comparison is about.</summary>
    public static readonly string[] Networks =
    [
        "alexnet", "vgg16", "googlenet", "inception_v3", "resnet18", "resnet50", "resnext50_32x4d", "densenet121", "mobilenet_v2", "shufflenet_v2_x1_0",
        "squeezenet1_1", "xception", "mobilenet_v1", "shufflenet_v1_g3", "shufflenet_v1_g8", "se_resnet50", "igcv1_l100m2_imagenet", "se_resnext50_32x4d",
        "drn_a_50", "drn_c_26", "drn_d_22", "deformable_resnet50", "deformable_v2_resnet50", "deeplabv3_resnet50", "mobilenet_v3_large", "mobilenet_v3_small", "efficientnet_b0",
    ];

    /// <summary>Training steps, with the batch that is timed.</summary>
    public static readonly (string Network, int Batch)[] Training =
        [("resnet18", 8), ("resnet50", 4), ("mobilenet_v2", 8), ("shufflenet_v2_x1_0", 8), ("densenet121", 4), ("vgg11_bn", 2), ("resnet20", 128)];

    /// <summary>Weights under which every operation shows what it does: no norm is the identity, no bias and no offset is zero.</summary>
    public static Model Weighted(Graph graph)
    {
        var weights = graph.Init(seed: 1);
        foreach (var (name, node) in graph.Parameters)
        {
            if (((Parameter)node.Op).Initializer is not Initializer.Constant { Value: var constant }) continue;
            var (values, random) = (weights[name].Memory, Philox.Named(2, name));
            var deviation = node.Shape.Rank > 1 ? 1 / Math.Sqrt(node.Shape.Count / node.Shape[0]) : 0.1; // offsets of about a pixel
            for (var i = 0; i < values.Length; i++) values.Span[i] = (float)(constant + deviation * Math.Clamp(random.Normal((ulong)i), -3, 3));
        }

        return new Model(graph, weights);
    }

    public static Tensor Noise(Shape shape)
    {
        var (x, random) = (new Tensor(shape), new Philox(3));
        for (var i = 0; i < x.Span.Length; i++) x.Span[i] = (float)random.Normal((ulong)i);
        return x;
    }

    private static Case Of(string name, int channels, int side, Func<Node, Node> make) => new(name, () => make(Image.Of(channels, side, side)).ToGraph(name));

    private static Node Unit(Node x, int channels, Size kernel) => x.Conv(channels, kernel).Relu();
}
