using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

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

/// <summary>What the sum of four pixels needs of <see cref="Corners"/>: where they are, and what they weigh, the mask included.</summary>
internal readonly struct Sample(in Corners at)
{
    /// <summary>Negative where no pixel of the map is near.</summary>
    public readonly int P00 = at.Near ? at.P00 : -1;
    public readonly int P01 = at.P01, P10 = at.P10, P11 = at.P11;
    public readonly float W00 = at.W00 * at.Mask, W01 = at.W01 * at.Mask, W10 = at.W10 * at.Mask, W11 = at.W11 * at.Mask;
}

/// <summary>Sampling of maps between their pixels, vectorised over channels: where a sample lies is worked out once for all channels that move together.</summary>
internal sealed unsafe class DeformableSampler(DeformableShape shape)
{
    private const int SampleFloats = 8;

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

    /// <summary>Samples of all channels through taps [tap, end), times the mask, for pixels [from, from + count): [tap][block][pixel][16].</summary>
    /// <param name="pixels">How many pixels a plane of the columns has room for.</param>
    /// <param name="samples">Room for <see cref="SamplesSize"/> floats.</param>
    public void Columns(float* x, in DeformableMoves moves, int n, int from, int count, int tap, int end, float* columns, int pixels, float* samples)
    {
        x += (long)n * shape.Blocks * shape.InPlane.Area * Dense.Block;
        var lanes = samples + SampleFloats * count;
        for (var group = 0; group < shape.OffsetGroups; group++)
        {
            var (first, last) = (group * shape.PerGroup / Dense.Block, ((group + 1) * shape.PerGroup - 1) / Dense.Block);
            var to = columns;
            for (var t = tap; t < end; t++, to += (long)shape.Blocks * pixels * Dense.Block)
            {
                for (var p = 0; p < count; p++)
                {
                    Locate(moves, n, group, t, from + p, out var at);
                    ((Sample*)samples)[p] = new Sample(at);
                }

                for (var block = first; block <= last; block++)
                {
                    float* plane = x + (long)block * shape.InPlane.Area * Dense.Block, row = to + (long)block * pixels * Dense.Block;
                    if (_parts[block].Length == 1)
                    {
                        Row(plane, (Sample*)samples, count, row);
                        continue;
                    }

                    Row(plane, (Sample*)samples, count, lanes);
                    var (begin, behind) = (Math.Max(0, group * shape.PerGroup - block * Dense.Block), Math.Min(Dense.Block, (group + 1) * shape.PerGroup - block * Dense.Block));
                    for (var p = 0; p < count * Dense.Block; p += Dense.Block)
                        for (var lane = begin; lane < behind; lane++) row[p + lane] = lanes[p + lane];
                }
            }
        }
    }

    /// <summary>Floats that <see cref="Columns"/> needs beside the columns of so many pixels.</summary>
    public static long SamplesSize(int pixels) => (SampleFloats + Dense.Block) * (long)pixels;

