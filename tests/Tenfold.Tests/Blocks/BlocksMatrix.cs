namespace Tenfold.Tests;

/// <summary>Every block, forward and backward, in a session and by the definitions.</summary>
public class BlocksMatrix : Matrix<BlocksMatrix>, ICases
{
    public static IReadOnlyList<Case> Cases { get; } = Small(
        new("group", x => x.GroupConvBn(9, groups: 3, kernel: 3, stride: 2), [2, 6, 5, 7]),
        new("split, transform, merge", x => x.SplitTransformMerge(3, p => p.Conv(2, 1).Relu().Conv(4, 3)), [2, 4, 4, 5]),
        new("stacked", x => x.StackedConv(5, kernel: 5), [2, 3, 6, 5]),
        new("factorised", x => x.FactorizedConv(5, kernel: 5), [2, 3, 6, 7]),
        new("naive inception", x => x.InceptionNaive(2, 3, 4), [2, 3, 6, 5]),
        new("inception", x => x.Inception(2, (2, 3), (1, 2), 3), [2, 5, 6, 5]),
        new("bottleneck", x => x.Bottleneck(3, 7, stride: 2), [2, 5, 6, 7]),
        new("basic residual", x => x.ResidualBasic(6, stride: 2), [2, 4, 5, 7]),
        new("bottleneck residual", x => x.ResidualBottleneck(4, groups: 2), [2, 16, 4, 5]),
        new("pre-activation", x => x.ResidualPreActivation(6, stride: 2), [2, 4, 5, 6]),
        new("pre-activation bottleneck", x => x.ResidualPreActivationBottleneck(2), [2, 8, 4, 5]),
        new("separable", x => x.SeparableConv(7, kernel: 3, stride: 2), [2, 5, 6, 7]),
        new("depthwise separable", x => x.DepthwiseSeparable(7, kernel: 3), [2, 5, 4, 5]),
        new("inverted residual", x => x.InvertedResidual(4, 12, kernel: 5), [2, 4, 5, 6]),
        new("inverted residual, excited", x => x.InvertedResidual(6, 12, kernel: 3, stride: 2, activation: y => y.Silu(), excite: y => y.SqueezeExcite(4)), [2, 4, 5, 6]),
        new("shuffle unit", x => x.ShuffleUnit(24, groups: 3), [2, 24, 4, 5]),
        new("shuffle unit, stride 2", x => x.ShuffleUnit(24, groups: 2, stride: 2, firstGroups: 1), [2, 6, 5, 6]),
        new("shuffle unit v2", x => x.ShuffleUnitV2(10), [2, 10, 4, 5]),
        new("shuffle unit v2, stride 2", x => x.ShuffleUnitV2(10, stride: 2), [2, 6, 5, 6]),
        new("squeeze and excite", x => x.SqueezeExcite(3), [2, 7, 4, 5]),
        new("context", x => x.ContextModule(), [1, 2, 6, 5]),
        new("deformable", x => x.Deformable(6, kernel: 3, groups: 2, offsetGroups: 2), [2, 4, 4, 5]),
        new("modulated deformable", x => x.ModulatedDeformable(5, kernel: (3, 2), stride: (2, 1)), [2, 3, 5, 4]),
        new("dense block", x => x.DenseBlock(2, growth: 3, bottleneck: 2), [2, 4, 4, 5]),
        new("dense transition", x => x.DenseTransition(3), [2, 6, 4, 5]),
        new("interleaved groups", x => x.InterleavedGroupConv(12, groups: 3, kernel: 3, stride: 2), [2, 6, 5, 6]),
        new("multi-basis", x => x.MultiBasisConv(5, kernel: 3, bases: 2), [2, 4, 5, 6]),
        new("single intra-channel", x => x.SingleIntraChannel(4, kernel: 3), [2, 4, 5, 6]),
        new("topological", x => x.TopologicalConv(3, [3, 4], [2, 3]), [2, 12, 4, 3]),
        new("topological, steps", x => x.TopologicalConv(1, [2, 3, 4], [2, 1, 3], [1, 1, 2]), [2, 24, 3, 4]),
        new("spatial bottleneck", x => x.SpatialBottleneck(2), [2, 3, 5, 6]),
        new("aspp", x => x.Aspp(3, [1, 2], dropout: 0), [2, 4, 5, 6]),
        new("mlpconv", x => x.MlpConv((4, 3, 5), kernel: 3), [2, 3, 5, 4]),
        new("weighted skip", x => x.WeightedResidual(y => y.ConvBn(4, 3), Skip.Scalar), [2, 4, 4, 5]),
        new("layer scale", x => x.WeightedResidual(y => y.ConvBn(4, 3), Skip.PerChannel()), [2, 4, 4, 5]),
        new("gated skip", x => x.WeightedResidual(y => y.ConvBn(4, 3), Skip.Gated(2)), [2, 4, 4, 5]),
        new("highway", x => x.WeightedResidual(y => y.ConvBn(4, 3), Skip.Highway()), [2, 4, 4, 5]),
        new("combined", x => x.Combined(16, groups: 2, stride: 2, reduction: 2), [2, 8, 6, 7]),
        new("combined, weighted", x => x.Combined(16, groups: 4, skip: Skip.Scalar), [2, 16, 4, 5]));

    // The primitives have their own matrices: a few single derivatives are enough.
    private static Case[] Small(params Case[] cases) => [.. cases.Select(@case => @case with { Places = 3 })];
}
