namespace Tenfold;

/// <summary>Batch normalisation: every channel is shifted and scaled to mean 0 and variance 1, then by learned numbers.</summary>
/// <remarks>
/// <code>y = scale (x - mean) / sqrt(variance + epsilon) + shift</code>
/// Inputs: x [N, C, H, W], scale [C], shift [C], mean [C], variance [C]. At inference mean and variance are running averages kept with the
/// weights. In training they are <see cref="BatchMean"/> and <see cref="BatchVariance"/> of x itself, and the gradient takes
/// account of that: dx = scale / sqrt(v + e) (dy - mean(dy) - x' mean(dy x')), x' the normalised x.
/// Parameters: 2C. Ioffe and Szegedy, "Batch Normalization", ICML 2015, algorithm 1.
/// </remarks>
/// <param name="Epsilon">1e-5 as in PyTorch; networks born in TensorFlow use 1e-3.</param>
/// <param name="Momentum">The weight of the new batch in the running averages: r = (1 - m) r + m new, the variance unbiased (n / (n - 1)).</param>
/// <param name="Training">Whether mean and variance depend on x.</param>
public sealed record BatchNorm(float Epsilon = 1e-5f, float Momentum = 0.1f, bool Training = false) : Op
{
    public override string Name => "bn";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 5, "x, scale, shift, mean and variance");
        Require.Channels(Name, inputs[0]);
        CheckVectors(Name, inputs[0], inputs[1..]);
        return inputs[0];
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (x, scale, shift, mean, variance) = (inputs[0], inputs[1], inputs[2], inputs[3], inputs[4]);
        for (var n = 0; n < x.Shape[0]; n++)
            for (var c = 0; c < x.Shape[1]; c++)
            {
                var factor = scale[c] / T.Sqrt(variance[c] + T.CreateTruncating(Epsilon));
                var from = x.Plane(n, c);
                var to = output.Plane(n, c);
                for (var i = 0; i < from.Length; i++) to[i] = (from[i] - mean[c]) * factor + shift[c];
            }
    }

    public override IReadOnlyList<Node?> Gradient(Node y, Node dy)
    {
        var (x, scale, mean, variance) = (y.Inputs[0], y.Inputs[1], y.Inputs[3], y.Inputs[4]);
        var dscale = new BatchNormScaleGradient(Epsilon).Apply(x, dy, mean, variance);
        var dshift = dy.ChannelSum();
        return [new BatchNormInputGradient(Epsilon, Training).Apply(x, dy, scale, mean, variance, dscale, dshift), dscale, dshift, null, null];
    }

    internal static void CheckVectors(string op, Shape x, ReadOnlySpan<Shape> vectors)
    {
        foreach (var vector in vectors)
            if (vector.Rank != 1 || vector[0] != x.Channels) throw new ShapeException($"{op}: {vector} does not fit {x.Channels} channels");
    }
}

/// <summary>The mean of each channel over batch and plane: [N, C, H, W] -> [C].</summary>
public sealed record BatchMean : UnaryOp
{
    public override string Name => "batch mean";

    public override Shape Infer(Shape x)
    {
        Require.Channels(Name, x);
        return [x.Channels];
    }

    protected override void Define<T>(Values<T> x, Values<T> y)
    {
        for (var c = 0; c < x.Shape[1]; c++)
        {
            for (var n = 0; n < x.Shape[0]; n++)
                foreach (var value in x.Plane(n, c)) y[c] += value;
            y[c] /= T.CreateTruncating(x.Shape.Count / x.Shape[1]);
        }
    }
}

/// <summary>The variance of each channel over batch and plane, biased (divided by n). Inputs: x, its <see cref="BatchMean"/>.</summary>
public sealed record BatchVariance : Op
{
    public override string Name => "batch variance";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 2, "x and its mean");
        Require.Channels(Name, inputs[0]);
        BatchNorm.CheckVectors(Name, inputs[0], inputs[1..]);
        return inputs[1];
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (x, mean) = (inputs[0], inputs[1]);
        for (var c = 0; c < x.Shape[1]; c++)
        {
            for (var n = 0; n < x.Shape[0]; n++)
                foreach (var value in x.Plane(n, c)) output[c] += (value - mean[c]) * (value - mean[c]);
            output[c] /= T.CreateTruncating(x.Shape.Count / x.Shape[1]);
        }
    }
}

