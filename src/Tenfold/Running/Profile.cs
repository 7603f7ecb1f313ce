namespace Tenfold;

/// <summary>One step of a compiled network.</summary>
/// <param name="Name">The layer or layers that it computes.</param>
/// <param name="How">The kernel, and why it was chosen.</param>
/// <param name="Macs">Multiply-adds as the layers define them; Winograd's algorithm does fewer.</param>
/// <param name="Bytes">All that it reads and writes, each counted once.</param>
public sealed record SessionStep(string Name, string How, long Macs, long Bytes);

/// <summary>Where the time of a run goes, in seconds. All times are means over the faster half of the runs.</summary>
/// <param name="Steps">In the order in which they run.</param>
/// <param name="Seconds">A whole run, with the copying of inputs and outputs.</param>
/// <param name="FlopsPerSecond">What the threads can do at most, measured: fused multiply-adds, counted as two.</param>
/// <param name="BytesPerSecond">What the threads can read at most from their second-level caches, measured.</param>
public sealed record Profile(IReadOnlyList<(SessionStep Step, double Seconds)> Steps, double Seconds, double FlopsPerSecond, double BytesPerSecond)
{
    /// <summary>The share of the measured limit that a step reaches: of the multiply-adds or of the bandwidth, whichever is larger.
    /// Above 1 where Winograd's algorithm leaves multiply-adds out, or where memory is read from the first-level cache.</summary>
    public double OfLimit((SessionStep Step, double Seconds) timed) =>
        Math.Max(2.0 * timed.Step.Macs / FlopsPerSecond, timed.Step.Bytes / BytesPerSecond) / timed.Seconds;
}
