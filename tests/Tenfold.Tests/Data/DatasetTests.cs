using Xunit;

namespace Tenfold.Tests;

public class DatasetTests
{
    // Ten samples of two pixels; sample i holds the pixels i, 100 + i.
    private static readonly MemoryDataset Ten = new("ten", [1, 1, 2], ["a", "b", "c"],
        [.. Enumerable.Range(0, 10).SelectMany(i => new[] { (byte)i, (byte)(100 + i) })], [0, 0, 0, 0, 1, 1, 1, 2, 2, 0]);

    [Fact]
    public void Take_is_balanced_and_keeps_the_order()
    {
        Assert.Equal([0, 1, 4, 5, 7, 8], Firsts(Ten.Take(6)));
        Assert.Equal([0, 1, 4, 7], Firsts(Ten.Take(4)));
        Assert.Equal(9, Ten.Take(9).Count); // class c ran out
        Assert.Same(Ten, Ten.Take(10));
        Assert.Equal([2, 1], Enumerable.Range(0, 2).Select(Ten.Subset([8, 5]).Label));
    }

    [Fact]
    public void Split_parts_every_class_and_no_sample_is_in_both()
    {
        var (train, test) = Ten.Split(0.4, seed: 5);
        Assert.Equal(Enumerable.Range(0, 10), Firsts(train).Concat(Firsts(test)).Order());
        Assert.Equal([2, 1, 1], Enumerable.Range(0, 3).Select(label => Enumerable.Range(0, test.Count).Count(i => test.Label(i) == label)));
        Assert.Throws<DataException>(() => Ten.Split(0.01));
    }

    [Fact]
    public void Sizes_and_labels_are_checked()
    {
        Assert.Contains("7 pixels do not make 2 samples", Assert.Throws<DataException>(() => new MemoryDataset("x", [1, 2, 2], ["a"], new byte[7], [0, 0])).Message);
        Assert.Contains("sample 1 has label 3", Assert.Throws<DataException>(() => new MemoryDataset("x", [1, 2, 2], ["a", "b"], new byte[8], [0, 3])).Message);
    }

    private static int[] Firsts(Dataset data)
    {
        var pixels = new byte[2];
        return [.. Enumerable.Range(0, data.Count).Select(i =>
        {
            data.Read(i, pixels);
            return (int)pixels[0];
        })];
    }
}
