namespace Tenfold;

/// <summary>What every ONNX operator is made of here. A new operator is a line.</summary>
internal sealed partial class OnnxImport
{
    private static readonly Dictionary<string, Func<OnnxStep, Node[]>> s_operators = new()
    {
        ["Conv"] = One(Convolution),
        ["ConvTranspose"] = One(ConvolutionTranspose),
        ["DeformConv"] = One(DeformableConvolution),
        ["Gemm"] = One(Gemm),
        ["MatMul"] = One(MatMul),
        ["BatchNormalization"] = BatchNormalization,
        ["InstanceNormalization"] = One(InstanceNormalization),
        ["LayerNormalization"] = LayerNormalization,
        ["GroupNormalization"] = One(GroupNormalization),
        ["LRN"] = One(Lrn),
        ["MaxPool"] = One(MaxPool),
        ["AveragePool"] = One(AveragePool),
        ["LpPool"] = One(LpPool),
        ["GlobalAveragePool"] = One(step => step.Make(new AdaptiveAvgPool(1), step.X(0))),
        ["GlobalMaxPool"] = One(step => step.Make(new AdaptiveMaxPool(1), step.X(0))),
        ["GlobalLpPool"] = One(GlobalLpPool),
        ["Softmax"] = One(step => Softmax(step, new Softmax())),
        ["LogSoftmax"] = One(step => Softmax(step, new LogSoftmax())),
        ["Dropout"] = One(Dropout),
        ["Resize"] = One(Resized),
        ["Upsample"] = One(Resized),
        ["GridSample"] = One(GridSample),

        ["Relu"] = One(step => step.Make(new Relu(), step.X(0))),
        ["LeakyRelu"] = One(step => step.Make(new LeakyRelu(step.Float("alpha", 0.01f)), step.X(0))),
        ["PRelu"] = One(PRelu),
        ["Elu"] = One(step => step.Make(new Elu(step.Float("alpha", 1)), step.X(0))),
        ["Selu"] = One(step => step.Make(new Affine(step.Float("gamma", 1.05070102214813232421875f), 0), step.Part(new Elu(step.Float("alpha", 1.67326319217681884765625f)), step.X(0)))),
        ["Celu"] = One(step => step.Float("alpha", 1) is var alpha && alpha == 0 ? throw new FormatException("its alpha is 0")
            : step.Make(new Affine(alpha, 0), step.Part(new Elu(1), step.Part(new Affine(1 / alpha, 0), step.X(0))))),
        ["Sigmoid"] = One(step => step.Make(new Sigmoid(), step.X(0))),
        ["HardSigmoid"] = One(HardSigmoid),
        ["HardSwish"] = One(step => step.Make(new HardSwish(), step.X(0))),
        ["Swish"] = One(step => step.Float("alpha", 1) is 1 ? step.Make(new Silu(), step.X(0))
            : step.Make(new Multiply(), step.X(0), step.Part(new Sigmoid(), step.Part(new Affine(step.Float("alpha", 1), 0), step.X(0))))),
        ["Tanh"] = One(step => step.Make(new Tanh(), step.X(0))),
        ["Softplus"] = One(step => step.Make(new Softplus(), step.X(0))),
        ["Softsign"] = One(step => step.Make(new Multiply(), step.X(0), step.Part(new Power(-1), step.Part(new Affine(1, 1), Absolute(step, step.X(0)))))),
        ["Mish"] = One(step => step.Make(new Multiply(), step.X(0), step.Part(new Tanh(), step.Part(new Softplus(), step.X(0))))),
        ["Gelu"] = One(Gelu),
        ["Erf"] = One(step => step.Make(new Erf(), step.X(0))),
        ["Exp"] = One(step => step.Make(new Exp(), step.X(0))),
        ["Log"] = One(step => step.Make(new Log(), step.X(0))),
        ["Sqrt"] = One(step => step.Make(new Power(0.5f), step.X(0))),
        ["Reciprocal"] = One(step => step.Make(new Power(-1), step.X(0))),
        ["Pow"] = One(Pow),
        ["Abs"] = One(step => Absolute(step, step.X(0))),
        ["Neg"] = One(step => step.Make(new Affine(-1, 0), step.X(0))),
        ["Clip"] = One(Clip),
        ["Identity"] = One(step => step.X(0)),
        ["Cast"] = One(Cast),

        ["Add"] = One(Add),
        ["Sub"] = One(Sub),
        ["Mul"] = One(Mul),
        ["Div"] = One(Div),
        ["Sum"] = One(step => Enumerable.Range(1, step.Inputs - 1).Aggregate(step.X(0), (sum, i) => Both(step, new Add(), sum, step[i]))),
        ["Mean"] = One(step => step.Make(new Affine(1f / step.Inputs, 0), Enumerable.Range(1, step.Inputs - 1).Aggregate(step.X(0), (sum, i) => Both(step, new Add(), sum, step[i])))),
        ["Max"] = One(step => Enumerable.Range(1, step.Inputs - 1).Aggregate(step.X(0), (most, i) => Extreme(step, most, step[i], greatest: true))),
        ["Min"] = One(step => Enumerable.Range(1, step.Inputs - 1).Aggregate(step.X(0), (least, i) => Extreme(step, least, step[i], greatest: false))),
        ["Equal"] = One(step => Both(step, new Compare(Relation.Equal), step.X(0), step[1])),
        ["Greater"] = One(step => Both(step, new Compare(Relation.Greater), step.X(0), step[1])),
        ["GreaterOrEqual"] = One(step => Both(step, new Compare(Relation.GreaterOrEqual), step.X(0), step[1])),
        ["Less"] = One(step => Both(step, new Compare(Relation.Greater), step.X(1), step[0])),
        ["LessOrEqual"] = One(step => Both(step, new Compare(Relation.GreaterOrEqual), step.X(1), step[0])),
        ["Not"] = One(step => step.Make(new Not(), step.X(0))),
        ["And"] = One(step => Both(step, new Multiply(), step.X(0), step[1])),
        ["Or"] = One(step => Both(step, new Maximum(), step.X(0), step[1])),
        ["Xor"] = One(step => step.Make(new Not(), Both(step, new Compare(Relation.Equal), step.X(0), step[1]))),
        ["Where"] = One(Where),

        ["Reshape"] = One(step => Final(step, step.X(0), ReshapeSizes(step, [.. step.X(0).Shape]))),
        ["Flatten"] = One(step => Final(step, step.X(0), FlattenSizes(step, [.. step.X(0).Shape]))),
        ["Squeeze"] = One(step => Final(step, step.X(0), SqueezeSizes(step, [.. step.X(0).Shape]))),
        ["Unsqueeze"] = One(step => Final(step, step.X(0), UnsqueezeSizes(step, [.. step.X(0).Shape]))),
        ["Transpose"] = One(step => step.Make(new Transpose(new Permutation(Order(step, step.X(0).Shape.Rank))), step.X(0))),
        ["Concat"] = One(Concatenated),
        ["Slice"] = One(Sliced),
        ["Split"] = Splitted,
        ["Gather"] = One(Gathered),
        ["Expand"] = One(step => Expanded(step, step.X(0), BroadcastSizes([.. step.X(0).Shape], Sizes(step.Wholes(1, "shape"))))),
        ["Tile"] = One(Tiled),
        ["Pad"] = One(Padded),
        ["DepthToSpace"] = One(DepthToSpace),
        ["SpaceToDepth"] = One(SpaceToDepth),
        ["ArgMax"] = One(ArgMax),
        ["ReduceSum"] = One(step => Reduced(step, step.Type)),
        ["ReduceMean"] = One(step => Reduced(step, step.Type)),
        ["ReduceMax"] = One(step => Reduced(step, step.Type)),
        ["ReduceProd"] = One(step => Reduced(step, step.Type)),
        ["ReduceMin"] = One(step => Reduced(step, step.Type)),
        ["ReduceL1"] = One(step => Reduced(step, step.Type)),
        ["ReduceL2"] = One(step => Reduced(step, step.Type)),
        ["ReduceSumSquare"] = One(step => Reduced(step, step.Type)),
        ["ReduceLogSum"] = One(step => Reduced(step, step.Type)),
        ["ReduceLogSumExp"] = One(step => Reduced(step, step.Type)),
    };

