namespace Tenfold;

/// <summary>A part of Fashion-MNIST that needs neither network nor installation: the first 1,000 training and 200 test pictures of every class.</summary>
/// <remarks>Grey pictures of clothes, 28x28, ten classes. Xiao, Rasul, Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
/// Learning Algorithms", 2017 (arXiv 1708.07747); Zalando SE, MIT licence.</remarks>
public static class FashionMnist
{
    private static readonly Lazy<Dataset> s_train = new(() => Read("train"));
    private static readonly Lazy<Dataset> s_test = new(() => Read("t10k"));

    /// <summary>10,000 pictures of the official training set.</summary>
    public static Dataset Train => s_train.Value;

    /// <summary>2,000 pictures of the official test set.</summary>
    public static Dataset Test => s_test.Value;

    /// <summary>Both.</summary>
    public static DataPair Embedded => new(Train, Test, "the embedded part of Fashion-MNIST");

    private static Dataset Read(string part)
    {
        var (images, labels) = ($"{part}-images-idx3-ubyte.gz", $"{part}-labels-idx1-ubyte.gz");
        using var imageStream = Open(images);
        using var labelStream = Open(labels);
        return Idx.Read(imageStream, images, labelStream, labels, "fashion-mnist (embedded part)", Idx.Fashion, Idx.FashionPreprocessing);
    }

    private static Stream Open(string name) => typeof(FashionMnist).Assembly.GetManifestResourceStream(name) ?? throw new DataException($"{name}: is not embedded");
}
