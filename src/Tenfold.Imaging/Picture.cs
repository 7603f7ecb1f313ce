using SkiaSharp;

namespace Tenfold;

/// <summary>A decoded picture: a plane of bytes per channel, red, green, blue or one of grey, upright whatever its EXIF orientation.</summary>
/// <remarks>
/// <para>PNG, JPEG, WebP, BMP and GIF (the first frame), told apart by their first bytes; the file's name says nothing.</para>
/// <para>What the planes hold is defined: 16 bits a sample become 8; palettes, grey and CMYK become RGB; transparent pixels are laid over
/// white; colour profiles are ignored. Grey is 0.299 R + 0.587 G + 0.114 B.</para>
/// </remarks>
public sealed class Picture
{
    private readonly byte[] _pixels;

    private Picture(int channels, int height, int width, byte[] pixels) => (Shape, _pixels) = ([channels, height, width], pixels);

    /// <param name="pixels">One plane after the other, as many bytes as <paramref name="shape"/> counts.</param>
    public Picture(Shape shape, ReadOnlySpan<byte> pixels)
    {
        if (shape.Rank != 3 || shape[0] is not (1 or 3)) throw new ShapeException($"picture: {shape} is not 1 or 3 channels by height by width");
        if (pixels.Length != shape.Count) throw new ShapeException($"picture: {pixels.Length} bytes for {shape}, which counts {shape.Count}");
        (Shape, _pixels) = (shape, pixels.ToArray());
    }

    /// <summary>[channels, height, width], 3 or 1 channels.</summary>
    public Shape Shape { get; }

    public int Channels => Shape[0];

    public Size Size => new(Shape[1], Shape[2]);

    /// <summary>All planes, one after the other, row-major.</summary>
    public ReadOnlySpan<byte> Pixels => _pixels;

    public byte this[int channel, int row, int column] => _pixels[(channel * Shape[1] + row) * Shape[2] + column];

    /// <exception cref="PictureException">The file is missing, no picture, damaged, or above a limit.</exception>
    public static Picture Load(string path, PictureOptions? options = null) => Decode(ReadFile(path, options ??= new()), path, options);

    /// <param name="name">What to call the picture in messages.</param>
    /// <exception cref="PictureException">The stream holds no picture, a damaged one, or one above a limit.</exception>
    public static Picture Load(Stream stream, string name, PictureOptions? options = null) => Decode(ReadStream(stream, name, options ??= new()), name, options);

    /// <param name="name">What to call the picture in messages.</param>
    /// <exception cref="PictureException">The bytes are no picture, a damaged one, or one above a limit.</exception>
    public static Picture Decode(ReadOnlySpan<byte> file, string name, PictureOptions? options = null)
    {
        options ??= new();
        PictureFormat.Check(file, name);
        unsafe
        {
            fixed (byte* bytes = file)
            {
                using var data = SKData.Create((nint)bytes, file.Length);
                using var codec = SKCodec.Create(data) ?? throw new PictureException(name, "its header is damaged or cut short");
                return Decode(codec, name, options);
            }
        }
    }

    /// <summary>The size as the file's header states it, upright, without decoding the pixels.</summary>
    public static Size Measure(string path, PictureOptions? options = null)
    {
        var file = ReadFile(path, options ?? new());
        PictureFormat.Check(file, path);
        using var data = SKData.CreateCopy(file);
        using var codec = SKCodec.Create(data) ?? throw new PictureException(path, "its header is damaged or cut short");
        var size = new Size(codec.Info.Height, codec.Info.Width);
        return codec.EncodedOrigin >= SKEncodedOrigin.LeftTop ? new Size(size.Width, size.Height) : size;
    }

    /// <summary>All of the picture at another size, its proportions given up.</summary>
    public Picture Resize(Size size) => Resample(size, Box.All(Size));

    /// <summary>The largest centred part with the proportions of <paramref name="size"/>, at that size: the shorter side is resized to fit, the rest cut.</summary>
    public Picture Cover(Size size) => Resample(size, Box.Centred(Size, size));

    /// <summary>The centred part of a size, or the whole side where the picture is smaller.</summary>
    public Picture Crop(Size size)
    {
        var (height, width) = (Math.Min(size.Height, Size.Height), Math.Min(size.Width, Size.Width));
        if (height < 1 || width < 1) throw new ShapeException($"crop: {size} is empty");
        var (top, left) = ((Size.Height - height) / 2, (Size.Width - width) / 2);
        var pixels = new byte[Channels * height * width];
        for (var row = 0; row < Channels * height; row++)
            _pixels.AsSpan((row / height * Size.Height + row % height + top) * Size.Width + left, width).CopyTo(pixels.AsSpan(row * width));
        return new Picture(Channels, height, width, pixels);
    }

