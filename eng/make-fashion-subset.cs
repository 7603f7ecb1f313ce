// Makes the part of Fashion-MNIST that Tenfold.FashionMnist embeds from the official files:
//
//     dotnet run eng/make-fashion-subset.cs -- SOURCE_FOLDER src/Tenfold.FashionMnist/Data
//
// The same source and the same .NET give the same bytes: nothing is drawn at random, and gzip headers carry no time.
#:project ../src/Tenfold/Tenfold.csproj
#:property PublishAot=false
#:property GenerateDocumentationFile=false

using System.Buffers.Binary;
using System.IO.Compression;
using Tenfold;

if (args is not [var source, var target])
{
    Console.Error.WriteLine("usage: dotnet run eng/make-fashion-subset.cs -- SOURCE_FOLDER TARGET_FOLDER");
    return 2;
}

var full = Datasets.Open(source);
Write("train", full.Train.Take(10_000));
Write("t10k", full.Test.Take(2_000));
return 0;

void Write(string part, Dataset data)
{
    var (height, width) = (data.Shape[1], data.Shape[2]);
    var pixels = new byte[height * width];
    using (var images = Begin($"{part}-images-idx3-ubyte.gz", 3, data.Count, height, width))
        for (var i = 0; i < data.Count; i++)
        {
            data.Read(i, pixels);
            images.Write(pixels);
        }

    using (var labels = Begin($"{part}-labels-idx1-ubyte.gz", 1, data.Count))
        for (var i = 0; i < data.Count; i++) labels.WriteByte((byte)data.Label(i));
    Console.WriteLine($"{part}: {data.Count} pictures");
}

GZipStream Begin(string name, byte rank, params int[] sizes)
{
    var stream = new GZipStream(File.Create(Path.Combine(target, name)), CompressionLevel.SmallestSize);
    stream.Write([0, 0, 8, rank]);
    var bytes = new byte[4];
    foreach (var size in sizes)
    {
        BinaryPrimitives.WriteInt32BigEndian(bytes, size);
        stream.Write(bytes);
    }

    return stream;
}
