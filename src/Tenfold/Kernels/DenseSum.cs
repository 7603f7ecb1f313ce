using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tenfold.Kernels;

/// <summary>Six input channels, in floats from a tile's first pixel: A with B and A + 1 with B + 1 are multiplied in pairs, C and D by themselves.</summary>
internal struct DenseTriples
{
    public int A;
    public int B;
    public int C;
    public int D;
}

/// <summary>Pairs of channels side by side: those from A on with those from B on.</summary>
internal struct DenseProduct
{
    public int A;
    public int B;

    /// <summary>Even, up to 16.</summary>
    public int Channels;
}

/// <summary>Where a <see cref="DenseSum"/>'s input channels lie, section by section.</summary>
internal unsafe struct DensePlaces
{
    public DenseTriples* Triples;
    public DenseProduct* Products;
    public ChannelRun* Rest;
}

/// <summary>What a tile sums over, in which order its weights are packed, and, with products in pairs, what stands beside them.</summary>
/// <remarks>
/// S. Winograd, "A new algorithm for inner product", IEEE Transactions on Computers, 1968: with the weights of two channels exchanged, one multiplication does for two,
/// <code>
/// a wa + b wb = (a + wb)(b + wa) - a b - wa wb
/// </code>
/// where <c>a b</c> is the pixel's, the same for all output channels, and <c>wa wb</c> the output channel's, the same for all pixels. Where additions have units of their own, a third channel's
/// product is added meanwhile, and three products take the time of two:
/// <code>
///              multiply-add          add
/// channel a, b    1                   2
/// channel c       1                   -          one pixel, 16 output channels
/// </code>
/// Each second pair is <c>(wb - a)(b - wa)</c>, minus its products, so that those of neighbouring pairs cancel for the most part and the sums stay as small as they are by themselves.
/// Rounding is relative to <c>a² + wb²</c>, not to <c>a wa</c>: the weights of each output channel are scaled to root mean square 1, by a power of two, and where the map's numbers are much larger or
/// smaller than that, the weights are scaled after them.
/// </remarks>
internal sealed unsafe class DenseSum
{
    /// <summary>The micro-kernel asks for the pixels of so many triples ahead, and at the end for those that come first again.</summary>
    public const int Soon = 8;

    private const int Width = Dense.Block; // output channels of a tile with products in pairs
    private const int Least = 12; // pixels that are looked at, where there are so many
    private const int Near = 3; // powers of two by which the map's numbers may differ from what is expected: as many bits of the result's 24
    private const float Most = 1024; // times what products of pairs are expected to be: those of numbers 32 times as large as the sample's, which cost five bits

    private static readonly int[] s_masks = Masks();

    private readonly int _sections;
    private readonly float _most;
    private readonly int[] _places; // triples, products and the rest, of all sections in turn
    private readonly int _productsAt, _restAt;
    private readonly int _triples, _runs, _packed, _restFloats; // of all sections: how many; floats of a tile's packed weights, and before those of the rest
    private readonly int[] _restStart, _tripleStart, _productStart, _restRow, _tripleRow; // by section, and the end

