namespace Tenfold;

public static partial class Verbs
{
    /// <summary>The unit of ShuffleNet: a bottleneck whose 1x1 convolutions are grouped and whose 3x3 is depthwise, with a channel shuffle
    /// behind the first so that the groups meet.</summary>
    /// <remarks>
    /// 2 c m / g + 9 m weights for c channels in and out and m = c/4 in the waist, where a ResNet bottleneck has 2 c m + 9 m^2. With stride 2 the
    /// shortcut is a 3x3 average pooling, and the branch supplies the channels that it lacks (<c>concat</c> in place of a sum).
    /// The shuffle is one fixed permutation. Zhang, Zhou, Lin, Sun, "ShuffleNet", CVPR 2018, arXiv 1707.01083, figure 2b and c.
    /// </remarks>
    /// <param name="channels">Out of the unit: those of x at stride 1, more at stride 2.</param>
    /// <param name="groups">Of both 1x1 convolutions.</param>
    /// <param name="firstGroups">Of the first: 1 in the unit behind the stem, whose channels are too few to group.</param>
    /// <param name="excite">What weights the channels of the branch; nothing by default.</param>
    public static Node ShuffleUnit(this Node x, int channels, int groups, int stride = 1, int? firstGroups = null, Func<Node, Node>? excite = null)
    {
        if (stride == 1 && x.Channels != channels) throw new ShapeException($"shuffle unit: a skip at stride 1 from {x.Channels} channels to {channels}");
        if (stride > 1 && channels <= x.Channels) throw new ShapeException($"shuffle unit: at stride {stride} {x.Channels} channels pass by, so {channels} cannot come out");
        var waist = channels / 4;
        var y = x
            .Scope("branch_main_1", u => u.ConvBn(waist, kernel: 1, groups: firstGroups ?? groups, conv: "0", bn: "1")).Relu()
            .ChannelShuffle(groups)
            .Scope("branch_main_1", u => u.ConvBn(waist, kernel: 3, stride, groups: waist, conv: "3", bn: "4"))
            .Scope("branch_main_2", u => u.ConvBn(stride == 1 ? channels : channels - x.Channels, kernel: 1, groups: groups, conv: "0", bn: "1"));
        if (excite is not null) y = excite(y);
        return (stride == 1 ? x + y : x.AvgPool(3, stride, pad: 1).Concat(y)).Relu();
    }

    /// <summary>The unit of ShuffleNet v2: half of the channels pass by, half go through 1x1, depthwise 3x3 and 1x1 convolutions; then the halves are shuffled.</summary>
    /// <remarks>
    /// c^2 / 2 + 9 c / 2 weights. With stride 2 nothing passes by: both halves are made from all of x, one by a depthwise and a 1x1 convolution.
    /// No grouped 1x1 and no sum, for the time that they take is not in their MACs. Ma, Zhang, Zheng, Sun, "ShuffleNet V2", ECCV 2018, arXiv
    /// 1807.11164, figure 3c and d. Parameters carry torchvision's names.
    /// </remarks>
    public static Node ShuffleUnitV2(this Node x, int channels, int stride = 1)
    {
        if (channels % 2 != 0) throw new ShapeException($"shuffle unit: {channels} channels have no halves");
        if (stride == 1 && x.Channels != channels) throw new ShapeException($"shuffle unit: half of the channels pass by, so {x.Channels} do not become {channels} at stride 1");
        var half = channels / 2;
        if (stride == 1)
        {
            var halves = x.Split(2);
            return halves[0].Concat(Branch(halves[1])).ChannelShuffle(2);
        }

        var first = x.Scope("branch1", u => u
            .ConvBn(x.Channels, kernel: 3, stride, groups: x.Channels, conv: "0", bn: "1")
            .ConvBn(half, kernel: 1, conv: "2", bn: "3").Relu());
        return first.Concat(Branch(x)).ChannelShuffle(2);

        Node Branch(Node y) => y.Scope("branch2", u => u
            .ConvBn(half, kernel: 1, conv: "0", bn: "1").Relu()
            .ConvBn(half, kernel: 3, stride, groups: half, conv: "3", bn: "4")
            .ConvBn(half, kernel: 1, conv: "5", bn: "6").Relu());
    }
}