    // Neighbouring pixels' samples lie near each other, so a block's pixels come from the first-level cache.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Row(float* plane, Sample* samples, int count, float* y)
    {
        for (var end = samples + count; samples < end; samples++, y += Dense.Block)
        {
            if (samples->P00 < 0)
            {
                new Span<float>(y, Dense.Block).Fill(samples->W00); // nothing times the mask, which may be no number
                continue;
            }

            float* p00 = plane + samples->P00, p01 = plane + samples->P01, p10 = plane + samples->P10, p11 = plane + samples->P11;
            if (Vector512.IsHardwareAccelerated)
            {
                var upper = Vector512.MultiplyAddEstimate(Vector512.Create(samples->W00), Vector512.Load(p00), Vector512.Create(samples->W01) * Vector512.Load(p01));
                var lower = Vector512.MultiplyAddEstimate(Vector512.Create(samples->W10), Vector512.Load(p10), Vector512.Create(samples->W11) * Vector512.Load(p11));
                (upper + lower).Store(y);
                continue;
            }

            var (a, b) = (new Vector<float>(samples->W00), new Vector<float>(samples->W01));
            var (c, d) = (new Vector<float>(samples->W10), new Vector<float>(samples->W11));
            for (var lane = 0; lane < Dense.Block; lane += Vector<float>.Count)
            {
                var upper = Vector.MultiplyAddEstimate(a, Vector.Load(p00 + lane), b * Vector.Load(p01 + lane));
                var lower = Vector.MultiplyAddEstimate(c, Vector.Load(p10 + lane), d * Vector.Load(p11 + lane));
                (upper + lower).Store(y + lane);
            }
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
/// <remarks>With many channels some taps come at a time, whose products are added to those of the taps before: so the columns of many pixels find room, and all weights are read for few strips of them.</remarks>
internal sealed unsafe class DeformableConvolutionKernel : PackedKernel
{
    private const int ColumnFloats = 96 * 1024; // 384 KB: of a strip through all taps
    private const int MostTiles = 8, LeastStrips = 8; // of a strip; of all samples
    private const int PartFloats = 160 * 1024; // 640 KB: of a part, whose tiles have shorter weights
    private const int MostChannels = 1536; // of the taps that come at a time
    private const int LeastItems = 2; // in several parts

    private readonly DeformableShape _shape;
    private readonly DenseShape _product;
    private readonly DeformableSampler _sampler;
    private readonly int _pixels, _strips, _shares;
    private readonly long _samples, _products; // where, behind the columns, what the sampler needs and the products of pixels begin; room for scaled weights follows
    private readonly bool _pairs;
    private readonly Part[] _parts;

    /// <param name="product">The convolution as if nothing were moved; its groups are those of the weights.</param>
    /// <param name="pairs">Whether products may be computed in pairs, where that pays.</param>
    public DeformableConvolutionKernel(DeformableShape shape, DenseShape product, bool pairs = false)
    {
        (_shape, _product, _sampler) = (shape, product, new DeformableSampler(shape));
        var channels = shape.Blocks * Dense.Block;
        var parts = Math.Min((shape.Taps * channels + MostChannels - 1) / MostChannels, shape.Taps); // by the channels alone, for other pictures share the packed weights
        var taps = (shape.Taps + parts - 1) / parts;
        _pairs = pairs && DenseSum.Pays(taps * product.InPerGroup, product.OutPerGroup);
        var (most, area) = (Dense.MaxPixels(_pairs ? 1 : Dense.MaxBlocks), shape.OutPlane.Area);
        if (parts == 1)
        {
            // Strips of whole tiles, enough of them to keep several threads busy.
            var share = (shape.Batch * area + LeastStrips - 1) / LeastStrips;
            _pixels = Math.Min(area, Math.Clamp(Math.Min(ColumnFloats / (taps * channels), share) / most * most, most, MostTiles * most));
            _shares = 1;
        }
        else
        {
            // Long strips, alike in length, for each reads all weights; where they are few, threads share the output channels, and each of them samples all pixels.
            var strips = (area - 1) / Math.Max(most, PartFloats / (taps * channels)) + 1;
            _pixels = (area + strips - 1) / strips;
            _shares = Math.Clamp(LeastItems / (shape.Batch * strips), 1, product.OutTiles(_pairs).Length);
        }

        _strips = (area + _pixels - 1) / _pixels;

        _parts = new Part[(shape.Taps + taps - 1) / taps];
        for (var i = 0; i < _parts.Length; i++)
        {
            var (first, end, tiles) = (i * taps, Math.Min((i + 1) * taps, shape.Taps), new List<Tile>());
            foreach (var (block, blocks) in product.OutTiles(_pairs))
            {
                var (from, to) = product.Reads(block * Dense.Block, (block + blocks) * Dense.Block);
                tiles.Add(tiles.Count > 0 && (tiles[^1].From, tiles[^1].To) == (from, to)
                    ? tiles[^1] with { Block = block, Blocks = blocks, Weights = PackedSize }
                    : Of(first, end, block, blocks, PackedSize, from, to));
                PackedSize += tiles[^1].Sum.PackedSize(blocks * Dense.Block);
            }

            _parts[i] = new Part(first, end, [.. tiles]);
        }

        _samples = (long)taps * channels * _pixels;
        _products = _samples + DeformableSampler.SamplesSize(_pixels);
        Scratch = _products;
        if (_pairs) Scratch += DenseSum.ProductsSize(_pixels) + _parts.Max(part => part.Tiles.Max(tile => tile.Sum.PackedSize(Dense.Block)));
    }

    private Tile Of(int firstTap, int endTap, int block, int blocks, long weights, int from, int to)
    {
        var (sources, runs) = (new List<(int Channel, int Tap)>(), new List<ChannelRun>());
        for (var tap = firstTap; tap < endTap; tap++)
            for (var c = from; c < to; c += Dense.Block - c % Dense.Block)
            {
                runs.Add(new ChannelRun { Offset = checked(((tap - firstTap) * _shape.Blocks + c / Dense.Block) * _pixels * Dense.Block + c % Dense.Block), Channels = Math.Min(Dense.Block - c % Dense.Block, to - c) });
                for (var i = 0; i < runs[^1].Channels; i++) sources.Add((c + i, tap));
            }

        var sum = new DenseSum([.. runs], sections: 1, _pairs);
        return new Tile(block, blocks, weights, from, to, [.. sum.Order.Select(term => sources[term])], sum);
    }

    public override string Name => $"sampled into columns{(_parts.Length > 1 ? $" in {_parts.Length} parts" : "")}, then dense{(_pairs ? ", in pairs" : "")}";

    public override string Packing => $"deformable {_product.In} {_product.Out} {_product.KernelSize} {_product.Groups}{(_pairs ? $" pairs {Magnitude}" : "")}";

    public override int Items => _shape.Batch * _strips * _shares;

    public override long Scratch { get; }

    public override long PackedSize { get; }

    public override int PackItems => _parts.Length * _parts[0].Tiles.Length;

    public override void Pack(int item, float* kernel, float* scale, float* packed)
    {
        var tile = _parts[item / _parts[0].Tiles.Length].Tiles[item % _parts[0].Tiles.Length];
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
        (item, var share) = Math.DivRem(item, _shares);
        var (n, strip) = Math.DivRem(item, _strips);
        var from = strip * _pixels;
        var count = Math.Min(_pixels, _shape.OutPlane.Area - from);
        foreach (var part in _parts)
        {
            _sampler.Columns(x, moves, n, from, count, part.First, part.End, scratch, _pixels, scratch + _samples);
            Multiply(part, n, from, count, share, packed, bias, y, scratch);
        }
    }

    private void Multiply(Part part, int n, int from, int count, int share, float* packed, float* bias, float* y, float* scratch)
    {
        var plane = _shape.OutPlane.Area * Dense.Block;
        var products = scratch + _products;
        var room = products + DenseSum.ProductsSize(_pixels);
        float* nothing = stackalloc float[2 * Dense.Block];
        new Span<float>(nothing, 2 * Dense.Block).Clear();
        var (sum, exponent, limit) = ((DenseSum?)null, (int?)null, 0f);
        for (var t = part.Tiles.Length * share / _shares; t < part.Tiles.Length * (share + 1) / _shares; t++)
        {
            var (block, blocks, weights, _, _, _, own) = part.Tiles[t];
            if (_pairs && own != sum)
            {
                exponent = own.Exponent(own.Places, scratch, count, 1, 0, Magnitude);
                limit = own.Products(own.Places, scratch, count, products, exponent, Magnitude);
            }

            sum = own;
            var tile = new DenseTile
            {
                Bias = part.First == 0 ? bias + block * Dense.Block : nothing,
                WStep = blocks * Dense.Block,
                YPixel = Dense.Block,
                YVector = plane,
                FirstLow = float.NegativeInfinity,
                FirstHigh = float.PositiveInfinity,
                Low = float.NegativeInfinity,
                High = float.PositiveInfinity,
            };
            sum.Set(ref tile, sum.Places, sum.Scaled(packed + weights, exponent, room));
            var segments = Dense.Segments(count, blocks);
            for (var segment = 0; segment < segments; segment++)
            {
                var first = count * segment / segments;
                var pixels = count * (segment + 1) / segments - first;
                tile.X = scratch + first * Dense.Block;
                tile.Y = y + ((long)n * _product.OutBlocks + block) * plane + (long)(from + first) * Dense.Block;
                tile.Add = part.First == 0 ? null : tile.Y;
                tile.Products = DenseSum.Within(limit, products + first, pixels);
                Dense.Tile(ref tile, pixels, blocks);
            }
        }
    }

    /// <summary>Taps from the first on.</summary>
    private sealed record Part(int First, int End, Tile[] Tiles);

    /// <param name="Weights">Where its packed weights begin.</param>
    /// <param name="From">The first of the input channels that it reads; <paramref name="To"/> is behind the last.</param>
    /// <param name="Sources">What each row of packed weights belongs to.</param>
    private sealed record Tile(int Block, int Blocks, long Weights, int From, int To, (int Channel, int Tap)[] Sources, DenseSum Sum);
}