    /// <param name="runs">The input channels, section by section, as many runs in each; every one at least a channel long, within a pixel.</param>
    /// <param name="sections">Parts of the sum of which a tile may leave out the first and the last: rows of a kernel.</param>
    /// <param name="pairs">Whether products are computed in pairs.</param>
    public DenseSum(ChannelRun[] runs, int sections, bool pairs)
    {
        (Pairs, _sections) = (pairs, sections);
        // Lists of numbers, as they lie in _places: .NET's code for them comes compiled, that for lists of other structures would be compiled anew in each process.
        var (triples, products, rest, order, restOrder) = (new List<int>(), new List<int>(), new List<int>(), new List<int>(), new List<int>());
        (_restStart, _tripleStart, _productStart, _restRow, _tripleRow) = (new int[sections + 1], new int[sections + 1], new int[sections + 1], new int[sections + 1], new int[sections + 1]);
        var channel = 0;
        for (var section = 0; section < sections; section++)
        {
            var (begin, end) = (runs.Length / sections * section, runs.Length / sections * (section + 1));
            var places = new List<int>(); // of the section's channels
            for (var r = begin; r < end; r++)
                for (var c = 0; c < runs[r].Channels; c++) places.Add(runs[r].Offset + c);

            var (partners, paired, others, third) = (pairs ? Partners(runs, begin, end) : [], new bool[places.Count], new List<int>(), 0);
            for (var p = 0; p < partners.Count; p += 3)
            {
                var (first, second, many) = (partners[p], partners[p + 1], partners[p + 2]);
                for (var k = 0; k < many; k++) paired[first + k] = paired[second + k] = true;
                products.Add(places[first]);
                products.Add(places[second]);
                products.Add(many);
            }

            for (var k = 0; k < paired.Length; k++)
                if (!paired[k]) others.Add(k);
            for (var p = 0; p < partners.Count; p += 3)
                for (var k = 0; k < partners[p + 2]; k += 2)
                {
                    var (first, second) = (partners[p] + k, partners[p + 1] + k);
                    triples.Add(places[first]);
                    triples.Add(places[second]);
                    for (var one = 0; one < 2; one++, third++)
                    {
                        triples.Add(places[others[third]]);
                        order.Add(channel + second + one);
                        order.Add(channel + first + one);
                        order.Add(channel + others[third]);
                    }
                }

            for (; third < others.Count; third++)
            {
                var place = places[others[third]];
                restOrder.Add(channel + others[third]);
                if (pairs && rest.Count > 2 * _restStart[section] && rest[^2] + rest[^1] == place && place % Width != 0) rest[^1]++;
                else if (pairs) Run(place, 1);
            }

            for (var r = begin; r < end && !pairs; r++) Run(runs[r].Offset, runs[r].Channels);
            channel += places.Count;
            (_restStart[section + 1], _tripleStart[section + 1], _productStart[section + 1]) = (rest.Count / 2, triples.Count / 4, products.Count / 3);
            (_restRow[section + 1], _tripleRow[section + 1]) = (restOrder.Count, order.Count);
        }

        for (var (i, count) = (0, Math.Min(4 * Soon, triples.Count)); i < count; i++) triples.Add(triples[i]);
        (_productsAt, _restAt) = (triples.Count, triples.Count + products.Count);
        _places = GC.AllocateArray<int>((_restAt + rest.Count + Width - 1) / Width * Width, pinned: true);
        triples.CopyTo(_places);
        products.CopyTo(_places, _productsAt);
        rest.CopyTo(_places, _restAt);
        (_triples, _runs) = (_tripleStart[sections], _restStart[sections]);
        (_packed, _restFloats) = pairs ? ((Head + order.Count + restOrder.Count) * Width, (Head + order.Count) * Width) : (0, 0);
        _most = Most * MathF.Sqrt(order.Count / 3);
        Order = [.. order, .. restOrder];
        Rank = new int[Order.Length];
        for (var k = 0; k < Order.Length; k++) Rank[Order[k]] = k;

        void Run(int place, int channels)
        {
            rest.Add(place);
            rest.Add(channels);
        }
    }

    // The two longest runs, or what is left of them, or the halves of one that is longer still, again and again, until a third of the channels is paired with another third:
    // so few products of whole vectors give those of all pairs. An even number each, since every second pair is subtracted. First, second and how many, one after another.
    private static List<int> Partners(ChannelRun[] runs, int begin, int end)
    {
        var (first, left, all, partners) = (new List<int>(), new List<int>(), 0, new List<int>());
        for (var r = begin; r < end; r++)
        {
            first.Add(all);
            left.Add(runs[r].Channels);
            all += runs[r].Channels;
        }

        for (var wanted = all / 3; wanted >= 2 && Longest(-1) is >= 0 and var a;)
        {
            var b = Longest(a);
            if (b < 0 || left[b] < left[a] / 2)
            {
                if (left[a] < 4) break;
                b = first.Count;
                first.Add(first[a] + left[a] / 2);
                left.Add(left[a] - left[a] / 2);
                left[a] /= 2;
            }

            var many = Math.Min(Math.Min(left[a], left[b]), wanted) & ~1;
            if (many == 0) break;
            partners.Add(first[a]);
            partners.Add(first[b]);
            partners.Add(many);
            wanted -= many;
            (first[a], first[b], left[a], left[b]) = (first[a] + many, first[b] + many, left[a] - many, left[b] - many);
        }

        return partners;

        // The first of the longest, but for one; -1 where nothing is left.
        int Longest(int but)
        {
            var longest = -1;
            for (var i = 0; i < first.Count; i++)
                if (i != but && left[i] > 0 && (longest < 0 || left[i] > left[longest] || (left[i] == left[longest] && first[i] < first[longest]))) longest = i;
            return longest;
        }
    }

