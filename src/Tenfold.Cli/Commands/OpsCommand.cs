using System.CommandLine;
using System.Diagnostics;
using Spectre.Console;

namespace Tenfold.Cli;

/// <summary><c>tenfold ops</c>: the ten operations, and what each costs against what it stands in for.</summary>
internal sealed class OpsCommand : ToolCommand
{
    private const int Groups = 8; // channels must divide into them, and into SE's 16

    private readonly Option<int> _channels = Cli.Options.Whole("--channels", "Channels in and out, a multiple of 16; 256 is what the article counts with", 256, least: 16, most: 4096);
    private readonly Option<int> _size = Cli.Options.Whole("--size", "Height and width of the map", 14, least: 1, most: 1024);
    private readonly Option<bool> _measure = new("--measure") { Description = "Also measure each on this machine, batch 1: a few seconds in all" };
    private readonly Option<int> _threads = Cli.Options.Threads();

    public OpsCommand() : base("ops", "List the ten operations: formula, cost against the convolution each stands in for, paper")
    {
        Add(_channels);
        Add(_size);
        Add(_measure);
        Add(_threads);
        Validators.Add(result =>
        {
            if (result.GetValue(_channels) % 16 != 0) result.AddError($"--channels is {result.GetValue(_channels)}; it must be a multiple of 16");
        });
    }

    public override string[] Examples => ["tenfold ops", "tenfold ops --measure --threads 1", "tenfold ops --channels 64 --size 56 --json"];

    public override int Run(ParseResult given, Screen screen, CancellationToken stop)
    {
        var (channels, size) = (given.GetValue(_channels), given.GetValue(_size));
        var measure = given.GetValue(_measure);
        var run = new RunOptions { Threads = given.GetValue(_threads) };
        var input = Image.Of(channels, size, size);
        var documents = s_ten.Select(idea =>
        {
            stop.ThrowIfCancellationRequested();
            if (measure) screen.Note($"measuring {idea.Name}");
            var (own, dense) = (idea.Build(input).ToGraph(idea.Name), idea.Replaced(input).ToGraph(idea.Replaces));
            return new OpDocument(
                idea.Name, idea.Formula, own.Cost.Parameters, own.Cost.Macs, idea.Replaces, dense.Cost.Parameters, dense.Cost.Macs,
                measure ? Milliseconds(own, run) : null, measure ? Milliseconds(dense, run) : null, idea.Paper);
        }).ToArray();

        screen.Result(documents, Documents.Written.OpDocumentArray, () =>
        {
            screen.Line($"{channels} to {channels} channels on {size}x{size} maps; C: channels in and out, k: kernel; weights by formula, parameters with biases");
            screen.Line();
            var table = measure
                ? screen.Table("operation", "weights", ">parameters", ">MACs", "in place of", ">parameters", ">MACs", ">x fewer MACs", ">ms", ">ms before", ">x faster")
                : screen.Table("operation", "weights", ">parameters", ">MACs", "in place of", ">parameters", ">MACs", ">x fewer MACs");
            foreach (var op in documents)
            {
                List<string> row = [op.Name, op.Formula, $"{op.Parameters:N0}", $"{op.Macs:N0}", op.Replaces, $"{op.ReplacedParameters:N0}", $"{op.ReplacedMacs:N0}", $"{(double)op.ReplacedMacs / op.Macs:0.00}"];
                if (op is { LatencyMs: { } own, ReplacedLatencyMs: { } dense }) row.AddRange([$"{own:0.000}", $"{dense:0.000}", $"{dense / own:0.00}"]);
                table.AddRow([.. row.Select(Markup.Escape)]);
            }

            screen.Draw(table);
            foreach (var op in documents) screen.Line($"{op.Name}: {op.Paper}");
        });
        return Tool.Done;
    }

