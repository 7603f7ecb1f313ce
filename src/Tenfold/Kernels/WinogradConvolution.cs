using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Tenfold.Kernels;

/// <summary>A 3x3 convolution of stride 1 with fewer multiplications: F(m x m, 3 x 3) of Winograd's minimal filtering.</summary>
/// <remarks>
/// <code>
///  (m+2) x (m+2) pixels  --B-->  V[(m+2)^2]  --x U, summed over input channels-->  M[(m+2)^2]  --A-->  m x m outputs
/// </code>
/// An output costs ((m + 2) / m)^2 multiplications for each input channel in place of 9: 4 for m = 2, 2.25 for m = 4, 1.78 for m = 6.
/// Transforms treat the 16 channels of a block side by side; the products are (m + 2)^2 pointwise convolutions of "pixels" that are tiles, and
/// run on the micro-kernel of <see cref="DenseConvolution"/>. Tiles are treated in groups whose V stays in the second-level cache.
/// <para>A transposed convolution of stride 1 is a convolution with its kernel turned around. Lavin and Gray, "Fast algorithms for convolutional neural networks", CVPR 2016.</para>
/// </remarks>
internal sealed unsafe class WinogradConvolution : ConvolutionKernel
{
    private const int Together = 4; // channels whose weights are packed together: side by side in a kernel that is not turned around
    private const int FewChannels = 48, ManyTiles = 28; // sums of fewer channels for fewer tiles are over before pairs have paid for their beginning and end
    private const int ChannelsOfShare = 64; // output channels, at least, where more than two threads would want more shares: each transforms its tiles anew
    private const int CacheFloats = 132 * 1024; // of V: half of the second-level cache

    private readonly DenseShape _shape;
    private readonly int _m, _size, _area, _group, _groups, _shares;
    private readonly WinogradTiles _tiles;
    private readonly Outputs[] _outputs;
    private readonly double[] _kernel; // [m + 2][3]
    private readonly nint _vStep, _mStep;
    private readonly WeightRows[] _taps; // of 1 to Together channels
    private readonly float[] _magnitudes; // of V's numbers, for numbers of root mean square 1

    /// <param name="pairs">Whether products may be computed in pairs, where that pays.</param>
    public WinogradConvolution(DenseShape shape, int m, bool pairs = false)
    {
        var rows = Winograd.Magnitudes(m);
        _magnitudes = new float[rows.Length * rows.Length];
        for (var i = 0; i < _magnitudes.Length; i++) _magnitudes[i] = (float)(rows[i / rows.Length] * rows[i % rows.Length]);
        (_shape, _m, _size, _area) = (shape, m, m + 2, (m + 2) * (m + 2));
        _kernel = GC.AllocateUninitializedArray<double>(_size * 3, pinned: true);
        var transform = Winograd.Kernel(m);
        for (var i = 0; i < _kernel.Length; i++) _kernel[i] = transform[i / 3, i % 3];
        _taps = new WeightRows[Together];
        for (var channels = 1; channels <= Together; channels++)
        {
            var taps = new int[channels * 9];
            for (var row = 0; row < taps.Length; row++) taps[row] = row / 9 * shape.WeightStep + (shape.Transposed ? 8 - row % 9 : row % 9);
            _taps[channels - 1] = new WeightRows(taps);
        }

        _tiles = new WinogradTiles(shape, m);
        var tiles = _tiles.Count;
        var most = Math.Clamp(CacheFloats / (_area * shape.InBlocks * Dense.Block) / 14 * 14, 16, 56);
        _groups = (tiles + most - 1) / most;
        if (_groups is > 2 and < 16) _groups += _groups & 1; // two threads end at the same time
        _group = (tiles + _groups - 1) / _groups;
        _groups = (tiles + _group - 1) / _group; // none is empty
        Pairs = pairs && DenseSum.Pays(shape.InPerGroup, shape.OutPerGroup) && (shape.InPerGroup >= FewChannels || _group >= ManyTiles);

        // An odd number of lines, so that the numbers of one tile do not all fall into the same sets of a cache.
        _vStep = (shape.InBlocks * _group | 1) * Dense.Block;
        _mStep = (Dense.MaxBlocks * _group | 1) * Dense.Block;

        var outputs = new List<Outputs>();
        foreach (var (block, blocks) in shape.OutTiles(Pairs))
        {
            var (from, to) = shape.Reads(block * Dense.Block, (block + blocks) * Dense.Block);
            var sum = outputs.Count > 0 && outputs[^1] is var last && (last.From, last.To) == (from, to) ? last.Sum : Sum(from, to);
            outputs.Add(new Outputs(block, blocks, from, to, PackedSize, sum));
            PackedSize += _area * sum.PackedSize(blocks * Dense.Block);
        }

        _outputs = [.. outputs];
        var longest = 0L; // weights
        foreach (var one in _outputs) longest = Math.Max(longest, one.Sum.PackedSize(Dense.Block));
        _shares = _groups >= 4 ? 1 : Math.Min(_outputs.Length, Math.Clamp(shape.Out / ChannelsOfShare, (2 + _groups - 1) / _groups, (4 + _groups - 1) / _groups));
        Items = _groups * _shares;
        PackItems = _outputs.Length * (Pairs ? 1 : shape.InBlocks);
        Scratch = (long)_area * (_vStep + _mStep) + (2L * _area + 2 * m * m + 2) * Dense.Block + (Pairs ? DenseSum.ProductsSize(_area * _group) + longest : 0);
    }