    /// <summary>Prepares a sum of a few channels as every run prepares its own, so that what is called for it is compiled.</summary>
    public static void Warm()
    {
        if (!Simd.Pairs) return;
        var sum = new DenseSum([new ChannelRun { Channels = 6 }], sections: 1, pairs: true);
        var tile = new DenseTile();
        float* memory = stackalloc float[9 * Width];
        new Span<float>(memory, 9 * Width).Clear();
        sum.Finish(memory);
        sum.Products(memory, 1, 0, 1, memory, 0);
        sum.Rescaled(memory, 1, memory);
        sum.Set(ref tile, sum.Scaled(memory, sum.Exponent(sum.Places, memory, 1, 1, 0, 1), memory), 0, 1, memory);
    }

    /// <summary>Whether pairs pay for their products: with so many channels in a section of the sum, and so many output channels.</summary>
    public static bool Pays(int channels, int outputs) => Simd.Pairs && channels >= 16 && outputs >= 16;

    public bool Pairs { get; }

    /// <summary>Which input channel, counted through all runs, each row of packed weights belongs to.</summary>
    public int[] Order { get; }

    /// <summary>In which row of packed weights each input channel stands: <see cref="Order"/> turned around.</summary>
    public int[] Rank { get; }

    /// <summary>Floats of the packed weights of a tile of so many output channels.</summary>
    public long PackedSize(int width) => (Order.Length + Head) * (long)width;

    // Rows before those of the weights: less each section's products of weights, less those of all, the factor that undoes the scale.
    private int Head => Pairs ? _sections + 2 : 0;

    /// <summary>As given, from a tile's first pixel on.</summary>
    public DensePlaces Places => At(_places.Start());

    /// <summary>Whole numbers that <see cref="Move"/> writes.</summary>
    public int PlacesSize => _places.Length;

    /// <summary>For each number that <see cref="Move"/> writes: which piece it is moved with.</summary>
    /// <param name="begin">Where, as given, each of some pieces begins, in order; the last one's end follows.</param>
    public int[] Pieces(int[] begin)
    {
        var pieces = new int[_places.Length];
        for (var i = 0; i < pieces.Length; i++)
        {
            pieces[i] = begin.Length - 1; // what is no place stays
            if (i >= _restAt ? (i - _restAt) % 2 == 1 : i >= _productsAt && (i - _productsAt) % 3 == 2) continue;
            do pieces[i]--;
            while (_places[i] < begin[pieces[i]]);
        }

        return pieces;
    }

    /// <summary>Says where the channels lie if they do not lie as given.</summary>
    /// <param name="pieces">From <see cref="Pieces"/>.</param>
    /// <param name="by">By how much each piece is moved; 0 is the last.</param>
    /// <param name="to">Room for <see cref="PlacesSize"/> numbers.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public DensePlaces Move(int[] pieces, ReadOnlySpan<int> by, int* to)
    {
        fixed (int* from = _places, piece = pieces)
        {
            if (by.Length <= Width)
            {
                int* few = stackalloc int[Width];
                by.CopyTo(new Span<int>(few, Width));
                var moves = Vector512.Load(few);
                for (var i = 0; i < _places.Length; i += Width) (Vector512.Load(from + i) + Vector512.Shuffle(moves, Vector512.Load(piece + i))).Store(to + i);
            }
            else
            {
                for (var i = 0; i < _places.Length; i++) to[i] = from[i] + by[piece[i]];
            }
        }

        return At(to);
    }

