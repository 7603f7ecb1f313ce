using System.Collections.Concurrent;
using System.IO.Enumeration;

namespace Tenfold;

/// <summary>A data set of picture files: a folder for each class, its pictures in it or in folders below. The folder's name is the class.</summary>
/// <remarks>
/// <para>Either class folders, of which a share is drawn for testing, or <c>train</c> and <c>test</c> (or <c>val</c>, <c>valid</c>, <c>validation</c>) with the class folders in each.</para>
/// <para>Files that end in .png, .jpg, .jpeg, .webp, .bmp or .gif count; hidden ones and all others are passed over. Classes and files are in
/// ordinal order, so the same folder gives the same samples everywhere.</para>
/// <para>Every picture is decoded once when the folder is opened: a broken one shows then, by name, and not in the middle of training. What was
/// decoded is kept at the network's size as far as <see cref="PictureFolderOptions.KeepBytes"/> reaches; the rest is decoded again whenever it is read.</para>
/// </remarks>
public static class PictureFolder
{
    private static readonly string[] s_endings = [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"];
    private static readonly string[] s_tests = ["test", "val", "valid", "validation"];

    /// <summary>Whether the folder looks like one of class folders: it has folders with pictures in them.</summary>
    public static bool Matches(string folder) => Directory.Exists(folder) && Folders(folder).Any(inner => Files(inner).Any());

    /// <exception cref="DataException">There are no class folders, fewer than two classes, an empty class, or classes that differ between
    /// train and test; pictures are broken and not to be skipped, or all of a class are.</exception>
    public static DataPair Open(string folder, PictureFolderOptions? options = null)
    {
        options ??= new PictureFolderOptions();
        options.Check();
        if (!Directory.Exists(folder)) throw new DataException($"{folder}: there is no such folder");
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        var inner = Folders(folder);
        if (Array.Find(inner, each => Path.GetFileName(each).Equals("train", StringComparison.OrdinalIgnoreCase)) is { } train
            && s_tests.Select(word => Array.Find(inner, each => Path.GetFileName(each).Equals(word, StringComparison.OrdinalIgnoreCase))).FirstOrDefault(each => each is not null) is { } test)
        {
            var (learned, judged) = (List(train), List(test));
            var (trainNames, testNames) = (learned.Select(each => each.Name).ToArray(), judged.Select(each => each.Name).ToArray());
            if (!trainNames.SequenceEqual(testNames)) throw new DataException($"{folder}: {Differing(trainNames, testNames, Path.GetFileName(train), Path.GetFileName(test))}; both must hold the same classes");
            var both = Read(name, [.. learned, .. judged], trainNames, options);
            var first = learned.Sum(each => each.Files.Count);
            return Pair(both, [.. both.Places.Index().Where(place => place.Item < first).Select(place => place.Index)], folder);
        }

        var classes = List(folder);
        var all = Read(name, classes, [.. classes.Select(each => each.Name)], options);
        // Drawn by the names of the files, so a picture that is added or broken moves no other to the other side.
        var drawn = all.Places.Index().GroupBy(place => all.Label(place.Index)).SelectMany(group => group
            .Select(place => place.Index)
            .OrderBy(sample => Philox.Named(options.Seed, Path.GetRelativePath(folder, all.Files[sample]).Replace('\\', '/')).Word(0)).ThenBy(sample => sample)
            .Skip(TestCount(group.Count()))).Order().ToArray();
        return Pair(all, drawn, folder) with { Drawn = true };

        // At least one and never all.
        int TestCount(int count) => count < 2
            ? throw new DataException($"{folder}: a class has one sound picture; it takes 2 to learn from one and be judged by the other")
            : Math.Clamp((int)Math.Round(options.TestShare * count, MidpointRounding.AwayFromZero), 1, count - 1);
    }

    /// <summary>All pictures in a folder and those below it, in ordinal order.</summary>
    public static IReadOnlyList<string> FilesIn(string folder) => [.. Files(folder).Order(StringComparer.Ordinal)];

    private static DataPair Pair(Pictures all, int[] train, string folder)
    {
        var learned = new HashSet<int>(train);
        int[] test = [.. Enumerable.Range(0, all.Count).Where(sample => !learned.Contains(sample))];
        all.Measure(train);
        return new DataPair(all.Subset(train), all.Subset(test), folder);
    }

    private static PictureClass[] List(string folder)
    {
        PictureClass[] classes = [.. Folders(folder).Select(each => new PictureClass(Path.GetFileName(each), each, FilesIn(each)))];
        if (classes.Length == 0)
            throw new DataException($"{folder}: holds no folders; it takes one for each class, with its pictures in it{(Files(folder).Any() ? " (the pictures that lie in it directly have no class)" : "")}");
        if (Array.Find(classes, each => each.Files.Count == 0) is { } empty) throw new DataException($"{empty.Folder}: is an empty class: it holds no pictures ({string.Join(", ", s_endings)})");
        return classes.Length >= 2 ? classes : throw new DataException($"{folder}: holds one class, {classes[0].Name}; it takes two to tell them apart");
    }

    // Decodes all, several at once; what is broken is left out or refused.
    private static Pictures Read(string name, PictureClass[] classes, IReadOnlyList<string> names, PictureFolderOptions options)
    {
        var files = classes.SelectMany(each => each.Files.Select(file => (Path: file, Label: names.Index().First(known => known.Item == each.Name).Index))).ToArray();
        var size = (int)options.Shape.Count;
        var kept = options.KeepBytes / size;
        var (pixels, sums) = (new byte[files.Length][], new long[files.Length][]);
        var faults = new ConcurrentDictionary<int, PictureException>();
        var done = 0;
        Parallel.For(0, files.Length, new ParallelOptions { MaxDegreeOfParallelism = options.Threads, CancellationToken = options.Cancellation }, i =>
        {
            try
            {
                var decoded = new byte[size];
                Decode(files[i].Path, options, decoded);
                sums[i] = Sums(decoded, options.Shape);
                if (i < kept) pixels[i] = decoded;
            }
            catch (PictureException exception)
            {
                faults[i] = exception;
            }

            options.Progress?.Invoke(Interlocked.Increment(ref done), files.Length);
        });

        PictureException[] broken = [.. faults.OrderBy(fault => fault.Key).Select(fault => fault.Value)];
        if (broken.Length > 0 && !options.SkipBroken)
            throw new DataException($"{name}: {broken.Length} of {files.Length} pictures {(broken.Length == 1 ? "is" : "are")} broken:\n  {string.Join("\n  ", broken.Take(10).Select(fault => fault.Message))}{(broken.Length > 10 ? $"\n  and {broken.Length - 10} more" : "")}", broken[0]);
        foreach (var fault in broken) options.Skipped?.Invoke(fault);
        for (var (at, c) = (0, 0); c < classes.Length; at += classes[c++].Files.Count)
            if (Enumerable.Range(at, classes[c].Files.Count).All(faults.ContainsKey)) throw new DataException($"{classes[c].Folder}: every picture is broken; the first: {faults[at].Message}");
        int[] sound = [.. Enumerable.Range(0, files.Length).Where(i => !faults.ContainsKey(i))];
        return new Pictures(name, names, options, [.. sound.Select(i => files[i].Path)], [.. sound.Select(i => files[i].Label)], sound, [.. sound.Select(i => pixels[i])], [.. sound.Select(i => sums[i])]);
    }

    private static void Decode(string file, PictureFolderOptions options, Span<byte> pixels)
    {
        var picture = Picture.Load(file, options.Picture with { Grey = options.Shape[0] == 1 });
        if (picture.Size.Height < options.LeastSide || picture.Size.Width < options.LeastSide)
            throw new PictureException(file, $"has {picture.Size.Width} x {picture.Size.Height} pixels; a picture to learn from has at least {options.LeastSide} each way");
        var size = new Size(options.Shape[1], options.Shape[2]);
        (options.Fit == PictureFit.Cover ? picture.Cover(size) : picture.Resize(size)).Pixels.CopyTo(pixels);
    }

    // For each channel the sum of its pixels and of their squares: whole numbers, so their order does not matter.
    private static long[] Sums(ReadOnlySpan<byte> pixels, Shape shape)
    {
        var (area, sums) = (shape[1] * shape[2], new long[2 * shape[0]]);
        for (var i = 0; i < pixels.Length; i++)
        {
            sums[2 * (i / area)] += pixels[i];
            sums[2 * (i / area) + 1] += pixels[i] * pixels[i];
        }

        return sums;
    }

    private static string Differing(string[] train, string[] test, string trainName, string testName) => string.Join("; ", new[]
    {
        (What: $"{trainName} alone holds ", Names: train.Except(test).ToArray()),
        (What: $"{testName} alone holds ", Names: test.Except(train).ToArray()),
    }.Where(part => part.Names.Length > 0).Select(part => part.What + string.Join(", ", part.Names.Take(5)) + (part.Names.Length > 5 ? $" and {part.Names.Length - 5} more" : "")));

    private static string[] Folders(string folder) =>
        [.. Directory.EnumerateDirectories(folder).Where(each => !Path.GetFileName(each).StartsWith('.')).Order(StringComparer.Ordinal)];

    // Links to files are followed; links to folders below are not, since they may lead back.
    private static FileSystemEnumerable<string> Files(string folder) => new FileSystemEnumerable<string>(
        folder,
        (ref FileSystemEntry entry) => entry.ToSpecifiedFullPath(),
        new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = false, AttributesToSkip = FileAttributes.Hidden | FileAttributes.System })
    {
        ShouldIncludePredicate = (ref FileSystemEntry entry) => !entry.IsDirectory && s_endings.Contains(Path.GetExtension(entry.FileName.ToString()).ToLowerInvariant()),
        ShouldRecursePredicate = (ref FileSystemEntry entry) => (entry.Attributes & FileAttributes.ReparsePoint) == 0,
    };

