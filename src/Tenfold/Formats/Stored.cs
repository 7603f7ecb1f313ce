namespace Tenfold;

/// <summary>How values of a closed set of types stand in a file: a line per type, which is both how it is written and how it is read.</summary>
/// <param name="key">The attribute that names the type.</param>
internal sealed class Stored<TBase>(string key, params Stored<TBase>.Line[] lines) where TBase : class
{
    /// <summary>The types that a file can hold.</summary>
    public IEnumerable<(string Name, Type Type)> Types => lines.Select(line => (line.Name, line.Type));

    /// <summary>Writes <paramref name="value"/> and returns it, or returns what the file holds (then the value is null).</summary>
    /// <exception cref="FormatException">The file names an unknown type, or breaks an attribute's form.</exception>
    /// <exception cref="NotSupportedException">The value's type has no line.</exception>
    public TBase Pass(TBase? value, Attributes attributes)
    {
        var written = value is null ? null : Array.Find(lines, line => line.Type == value.GetType()) ?? throw new NotSupportedException($"{key} {value}: is no part of a model file");
        var name = attributes.Text(key, written?.Name ?? "");
        var found = Array.Find(lines, line => line.Name == name) ?? throw new FormatException($"the {key} {(name.Length > 40 ? name[..40] + "..." : name)} is unknown");
        return found.Pass(value, attributes);
    }

    /// <param name="first">Its attributes are the values where a file has none.</param>
    /// <param name="pass">The value made again from its attributes, each passed through <see cref="Attributes"/>.</param>
    public static Line Of<T>(string name, T first, Func<T, Attributes, TBase>? pass = null) where T : class, TBase =>
        new(name, typeof(T), (value, attributes) => pass is null ? first : pass(value as T ?? first, attributes));

    public sealed record Line(string Name, Type Type, Func<TBase?, Attributes, TBase> Pass);
}

/// <summary>What a model file can hold. A new operation is a line here.</summary>
internal static class Stored
{
    public static readonly Stored<Initializer> Initializers = new("init",
        Init("constant", new Initializer.Constant(0), (i, a) => new Initializer.Constant(a.Number("value", i.Value))),
        Init("normal", new Initializer.Normal(1), (i, a) => new Initializer.Normal(a.Number("deviation", i.Deviation), a.Number("mean", i.Mean))),
        Init("truncated normal", new Initializer.TruncatedNormal(1), (i, a) => new Initializer.TruncatedNormal(a.Number("deviation", i.Deviation))),
        Init("uniform", new Initializer.Uniform(), (i, a) => new Initializer.Uniform(a.Number("fan_in", i.FanIn), a.Number("bound", i.Bound))),
        Init("xavier uniform", new Initializer.XavierUniform()),
        Init("kaiming", new Initializer.Kaiming(true), (i, a) => new Initializer.Kaiming(a.Flag("fan_out", i.FanOut))),
        Init("identity", new Initializer.Identity(), (i, a) => new Initializer.Identity(a.Int("classes", i.Classes), a.Number("deviation", i.Deviation))));

