namespace Tenfold.Tests;

/// <summary>Networks nobody would write, the same for a seed on every machine: every operation with odd attributes and sizes, on a value some steps back as often as on the last,
/// so that values have several readers, and some of them are outputs that others go on from.</summary>
internal sealed class RandomNetwork
{
    private const long MostMacs = 3_000_000; // of a layer

    private const long MostNumbers = 150_000; // of a value

    private static readonly int[] s_channels = [1, 2, 3, 4, 5, 7, 8, 12, 15, 16, 17, 20, 24, 31, 32, 33, 40, 48, 64, 65, 72, 96, 100, 128];
    private static readonly int[] s_sizes = [1, 1, 2, 3, 4, 5, 6, 7, 7, 8, 9, 11, 13, 14, 15, 16, 17, 19, 23, 28, 29, 32, 33, 40, 56, 57, 64, 80];

    private readonly Philox _random;
    private readonly List<Node> _maps = []; // of rank 4
    private readonly List<Node> _others = [];
    private readonly bool _smooth; // whether all has a gradient
    private ulong _drawn;

    /// <param name="differentiable">Leaves out what has no gradient.</param>
    public RandomNetwork(ulong seed, bool differentiable = false)
    {
        (_random, _smooth) = (Philox.Named(seed, "network"), differentiable);
        Seed = seed;
        var large = !differentiable && OneIn(12); // maps of more than 1 MB a sample
        var alone = !large && OneIn(6); // a step or two, as of an operation by itself: its maps lie in planes
        var batch = large ? 2 + Below(2) : One(1, 1, 1, 1, 2, 3, 4, 5, 8, 9);
        var (channels, height, width) = large ? (One(3, 3, 5, 16, 33), 88 + Below(12), 88 + Below(12)) : (One(s_channels), One(s_sizes), One(s_sizes));
        if (alone && OneIn(2)) (channels, height, width) = (Math.Min(channels, 40), One(14, 48, 49, 64), One(16, 28, 48, 64, 80));
        if (OneIn(3)) width = height;
        while (!large && (long)batch * channels * height * width > MostNumbers) (height, width) = ((height + 1) / 2, (width + 1) / 2);
        _maps.Add(new Input([batch, channels, height, width]).Apply([], "x0"));
        if (large) _maps.Add(_maps[0].Conv(One(32, 33, 40), 3).Relu());
        else if (OneIn(4)) _maps.Add(new Input([batch, OneIn(2) ? channels : One(s_channels.AsSpan(0, 15)), height, width]).Apply([], "x1"));
        for (var (step, steps) = (0, alone ? 1 + Below(2) : 2 + Below(12)); step < steps; step++)
        {
            var (count, others) = (_maps.Count, _others.Count);
            if (step == steps / 2 && !alone && OneIn(10)) _maps.Add(_maps[^1].GlobalAvgPool()); // the rest on one pixel
            try
            {
                Grow(alone ? Alone : Grown);
            }
            catch (ShapeException) // what was drawn does not fit
            {
            }

            if (_maps.Count == count && _others.Count == others) step -= OneIn(3) ? 0 : 1;
            if (_maps[^1].Shape.Count > (large ? 2_000_000 : 2 * MostNumbers)) _maps.RemoveAt(_maps.Count - 1);
        }

        List<Node> outputs = [_others.Count > 0 && OneIn(2) ? _others[^1] : _maps[^1]];
        while (!large && OneIn(3)) outputs.Add(_others.Count > 0 && OneIn(3) ? _others[Below(_others.Count)] : _maps[Below(_maps.Count)]);
        if (OneIn(8)) outputs = [.. _maps.Concat(_others).Where(node => !_maps.Concat(_others).Any(other => other.Inputs.Contains(node)))]; // all that nobody reads
        Graph = new Graph($"random {seed}", outputs.Distinct());
    }

    public ulong Seed { get; }

    public Graph Graph { get; }

    private int Below(int bound) => _random.Below(bound, _drawn++);

    private bool OneIn(int many) => Below(many) == 0;

    private T One<T>(params ReadOnlySpan<T> of) => of[Below(of.Length)];