    private static Func<OnnxStep, Node[]> One(Func<OnnxStep, Node> translate) => step => [translate(step)];

    // |x| = max(x, 0) + max(-x, 0)
    private static Node Absolute(OnnxStep step, Node x) => step.Part(new Add(), step.Part(new Relu(), x), step.Part(new Relu(), step.Part(new Affine(-1, 0), x)));

    private static Node HardSigmoid(OnnxStep step)
    {
        var (alpha, beta) = (step.Float("alpha", 0.2f), step.Float("beta", 0.5f));
        return Math.Abs(alpha - 1 / 6f) < 1e-6f && beta == 0.5f ? step.Make(new HardSigmoid(), step.X(0)) : step.Make(new Clip(0, 1), step.Part(new Affine(alpha, beta), step.X(0)));
    }

    private static Node PRelu(OnnxStep step)
    {
        var x = step.X(0);
        if (step[1].Known is { Count: 1 }) return step.Make(new LeakyRelu(step.Scalar(1, "slope")), x);

        // Before opset 7 a vector of slopes was one for each channel.
        return step.Opset < 7 && step[1].Sizes is [var channels] && x.Shape.Rank > 2 && step[1].Known is not null
            ? step.Make(new PRelu(), x, step.Weight(1, "weight", [1, channels, .. Enumerable.Repeat(1, x.Shape.Rank - 2)]))
            : Both(step, new PRelu(), x, step[1], "weight");
    }

