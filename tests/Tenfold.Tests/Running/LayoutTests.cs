using Tenfold.Kernels;
using Xunit;

namespace Tenfold.Tests;

public class LayoutTests
{
    private static readonly (string Name, Func<Node, Node> Build)[] s_plain =
    [
        ("depthwise", x => x.Depthwise(3).Relu()),
        ("depthwise, stride 2", x => x.Depthwise(5, stride: 2)),
        ("two depthwise and their product", x => x.Depthwise(3).Silu() * x.Depthwise(3, dilation: 2)),
        ("depthwise, 7x7", x => x.Depthwise(7).HardSwish()),
        ("depthwise, 7x7, stride 2", x => x.Depthwise(7, stride: 2)),
        ("small groups", x => x.Conv(40, 3, groups: 5).HardSwish()),
        ("squeeze-and-excitation", x => x.SqueezeExcite()),
        ("means", x => x.GlobalAvgPool()),
    ];

    public static TheoryData<string> Plain => [.. s_plain.Select(@case => @case.Name)];

    [Theory]
    [MemberData(nameof(Plain))]
    public void Where_nothing_mixes_channels_no_map_changes_its_layout(string name)
    {
        var build = s_plain.Single(@case => @case.Name == name).Build;
        Shape shape = [2, 20, 11, 18];
        var graph = build(new Input(shape).Apply([], "x")).ToGraph("plain");
        var plan = new Plan(graph, graph.Init(), Team.Of(1), frozen: true);
        Assert.DoesNotContain(plan.Steps, step => step.Converts && step.Bytes > 2 * 2 * 32 * sizeof(float));
        Check.Op(build, shape, differentiable: false);
    }

    private static readonly (string Name, Func<Node, Node> Build, Shape Shape)[] s_pointwise =
    [
        ("pointwise", x => x.Conv(29, 1).Relu(), [2, 37, 15, 17]),
        ("few channels", x => x.Conv(13, 1, bias: false), [1, 3, 31, 33]),
        ("groups, a skip and an activation", x => (x.Conv(60, 1, groups: 3) + x).Silu(), [2, 60, 15, 17]),
        ("several tiles, a skip and bounds around it", x => (x.Conv(70, 1).Relu6() + x).Relu(), [1, 70, 8, 16]),
        ("more panels than an item has", x => x.Conv(16, 1), [1, 80, 64, 47]),
        ("shuffle unit", x => x.ShuffleUnit(240, 3), [2, 240, 15, 17]),
        ("shuffle unit, version 2", x => x.ShuffleUnitV2(56), [1, 56, 15, 17]),
        ("channels of two maps", x => x.Depthwise(3) is var y ? x.Slice(5, 20).Concat(y.Slice(0, 11)).Conv(24, 1) : x, [2, 30, 15, 17]),
        ("a separable pair by itself", x => x.Depthwise(3).Relu().Conv(64, 1).Relu(), [2, 32, 64, 96]),
        ("squeeze-and-excitation and its neighbours", x => (x + x.Conv(48, 1).SqueezeExcite()).Relu(), [2, 48, 15, 17]),
    ];

    public static TheoryData<string> Pointwise => [.. s_pointwise.Select(@case => @case.Name)];

    [Theory]
    [MemberData(nameof(Pointwise))]
    public void Pointwise_convolutions_between_plain_maps_read_planes(string name)
    {
        var (_, build, shape) = s_pointwise.Single(@case => @case.Name == name);
        var graph = build(new Input(shape).Apply([], "x")).ToGraph("plain");
        var plan = new Plan(graph, graph.Init(), Team.Of(1), frozen: true);
        var small = 64L * shape.Batch * shape.Channels; // means and gates
        if (Simd.Width == 512) Assert.DoesNotContain(plan.Steps, step => step.Converts && step.Bytes > small);
        Check.Op(build, shape, differentiable: false);
    }

    private static Node Stages(Node x, int groups, int channels) => x
        .Conv(32, 3).Relu()
        .Scope("1", u => u.ShuffleUnit(channels, groups, stride: 2, firstGroups: 1))
        .Scope("2", u => u.ShuffleUnit(channels, groups))
        .Scope("3", u => u.ShuffleUnit(channels, groups))
        .Scope("4", u => u.ShuffleUnit(2 * channels, groups, stride: 2)) // 8x9: more of a panel would be empty than of a block
        .Scope("5", u => u.ShuffleUnit(2 * channels, groups))
        .Conv(20, 3);