    // The last map, or one before it.
    private Node Map() => OneIn(3) ? _maps[Below(_maps.Count)] : _maps[^1];

    private void Grow(Func<Node, Node> grown)
    {
        var y = Map().Scope($"{_drawn}", grown);
        (y.Shape.Rank == 4 ? _maps : _others).Add(y);
    }

    private Node Grown(Node x) => Below(34) switch
    {
        < 6 => Convolution(x),
        6 => Pointwise(x),
        7 => Pointwise(x),
        8 => Depthwise(x),
        9 => Transposed(x),
        10 => Deformable(x),
        < 14 => Activated(x),
        14 or 15 => Sum(x),
        16 => Product(x),
        17 => x.BatchNorm(epsilon: One(1e-5f, 1e-3f)),
        18 => Pool(x),
        19 => Pool(x),
        20 => Excite(x),
        21 or 22 => Joined(x),
        23 => Piece(x),
        24 => Shuffled(x),
        25 => Unit(x),
        26 => Unit(x),
        27 => Broadcast(x),
        28 => Moved(x),
        29 => Elsewhere(x),
        30 => Statistic(x),
        31 => Head(x),
        32 => Separable(x),
        _ => Branches(x),
    };

    // What kernels between maps in plain order compute, and what goes with it.
    private Node Alone(Node x)
    {
        switch (Below(9))
        {
            case 0: return Followed(x.Depthwise(3, One(1, 2), bias: OneIn(2)));
            case 1: return Depthwise(x);
            case 2: return Followed(x.Depthwise(One(7, 9), One(1, 2), bias: OneIn(2)));
            case 3 or 4:
                var groups = x.Channels / One([.. new[] { 1, 2, 4, 8 }.Where(size => x.Channels % size == 0)]);
                return Followed(x.Conv(groups * One(4, 8), 3, One(1, 2), groups: groups, bias: OneIn(2)));
            case 5:
                Size dilation = (1 + Below(16), One([.. Enumerable.Range(1, 64).Where(apart => apart >= 16 && x.Shape.Width % apart == 0), 16]));
                return Followed(x.Conv(One(4, 5, 21, 32), 3, pad: new Padding(dilation.Height, dilation.Width, dilation.Height, dilation.Width), dilation: dilation, bias: OneIn(2)));
            case 6: return x.AvgPool(3, One(1, 2), 1);
            case 7: return Unit(x);
            default: return OneIn(2) ? Excite(x) : Pointwise(x);
        }
    }

    private int Channels(Node x, int kernel = 1)
    {
        var channels = OneIn(4) ? x.Channels : One(s_channels);
        while (channels > 1 && (long)channels * kernel * x.Shape.Count > MostMacs) channels /= 2;
        return channels;
    }

    private int Groups(int channels, int outputs)
    {
        if (!OneIn(3)) return 1;
        int[] all = [.. Enumerable.Range(1, Math.Min(channels, outputs)).Where(groups => channels % groups == 0 && outputs % groups == 0)];
        return One(all);
    }

    private Size Kernel(Node x) => Below(12) switch
    {
        < 5 => 3,
        5 => 1,
        6 => 5,
        7 => (1, One(2, 3, 5, 7)),
        8 => (One(2, 3, 5, 7), 1),
        9 => (1 + Below(7), 1 + Below(7)),
        10 => x.Shape.Plane.Area < 200 ? x.Shape.Plane : 2, // the whole map
        _ => One(2, 4, 7),
    };

    private Size Stride() => Below(6) switch { < 4 => 1, 4 => 2, _ => (1 + Below(3), 1 + Below(3)) };

    private Size Dilation() => Below(6) switch { < 5 => 1, _ => OneIn(2) ? 2 : (1 + Below(4), 1 + Below(3)) };

    private Padding? Pad(Size kernel, Size dilation) => Below(6) switch
    {
        < 3 => null,
        3 => Padding.None,
        4 => new Padding(Below(dilation.Height * kernel.Height + 1), Below(dilation.Width * kernel.Width + 1), Below(dilation.Height * kernel.Height + 1), Below(dilation.Width * kernel.Width + 1)),
        _ => Below(4),
    };

