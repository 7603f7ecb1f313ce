namespace Tenfold;

/// <summary>The rules that many operations share, each with the message that names the operation and the numbers.</summary>
internal static class Require
{
    /// <summary>[batch, channels, height, width].</summary>
    public static void Map(string op, Shape x)
    {
        if (x.Rank != 4) throw new ShapeException($"{op}: takes a map of rank 4 (batch, channels, height, width), not {x}");
    }

    /// <summary>[batch, channels, ...].</summary>
    public static void Channels(string op, Shape x)
    {
        if (x.Rank < 2) throw new ShapeException($"{op}: takes a batch of channels or features, not {x}");
    }

    /// <summary>A dimension behind the batch, so that the operation means the same for every batch size.</summary>
    public static void Axis(string op, Shape x, int axis)
    {
        if (axis < 1 || axis >= x.Rank) throw new ShapeException($"{op}: axis {axis} is not one of the dimensions 1 to {x.Rank - 1} of {x}");
    }

    public static void Inputs(string op, ReadOnlySpan<Shape> inputs, int count, string names)
    {
        if (inputs.Length != count) throw new ShapeException($"{op}: takes {names}, not {inputs.Length} inputs");
    }

    public static void Same(string op, string what, Shape x, Shape expected)
    {
        if (x != expected) throw new ShapeException($"{op}: {what} is {x}, not {expected}");
    }

    public static void Groups(string op, int channels, int outputs, int groups)
    {
        if (groups < 1) throw new ShapeException($"{op}: {groups} groups; at least 1");
        if (channels % groups != 0) throw new ShapeException($"{op}: {channels} channels do not divide into {groups} groups");
        if (outputs % groups != 0) throw new ShapeException($"{op}: {outputs} output channels do not divide into {groups} groups");
    }

    /// <summary>A size that came out of arithmetic on other sizes.</summary>
    public static int Size(string op, long size) => size is >= 1 and <= int.MaxValue
        ? (int)size
        : throw new ShapeException($"{op}: leaves a dimension of {size}; at least 1 and at most {int.MaxValue}");
}