    private static Node Gelu(OnnxStep step)
    {
        var x = step.X(0);
        var bend = step.Text("approximate", "none") == "tanh"
            ? step.Part(new Tanh(), step.Part(new Affine((float)Math.Sqrt(2 / Math.PI), 0), step.Part(new Add(), x, step.Part(new Affine(0.044715f, 0), step.Part(new Multiply(), x, step.Part(new Power(2), x))))))
            : step.Part(new Erf(), step.Part(new Affine((float)(1 / Math.Sqrt(2)), 0), x));
        return step.Make(new Multiply(), x, step.Part(new Affine(0.5f, 0.5f), bend));
    }

    private static Node Pow(OnnxStep step)
    {
        var x = step.X(0);
        return step[1].Known is { Count: 1 } exponent && float.IsFinite(exponent.AsReals[0])
            ? Between(step, step.Make(new Power(exponent.AsReals[0]), x), BroadcastSizes([.. x.Shape], exponent.Sizes))
            : Both(step, new Pow(), x, step[1], "exponent");
    }

    // Truth is 1 and 0 here, so only what makes other numbers of some is work. What holds whole numbers already keeps them.
    private static Node Cast(OnnxStep step)
    {
        var x = step.X(0);
        return step.Int("to", 0) switch
        {
            1 or 10 or 11 or 16 => x,
            9 => IsTruth(x) ? x : step.Make(new Not(), step.Part(new Not(), x)),
            _ when IsTruth(x) || IsWhole(x) => x,
            _ => throw new NotSupportedException("it casts what the network computes to whole numbers"),
        };

        static bool IsTruth(Node node) => Origin(node).Op is Compare or Not;

        static bool IsWhole(Node node) => Origin(node).Op is ArgMax;

        static Node Origin(Node node) => node.Op is Reshape or Flatten or Transpose ? Origin(node.Inputs[0]) : node;
    }

