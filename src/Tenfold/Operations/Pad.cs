namespace Tenfold;

/// <summary>What stands outside a map.</summary>
public enum PadMode
{
    /// <summary>Zeros.</summary>
    Zero,

    /// <summary>The map in a mirror at its edge pixels, which are not repeated: c b | a b c | b a. Less padding than the map is long.</summary>
    Reflect,

    /// <summary>The edge pixels: a a | a b c | c c.</summary>
    Replicate,

    /// <summary>The map again: b c | a b c | a b. At most as much padding as the map is long.</summary>
    Circular,
}

/// <summary>A map with rows and columns around it; the modes are PyTorch's.</summary>
/// <remarks>No parameters, no MACs, one pass of memory. The gradient gives every pixel what all its copies got.</remarks>
public sealed record Pad(Padding Padding, PadMode Mode) : UnaryOp
{
    public override string Name => "pad";

    public override Shape Infer(Shape x)
    {
        Require.Map(Name, x);
        return [x.Batch, x.Channels, Along(x.Height, Padding.Top, Padding.Bottom), Along(x.Width, Padding.Left, Padding.Right)];
    }

    protected override void Define<T>(Values<T> x, Values<T> y)
    {
        foreach (var (n, c, h, w) in y.Shape.Positions)
            if (Source(x.Shape.Plane, h, w) is var (row, column)) y[n, c, h, w] = x[n, c, row, column];
    }

    protected override Node Gradient(Node x, Node y, Node dy) => new PadGradient(this, x.Shape.Plane).Apply(dy);

    /// <summary>The pixel of the map of which (h, w) of the padded map is a copy; null for a zero.</summary>
    internal (int Row, int Column)? Source(Size map, int h, int w)
    {
        var (row, column) = (Along(h - Padding.Top, map.Height), Along(w - Padding.Left, map.Width));
        return row < 0 || column < 0 ? null : (row, column);

        int Along(int i, int size) => (uint)i < (uint)size ? i : Mode switch
        {
            PadMode.Reflect => i < 0 ? -i : 2 * (size - 1) - i,
            PadMode.Replicate => i < 0 ? 0 : size - 1,
            PadMode.Circular => i < 0 ? i + size : i - size,
            _ => -1,
        };
    }

    private int Along(int size, int before, int after)
    {
        if (before < 0 || after < 0) throw new ShapeException($"{Name}: padding {before} and {after} must not be negative");
        var most = Mode switch { PadMode.Reflect => size - 1, PadMode.Circular => size, _ => int.MaxValue };
        if (Math.Max(before, after) > most) throw new ShapeException($"{Name}: padding {before} and {after} of a map {size} long; {Mode.ToString().ToLowerInvariant()} allows at most {most}");
        return Require.Size(Name, (long)size + before + after);
    }
}

/// <summary>dx of <see cref="Pad"/>: every pixel collects the gradients of its copies. Input: dy.</summary>
/// <param name="Map">The size of x.</param>
public sealed record PadGradient(Pad Pad, Size Map) : Op
{
    public override string Name => "pad gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 1, "dy");
        var dy = inputs[0];
        Require.Map(Name, dy);
        Shape x = [dy.Batch, dy.Channels, Map.Height, Map.Width];
        Require.Same(Name, "dy", dy, Pad.Infer(x));
        return x;
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (dy, dx) = (inputs[0], output);
        foreach (var (n, c, h, w) in dy.Shape.Positions)
            if (Pad.Source(Map, h, w) is var (row, column)) dx[n, c, row, column] += dy[n, c, h, w];
    }
}

public static partial class Verbs
{
    /// <summary>Rows and columns around a map; see <see cref="Tenfold.Pad"/>.</summary>
    public static Node Pad(this Node x, Padding padding, PadMode mode = PadMode.Zero) => padding == Padding.None ? x : new Pad(padding, mode).Apply(x);
}
