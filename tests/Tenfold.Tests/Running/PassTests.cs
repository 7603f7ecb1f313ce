using Xunit;

namespace Tenfold.Tests;

public class PassTests
{
    [Fact]
    public void A_norm_behind_a_convolution_is_folded_into_it()
    {
        var graph = Image.Of(3, 7, 6).ConvBn(5, 3).Relu().Conv(4, 1).BatchNorm(epsilon: 1e-3f).ToGraph("norms");
        Assert.Equal([typeof(Convolution), typeof(Relu), typeof(Convolution)], Operations(Same(graph, FoldNorms.In)));
    }

    [Fact]
    public void A_norm_behind_a_transposed_convolution_in_groups_is_folded_into_it()
    {
        var graph = Image.Of(6, 4, 5).ConvTranspose(9, 3, stride: 2, groups: 3).BatchNorm().ToGraph("transposed");
        Assert.Equal([typeof(ConvolutionTranspose)], Operations(Same(graph, FoldNorms.In)));
    }

    [Fact]
    public void A_norm_is_left_alone_when_another_uses_the_convolution_too()
    {
        var conv = Image.Of(3, 5, 5).Conv(4, 3);
        Assert.Contains(typeof(BatchNorm), Operations(Same(new Graph("shared", conv.BatchNorm() + conv), FoldNorms.In)));
        Assert.Contains(typeof(BatchNorm), Operations(Same(new Graph("output", conv.BatchNorm(), conv), FoldNorms.In)));
    }

    [Fact]
    public void An_activation_a_skip_and_an_activation_are_done_with_the_convolution()
    {
        var x = Image.Of(3, 5, 6);
        var graph = (x.Conv(3, 3).Relu6() + x).Relu().ToGraph("epilogue");
        Assert.Equal([typeof(Fused)], Operations(Same(graph, FuseEpilogues.In)));
    }

    [Fact]
    public void An_activation_behind_a_concatenation_is_done_with_what_is_joined()
    {
        var x = Image.Of(3, 5, 6).Conv(4, 1).Relu();
        Assert.Equal([typeof(Fused), typeof(AvgPool), typeof(Fused), typeof(Concat)], Operations(Same(x.AvgPool(3, stride: 1, pad: 1).Concat(x.Conv(5, 3)).Relu().ToGraph("rectified"), FuseEpilogues.In)));
        Assert.Contains(typeof(Relu), Operations(Same(x.Affine(1, -1).Concat(x.Conv(5, 3)).Relu().ToGraph("may be negative"), FuseEpilogues.In)));
        var conv = x.Conv(5, 3);
        Assert.Contains(typeof(Relu), Operations(Same(new Graph("shared", x.Concat(conv).Relu(), conv.Sigmoid()), FuseEpilogues.In)));
    }

    [Fact]
    public void An_activation_that_is_no_bound_ends_the_step()
    {
        var x = Image.Of(3, 5, 6);
        Assert.Equal([typeof(Fused), typeof(Relu)], Operations(Same((x.Conv(3, 3) + x).Silu().Relu().ToGraph("last"), FuseEpilogues.In)));
        Assert.Equal([typeof(Fused), typeof(Add)], Operations(Same((x.Conv(3, 3).HardSwish() + x).ToGraph("before an addition"), FuseEpilogues.In)));
        Assert.Equal([typeof(BatchNorm), typeof(Sigmoid)], Operations(Same(x.BatchNorm().Sigmoid().ToGraph("norm"), FuseEpilogues.In)));
    }

    [Fact]
    public void A_gate_a_skip_and_a_bound_are_one_pass()
    {
        var x = Image.Of(19, 5, 6);
        var graph = (x + x.Conv(19, 1).SqueezeExcite(4)).Relu().ToGraph("gate");
        Assert.Equal([typeof(Convolution), typeof(AdaptiveAvgPool), typeof(Fused), typeof(Fused), typeof(Fused)], Operations(Same(graph, FuseEpilogues.In)));
        Check.Op(y => (y + y.Conv(19, 1).SqueezeExcite(4)).Relu(), [3, 19, 5, 6]);
        Check.Op(y => (y + y.Conv(48, 1).SqueezeExcite(4)).Relu(), [2, 48, 8, 8]); // planes in panels, in pairs
        Check.Op(y => (y.SqueezeExcite(4) + y.Conv(33, 3)).Relu6(), [2, 33, 3, 5]);
        Check.Op(y => y.SqueezeExcite(4).Relu(), [1, 16, 3, 5]);
        var kept = (x + x.Conv(19, 3).SqueezeExcite(4)).Relu().ToGraph("gate");
        Assert.Contains("+ relu2: each channel times its gate", string.Join('\n', new Plan(kept, kept.Init(), Team.Of(1), frozen: true).Steps.Select(step => $"{step.Name}: {step.Kernel}")));
        Assert.Equal([typeof(Multiply), typeof(Add)], Operations(Same((x * x.Slice(0, 1) + x).ToGraph("a number for each pixel"), FuseEpilogues.In)).Skip(1));
    }

