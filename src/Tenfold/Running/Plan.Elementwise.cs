using System.Numerics;
using Tenfold.Kernels;

using Addition = Tenfold.Add;

namespace Tenfold;

// Every number for itself, in whatever layout it lies.
internal sealed unsafe partial class Plan
{
    private const int Chunk = 8192; // floats of an elementwise step's item: a quarter of the first-level cache

    private bool Elementwise(Node node)
    {
        switch (node.Op)
        {
            case Relu: Map(node, new Bounds(0, float.PositiveInfinity)); return true;
            case Relu6: Map(node, new Bounds(0, 6)); return true;
            case Affine op: Map(node, new Line(op.Factor, op.Offset)); return true;
            case Addition when Alike(node): Map2(node, new Plus()); return true;
            case Multiply when Alike(node): Map2(node, new Times()); return true;
            case ReluGradient: Map2(node, new WherePositive()); return true;
            default: return false;
        }
    }

    private static bool Alike(Node node) => node.Inputs[0].Shape == node.Inputs[1].Shape;

    private void Map<TMap>(Node node, TMap map) where TMap : struct, IMap
    {
        var x = Any(node.Inputs[0]);
        var y = New(node, x.Layout);
        Add(Graph.NameOf(node), "elementwise", Chunks(y), [x], [y], (item, _) =>
        {
            var (at, count) = Part(y, item);
            Lanes.Map(map, x.P + at, y.P + at, count);
        });
    }

    private void Map2<TMap>(Node node, TMap map) where TMap : struct, IMap2
    {
        var a = Any(node.Inputs[0]);
        var b = Get(node.Inputs[1], a.Layout);
        var y = New(node, a.Layout);
        Add(Graph.NameOf(node), "elementwise", Chunks(y), [a, b], [y], (item, _) =>
        {
            var (at, count) = Part(y, item);
            Lanes.Map2(map, a.P + at, b.P + at, y.P + at, count);
        });
    }

    private static int Chunks(Slot slot) => checked((int)((slot.Size + Chunk - 1) / Chunk));

    private static (long At, int Count) Part(Slot slot, int item) => ((long)item * Chunk, (int)Math.Min(Chunk, slot.Size - (long)item * Chunk));

    private readonly struct Bounds(float low, float high) : IMap
    {
        public Vector<float> Of(Vector<float> x) => Vector.MinNative(new Vector<float>(high), Vector.MaxNative(new Vector<float>(low), x));
    }

    private readonly struct Line(float factor, float offset) : IMap
    {
        public Vector<float> Of(Vector<float> x) => Vector.FusedMultiplyAdd(x, new Vector<float>(factor), new Vector<float>(offset));
    }

    private readonly struct Plus : IMap2
    {
        public Vector<float> Of(Vector<float> a, Vector<float> b) => a + b;
    }

    private readonly struct Times : IMap2
    {
        public Vector<float> Of(Vector<float> a, Vector<float> b) => a * b;
    }

    private readonly struct WherePositive : IMap2
    {
        public Vector<float> Of(Vector<float> y, Vector<float> dy) => Vector.ConditionalSelect(Vector.GreaterThan(y, Vector<float>.Zero), dy, Vector<float>.Zero);
    }
}