/// <summary>dscale[c] = sum of dy x', x' = (x - mean) / sqrt(variance + epsilon). Inputs: x, dy, mean, variance.</summary>
public sealed record BatchNormScaleGradient(float Epsilon) : Op
{
    public override string Name => "bn scale gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 4, "x, dy, mean and variance");
        Require.Channels(Name, inputs[0]);
        Require.Same(Name, "dy", inputs[1], inputs[0]);
        BatchNorm.CheckVectors(Name, inputs[0], inputs[2..]);
        return inputs[2];
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (x, dy, mean, variance) = (inputs[0], inputs[1], inputs[2], inputs[3]);
        for (var n = 0; n < x.Shape[0]; n++)
            for (var c = 0; c < x.Shape[1]; c++)
            {
                var xs = x.Plane(n, c);
                var dys = dy.Plane(n, c);
                var sum = T.Zero;
                for (var i = 0; i < xs.Length; i++) sum += dys[i] * (xs[i] - mean[c]);
                output[c] += sum / T.Sqrt(variance[c] + T.CreateTruncating(Epsilon));
            }
    }
}

/// <summary>dx of <see cref="BatchNorm"/>: scale / sqrt(v + e) times dy, less in training what dy does through the statistics:
/// dshift / n + x' dscale / n with n = N H W. Inputs: x, dy, scale, mean, variance, dscale, dshift.</summary>
public sealed record BatchNormInputGradient(float Epsilon, bool Training) : Op
{
    public override string Name => "bn input gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 7, "x, dy, scale, mean, variance, dscale and dshift");
        Require.Channels(Name, inputs[0]);
        Require.Same(Name, "dy", inputs[1], inputs[0]);
        BatchNorm.CheckVectors(Name, inputs[0], inputs[2..]);
        return inputs[0];
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (x, dy, scale, mean, variance, dscale, dshift) = (inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], inputs[5], inputs[6]);
        var share = Training ? T.One / T.CreateTruncating(x.Shape.Count / x.Shape[1]) : T.Zero;
        for (var n = 0; n < x.Shape[0]; n++)
            for (var c = 0; c < x.Shape[1]; c++)
            {
                var inverse = T.One / T.Sqrt(variance[c] + T.CreateTruncating(Epsilon));
                var xs = x.Plane(n, c);
                var dys = dy.Plane(n, c);
                var dxs = output.Plane(n, c);
                for (var i = 0; i < xs.Length; i++)
                    dxs[i] = scale[c] * inverse * (dys[i] - share * (dshift[c] + (xs[i] - mean[c]) * inverse * dscale[c]));
            }
    }
}

public static partial class Verbs
{
    /// <summary>Batch normalisation with its own scale and shift; see <see cref="Tenfold.BatchNorm"/>.</summary>
    /// <param name="scale">The first scale: 0 on the last norm of a residual branch starts the block as the identity (Goyal et al. 2017).</param>
    public static Node BatchNorm(this Node x, float epsilon = 1e-5f, float momentum = 0.1f, float scale = 1, string? name = null)
    {
        Shape vector = [x.Channels];
        return new BatchNorm(epsilon, momentum).Apply([x,
            new Parameter("weight", vector, new Initializer.Constant(scale)).Apply(),
            new Parameter("bias", vector, Initializer.Zeros).Apply(),
            new Parameter("running_mean", vector, Initializer.Zeros, Trained: false).Apply(),
            new Parameter("running_var", vector, Initializer.Ones, Trained: false).Apply()], name);
    }

    /// <summary>Convolution without bias, then batch norm: nine lines of ten in the papers.</summary>
    public static Node ConvBn(this Node x, int channels, Size kernel, Size? stride = null, Padding? pad = null, Size? dilation = null,
        int groups = 1, string? conv = null, string? bn = null, float epsilon = 1e-5f, float momentum = 0.1f) =>
        x.Conv(channels, kernel, stride, pad, dilation, groups, bias: false, name: conv).BatchNorm(epsilon, momentum, name: bn);
}