    /// <summary>One plane: 0.299 R + 0.587 G + 0.114 B, rounded; a grey picture itself.</summary>
    public Picture ToGrey()
    {
        if (Channels == 1) return this;
        var (n, pixels) = (Size.Area, new byte[Size.Area]);
        for (var i = 0; i < n; i++) pixels[i] = Grey(_pixels[i], _pixels[n + i], _pixels[2 * n + i]);
        return new Picture(1, Size.Height, Size.Width, pixels);
    }

    /// <summary>Three planes: those of grey are equal.</summary>
    public Picture ToRgb() => Channels == 3 ? this : new Picture(3, Size.Height, Size.Width, [.. _pixels, .. _pixels, .. _pixels]);

    /// <summary>What a network takes: [1, channels, height, width], (pixel / 255 - mean) / deviation.</summary>
    /// <param name="input">The network's input shape; the picture is converted to its colours and covers its height and width, or more of it where the preprocessing sees a share.</param>
    public Tensor ToTensor(Shape input, Preprocessing preprocessing)
    {
        if (input.Rank != 4 || input.Channels is not (1 or 3)) throw new ShapeException($"picture: a network that takes {input} does not take pictures of 1 or 3 channels");
        var whole = new Size((int)MathF.Round(input.Height / preprocessing.Share), (int)MathF.Round(input.Width / preprocessing.Share));
        var picture = (input.Channels == 1 ? ToGrey() : ToRgb()).Cover(whole).Crop(input.Plane);
        var tensor = new Tensor([1, input.Channels, input.Height, input.Width]);
        var area = input.Plane.Area;
        for (var c = 0; c < input.Channels; c++)
        {
            var (mean, deviation) = (Of(preprocessing.Mean, c), Of(preprocessing.Deviation, c));
            var from = picture._pixels.AsSpan(preprocessing.Stored(c, input.Channels) * area, area);
            var to = tensor.Span.Slice(c * area, area);
            for (var i = 0; i < area; i++) to[i] = (from[i] / 255f - mean) / deviation;
        }

        return tensor;

        static float Of(IReadOnlyList<float> values, int channel) => values.Count == 1 ? values[0] : values[channel];
    }

    /// <summary>Writes the picture as a PNG file.</summary>
    public void Save(string path)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(Size.Width, Size.Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        var (n, rgb) = (Size.Area, ToRgb()._pixels);
        var to = bitmap.GetPixelSpan();
        for (var i = 0; i < n; i++) (to[4 * i], to[4 * i + 1], to[4 * i + 2], to[4 * i + 3]) = (rgb[i], rgb[n + i], rgb[2 * n + i], 255);
        using var data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        AtomicFile.Write(path, data.SaveTo);
    }

    private static byte[] ReadFile(string path, PictureOptions options)
    {
        try
        {
            var info = new FileInfo(path);
            if (Directory.Exists(path)) throw new PictureException(path, "is a folder");
            if (!info.Exists) throw new PictureException(path, "there is no such file");
            // Also what pipes and devices say of themselves, which must not be waited for.
            if (info.Length == 0) throw new PictureException(path, "is empty");
            using var stream = info.OpenRead();
            return ReadStream(stream, path, options);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new PictureException(path, $"cannot be read: {e.Message}", e);
        }
    }

    private static byte[] ReadStream(Stream stream, string name, PictureOptions options)
    {
        if (stream.CanSeek)
        {
            var length = stream.Length - stream.Position;
            CheckLength(length);
            var file = GC.AllocateUninitializedArray<byte>((int)length);
            stream.ReadExactly(file);
            return file;
        }

        using var copy = new MemoryStream();
        var part = new byte[1 << 16];
        for (int read; (read = stream.Read(part)) > 0;)
        {
            CheckLength(copy.Length + read);
            copy.Write(part, 0, read);
        }

        return copy.ToArray();

        void CheckLength(long length)
        {
            if (length > options.MaxBytes) throw new PictureException(name, $"has {length} bytes or more; the limit is {options.MaxBytes}");
        }
    }