    private sealed record PictureClass(string Name, string Folder, IReadOnlyList<string> Files);

    private sealed class Pictures(string name, IReadOnlyList<string> classes, PictureFolderOptions options, string[] files, int[] labels, int[] places, byte[]?[] pixels, long[][] sums) : Dataset
    {
        private Preprocessing _preprocessing = Preprocessing.None;

        public override string Name => name;

        public override int Count => files.Length;

        public override IReadOnlyList<string> Classes => classes;

        public override Shape Shape => options.Shape;

        public override Preprocessing DefaultPreprocessing => _preprocessing;

        public string[] Files => files;

        /// <summary>The place of every sample among all files, broken ones included.</summary>
        public int[] Places => places;

        public override int Label(int index) => labels[index];

        public override void Read(int index, Span<byte> target)
        {
            if (pixels[index] is { } kept)
            {
                kept.CopyTo(target);
                return;
            }

            try
            {
                Decode(files[index], options, target);
            }
            catch (PictureException exception)
            {
                throw new DataException($"{exception.Message} (it could be read when {name} was opened)", exception);
            }
        }

        /// <summary>Takes mean and deviation of the samples that are learned from.</summary>
        public void Measure(int[] samples)
        {
            var channels = options.Shape[0];
            var (mean, deviation) = (new float[channels], new float[channels]);
            var count = (double)samples.Length * options.Shape[1] * options.Shape[2];
            for (var c = 0; c < channels; c++)
            {
                var (sum, squares) = (0L, 0L);
                foreach (var sample in samples) (sum, squares) = (sum + sums[sample][2 * c], squares + sums[sample][2 * c + 1]);
                var average = sum / count;
                mean[c] = (float)(average / 255);
                deviation[c] = (float)(Math.Sqrt(Math.Max(squares / count - average * average, 1)) / 255); // of one colour alone: as of neighbouring values
            }

            _preprocessing = new Preprocessing(mean, deviation);
        }
    }
}