    private Node Convolution(Node x)
    {
        var (kernel, dilation) = (Kernel(x), Dilation());
        var channels = Channels(x, kernel.Area);
        var y = x.Conv(channels, kernel, Stride(), Pad(kernel, dilation), dilation, Groups(x.Channels, channels), bias: OneIn(2));
        return Followed(y);
    }

    private Node Pointwise(Node x)
    {
        var channels = Channels(x);
        return Followed(x.Conv(channels, 1, OneIn(5) ? Stride() : 1, OneIn(8) ? Below(2) : 0, groups: Groups(x.Channels, channels), bias: OneIn(2)));
    }

    private Node Depthwise(Node x)
    {
        var (kernel, dilation) = (Kernel(x), Dilation());
        return Followed(x.Depthwise(kernel, Stride(), Pad(kernel, dilation), dilation, OneIn(5) ? 2 + Below(2) : 1, bias: OneIn(2)));
    }

    private Node Transposed(Node x)
    {
        var (kernel, stride) = (Kernel(x), Stride());
        var channels = Channels(x, kernel.Area);
        return Followed(x.ConvTranspose(channels, kernel, stride, new Padding(Below(3), Below(3), Below(3), Below(3)), Dilation(), Groups(x.Channels, channels), OneIn(2), (Below(stride.Height), Below(stride.Width))));
    }

    private Node Deformable(Node x)
    {
        var many = OneIn(4); // channels through taps: more than are sampled at a time
        if (many) x = x.AdaptiveAvgPool((1 + Below(9), 1 + Below(9))).Conv(One(176, 200, 256), 1);
        var (kernel, stride, dilation) = (many || OneIn(2) ? (Size)3 : (1 + Below(3), 1 + Below(3)), Stride(), Dilation());
        var (channels, pad) = (Channels(x, 4 * kernel.Area), Pad(kernel, dilation));
        var groups = Groups(x.Channels, channels);
        var offsets = One(Enumerable.Range(1, Math.Min(4, x.Channels)).Where(count => x.Channels % count == 0).ToArray());
        var offset = x.Conv(2 * offsets * kernel.Area, kernel, stride, pad, dilation);
        if (_smooth || OneIn(2)) offset = 1.7f * offset.Tanh(); // far away rounding moves a place over a pixel, where the derivative jumps
        var mask = OneIn(2) ? x.Conv(offsets * kernel.Area, kernel, stride, pad, dilation).Sigmoid() : null;
        return Followed(x.DeformableConv(offset, mask, channels, kernel, stride, pad, dilation, groups, OneIn(2)));
    }

    private Node Followed(Node y)
    {
        if (OneIn(3)) y = y.BatchNorm();
        return OneIn(2) ? Activated(y) : y;
    }

    private Node Activated(Node x) => Below(_smooth ? 11 : 15) switch
    {
        < 4 => x.Relu(),
        4 => x.Relu6(),
        5 => x.Sigmoid(),
        6 => x.Silu(),
        7 => x.HardSigmoid(),
        8 => x.HardSwish(),
        9 => x.Tanh(),
        10 => x.LeakyRelu(0.2f),
        11 => x.Elu(0.7f),
        12 => x.Clip(-0.5f, 2),
        13 => x.Softplus(),
        _ => x.Affine(-1.5f, 0.25f),
    };

    private Node Sum(Node x)
    {
        Node[] same = [.. _maps.Where(map => map.Shape == x.Shape)];
        var other = OneIn(2) && same.Length > 1 ? One(same) : x.Conv(x.Channels, One(1, 3), groups: Groups(x.Channels, x.Channels), bias: OneIn(2));
        if (OneIn(3)) other = Activated(other);
        if (OneIn(4)) other = other.BatchNorm();
        var y = OneIn(2) ? x + other : other + x;
        if (OneIn(5)) y += same[Below(same.Length)];
        return OneIn(2) ? Activated(y) : y;
    }

    private Node Product(Node x)
    {
        Node[] same = [.. _maps.Where(map => map.Shape == x.Shape)];
        var y = x * One(same).Sigmoid();
        return OneIn(3) ? y + One(same) : y;
    }