    [Fact]
    public void A_gate_behind_a_pointwise_convolution_is_known_before_it_runs()
    {
        var x = Image.Of(19, 5, 6);
        foreach (var y in new[] { x.ConvBn(23, 1), x.Conv(23, 1), x.Conv(23, 1, bias: false) })
        {
            Assert.Equal([typeof(AdaptiveAvgPool), typeof(Fused), typeof(Fused), typeof(Fused)], Operations(Same(y.SqueezeExcite(4).Relu().ToGraph("gate"), All)));
            Assert.Contains(typeof(Multiply), Operations(Same(new Graph("read by another", y.SqueezeExcite(4), y.Tanh()), All)));
            Assert.Contains(typeof(Multiply), Operations(Same(new Graph("an output", y.SqueezeExcite(4), y), All)));
        }

        Assert.Contains(typeof(Multiply), Operations(Same(x.Conv(23, 1).Tanh().SqueezeExcite(4).ToGraph("an activation between"), All)));
        Assert.Contains(typeof(Multiply), Operations(Same(x.Conv(23, 1, pad: 1).SqueezeExcite(4).ToGraph("padding"), All)));

        static Graph All(Graph graph) => Passes.All(graph, frozen: true);
    }

    // In blocks and on planes, ends of tiles and of panels, a gate for each sample.
    [Theory]
    [InlineData(1, 19, 23, 5, 6)]
    [InlineData(3, 40, 70, 7, 9)]
    [InlineData(2, 24, 57, 8, 8)]
    [InlineData(2, 64, 96, 19, 5)]
    [InlineData(1, 20, 12, 31, 31)]
    public void A_gate_is_multiplied_in_where_a_convolution_stores(int batch, int channels, int outputs, int height, int width)
    {
        Check.Op(x => (x.ConvBn(outputs, 1).SqueezeExcite(4) + x.Conv(outputs, 3)).Relu(), [batch, channels, height, width], differentiable: false);
        Check.Op(x => x.Conv(outputs, 1).SqueezeExcite(4), [batch, channels, height, width], differentiable: false);
        Check.Op(x => (x + x.Conv(outputs, 1).Relu().Conv(channels, 1).SqueezeExcite(4)).Relu6(), [batch, channels, height, width], tolerance: 2e-4, differentiable: false);
    }

    [Fact]
    public void What_a_second_node_uses_is_not_hidden_in_a_step()
    {
        var conv = Image.Of(3, 5, 6).Conv(3, 3);
        Assert.Equal([typeof(Convolution), typeof(Relu), typeof(Add)], Operations(Same(new Graph("shared", conv.Relu() + conv), FuseEpilogues.In)));
    }

    [Fact]
    public void Units_of_ShuffleNet_v2_are_convolutions_alone()
    {
        var graph = Image.Of(24, 4, 5).Scope("1", x => x.ShuffleUnitV2(24)).Scope("2", x => x.ShuffleUnitV2(24)).Conv(7, 1).ToGraph("units");
        Assert.All(Operations(Same(graph, graph => Passes.All(graph, frozen: true))), type => Assert.True(type == typeof(Fused) || type == typeof(Convolution) || type == typeof(Chained)));
    }

    [Fact]
    public void A_depthwise_convolution_keeps_the_order_of_the_map_that_was_shuffled()
    {
        var graph = Image.Of(6, 4, 5).ConvBn(24, 1).Relu().ChannelShuffle(3).Depthwise(3).BatchNorm().Conv(8, 1, groups: 2).ToGraph("depthwise");
        Assert.Equal([typeof(Fused), typeof(Convolution), typeof(Chained)], Operations(Same(graph, graph => Passes.All(graph, frozen: true))));
        Assert.Equal([typeof(Convolution), typeof(BatchNorm), typeof(Relu), typeof(Pick), typeof(Convolution), typeof(BatchNorm), typeof(Convolution)], Operations(Same(graph, graph => RouteChannels.In(graph, frozen: false))));
    }

    [Theory]
    [InlineData(12, true)] // three blocks of two groups each become four of one
    [InlineData(13, true)]
    [InlineData(20, false)] // half of all blocks read two groups, two for each group would read as many
    [InlineData(16, false)]
    [InlineData(9, false)] // nearly half of each block would be empty
    public void Groups_behind_which_channels_are_shuffled_begin_with_a_block(int own, bool aligned)
    {
        var graph = Image.Of(20, 4, 5).ConvBn(4 * own, 1, groups: 4).Relu().ChannelShuffle(4).Scope("depthwise", x => x.ConvBn(4 * own, 3, groups: 4 * own)).Conv(8, 1, groups: 4).ToGraph("groups");
        var passed = Same(graph, graph => Passes.All(graph, frozen: true));
        Assert.Equal([typeof(Fused), typeof(Convolution), typeof(Chained)], Operations(passed));
        Assert.Equal(aligned ? 64 : 4 * own, passed.Nodes.First(node => node.Op is Fused).Channels);
        Check.Op(x => x.Conv(4 * own, 1, groups: 4).ChannelShuffle(4).Depthwise(3).Conv(8, 1, groups: 4), [2, 20, 3, 5]);
    }

