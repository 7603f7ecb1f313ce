using SkiaSharp;
using Xunit;

namespace Tenfold.Tests;

public sealed class PictureFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static readonly PictureFolderOptions Small = new() { Shape = [3, 6, 8] };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_folder_is_a_class_and_its_pictures_are_samples_at_the_size_asked()
    {
        Put("red/1.png", SKEncodedImageFormat.Png, 12, 9, SKColors.Red);
        Put("red/deep/2.JPG", SKEncodedImageFormat.Jpeg, 30, 20, SKColors.Red);
        Put("blue/1.webp", SKEncodedImageFormat.Webp, 8, 6, SKColors.Blue);
        File.WriteAllBytes(At("blue/2.bmp"), PictureFiles.Bmp(5, 4, (_, _) => (0, 0, 255)));
        File.WriteAllBytes(At("blue/3.gif"), PictureFiles.Gif(4, 3, [.. Enumerable.Repeat((byte)3, 12)]));
        File.WriteAllText(At("blue/notes.txt"), "no picture, and not named as one");
        File.WriteAllText(At("blue/.hidden.png"), "neither");
        var (train, test, source) = PictureFolder.Open(_folder.Path, Small);
        Assert.Equal(_folder.Path, source);
        Assert.Equal(["blue", "red"], train.Classes);
        Assert.Equal((3, 2), (train.Count, test.Count));
        var pixels = new byte[3 * 6 * 8];
        foreach (var data in new[] { train, test })
            for (var i = 0; i < data.Count; i++)
            {
                data.Read(i, pixels);
                Assert.InRange(pixels[data.Label(i) == 0 ? 96 : 0], 250, 255);
                Assert.InRange(pixels[data.Label(i) == 0 ? 0 : 96], 0, 5);
            }
    }

    [Fact]
    public void Train_and_test_folders_are_taken_as_they_are_and_mean_and_deviation_are_of_the_first()
    {
        for (var i = 0; i < 3; i++)
        {
            Put($"train/a/{i}.png", SKEncodedImageFormat.Png, 8, 6, new SKColor(0, 102, 255));
            Put($"train/b/{i}.png", SKEncodedImageFormat.Png, 8, 6, new SKColor(204, 102, 255));
        }

        Put("val/a/x.png", SKEncodedImageFormat.Png, 8, 6, SKColors.White);
        Put("val/b/x.png", SKEncodedImageFormat.Png, 8, 6, SKColors.White);
        var pair = PictureFolder.Open(_folder.Path, Small);
        Assert.Equal((6, 2), (pair.Train.Count, pair.Test.Count));
        Assert.Equal([0.4f, 0.4f, 1f], pair.Train.DefaultPreprocessing.Mean);
        Assert.Equal([0.4f, 1 / 255f, 1 / 255f], pair.Train.DefaultPreprocessing.Deviation);
    }

    [Fact]
    public void The_share_for_testing_is_of_every_class_and_a_picture_more_moves_no_other()
    {
        for (var i = 0; i < 20; i++)
        {
            Put($"a/{i}.png", SKEncodedImageFormat.Png, 8, 6, new SKColor((byte)(10 * i), 0, 0));
            Put($"b/{i}.png", SKEncodedImageFormat.Png, 8, 6, new SKColor((byte)(10 * i), 0, 255));
        }

        var before = Tests(Small);
        Assert.Equal((4, 4), (before.Count(sample => sample < 1000), before.Count(sample => sample >= 1000)));
        Assert.Equal(before, Tests(Small with { Threads = 1, KeepBytes = 0 }));
        Assert.NotEqual(before, Tests(Small with { Seed = 1 }));
        Put("a/20.png", SKEncodedImageFormat.Png, 8, 6, new SKColor(255, 0, 0));
        Assert.True(before.Except(Tests(Small)).Count() <= 1);

        // Which pictures, told apart by their red and blue.
        int[] Tests(PictureFolderOptions options)
        {
            var test = PictureFolder.Open(_folder.Path, options).Test;
            var pixels = new byte[3 * 6 * 8];
            return [.. Enumerable.Range(0, test.Count).Select(i =>
            {
                test.Read(i, pixels);
                return pixels[0] + 4 * pixels[96];
            })];
        }
    }

    [Fact]
    public void Cover_cuts_and_stretch_distorts()
    {
        var data = PictureFiles.Encode(SKEncodedImageFormat.Png, 20, 6, (_, column) => column is < 4 or >= 16 ? SKColors.White : SKColors.Black);
        foreach (var file in (string[])["a/1.png", "a/2.png", "b/1.png", "b/2.png"]) File.WriteAllBytes(At(file), data);
        var (cover, stretch) = (new byte[48], new byte[48]);
        PictureFolder.Open(_folder.Path, Small with { Shape = [1, 6, 8] }).Train.Read(0, cover);
        PictureFolder.Open(_folder.Path, Small with { Shape = [1, 6, 8], Fit = PictureFit.Stretch }).Train.Read(0, stretch);
        Assert.All(cover, pixel => Assert.Equal(0, pixel));
        Assert.Equal(255, stretch[0]);
    }

    [Fact]
    public void Broken_pictures_are_refused_by_name_or_skipped()
    {
        for (var i = 0; i < 5; i++)
        {
            Put($"cats/{i}.png", SKEncodedImageFormat.Png, 8, 6, SKColors.Gray);
            Put($"dogs/{i}.png", SKEncodedImageFormat.Png, 8, 6, SKColors.White);
        }

        File.WriteAllText(At("cats/text.png"), "this is text");
        var whole = File.ReadAllBytes(At("dogs/0.png"));
        File.WriteAllBytes(At("dogs/cut.png"), whole[..(whole.Length / 2)]);
        Put("dogs/pixel.png", SKEncodedImageFormat.Png, 1, 1, SKColors.White);

        var refused = Assert.Throws<DataException>(() => PictureFolder.Open(_folder.Path, Small)).Message;
        Assert.Contains("3 of 13 pictures are broken", refused);
        foreach (var words in (string[])["text.png: is text, not a PNG", "cut.png: ", "pixel.png: has 1 x 1 pixels"]) Assert.Contains(words, refused);

        var skipped = new List<string>();
        var (train, test, _) = PictureFolder.Open(_folder.Path, Small with { SkipBroken = true, Skipped = fault => skipped.Add(Path.GetFileName(fault.File)) });
        Assert.Equal(["text.png", "cut.png", "pixel.png"], skipped);
        Assert.Equal(10, train.Count + test.Count);
    }

    [Fact]
    public void A_class_of_broken_pictures_alone_is_refused_even_when_they_are_skipped()
    {
        Put("cats/1.png", SKEncodedImageFormat.Png, 8, 6, SKColors.Gray);
        Put("cats/2.png", SKEncodedImageFormat.Png, 8, 6, SKColors.Gray);
        File.WriteAllText(At("dogs/1.png"), "text");
        Assert.Contains("dogs: every picture is broken", Assert.Throws<DataException>(() => PictureFolder.Open(_folder.Path, Small with { SkipBroken = true })).Message);
    }

    [Fact]
    public void What_is_no_data_set_says_why()
    {
        Refused("there is no such folder", Path.Combine(_folder.Path, "nowhere"));
        Refused("holds no folders; it takes one for each class");
        Put("a/1.png", SKEncodedImageFormat.Png, 8, 6, SKColors.Gray);
        Refused("holds one class, a; it takes two");
        Directory.CreateDirectory(Path.Combine(_folder.Path, "empty"));
        Refused("empty: is an empty class");
        Put("empty/1.png", SKEncodedImageFormat.Png, 8, 6, SKColors.Gray);
        Refused("a class has one sound picture");
        foreach (var file in (string[])["train/a/1.png", "train/b/1.png", "test/a/1.png", "test/c/1.png"]) Put(file, SKEncodedImageFormat.Png, 8, 6, SKColors.Gray);
        Refused("train alone holds b; test alone holds c; both must hold the same classes");

        void Refused(string words, string? folder = null) => Assert.Contains(words, Assert.Throws<DataException>(() => PictureFolder.Open(folder ?? _folder.Path, Small)).Message);
    }

    [Fact]
    public void A_picture_that_breaks_later_is_named_when_it_is_read()
    {
        foreach (var file in (string[])["a/1.png", "a/2.png", "b/1.png", "b/2.png"]) Put(file, SKEncodedImageFormat.Png, 8, 6, SKColors.Gray);
        var train = PictureFolder.Open(_folder.Path, Small with { KeepBytes = 0 }).Train;
        Directory.Delete(Path.Combine(_folder.Path, "a"), recursive: true);
        Assert.Contains("it could be read when", Assert.Throws<DataException>(() => train.Read(0, new byte[144])).Message);
    }

    [Fact]
    public void Links_that_lead_back_are_not_followed()
    {
        foreach (var file in (string[])["a/1.png", "a/2.png", "b/1.png", "b/2.png"]) Put(file, SKEncodedImageFormat.Png, 8, 6, SKColors.Gray);
        Directory.CreateSymbolicLink(Path.Combine(_folder.Path, "a", "back"), _folder.Path);
        File.CreateSymbolicLink(Path.Combine(_folder.Path, "b", "3.png"), Path.Combine(_folder.Path, "b", "1.png"));
        var pair = PictureFolder.Open(_folder.Path, Small);
        Assert.Equal(5, pair.Train.Count + pair.Test.Count);
    }

    private string At(string file)
    {
        var path = Path.Combine(_folder.Path, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return path;
    }

    private void Put(string file, SKEncodedImageFormat format, int width, int height, SKColor colour) =>
        File.WriteAllBytes(At(file), PictureFiles.Encode(format, width, height, (_, _) => colour));
}