    private DensePlaces At(int* places) => new() { Triples = (DenseTriples*)places, Products = (DenseProduct*)(places + _productsAt), Rest = (ChannelRun*)(places + _restAt) };

    /// <summary>Floats that the products of so many pixels take in scratch memory.</summary>
    public static int ProductsSize(int pixels) => (pixels + Width - 1) / Width * Width;

    /// <summary>Where the rows of weights begin, as they are before <see cref="Finish"/>.</summary>
    public float* Rows(float* packed) => packed + Head * Width;

    /// <summary>Scales the packed weights and adds what stands beside them.</summary>
    /// <param name="magnitude">The expected root mean square of the map's numbers.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Finish(float* packed, float magnitude = 1)
    {
        if (!Pairs) return;
        float* rows = Rows(packed), factor = packed + (Head - 1) * Width;
        var count = Order.Length;
        var (squares, others) = (Vector512<float>.Zero, Vector512<float>.Zero);
        for (var k = 0; k + 1 < count; k += 2)
        {
            var (w, other) = (Vector512.Load(rows + k * Width), Vector512.Load(rows + (k + 1) * Width));
            squares = Vector512.MultiplyAddEstimate(w, w, squares);
            others = Vector512.MultiplyAddEstimate(other, other, others);
        }

        squares += others;
        if (count % 2 != 0)
        {
            var last = Vector512.Load(rows + (count - 1) * Width);
            squares = Vector512.MultiplyAddEstimate(last, last, squares);
        }

        for (var v = 0; v < Width; v++) factor[v] = FactorOf(MathF.Sqrt(squares[v] / count) / magnitude);
        var factors = Vector512.Load(factor);
        var scale = Vector512.ConditionalSelect(Vector512.Equals(factors, default), Vector512<float>.One, Vector512<float>.One / factors);
        var (allLow, allHigh) = (Vector512<double>.Zero, Vector512<double>.Zero);
        for (var section = 0; section < _sections; section++)
        {
            var (low, high) = (Vector512<double>.Zero, Vector512<double>.Zero);
            for (var k = _tripleRow[section]; k < _tripleRow[section + 1]; k += 3)
            {
                var row = rows + k * Width;
                var (b, a) = (Vector512.Load(row) * scale, Vector512.Load(row + Width) * scale);
                if ((k / 3 & 1) != 0) a = -a; // as the micro-kernel wants it
                b.Store(row);
                a.Store(row + Width);
                (Vector512.Load(row + 2 * Width) * scale).Store(row + 2 * Width);
                var ((a0, a1), (b0, b1)) = (Vector512.Widen(a), Vector512.Widen(b));
                low -= a0 * b0;
                high -= a1 * b1;
            }

            Vector512.Narrow(low, high).Store(packed + section * Width);
            allLow += low;
            allHigh += high;
        }

        for (var k = _tripleRow[_sections]; k < count; k++) (Vector512.Load(rows + k * Width) * scale).Store(rows + k * Width);
        Vector512.Narrow(allLow, allHigh).Store(packed + _sections * Width);
    }

    /// <summary>Lets a tile sum over all sections. Between two tiles nothing is multiplied, so this is as short as it can be.</summary>
    /// <param name="packed">Where the tile's packed weights begin, as <see cref="Scaled"/> gives them.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Set(ref DenseTile tile, in DensePlaces places, float* packed)
    {
        tile.Triples = places.Triples;
        tile.TripleCount = _triples;
        tile.Runs = places.Rest;
        tile.RunCount = _runs;
        tile.Ahead = Pairs ? _packed : Order.Length * tile.WStep;
        tile.W = packed + _restFloats;
        if (!Pairs) return;
        tile.TripleW = packed + (_sections + 2) * Width;
        tile.Factor = packed + (_sections + 1) * Width;
        tile.Start = packed + _sections * Width;
    }

