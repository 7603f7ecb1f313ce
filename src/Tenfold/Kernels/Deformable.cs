using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Tenfold.Kernels;

/// <summary>The numbers of a deformable convolution that its kernels share.</summary>
internal sealed record DeformableShape(int Batch, int Channels, Size InPlane, Size OutPlane, Size KernelSize, Size Stride, Size Before, Size Dilation, int OffsetGroups)
{
    public int Blocks => (Channels + Dense.Block - 1) / Dense.Block;

    public int Taps => KernelSize.Area;

    public int PerGroup => Channels / OffsetGroups;

    /// <summary>The offset groups of a block, each with the lanes that it moves.</summary>
    public IReadOnlyList<(int Group, int From, int To)> Parts(int block)
    {
        var parts = new List<(int, int, int)>();
        var end = Math.Min(Channels, (block + 1) * Dense.Block);
        for (var c = block * Dense.Block; c < end;)
        {
            var next = Math.Min(end, (c / PerGroup + 1) * PerGroup);
            parts.Add((c / PerGroup, c % Dense.Block, next - block * Dense.Block));
            c = next;
        }

        return parts;
    }
}

/// <summary>Where an operand's maps lie: blocks of 16 channels, or null.</summary>
internal readonly unsafe struct DeformableMoves(float* offset, float* mask)
{
    /// <summary>[n][block][pixel][16], channel 2 (group taps + tap) the way down, the next the way right.</summary>
    public readonly float* Offset = offset;

    /// <summary>[n][block][pixel][16], channel group taps + tap; null for 1.</summary>
    public readonly float* Mask = mask;
}

/// <summary>The four pixels around a sample: where they are, in floats, and what they weigh; 0 outside the map, where the place is that of a pixel inside.</summary>
internal struct Corners
{
    public int P00, P01, P10, P11;
    public float W00, W01, W10, W11;

    /// <summary>The derivatives of the weights by row and by column.</summary>
    public float R00, R01, R10, R11;
    public float C00, C01, C10, C11;
    public float Mask;

    /// <summary>False where no pixel of the map is near.</summary>
    public bool Near;
}

/// <summary>Sampling of maps between their pixels, vectorised over channels: where a sample lies is worked out once for all channels that move together.</summary>
internal sealed unsafe class DeformableSampler(DeformableShape shape)
{
    private readonly (int Group, int From, int To)[][] _parts = [.. Enumerable.Range(0, shape.Blocks).Select(block => shape.Parts(block).ToArray())];

    /// <summary>The sample of tap <paramref name="tap"/> for output pixel <paramref name="pixel"/> in an offset group.</summary>
    public void Locate(in DeformableMoves moves, int n, int group, int tap, int pixel, out Corners corners)
    {
        var (h, w) = Math.DivRem(pixel, shape.OutPlane.Width);
        var (i, j) = Math.DivRem(tap, shape.KernelSize.Width);
        var area = shape.OutPlane.Area;
        var channel = group * shape.Taps + tap;
        var offset = At(moves.Offset, 2 * shape.OffsetGroups * shape.Taps, 2 * channel);
        corners = default;
        corners.Mask = moves.Mask == null ? 1 : *At(moves.Mask, shape.OffsetGroups * shape.Taps, channel);
        var row = h * shape.Stride.Height - shape.Before.Height + i * shape.Dilation.Height + offset[0];
        var column = w * shape.Stride.Width - shape.Before.Width + j * shape.Dilation.Width + offset[1];
        var (height, width) = (shape.InPlane.Height, shape.InPlane.Width);
        if (!(row >= -1 && row < height && column >= -1 && column < width)) return;
        corners.Near = true;
        var (top, left) = (MathF.Floor(row), MathF.Floor(column));
        var (down, right) = (row - top, column - left);
        var (r0, c0) = ((int)top, (int)left);
        // 1 for a row or column that lies in the map.
        float t = r0 >= 0 ? 1 : 0, b = r0 + 1 < height ? 1 : 0, l = c0 >= 0 ? 1 : 0, r = c0 + 1 < width ? 1 : 0;
        var (above, below) = (Math.Max(r0, 0) * width, Math.Min(r0 + 1, height - 1) * width);
        var (before, behind) = (Math.Max(c0, 0), Math.Min(c0 + 1, width - 1));
        (corners.P00, corners.P01) = ((above + before) * Dense.Block, (above + behind) * Dense.Block);
        (corners.P10, corners.P11) = ((below + before) * Dense.Block, (below + behind) * Dense.Block);
        (corners.W00, corners.W01) = (t * l * (1 - down) * (1 - right), t * r * (1 - down) * right);
        (corners.W10, corners.W11) = (b * l * down * (1 - right), b * r * down * right);
        (corners.R00, corners.R01, corners.R10, corners.R11) = (-t * l * (1 - right), -t * r * right, b * l * (1 - right), b * r * right);
        (corners.C00, corners.C01, corners.C10, corners.C11) = (-t * l * (1 - down), t * r * (1 - down), -b * l * down, b * r * down);

        float* At(float* map, int channels, int c) =>
            map + (((long)n * ((channels + Dense.Block - 1) / Dense.Block) + c / Dense.Block) * area + pixel) * Dense.Block + c % Dense.Block;
    }

