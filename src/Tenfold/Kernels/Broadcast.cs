using System.Numerics;
using System.Runtime.CompilerServices;

namespace Tenfold.Kernels;

/// <summary>Elementwise operations whose operands repeat: a number for each channel, for each pixel, for all.</summary>
internal static unsafe class Broadcast
{
    /// <summary>y = f(a, b) on a run of pixels of 16 lanes; each operand has a number for each lane or one for all.</summary>
    /// <param name="aStep">Floats to a's next pixel: 16, or 0 where one pixel serves the whole run.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pixels<TMap, TA, TB>(TMap map, float* a, int aStep, float* b, int bStep, float* y, int pixels)
        where TMap : struct, IMap2 where TA : struct, IPixel where TB : struct, IPixel
    {
        for (var p = 0; p < pixels; p++, a += aStep, b += bStep, y += Dense.Block)
            for (var lane = 0; lane < Dense.Block; lane += Vector<float>.Count)
                map.Of(TA.Read(a, lane), TB.Read(b, lane)).Store(y + lane);
    }

    /// <summary>y = f(a, b) on a row of n numbers.</summary>
    /// <param name="aStep">1, or 0 where one number serves the whole row.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Row<TMap>(TMap map, float* a, int aStep, float* b, int bStep, float* y, int n) where TMap : struct, IMap2
    {
        var i = 0;
        for (; i + Vector<float>.Count <= n; i += Vector<float>.Count)
            map.Of(aStep == 0 ? new Vector<float>(*a) : Vector.Load(a + i), bStep == 0 ? new Vector<float>(*b) : Vector.Load(b + i)).Store(y + i);
        for (; i < n; i++) y[i] = map.Of(new Vector<float>(a[i * aStep]), new Vector<float>(b[i * bStep]))[0];
    }

    /// <summary>y = a where the condition is not 0, else b, on a row of n numbers; a step is 1, or 0 where one number serves the whole row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Choose(float* condition, int conditionStep, float* a, int aStep, float* b, int bStep, float* y, int n)
    {
        var i = 0;
        for (; i + Vector<float>.Count <= n; i += Vector<float>.Count)
            Vector.ConditionalSelect(Vector.AsVectorSingle(Vector.Equals(Read(condition, conditionStep, i), Vector<float>.Zero)), Read(b, bStep, i), Read(a, aStep, i)).Store(y + i);
        for (; i < n; i++) y[i] = condition[i * conditionStep] != 0 ? a[i * aStep] : b[i * bStep];

        static Vector<float> Read(float* x, int step, int i) => step == 0 ? new Vector<float>(*x) : Vector.Load(x + i);
    }
}

/// <summary>How an operand's pixel becomes vectors.</summary>
internal unsafe interface IPixel
{
    static abstract Vector<float> Read(float* pixel, int lane);
}

/// <summary>A number for each lane.</summary>
internal readonly unsafe struct EachLane : IPixel
{
    public static Vector<float> Read(float* pixel, int lane) => Vector.Load(pixel + lane);
}

/// <summary>The first lane's number for all lanes.</summary>
internal readonly unsafe struct FirstLane : IPixel
{
    public static Vector<float> Read(float* pixel, int lane) => new(*pixel);
}
