namespace Tenfold;

/// <summary>How training pictures are varied. Every choice is a pure function of (seed, epoch, sample), so it depends neither on
/// threads nor on what was drawn before.</summary>
/// <remarks>In this order: crop, flip, normalisation, erasing, mixing with a partner that was treated likewise.</remarks>
public sealed record Augmentation
{
    public static readonly Augmentation None = new();

    /// <summary>What the ResNet paper does to CIFAR: pad by 4 and crop, flip (He et al. 2015, section 4.2).</summary>
    public static readonly Augmentation CropAndFlip = new() { Crop = 4, Flip = true };

    /// <summary>Black pixels added on all four sides before a picture of the old size is cut out at random.</summary>
    public int Crop { get; init; }

    /// <summary>Whether every second picture is mirrored left to right.</summary>
    public bool Flip { get; init; }

    /// <summary>The probability that a rectangle of 2 % to 33 % of the picture, of aspect 0.3 to 3.3, is set to the mean
    /// (Zhong et al., "Random Erasing Data Augmentation", 2017, arXiv 1708.04896).</summary>
    public double Erase { get; init; }

    /// <summary>Mixup's alpha, at most 4, 0 for none: pictures and targets become l a + (1 - l) b, l from Beta(alpha, alpha)
    /// (Zhang et al., "mixup", 2017, arXiv 1710.09412; 0.2 is theirs for ImageNet).</summary>
    public double Mixup { get; init; }

    /// <summary>CutMix's alpha, at most 4, 0 for none: a rectangle of share 1 - l is taken from b, targets by area
    /// (Yun et al., "CutMix", 2019, arXiv 1905.04899; theirs is 1). With mixup too, each takes half of the pictures.</summary>
    public double Cutmix { get; init; }

    internal void Check()
    {
        if (Crop is < 0 or > 1024) throw new ArgumentOutOfRangeException(nameof(Crop), Crop, "augmentation: crop pads by 0 to 1024 pixels");
        if (Erase is not (>= 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(Erase), Erase, "augmentation: erase is a probability");
        if (Mixup is not (>= 0 and <= 4)) throw new ArgumentOutOfRangeException(nameof(Mixup), Mixup, "augmentation: mixup's alpha lies between 0 and 4");
        if (Cutmix is not (>= 0 and <= 4)) throw new ArgumentOutOfRangeException(nameof(Cutmix), Cutmix, "augmentation: cutmix's alpha lies between 0 and 4");
    }
}

/// <summary>Turns samples into a network's input: reads, varies, normalises, and writes targets as probabilities. One per thread.</summary>
internal sealed class SampleMaker
{
    // Word numbers of one sample's stream of 64; the partner's picture is varied by the next 32 after its own.
    private const ulong Stream = 64, Partner = 32;
    private const ulong Down = 0, Right = 1, Mirror = 2, EraseAtAll = 3, EraseTries = 4, Other = 28, Kind = 29, BoxRow = 30, BoxColumn = 31;

    private readonly Dataset _data;
    private readonly Augmentation _augmentation;
    private readonly Philox _random;
    private readonly Philox _mixing;
    private readonly float[] _table; // for each channel the 256 values that a pixel can become
    private readonly float _smoothing;
    private readonly byte[] _pixels;
    private readonly float[] _partner;
    private readonly Preprocessing _preprocessing;
    private readonly int _channels, _height, _width;