    /// <summary>m of F(m x m, 3 x 3).</summary>
    public int M => _m;

    public override bool Pairs { get; }

    public override bool Activates => true;

    public override int Items { get; }

    public override long Scratch { get; }

    public override long PackedSize { get; }

    public override int PackItems { get; }

    public override string Name => $"Winograd F({_m}x{_m}){(_shape.Dilation.Area > 1 ? ", polyphase" : "")}{(Pairs ? ", in pairs" : "")}";

    public override string Packing => $"F{_m} {_shape.In} {_shape.Out} {_shape.Groups} {_shape.Transposed}{(Pairs ? $" pairs {Magnitude}" : "")}";

    public int Tiles => _tiles.Count;

    /// <summary>How many times the weights are read.</summary>
    public int Groups => _groups;

    /// <summary>How many times each tile is transformed.</summary>
    public int Shares => _shares;

    public static bool Takes(DenseShape shape) => shape.KernelSize == new Size(3, 3) && shape.Stride.Area == 1
        && (shape.Groups == 1 || (shape.InPerGroup % Dense.Block == 0 && shape.OutPerGroup % Dense.Block == 0));

    public override void Pack(int item, float* kernel, float* scale, float* packed)
    {
        if (!Pairs)
        {
            Pack(_outputs[item / _shape.InBlocks], item % _shape.InBlocks, kernel, scale, packed);
            return;
        }

        var outputs = _outputs[item];
        for (var inBlock = 0; inBlock < _shape.InBlocks; inBlock++) Pack(outputs, inBlock, kernel, scale, packed);
        for (var i = 0; i < _area; i++) outputs.Sum.Finish(packed + outputs.Weights + i * outputs.Sum.PackedSize(Dense.Block), Magnitude * _magnitudes[i]);
    }

