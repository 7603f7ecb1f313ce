namespace Tenfold;

/// <summary>CIFAR-10 and CIFAR-100 in their binary versions: records of the label bytes, then a red, a green and a blue plane of 32x32.</summary>
/// <remarks>CIFAR-10 has one label byte, CIFAR-100 two (coarse, then fine, which is used). Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.</remarks>
public static class Cifar
{
    public static readonly IReadOnlyList<string> Ten = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

    public static readonly IReadOnlyList<string> Hundred = (
        "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle caterpillar cattle " +
        "chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard " +
        "lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree " +
        "plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider " +
        "squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm").Split(' ');

    /// <summary>Mean and deviation of CIFAR-10's training pixels, RGB; CIFAR-100 is close to them.</summary>
    public static readonly Preprocessing Preprocessing = Tenfold.Preprocessing.Cifar;

    private const int Pixels = 3 * 32 * 32;

    /// <summary>The records of all <paramref name="files"/>, one after the other.</summary>
    /// <param name="labelBytes">Before each picture; the last of them counts: 1 for CIFAR-10, 2 for CIFAR-100.</param>
    /// <exception cref="DataException">A file is missing, empty, not a whole number of records long, or holds a label that is no class.</exception>
    public static Dataset Open(IReadOnlyList<string> files, string name, IReadOnlyList<string> classes, int labelBytes = 1)
    {
        var record = labelBytes + Pixels;
        var streams = new FileStream[files.Count];
        try
        {
            long count = 0;
            for (var f = 0; f < streams.Length; f++)
            {
                var length = (streams[f] = DataFile.Open(files[f])).Length;
                if (length == 0 || length % record != 0) throw new DataException($"{files[f]}: {length} bytes are not a whole number of records of {record} bytes");
                count += length / record;
            }

            if (count * Pixels > Array.MaxLength) throw new DataException($"{name}: {count} pictures of {Pixels} bytes are more than one array holds ({Array.MaxLength})");
            var (pixels, labels) = (new byte[count * Pixels], new byte[count]);
            Span<byte> head = stackalloc byte[labelBytes];
            var sample = 0;
            for (var f = 0; f < streams.Length; f++)
                for (var left = streams[f].Length / record; left > 0; left--, sample++)
                {
                    streams[f].ReadExactly(head);
                    streams[f].ReadExactly(pixels, sample * Pixels, Pixels);
                    labels[sample] = head[^1];
                    if (head[^1] >= classes.Count) throw new DataException($"{files[f]}: record {streams[f].Length / record - left} has label {head[^1]}; the {classes.Count} classes of {name} go from 0 to {classes.Count - 1}");
                }

            return new MemoryDataset(name, [3, 32, 32], classes, pixels, labels, Preprocessing);
        }
        catch (EndOfStreamException exception)
        {
            throw new DataException($"{name}: a file was cut short while it was read", exception);
        }
        finally
        {
            foreach (var stream in streams) stream?.Dispose();
        }
    }
}