    [Theory]
    [InlineData(1, 4, 240, 7, 5)] // the first of all, 60 channels without groups, would leave 4 of 64 lanes empty
    [InlineData(1, 8, 384, 6, 4)]
    [InlineData(2, 4, 240, 7, 5)]
    public void Units_in_groups_lie_in_planes_within_a_network(int batch, int groups, int channels, int pointwise, int depthwise)
    {
        var graph = Stages(new Input([batch, 3, 30, 34]).Apply([], "x"), groups, channels).ToGraph("stages");
        var plan = new Plan(graph, graph.Init(), Team.Of(1), frozen: true);
        if (Simd.Width == 512 && batch == 1)
        {
            Assert.Equal(pointwise, plan.Steps.Count(step => step.Kernel.StartsWith("pointwise", StringComparison.Ordinal) && step.Kernel.Contains("on planes", StringComparison.Ordinal)));
            Assert.Equal(depthwise, plan.Steps.Count(step => step.Kernel.StartsWith("depthwise, on planes", StringComparison.Ordinal) || step.Kernel.Contains("windows, depthwise, on planes", StringComparison.Ordinal)));
            Assert.DoesNotContain(plan.Steps, step => step.Kernel.Contains("moved", StringComparison.Ordinal)); // both concatenations are computed in their place
        }

        Check.Op(x => Stages(x, groups, channels), [batch, 3, 30, 34], differentiable: false);
    }

    private static Node StagesOfLists(Node x) => x
        .Conv(24, 3).Relu()
        .Scope("1", u => u.ShuffleUnitV2(84, stride: 2))
        .Scope("2", u => u.ShuffleUnitV2(84))
        .Scope("3", u => u.ShuffleUnitV2(84))
        .Scope("4", u => u.ShuffleUnitV2(168, stride: 2))
        .Scope("5", u => u.ShuffleUnitV2(168))
        .Conv(20, 1);

    [Theory]
    [InlineData(1, 56, 64)]
    [InlineData(2, 56, 64)]
    [InlineData(1, 30, 34)] // 15x17, 8x9
    public void Units_that_leave_lanes_of_blocks_empty_lie_in_planes_within_a_network(int batch, int height, int width)
    {
        var graph = StagesOfLists(new Input([batch, 3, height, width]).Apply([], "x")).ToGraph("stages");
        var plan = new Plan(graph, graph.Init(), Team.Of(1), frozen: true);
        if (Simd.Width == 512 && height == 56) Assert.Equal(13, plan.Steps.Count(step => step.Kernel.StartsWith("pointwise", StringComparison.Ordinal) && step.Kernel.Contains("on planes", StringComparison.Ordinal)));
        Check.Op(StagesOfLists, [batch, 3, height, width], differentiable: false);
    }

