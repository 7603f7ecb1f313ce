using SkiaSharp;
using Xunit;

namespace Tenfold.Tests;

public class PictureTests
{
    // Solid CMYK (0, 255, 255, 0), solid grey 77, and a progressive picture with R = 16 row, G = 16 column; made with Pillow.
    private const string Cmyk = "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAQCwwODAoQDg0OEhEQExgoGhgWFhgxIyUdKDozPTw5Mzg3QEhcTkBEV0U3OFBtUVdfYmdoZz5NcXlwZHhcZWdj/8AAFAgACAAIBEMRAE0RAFkRAEsRAP/EABQAAQAAAAAAAAAAAAAAAAAAAAf/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oADgRDAE0AWQBLAAA/AEAfj8gP/9k=";
    private const string GreyJpeg = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACP/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AO7//2Q==";
    private const string Progressive = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/wgARCAAQABADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAABwb/xAAVAQEBAAAAAAAAAAAAAAAAAAADBv/aAAwDAQACEAMQAAABGGmNc5R//8QAFhAAAwAAAAAAAAAAAAAAAAAAAAQF/9oACAEBAAEFApKhJRI6hHRP/8QAFxEAAwEAAAAAAAAAAAAAAAAAAAYRIf/aAAgBAwEBPwFhXpcP/8QAFhEBAQEAAAAAAAAAAAAAAAAAAwAU/9oACAECAQE/AXLVf//EABYQAQEBAAAAAAAAAAAAAAAAAAABIf/aAAgBAQAGPwKJiJj/xAAWEAEBAQAAAAAAAAAAAAAAAAAAETH/2gAIAQEAAT8hrlRVyov/2gAMAwEAAgADAAAAEKv/xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAEDAQE/ED//xAAXEQADAQAAAAAAAAAAAAAAAAAAESFB/9oACAECAQE/EKdZ/8QAFhAAAwAAAAAAAAAAAAAAAAAAAEGR/9oACAEBAAE/EJlEgibRJI//2Q==";

    [Theory]
    [InlineData(SKEncodedImageFormat.Png)]
    [InlineData(SKEncodedImageFormat.Webp)]
    public void Lossless_formats_come_back_to_the_byte(SKEncodedImageFormat format)
    {
        var picture = Decode(PictureFiles.Encode(format, 7, 5, Colour));
        Assert.Equal<Shape>([3, 5, 7], picture.Shape);
        AssertPixels(picture, Colour, 0);
    }

    [Fact]
    public void Jpeg() => AssertPixels(Decode(PictureFiles.Encode(SKEncodedImageFormat.Jpeg, 16, 24, Smooth)), Smooth, 6);

    [Fact]
    public void Progressive_jpeg() => AssertPixels(
        Decode(Convert.FromBase64String(Progressive)), (r, c) => new SKColor((byte)(16 * r), (byte)(16 * c), (byte)(r * c)), 24);

    [Fact]
    public void Bmp() => AssertPixels(Decode(PictureFiles.Bmp(5, 3, (r, c) => (Colour(r, c).Red, Colour(r, c).Green, Colour(r, c).Blue))), Colour, 0, 3, 5);

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void The_first_frame_of_a_gif(int frames)
    {
        SKColor[] colours = [new(0, 0, 0), new(255, 0, 0), new(0, 255, 0), new(0, 0, 255)];
        var picture = Decode(PictureFiles.Gif(3, 2, [0, 1, 2, 3, 2, 1], frames));
        AssertPixels(picture, (r, c) => colours[new[] { 0, 1, 2, 3, 2, 1 }[3 * r + c]], 0, 2, 3);
    }

    [Fact]
    public void Cmyk_becomes_rgb() => AssertPixels(Decode(Convert.FromBase64String(Cmyk)), (_, _) => new SKColor(255, 0, 0), 3, 8, 8);

    [Fact]
    public void Grey_becomes_three_equal_planes()
    {
        AssertPixels(Decode(Convert.FromBase64String(GreyJpeg)), (_, _) => new SKColor(77, 77, 77), 1, 8, 8);
        AssertPixels(Decode(PictureFiles.Png(2, 1, [10, 200], colour: 0)), (_, c) => c == 0 ? new SKColor(10, 10, 10) : new SKColor(200, 200, 200), 0, 1, 2);
    }