    private static Node Clip(OnnxStep step)
    {
        if (step.Opset >= 11 && (IsComputed(1) || IsComputed(2)))
        {
            var least = step.Has(1) ? Both(step, new Maximum(), step.X(0), step[1]) : step.X(0);
            return step.Has(2) ? Both(step, new Minimum(), least, step[2]) : least;
        }

        var (min, max) = step.Opset < 11
            ? (step.Float("min", float.MinValue), step.Float("max", float.MaxValue))
            : (step.Has(1) ? step.Scalar(1, "minimum") : float.MinValue, step.Has(2) ? step.Scalar(2, "maximum") : float.MaxValue);
        if (float.IsNaN(min) || float.IsNaN(max)) throw new FormatException("a bound is not a number");
        (min, max) = (Math.Clamp(min, float.MinValue, float.MaxValue), Math.Clamp(max, float.MinValue, float.MaxValue));
        return (min, max) switch
        {
            (0, 6) => step.Make(new Relu6(), step.X(0)),
            (0, float.MaxValue) => step.Make(new Relu(), step.X(0)),
            (float.MinValue, float.MaxValue) => step.X(0),
            _ => step.Make(new Clip(min, max), step.X(0)),
        };

        bool IsComputed(int i) => step.Has(i) && step[i].Known is null;
    }

    private static Node Dropout(OnnxStep step)
    {
        if (step.Has(2) && step.Known(2, "training mode").AsReals is [not 0]) throw new NotSupportedException("it drops numbers at random");
        if (step.UsesOutput(1)) throw new NotSupportedException("its mask is read");
        var rate = step.Opset < 12 ? step.Float("ratio", 0.5f) : step.Has(1) ? step.Scalar(1, "ratio") : 0.5f;
        return rate is >= 0 and < 1 ? step.Make(new Dropout(rate), step.X(0)) : step.X(0);
    }

    private static Node Softmax(OnnxStep step, Op op)
    {
        var x = step.X(0);
        var rank = x.Shape.Rank;
        var axis = Axis(step.Int("axis", step.Opset < 13 ? 1 : -1), rank);
        if (step.Opset < 13)
        {
            // Of all dimensions from the axis on together.
            if (axis == 1 && rank == 2) return step.Make(op, x);
            var flat = Between(step, x, axis == 0 ? [1, Constant.Product(x.Shape)] : [Constant.Product(x.Shape.Take(axis)), Constant.Product(x.Shape.Skip(axis))]);
            return Between(step, step.Make(op, flat), [.. x.Shape]);
        }

        if (axis == 1) return step.Make(op, x);
        if (rank == 1) return Between(step, step.Make(op, Between(step, x, [1, x.Shape[0]])), [x.Shape[0]]);
        int[] order = [.. Enumerable.Range(0, rank)];
        (order[1], order[axis]) = (axis, 1);
        var turn = new Transpose(new Permutation(order));
        return step.Part(turn, step.Make(op, step.Part(turn, x)));
    }

    private static Node ArgMax(OnnxStep step)
    {
        var x = step.X(0);
        var axis = Axis(step.Int("axis", 0), x.Shape.Rank);
        var op = new ArgMax(Math.Max(1, axis), step.Flag("select_last_index"));
        var most = axis > 0 ? step.Make(op, x)
            : x.Shape.Rank == 1 ? Between(step, step.Make(op, Between(step, x, [1, x.Shape[0]])), [1])
            : Turned(step, step.Make(op, Turned(step, x)));
        return step.Flag("keepdims", true) ? most : Between(step, most, [.. x.Shape.Where((_, i) => i != axis)]);
    }

    private static Node Add(OnnxStep step) => Scalar(step, 1) is { } b ? Line(step, step.X(0), 1, b, step[1]) : Scalar(step, 0) is { } a ? Line(step, step.X(1), 1, a, step[0]) : Both(step, new Add(), step.X(0, "bias"), step[1], "bias");

    private static Node Sub(OnnxStep step) => Scalar(step, 1) is { } b ? Line(step, step.X(0), 1, -b, step[1])
        : Scalar(step, 0) is { } a ? Line(step, step.X(1), -1, a, step[0])
        : Both(step, new Add(), step.X(0), step[1].Known is { } known ? new Constant(known.Sizes, Array.ConvertAll(known.AsReals, number => -number)) : step.Part(new Affine(-1, 0), step.X(1)));