    private Node Pool(Node x)
    {
        var kernel = OneIn(2) ? (Size)One(2, 3) : (1 + Below(5), 1 + Below(5));
        Size stride = OneIn(3) ? (1 + Below(4), 1 + Below(4)) : One(1, 2);
        var pad = OneIn(2) ? Padding.None : new Padding(Below(kernel.Height / 2 + 1), Below(kernel.Width / 2 + 1), Below(kernel.Height / 2 + 1), Below(kernel.Width / 2 + 1));
        return Below(6) switch
        {
            0 or 1 => x.MaxPool(kernel, stride, pad, OneIn(5) ? (1 + Below(3), 1 + Below(3)) : 1, OneIn(2)),
            2 or 3 => x.AvgPool(kernel, stride, pad, OneIn(2), OneIn(2)),
            4 => x.AdaptiveAvgPool(OneIn(2) ? 1 : (1 + Below(5), 1 + Below(5))),
            _ => x.AdaptiveMaxPool(OneIn(2) ? 1 : (1 + Below(5), 1 + Below(5))),
        };
    }

    // Squeeze-and-excitation behind, before and beside other things.
    private Node Excite(Node x)
    {
        if (OneIn(2)) x = x.Conv(Channels(x), 1, bias: OneIn(2));
        if (OneIn(3)) x = x.BatchNorm();
        if (OneIn(3)) x = Activated(x);
        var gate = OneIn(3) ? x.GlobalAvgPool().Conv(x.Channels, 1, bias: OneIn(2)) : x.GlobalAvgPool().Conv(1 + Below(9), 1, bias: OneIn(2)).Relu().Conv(x.Channels, 1, bias: OneIn(2));
        gate = OneIn(2) ? gate.Sigmoid() : gate.HardSigmoid();
        var y = OneIn(4) ? gate * x : x * gate;
        if (OneIn(6)) _maps.Add(x); // so that another may read it
        if (OneIn(6)) _maps.Add(gate);
        Node[] same = [.. _maps.Where(map => map.Shape == y.Shape)];
        if (OneIn(2) && same.Length > 0) y = OneIn(2) ? y + One(same) : One(same) + y;
        return OneIn(2) ? Activated(y) : y;
    }

    private Node Joined(Node x)
    {
        Node[] alike = [.. _maps.Where(map => map.Shape.Plane == x.Shape.Plane && map.Shape.Batch == x.Shape.Batch)];
        List<Node> parts = [x];
        for (var more = 1 + Below(3); more > 0; more--)
            parts.Insert(Below(parts.Count + 1), OneIn(2) ? One(alike) : OneIn(3) ? x.AvgPool(3, 1, 1) : Followed(x.Conv(One(8, 16, 16, 32, 48, 5), One(1, 1, 3))));
        var y = parts.Concat();
        return OneIn(3) ? y.Relu() : y;
    }

    private Node Piece(Node x)
    {
        if (OneIn(5) && !_smooth) return x.Slice(Below(x.Shape.Height), 1, axis: 2);
        if (OneIn(4)) return x.Embed(Below(20), Below(20));
        var start = OneIn(3) ? x.Channels / 2 : Below(x.Channels);
        var y = x.Slice(start, 1 + Below(x.Channels - start));
        if (OneIn(3)) _maps.Add(x.Slice(0, Math.Max(1, start)));
        return y;
    }

    private Node Shuffled(Node x)
    {
        var groups = One(Enumerable.Range(1, x.Channels).Where(count => x.Channels % count == 0).ToArray());
        var y = x.ChannelShuffle(groups);
        return Below(4) switch { 0 => y, 1 => y.Conv(Channels(y), 1), 2 => y.Depthwise(3), _ => y.Depthwise(3, stride: 2).BatchNorm().Conv(x.Channels, 1, groups: groups) };
    }