    [Fact]
    public void Sixteen_bits_become_eight() =>
        AssertPixels(Decode(PictureFiles.Png(2, 1, [0x80, 0x00, 0x40, 0x00, 0xFF, 0xFF, 0, 0, 0x20, 0, 0x10, 0], colour: 2, depth: 16)),
            (_, c) => c == 0 ? new SKColor(0x80, 0x40, 0xFF) : new SKColor(0, 0x20, 0x10), 1, 1, 2);

    [Fact]
    public void Palettes_become_rgb() =>
        AssertPixels(Decode(PictureFiles.Png(2, 1, [1, 0], colour: 3, palette: [9, 8, 7, 100, 150, 200])),
            (_, c) => c == 0 ? new SKColor(100, 150, 200) : new SKColor(9, 8, 7), 0, 1, 2);

    [Fact]
    public void One_bit_of_grey() =>
        AssertPixels(Decode(PictureFiles.Png(4, 1, [0b0101_0000], colour: 0, depth: 1)), (_, c) => c % 2 == 0 ? SKColors.Black : SKColors.White, 0, 1, 4);

    [Fact]
    public void Transparent_pixels_lie_over_white() =>
        AssertPixels(Decode(PictureFiles.Png(3, 1, [200, 0, 0, 255, 200, 0, 0, 0, 0, 0, 0, 128], colour: 6)),
            (_, c) => c switch { 0 => new SKColor(200, 0, 0), 1 => SKColors.White, _ => new SKColor(127, 127, 127) }, 0, 1, 3);

    [Fact]
    public void Grey_is_luma_as_Pillow_rounds_it()
    {
        var file = PictureFiles.Png(4, 1, [255, 0, 0, 0, 255, 0, 0, 0, 255, 12, 200, 97], colour: 2);
        var grey = Picture.Decode(file, "test", new PictureOptions { Grey = true });
        Assert.Equal([76, 150, 29, 132], grey.Pixels.ToArray());
        Assert.Equal(grey.Pixels, Decode(file).ToGrey().Pixels);
        Assert.Equal<Shape>([1, 1, 4], grey.Shape);
    }

    [Fact]
    public void One_pixel() => AssertPixels(Decode(PictureFiles.Encode(SKEncodedImageFormat.Png, 1, 1, (_, _) => new SKColor(1, 2, 3))).Cover(4), (_, _) => new SKColor(1, 2, 3), 0, 4, 4);

    // EXIF 2.3: the corner of the scene at which the stored first row and first column lie.
    [Theory]
    [InlineData(1, "ABCDEF", 2, 3)]
    [InlineData(2, "CBAFED", 2, 3)]
    [InlineData(3, "FEDCBA", 2, 3)]
    [InlineData(4, "DEFABC", 2, 3)]
    [InlineData(5, "ADBECF", 3, 2)]
    [InlineData(6, "DAEBFC", 3, 2)]
    [InlineData(7, "FCEBDA", 3, 2)]
    [InlineData(8, "CFBEAD", 3, 2)]
    public void All_eight_orientations(int orientation, string upright, int rows, int columns)
    {
        // Stored ABC over DEF, each letter a block of 16 x 16 so that JPEG keeps them apart.
        var jpeg = PictureFiles.Encode(SKEncodedImageFormat.Jpeg, 48, 32, (r, c) => Letter("ABCDEF"[r / 16 * 3 + c / 16]));
        foreach (var littleEndian in new[] { true, false })
        {
            var picture = Decode(PictureFiles.WithOrientation(jpeg, orientation, littleEndian));
            AssertPixels(picture, (r, c) => Letter(upright[r / 16 * columns + c / 16]), 4, 16 * rows, 16 * columns);
        }

        static SKColor Letter(char letter) => new((byte)(40 * (letter - 'A')), (byte)(40 * (letter - 'A')), (byte)(40 * (letter - 'A')));
    }

    [Fact]
    public void The_size_is_read_without_the_pixels_and_upright()
    {
        using var folder = new TemporaryFolder();
        var jpeg = PictureFiles.WithOrientation(PictureFiles.Encode(SKEncodedImageFormat.Jpeg, 48, 32, Smooth), 6);
        Assert.Equal(new Size(48, 32), Picture.Measure(folder.Write("a.jpg", jpeg)));
    }

