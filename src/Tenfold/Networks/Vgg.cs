namespace Tenfold;

/// <summary>Simonyan, Zisserman: "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015 (arXiv 1409.1556), table 1.</summary>
/// <remarks>Weights carry torchvision's names. The variants with batch norm keep the convolutions' biases, as there.</remarks>
public static class Vgg
{
    private const string Paper = "Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, 2015, arXiv 1409.1556";

    // Columns A, B, D and E: how many 3x3 convolutions each stage has.
    private static readonly (int Depth, int[] Stages)[] s_columns = [(11, [1, 1, 2, 2, 2]), (13, [2, 2, 2, 2, 2]), (16, [2, 2, 3, 3, 3]), (19, [2, 2, 4, 4, 4])];

    internal static IEnumerable<Network> Entries =>
        [.. s_columns.Select(column => Entry(column.Depth, column.Stages, norm: false)), .. s_columns.Select(column => Entry(column.Depth, column.Stages, norm: true))];

    private static Network Entry(int depth, int[] stages, bool norm)
    {
        var name = norm ? $"vgg{depth}_bn" : $"vgg{depth}";
        return new Network(name, Paper, $"VGG-{depth}: 3x3 convolutions only{(norm ? ", with batch norm" : "")}", [3, 224, 224], 1000,
            (classes, input) => Build(name, stages, norm, classes, input));
    }

    private static Graph Build(string name, int[] stages, bool norm, int classes, Shape input) => Features(Image.Of(input[0], input[1], input[2]), stages, norm)
        .AdaptiveAvgPool(7)
        .Linear(4096, name: "classifier.0").Relu().Dropout()
        .Linear(4096, name: "classifier.3").Relu().Dropout()
        .Linear(classes, name: "classifier.6")
        .ToGraph(name)
        .WithInit((_, parameter) => parameter is { Role: "weight", Shape.Rank: 2 } ? new Initializer.Normal(0.01) : null);

    // torchvision numbers everything in the row: convolutions, norms, ReLUs and pools.
    private static Node Features(Node x, int[] stages, bool norm)
    {
        var layer = 0;
        foreach (var (stage, count) in stages.Index())
        {
            for (var i = 0; i < count; i++)
            {
                x = x.Conv(Math.Min(64 << stage, 512), kernel: 3, name: $"features.{layer++}");
                if (norm) x = x.BatchNorm(name: $"features.{layer++}");
                x = x.Relu();
                layer++;
            }

            x = x.MaxPool(2);
            layer++;
        }

        return x;
    }
}
