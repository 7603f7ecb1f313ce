using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tenfold.Kernels;

/// <summary>One block of output channels, each of them a channel of some map, or zeros: what concat, slice and shuffle come to.</summary>
/// <remarks>
/// <code>
/// a: | a0 a1 ... a15 |   b: | b0 b1 ... b15 |        one permutation for every block that gives lanes,
/// y: | a8 b0 a9  b1 ...                     |        with zeros where another gives them, and the rest is a sum
/// </code>
/// </remarks>
internal sealed unsafe class LaneMove
{
    private const int Run = 128; // pixels: what is written first and added to later stays in the first-level cache

    private readonly Source[] _sources;

    /// <param name="channels">For up to 16 lanes: which channel of which map, or a negative map for zeros.</param>
    public LaneMove(ReadOnlySpan<(int Map, int Channel)> channels)
    {
        var sources = new List<Source>();
        for (var lane = 0; lane < channels.Length; lane++)
        {
            var (map, channel) = channels[lane];
            if (map < 0) continue;
            var (block, from) = Math.DivRem(channel, Dense.Block);
            var source = sources.Find(other => other.Map == map && other.Block == block);
            if (source is null) sources.Add(source = new Source(map, block));
            source.Lanes[lane] = from;
        }

        _sources = [.. sources];
    }

    public IReadOnlyList<Source> Sources => _sources;

    /// <param name="x">The plane of each source, at the first pixel.</param>
    public void Move(float** x, float* y, int pixels)
    {
        if (_sources is [{ Whole: true }])
        {
            new ReadOnlySpan<float>(x[0], pixels * Dense.Block).CopyTo(new Span<float>(y, pixels * Dense.Block));
            return;
        }

        if (_sources.Length == 0) new Span<float>(y, pixels * Dense.Block).Clear();
        for (var from = 0; from < pixels; from += Run)
            for (var i = 0; i < _sources.Length; i++)
                Permute(x[i] + (long)from * Dense.Block, _sources[i].Lanes, y + (long)from * Dense.Block, Math.Min(Run, pixels - from), i > 0);
    }

    /// <summary>y[pixel][lane] = x[pixel][lanes[lane]], 0 where that is 16; or the sum of y and this, for lanes that are 0 in y.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Permute(float* x, int[] lanes, float* y, int pixels, bool add)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            var from = Vector512.Create(lanes);
            if (add)
                for (var p = 0; p < pixels * Dense.Block; p += Dense.Block) (Vector512.Load(y + p) | Vector512.Shuffle(Vector512.Load(x + p), from)).Store(y + p);
            else
                for (var p = 0; p < pixels * Dense.Block; p += Dense.Block) Vector512.Shuffle(Vector512.Load(x + p), from).Store(y + p);
            return;
        }

        if (Avx2.IsSupported)
        {
            for (var half = 0; half < Dense.Block; half += 8)
            {
                // Each lane comes from the lower or the upper half of x; the instruction looks at the lowest three bits.
                var from = Vector256.Create(lanes, half);
                var (lower, upper) = (Vector256.LessThan(from, Vector256.Create(8)).AsSingle(), (Vector256.GreaterThan(from, Vector256.Create(7)) & Vector256.LessThan(from, Vector256.Create(16))).AsSingle());
                for (var p = 0; p < pixels * Dense.Block; p += Dense.Block)
                {
                    var moved = (Avx2.PermuteVar8x32(Vector256.Load(x + p), from) & lower) | (Avx2.PermuteVar8x32(Vector256.Load(x + p + 8), from) & upper);
                    (add ? Vector256.Load(y + p + half) | moved : moved).Store(y + p + half);
                }
            }

            return;
        }

        for (var p = 0; p < pixels; p++, x += Dense.Block, y += Dense.Block)
            for (var lane = 0; lane < Dense.Block; lane++)
            {
                if (lanes[lane] < Dense.Block) y[lane] = x[lanes[lane]];
                else if (!add) y[lane] = 0;
            }
    }

    /// <summary>Block <paramref name="Block"/> of map <paramref name="Map"/>.</summary>
    internal sealed record Source(int Map, int Block)
    {
        /// <summary>For each lane of y the lane of the source; 16 for none.</summary>
        public int[] Lanes { get; } = [.. Enumerable.Repeat(Dense.Block, Dense.Block)];

        /// <summary>Every lane stays where it is.</summary>
        public bool Whole => Lanes.Index().All(lane => lane.Item == lane.Index);
    }
}