    private static Node Mul(OnnxStep step) => Scalar(step, 1) is { } b ? Line(step, step.X(0), b, 0, step[1]) : Scalar(step, 0) is { } a ? Line(step, step.X(1), a, 0, step[0]) : Both(step, new Multiply(), step.X(0, "weight"), step[1], "weight");

    private static Node Div(OnnxStep step) => Scalar(step, 1) is { } b && b != 0 ? Line(step, step.X(0), 1 / b, 0, step[1])
        : step[1].Known is { } known ? Both(step, new Multiply(), step.X(0), new Constant(known.Sizes, Array.ConvertAll(known.AsReals, number => 1 / number)))
        : Scalar(step, 0) is { } a ? Line(step, step.Part(new Power(-1), step.X(1)), a, 0, step[0])
        : Both(step, new Multiply(), step.X(0), step.Part(new Power(-1), step.X(1)));

    // One finite number, with which to multiply or to add. When all is known it stays a tensor, to be computed as one.
    private static float? Scalar(OnnxStep step, int i) => step[i].Known is { Count: 1 } one && float.IsFinite(one.AsReals[0]) && step[1 - i].Node is not null ? one.AsReals[0] : null;

    private static Node Line(OnnxStep step, Node x, float factor, float offset, Value scalar) =>
        Between(step, step.Make(new Affine(factor, offset), x), BroadcastSizes([.. x.Shape], scalar.Sizes));

    /// <summary>An operation of two operands, which are brought to the same rank.</summary>
    private static Node Both(OnnxStep step, Op op, Node a, Value b, string role = "value")
    {
        var rank = Math.Max(a.Shape.Rank, b.Sizes.Length);
        int[] sizes = [.. Enumerable.Repeat(1, rank - b.Sizes.Length), .. b.Sizes];

        // Before opset 7 an attribute said at which dimension the smaller operand stands.
        if (step.Opset < 7 && step.Flag("broadcast") && step.HasAttribute("axis") && Axis(step.Int("axis", 0), rank) is var axis && axis + b.Sizes.Length <= rank)
            sizes = [.. Enumerable.Repeat(1, axis), .. b.Sizes, .. Enumerable.Repeat(1, rank - axis - b.Sizes.Length)];
        var other = b.Node is { } node ? Between(step, node, sizes) : step.Lift(b, role, sizes);
        return step.Make(op, Between(step, a, [.. Enumerable.Repeat(1, rank - a.Shape.Rank), .. a.Shape]), other);
    }

    private static Node Extreme(OnnxStep step, Node a, Value b, bool greatest)
    {
        if (b.Known is not { Count: 1 } one || float.IsNaN(one.AsReals[0])) return Both(step, greatest ? new Maximum() : new Minimum(), a, b);
        var bound = Math.Clamp(one.AsReals[0], float.MinValue, float.MaxValue);
        return Between(step, step.Make(!greatest ? new Clip(float.MinValue, bound) : bound == 0 ? new Relu() : new Clip(bound, float.MaxValue), a), BroadcastSizes([.. a.Shape], b.Sizes));
    }

    private static Node Where(OnnxStep step)
    {
        var rank = Enumerable.Range(0, 3).Max(i => step[i].Sizes.Length);
        return step.Make(new Where(), Ranked(step, 0, rank, "condition"), Ranked(step, 1, rank), Ranked(step, 2, rank));
    }

    /// <summary>An input with dimensions of 1 before its own.</summary>
    private static Node Ranked(OnnxStep step, int i, int rank, string role = "value")
    {
        int[] sizes = [.. Enumerable.Repeat(1, rank - step[i].Sizes.Length), .. step[i].Sizes];
        return step[i].Node is { } node ? Between(step, node, sizes) : step.Weight(i, role, sizes);
    }
}
