namespace Tenfold.Kernels;

/// <summary>One dimension of a convolution, seen from its output: which inputs the t-th of <see cref="Count"/> outputs reads.</summary>
/// <remarks>Output <c>OutStart + t OutStride</c> reads input <c>t InStride + Shifts[i]</c> through tap <c>Taps[i]</c> of the kernel, for every i.
/// A convolution is one such dimension; a transposed convolution with stride s is s of them, one for each phase of its output.</remarks>
internal sealed record Geometry(int Count, int InStride, int OutStart, int OutStride, int[] Shifts, int[] Taps)
{
    // Shifts rise or fall from tap to tap.
    public int MinShift { get; } = Shifts.Length == 0 ? 0 : Math.Min(Shifts[0], Shifts[^1]);

    /// <summary>How many inputs lie from the first that <paramref name="count"/> outputs read to the last.</summary>
    public int Span(int count) => (count - 1) * InStride + (Shifts.Length == 0 ? 0 : Math.Max(Shifts[0], Shifts[^1]) - MinShift) + 1;

    /// <summary>Whether any output reads inputs of this phase: those at <see cref="MinShift"/> + phase + q InStride for some q.</summary>
    public bool Reads(int phase)
    {
        foreach (var shift in Shifts)
            if ((shift - MinShift) % InStride == phase % InStride) return true;
        return false;
    }

    /// <summary>Of output t the taps [First, End) that read one of <paramref name="inputs"/>; shifts rise or fall from tap to tap.</summary>
    public (int First, int End) Inside(int t, int inputs)
    {
        var (first, end) = (0, Shifts.Length);
        while (first < end && (uint)(t * InStride + Shifts[first]) >= (uint)inputs) first++;
        while (first < end && (uint)(t * InStride + Shifts[end - 1]) >= (uint)inputs) end--;
        return (first, end);
    }

    public static Geometry[] Forward(int outputs, int kernel, int stride, int before, int dilation) =>
        [new Geometry(outputs, stride, 0, 1, Along(kernel, dilation, -before), Along(kernel, 1, 0))];

    // start, start + step, ...: by itself, as all that a process does before its first run; LINQ over numbers would be compiled anew in each.
    private static int[] Along(int count, int step, int start)
    {
        var places = new int[count];
        for (var i = 0; i < count; i++) places[i] = start + i * step;
        return places;
    }

    public static Geometry[] Transposed(int outputs, int kernel, int stride, int before, int dilation)
    {
        var phases = new List<Geometry>();
        for (var phase = 0; phase < Math.Min(stride, outputs); phase++)
        {
            var taps = Enumerable.Range(0, kernel).Where(k => (phase + before - k * dilation) % stride == 0).ToArray();
            phases.Add(new Geometry((outputs - phase + stride - 1) / stride, 1, phase, stride, [.. taps.Select(k => (phase + before - k * dilation) / stride)], taps));
        }

        return [.. phases];
    }
}