    // One block of input channels for one tile of output channels: U = G k G', in double.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Pack(Outputs outputs, int inBlock, float* kernel, float* scale, float* packed)
    {
        var width = outputs.Blocks * Dense.Block;
        var (from, to) = (Math.Max(outputs.From, inBlock * Dense.Block), Math.Min(outputs.To, (inBlock + 1) * Dense.Block));
        if (from >= to) return;
        float* taps = stackalloc float[Together * 9 * width], factor = stackalloc float[width];
        var half = stackalloc double[3 * _size * width];
        long* begin = stackalloc long[width];
        for (var v = 0; v < width; v++)
        {
            var o = outputs.Block * Dense.Block + v;
            factor[v] = o >= _shape.Out ? 0 : scale == null ? 1 : scale[o];
            begin[v] = o >= _shape.Out ? begin[0] : _shape.Weight(o, from);
        }

        var u = outputs.Sum.Rows(packed + outputs.Weights);
        var (step, count) = ((nint)outputs.Sum.PackedSize(width), (long)_shape.Out * _shape.InPerGroup * 9);
        var g = (double*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_kernel)); // pinned
        for (var first = from; first < to; first += Together)
        {
            var channels = Math.Min(Together, to - first);
            var at = (long)(first - from) * _shape.WeightStep;
            _taps[channels - 1].Pack(kernel + at, count - at, begin, factor, width, taps);
            for (var c = 0; c < channels; c++)
            {
                // half[i][column] = G k, then U = half G'
                for (var column = 0; column < 3; column++) Columns(taps + (c * 9 + column) * width, g, _size, width, half + column * width);
                for (var i = 0; i < _size; i++) Rows(half + i * 3 * width, g, _size, width, u + i * _size * step + outputs.Sum.Rank[first - outputs.From + c] * width, step);
            }
        }
    }

    // Points but 0 and infinity come as x and -x, which share their even and odd powers.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Columns(float* taps, double* g, int size, int width, double* half)
    {
        for (var v = 0; v < width; v += Vector<float>.Count)
        {
            var ((l0, h0), (l1, h1), (l2, h2)) = (Widen(taps + v), Widen(taps + 3 * width + v), Widen(taps + 6 * width + v));
            var next = Vector<double>.Count;
            var to = half + v;
            var g0 = g[0];
            (l0 * g0).Store(to);
            (h0 * g0).Store(to + next);
            for (var i = 1; i < size - 1; i += 2)
            {
                g0 = g[i * 3];
                var (g1, g2) = (g[i * 3 + 1], g[i * 3 + 2]);
                var (evenLow, oddLow, evenHigh, oddHigh) = (l0 * g0 + l2 * g2, l1 * g1, h0 * g0 + h2 * g2, h1 * g1);
                to += 3 * width;
                (evenLow + oddLow).Store(to);
                (evenHigh + oddHigh).Store(to + next);
                to += 3 * width;
                (evenLow - oddLow).Store(to);
                (evenHigh - oddHigh).Store(to + next);
            }

            to += 3 * width;
            l2.Store(to);
            h2.Store(to + next);
        }

        static (Vector<double> Low, Vector<double> High) Widen(float* at)
        {
            Vector.Widen(Vector.Load(at), out var low, out var high);
            return (low, high);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows(double* half, double* g, int size, int width, float* u, nint step)
    {
        for (var v = 0; v < width; v += Vector<float>.Count)
        {
            double* low = half + v, high = low + Vector<double>.Count;
            var (l0, l1, l2, h0, h1, h2) = (Vector.Load(low), Vector.Load(low + width), Vector.Load(low + 2 * width), Vector.Load(high), Vector.Load(high + width), Vector.Load(high + 2 * width));
            var to = u + v;
            var g0 = g[0];
            Vector.Narrow(l0 * g0, h0 * g0).Store(to);
            for (var j = 1; j < size - 1; j += 2)
            {
                g0 = g[j * 3];
                var (g1, g2) = (g[j * 3 + 1], g[j * 3 + 2]);
                var (evenLow, oddLow, evenHigh, oddHigh) = (l0 * g0 + l2 * g2, l1 * g1, h0 * g0 + h2 * g2, h1 * g1);
                to += step;
                Vector.Narrow(evenLow + oddLow, evenHigh + oddHigh).Store(to);
                to += step;
                Vector.Narrow(evenLow - oddLow, evenHigh - oddHigh).Store(to);
            }

            Vector.Narrow(l2, h2).Store(to + step);
        }
    }

    public override void Warm()
    {
        foreach (var outputs in _outputs)
        {
            Dense.Warm(_group, outputs.Blocks, Pairs);
            Dense.Warm(_tiles.Count - (_groups - 1) * _group, outputs.Blocks, Pairs);
        }

        float* nothing = stackalloc float[4 * _area * Dense.Block];
        new Span<float>(nothing, 4 * _area * Dense.Block).Clear();
        Winograd.Input(_m, nothing, _size * Dense.Block, Dense.Block, nothing + _area * Dense.Block, Dense.Block, nothing + 2 * _area * Dense.Block);
        var output = new WinogradOutput { M = nothing, Step = Dense.Block, Bias = nothing, Y = nothing + _area * Dense.Block, YRow = _m * Dense.Block, YPixel = Dense.Block };
        Winograd.Output(_m, output, nothing + 2 * _area * Dense.Block);
    }

    public override void Run(int item, float* x, float* packed, float* bias, in DenseEpilogue then, float* y, float* scratch)
    {
        var (group, share) = Math.DivRem(item, _shares);
        var (begin, end) = (_outputs.Length * share / _shares, _outputs.Length * (share + 1) / _shares);
        var first = group * _group;
        var count = Math.Min(_group, _tiles.Count - first);
        var v = scratch;
        var m = v + _area * _vStep;
        var rest = m + _area * _mStep;
        _tiles.Transform(first, count, _outputs[begin].From / Dense.Block, (_outputs[end - 1].To + Dense.Block - 1) / Dense.Block, x, v, _group, _vStep, rest);

        var zeros = rest + (2 * _area + 2 * _m * _m) * Dense.Block;
        new Span<float>(zeros, 2 * Dense.Block).Clear();
        var products = zeros + 2 * Dense.Block;
        Span<int?> exponents = stackalloc int?[_area];
        DenseSum? sum = null;
        for (var p = begin; p < end; p++)
        {
            var outputs = _outputs[p];
            if (Pairs && outputs.Sum != sum)
            {
                for (var i = 0; i < _area; i++)
                {
                    exponents[i] = outputs.Sum.Exponent(outputs.Sum.Places, v + i * _vStep, count, 1, 0, Magnitude * _magnitudes[i]);
                    outputs.Sum.Products(v + i * _vStep, count, 0, 1, products + i * count);
                }

                // Where a smooth map has small differences, their rounding is small beside the other numbers': what counts is by how much the largest exceed what is expected.
                var most = int.MinValue;
                foreach (var exponent in exponents) most = Math.Max(most, exponent ?? int.MinValue);
                for (var i = 0; i < _area; i++) exponents[i] = exponents[i] is null ? null : most;
            }

            sum = outputs.Sum;
            Multiply(outputs, count, v, packed, zeros, products, exponents, m);
            for (var block = 0; block < outputs.Blocks; block++)
                Return(first, count, outputs.Block + block, m + block * _group * Dense.Block, bias, then, y, rest);
        }
    }

    // M[i] = V[i] U[i], i = 1 ... (m + 2)^2.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Multiply(Outputs outputs, int count, float* v, float* packed, float* zeros, float* products, ReadOnlySpan<int?> exponents, float* m)
    {
        var width = outputs.Blocks * Dense.Block;
        var kernel = new DenseTile
        {
            Bias = zeros,
            WStep = width,
            YPixel = Dense.Block,
            YVector = _group * Dense.Block,
            Low = float.NegativeInfinity,
            High = float.PositiveInfinity,
        };
        var segments = Dense.Segments(count, outputs.Blocks);
        var room = products + DenseSum.ProductsSize(_area * _group);
        for (var i = 0; i < _area; i++)
        {
            outputs.Sum.Set(ref kernel, outputs.Sum.Scaled(packed + outputs.Weights + i * outputs.Sum.PackedSize(width), exponents[i], room), 0, 1, null);
            for (var segment = 0; segment < segments; segment++)
            {
                var tile = count * segment / segments;
                kernel.X = v + i * _vStep + tile * Dense.Block;
                kernel.Y = m + i * _mStep + tile * Dense.Block;
                kernel.Products = exponents[i] is not null ? products + i * count + tile : null;
                Dense.Tile(ref kernel, count * (segment + 1) / segments - tile, outputs.Blocks);
            }
        }
    }

    // y = A' M A and what follows, for one block of output channels of some tiles.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Return(int first, int count, int block, float* m, float* bias, in DenseEpilogue then, float* y, float* scratch)
    {
        var (height, width) = _shape.OutPlane;
        var (rowStep, columnStep) = (_shape.Dilation.Height * width * Dense.Block, _shape.Dilation.Width * Dense.Block);
        float* corner = scratch + 2 * _area * Dense.Block, cornerAdd = corner + _m * _m * Dense.Block;
        var output = new WinogradOutput
        {
            Step = _mStep,
            Bias = bias + block * Dense.Block,
            FirstLow = then.First.Low,
            FirstHigh = then.First.High,
            Low = then.Last.Low,
            High = then.Last.High,
        };
        for (var i = 0; i < count; i++)
        {
            var (n, place) = _tiles[first + i];
            var at = (((long)n * _shape.OutBlocks + block) * _shape.OutPlane.Area + (long)place.OutRow * width + place.OutColumn) * Dense.Block;
            output.M = m + i * Dense.Block;
            if (place.Rows == _m && place.Columns == _m)
            {
                output.Y = y + at;
                output.Add = then.Add == null ? null : then.Add + at;
                (output.YRow, output.YPixel) = (rowStep, columnStep);
                Winograd.Output(_m, output, scratch);
                then.Activation?.Apply(output.Y, _m, rowStep, _m, columnStep);
                continue;
            }

            // The tile reaches over the edge of the map.
            output.Y = corner;
            output.Add = then.Add == null ? null : cornerAdd;
            (output.YRow, output.YPixel) = (_m * Dense.Block, Dense.Block);
            if (then.Add != null)
                for (var r = 0; r < place.Rows; r++)
                    for (var c = 0; c < place.Columns; c++) WinogradTiles.Pixel(then.Add + at + r * rowStep + c * columnStep, cornerAdd + (r * _m + c) * Dense.Block);
            Winograd.Output(_m, output, scratch);
            then.Activation?.Apply(corner, _m, _m * Dense.Block, _m, Dense.Block);
            for (var r = 0; r < place.Rows; r++)
                for (var c = 0; c < place.Columns; c++) WinogradTiles.Pixel(corner + (r * _m + c) * Dense.Block, y + at + r * rowStep + c * columnStep);
        }
    }

    private DenseSum Sum(int from, int to)
    {
        var runs = new DenseBlock[(to - from + Dense.Block - 1) / Dense.Block];
        for (var i = 0; i < runs.Length; i++) runs[i] = new DenseBlock { Offset = (from / Dense.Block + i) * _group * Dense.Block, Channels = Math.Min(Dense.Block, to - from - i * Dense.Block) };
        return new DenseSum(runs, sections: 1, Pairs);
    }

    /// <summary>One or two blocks of output channels, and the input channels that they read.</summary>
    /// <param name="Weights">Where the packed weights of the first of the (m + 2)^2 products begin.</param>
    private sealed record Outputs(int Block, int Blocks, int From, int To, long Weights, DenseSum Sum);
}
