using Xunit;

namespace Tenfold.Tests;

public class VariantTests
{
    public static TheoryData<int, int, int, int> Inputs => new()
    {
        { 1, 28, 28, 10 }, { 3, 32, 32, 10 }, { 3, 32, 32, 100 }, { 3, 64, 64, 2 }, { 3, 224, 160, 5 }, { 1, 7, 50, 3 }, { 4, 1, 1, 2 }, { 2, 5, 300, 1 },
    };

    [Theory]
    [MemberData(nameof(Inputs))]
    public void Every_variant_is_as_large_as_the_baseline(int channels, int height, int width, int classes)
    {
        var baseline = Variant.Baseline.Build([channels, height, width], classes);
        foreach (var variant in Variant.All)
        {
            var graph = variant.Build([channels, height, width], classes);
            Assert.Equal([1, classes], graph.Output.Shape);
            Assert.Equal(variant.Operation, graph.Name);
            var (held, wanted) = variant.Operation == "combined" ? (graph.Cost.Parameters, baseline.Cost.Parameters) : (graph.Cost.Macs, baseline.Cost.Macs);
            Assert.True(Math.Abs((double)held / wanted - 1) <= Variant.Tolerance, $"{variant.Operation}: {held}, not {wanted}");
        }
    }

    [Fact]
    public void Every_variant_changes_something_and_says_what()
    {
        Assert.Equal(Variant.All.Count, Variant.All.Select(variant => variant.Operation).Distinct().Count());
        Assert.Equal(Variant.All.Count, Variant.All.Select(variant => variant.Build([1, 28, 28], 10).Summarize().ToText()).Distinct().Count());
        Assert.All(Variant.All, variant =>
        {
            Assert.NotEmpty(variant.Change);
            Assert.Matches("(19|20)[0-9]{2}", variant.Paper);
        });
    }

    // What a variant is, told from its operations.
    [Fact]
    public void Each_operation_is_really_in_its_network()
    {
        Assert.All(Convolutions("baseline"), node => Assert.Equal(1, Convolution(node).Groups));
        Assert.DoesNotContain(Graph("baseline").Nodes, node => node.Op is Add or Multiply or Tenfold.ChannelShuffle or Tenfold.Concat or DeformableConvolution);
        Assert.Equal(8, Convolutions("group").Count(node => Convolution(node).Groups == 4));
        Assert.Equal(4, Convolutions("5x5").Count(node => Kernel(node) == 5));
        Assert.Equal(8, Graph("inception").Nodes.Count(node => node.Op is Tenfold.Concat));
        Assert.Equal(4, Convolutions("bottleneck").Skip(1).Count(node => Kernel(node) == 3 && node.Inputs[0].Channels * 4 == NextWidth(node)));
        Assert.Equal(4, Graph("residual").Nodes.Count(node => node.Op is Add));
        Assert.Equal(8, Convolutions("separable").Count(node => Convolution(node).Groups == node.Channels));
        Assert.Equal(8, Graph("shuffle").Nodes.Count(node => node.Op is Tenfold.ChannelShuffle));
        Assert.Equal(4, Graph("squeeze-excite").Nodes.Count(node => node.Op is Multiply));
        Assert.Equal(4, Convolutions("dilated").Count(node => Convolution(node).Dilation == new Size(2, 2)));
        Assert.Equal(2, Graph("deformable").Nodes.Count(node => node.Op is DeformableConvolution));
        Assert.Equal(4, Graph("weighted skip").Parameters.Keys.Count(name => name.EndsWith(".scale", StringComparison.Ordinal)));
        foreach (var kind in new[] { typeof(Add), typeof(Multiply), typeof(Tenfold.ChannelShuffle) }) Assert.Equal(8, Graph("combined").Nodes.Count(node => node.Op.GetType() == kind));

        static Graph Graph(string operation) => Variant.Named(operation).Build([1, 28, 28], 10);

        static IEnumerable<Node> Convolutions(string operation) => Graph(operation).Nodes.Where(node => node.Op is Convolution);

        static Convolution Convolution(Node node) => (Convolution)node.Op;

        static int Kernel(Node node) => node.Inputs[1].Shape[2];

        // A bottleneck's waist is a quarter of what goes in.
        static int NextWidth(Node node)
        {
            var x = node.Inputs[0];
            while (x.Op is not Tenfold.Convolution) x = x.Inputs[0];
            return x.Inputs[0].Channels;
        }
    }

    [Fact]
    public void What_changes_no_shapes_is_equal_to_the_last_parameter()
    {
        var baseline = Variant.Baseline.Build([3, 32, 32], 10).Cost;
        foreach (var name in new[] { "residual", "dilated" })
        {
            var cost = Variant.Named(name).Build([3, 32, 32], 10).Cost;
            Assert.Equal((baseline.Macs, baseline.Parameters), (cost.Macs, cost.Parameters));
        }
    }

    [Fact]
    public void No_picture_no_classes_and_no_such_name_are_refused()
    {
        Assert.Contains("channels x height x width", Assert.Throws<ShapeException>(() => Variant.Baseline.Build([28, 28], 10)).Message);
        Assert.Contains("0 classes", Assert.Throws<ShapeException>(() => Variant.Baseline.Build([1, 28, 28], 0)).Message);
        Assert.Contains("squeeze-excite", Assert.Throws<ArgumentException>(() => Variant.Named("squeeze")).Message);
    }
}
