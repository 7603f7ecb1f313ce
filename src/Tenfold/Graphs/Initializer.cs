namespace Tenfold;

/// <summary>The first values of a parameter: a rule from shape and random numbers to a tensor.</summary>
/// <remarks>For a kernel [out, in/groups, kh, kw] (or a matrix [out, in]): fan-in = in/groups * kh * kw, fan-out = out * kh * kw,
/// the latter as PyTorch counts it, also for grouped and depthwise convolutions.</remarks>
public abstract record Initializer
{
    public static readonly Initializer Zeros = new Constant(0);
    public static readonly Initializer Ones = new Constant(1);

    /// <summary>PyTorch's default for convolutions and linear layers: uniform within 1/sqrt(fan-in) (Kaiming uniform with a = sqrt 5).</summary>
    public static readonly Initializer Default = new Uniform(FanIn: 1);

    /// <summary>He et al., "Delving Deep into Rectifiers", 2015: normal with deviation sqrt(2 / fan-out).</summary>
    public static readonly Initializer KaimingFanOut = new Kaiming(FanOut: true);

    /// <summary>He et al. 2015 with the fan-in: normal with deviation sqrt(2 / fan-in).</summary>
    public static readonly Initializer KaimingFanIn = new Kaiming(FanOut: false);

    public Tensor Fill(Shape shape, Philox random)
    {
        var tensor = new Tensor(shape);
        var fans = new Fans(shape);
        for (var i = 0; i < tensor.Span.Length; i++) tensor.Span[i] = (float)Draw(random, (ulong)i, fans);
        return tensor;
    }

    /// <summary>Element <paramref name="index"/> of the tensor.</summary>
    protected abstract double Draw(Philox random, ulong index, Fans fans);

    public sealed record Constant(double Value) : Initializer
    {
        protected override double Draw(Philox random, ulong index, Fans fans) => Value;
    }

    public sealed record Normal(double Deviation, double Mean = 0) : Initializer
    {
        protected override double Draw(Philox random, ulong index, Fans fans) => Mean + Deviation * random.Normal(index);
    }

    /// <summary>Normal, drawn again while further than two deviations from zero.</summary>
    public sealed record TruncatedNormal(double Deviation) : Initializer
    {
        protected override double Draw(Philox random, ulong index, Fans fans)
        {
            for (ulong attempt = 0; ; attempt++)
                if (random.Normal(index, attempt) is > -2 and < 2 and var z) return Deviation * z;
        }
    }

    /// <summary>Uniform within <c>sqrt(FanIn / fan-in)</c>, or within <paramref name="Bound"/>: 1 is PyTorch's default, 3 Caffe's "xavier", 6 Kaiming uniform.</summary>
    public sealed record Uniform(double FanIn = 0, double Bound = 0) : Initializer
    {
        protected override double Draw(Philox random, ulong index, Fans fans) =>
            (2 * random.Uniform(index) - 1) * (FanIn > 0 ? Math.Sqrt(FanIn / fans.In) : Bound);
    }

    /// <summary>Glorot and Bengio 2010: uniform within sqrt(6 / (fan-in + fan-out)).</summary>
    public sealed record XavierUniform : Initializer
    {
        protected override double Draw(Philox random, ulong index, Fans fans) =>
            (2 * random.Uniform(index) - 1) * Math.Sqrt(6.0 / (fans.In + fans.Out));
    }

    public sealed record Kaiming(bool FanOut) : Initializer
    {
        protected override double Draw(Philox random, ulong index, Fans fans) => Math.Sqrt(2.0 / (FanOut ? fans.Out : fans.In)) * random.Normal(index);
    }

    /// <summary>A kernel that copies channels from its centre tap: the identity initialisation of Yu and Koltun 2016, section 3.</summary>
    /// <remarks>Channel i to channel i; or, with <paramref name="Classes"/>, from c to c' channels that are each so many maps several times over, with
    /// weight C / c' from every copy of a map to every copy of it in the next layer: layers that end in C maps are the identity as a whole.</remarks>
    /// <param name="Classes">C, which divides both numbers of channels; 0 for channel i to channel i.</param>
    /// <param name="Deviation">Of the normal noise everywhere else.</param>
    public sealed record Identity(int Classes = 0, double Deviation = 0) : Initializer
    {
        protected override double Draw(Philox random, ulong index, Fans fans)
        {
            var (tap, inputs, outputs) = ((long)index % fans.Taps, fans.In / fans.Taps, fans.Out / fans.Taps);
            var (o, i) = Math.DivRem((long)index / fans.Taps, inputs);
            if (tap == fans.Taps / 2 && (Classes == 0 ? o == i : o * Classes / outputs == i * Classes / inputs)) return Classes == 0 ? 1 : (double)Classes / outputs;
            return Deviation == 0 ? 0 : Deviation * random.Normal(index);
        }
    }

    /// <summary>What a shape tells the rules.</summary>
    public readonly record struct Fans(long In, long Out, long Taps)
    {
        public Fans(Shape shape) : this(shape.Count / shape[0], shape.Rank < 2 ? shape[0] : shape.Count / shape[1], shape.Rank < 2 ? 1 : shape.Count / shape[0] / shape[1])
        {
        }
    }
}