    /// <summary>Lets a tile sum over sections [first, end).</summary>
    /// <param name="packed">Where the tile's packed weights begin, as <see cref="Scaled"/> gives them.</param>
    /// <param name="room">16 floats, read by the micro-kernel where sections are left out.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Set(ref DenseTile tile, float* packed, int first, int end, float* room)
    {
        Set(ref tile, Places, packed);
        if ((first, end) == (0, _sections)) return;
        tile.Triples += _tripleStart[first];
        tile.TripleCount = _tripleStart[end] - _tripleStart[first];
        tile.Runs += _restStart[first];
        tile.RunCount = _restStart[end] - _restStart[first];
        tile.W += (long)_restRow[first] * (Pairs ? Width : tile.WStep);
        if (!Pairs) return;
        tile.TripleW += (long)_tripleRow[first] * Width;
        tile.Start = room;
        var start = Vector512<float>.Zero;
        for (var section = first; section < end; section++) start += Vector512.Load(packed + section * Width);
        start.Store(room);
    }

    /// <summary>The products of a strip of pixels, of all sections, as <see cref="Within"/> wants them; none where each product must be computed by itself.</summary>
    /// <param name="exponent">From <see cref="Exponent"/>.</param>
    /// <returns>The limit for <see cref="Within"/>.</returns>
    public float Products(in DensePlaces places, float* x, int pixels, float* to, int? exponent, float magnitude)
    {
        var limit = Limit(exponent, magnitude);
        return limit > 0 && Products(places, x, pixels, 0, _sections, to, limit) ? float.PositiveInfinity : limit;
    }

    /// <summary>For each pixel, less the products of its channels in pairs.</summary>
    /// <param name="x">The first pixel; up to 15 floats behind the last are read.</param>
    /// <returns>Whether all are below the limit.</returns>
    public bool Products(float* x, int pixels, int first, int end, float* to, float limit) => Products(Places, x, pixels, first, end, to, limit);

    /// <inheritdoc cref="Products(float*, int, int, int, float*, float)"/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool Products(in DensePlaces places, float* x, int pixels, int first, int end, float* to, float limit)
    {
        var (most, below) = (Vector128.Create(limit), Vector128<float>.AllBitsSet);
        var list = places.Products;
        var masks = s_masks.Start();
        DenseProduct* begin = list + _productStart[first], last = list + _productStart[end];
        var p = 0;
        for (; p + 4 <= pixels; p += 4, x += 4 * Width)
        {
            Vector512<float> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
            var pair = begin;
            for (; pair < last && pair->Channels == Width; pair++)
            {
                float* a = x + pair->A, b = x + pair->B;
                sum0 = Vector512.MultiplyAddEstimate(Vector512.Load(a), Vector512.Load(b), sum0);
                sum1 = Vector512.MultiplyAddEstimate(Vector512.Load(a + 16), Vector512.Load(b + 16), sum1);
                sum2 = Vector512.MultiplyAddEstimate(Vector512.Load(a + 32), Vector512.Load(b + 32), sum2);
                sum3 = Vector512.MultiplyAddEstimate(Vector512.Load(a + 48), Vector512.Load(b + 48), sum3);
            }

            for (; pair < last; pair++)
            {
                float* a = x + pair->A, b = x + pair->B;
                var mask = Vector512.Load(masks + pair->Channels * Width).AsSingle();
                sum0 = Vector512.MultiplyAddEstimate(Vector512.Load(a) & mask, Vector512.Load(b) & mask, sum0);
                sum1 = Vector512.MultiplyAddEstimate(Vector512.Load(a + 16) & mask, Vector512.Load(b + 16) & mask, sum1);
                sum2 = Vector512.MultiplyAddEstimate(Vector512.Load(a + 32) & mask, Vector512.Load(b + 32) & mask, sum2);
                sum3 = Vector512.MultiplyAddEstimate(Vector512.Load(a + 48) & mask, Vector512.Load(b + 48) & mask, sum3);
            }

            var products = Alternately(sum0, sum1, sum2, sum3);
            below &= Vector128.LessThan(Vector128.Abs(products), most);
            products.Store(to + p);
        }

        for (; p < pixels; p++, x += Width)
        {
            Vector512<float> sum = default;
            for (var pair = begin; pair < last; pair++)
            {
                var mask = Vector512.Load(masks + pair->Channels * Width).AsSingle();
                sum = Vector512.MultiplyAddEstimate(Vector512.Load(x + pair->A) & mask, Vector512.Load(x + pair->B) & mask, sum);
            }

            var product = Alternately(sum, default, default, default);
            below &= Vector128.LessThan(Vector128.Abs(product), most);
            to[p] = product.ToScalar();
        }

        return below.AsInt32() == Vector128<int>.AllBitsSet;
    }