    /// <summary>Samples of all channels through all taps, times the mask, for pixels [from, from + count): [tap][block][pixel][16].</summary>
    /// <param name="pixels">How many pixels a plane of the columns has room for.</param>
    public void Columns(float* x, in DeformableMoves moves, int n, int from, int count, float* columns, int pixels)
    {
        var lanes = stackalloc float[Dense.Block];
        for (var group = 0; group < shape.OffsetGroups; group++)
        {
            var (first, last) = (group * shape.PerGroup / Dense.Block, ((group + 1) * shape.PerGroup - 1) / Dense.Block);
            for (var tap = 0; tap < shape.Taps; tap++)
                for (var p = 0; p < count; p++)
                {
                    Locate(moves, n, group, tap, from + p, out var corners);
                    for (var block = first; block <= last; block++)
                    {
                        var plane = x + ((long)n * shape.Blocks + block) * shape.InPlane.Area * Dense.Block;
                        var to = columns + (((long)tap * shape.Blocks + block) * pixels + p) * Dense.Block;
                        if (_parts[block].Length == 1)
                        {
                            Sample(plane, corners, corners.Mask, to);
                            continue;
                        }

                        Sample(plane, corners, corners.Mask, lanes);
                        for (var lane = Math.Max(0, group * shape.PerGroup - block * Dense.Block); lane < Math.Min(Dense.Block, (group + 1) * shape.PerGroup - block * Dense.Block); lane++) to[lane] = lanes[lane];
                    }
                }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sample(float* plane, in Corners corners, float mask, float* y)
    {
        if (!corners.Near)
        {
            new Span<float>(y, Dense.Block).Fill(0 * mask); // which may be no number
            return;
        }

        var (a, b) = (new Vector<float>(corners.W00 * mask), new Vector<float>(corners.W01 * mask));
        var (c, d) = (new Vector<float>(corners.W10 * mask), new Vector<float>(corners.W11 * mask));
        for (var lane = 0; lane < Dense.Block; lane += Vector<float>.Count)
        {
            var upper = Vector.MultiplyAddEstimate(a, Vector.Load(plane + corners.P00 + lane), b * Vector.Load(plane + corners.P01 + lane));
            var lower = Vector.MultiplyAddEstimate(c, Vector.Load(plane + corners.P10 + lane), d * Vector.Load(plane + corners.P11 + lane));
            (upper + lower).Store(y + lane);
        }
    }

    /// <summary>dx of one block of one sample from dcolumns [block taps + ...][pixel][16], one pixel after the other: what it adds up to does not depend on threads.</summary>
    /// <param name="dcolumns">As the operation has it: channel c taps + tap, in blocks of 16.</param>
    /// <param name="scratch"><see cref="TileSize"/> floats.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void InputGradient(int n, int block, float* dcolumns, in DeformableMoves moves, float* dx, float* scratch)
    {
        var plane = dx + ((long)n * shape.Blocks + block) * shape.InPlane.Area * Dense.Block;
        new Span<float>(plane, shape.InPlane.Area * Dense.Block).Clear();
        for (var from = 0; from < shape.OutPlane.Area; from += Tile)
        {
            var count = Math.Min(Tile, shape.OutPlane.Area - from);
            ByTaps(dcolumns, n, block, from, count, scratch);
            for (var tap = 0; tap < shape.Taps; tap++)
                foreach (var (group, first, last) in _parts[block])
                    for (var p = 0; p < count; p++)
                    {
                        Locate(moves, n, group, tap, from + p, out var at);
                        if (!at.Near) continue;
                        var (a, b, c, d) = (new Vector<float>(at.W00 * at.Mask), new Vector<float>(at.W01 * at.Mask), new Vector<float>(at.W10 * at.Mask), new Vector<float>(at.W11 * at.Mask));
                        for (var lane = 0; lane < Dense.Block; lane += Vector<float>.Count)
                        {
                            var g = Vector.Load(scratch + (tap * Tile + p) * Dense.Block + lane) & Within(lane, first, last);
                            Vector.MultiplyAddEstimate(a, g, Vector.Load(plane + at.P00 + lane)).Store(plane + at.P00 + lane);
                            Vector.MultiplyAddEstimate(b, g, Vector.Load(plane + at.P01 + lane)).Store(plane + at.P01 + lane);
                            Vector.MultiplyAddEstimate(c, g, Vector.Load(plane + at.P10 + lane)).Store(plane + at.P10 + lane);
                            Vector.MultiplyAddEstimate(d, g, Vector.Load(plane + at.P11 + lane)).Store(plane + at.P11 + lane);
                        }
                    }
        }
    }

    /// <summary>The gradients of offsets or of masks for pixels [from, from + count), at most <see cref="Tile"/>, of one sample.</summary>
    /// <param name="doffset">Or null.</param>
    /// <param name="dmask">Or null.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void MoveGradients(int n, int from, int count, float* x, float* dcolumns, in DeformableMoves moves, float* doffset, float* dmask, float* scratch)
    {
        var area = shape.OutPlane.Area;
        var sums = scratch + TileSize; // [group][tap][pixel]: down, right, sample
        new Span<float>(sums, 3 * shape.OffsetGroups * shape.Taps * Tile).Clear();
        for (var block = 0; block < shape.Blocks; block++)
        {
            ByTaps(dcolumns, n, block, from, count, scratch);
            var plane = x + ((long)n * shape.Blocks + block) * shape.InPlane.Area * Dense.Block;
            foreach (var (group, first, last) in _parts[block])
                for (var tap = 0; tap < shape.Taps; tap++)
                    for (var p = 0; p < count; p++)
                    {
                        Locate(moves, n, group, tap, from + p, out var at);
                        if (!at.Near) continue;
                        Vector<float> down = default, right = default, sample = default;
                        for (var lane = 0; lane < Dense.Block; lane += Vector<float>.Count)
                        {
                            var within = Within(lane, first, last);
                            var g = Vector.Load(scratch + (tap * Tile + p) * Dense.Block + lane) & within;
                            var (p00, p01) = (Vector.Load(plane + at.P00 + lane) & within, Vector.Load(plane + at.P01 + lane) & within);
                            var (p10, p11) = (Vector.Load(plane + at.P10 + lane) & within, Vector.Load(plane + at.P11 + lane) & within);
                            down += g * (new Vector<float>(at.R00) * p00 + new Vector<float>(at.R01) * p01 + new Vector<float>(at.R10) * p10 + new Vector<float>(at.R11) * p11);
                            right += g * (new Vector<float>(at.C00) * p00 + new Vector<float>(at.C01) * p01 + new Vector<float>(at.C10) * p10 + new Vector<float>(at.C11) * p11);
                            sample += g * (new Vector<float>(at.W00) * p00 + new Vector<float>(at.W01) * p01 + new Vector<float>(at.W10) * p10 + new Vector<float>(at.W11) * p11);
                        }

                        var sum = sums + 3 * ((group * shape.Taps + tap) * Tile + p);
                        sum[0] += Vector.Sum(down) * at.Mask;
                        sum[1] += Vector.Sum(right) * at.Mask;
                        sum[2] += Vector.Sum(sample);
                    }
        }

        var channels = shape.OffsetGroups * shape.Taps;
        for (var channel = 0; channel < channels; channel++)
            for (var p = 0; p < count; p++)
            {
                var sum = sums + 3 * (channel * Tile + p);
                if (dmask != null) *At(dmask, channels, channel, p) = sum[2];
                if (doffset == null) continue;
                *At(doffset, 2 * channels, 2 * channel, p) = sum[0];
                *At(doffset, 2 * channels, 2 * channel + 1, p) = sum[1];
            }

        float* At(float* map, int all, int c, int p) =>
            map + (((long)n * ((all + Dense.Block - 1) / Dense.Block) + c / Dense.Block) * area + from + p) * Dense.Block + c % Dense.Block;
    }

    /// <summary>Columns as the operation has them: channel c taps + tap, in blocks of 16. One block of x is that many blocks of columns.</summary>
    public void Store(float* columns, int n, int block, int from, int count, int pixels, float* y)
    {
        for (var f = 0; f < shape.Taps * Math.Min(Dense.Block, shape.Channels - block * Dense.Block); f++)
        {
            var (lane, tap) = Math.DivRem(f, shape.Taps);
            var source = columns + ((long)tap * shape.Blocks + block) * pixels * Dense.Block + lane;
            var to = Column(y, n, block, f, from);
            for (var p = 0; p < count; p++) to[p * Dense.Block] = source[p * Dense.Block];
        }
    }

    // The other way: [tap][pixel][16] of one block.
    private void ByTaps(float* dcolumns, int n, int block, int from, int count, float* taps)
    {
        for (var f = 0; f < shape.Taps * Math.Min(Dense.Block, shape.Channels - block * Dense.Block); f++)
        {
            var (lane, tap) = Math.DivRem(f, shape.Taps);
            var source = Column(dcolumns, n, block, f, from);
            var to = taps + tap * Tile * Dense.Block + lane;
            for (var p = 0; p < count; p++) to[p * Dense.Block] = source[p * Dense.Block];
        }
    }

    private float* Column(float* columns, int n, int block, int f, int from)
    {
        var all = (shape.Channels * shape.Taps + Dense.Block - 1) / Dense.Block;
        return columns + (((long)n * all + block * shape.Taps + f / Dense.Block) * shape.OutPlane.Area + from) * Dense.Block + f % Dense.Block;
    }

    private static Vector<float> Within(int lane, int first, int last)
    {
        var lanes = Vector<int>.Indices + new Vector<int>(lane);
        return Vector.AsVectorSingle(Vector.GreaterThanOrEqual(lanes, new Vector<int>(first)) & Vector.LessThan(lanes, new Vector<int>(last)));
    }

    /// <summary>Pixels of a tile of the gradients.</summary>
    public const int Tile = 32;

    /// <summary>Floats of a tile of one block through all taps.</summary>
    public long TileSize => (long)shape.Taps * Tile * Dense.Block;

    /// <summary>Floats that <see cref="MoveGradients"/> needs.</summary>
    public long MovesSize => TileSize + 3L * shape.OffsetGroups * shape.Taps * Tile;
}

/// <summary>Deformable convolution: pixels are sampled into columns that stay in the second-level cache, and the dense micro-kernel multiplies them.</summary>
internal sealed unsafe class DeformableConvolutionKernel : PackedKernel
{
    private const int ColumnFloats = 96 * 1024; // 384 KB

    private readonly DeformableShape _shape;
    private readonly DenseShape _product;
    private readonly DeformableSampler _sampler;
    private readonly int _pixels, _strips;
    private readonly long _columns; // floats; the products of pixels follow, and room for scaled weights
    private readonly bool _pairs;
    private readonly Tile[] _tiles;

    /// <param name="product">The convolution as if nothing were moved; its groups are those of the weights.</param>
    /// <param name="pairs">Whether products may be computed in pairs, where that pays.</param>
    public DeformableConvolutionKernel(DeformableShape shape, DenseShape product, bool pairs = false)
    {
        (_shape, _product, _sampler, _pairs) = (shape, product, new DeformableSampler(shape), pairs && DenseSum.Pays(shape.Taps * product.InPerGroup, product.OutPerGroup));
        var perPixel = shape.Taps * shape.Blocks * Dense.Block;
        var most = Dense.MaxPixels(_pairs ? 1 : Dense.MaxBlocks);
        var share = (shape.Batch * shape.OutPlane.Area + 7) / 8; // enough strips to keep several threads busy
        _pixels = Math.Max(1, Math.Min(shape.OutPlane.Area, Math.Clamp(Math.Min(ColumnFloats / perPixel, share) / most * most, most, 8 * most)));
        _strips = (shape.OutPlane.Area + _pixels - 1) / _pixels;

        var tiles = new List<Tile>();
        foreach (var (block, blocks) in product.OutTiles(_pairs))
        {
            var (from, to) = product.Reads(block * Dense.Block, (block + blocks) * Dense.Block);
            tiles.Add(tiles.Count > 0 && (tiles[^1].From, tiles[^1].To) == (from, to)
                ? tiles[^1] with { Block = block, Blocks = blocks, Weights = PackedSize }
                : Of(block, blocks, PackedSize, from, to));
            PackedSize += tiles[^1].Sum.PackedSize(blocks * Dense.Block);
        }

        _tiles = [.. tiles];
        Scratch = _columns = (long)shape.Taps * shape.Blocks * _pixels * Dense.Block;
        if (_pairs) Scratch += DenseSum.ProductsSize(_pixels) + _tiles.Max(tile => tile.Sum.PackedSize(Dense.Block));
    }

    private Tile Of(int block, int blocks, long weights, int from, int to)
    {
        var (sources, runs) = (new List<(int Channel, int Tap)>(), new List<ChannelRun>());
        for (var tap = 0; tap < _shape.Taps; tap++)
            for (var c = from; c < to; c += Dense.Block - c % Dense.Block)
            {
                runs.Add(new ChannelRun { Offset = checked((tap * _shape.Blocks + c / Dense.Block) * _pixels * Dense.Block + c % Dense.Block), Channels = Math.Min(Dense.Block - c % Dense.Block, to - c) });
                for (var i = 0; i < runs[^1].Channels; i++) sources.Add((c + i, tap));
            }

        var sum = new DenseSum([.. runs], sections: 1, _pairs);
        return new Tile(block, blocks, weights, from, to, [.. sum.Order.Select(term => sources[term])], sum);
    }

    public override string Name => $"sampled into columns, then dense{(_pairs ? ", in pairs" : "")}";

    public override string Packing => $"deformable {_product.In} {_product.Out} {_product.KernelSize} {_product.Groups}{(_pairs ? $" pairs {Magnitude}" : "")}";

    public override int Items => _shape.Batch * _strips;

    public override long Scratch { get; }

    public override long PackedSize { get; }

    public override int PackItems => _tiles.Length;

    public override void Pack(int item, float* kernel, float* scale, float* packed)
    {
        var tile = _tiles[item];
        var w = tile.Sum.Rows(packed + tile.Weights);
        foreach (var (c, tap) in tile.Sources)
            for (var v = 0; v < tile.Blocks * Dense.Block; v++)
            {
                var o = tile.Block * Dense.Block + v;
                var at = o < _product.Out ? _product.Weight(o, c) : -1;
                *w++ = at < 0 ? 0 : kernel[at + tap] * (scale == null ? 1 : scale[o]);
            }

        tile.Sum.Finish(packed + tile.Weights, Magnitude);
    }

    public void Run(int item, float* x, in DeformableMoves moves, float* packed, float* bias, float* y, float* scratch)
    {
        var (n, strip) = Math.DivRem(item, _strips);
        var from = strip * _pixels;
        var count = Math.Min(_pixels, _shape.OutPlane.Area - from);
        _sampler.Columns(x, moves, n, from, count, scratch, _pixels);
        var plane = _shape.OutPlane.Area * Dense.Block;
        var products = scratch + _columns;
        var room = products + DenseSum.ProductsSize(_pixels);
        var (sum, exponent, limit) = ((DenseSum?)null, (int?)null, 0f);
        foreach (var (block, blocks, weights, _, _, _, own) in _tiles)
        {
            if (_pairs && own != sum)
            {
                exponent = own.Exponent(own.Places, scratch, count, 1, 0, Magnitude);
                limit = own.Products(own.Places, scratch, count, products, exponent, Magnitude);
            }

            sum = own;
            var tile = new DenseTile
            {
                Bias = bias + block * Dense.Block,
                WStep = blocks * Dense.Block,
                YPixel = Dense.Block,
                YVector = plane,
                FirstLow = float.NegativeInfinity,
                FirstHigh = float.PositiveInfinity,
                Low = float.NegativeInfinity,
                High = float.PositiveInfinity,
            };
            sum.Set(ref tile, sum.Scaled(packed + weights, exponent, room), 0, 1, null);
            var segments = Dense.Segments(count, blocks);
            for (var segment = 0; segment < segments; segment++)
            {
                var first = count * segment / segments;
                var pixels = count * (segment + 1) / segments - first;
                tile.X = scratch + first * Dense.Block;
                tile.Y = y + ((long)n * _product.OutBlocks + block) * plane + (long)(from + first) * Dense.Block;
                tile.Products = DenseSum.Within(limit, products + first, pixels);
                Dense.Tile(ref tile, pixels, blocks);
            }
        }
    }

    /// <param name="Weights">Where its packed weights begin.</param>
    /// <param name="From">The first of the input channels that it reads; <paramref name="To"/> is behind the last.</param>
    /// <param name="Sources">What each row of packed weights belongs to.</param>
    private sealed record Tile(int Block, int Blocks, long Weights, int From, int To, (int Channel, int Tap)[] Sources, DenseSum Sum);
}