    private static Picture Decode(SKCodec codec, string name, PictureOptions options)
    {
        // The codec has read the header alone so far: nothing of the picture's size is allocated before these checks.
        var (width, height) = (codec.Info.Width, codec.Info.Height);
        if (width < 1 || height < 1) throw new PictureException(name, $"its header says {width} x {height} pixels");
        if ((long)width * height > options.MaxPixels)
            throw new PictureException(name, $"its header says {width} x {height} pixels; the limit is {options.MaxPixels} in all");

        var opaque = codec.Info.AlphaType == SKAlphaType.Opaque;
        var info = new SKImageInfo(width, height, SKColorType.Rgba8888, opaque ? SKAlphaType.Opaque : SKAlphaType.Unpremul);
        var rgba = GC.AllocateUninitializedArray<byte>(checked(4 * width * height));
        SKCodecResult result;
        unsafe
        {
            fixed (byte* to = rgba) result = codec.GetPixels(info, (nint)to);
        }

        if (result != SKCodecResult.Success)
            throw new PictureException(name, result switch
            {
                SKCodecResult.IncompleteInput => "is cut short",
                SKCodecResult.ErrorInInput or SKCodecResult.InvalidInput => "its pixels are damaged",
                _ => $"cannot be decoded ({result})",
            });
        return Unpack(rgba, new Size(height, width), codec.EncodedOrigin, options.Grey);
    }

    // Interleaved RGBA as stored to upright planes. With H and W as stored, the upright pixel (r, c) is the stored one at
    //   1: (r, c)      2: (r, W-1-c)   3: (H-1-r, W-1-c)   4: (H-1-r, c)
    //   5: (c, r)      6: (H-1-c, r)   7: (H-1-c, W-1-r)   8: (c, W-1-r)      (EXIF 2.3, tag 274)
    // which is always start + r * down + c * right.
    private static Picture Unpack(byte[] rgba, Size stored, SKEncodedOrigin orientation, bool grey)
    {
        var (h, w) = (stored.Height, stored.Width);
        var (last, bottom) = (w - 1, (h - 1) * w);
        var (start, down, right) = orientation switch
        {
            SKEncodedOrigin.TopRight => (last, w, -1),
            SKEncodedOrigin.BottomRight => (bottom + last, -w, -1),
            SKEncodedOrigin.BottomLeft => (bottom, -w, 1),
            SKEncodedOrigin.LeftTop => (0, 1, w),
            SKEncodedOrigin.RightTop => (bottom, 1, -w),
            SKEncodedOrigin.RightBottom => (bottom + last, -1, -w),
            SKEncodedOrigin.LeftBottom => (last, -1, w),
            _ => (0, w, 1),
        };
        var (height, width) = orientation >= SKEncodedOrigin.LeftTop ? (w, h) : (h, w);
        var channels = grey ? 1 : 3;
        var pixels = GC.AllocateUninitializedArray<byte>(checked(channels * height * width));
        var area = height * width;
        for (var r = 0; r < height; r++)
            for (var c = 0; c < width; c++)
            {
                var (from, to) = (4 * (start + r * down + c * right), r * width + c);
                int alpha = rgba[from + 3];
                var (red, green, blue) = (OverWhite(rgba[from], alpha), OverWhite(rgba[from + 1], alpha), OverWhite(rgba[from + 2], alpha));
                if (grey)
                    pixels[to] = Grey(red, green, blue);
                else
                    (pixels[to], pixels[area + to], pixels[2 * area + to]) = (red, green, blue);
            }

        return new Picture(channels, height, width, pixels);
    }

    private static byte OverWhite(byte value, int alpha) => alpha == 255 ? value : (byte)((value * alpha + 255 * (255 - alpha) + 127) / 255);

    // ITU-R BT.601 in 16-bit fixed point, as Pillow rounds it; the three weights add up to 65536.
    private static byte Grey(byte red, byte green, byte blue) => (byte)((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16);

    private Picture Resample(Size size, Box box)
    {
        if (size.Height < 1 || size.Width < 1) throw new ShapeException($"resize: {size} is empty");
        if (size == Size && box == Box.All(Size)) return this;
        var pixels = new byte[checked(Channels * size.Height * size.Width)];
        Resampling.Bilinear(_pixels, Channels, Size, box, pixels, size);
        return new Picture(Channels, size.Height, size.Width, pixels);
    }
}

/// <summary>How pictures are read.</summary>
public sealed record PictureOptions
{
    /// <summary>One plane instead of three.</summary>
    public bool Grey { get; init; }

    /// <summary>Refuses pictures whose header states more pixels. The default is the bound above which Pillow warns of a decompression bomb:
    /// a quarter of a gigabyte at three bytes a pixel.</summary>
    public long MaxPixels { get; init; } = 89_478_485;

    /// <summary>Refuses longer files.</summary>
    public long MaxBytes { get; init; } = 256L << 20;
}

/// <summary>A file that is no picture, is damaged, or is above a limit; it says which file and why.</summary>
public sealed class PictureException(string file, string reason, Exception? cause = null) : Exception($"{file}: {reason}", cause)
{
    public string File { get; } = file;

    public string Reason { get; } = reason;
}