    // The median of as many runs as fit into a sixth of a second.
    private static double Milliseconds(Graph graph, RunOptions options)
    {
        var (session, x) = (new Model(graph).Compile(options), new Tensor(graph.Inputs[0].Shape));
        var random = Philox.Named(0, "input");
        for (var i = 0; i < x.Span.Length; i++) x.Span[i] = (float)random.Normal((ulong)i);
        for (var i = 0; i < 30; i++) session.Run(x); // until the code is optimised
        var times = new List<double>();
        for (var all = Stopwatch.StartNew(); times.Count < 15 || all.ElapsedMilliseconds < 150;)
        {
            var start = Stopwatch.GetTimestamp();
            session.Run(x);
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        return Reading.Median(times).Value;
    }

    private static readonly Idea[] s_ten =
    [
        new("group convolution", "k²C²/g, g = 8", "Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep CNNs, 2012; Xie et al.: ResNeXt, 2017, arXiv 1611.05431",
            x => x.Conv(x.Channels, 3, groups: Groups, bias: false), Dense(3)),
        new("stacked 3x3", "2 · 9C²", "Simonyan, Zisserman: Very Deep Convolutional Networks (VGG), 2015, arXiv 1409.1556",
            x => x.Conv(x.Channels, 3, bias: false).Relu().Conv(x.Channels, 3, bias: false), Dense(5)),
        new("inception", "1x1, 3x3, 5x5 and pool side by side, behind 1x1s", "Szegedy et al.: Going Deeper with Convolutions, 2015, arXiv 1409.4842",
            x => x.Conv(x.Channels / 4, 1, bias: false).Concat(
                x.Conv(3 * x.Channels / 8, 1, bias: false).Relu().Conv(x.Channels / 2, 3, bias: false),
                x.Conv(x.Channels / 16, 1, bias: false).Relu().Conv(x.Channels / 8, 5, bias: false),
                x.MaxPool(3, stride: 1, pad: 1).Conv(x.Channels / 8, 1, bias: false)), Dense(5)),
        new("bottleneck", "C²/4 + 9(C/4)² + C²/4", "He et al.: Deep Residual Learning, 2016, arXiv 1512.03385; Lin, Chen, Yan: Network in Network, 2014, arXiv 1312.4400",
            x => x.Conv(x.Channels / 4, 1, bias: false).Relu().Conv(x.Channels / 4, 3, bias: false).Relu().Conv(x.Channels, 1, bias: false), Dense(3)),
        new("residual connection", "none: y = x + F(x)", "He et al.: Deep Residual Learning, 2016, arXiv 1512.03385",
            x => x + x.Conv(x.Channels, 3, bias: false), Dense(3)),
        new("depthwise separable", "9C + C²", "Sifre, 2014; Chollet: Xception, 2017, arXiv 1610.02357; Howard et al.: MobileNets, 2017, arXiv 1704.04861",
            x => x.SeparableConv(x.Channels, 3), Dense(3)),
        new("channel shuffle", "C²/4g + 9C/4 + C²/4g, g = 4", "Zhang et al.: ShuffleNet, 2018, arXiv 1707.01083",
            x => x.Conv(x.Channels / 4, 1, groups: 4, bias: false).Relu().ChannelShuffle(4).Depthwise(3, bias: false).Conv(x.Channels, 1, groups: 4, bias: false), Dense(3)),
        new("squeeze-and-excitation", "9C² + 2C²/16 + C/16 + C", "Hu, Shen, Sun: Squeeze-and-Excitation Networks, 2018, arXiv 1709.01507",
            x => x.Conv(x.Channels, 3, bias: false).SqueezeExcite(), Dense(3)),
        new("dilated convolution", "9C², sees 5x5", "Yu, Koltun: Multi-Scale Context Aggregation by Dilated Convolutions, 2016, arXiv 1511.07122",
            x => x.Conv(x.Channels, 3, dilation: 2, bias: false), Dense(5)),
        new("deformable convolution", "9C² + 2 · 9 · 9C + 2 · 9", "Dai et al.: Deformable Convolutional Networks, 2017, arXiv 1703.06211",
            x => x.Deformable(x.Channels, 3), Dense(3)),
    ];

    private static (string Name, Func<Node, Node> Build) Dense(int kernel) => ($"conv {kernel}x{kernel}", x => x.Conv(x.Channels, kernel, bias: false));

    private sealed record Idea(string Name, string Formula, string Paper, Func<Node, Node> Build, (string Name, Func<Node, Node> Build) Other)
    {
        public string Replaces => Other.Name;

        public Func<Node, Node> Replaced => Other.Build;
    }
}

/// <param name="Replaces">What the operation stands in for: a dense convolution of the same channels that sees as much (with residual connections and SE, the one they are added to).</param>
internal sealed record OpDocument(string Name, string Formula, long Parameters, long Macs, string Replaces, long ReplacedParameters, long ReplacedMacs, double? LatencyMs, double? ReplacedLatencyMs, string Paper);