    /// <summary>How large the numbers are that come in pairs: by what power of two they differ from what was expected. A sixteenth of the pixels is looked at, of few pixels more.</summary>
    /// <param name="row">Floats from one row of pixels to the next.</param>
    /// <returns>The exponent for <see cref="Scaled"/>; null if each product must be computed by itself: for zeros, infinities and what is no number.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public int? Exponent(in DensePlaces places, float* x, int pixels, int rows, nint row, float magnitude = 1)
    {
        var masks = s_masks.Start();
        DenseProduct* begin = places.Products, last = begin + _productStart[_sections];
        var (squares, others, count) = (Vector512<float>.Zero, Vector512<float>.Zero, 0);
        var step = (int)Math.Clamp((long)rows * pixels / Least, 1, 16); // corners of a small map may hold much less than the rest
        for (var place = 0; ; place += step)
        {
            for (; place >= pixels && rows > 0; place -= pixels, x += row) rows--;
            if (rows == 0) break;
            var pixel = x + (nint)place * Width;
            for (var pair = begin; pair < last; pair++)
            {
                count += 2 * pair->Channels;
                var mask = Vector512.Load(masks + pair->Channels * Width).AsSingle();
                var (a, b) = (Vector512.Load(pixel + pair->A) & mask, Vector512.Load(pixel + pair->B) & mask);
                squares = Vector512.MultiplyAddEstimate(a, a, squares);
                others = Vector512.MultiplyAddEstimate(b, b, others);
            }
        }

        return ExponentOf(Vector512.Sum(squares + others) / count / (magnitude * magnitude));
    }

    /// <summary>The power of two by which an output channel's weights are divided: next to their root mean square. 0 for weights that are all zero, which then give zero and not what rounding
    /// leaves of the products.</summary>
    public static float FactorOf(float rms) => rms is > 1e-30f and < 1e30f ? MathF.ScaleB(1, Math.ILogB(rms * 1.41421356f)) : rms == 0 ? 0 : 1;

    /// <summary>By what power of two numbers differ from what was expected, 0 for a small one; null where that is no power: for zeros, infinities and what is no number.</summary>
    /// <param name="meanSquare">Theirs, over that of what was expected.</param>
    public static int? ExponentOf(float meanSquare)
    {
        if (meanSquare is > 1f / 64 and < 64) return 0; // as most are, without a logarithm
        if (meanSquare is not (> 1e-24f and < 1e24f)) return null;
        var exponent = (int)MathF.Round(0.5f * MathF.Log2(meanSquare));
        return Math.Abs(exponent) <= Near ? 0 : exponent;
    }

    /// <summary>How large a pixel's products may be for its numbers to be as large as <see cref="Exponent"/> said of the sample; 0 where each product must be computed by itself.</summary>
    public float Limit(int? exponent, float magnitude)
    {
        if (exponent is not { } power) return 0;
        var size = magnitude * BitConverter.Int32BitsToSingle((127 + power) << 23); // 2^power
        return _most * size * size;
    }

