namespace Tenfold.Tests;

/// <summary>A network and a data set that train in no time, with a norm, dropout and biases.</summary>
internal static class Tiny
{
    public const int Classes = 3;

    public static Graph Network(float dropout = 0.2f) => Image.Of(1, 6, 6)
        .ConvBn(4, 3, stride: 2).Relu().Dropout(dropout).Conv(5, 3).Relu().Linear(Classes).ToGraph("tiny");

    /// <summary>Class c is bright in rows 2c and 2c + 1, with noise.</summary>
    public static Dataset Data(int count = 44, ulong seed = 1)
    {
        var random = Philox.Named(seed, "tiny");
        var (pixels, labels) = (new byte[36 * count], new byte[count]);
        for (var i = 0; i < count; i++)
        {
            labels[i] = (byte)(i % Classes);
            for (var p = 0; p < 36; p++) pixels[36 * i + p] = (byte)(random.Below(80, (ulong)(36 * i + p)) + (p / 12 == labels[i] ? 150 : 0));
        }

        return new MemoryDataset("tiny", [1, 6, 6], ["top", "middle", "bottom"], pixels, labels, new Preprocessing([0.4f], [0.3f]));
    }
}