    public SampleMaker(Dataset data, Preprocessing preprocessing, Augmentation augmentation, float smoothing, ulong seed)
    {
        augmentation.Check();
        if (smoothing is not (>= 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(smoothing), smoothing, "label smoothing lies in [0, 1)");
        (_data, _augmentation, _smoothing) = (data, augmentation, smoothing);
        (_random, _mixing) = (Philox.Named(seed, "augmentation"), Philox.Named(seed, "mixing"));
        (_channels, _height, _width) = (data.Shape[0], data.Shape[1], data.Shape[2]);
        (_pixels, _partner) = (new byte[data.Shape.Count], new float[data.Shape.Count]);
        (_preprocessing, _table) = (preprocessing, Table(preprocessing, _channels));
    }

    /// <summary>Sample <paramref name="index"/> as it looks in <paramref name="epoch"/>.</summary>
    /// <param name="picture">[channels, height, width]</param>
    /// <param name="target">A probability for every class.</param>
    public void Make(int index, int epoch, Span<float> picture, Span<float> target)
    {
        target.Fill(_smoothing / target.Length);
        Vary(index, (ulong)index * Stream, epoch, picture);
        var share = 1.0;
        var label = _data.Label(index);
        if (Mixes(index, epoch, out var cut))
        {
            var place = (ulong)index * Stream;
            var other = _random.Below(_data.Count, place + Other, (ulong)epoch);
            share = _mixing.Beta(cut ? _augmentation.Cutmix : _augmentation.Mixup, (ulong)index, (ulong)epoch);
            Vary(other, place + Partner, epoch, _partner);
            if (cut) share = Paste(place, epoch, share, picture);
            else Blend((float)share, picture, _partner);
            target[_data.Label(other)] += (float)((1 - share) * (1 - _smoothing));
        }

        target[label] += (float)(share * (1 - _smoothing));
    }

    private static float[] Table(Preprocessing preprocessing, int channels)
    {
        var table = new float[256 * channels];
        for (var c = 0; c < channels; c++)
        {
            var (mean, deviation) = (Of(preprocessing.Mean, c, "mean"), Of(preprocessing.Deviation, c, "deviation"));
            if (!(deviation > 0)) throw new ArgumentException($"preprocessing: a deviation of {deviation}; it must be above 0");
            for (var pixel = 0; pixel < 256; pixel++) table[256 * c + pixel] = (pixel / 255f - mean) / deviation;
        }

        return table;

        float Of(IReadOnlyList<float> values, int channel, string what) => values.Count == 1 ? values[0]
            : values.Count == channels ? values[channel]
            : throw new ArgumentException($"preprocessing: {values.Count} numbers of {what} for {channels} channels; give 1 or {channels}");
    }

    private bool Mixes(int index, int epoch, out bool cut)
    {
        var (mixup, cutmix) = (_augmentation.Mixup > 0, _augmentation.Cutmix > 0);
        cut = cutmix && (!mixup || _random.Below(2, (ulong)index * Stream + Kind, (ulong)epoch) == 1);
        return mixup || cutmix;
    }

    // Crop, flip, normalise, erase.
    private void Vary(int index, ulong place, int epoch, Span<float> picture)
    {
        _data.Read(index, _pixels);
        var pad = _augmentation.Crop;
        var down = pad == 0 ? 0 : _random.Below(2 * pad + 1, place + Down, (ulong)epoch) - pad;
        var right = pad == 0 ? 0 : _random.Below(2 * pad + 1, place + Right, (ulong)epoch) - pad;
        var mirrored = _augmentation.Flip && _random.Below(2, place + Mirror, (ulong)epoch) == 1;
        var (from, to) = (Math.Clamp(-right, 0, _width), Math.Clamp(_width - right, 0, _width)); // the columns that come from the picture
        for (var c = 0; c < _channels; c++)
        {
            var table = _table.AsSpan(256 * c, 256);
            var plane = _preprocessing.Stored(c, _channels);
            for (var row = 0; row < _height; row++)
            {
                var y = picture.Slice((c * _height + row) * _width, _width);
                var source = row + down;
                if ((uint)source >= (uint)_height)
                {
                    y.Fill(table[0]);
                    continue;
                }

                var x = _pixels.AsSpan((plane * _height + source) * _width, _width);
                y[..from].Fill(table[0]);
                y[to..].Fill(table[0]);
                var inside = y[from..to];
                var used = x.Slice(from + right, inside.Length);
                for (var i = 0; i < inside.Length; i++) inside[i] = table[used[i]];
                if (mirrored) y.Reverse();
            }
        }

        if (_augmentation.Erase > 0 && _random.Uniform(place + EraseAtAll, (ulong)epoch) < _augmentation.Erase) Erase(place, epoch, picture);
    }

    private void Erase(ulong place, int epoch, Span<float> picture)
    {
        for (ulong attempt = 0; attempt < 5; attempt++)
        {
            var draw = place + EraseTries + 4 * attempt;
            var area = (0.02 + 0.31 * _random.Uniform(draw, (ulong)epoch)) * _height * _width;
            var aspect = Elementary.Exp(Elementary.Log(0.3) + (Elementary.Log(3.3) - Elementary.Log(0.3)) * _random.Uniform(draw + 1, (ulong)epoch));
            var (height, width) = ((int)Math.Round(Math.Sqrt(area * aspect)), (int)Math.Round(Math.Sqrt(area / aspect)));
            if (height >= _height || width >= _width) continue;
            var top = _random.Below(_height - height + 1, draw + 2, (ulong)epoch);
            var left = _random.Below(_width - width + 1, draw + 3, (ulong)epoch);
            for (var c = 0; c < _channels; c++)
                for (var row = top; row < top + height; row++) picture.Slice((c * _height + row) * _width + left, width).Clear();
            return;
        }
    }

    private static void Blend(float share, Span<float> a, ReadOnlySpan<float> b)
    {
        for (var i = 0; i < a.Length; i++) a[i] = share * a[i] + (1 - share) * b[i];
    }

    // A box of share 1 - share of the picture, cut off where it leaves it; what is left is the share that counts.
    private double Paste(ulong place, int epoch, double share, Span<float> picture)
    {
        var side = Math.Sqrt(1 - share);
        var (height, width) = ((int)(_height * side), (int)(_width * side));
        var (row, column) = (_random.Below(_height, place + BoxRow, (ulong)epoch), _random.Below(_width, place + BoxColumn, (ulong)epoch));
        var (top, bottom) = (Math.Max(row - height / 2, 0), Math.Min(row - height / 2 + height, _height));
        var (left, right) = (Math.Max(column - width / 2, 0), Math.Min(column - width / 2 + width, _width));
        for (var c = 0; c < _channels; c++)
            for (var y = top; y < bottom; y++)
            {
                var at = (c * _height + y) * _width + left;
                _partner.AsSpan(at, right - left).CopyTo(picture[at..]);
            }

        return 1 - (double)((bottom - top) * (right - left)) / (_height * _width);
    }
}