    [Fact]
    public void A_convolution_in_groups_by_itself_stays_in_blocks()
    {
        var graph = Image.Of(3, 15, 17).Conv(60, 3).Conv(60, 1, groups: 3).Conv(60, 3).ToGraph("one");
        Assert.DoesNotContain(new Plan(graph, graph.Init(), Team.Of(1), frozen: true).Steps, step => step.Kernel.Contains("on planes", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(1, 29, 7, 5)]
    [InlineData(2, 40, 3, 3)]
    [InlineData(1, 232, 14, 14)]
    public void What_comes_out_as_a_list_is_taken_out_of_blocks(int batch, int channels, int height, int width)
    {
        Check.Op(x => x.Concat(x.Conv(channels, 3).Relu()).ChannelShuffle(2), [batch, channels, height, width], differentiable: false);
        Check.Op(x => x.Conv(channels, 3) is var y ? y.Slice(3, 9).Concat(x.Slice(1, 2), y.Slice(3, 17)) : x, [batch, channels, height, width], differentiable: false); // some channels twice
        Check.Op(x => x.Conv(channels, 3).Embed(3, 2).ChannelShuffle(channels + 5), [batch, channels, height, width], differentiable: false);
        var graph = Image.Of(channels, height, width).Conv(channels, 3) is var z ? z.Concat(z.Slice(0, 5)).ChannelShuffle(channels + 5).ToGraph("list") : null!;
        Assert.Equal("planes moved", new Plan(graph, graph.Init(), Team.Of(1), frozen: true).Steps[^1].Kernel);
    }

    [Theory]
    [InlineData(1, 1, 7)]
    [InlineData(2, 2, 8)]
    [InlineData(3, 5, 15)]
    [InlineData(1, 9, 16)]
    [InlineData(2, 17, 14)]
    [InlineData(1, 10, 17)]
    [InlineData(2, 7, 32)]
    [InlineData(1, 33, 47)]
    [InlineData(1, 301, 81)] // more than an item
    public void Rows_are_read_where_they_lie(int batch, int height, int width)
    {
        Check.Op(x => x.Depthwise(3), [batch, 5, height, width], differentiable: false);
        Check.Op(x => x.Depthwise(3).Relu6(), [batch, 3, height, width], differentiable: false);
        Check.Op(x => x.Depthwise(3, stride: 2), [batch, 5, height, width], differentiable: false);
        Check.Op(x => x.Depthwise(3, stride: 2).Relu6(), [batch, 3, height, 2 * width], differentiable: false);
        var halved = Image.Of(5, height, 2 * width).Depthwise(3, stride: 2).ToGraph("halved");
        if (Simd.Width == 512) Assert.Contains("as they lie", Assert.Single(new Plan(halved, halved.Init(), Team.Of(1), frozen: true).Steps).Kernel, StringComparison.Ordinal);
        var graph = Image.Of(5, height, width).Depthwise(3).ToGraph("rows");
        if (Simd.Width == 512) Assert.Contains("as they lie", Assert.Single(new Plan(graph, graph.Init(), Team.Of(1), frozen: true).Steps).Kernel, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 21, 21, 64, 64, 16)]
    [InlineData(2, 5, 37, 51, 48, 16)] // rows that end within tiles
    [InlineData(1, 40, 9, 130, 125, 25)] // vectors that overlap, two tiles along both axes
    [InlineData(1, 5, 30, 145, 144, 16)] // tiles without padding
    public void Dilated_by_vectors_of_columns_planes_stay_planes(int batch, int channels, int outputs, int height, int width, int dilation)
    {
        Check.Op(x => x.Conv(outputs, 3, dilation: dilation).Silu(), [batch, channels, height, width], differentiable: false);
        Check.Op(x => x.Conv(outputs, 3, dilation: dilation, bias: false).Relu(), [batch, channels, height, width], differentiable: false);
        var graph = Image.Of(channels, height, width).Conv(outputs, 3, dilation: dilation).ToGraph("dilated");
        if (Simd.Width == 512) Assert.Contains("on planes", Assert.Single(new Plan(graph, graph.Init(), Team.Of(1), frozen: true).Steps).Kernel, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 61, 9, 1, 1)]
    [InlineData(2, 3, 40, 1, 1)]
    [InlineData(1, 67, 33, 2, 1)]
    [InlineData(1, 90, 21, 1, 3)]
    public void Rows_are_laid_out_strip_by_strip(int batch, int height, int width, int stride, int dilation) =>
        Check.Op(x => x.Depthwise(7, stride: stride, dilation: dilation).Relu(), [batch, 5, height, width], differentiable: false);

    // Of a map in several strips, and where padding keeps rows apart.
    [Theory]
    [InlineData(2, 13, 14, 2, 0)]
    [InlineData(1, 57, 131, 2, 0)]
    [InlineData(1, 10, 7, 3, 0)]
    [InlineData(2, 9, 11, 2, 1)]
    public void What_a_pointwise_kernel_with_strides_reads_lies_side_by_side(int batch, int height, int width, int stride, int pad) =>
        Check.Op(x => x.Conv(37, 1, stride: stride, pad: pad).Relu(), [batch, 35, height, width], differentiable: false);

    [Fact]
    public void Beside_a_convolution_that_mixes_channels_maps_lie_in_blocks()
    {
        var graph = Image.Of(20, 11, 18).Depthwise(3).Conv(16, 3).ToGraph("blocked");
        var plan = new Plan(graph, graph.Init(), Team.Of(1), frozen: true);
        Assert.DoesNotContain(plan.Steps, step => step.Kernel.Contains("planes", StringComparison.Ordinal));
    }
}
