using System.CommandLine;
using System.Globalization;

namespace Tenfold.Cli;

/// <summary>What a command line means by DATA: a data set by name, a folder of its original files, or a folder of class folders with pictures.</summary>
internal static class DataSource
{
    public const string Embedded = "fashion-mnist";

    private static readonly Option<string> s_broken = Cli.Options.Choice("--broken", "Broken pictures in class folders: skip them with a remark, or refuse the data", "refuse", "skip", "refuse");
    private static readonly Option<string> s_fit = Cli.Options.Choice("--fit", "How pictures in class folders come to the network's size: cover cuts what sticks out, stretch distorts", "cover", "cover", "stretch");
    private static readonly Option<double> s_share = Cli.Options.Number("--test-share", "Share of the pictures that is for testing, where there are no train and test folders", 0.2, 0.01, 0.9);
    private static readonly Option<bool> s_offline = new("--offline") { Description = "Download nothing" };

    /// <summary>The options of <see cref="Open"/>, for every command that takes DATA.</summary>
    public static IEnumerable<Option> Options => [s_broken, s_fit, s_share, s_offline];

    public static string Description => $"{string.Join(", ", Datasets.Names)} (found on this machine, else downloaded), a folder with their original files, or a folder of class folders with pictures";

    /// <summary>How class folders were read, for a model's provenance: <see cref="Open"/> reads them so again for it.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Provenance(DataPair data, ParseResult given, ulong seed) =>
    [
        new("data", data.Train.Name),
        new("source", Directory.Exists(data.Source) ? Path.GetFullPath(data.Source) : data.Source),
        new("fit", given.GetValue(s_fit)!),
        new("test share", string.Create(CultureInfo.InvariantCulture, $"{given.GetValue(s_share)}")),
        new("seed", string.Create(CultureInfo.InvariantCulture, $"{seed}")),
    ];

    /// <summary>How pictures came to the size of the network when it was trained.</summary>
    public static PictureFit FitOf(Model model) => model.Provenance.GetValueOrDefault("fit") == "stretch" ? PictureFit.Stretch : PictureFit.Cover;

    /// <summary>Whether a model was trained on this data.</summary>
    public static bool Taught(Model model, DataPair data) =>
        model.Provenance.GetValueOrDefault("source") is { } source && source == (Directory.Exists(data.Source) ? Path.GetFullPath(data.Source) : data.Source);

    /// <param name="data">Null for the default: Fashion-MNIST as it is found, or else its embedded part.</param>
    /// <param name="shape">What the network takes, [channels, height, width]; pictures in class folders become this. 3x32x32 when there is nothing to go by.</param>
    /// <param name="seed">Draws the test share of class folders.</param>
    /// <param name="model">A model whose class folders are to be read as they were for its training, whatever the options say.</param>
    /// <exception cref="DataException">There is none, or it is broken.</exception>
    /// <exception cref="UsageException">It is neither a name nor a folder.</exception>
    public static DataPair Open(string? data, Shape? shape, ParseResult given, Screen screen, CancellationToken stop, ulong seed = 0, Model? model = null)
    {
        if (data is not null && !Datasets.Names.Contains(data) && !Directory.Exists(data))
        {
            if (File.Exists(data)) throw new DataException($"{data}: is a file; DATA is a name ({string.Join(", ", Datasets.Names)}) or a folder");
            throw new UsageException($"{data}: is neither a folder nor a data set; the names are {string.Join(", ", Datasets.Names)}{Names.Suggest(data, Datasets.Names)}");
        }

        if (data is not null && !Datasets.Names.Contains(data)) return Datasets.Find(data) ?? Pictures(data, shape, given, screen, seed, model, stop);
        return Datasets.Open(data ?? Embedded, new DataOptions
        {
            Download = !given.GetValue(s_offline),
            Fallback = data is null or Embedded ? () => FashionMnist.Embedded : null,
            Progress = at => screen.Progress($"downloading {at.File}: {at.Received / 1e6:0.0} of {at.Total / 1e6:0.0} MB"),
            Cancellation = stop,
        });
    }

    private static DataPair Pictures(string folder, Shape? shape, ParseResult given, Screen screen, ulong seed, Model? model, CancellationToken stop)
    {
        if (!PictureFolder.Matches(folder) && Directory.GetDirectories(folder).Length == 0)
            throw new DataException($"{folder}: holds neither a folder of pictures for each class, nor the original files of a data set (train-images-idx3-ubyte and its three companions, data_batch_1.bin to 5 and test_batch.bin, or train.bin and test.bin)");
        var (skipped, known) = (0, model?.Provenance ?? new Dictionary<string, string>());
        var pair = PictureFolder.Open(folder, new PictureFolderOptions
        {
            Shape = shape ?? [3, 32, 32],
            Fit = (known.GetValueOrDefault("fit") ?? given.GetValue(s_fit)) == "stretch" ? PictureFit.Stretch : PictureFit.Cover,
            SkipBroken = given.GetValue(s_broken) == "skip",
            Skipped = fault =>
            {
                skipped++;
                screen.Note($"skipped: {fault.Message}");
            },
            TestShare = double.TryParse(known.GetValueOrDefault("test share"), CultureInfo.InvariantCulture, out var share) && share is > 0 and < 1 ? share : given.GetValue(s_share),
            Seed = ulong.TryParse(known.GetValueOrDefault("seed"), NumberStyles.None, CultureInfo.InvariantCulture, out var drawn) ? drawn : seed,
            Progress = (done, all) => screen.Progress($"reading pictures: {done} of {all}"),
            Cancellation = stop,
        });
        if (skipped > 0) screen.Note($"{folder}: {skipped} broken pictures were skipped");
        return pair;
    }
}