/// <summary>How a folder of pictures becomes samples.</summary>
public sealed record PictureFolderOptions
{
    /// <summary>Of one sample: [1 or 3 channels, height, width].</summary>
    public Shape Shape { get; init; } = [3, 224, 224];

    public PictureFit Fit { get; init; } = PictureFit.Cover;

    /// <summary>True: broken pictures are left out and told to <see cref="Skipped"/>; false: they are refused, all by name.</summary>
    public bool SkipBroken { get; init; }

    /// <summary>Told of every picture that was left out, in the order of the files.</summary>
    public Action<PictureException>? Skipped { get; init; }

    /// <summary>The share of every class that is for testing where there are no train and test folders; at least one picture and never all.</summary>
    public double TestShare { get; init; } = 0.2;

    /// <summary>Draws the pictures for testing.</summary>
    public ulong Seed { get; init; }

    /// <summary>Pictures that are lower or narrower count as broken: a single pixel shows nothing.</summary>
    public int LeastSide { get; init; } = 2;

    /// <summary>How many bytes of decoded samples are kept in memory: a quarter of what there is by default.</summary>
    public long KeepBytes { get; init; } = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4;

    /// <summary>Threads that decode when the folder is opened.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Limits on files.</summary>
    public PictureOptions Picture { get; init; } = new();

    /// <summary>Told how many of how many pictures were looked at, from any thread.</summary>
    public Action<int, int>? Progress { get; init; }

    public CancellationToken Cancellation { get; init; }

    internal void Check()
    {
        if (Shape.Rank != 3 || Shape[0] is not (1 or 3)) throw new ShapeException($"pictures: {Shape} is not 1 or 3 channels by height by width");
        if (TestShare is not (> 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(TestShare), TestShare, "pictures: the share for testing lies between 0 and 1");
    }
}

/// <summary>How a picture comes to another size.</summary>
public enum PictureFit
{
    /// <summary>The largest centred part with the wanted proportions: nothing is distorted, what sticks out is cut.</summary>
    Cover,

    /// <summary>All of it, distorted where the proportions differ.</summary>
    Stretch,
}
