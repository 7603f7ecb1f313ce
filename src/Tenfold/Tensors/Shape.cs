using System.Collections;
using System.Runtime.CompilerServices;

namespace Tenfold;

/// <summary>The sizes of a tensor, outermost first: [batch, channels, height, width] for maps, [batch, features] for vectors.</summary>
/// <remarks>A value: two shapes are equal when their sizes are. At most 8 dimensions, each at least 1; the product fits a
/// <see cref="long"/> or the constructor throws <see cref="ShapeException"/>, so later arithmetic on it cannot wrap.</remarks>
[CollectionBuilder(typeof(Shape), nameof(Of))]
public readonly struct Shape : IEquatable<Shape>, IEnumerable<int>
{
    public const int MaxRank = 8;

    private readonly int[]? _sizes;

    private Shape(int[] sizes)
    {
        if (sizes.Length > MaxRank) throw new ShapeException($"shape: rank {sizes.Length} is above {MaxRank}");
        long count = 1;
        foreach (var size in sizes)
        {
            if (size < 1) throw new ShapeException($"shape: {Join(sizes)} has a dimension below 1");
            if (count > long.MaxValue / size) throw new ShapeException($"shape: {Join(sizes)} has more elements than fit 64 bits");
            count *= size;
        }

        _sizes = sizes;
        Count = count;
    }

    public static Shape Of(ReadOnlySpan<int> sizes) => new(sizes.ToArray());

    /// <summary>The number of elements. The default value of the type is the shape of nothing and counts 0.</summary>
    public long Count { get; }

    public int Rank => _sizes?.Length ?? 0;

    public int this[int axis] => _sizes is { } sizes && (uint)axis < (uint)sizes.Length
        ? sizes[axis]
        : throw new ShapeException($"shape: {this} has no dimension {axis}");

    /// <summary>The first size: how many samples.</summary>
    public int Batch => this[0];

    /// <summary>The second size: channels of a map, features of a vector.</summary>
    public int Channels => this[1];

    public int Height => this[2];

    public int Width => this[3];

    /// <summary>Height and width of a map.</summary>
    public Size Plane => new(Height, Width);

    /// <summary>Every place of a map (or of a kernel: out, in, row, column), in memory order.</summary>
    public IEnumerable<(int N, int C, int H, int W)> Positions
    {
        get
        {
            var (channels, height, width) = (Channels, Height, Width);
            for (var n = 0; n < Batch; n++)
                for (var c = 0; c < channels; c++)
                    for (var h = 0; h < height; h++)
                        for (var w = 0; w < width; w++)
                            yield return (n, c, h, w);
        }
    }

    /// <summary>The same sizes but for one.</summary>
    public Shape With(int axis, int size)
    {
        _ = this[axis];
        var sizes = (int[])_sizes!.Clone();
        sizes[axis] = size;
        return new Shape(sizes);
    }

    public ReadOnlySpan<int> AsSpan() => _sizes;

    public bool Equals(Shape other) => AsSpan().SequenceEqual(other.AsSpan());

    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var size in AsSpan()) hash.Add(size);
        return hash.ToHashCode();
    }

    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    /// <summary>The sizes with a multiplication sign between: <c>1x64x56x56</c>.</summary>
    public override string ToString() => _sizes is null ? "nothing" : Join(_sizes);

    public IEnumerator<int> GetEnumerator() => ((IEnumerable<int>)(_sizes ?? [])).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private static string Join(int[] sizes) => sizes.Length == 0 ? "scalar" : string.Join('x', sizes);
}

/// <summary>A height and a width: of a kernel, a stride, a dilation, a map. One number means a square.</summary>
public readonly record struct Size(int Height, int Width)
{
    public static implicit operator Size(int side) => new(side, side);

    public static implicit operator Size((int Height, int Width) size) => new(size.Height, size.Width);

    public int Area => Height * Width;

    public override string ToString() => $"{Height}x{Width}";
}

/// <summary>How many rows and columns of padding stand before and after a map. One number means all four sides.</summary>
public readonly record struct Padding(int Top, int Left, int Bottom, int Right)
{
    public static readonly Padding None;

    public static implicit operator Padding(int side) => new(side, side, side, side);

    /// <summary>Rows above and below, columns left and right.</summary>
    public static implicit operator Padding((int Vertical, int Horizontal) pad) => new(pad.Vertical, pad.Horizontal, pad.Vertical, pad.Horizontal);

    /// <summary>The padding that keeps the size of a map at stride 1, the odd pixel after: d(k-1) rows and columns in all.</summary>
    public static Padding Same(Size kernel, Size dilation)
    {
        var (rows, columns) = (dilation.Height * (kernel.Height - 1), dilation.Width * (kernel.Width - 1));
        return new Padding(rows / 2, columns / 2, rows - rows / 2, columns - columns / 2);
    }

    public int Rows => Top + Bottom;

    public int Columns => Left + Right;

    public override string ToString() => (Top, Left) == (Bottom, Right) ? Top == Left ? $"{Top}" : $"{Top},{Left}" : $"{Top},{Left},{Bottom},{Right}";
}

/// <summary>A shape, or the numbers of an operation, that break the operation's rule. The message names the operation, the rule and the numbers.</summary>
public sealed class ShapeException(string message) : Exception(message);
