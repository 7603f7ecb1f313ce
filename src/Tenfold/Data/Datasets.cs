namespace Tenfold;

/// <summary>Finds data sets by name, or in a folder that holds their original files.</summary>
/// <remarks>A name is looked for in the folder given, in the one that the environment variable TENFOLD_DATA names, in ./data, in the user's
/// data folder and where Debian's packages put it; in each as the folder itself and as one of that name inside.</remarks>
public static class Datasets
{
    private static readonly KnownSet[] s_known =
    [
        new("fashion-mnist", folder => OpenIdx(folder, "fashion-mnist"), ["/usr/share/datasets/fashion-mnist", "/usr/share/dataset-fashion-mnist"], "the Debian package dataset-fashion-mnist holds it",
            IdxFiles("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                (26421880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"), (29515, "25c81989df183df01b3e8a0aad5dffbe"), (4422102, "bef4ecab320f06d8554ea6380940ec79"), (5148, "bb300cfdad3c16e7a12a480ee83cd310"))),
        new("mnist", folder => OpenIdx(folder, "mnist"), [], "",
            IdxFiles("https://ossci-datasets.s3.amazonaws.com/mnist/",
                (9912422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"), (28881, "d53e105ee54ea40749a09fcbcd1e9432"), (1648877, "9fb629c4189551a2d022fa330f9573f3"), (4542, "ec29112dd5afa0611ce80d1b7f02629c"))),
        new("cifar10", OpenCifarTen, [], "",
            [new("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", 170052171, "c32a1d4ab5d03f1284b67883e8d87530", [.. TenFiles.Select(file => (file, 30_730_000L))])]),
        new("cifar100", OpenCifarHundred, [], "",
            [new("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz", 168513733, "03b5dce01913d631647c71ecec9e9cb8", [("train.bin", 153_700_000), ("test.bin", 30_740_000)])]),
    ];

    /// <summary>The names that can be opened without a folder.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. s_known.Select(set => set.Name)];

    private static string[] TenFiles => ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"];

    /// <summary>A set by name, or from a folder of original files (IDX or CIFAR's binary version).</summary>
    /// <exception cref="DataException">It was not found, with where it was looked for and what to do; or its files are broken.</exception>
    public static DataPair Open(string nameOrFolder, DataOptions? options = null)
    {
        options ??= new DataOptions();
        if (Find(nameOrFolder, options.Folder) is { } found) return found;
        if (Array.Find(s_known, set => set.Name == nameOrFolder) is not { } known)
            throw new DataException(Directory.Exists(nameOrFolder)
                ? $"{nameOrFolder}: holds no files of a data set; it takes train-images-idx3-ubyte and its three companions, data_batch_1.bin to 5 and test_batch.bin, or train.bin and test.bin"
                : $"{nameOrFolder}: is neither a folder nor a data set; the names are {string.Join(", ", Names)}");
        if (options.Fallback is { } fallback) return fallback();

        var target = Path.Combine(UserFolder, known.Name);
        var places = string.Join(", ", Places(known, options.Folder).Distinct());
        var advice = $"put its files ({string.Join(", ", known.Files.SelectMany(file => file.Members.Length > 0 ? file.Members.Select(member => member.Name) : [file.Name]))}) into one of these, or name the folder that holds them{(known.Hint == "" ? "" : $"; {known.Hint}")}";
        if (!options.Download) throw new DataException($"{known.Name}: was not found in {places}; {advice}");
        try
        {
            using var client = new HttpClient();
            foreach (var file in known.Files) Download.Fetch(client, file, target, options.Progress, options.Cancellation);
        }
        catch (DataException exception)
        {
            throw new DataException($"{known.Name}: was not found in {places}, and {exception.Message}; {advice}", exception);
        }

        return known.Open(target) ?? throw new DataException($"{target}: what was downloaded is not {known.Name}");
    }

    /// <summary>A set that is already on this machine, by name or in a folder; null when it is not.</summary>
    /// <param name="folder">Looked in first, for a name.</param>
    /// <exception cref="DataException">Its files are broken, or some are missing.</exception>
    public static DataPair? Find(string nameOrFolder, string? folder = null)
    {
        if (Array.Find(s_known, set => set.Name == nameOrFolder) is { } known)
            return Places(known, folder).Where(Directory.Exists).Select(known.Open).FirstOrDefault(pair => pair is not null);

        return Directory.Exists(nameOrFolder) ? OpenIdx(nameOrFolder, name: null) ?? OpenCifarTen(nameOrFolder) ?? OpenCifarHundred(nameOrFolder) : null;
    }

    private static string[] IdxNames => ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

    private static string UserFolder => Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify), "tenfold");