    [Fact]
    public void The_gradient_of_a_split_is_one_list()
    {
        var x = Image.Of(24, 3, 3);
        var halves = x.Split(2);
        var graph = new Graph("split", halves[0].Relu().Embed(0, 12) + halves[1].Tanh().Embed(12, 0));
        Assert.Equal([typeof(Pick), typeof(Pick), typeof(Relu), typeof(Tanh), typeof(Pick)], Operations(Same(graph, graph => RouteChannels.In(graph, frozen: false))));
    }

    [Fact]
    public void A_residual_network_becomes_one_operation_a_convolution()
    {
        var graph = Network.Create("resnet20");
        var operations = Operations(Same(graph, graph => Passes.All(graph, frozen: true)));
        Assert.Equal(graph.Nodes.Count(node => node.Op is Convolution), operations.Count(type => type == typeof(Fused)));
        Assert.DoesNotContain(typeof(BatchNorm), operations);
        Assert.DoesNotContain(typeof(Relu), operations);
    }

    [Theory]
    [InlineData("shufflenet_v1_g3", "RouteChannels", "16 channel shuffle")]
    [InlineData("shufflenet_v2_x0_5", "RouteChannels", "convolutions read lists of channels where they lie")]
    [InlineData("mobilenet_v2", "ChainSeparable", "in strips of rows")]
    [InlineData("resnet18", "FoldNorms", "20 of 20 batch norms")]
    [InlineData("densenet121", "FoldNorms", "stay, which follow no convolution")]
    [InlineData("resnet18", "FuseEpilogues", "17 relu, 8 add are done where 17 conv store their results")]
    [InlineData("se_resnet50", "FuseEpilogues", "16 sigmoid")]
    [InlineData("se_resnet50", "MeansFirst", "16 of 16 gates")]
    public void Any_pass_can_be_left_out_and_what_each_did_is_told(string network, string pass, string did)
    {
        var model = new Model(Network.Create(network, classes: 10, input: [3, 112, 112]), seed: 1);
        var (x, left) = (Noise(model.Graph.Inputs[0].Shape), Enum.Parse<CompilerPasses>(pass));
        var (all, without) = (model.Compile(new RunOptions { Threads = 1, Exact = true }), model.Compile(new RunOptions { Threads = 1, Exact = true, Without = left }));
        Check.Close(Array.ConvertAll(all.Run(x).Span.ToArray(), value => (double)value), Array.ConvertAll(without.Run(x).Span.ToArray(), value => (double)value), 1e-4, network);
        Assert.Contains(all.Passes(), one => one.Pass == left && one.Did.Contains(did));
        Assert.Contains(without.Passes(), one => one == (left, "left out, as asked"));
        Assert.Contains(did, all.Explain());
        Assert.NotEqual(all.Steps().Count, without.Steps().Count);
    }

    private static Tensor Noise(Shape shape)
    {
        var (x, random) = (new Tensor(shape), new Philox(3));
        for (var i = 0; i < x.Span.Length; i++) x.Span[i] = (float)random.Normal((ulong)i);
        return x;
    }

    // What a graph computes from its inputs, in order, leaving out what depends on its parameters alone.
    private static IEnumerable<Type> Operations(Graph graph)
    {
        var constants = graph.Constants();
        return graph.Nodes.Where(node => node.Op is not Leaf && !constants.Contains(node)).Select(node => node.Op.GetType());
    }

    // The rewritten graph, after both were run by their definitions in double on the same random numbers.
    private static Graph Same(Graph graph, Func<Graph, Graph> pass)
    {
        var rewritten = pass(graph);
        Assert.Equal(graph.Inputs, rewritten.Inputs);
        Assert.Equal(graph.Parameters, rewritten.Parameters);
        var weights = graph.Parameters.ToDictionary(pair => pair.Key, pair => Numbers(pair.Key, pair.Value.Shape, ((Parameter)pair.Value.Op).Role == "running_var" ? Draws.Uniform(0.5, 2) : Draws.Uniform(-0.5, 0.5)));
        Values<double>[] inputs = [.. graph.Inputs.Select(input => Numbers(graph.NameOf(input), input.Shape, Draws.Normal))];
        var expected = Reference.Run(graph, weights, inputs);
        var actual = Reference.Run(rewritten, weights, inputs);
        for (var i = 0; i < expected.Length; i++) Check.Close(expected[i].Data, actual[i].Data, 1e-12, $"{graph.Name}: output {i}");
        return rewritten;
    }

    private static Values<double> Numbers(string name, Shape shape, Draw draw)
    {
        var (random, values) = (Philox.Named(3, name), new Values<double>(shape));
        for (var i = 0; i < values.Data.Length; i++) values[i] = draw(random, (ulong)i);
        return values;
    }
}
