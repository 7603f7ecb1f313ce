using System.Numerics;

namespace Tenfold;

/// <summary>Dropout: in training every number is dropped with probability <paramref name="Rate"/> and the others are scaled by 1 / (1 - rate);
/// at inference nothing happens.</summary>
/// <remarks>As a node it is the identity; training replaces it by a product with a <see cref="RandomMask"/>.
/// Srivastava et al., "Dropout", JMLR 2014. (AlexNet instead halves the activations at inference: the same in expectation.)</remarks>
/// <param name="Rate">In [0, 1).</param>
public sealed record Dropout(float Rate) : UnaryOp
{
    public override string Name => "dropout";

    public override Shape Infer(Shape x)
    {
        CheckRate(Name, Rate);
        return x;
    }

    protected override void Define<T>(Values<T> x, Values<T> y) => x.Data.CopyTo(y.Data, 0);

    protected override Node Gradient(Node x, Node y, Node dy) => dy;

    internal static void CheckRate(string op, float rate)
    {
        if (!(rate >= 0 && rate < 1)) throw new ShapeException($"{op}: a rate of {rate}; at least 0 and below 1");
    }
}

/// <summary>What dropout multiplies by: 0 with probability <paramref name="Rate"/>, else 1 / (1 - rate), anew for every key.</summary>
/// <remarks>
/// Inputs: x, of which only the shape matters; key [4], a 64-bit number as four floats of 16 bits each, lowest first. Element i is kept when
/// number i of the <see cref="Philox"/> of that key, counter high word <paramref name="Salt"/>, is at least the rate: the mask depends on
/// nothing else, not on the number of threads.
/// </remarks>
/// <param name="Salt">Tells the masks of one graph apart: each layer has its own.</param>
public sealed record RandomMask(float Rate, ulong Salt) : Op
{
    public override string Name => "random mask";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 2, "x and a key");
        Require.Same(Name, "the key", inputs[1], [4]);
        Dropout.CheckRate(Name, Rate);
        return inputs[0];
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var random = new Philox(ReadKey<T>(inputs[1].Data));
        var kept = T.One / (T.One - T.CreateTruncating(Rate));
        for (var i = 0; i < output.Data.Length; i++) output[i] = random.Uniform((ulong)i, Salt) >= Rate ? kept : T.Zero;
    }

    public override IReadOnlyList<Node?> Gradient(Node y, Node dy) => [null, null];

    internal static ulong ReadKey<T>(ReadOnlySpan<T> parts) where T : struct, IBinaryFloatingPointIeee754<T>
    {
        ulong key = 0;
        for (var i = 0; i < 4; i++) key |= (ulong)ushort.CreateSaturating(parts[i]) << (16 * i);
        return key;
    }

    internal static void WriteKey(ulong key, Span<float> parts)
    {
        for (var i = 0; i < 4; i++) parts[i] = (ushort)(key >> (16 * i));
    }
}

public static partial class Verbs
{
    /// <summary>Drops numbers in training; see <see cref="Tenfold.Dropout"/>.</summary>
    public static Node Dropout(this Node x, float rate = 0.5f) => new Dropout(rate).Apply(x);
}
