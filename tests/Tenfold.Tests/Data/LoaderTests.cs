using Xunit;

namespace Tenfold.Tests;

public class LoaderTests
{
    private const int Count = 23;

    // 3x4 pixels: row y, column x of sample i is 10 i + 4 y + x, so that a picture tells where each pixel came from.
    internal static readonly MemoryDataset Data = new("numbers", [1, 3, 4], ["a", "b", "c"],
        [.. Enumerable.Range(0, Count).SelectMany(i => Enumerable.Range(0, 12).Select(p => (byte)(10 * i + p)))], [.. Enumerable.Range(0, Count).Select(i => (byte)(i % 3))]);

    internal static readonly Preprocessing Raw = new([0], [1f / 255]);

    [Fact]
    public void Training_batches_are_a_new_permutation_each_epoch_and_drop_what_does_not_fill_one()
    {
        var epochs = Batches(epochs: 3).GroupBy(batch => batch.Epoch).Select(group => group.SelectMany(batch => batch.Indices).ToArray()).ToArray();
        Assert.Equal(3, epochs.Length);
        Assert.All(epochs, epoch => Assert.Equal(20, epoch.Distinct().Count()));
        Assert.NotEqual(epochs[0], epochs[1]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Batches_do_not_depend_on_threads_and_can_be_resumed_anywhere(int threads)
    {
        var augmentation = new Augmentation { Crop = 2, Flip = true, Erase = 0.5, Mixup = 0.4, Cutmix = 1 };
        var all = Batches(3, augmentation: augmentation);
        for (var first = 0; first <= all.Count; first += 4)
        {
            var rest = Batches(3, first, threads, augmentation);
            Assert.Equal(all.Count - first, rest.Count);
            for (var i = 0; i < rest.Count; i++)
            {
                Assert.Equal(all[first + i].Indices, rest[i].Indices);
                Assert.Equal(all[first + i].Pixels, rest[i].Pixels);
                Assert.Equal(all[first + i].Targets, rest[i].Targets);
            }
        }
    }

    [Fact]
    public void Evaluation_sees_every_sample_once_in_order_and_fills_the_last_batch_with_zeros()
    {
        using var loader = Loader.ForEvaluation(Data, 10, 3, Raw, threads: 2);
        var counts = new List<int>();
        while (loader.Next() is { } batch)
        {
            for (var i = 0; i < batch.Count; i++)
            {
                Assert.Equal(10 * batch.Position + i, batch.Indices[i]);
                Assert.Equal((byte)(10 * batch.Indices[i]), batch.Pixels[12 * i], 1e-4f);
                Assert.Equal(1, batch.Targets[3 * i + batch.Indices[i] % 3]);
            }

            Assert.All(batch.Pixels[(12 * batch.Count)..], pixel => Assert.Equal(0, pixel));
            Assert.All(batch.Targets[(3 * batch.Count)..], target => Assert.Equal(0, target));
            counts.Add(batch.Count);
        }

        Assert.Equal([10, 10, 3], counts);
        Assert.Null(loader.Next());
    }

    [Fact]
    public void A_crop_is_a_window_of_the_padded_picture_and_a_flip_its_mirror()
    {
        var maker = new SampleMaker(Data, Raw, new Augmentation { Crop = 2, Flip = true }, 0, seed: 7);
        var (picture, target) = (new float[12], new float[3]);
        var windows = new HashSet<(int, int, bool)>();
        for (var epoch = 0; epoch < 400; epoch++)
        {
            maker.Make(5, epoch, picture, target);
            windows.Add(Assert.Single(Windows().Where(window => Window(window).AsSpan().SequenceEqual(picture.Select(pixel => (int)MathF.Round(pixel)).ToArray())).Take(1)));
        }

        Assert.Equal(50, windows.Count); // 5 x 5 x 2, all of them drawn

        static IEnumerable<(int Down, int Right, bool Mirrored)> Windows() =>
            from down in Enumerable.Range(-2, 5) from right in Enumerable.Range(-2, 5) from mirrored in new[] { false, true } select (down, right, mirrored);

        static int[] Window((int Down, int Right, bool Mirrored) window) =>
        [.. from y in Enumerable.Range(0, 3)
            from x in Enumerable.Range(0, 4)
            let row = y + window.Down
            let column = (window.Mirrored ? 3 - x : x) + window.Right
            select row is >= 0 and < 3 && column is >= 0 and < 4 ? 50 + 4 * row + column : 0];
    }

    [Fact]
    public void Mixup_mixes_pictures_and_targets_in_the_same_share()
    {
        // Classes are told apart by their pixels: class c is all 100 c.
        var data = new MemoryDataset("flat", [1, 4, 4], ["a", "b"], [.. new byte[160], .. Enumerable.Repeat((byte)100, 160)], [.. new byte[10], .. Enumerable.Repeat((byte)1, 10)]);
        var (picture, target) = (new float[16], new float[2]);
        foreach (var augmentation in new[] { new Augmentation { Mixup = 1 }, new Augmentation { Cutmix = 1 }, new Augmentation { Mixup = 1, Cutmix = 1 } })
        {
            var maker = new SampleMaker(data, Raw, augmentation, 0.1f, seed: 1);
            var mixed = 0;
            for (var i = 0; i < 200; i++)
            {
                maker.Make(i % 20, i / 20, picture, target);
                var share = picture.Average() / 100; // of class b
                Assert.Equal(0.05f + 0.9f * share, target[1], 1e-4f);
                Assert.Equal(1, target.Sum(), 1e-5f);
                if (share is > 0.01f and < 0.99f) mixed++;
            }

            Assert.InRange(mixed, 50, 150); // half of the partners are of the same class
        }
    }

    [Fact]
    public void Erasing_sets_rectangles_to_the_mean()
    {
        var data = new MemoryDataset("white", [2, 20, 20], ["a"], [.. Enumerable.Repeat((byte)255, 800 * 30)], new byte[30]);
        var maker = new SampleMaker(data, new Preprocessing([0.5f], [0.5f]), new Augmentation { Erase = 0.5 }, 0, seed: 1);
        var (picture, target) = (new float[800], new float[1]);
        var erased = 0;
        for (var i = 0; i < 300; i++)
        {
            maker.Make(i % 30, i / 30, picture, target);
            var area = picture.Count(pixel => pixel == 0);
            if (area == 0) continue;
            erased++;
            Assert.InRange(area / 800f, 0.01f, 0.36f);
            Assert.Equal(picture[..400], picture[400..]); // the same rectangle in every channel
        }

        Assert.InRange(erased, 120, 180);
    }

    [Fact]
    public void A_sample_that_cannot_be_read_stops_the_one_who_asks_for_it()
    {
        using var loader = Loader.ForEvaluation(new Broken(), 2, 1, Raw, threads: 2);
        Assert.NotNull(loader.Next());
        Assert.Contains("sample 3", Assert.Throws<DataException>(loader.Next).Message);
    }

    private static List<Batch> Batches(int epochs, long first = 0, int threads = 1, Augmentation? augmentation = null)
    {
        using var loader = Loader.ForTraining(Data, 5, 3, epochs, first, seed: 9, Raw, augmentation ?? Augmentation.None, 0.1f, threads);
        var batches = new List<Batch>();
        while (loader.Next() is { } batch)
        {
            var copy = new Batch(5, Data.Shape, 3) { Count = batch.Count, Epoch = batch.Epoch, Position = batch.Position };
            batch.Pixels.CopyTo(copy.Pixels, 0);
            batch.Targets.CopyTo(copy.Targets, 0);
            batch.Indices.CopyTo(copy.Indices, 0);
            batches.Add(copy);
        }

        return batches;
    }

    private sealed class Broken : Dataset
    {
        public override string Name => "broken";

        public override int Count => 4;

        public override IReadOnlyList<string> Classes => ["a"];

        public override Shape Shape => [1, 1, 1];

        public override int Label(int index) => 0;

        public override void Read(int index, Span<byte> pixels) => pixels[0] = index < 3 ? (byte)index : throw new DataException($"{Name}: sample {index} is unreadable");
    }
}
