namespace Tenfold;

/// <summary>A small network for any pictures, in which one operation differs from the baseline; everything else is equal, and so is the work.</summary>
/// <remarks>
/// <para>All are one skeleton: a stem brings the picture down to at most 16x16 places; a 1x1 convolution and two units stand there; the map is
/// halved, the channels about doubled by a 1x1 convolution, two more units; global average pooling and a linear layer. A variant replaces the units. Its channels are then
/// chosen so that one picture costs as many multiply-adds as in the baseline, within <see cref="Tolerance"/>; or, where most weights cost none, so that there are as many parameters. So a difference in accuracy is due to the
/// operation, and one in latency is what counting multiply-adds does not tell.</para>
/// </remarks>
/// <param name="Operation">Its name in tables.</param>
/// <param name="Change">The one thing that differs from the baseline.</param>
/// <param name="Paper">Authors, title, year.</param>
/// <param name="Unit">From a map to one of the same shape; the second argument is the stage, 0 or 1.</param>
public sealed record Variant(string Operation, string Change, string Paper, Func<Node, int, Node> Unit)
{
    /// <summary>The largest relative difference to the baseline in what is held equal.</summary>
    public const double Tolerance = 0.03;

    private const int Groups = 4;
    private const int BaselineWidth = 16;
    private const int LeastWidth = 8;
    private const int MostPlaces = 16 * 16;

    private static readonly int[] s_steps = [16, 8, 4, 2, 1];

    /// <summary>What the number of channels is a multiple of.</summary>
    public int Step { get; init; } = 1;

    /// <summary>Whether parameters are held equal, not multiply-adds.</summary>
    public bool EqualParameters { get; init; }

    public static Variant Baseline { get; } = new("baseline", "each unit is two stacked 3x3 convolutions, each with batch norm and ReLU",
        "Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, 2015",
        (x, _) => x.StackedConv(x.Channels, kernel: 5));

    /// <summary>The baseline first, then the ten operations in the order of the article, then what became of them.</summary>
    public static IReadOnlyList<Variant> All { get; } =
    [
        Baseline,
        new("group", $"the 3x3 convolutions work in {Groups} groups of channels",
            "Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional Neural Networks, 2012",
            (x, _) => Twice(x, y => y.GroupConvBn(y.Channels, Groups, kernel: 3).Relu())) { Step = Groups },
        new("5x5", "one 5x5 convolution in place of two stacked 3x3: it sees as far",
            "what Simonyan, Zisserman, 2015, section 2.3, argue against",
            (x, _) => x.ConvBn(x.Channels, kernel: 5).Relu()),
        new("inception", "each 3x3 convolution becomes a module of 1x1, 3x3, 5x5 and pooling side by side",
            "Szegedy et al.: Going Deeper with Convolutions, 2015",
            (x, _) => Twice(x, Module)) { Step = 4 },
        new("bottleneck", "each pair of 3x3 becomes 1x1 to a quarter of the channels, 3x3, 1x1 back",
            "Lin, Chen, Yan: Network In Network, 2014; He, Zhang, Ren, Sun, 2016",
            (x, _) => x.Bottleneck(x.Channels / 4, x.Channels).Relu()) { Step = 4 },
        new("residual", "a skip connection passes each unit",
            "He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, 2016",
            (x, _) => x.ResidualBasic(x.Channels)),
        new("separable", "each 3x3 becomes a depthwise 3x3 and a 1x1 convolution",
            "Chollet: Xception, 2017; Howard et al.: MobileNets, 2017",
            (x, _) => Twice(x, y => y.DepthwiseSeparable(y.Channels, kernel: 3))),
        new("shuffle", $"as group, and behind each convolution the channels are shuffled between the {Groups} groups",
            "Zhang, Zhou, Lin, Sun: ShuffleNet, 2018",
            (x, _) => Twice(x, y => y.GroupConvBn(y.Channels, Groups, kernel: 3).Relu().ChannelShuffle(Groups))) { Step = Groups },
        new("squeeze-excite", "each unit ends in squeeze-and-excitation of its channels",
            "Hu, Shen, Sun: Squeeze-and-Excitation Networks, 2018",
            (x, _) => x.StackedConv(x.Channels, kernel: 5).SqueezeExcite(reduction: 4)),
        new("dilated", "the second 3x3 of each unit is dilated by 2",
            "Yu, Koltun: Multi-Scale Context Aggregation by Dilated Convolutions, 2016",
            (x, _) => Plain(x).ConvBn(x.Channels, kernel: 3, dilation: 2).Relu()),
        new("deformable", "the second 3x3 of each unit of the second stage is deformable: it learns where to look",
            "Dai et al.: Deformable Convolutional Networks, 2017",
            (x, stage) => stage == 0 ? x.StackedConv(x.Channels, kernel: 5) : Plain(x).Deformable(x.Channels, kernel: 3).BatchNorm().Relu()),
        new("weighted skip", "as residual, and each channel of the branch has a learned weight",
            "Touvron et al.: Going Deeper with Image Transformers, 2021; Bachlechner et al.: ReZero, 2020",
            (x, _) => x.WeightedResidual(y => Plain(y).ConvBn(y.Channels, kernel: 3), Skip.PerChannel()).Relu()),
        new("combined", "each 3x3 becomes a bottleneck of grouped 1x1, shuffle, depthwise 3x3 and grouped 1x1, with squeeze-and-excitation and a skip connection",
            "Zhang, Zhou, Lin, Sun: ShuffleNet, 2018, section 4.4, with Hu, Shen, Sun, 2018",
            (x, _) => Twice(x, y => y.Combined(y.Channels, Groups, reduction: 4))) { Step = Groups, EqualParameters = true },
    ];