    private Node Unit(Node x)
    {
        if (OneIn(5)) return ShuffleUnits(x);
        var channels = 4 * (1 + Below(16));
        return Below(9) switch
        {
            0 => x.ShuffleUnitV2(x.Channels, 1),
            1 => x.ShuffleUnitV2(channels, 2),
            2 => x.ShuffleUnit(channels, One(1, 2, 4), One(1, 2)),
            3 => x.InvertedResidual(OneIn(2) ? x.Channels : channels, Math.Min(200, x.Channels * One(1, 2, 6)), One(3, 5), One(1, 1, 2)),
            4 => x.DenseLayer(One(8, 16, 12, 32), One(1, 2, 4)),
            5 => x.ResidualBottleneck(One(4, 8, 16), One(1, 2), One(1, 4)),
            6 => x.ResidualPreActivation(OneIn(2) ? x.Channels : channels, One(1, 2)),
            7 => x.Combined(channels, One(1, 2, 4), One(1, 2), One(0, 4)),
            _ => x.Conv(channels, 1, groups: Groups(x.Channels, channels)).ChannelShuffle(One(1, 2, 4)).Depthwise(3).Conv(channels, 1, groups: One(1, 2, 4)),
        };
    }

    // A stage of ShuffleNet's units, with as many channels as in the papers: it lies in planes where these fill vectors of pixels.
    private Node ShuffleUnits(Node x)
    {
        var (groups, first, more) = (One(1, 2, 3, 8), OneIn(2), 1 + Below(2));
        var channels = first ? 4 * groups * (9 + Below(12)) : One(48, 76, 116, 132);
        x = x.AdaptiveAvgPool(One(15, 16, 28)).Conv(One(24, 48), 1);
        for (var i = 0; i <= more; i++)
            x = x.Scope($"{i}", y => first ? y.ShuffleUnit(channels, groups, i == 0 ? 2 : 1, i == 0 ? 1 : null) : y.ShuffleUnitV2(channels, i == 0 ? 2 : 1));
        return x;
    }

    private Node Separable(Node x)
    {
        if (OneIn(8) && x.Channels <= 16) x = x.Resize((64 + Below(9), 64 + Below(9)), Interpolation.Nearest).Conv(One(32, 72, 90), 1).Relu(); // maps that are computed in strips
        else if (OneIn(2)) x = Followed(x.Conv(Math.Min(144, x.Channels * One(1, 3, 6)), 1, bias: OneIn(2)));
        var kernel = One(3, 3, 5, 7);
        var y = Followed(x.Depthwise(kernel, One(1, 1, 2), OneIn(3) ? Below(kernel) : null, bias: OneIn(2)));
        if (OneIn(4)) y = Followed(y.Depthwise(3));
        y = Followed(y.Conv(Channels(y), 1, bias: OneIn(2)));
        Node[] same = [.. _maps.Where(map => map.Shape == y.Shape)];
        return OneIn(2) && same.Length > 0 ? y + One(same) : y;
    }

    private Node Branches(Node x)
    {
        var unit = One(1, 3);
        return OneIn(2)
            ? x.Inception(One(3, 8, 16), (One(4, 8), One(8, 16, 20)), (4, One(8, 16)), One(5, 16), (y, channels, kernel) => y.ConvBn(channels, kernel).Relu())
            : new[] { x.Conv(16, unit).Relu(), x.Conv(16, 3), x.MaxPool(3, 1, 1) }.Concat().Relu();
    }

    // A number for each channel, row, column, sample or for all.
    private Node Broadcast(Node x)
    {
        Node other = Below(8) switch
        {
            0 => x.Max(Axes.Plane),
            1 => x.GlobalAvgPool(),
            2 => x.Slice(Below(x.Channels), 1),
            3 when !_smooth => x.Max(Axes.Height),
            4 when !_smooth => x.Max(Axes.Width),
            5 => x.Sum(Axes.Batch | Axes.Plane).Affine(1f / x.Shape.Count),
            6 => new Parameter("scale", [1, x.Channels, 1, 1], Initializer.Ones).Apply(),
            _ => x.Sum(Axes.Batch | Axes.Channels).Affine(1f / x.Shape.Channels / x.Shape.Batch),
        };
        return Below(_smooth ? 5 : 8) switch
        {
            0 => x + other,
            1 => other + x,
            2 => x * other,
            3 => other * x,
            4 => x.PRelu(other),
            5 => x.Maximum(other),
            6 => other.Minimum(x),
            _ => other.Is(Relation.Greater, x).Where(x, other),
        };
    }