    /// <summary>The products of some pixels as a tile wants them: null, so that it computes each product by itself, where one of the pixels holds much larger numbers than the sample did.
    /// In a map of a few large numbers between small ones, as a gradient is behind a stride, those would lose all digits.</summary>
    /// <param name="limit">From <see cref="Limit"/>; infinite where all pixels' products are below it.</param>
    public static float* Within(float limit, float* products, int pixels) => limit == float.PositiveInfinity || (limit > 0 && AreBelow(limit, products, pixels)) ? products : null;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool AreBelow(float limit, float* products, int pixels)
    {
        var masks = s_masks.Start();
        var (most, p) = (Vector512.Create(limit), 0);
        for (; p + Width <= pixels; p += Width)
            if (!Vector512.LessThanAll(Vector512.Abs(Vector512.Load(products + p)), most)) return false;
        var rest = Vector512.Load(products + p) & Vector512.Load(masks + (pixels - p) * Width).AsSingle(); // scaled weights follow, of which some are read
        return Vector512.LessThanAll(Vector512.Abs(rest), most);
    }

    /// <summary>The mean square of a map's numbers, from a thousand of its vectors at most.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double MeanSquare(float* x, int planes, int blocks, int channels, int pixels)
    {
        const int Vectors = 512;
        var masks = s_masks.Start();
        var (all, last) = ((long)planes * pixels, Vector512.Load(masks + (channels - (blocks - 1) * Width) * Width).AsSingle());
        var step = all / Vectors | 1;
        var (squares, count) = (Vector512<float>.Zero, 0L);
        for (long at = 0; at < all; at += step)
        {
            var partial = at / pixels % blocks == blocks - 1; // lanes behind the last channel hold anything
            var v = partial ? Vector512.Load(x + at * Width) & last : Vector512.Load(x + at * Width);
            squares = Vector512.MultiplyAddEstimate(v, v, squares);
            count += partial ? channels - (blocks - 1) * Width : Width;
        }

        return (double)Vector512.Sum(squares) / count;
    }

    /// <summary>The packed weights of a tile for a map whose numbers are 2^exponent times as large as expected.</summary>
    /// <param name="exponent">Of <see cref="Exponent"/>; with null, each product by itself, they stay as they are.</param>
    /// <param name="room">As many floats.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float* Scaled(float* packed, int? exponent, float* room) => exponent is null or 0 ? packed : Rescaled(packed, exponent.Value, room);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private float* Rescaled(float* packed, int exponent, float* room)
    {
        var (by, rows) = (Vector512.Create(MathF.ScaleB(1, exponent)), Order.Length);
        for (var k = 0; k < Head - 1; k++) (Vector512.Load(packed + k * Width) * by * by).Store(room + k * Width);
        (Vector512.Load(packed + (Head - 1) * Width) / by).Store(room + (Head - 1) * Width);
        float* from = Rows(packed), to = Rows(room);
        for (var k = 0; k < rows; k++) (Vector512.Load(from + (long)k * Width) * by).Store(to + (long)k * Width);
        return room;
    }

    // The sum of the four quarters.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Quarter(Vector512<float> v)
    {
        var half = v.GetLower() + v.GetUpper();
        return half.GetLower() + half.GetUpper();
    }

    // For each: less the first number, and the second, less the third, and the fourth, and so on.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Alternately(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d)
    {
        if (!Avx512F.IsSupported) return Vector128.Create(Of(Quarter(a)), Of(Quarter(b)), Of(Quarter(c)), Of(Quarter(d)));

        // In each quarter | a1-a0 | a3-a2 | b1-b0 | b3-b2 |, then | a | b | c | d |.
        const byte Even = 0b10_00_10_00, Odd = 0b11_01_11_01;
        var ab = Avx512F.Shuffle(a, b, Odd) - Avx512F.Shuffle(a, b, Even);
        var cd = Avx512F.Shuffle(c, d, Odd) - Avx512F.Shuffle(c, d, Even);
        return Quarter(Avx512F.Shuffle(ab, cd, Even) + Avx512F.Shuffle(ab, cd, Odd));

        static float Of(Vector128<float> v) => v[1] - v[0] + (v[3] - v[2]);
    }

    // [how many][16]: all bits of so many lanes.
    private static int[] Masks()
    {
        var masks = GC.AllocateArray<int>((Width + 1) * Width, pinned: true);
        for (var many = 0; many <= Width; many++)
            for (var lane = 0; lane < many; lane++) masks[many * Width + lane] = -1;
        return masks;
    }
}