    /// <summary>The variant of this name.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static Variant Named(string operation) => All.FirstOrDefault(variant => variant.Operation.Equals(operation, StringComparison.OrdinalIgnoreCase))
        ?? throw new ArgumentException($"there is no variant {operation}; there are {string.Join(", ", All.Select(variant => variant.Operation))}", nameof(operation));

    /// <summary>The network, with channels for as many multiply-adds (or parameters) as the baseline's, within <see cref="Tolerance"/>.</summary>
    /// <param name="input">One picture: [channels, height, width].</param>
    /// <exception cref="ShapeException">The input is no picture, or there are no classes.</exception>
    public Graph Build(Shape input, int classes)
    {
        if (input.Rank != 3) throw new ShapeException($"{Operation}: a picture is channels x height x width, not {input}");
        if (classes < 1) throw new ShapeException($"{Operation}: {classes} classes; at least 1");
        if (this == Baseline) return Build(input, classes, BaselineWidth, 2 * BaselineWidth);
        var wanted = Held(Baseline.Build(input, classes));

        // Kernels work on blocks of 16 channels, so the roundest numbers within the tolerance are taken; of these the ones nearest to doubling.
        var all = new List<Candidate>();
        foreach (var step in s_steps.Select(step => Math.Max(step, Step)).Distinct())
        {
            var found = Candidates(input, classes, wanted, step).ToArray();
            if (found.Where(each => each.Error <= Tolerance).MinBy(each => Math.Abs((double)each.Second / each.First - 2)) is { } fits) return fits.Graph;
            all.AddRange(found);
        }

        return all.MinBy(each => each.Error)!.Graph;
    }

    /// <summary>The number that is held equal.</summary>
    public long Held(Graph graph) => EqualParameters ? graph.Cost.Parameters : graph.Cost.Macs;

    // For each width of the first stage the two of the second, from 1.5 to 2.5 times as many, between which the wanted cost lies.
    private IEnumerable<Candidate> Candidates(Shape input, int classes, long wanted, int step)
    {
        for (var first = Math.Max(step, LeastWidth); ; first += step)
        {
            var (low, high) = ((3 * first / 2 + step - 1) / step, 5 * first / 2 / step); // in steps
            if (Held(Build(input, classes, first, low * step)) > wanted * (1 + Tolerance)) yield break;
            while (high - low > 1)
            {
                var middle = (low + high) / 2;
                if (Held(Build(input, classes, first, middle * step)) <= wanted) low = middle;
                else high = middle;
            }

            yield return Candidate(low);
            if (high != low) yield return Candidate(high);

            Candidate Candidate(int steps)
            {
                var graph = Build(input, classes, first, steps * step);
                return new Candidate(graph, first, steps * step, Math.Abs((double)Held(graph) / wanted - 1));
            }
        }
    }

    private Graph Build(Shape input, int classes, int first, int second)
    {
        var x = Image.Of(input[0], input[1], input[2]);
        x = x.ConvBn(BaselineWidth, kernel: 3, stride: x.Shape.Plane.Area > MostPlaces ? 2 : 1).Relu();
        while (x.Shape.Plane.Area > MostPlaces) x = x.MaxPool(3, stride: 2, pad: 1);
        x = Stage(x, 0, first).MaxPool(3, stride: 2, pad: 1);
        return Stage(x, 1, second).GlobalAvgPool().Linear(classes, name: "classes").ToGraph(Operation);

        Node Stage(Node y, int stage, int width) => y.Scope($"stage{stage + 1}", z => z
            .ConvBn(width, kernel: 1).Relu()
            .Scope("0", unit => Unit(unit, stage))
            .Scope("1", unit => Unit(unit, stage)));
    }

    private static Node Twice(Node x, Func<Node, Node> layer) => x.Scope("0", layer).Scope("1", layer);

    private static Node Plain(Node x) => x.ConvBn(x.Channels, kernel: 3).Relu();

    // Half of the channels come from the 3x3, as in GoogLeNet's first modules.
    private static Node Module(Node x)
    {
        var (half, quarter) = (x.Channels / 2, x.Channels / 4);
        return x.Inception(one: quarter, three: (half, half), five: (quarter / 2, quarter / 2), pool: quarter - quarter / 2);
    }

    private sealed record Candidate(Graph Graph, int First, int Second, double Error);
}
