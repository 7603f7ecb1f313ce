using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tenfold.Kernels;

/// <summary>A function of one number, applied to pieces of a map, most of all in place to what was just stored.</summary>
internal abstract unsafe class Activation
{
    public static Activation Of<TMap>(TMap map) where TMap : struct, IWideMap => Simd.Width == 512 ? new Wide<TMap>(map) : new Narrow<TMap>(map);

    public bool Is<TMap>() where TMap : struct, IWideMap => this is Wide<TMap> or Narrow<TMap>;

    /// <summary>y = f(x).</summary>
    /// <param name="n">Floats, a multiple of 16.</param>
    public abstract void Apply(float* x, float* y, int n);

    /// <summary>In place to rows of pixels, 16 floats each.</summary>
    public void Apply(float* y, int rows, nint row, int pixels, nint pixel)
    {
        for (var r = 0; r < rows; r++, y += row)
        {
            if (pixel == Dense.Block) Apply(y, y, pixels * Dense.Block);
            else
                for (var p = 0; p < pixels; p++) Apply(y + p * pixel, y + p * pixel, Dense.Block);
        }
    }

    public sealed class Narrow<TMap>(TMap map) : Activation where TMap : struct, IMap
    {
        public override void Apply(float* x, float* y, int n) => Lanes.Map(map, x, y, n);
    }

    private sealed class Wide<TMap>(TMap map) : Activation where TMap : struct, IWideMap
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public override void Apply(float* x, float* y, int n)
        {
            var f = map;
            for (var i = 0; i < n; i += Dense.Block) f.Of(Vector512.Load(x + i)).Store(y + i);
        }
    }
}
