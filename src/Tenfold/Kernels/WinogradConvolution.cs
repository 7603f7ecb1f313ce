using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Tenfold.Kernels;

/// <summary>A convolution of stride 1 with fewer multiplications: <see cref="Kernels.Winograd"/>'s minimal filtering, tile by tile.</summary>
/// <remarks>
/// <code>
///  a tile's pixels  --B-->  V  --x U, summed over input channels-->  M  --A-->  its outputs         V, U and M: as many numbers as pixels
/// </code>
/// For 3x3 an output costs ((m + 2) / m)^2 multiplications for each input channel in place of 9: 4 for m = 2, 2.25 for m = 4, 1.78 for m = 6.
/// Transforms treat the 16 channels of a block side by side; the products are pointwise convolutions, one for each number, of "pixels" that are tiles, and
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
    private readonly Winograd _winograd;
    private readonly Size _kernel;
    private readonly int _area, _group, _groups, _shares;
    private readonly WinogradTiles _tiles;
    private readonly Outputs[] _outputs;
    private readonly double[] _columns, _rows; // of the kernel's transform, [points][taps] each
    private readonly nint _vStep, _mStep;
    private readonly WeightRows[] _taps; // of 1 to Together channels
    private readonly float[] _magnitudes; // of V's numbers, for numbers of root mean square 1

    /// <param name="pairs">Whether products may be computed in pairs, where that pays.</param>
    public WinogradConvolution(DenseShape shape, int m, bool pairs = false)
    {
        _winograd = new Winograd(shape.KernelSize, m);
        _magnitudes = _winograd.Magnitudes();
        (M, _shape, _kernel, _area) = (m, shape, shape.KernelSize, _winograd.Tile.Area);
        (_columns, _rows) = (PinnedArray.Of(Numbers(_winograd.Columns)), PinnedArray.Of(Numbers(_winograd.Rows)));
        _taps = new WeightRows[Together];
        for (var channels = 1; channels <= Together; channels++)
        {
            var taps = new int[channels * _kernel.Area];
            for (var row = 0; row < taps.Length; row++) taps[row] = row / _kernel.Area * shape.WeightStep + (shape.Transposed ? _kernel.Area - 1 - row % _kernel.Area : row % _kernel.Area);
            _taps[channels - 1] = new WeightRows(taps);
        }

        _tiles = new WinogradTiles(shape, _winograd);
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
        Scratch = (long)_area * (_vStep + _mStep) + (2L * _area + 2 * _winograd.Outputs.Area + 2) * Dense.Block + (Pairs ? DenseSum.ProductsSize(_area * _group) + longest : 0);

        static ReadOnlySpan<double> Numbers(double[,] transform) => MemoryMarshal.CreateReadOnlySpan(ref transform[0, 0], transform.Length);
    }

    /// <summary>m of F(m x m, r x r) or F(m, r).</summary>
    public int M { get; }

    public override bool Pairs { get; }

    public override bool Activates => true;

    public override int Items { get; }

    public override long Scratch { get; }

    public override long PackedSize { get; }

    public override int PackItems { get; }

    public override string Name => $"Winograd F({_winograd.Outputs}){(_shape.Dilation.Area > 1 ? ", polyphase" : "")}{(Pairs ? ", in pairs" : "")}";

    public override string Packing => $"F{M} {_kernel} {_shape.In} {_shape.Out} {_shape.Groups} {_shape.Transposed}{(Pairs ? $" pairs {Magnitude}" : "")}";

    public int Tiles => _tiles.Count;

    /// <summary>How many times the weights are read.</summary>
    public int Groups => _groups;

    /// <summary>How many times each tile is transformed.</summary>
    public int Shares => _shares;

    public static bool Takes(DenseShape shape) => Sizes(shape).Length > 0;

    /// <summary>With which m it computes this convolution; none for those that it does not take.</summary>
    public static ReadOnlySpan<int> Sizes(DenseShape shape) => shape.Stride.Area == 1 && (shape.Groups == 1 || (shape.InPerGroup % Dense.Block == 0 && shape.OutPerGroup % Dense.Block == 0))
        ? Winograd.Sizes(shape.KernelSize)
        : [];

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
        var tile = _winograd.Tile;
        float* taps = stackalloc float[Together * _kernel.Area * width], factor = stackalloc float[width];
        var half = stackalloc double[tile.Height * _kernel.Width * width];
        long* begin = stackalloc long[width];
        for (var v = 0; v < width; v++)
        {
            var o = outputs.Block * Dense.Block + v;
            factor[v] = o >= _shape.Out ? 0 : scale == null ? 1 : scale[o];
            begin[v] = o >= _shape.Out ? begin[0] : _shape.Weight(o, from);
        }

        var u = outputs.Sum.Rows(packed + outputs.Weights);
        var (step, count) = ((nint)outputs.Sum.PackedSize(width), (long)_shape.Out * _shape.InPerGroup * _kernel.Area);
        var (columns, rows) = ((nint)_columns.Start(), (nint)_rows.Start());
        for (var first = from; first < to; first += Together)
        {
            var channels = Math.Min(Together, to - first);
            var at = (long)(first - from) * _shape.WeightStep;
            _taps[channels - 1].Pack(kernel + at, count - at, begin, factor, width, taps);
            for (var c = 0; c < channels; c++)
            {
                // half[i][column] = Columns k, then U = half Rows'
                for (var column = 0; column < _kernel.Width; column++)
                    Columns(taps + (c * _kernel.Area + column) * width, _kernel.Width * width, (double*)columns, _kernel.Height, tile.Height, width, half + column * width);
                for (var i = 0; i < tile.Height; i++)
                    Rows(half + i * _kernel.Width * width, (double*)rows, _kernel.Width, tile.Width, width, u + i * tile.Width * step + outputs.Sum.Rank[first - outputs.From + c] * width, step);
            }
        }
    }

    // Points but 0 and infinity come as x and -x, which share their even and odd powers. There are an odd number of taps; one of them stays as it is.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Columns(float* taps, int next, double* g, int count, int size, int width, double* half)
    {
        var high = Vector<double>.Count;
        for (var v = 0; v < width; v += Vector<float>.Count, taps += Vector<float>.Count, half += Vector<float>.Count)
        {
            var (l0, h0) = Widen(taps);
            if (count == 1)
            {
                l0.Store(half);
                h0.Store(half + high);
                continue;
            }

            var ((l1, h1), (l2, h2)) = (Widen(taps + next), Widen(taps + 2 * next));
            var to = half;
            (l0 * g[0]).Store(to);
            (h0 * g[0]).Store(to + high);
            for (var at = g + count; at < g + (size - 1) * count; at += 2 * count)
            {
                var (evenLow, oddLow, evenHigh, oddHigh) = (l0 * at[0] + l2 * at[2], l1 * at[1], h0 * at[0] + h2 * at[2], h1 * at[1]);
                for (var k = 3; k < count; k += 2)
                {
                    var ((l3, h3), (l4, h4)) = (Widen(taps + k * next), Widen(taps + (k + 1) * next));
                    (evenLow, oddLow, evenHigh, oddHigh) = (evenLow + l4 * at[k + 1], oddLow + l3 * at[k], evenHigh + h4 * at[k + 1], oddHigh + h3 * at[k]);
                }

                to += next;
                (evenLow + oddLow).Store(to);
                (evenHigh + oddHigh).Store(to + high);
                to += next;
                (evenLow - oddLow).Store(to);
                (evenHigh - oddHigh).Store(to + high);
            }

            to += next;
            (l0, h0) = Widen(taps + (count - 1) * next);
            l0.Store(to);
            h0.Store(to + high);
        }

        static (Vector<double> Low, Vector<double> High) Widen(float* at)
        {
            Vector.Widen(Vector.Load(at), out var low, out var high);
            return (low, high);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows(double* half, double* g, int count, int size, int width, float* u, nint step)
    {
        for (var v = 0; v < width; v += Vector<float>.Count, half += Vector<float>.Count, u += Vector<float>.Count)
        {
            var high = half + Vector<double>.Count;
            var (l0, h0) = (Vector.Load(half), Vector.Load(high));
            if (count == 1)
            {
                Vector.Narrow(l0, h0).Store(u);
                continue;
            }

            var (l1, l2, h1, h2) = (Vector.Load(half + width), Vector.Load(half + 2 * width), Vector.Load(high + width), Vector.Load(high + 2 * width));
            var to = u;
            Vector.Narrow(l0 * g[0], h0 * g[0]).Store(to);
            for (var at = g + count; at < g + (size - 1) * count; at += 2 * count)
            {
                var (evenLow, oddLow, evenHigh, oddHigh) = (l0 * at[0] + l2 * at[2], l1 * at[1], h0 * at[0] + h2 * at[2], h1 * at[1]);
                for (var k = 3; k < count; k += 2)
                {
                    evenLow += Vector.Load(half + (k + 1) * width) * at[k + 1];
                    oddLow += Vector.Load(half + k * width) * at[k];
                    evenHigh += Vector.Load(high + (k + 1) * width) * at[k + 1];
                    oddHigh += Vector.Load(high + k * width) * at[k];
                }

                to += step;
                Vector.Narrow(evenLow + oddLow, evenHigh + oddHigh).Store(to);
                to += step;
                Vector.Narrow(evenLow - oddLow, evenHigh - oddHigh).Store(to);
            }

            Vector.Narrow(Vector.Load(half + (count - 1) * width), Vector.Load(high + (count - 1) * width)).Store(to + step);
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
        _winograd.Input(nothing, Dense.Block, Dense.Block, nothing + _area * Dense.Block, Dense.Block, nothing + 2 * _area * Dense.Block);
        var output = new WinogradOutput { M = nothing, Step = Dense.Block, Bias = nothing, Y = nothing + _area * Dense.Block, YRow = Dense.Block, YPixel = Dense.Block };
        _winograd.Output(output, nothing + 2 * _area * Dense.Block);
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

        var zeros = rest + (2 * _area + 2 * _winograd.Outputs.Area) * Dense.Block;
        new Span<float>(zeros, 2 * Dense.Block).Clear();
        var products = zeros + 2 * Dense.Block;
        Span<int?> exponents = stackalloc int?[_area];
        Span<float> limits = stackalloc float[_area];
        DenseSum? sum = null;
        for (var p = begin; p < end; p++)
        {
            var outputs = _outputs[p];
            if (Pairs && outputs.Sum != sum)
            {
                for (var i = 0; i < _area; i++) exponents[i] = outputs.Sum.Exponent(outputs.Sum.Places, v + i * _vStep, count, 1, 0, Magnitude * _magnitudes[i]);

                // Where a smooth map has small differences, their rounding is small beside the other numbers': what counts is by how much the largest exceed what is expected.
                var most = int.MinValue;
                foreach (var exponent in exponents) most = Math.Max(most, exponent ?? int.MinValue);
                for (var i = 0; i < _area; i++)
                {
                    exponents[i] = exponents[i] is null ? null : most;
                    limits[i] = outputs.Sum.Products(outputs.Sum.Places, v + i * _vStep, count, products + i * count, exponents[i], Magnitude * _magnitudes[i]);
                }
            }

            sum = outputs.Sum;
            Multiply(outputs, count, v, packed, zeros, products, exponents, limits, m);
            for (var block = 0; block < outputs.Blocks; block++)
                Return(first, count, outputs.Block + block, m + block * _group * Dense.Block, bias, then, y, rest);
        }
    }

    // M[i] = V[i] U[i] for each of a tile's numbers.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Multiply(Outputs outputs, int count, float* v, float* packed, float* zeros, float* products, ReadOnlySpan<int?> exponents, ReadOnlySpan<float> limits, float* m)
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
        var places = outputs.Sum.Places;
        for (var i = 0; i < _area; i++)
        {
            outputs.Sum.Set(ref kernel, places, outputs.Sum.Scaled(packed + outputs.Weights + i * outputs.Sum.PackedSize(width), exponents[i], room));
            for (var segment = 0; segment < segments; segment++)
            {
                var tile = count * segment / segments;
                var tiles = count * (segment + 1) / segments - tile;
                kernel.X = v + i * _vStep + tile * Dense.Block;
                kernel.Y = m + i * _mStep + tile * Dense.Block;
                kernel.Products = DenseSum.Within(limits[i], products + i * count + tile, tiles);
                Dense.Tile(ref kernel, tiles, outputs.Blocks);
            }
        }
    }

    // y = A' M A and what follows, for one block of output channels of some tiles.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Return(int first, int count, int block, float* m, float* bias, in DenseEpilogue then, float* y, float* scratch)
    {
        var ((_, width), (rows, columns)) = (_shape.OutPlane, _winograd.Outputs);
        var (rowStep, columnStep) = (_shape.Dilation.Height * width * Dense.Block, _shape.Dilation.Width * Dense.Block);
        float* corner = scratch + 2 * _area * Dense.Block, cornerAdd = corner + rows * columns * Dense.Block;
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
            if (place.Rows == rows && place.Columns == columns)
            {
                output.Y = y + at;
                output.Add = then.Add == null ? null : then.Add + at;
                (output.YRow, output.YPixel) = (_winograd.Down(rowStep, columnStep), columnStep);
                _winograd.Output(output, scratch);
                then.Activation?.Apply(output.Y, rows, rowStep, columns, columnStep);
                continue;
            }

            // The tile reaches over the edge of the map.
            output.Y = corner;
            output.Add = then.Add == null ? null : cornerAdd;
            (output.YRow, output.YPixel) = (_winograd.Down(columns * Dense.Block, Dense.Block), Dense.Block);
            if (then.Add != null)
                for (var r = 0; r < place.Rows; r++)
                    for (var c = 0; c < place.Columns; c++) WinogradTiles.Pixel(then.Add + at + r * rowStep + c * columnStep, cornerAdd + (r * columns + c) * Dense.Block);
            _winograd.Output(output, scratch);
            then.Activation?.Apply(corner, rows, columns * Dense.Block, columns, Dense.Block);
            for (var r = 0; r < place.Rows; r++)
                for (var c = 0; c < place.Columns; c++) WinogradTiles.Pixel(corner + (r * columns + c) * Dense.Block, y + at + r * rowStep + c * columnStep);
        }
    }

    private DenseSum Sum(int from, int to)
    {
        var runs = new ChannelRun[(to - from + Dense.Block - 1) / Dense.Block];
        for (var i = 0; i < runs.Length; i++) runs[i] = new ChannelRun { Offset = (from / Dense.Block + i) * _group * Dense.Block, Channels = Math.Min(Dense.Block, to - from - i * Dense.Block) };
        return new DenseSum(runs, sections: 1, Pairs);
    }

    /// <summary>One or two blocks of output channels, and the input channels that they read.</summary>
    /// <param name="Weights">Where the packed weights of the first of a tile's numbers begin.</param>
    private sealed record Outputs(int Block, int Blocks, int From, int To, long Weights, DenseSum Sum);
}