    /// <remarks>Operations that exist only in training and as gradients of others are no part of a model.</remarks>
    public static readonly Stored<Op> Ops = new("op",
        Op(new Input([1]), (op, a) => new Input(a.Shape("shape", op.Shape))),
        Op(new Parameter("weight", [1], Initializer.Zeros), (op, a) => new Parameter(
            a.Text("role", op.Role), a.Shape("shape", op.Shape), Initializers.Pass(a is Attributes.Writer ? op.Initializer : null, a), a.Flag("trained", op.Trained))),
        Op(new Convolution(1, 0, 1, 1), (op, a) => new Convolution(
            a.Size("stride", op.Stride), a.Padding("pad", op.Padding), a.Size("dilation", op.Dilation), a.Int("groups", op.Groups))),
        Op(new ConvolutionTranspose(1, 0, 1, 1, 0), (op, a) => new ConvolutionTranspose(
            a.Size("stride", op.Stride), a.Padding("pad", op.Padding), a.Size("dilation", op.Dilation), a.Int("groups", op.Groups), a.Size("extra", op.Extra))),
        Op(new DeformableConvolution(1, 0, 1, 1, 1, false), (op, a) => new DeformableConvolution(
            a.Size("stride", op.Stride), a.Padding("pad", op.Padding), a.Size("dilation", op.Dilation), a.Int("groups", op.Groups), a.Int("offset_groups", op.OffsetGroups), a.Flag("masked", op.Masked))),
        Op(new DeformableSampling(new DeformableGrid(1, 1, 0, 1, 1)), (op, a) => new DeformableSampling(new DeformableGrid(
            a.Size("kernel", op.Grid.Kernel), a.Size("stride", op.Grid.Stride), a.Padding("pad", op.Grid.Padding), a.Size("dilation", op.Grid.Dilation), a.Int("offset_groups", op.Grid.OffsetGroups)))),
        Op(new RoiSampling(1, 1, 1, 1), (op, a) => new RoiSampling(a.Size("bins", op.Bins), a.Int("samples", op.Samples), a.Float("scale", op.Scale), a.Float("gamma", op.Gamma), a.Flag("positions", op.PositionSensitive))),
        Op(new Linear()),
        Op(new BatchNorm(), (op, a) => new BatchNorm(a.Float("epsilon", op.Epsilon), a.Float("momentum", op.Momentum))),
        Op(new Lrn(5, 1e-4f, 0.75f, 1), (op, a) => new Lrn(a.Int("size", op.Size), a.Float("alpha", op.Alpha), a.Float("beta", op.Beta), a.Float("k", op.K))),
        Op(new MaxPool(1, 1, 0, 1, false), (op, a) => new MaxPool(
            a.Size("kernel", op.Kernel), a.Size("stride", op.Stride), a.Padding("pad", op.Padding), a.Size("dilation", op.Dilation), a.Flag("ceil", op.CeilMode))),
        Op(new AvgPool(1, 1, 0, false, true), (op, a) => new AvgPool(
            a.Size("kernel", op.Kernel), a.Size("stride", op.Stride), a.Padding("pad", op.Padding), a.Flag("ceil", op.CeilMode), a.Flag("count_pad", op.CountIncludePad))),
        Op(new AdaptiveAvgPool(1), (op, a) => new AdaptiveAvgPool(a.Size("size", op.Size))),
        Op(new AdaptiveMaxPool(1), (op, a) => new AdaptiveMaxPool(a.Size("size", op.Size))),
        Op(new Relu()),
        Op(new Relu6()),
        Op(new LeakyRelu(0.01f), (op, a) => new LeakyRelu(a.Float("slope", op.Slope))),
        Op(new Sigmoid()),
        Op(new Tanh()),
        Op(new Silu()),
        Op(new HardSigmoid()),
        Op(new HardSwish()),
        Op(new Exp()),
        Op(new Log()),
        Op(new Power(1), (op, a) => new Power(a.Float("exponent", op.Exponent))),
        Op(new Erf()),
        Op(new Softplus()),
        Op(new Elu(1), (op, a) => new Elu(a.Float("alpha", op.Alpha))),
        Op(new Clip(0, 1), (op, a) => new Clip(a.Float("min", op.Min), a.Float("max", op.Max))),
        Op(new Standardize(1), (op, a) => new Standardize(a.Int("axis", op.Axis), a.Float("epsilon", op.Epsilon))),
        Op(new MatMul()),
        Op(new Max(Axes.None), (op, a) => new Max((Axes)a.Int("axes", (int)op.Axes))),
        Op(new ArgMax(1), (op, a) => new ArgMax(a.Int("axis", op.Axis), a.Flag("last", op.Last))),
        Op(new Softmax()),
        Op(new LogSoftmax()),
        Op(new Dropout(0.5f), (op, a) => new Dropout(a.Float("rate", op.Rate))),
        Op(new Add()),
        Op(new Multiply()),
        Op(new Affine(1, 0), (op, a) => new Affine(a.Float("factor", op.Factor), a.Float("offset", op.Offset))),
        Op(new Pow()),
        Op(new PRelu()),
        Op(new Compare(Relation.Equal), (op, a) => new Compare(a.Choice("relation", op.Relation))),
        Op(new Not()),
        Op(new Where()),
        Op(new Maximum()),
        Op(new Minimum()),
        Op(new GridSampling(GridMode.Bilinear, GridPadding.Zeros, false), (op, a) => new GridSampling(a.Choice("mode", op.Mode), a.Choice("outside", op.Outside), a.Flag("align", op.AlignCorners))),
        Op(new Product(Axes.None), (op, a) => new Product((Axes)a.Int("axes", (int)op.Axes))),
        Op(new Sum(Axes.None), (op, a) => new Sum((Axes)a.Int("axes", (int)op.Axes))),
        Op(new ChannelSum()),
        Op(new Expand()),
        Op(new ChannelShuffle(1), (op, a) => new ChannelShuffle(a.Int("groups", op.Groups))),
        Op(new Concat(1), (op, a) => new Concat(a.Int("axis", op.Axis))),
        Op(new Slice(1, 0, 1), (op, a) => new Slice(a.Int("axis", op.Axis), a.Int("start", op.Start), a.Int("length", op.Length))),
        Op(new Embed(1, 0, 0), (op, a) => new Embed(a.Int("axis", op.Axis), a.Int("before", op.Before), a.Int("after", op.After))),
        Op(new Reshape([1]), (op, a) => new Reshape(a.Shape("sizes", op.Sizes), a.Int("kept", op.Kept))),
        Op(new Flatten()),
        Op(new Transpose(new Permutation(0, 1)), (op, a) => new Transpose(new Permutation(a.Whole("order", [.. Enumerable.Range(0, op.Order.Rank).Select(i => op.Order[i])])))),
        Op(new Pad(0, PadMode.Zero), (op, a) => new Pad(a.Padding("pad", op.Padding), a.Choice("mode", op.Mode))),
        Op(new Resize(1, Interpolation.Bilinear), (op, a) => new Resize(a.Size("size", op.Size), a.Choice("mode", op.Mode))));

    private static Stored<Op>.Line Op<T>(T first, Func<T, Attributes, Op>? pass = null) where T : Op => Stored<Op>.Of(first.Name, first, pass);

    private static Stored<Initializer>.Line Init<T>(string name, T first, Func<T, Attributes, Initializer>? pass = null) where T : Initializer => Stored<Initializer>.Of(name, first, pass);
}
