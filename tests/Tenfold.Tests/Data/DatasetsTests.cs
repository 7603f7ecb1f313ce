using Xunit;

namespace Tenfold.Tests;

public sealed class DatasetsTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tenfold-datasets-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void The_embedded_part_is_balanced_and_small()
    {
        foreach (var (data, perClass) in new[] { (FashionMnist.Train, 1000), (FashionMnist.Test, 200) })
        {
            Assert.Equal(10 * perClass, data.Count);
            Assert.All(Enumerable.Range(0, data.Count).CountBy(data.Label), pair => Assert.Equal(perClass, pair.Value));
            Assert.Equal<Shape>([1, 28, 28], data.Shape);
        }

        Assert.InRange(new FileInfo(typeof(FashionMnist).Assembly.Location).Length, 1 << 20, 6 << 20);
    }

    [Fact]
    public void Original_files_are_recognised_in_a_folder_and_found_by_name()
    {
        WriteIdx(_folder.CreateSubdirectory("mnist").FullName);
        var byFolder = Datasets.Open(PathOf("mnist"));
        var byName = Datasets.Open("mnist", new DataOptions { Folder = _folder.FullName, Download = false });
        Assert.Equal((2, 1, PathOf("mnist")), (byFolder.Train.Count, byFolder.Test.Count, byFolder.Source));
        Assert.Equal(PathOf("mnist"), byName.Source);

        var ten = _folder.CreateSubdirectory("ten").CreateSubdirectory("cifar-10-batches-bin").FullName;
        for (var i = 1; i <= 5; i++) File.WriteAllBytes(Path.Combine(ten, $"data_batch_{i}.bin"), new byte[3073 * i]);
        File.WriteAllBytes(Path.Combine(ten, "test_batch.bin"), new byte[3073]);
        var cifar = Datasets.Open(PathOf("ten"));
        Assert.Equal((15, 1, "airplane"), (cifar.Train.Count, cifar.Test.Count, cifar.Train.Classes[0]));

        var hundred = _folder.CreateSubdirectory("hundred").FullName;
        foreach (var file in new[] { "train.bin", "test.bin" }) File.WriteAllBytes(Path.Combine(hundred, file), new byte[3074]);
        Assert.Equal(100, Datasets.Open(hundred).Train.Classes.Count);
    }

    [Fact]
    public void What_is_missing_is_said_with_what_to_do()
    {
        Assert.Contains("the names are fashion-mnist, mnist, cifar10, cifar100", Refusal("nothing"));
        Assert.Contains("holds no files of a data set", Refusal(_folder.FullName));
        Assert.Null(Datasets.Find(_folder.FullName));

        WriteIdx(_folder.FullName);
        File.Delete(PathOf("t10k-labels-idx1-ubyte"));
        Assert.Contains("t10k-labels-idx1-ubyte is missing beside train-images-idx3-ubyte", Refusal(_folder.FullName));
        File.WriteAllBytes(PathOf("train-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 2]);
        Assert.Contains("holds 3 labels, but", Refusal(_folder.FullName));
    }

    [Fact]
    public void A_fallback_stands_in_for_what_is_not_on_this_machine_and_says_so()
    {
        Assert.SkipWhen(Datasets.Find("cifar100") is not null, "CIFAR-100 is on this machine");
        Assert.Equal("the embedded part of Fashion-MNIST", Datasets.Open("cifar100", new DataOptions { Fallback = () => FashionMnist.Embedded }).Source);
        var message = Assert.Throws<DataException>(() => Datasets.Open("cifar100", new DataOptions { Folder = _folder.FullName, Download = false })).Message;
        Assert.Contains(_folder.FullName, message);
        Assert.Contains("put its files (train.bin, test.bin)", message);
    }

    private string PathOf(string name) => Path.Combine(_folder.FullName, name);

    private static string Refusal(string name) => Assert.Throws<DataException>(() => Datasets.Open(name, new DataOptions { Download = false })).Message;

    // Two pictures to learn from and one to be judged by, of one pixel.
    private static void WriteIdx(string folder)
    {
        File.WriteAllBytes(Path.Combine(folder, "train-images-idx3-ubyte"), [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 7, 8]);
        File.WriteAllBytes(Path.Combine(folder, "train-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 2, 0, 1]);
        File.WriteAllBytes(Path.Combine(folder, "t10k-images-idx3-ubyte"), [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9]);
        File.WriteAllBytes(Path.Combine(folder, "t10k-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 1, 2]);
    }
}
