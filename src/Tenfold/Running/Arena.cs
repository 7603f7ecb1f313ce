using System.Buffers;
using System.Runtime.InteropServices;
using Tenfold.Kernels;

namespace Tenfold;

/// <summary>How a value lies in memory.</summary>
internal enum Layout
{
    /// <summary>Row-major.</summary>
    Plain,

    /// <summary>Maps in blocks of 16 channels: [batch][ceil(channels / 16)][height][width][16]. What stands in lanes behind the last channel does not matter.</summary>
    Blocked,
}

/// <summary>A piece of the arena: where a value lies while it is needed.</summary>
internal sealed unsafe class Slot(Shape shape, Layout layout)
{
    public Shape Shape { get; } = shape;

    public Layout Layout { get; } = layout;

    /// <summary>Floats, a multiple of 16; a plain value is followed by zeros or by anything, never by another value's start within its last 16.</summary>
    public long Size { get; } = layout == Layout.Plain
        ? checked((shape.Count + 15) / 16 * 16)
        : checked((long)shape.Batch * ((shape.Channels + 15) / 16) * shape.Height * shape.Width * 16);

    /// <summary>As <see cref="Last"/>: behind all steps, too.</summary>
    public const int Forever = int.MaxValue;

    /// <summary>The first and the last step that need the value.</summary>
    public int First { get; set; } = int.MaxValue;

    public int Last { get; set; } = -1;

    /// <summary>Whether the value is known when the plan is made, and has memory of its own.</summary>
    public bool Constant { get; set; }

    public long Offset { get; set; }

    public Arena? Arena { get; set; }

    /// <summary>The value that this one is a piece of, <see cref="Offset"/> floats from its start; null for one with memory of its own.</summary>
    public Slot? Whole { get; set; }

    /// <summary>Memory of the caller's that stands for the value's own during one run; null for none.</summary>
    public float* Lent { get; set; }

    /// <summary>The tensor in whose memory a constant stands; null for one with memory of its own.</summary>
    public Pinned? Tensor { get; set; }

    public float* P => Lent != null ? Lent : Whole is not null ? Whole.P + Offset : Tensor is null ? Arena!.Start + Offset : Tensor.Start;

    /// <summary>The memory is a piece of another value's from now on, and is needed as long as any of its pieces.</summary>
    public void Become(Slot whole, long offset)
    {
        (Whole, Offset) = (whole, offset);
        for (var all = whole; all is not null; all = all.Whole) all.Needed(First, Last);
    }

    /// <summary>Steps from <paramref name="first"/> to <paramref name="last"/> need the value.</summary>
    public void Needed(int first, int last)
    {
        (First, Last) = (Math.Min(First, first), Math.Max(Last, last));
        Whole?.Needed(first, last);
    }

    public Span<float> Span => new(P, checked((int)Shape.Count));
}

/// <summary>A tensor's numbers where they lie, kept from being moved as long as somebody needs them.</summary>
internal sealed unsafe class Pinned
{
    private const int Least = 16 * 1024; // numbers: a copy of fewer does not matter

    private MemoryHandle _handle;

    private Pinned(Tensor tensor) => _handle = tensor.Memory.Pin();

    ~Pinned() => _handle.Dispose();

    public float* Start => (float*)_handle.Pointer;

    /// <returns>Null for a small tensor, and where the 16 numbers behind the last, which kernels may read, begin another page of memory.</returns>
    public static Pinned? Of(Tensor tensor)
    {
        if (tensor.Shape.Count < Least) return null;
        var pinned = new Pinned(tensor);
        if (((nuint)(pinned.Start + tensor.Shape.Count) & 4095) is > 0 and <= 4096 - 64) return pinned;
        pinned._handle.Dispose(); // once more when it is finalised, which does nothing
        return null;
    }
}

/// <summary>Memory for numbers that are needed for a moment, one tensor's after the other's: given back to the system at once, not when it is collected.</summary>
/// <param name="most">Numbers of the longest tensor.</param>
internal sealed unsafe class PassingNumbers(long most)
{
    private float* _start = (float*)NativeMemory.Alloc((nuint)most + 16, sizeof(float)); // 16 that kernels may read behind the last

    ~PassingNumbers() => Free();

    public int Count { get; private set; }

    public Span<float> Span => new(_start, Count);

    /// <summary>Those of another tensor take the place of what was there.</summary>
    public PassingNumbers Of(int count)
    {
        Count = count;
        return this;
    }

    public void Free()
    {
        NativeMemory.Free(_start);
        _start = null;
    }
}

/// <summary>One block of memory for all values of a plan, each at a place that is free while it lives.</summary>
/// <remarks>Best fit over lifetimes: the largest values are placed first, each in the smallest gap among those that live at the same time.</remarks>
internal sealed unsafe class Arena
{
    private readonly float[] _memory; // pinned, and collected with the plan

    /// <param name="clear">False where all of it is written before it is read.</param>
    public Arena(IReadOnlyCollection<Slot> slots, bool clear = true)
    {
        var placed = new List<Slot>(slots.Count); // by their offsets
        Slot[] order = [.. slots];
        Array.Sort(order, (a, b) => a.Size != b.Size ? b.Size.CompareTo(a.Size) : a.First != b.First ? a.First.CompareTo(b.First) : a.Last.CompareTo(b.Last));
        foreach (var slot in order)
        {
            var (best, gap, end) = (-1L, long.MaxValue, 0L);
            foreach (var other in placed)
            {
                if (other.First > slot.Last || slot.First > other.Last) continue;
                var free = other.Offset - end;
                if (free >= slot.Size && free < gap) (best, gap) = (end, free);
                end = Math.Max(end, other.Offset + other.Size);
            }

            slot.Offset = best >= 0 ? best : end;
            slot.Arena = this;
            var at = placed.Count;
            while (at > 0 && placed[at - 1].Offset > slot.Offset) at--;
            placed.Insert(at, slot);
            Size = Math.Max(Size, slot.Offset + slot.Size);
        }

        const int spare = 32; // up to 15 floats before the first aligned place, and as many behind the last, which kernels may read
        if (Size + spare > Array.MaxLength) throw new ShapeException($"plan: needs {Size * 4 >> 20} MB for its values, more than one arena holds ({(long)Array.MaxLength * 4 >> 20} MB); use a smaller batch");
        _memory = clear ? GC.AllocateArray<float>((int)Size + spare, pinned: true) : GC.AllocateUninitializedArray<float>((int)Size + spare, pinned: true);
        LargePages.Ask(_memory);
        Start = _memory.Aligned();
    }

    /// <summary>In floats.</summary>
    public long Size { get; }

    /// <summary>Aligned to 64 bytes.</summary>
    public float* Start { get; }
}