    [Fact]
    public void The_extension_says_nothing()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("picture.txt", PictureFiles.Encode(SKEncodedImageFormat.Png, 7, 5, Colour));
        AssertPixels(Picture.Load(path), Colour, 0, 5, 7);
    }

    [Fact]
    public void What_is_no_picture_is_refused_by_name_and_reason()
    {
        using var folder = new TemporaryFolder();
        Refuses(folder.Write("text.png", "hello, I am text\n"u8.ToArray()), "is text, not a PNG, JPEG, WebP, BMP or GIF picture");
        Refuses(folder.Write("empty.png", []), "is empty");
        Refuses(folder.Write("tiff.png", [.. "II*\0"u8, 1, 2, 3, 4]), "is a TIFF, not a PNG, JPEG, WebP, BMP or GIF picture");
        Refuses(folder.Write("noise.png", [1, 2, 3, 4, 5]), "does not begin as a PNG, JPEG, WebP, BMP or GIF picture does");
        Refuses(folder.Path, "is a folder");
        Refuses(folder.Path + "/none.png", "there is no such file");
    }

    [Theory]
    [InlineData(SKEncodedImageFormat.Png)]
    [InlineData(SKEncodedImageFormat.Jpeg)]
    [InlineData(SKEncodedImageFormat.Webp)]
    public void A_file_cut_short_is_refused_wherever_it_is_cut(SKEncodedImageFormat format)
    {
        var file = PictureFiles.Encode(format, 40, 40, Colour);
        // The last bytes may be checksums and end marks, after the last pixel.
        for (var length = 0; length < file.Length - 32; length++)
        {
            var error = Assert.Throws<PictureException>(() => Picture.Decode(file.AsSpan(0, length), "cut.img"));
            Assert.StartsWith("cut.img: ", error.Message);
        }
    }

    [Fact]
    public void Bmp_and_gif_cut_short_are_refused()
    {
        var bmp = PictureFiles.Bmp(9, 9, (_, _) => (1, 2, 3));
        var gif = PictureFiles.Gif(9, 9, new byte[81]);
        Assert.Throws<PictureException>(() => Decode(bmp[..^40]));
        Assert.Throws<PictureException>(() => Decode(gif[..^30]));
    }

    [Fact]
    public void A_damaged_png_is_refused()
    {
        var file = PictureFiles.Encode(SKEncodedImageFormat.Png, 40, 40, Colour);
        file[file.Length / 2] ^= 0x55;
        Assert.Throws<PictureException>(() => Decode(file));
    }

    [Fact]
    public void Absurd_sizes_are_refused_before_anything_is_allocated()
    {
        var png = PictureFiles.Png(100_000, 100_000, [0], colour: 0);
        var gif = PictureFiles.Gif(65_535, 65_535, [0]);
        var bmp = PictureFiles.Bmp(1, 1, (_, _) => (0, 0, 0), 30_000, 30_000);
        var jpeg = PictureFiles.Encode(SKEncodedImageFormat.Jpeg, 16, 16, Smooth);
        var size = jpeg.AsSpan().IndexOf([(byte)0xFF, (byte)0xC0]) + 5;
        (jpeg[size], jpeg[size + 1], jpeg[size + 2], jpeg[size + 3]) = (0xFF, 0xDC, 0xFF, 0xDC);
        foreach (var (file, stated) in new[] { (png, "100000 x 100000"), (gif, "65535 x 65535"), (bmp, "30000 x 30000"), (jpeg, "65500 x 65500") })
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            var error = Assert.Throws<PictureException>(() => Picture.Decode(file, "bomb"));
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
            Assert.Equal($"bomb: its header says {stated} pixels; the limit is 89478485 in all", error.Message);
        }
    }

    [Fact]
    public void Limits_are_the_callers()
    {
        var file = PictureFiles.Encode(SKEncodedImageFormat.Png, 7, 5, Colour);
        Assert.Equal(
            "a: its header says 7 x 5 pixels; the limit is 34 in all",
            Assert.Throws<PictureException>(() => Picture.Decode(file, "a", new PictureOptions { MaxPixels = 34 })).Message);
        Assert.Equal(
            $"a: has {file.Length} bytes or more; the limit is 50",
            Assert.Throws<PictureException>(() => Picture.Load(new MemoryStream(file), "a", new PictureOptions { MaxBytes = 50 })).Message);
    }

    [Fact]
    public void A_jpeg_of_a_thousand_scans_is_refused()
    {
        byte[] file = [0xFF, 0xD8, .. Enumerable.Repeat<byte[]>([0xFF, 0xDA, 0, 2], 1000).SelectMany(scan => scan)];
        Assert.StartsWith("bomb: is a JPEG of 257 scans", Assert.Throws<PictureException>(() => Picture.Decode(file, "bomb")).Message);
    }

    [Fact]
    public void Hostile_bytes_give_a_picture_or_a_picture_exception()
    {
        byte[][] files =
        [
            PictureFiles.Encode(SKEncodedImageFormat.Png, 20, 20, Colour), PictureFiles.Encode(SKEncodedImageFormat.Jpeg, 20, 20, Colour),
            PictureFiles.Encode(SKEncodedImageFormat.Webp, 20, 20, Colour), PictureFiles.Bmp(20, 20, (r, c) => ((byte)r, (byte)c, 0)),
            PictureFiles.Gif(20, 20, [.. Enumerable.Range(0, 400).Select(i => (byte)(i % 4))], 2), Convert.FromBase64String(Progressive),
        ];
        var options = new PictureOptions { MaxPixels = 1 << 20 };
        var random = Philox.Named(1, "pictures");
        var decoded = 0;
        for (var i = 0; i < 6000; i++)
        {
            var file = (byte[])files[i % files.Length].Clone();
            for (var k = 0; k <= random.Below(4, (ulong)i, 1); k++)
                file[random.Below(file.Length, (ulong)(16 * i + k), 2)] = (byte)random.Below(256, (ulong)(16 * i + k), 3);
            try
            {
                Picture.Decode(file.AsSpan(0, random.Below(3, (ulong)i, 4) == 0 ? random.Below(file.Length, (ulong)i, 5) : file.Length), "hostile", options);
                decoded++;
            }
            catch (PictureException)
            {
            }
        }

        Assert.InRange(decoded, 100, 5900);
    }

    [Fact]
    public void Resizing_equals_Pillows_bilinear_to_the_byte()
    {
        var picture = Pattern();
        Assert.Equal([53, 126, 133, 129, 125, 108, 105, 124, 127, 124, 127, 120, 136, 112, 104, 146, 137, 140, 126, 82], picture.Resize((4, 5)).Pixels.ToArray());
        Assert.Equal([120], picture.Resize(1).Pixels.ToArray());
        Assert.Equal(
            [18, 65, 112, 127, 111, 158, 109, 124, 172, 91, 138, 153, 105, 121, 119, 117, 114, 112, 81, 164, 133, 103, 100, 155, 96, 93, 166, 124, 147, 138, 129, 119, 142, 165, 124, 146, 41, 160, 23],
            picture.Resize((3, 13)).Pixels.ToArray());
        Assert.Equal(
            [64, 164, 99, 98, 114, 147, 98, 114, 130, 113, 133, 147, 111, 98, 85, 112, 140, 110, 153, 138, 123, 135, 114, 87, 146, 167, 97],
            picture.Resize((9, 3)).Pixels.ToArray());
        Assert.Equal(16603, Sum(picture.Resize((7, 20))));
        Assert.Equal(55512, Sum(picture.Resize((18, 26))));
        Assert.Equal(
            [83, 138, 158, 150, 149, 97, 136, 106, 108, 116, 138, 124, 114, 95, 125, 124, 106, 165, 113, 122, 121, 146, 97, 106, 143, 121, 106, 163, 129, 107, 144, 147, 146, 149, 156, 70],
            picture.Cover(6).Pixels.ToArray());

        static int Sum(Picture picture)
        {
            var sum = 0;
            foreach (var pixel in picture.Pixels) sum += pixel;
            return sum;
        }
    }

    [Fact]
    public void A_flat_picture_stays_flat_at_every_size()
    {
        var flat = new Picture([3, 11, 7], Enumerable.Repeat((byte)201, 231).ToArray());
        foreach (var size in new Size[] { 1, (3, 40), (40, 3), 7, (11, 7), 64 })
        {
            Assert.All(flat.Resize(size).Pixels.ToArray(), pixel => Assert.Equal(201, pixel));
            Assert.All(flat.Cover(size).Pixels.ToArray(), pixel => Assert.Equal(201, pixel));
        }
    }

    [Fact]
    public void A_line_a_million_pixels_long_covers_a_square()
    {
        var line = new Picture([1, 1, 1_000_000], new byte[1_000_000]);
        Assert.Equal<Shape>([1, 32, 32], line.Cover(32).Shape);
    }

    [Fact]
    public void Cropping_keeps_the_middle()
    {
        var picture = new Picture([1, 3, 5], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
        Assert.Equal([6, 7, 8], picture.Crop((1, 3)).Pixels.ToArray());
        Assert.Equal([5, 6, 7, 8, 9], picture.Crop((1, 9)).Pixels.ToArray());
    }

    [Fact]
    public void A_networks_input_is_normalised_planes()
    {
        var picture = new Picture([3, 1, 1], [255, 0, 51]);
        var tensor = picture.ToTensor([1, 3, 2, 2], new Preprocessing([0.5f, 0.25f, 0], [0.5f, 0.25f, 2]));
        Assert.Equal([1, 1, 1, 1, -1, -1, -1, -1, 0.1f, 0.1f, 0.1f, 0.1f], tensor.Span.ToArray().Select(x => MathF.Round(x, 5)));
        Assert.Equal(MathF.Round(82 / 255f, 5), MathF.Round(picture.ToTensor([1, 1, 1, 1], Preprocessing.None)[0, 0, 0, 0], 5));
        Assert.Throws<ShapeException>(() => picture.ToTensor([1, 4, 2, 2], Preprocessing.None));

        // Caffe's: blue first, the means in that order, on the scale of the bytes. A data set's loader and a picture agree.
        var caffe = picture.ToTensor([1, 3, 1, 1], Preprocessing.Caffe with { Share = 1 });
        Assert.Equal(51 - 103.939f, caffe[0, 0, 0, 0], 1e-3f);
        Assert.Equal(255 - 123.68f, caffe[0, 2, 0, 0], 1e-3f);
        var data = new MemoryDataset("one", picture.Shape, ["a"], picture.Pixels.ToArray(), [0], Preprocessing.Caffe);
        var loaded = new float[3];
        new SampleMaker(data, data.DefaultPreprocessing, Augmentation.None, 0, seed: 0).Make(0, 0, loaded, new float[1]);
        for (var i = 0; i < loaded.Length; i++) Assert.Equal(caffe.Span[i], loaded[i], 1e-3f);
    }

    [Fact]
    public void What_is_saved_is_what_loads()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "p.png");
        Pattern().Save(path);
        Assert.Equal(Pattern().Pixels, Picture.Load(path, new PictureOptions { Grey = true }).Pixels);
    }

    private static Picture Pattern()
    {
        var pixels = new byte[9 * 13];
        for (var i = 0; i < pixels.Length; i++)
        {
            var (r, c) = (i / 13, i % 13);
            pixels[i] = (byte)((7 * r * r + 31 * c + 13 * r * c) % 256);
        }

        return new Picture([1, 9, 13], pixels);
    }

    private static Picture Decode(byte[] file) => Picture.Decode(file, "test");

    private static SKColor Colour(int row, int column) => new((byte)(row * 37 + 5), (byte)(column * 31), (byte)(row * column * 11));

    private static SKColor Smooth(int row, int column) => new((byte)(row * 8), (byte)(column * 9), 100);

    private static void Refuses(string path, string reason)
    {
        var error = Assert.Throws<PictureException>(() => Picture.Load(path));
        Assert.Equal($"{path}: {reason}", error.Message);
        Assert.Equal(path, error.File);
    }

    private static void AssertPixels(Picture picture, Func<int, int, SKColor> expected, int tolerance, int? height = null, int? width = null)
    {
        Assert.Equal(new Size(height ?? picture.Size.Height, width ?? picture.Size.Width), picture.Size);
        for (var r = 0; r < picture.Size.Height; r++)
            for (var c = 0; c < picture.Size.Width; c++)
            {
                var colour = expected(r, c);
                Assert.InRange(picture[0, r, c], colour.Red - tolerance, colour.Red + tolerance);
                Assert.InRange(picture[1, r, c], colour.Green - tolerance, colour.Green + tolerance);
                Assert.InRange(picture[2, r, c], colour.Blue - tolerance, colour.Blue + tolerance);
            }
    }
}
