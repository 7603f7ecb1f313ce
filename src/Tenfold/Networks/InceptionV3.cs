namespace Tenfold;

/// <summary>Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: "Rethinking the Inception Architecture for Computer Vision", CVPR 2016 (arXiv 1512.00567), section 6 and
/// figures 5 to 7: 5x5 as two 3x3, 7x7 as 1x7 and 7x1, 3x3 as 1x3 beside 3x1.</summary>
/// <remarks>As torchvision has it, from TensorFlow; weights carry its names. <c>inception_v3_aux</c> has the auxiliary classifier as a second output, to
/// be trained with; its weights fit the network without.</remarks>
public static class InceptionV3
{
    private const string Paper = "Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the Inception Architecture for Computer Vision, 2016, arXiv 1512.00567";

    internal static IEnumerable<Network> Entries =>
    [
        Entry("inception_v3", "Inception v3: kernels factorised into small and one-sided ones", head: false),
        Entry("inception_v3_aux", "Inception v3 with its auxiliary classifier", head: true),
    ];

    private static Network Entry(string name, string description, bool head) => new(name, Paper, description, [3, 299, 299], 1000, (classes, input) => Build(name, head, classes, input))
    {
        Preprocessing = Preprocessing.Symmetric with { Share = 299f / 342 },
    };

    private static Graph Build(string name, bool head, int classes, Shape input)
    {
        if (Math.Min(input[1], input[2]) < 75) throw new ShapeException($"{name}: pictures of at least 75x75, not {input[1]}x{input[2]}");
        var x = Image.Of(input[0], input[1], input[2])
            .Unit("Conv2d_1a_3x3", 32, 3, stride: 2, pad: 0).Unit("Conv2d_2a_3x3", 32, 3, pad: 0).Unit("Conv2d_2b_3x3", 64, 3).MaxPool(3, stride: 2)
            .Unit("Conv2d_3b_1x1", 80, 1).Unit("Conv2d_4a_3x3", 192, 3, pad: 0).MaxPool(3, stride: 2)
            .Scope("Mixed_5b", y => ModuleA(y, 32)).Scope("Mixed_5c", y => ModuleA(y, 64)).Scope("Mixed_5d", y => ModuleA(y, 64))
            .Scope("Mixed_6a", ModuleB)
            .Scope("Mixed_6b", y => ModuleC(y, 128)).Scope("Mixed_6c", y => ModuleC(y, 160)).Scope("Mixed_6d", y => ModuleC(y, 160)).Scope("Mixed_6e", y => ModuleC(y, 192));
        Node[] heads = head ? [x.Scope("AuxLogits", y => Head(y, classes))] : [];
        x = x.Scope("Mixed_7a", ModuleD).Scope("Mixed_7b", ModuleE).Scope("Mixed_7c", ModuleE);
        return new Graph(name, [x.GlobalAvgPool().Flatten().Dropout().Linear(classes, name: "fc"), .. heads]).WithInit((parameter, made) =>
            made is not { Role: "weight", Shape.Rank: > 1 } ? null
            : new Initializer.Normal(parameter switch { "AuxLogits.conv1.conv.weight" => 0.01, "AuxLogits.fc.weight" => 0.001, _ => 0.1 }));
    }

    // Figure 5, at 35x35.
    private static Node ModuleA(Node x, int pool) => x.Unit("branch1x1", 64, 1).Concat(
        x.Unit("branch5x5_1", 48, 1).Unit("branch5x5_2", 64, 5),
        x.Unit("branch3x3dbl_1", 64, 1).Unit("branch3x3dbl_2", 96, 3).Unit("branch3x3dbl_3", 96, 3),
        x.AvgPool(3, stride: 1, pad: 1).Unit("branch_pool", pool, 1));

    // To 17x17.
    private static Node ModuleB(Node x) => x.Unit("branch3x3", 384, 3, stride: 2, pad: 0).Concat(
        x.Unit("branch3x3dbl_1", 64, 1).Unit("branch3x3dbl_2", 96, 3).Unit("branch3x3dbl_3", 96, 3, stride: 2, pad: 0),
        x.MaxPool(3, stride: 2));

    // Figure 6, n = 7.
    private static Node ModuleC(Node x, int width) => x.Unit("branch1x1", 192, 1).Concat(
        x.Unit("branch7x7_1", width, 1).Unit("branch7x7_2", width, (1, 7)).Unit("branch7x7_3", 192, (7, 1)),
        x.Unit("branch7x7dbl_1", width, 1).Unit("branch7x7dbl_2", width, (7, 1)).Unit("branch7x7dbl_3", width, (1, 7))
            .Unit("branch7x7dbl_4", width, (7, 1)).Unit("branch7x7dbl_5", 192, (1, 7)),
        x.AvgPool(3, stride: 1, pad: 1).Unit("branch_pool", 192, 1));

    // To 8x8.
    private static Node ModuleD(Node x) => x.Unit("branch3x3_1", 192, 1).Unit("branch3x3_2", 320, 3, stride: 2, pad: 0).Concat(
        x.Unit("branch7x7x3_1", 192, 1).Unit("branch7x7x3_2", 192, (1, 7)).Unit("branch7x7x3_3", 192, (7, 1)).Unit("branch7x7x3_4", 192, 3, stride: 2, pad: 0),
        x.MaxPool(3, stride: 2));

    // Figure 7.
    private static Node ModuleE(Node x)
    {
        var three = x.Unit("branch3x3_1", 384, 1);
        var twice = x.Unit("branch3x3dbl_1", 448, 1).Unit("branch3x3dbl_2", 384, 3);
        return x.Unit("branch1x1", 320, 1).Concat(
            three.Unit("branch3x3_2a", 384, (1, 3)), three.Unit("branch3x3_2b", 384, (3, 1)),
            twice.Unit("branch3x3dbl_3a", 384, (1, 3)), twice.Unit("branch3x3dbl_3b", 384, (3, 1)),
            x.AvgPool(3, stride: 1, pad: 1).Unit("branch_pool", 192, 1));
    }

    private static Node Head(Node x, int classes) => x.AvgPool(5, stride: 3).Unit("conv0", 128, 1).Unit("conv1", 768, 5, pad: 0).GlobalAvgPool().Linear(classes, name: "fc");

    private static Node Unit(this Node x, string name, int channels, Size kernel, int stride = 1, Padding? pad = null) =>
        x.Scope(name, y => y.ConvBn(channels, kernel, stride, pad, conv: "conv", bn: "bn", epsilon: 1e-3f).Relu());
}