    private static IEnumerable<string> Places(KnownSet set, string? folder)
    {
        var roots = new[] { folder, Environment.GetEnvironmentVariable("TENFOLD_DATA") }.Where(root => !string.IsNullOrEmpty(root)).SelectMany(root => new[] { Path.Combine(root!, set.Name), root! });
        return [.. roots, Path.Combine("data", set.Name), Path.Combine(UserFolder, set.Name), .. set.Places];
    }

    // Null where there is no first file; from then on every file has to be there.
    private static DataPair? OpenIdx(string folder, string? name)
    {
        if (Existing("train-images-idx3-ubyte") is not { } images) return null;
        name ??= Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        var (classes, preprocessing) = name.Contains("fashion", StringComparison.OrdinalIgnoreCase) ? (Idx.Fashion, Idx.FashionPreprocessing) : (Idx.Digits, Idx.DigitsPreprocessing);
        return new DataPair(
            Idx.Open(images, Needed("train-labels-idx1-ubyte"), name, classes, preprocessing),
            Idx.Open(Needed("t10k-images-idx3-ubyte"), Needed("t10k-labels-idx1-ubyte"), name, classes, preprocessing), folder);

        string Needed(string file) => Existing(file) ?? throw new DataException($"{folder}: {file} is missing beside {Path.GetFileName(images)}");

        string? Existing(string file) => new[] { file, file + ".gz" }.Select(each => Path.Combine(folder, each)).FirstOrDefault(File.Exists);
    }

    private static DataPair? OpenCifarTen(string folder)
    {
        if (Holding(folder, "cifar-10-batches-bin", "data_batch_1.bin") is not { } inner) return null;
        string[] files = [.. TenFiles.Select(file => Path.Combine(inner, file))];
        return new DataPair(Cifar.Open(files[..^1], "cifar10", Cifar.Ten), Cifar.Open(files[^1..], "cifar10", Cifar.Ten), inner);
    }

    private static DataPair? OpenCifarHundred(string folder)
    {
        if (Holding(folder, "cifar-100-binary", "train.bin") is not { } inner) return null;
        return new DataPair(
            Cifar.Open([Path.Combine(inner, "train.bin")], "cifar100", Cifar.Hundred, labelBytes: 2),
            Cifar.Open([Path.Combine(inner, "test.bin")], "cifar100", Cifar.Hundred, labelBytes: 2), inner);
    }

    private static string? Holding(string folder, string inner, string file) =>
        new[] { folder, Path.Combine(folder, inner) }.FirstOrDefault(each => File.Exists(Path.Combine(each, file)));

    private static RemoteFile[] IdxFiles(string site, params (long Bytes, string Md5)[] files) =>
        [.. IdxNames.Zip(files, (name, file) => new RemoteFile($"{site}{name}.gz", file.Bytes, file.Md5, []))];

    /// <param name="Open">The set in a folder; null when its first file is not there.</param>
    /// <param name="Places">Folders of the system.</param>
    private sealed record KnownSet(string Name, Func<string, DataPair?> Open, string[] Places, string Hint, RemoteFile[] Files);
}

/// <summary>How a data set is looked for.</summary>
public sealed record DataOptions
{
    /// <summary>Looked in first.</summary>
    public string? Folder { get; init; }

    /// <summary>Whether a set that is not on this machine is downloaded into the user's data folder.</summary>
    public bool Download { get; init; } = true;

    /// <summary>What is opened in place of a set that is not on this machine: then nothing is downloaded. The source of the pair says so.</summary>
    public Func<DataPair>? Fallback { get; init; }

    /// <summary>Told of a download about ten times a second.</summary>
    public Action<DownloadProgress>? Progress { get; init; }

    public CancellationToken Cancellation { get; init; }
}

/// <summary>How far a download is.</summary>
/// <param name="Received">Bytes so far.</param>
/// <param name="Total">Bytes in all.</param>
public readonly record struct DownloadProgress(string File, long Received, long Total);