    private Node Moved(Node x) => Below(5) switch
    {
        0 => x.Transpose(0, 1, 3, 2),
        1 when x.Shape.Count < 20_000 => x.Transpose(0, 2, 3, 1),
        2 => x.Dropout(),
        3 => x.Pad(new Padding(Below(4), Below(4), Below(4), Below(4)), PadMode.Zero),
        _ => x.Pad(new Padding(Below(Math.Min(3, x.Shape.Height)), Below(Math.Min(3, x.Shape.Width)), Below(Math.Min(3, x.Shape.Height)), Below(Math.Min(3, x.Shape.Width))), One(PadMode.Reflect, PadMode.Replicate, PadMode.Circular)),
    };

    private Node Elsewhere(Node x) => Below(5) switch
    {
        4 when x.Channels >= 4 => Region(x),
        0 => x.Resize((1 + Below(20), 1 + Below(20)), One(Interpolation.Nearest, Interpolation.Bilinear, Interpolation.BilinearCorners)),
        1 when x.Channels > 1 => x.GridSample(x.AdaptiveAvgPool((1 + Below(6), 1 + Below(6))).Slice(0, 2).Transpose(0, 2, 3, 1).Tanh(), _smooth ? GridMode.Bilinear : One(GridMode.Bilinear, GridMode.Bicubic), One(GridPadding.Zeros, GridPadding.Border, GridPadding.Reflection), OneIn(2)),
        2 => x.Resize((2 * x.Shape.Height, 2 * x.Shape.Width), Interpolation.Nearest),
        _ => x.Lrn(One(1, 2, 3, 5, 8), 0.1f, One(0.75f, 0.5f, 1)),
    };

    // A region of each sample, anywhere.
    private Node Region(Node x)
    {
        Size bins = (1 + Below(4), 1 + Below(4));
        var offset = OneIn(2) ? x.AdaptiveAvgPool(bins).Slice(0, x.Channels % 2 == 0 && OneIn(2) ? 4 : 2).Tanh() : null;
        return x.RoiPool(x.Slice(0, 4).GlobalAvgPool().Reshape([1, 4]).Tanh().Affine(x.Shape.Width), bins, One(0.5f, 1), offset, 1 + Below(3), positionSensitive: x.Channels % bins.Area == 0 && OneIn(2));
    }

    private Node Statistic(Node x) => Below(_smooth ? 4 : 8) switch
    {
        0 => x.Standardize(One(1, 2), 1e-2f),
        1 => x.Softmax(),
        2 => x.Sum((Axes)(1 + Below(15))).Affine(0.1f),
        3 => x.MatMul(x.Transpose(0, 1, 3, 2)).Affine(1f / x.Shape.Width),
        4 => x.Max((Axes)(1 + Below(15))),
        5 => x.Sigmoid().Product(One(Axes.Channels, Axes.Height)),
        6 => _maps[0].ArgMax(1 + Below(3)).Affine(0.1f), // of an input, whose numbers are not rounded
        _ => x.LogSoftmax(),
    };

    private Node Head(Node x)
    {
        var y = Below(4) switch
        {
            0 => x.GlobalAvgPool().Flatten(),
            1 => x.GlobalMaxPool().Flatten(),
            _ => x.Flatten(),
        };
        if (y.Shape[1] > 8000) return x.GlobalAvgPool();
        y = y.Linear(1 + Below(70), bias: OneIn(2));
        if (OneIn(2)) y = Activated(y).Linear(One(1, 3, 10, 16, 33));
        return Below(7) switch { 5 => y.SoftmaxCrossEntropy(y.Sigmoid()), 6 => y.MeanSquareError(y.Tanh()), 0 => y.Softmax(), 1 when !_smooth => y.LogSoftmax(), 2 => y.Reshape([y.Shape[1], 1, 1]), _ => y };
    }
}
