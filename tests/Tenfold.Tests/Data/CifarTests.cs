using Xunit;

namespace Tenfold.Tests;

public sealed class CifarTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tenfold-cifar-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Files_follow_each_other_and_the_fine_label_counts()
    {
        var data = Cifar.Open([Write("a", 2, (3, 7), (1, 99)), Write("b", 2, (0, 50))], "hundred", Cifar.Hundred, labelBytes: 2);
        var pixels = new byte[3072];
        data.Read(2, pixels);
        Assert.Equal([7, 99, 50], Enumerable.Range(0, 3).Select(data.Label));
        Assert.All(pixels, pixel => Assert.Equal(50, pixel));
        Assert.Equal(100, Cifar.Hundred.Distinct().Count());
    }

    [Fact]
    public void Broken_files_are_named_with_the_rule_and_the_numbers()
    {
        var whole = Write("whole", 1, (0, 1), (0, 2));
        File.WriteAllBytes(Path.Combine(_folder.FullName, "cut"), File.ReadAllBytes(whole)[..^5]);
        Refused("cut: 6141 bytes are not a whole number of records of 3073", whole, Path.Combine(_folder.FullName, "cut"));
        Refused("record 1 has label 10; the 10 classes of ten go from 0 to 9", whole, Write("label", 1, (0, 9), (0, 10)));
        Refused("cannot be opened", Path.Combine(_folder.FullName, "none"));

        static void Refused(string why, params string[] files) =>
            Assert.Contains(why, Assert.Throws<DataException>(() => Cifar.Open(files, "ten", Cifar.Ten)).Message);
    }

    // Records whose pixels all equal the fine label.
    private string Write(string name, int labelBytes, params (byte Coarse, byte Fine)[] labels)
    {
        var path = Path.Combine(_folder.FullName, name);
        File.WriteAllBytes(path, [.. labels.SelectMany(label => new[] { label.Coarse, label.Fine }[^labelBytes..].Concat(Enumerable.Repeat(label.Fine, 3072)))]);
        return path;
    }
}
