namespace Tenfold;

/// <summary>Labelled pictures of one size. Reading is safe from several threads at once.</summary>
public abstract class Dataset
{
    public abstract string Name { get; }

    public abstract int Count { get; }

    /// <summary>Class names; a label is an index into them.</summary>
    public abstract IReadOnlyList<string> Classes { get; }

    /// <summary>Of one sample: [channels, height, width].</summary>
    public abstract Shape Shape { get; }

    /// <summary>What a network should do with the pixels when nothing else is asked: usually this data's own mean and deviation.</summary>
    public virtual Preprocessing DefaultPreprocessing => Preprocessing.None;

    /// <summary>The class of sample <paramref name="index"/>, in [0, classes).</summary>
    public abstract int Label(int index);

    /// <summary>The pixels of sample <paramref name="index"/>, one plane per channel, 0 to 255.</summary>
    /// <param name="pixels">As long as <see cref="Shape"/> counts.</param>
    public abstract void Read(int index, Span<byte> pixels);

    /// <summary>The samples at <paramref name="indices"/>, in that order.</summary>
    public Dataset Subset(IReadOnlyList<int> indices) => new View(this, [.. indices]);

    /// <summary>The first samples of every class, as many of each (or one more of the first classes), in the order of this set.</summary>
    /// <remarks>Classes that run out leave their share to the others, so the result has <paramref name="count"/> samples unless the set is smaller.</remarks>
    public Dataset Take(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        return count >= Count ? this : Subset(RoundRobin()[..count].Order().ToArray());
    }

    /// <summary>Two parts without a common sample: <paramref name="share"/> of every class, drawn by <paramref name="seed"/>, is the second.</summary>
    public (Dataset Train, Dataset Test) Split(double share, ulong seed = 0)
    {
        if (share is not (> 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(share), share, "a share lies between 0 and 1");
        var order = Philox.Named(seed, "split").Permutation(Count);
        var part = order.GroupBy(Label).SelectMany(group => group.Take((int)Math.Round(share * group.Count(), MidpointRounding.AwayFromZero))).Order().ToArray();
        if (part.Length == 0 || part.Length == Count) throw new DataException($"{Name}: {share:P0} of {Count} samples in {Classes.Count} classes leaves one of the two parts empty");
        return (Subset([.. Enumerable.Range(0, Count).Except(part)]), Subset(part));
    }

    /// <summary>Checks that a network takes the samples and tells as many classes apart.</summary>
    internal void CheckAgainst(Graph graph)
    {
        if (graph.Inputs.Count != 1) throw new DataException($"{graph.Name}: has {graph.Inputs.Count} inputs; a data set gives one");
        if (Count == 0) throw new DataException($"{Name}: holds no samples");
        var (input, output) = (graph.Inputs[0].Shape, graph.Outputs[0].Shape);
        if (input.Rank != 4 || !input.AsSpan()[1..].SequenceEqual(Shape.AsSpan())) throw new DataException($"{Name}: samples of {Shape} do not fit {graph.Name}, which takes {input}");
        if (output.Count / output[0] != Classes.Count) throw new DataException($"{Name}: has {Classes.Count} classes, but {graph.Name} tells {output.Count / output[0]} apart");
    }

    public override string ToString() => $"{Name}: {Count} samples {Shape} in {Classes.Count} classes";

    // The first of every class, then the second of every class, ...
    private int[] RoundRobin()
    {
        var seen = new int[Classes.Count];
        var rank = new int[Count];
        for (var i = 0; i < rank.Length; i++) rank[i] = seen[Label(i)]++;
        return [.. Enumerable.Range(0, Count).OrderBy(i => rank[i]).ThenBy(Label)];
    }

    private sealed class View(Dataset whole, int[] indices) : Dataset
    {
        public override string Name => whole.Name;

        public override int Count => indices.Length;

        public override IReadOnlyList<string> Classes => whole.Classes;

        public override Shape Shape => whole.Shape;

        public override Preprocessing DefaultPreprocessing => whole.DefaultPreprocessing;

        public override int Label(int index) => whole.Label(indices[index]);

        public override void Read(int index, Span<byte> pixels) => whole.Read(indices[index], pixels);
    }
}

/// <summary>Samples to learn from, and samples to be judged by that are never learned from.</summary>
/// <param name="Source">Where they were found, in words for the user: a folder, or "embedded subset".</param>
public sealed record DataPair(Dataset Train, Dataset Test, string Source)
{
    /// <summary>True where the samples have no part for testing of their own, so that one was drawn.</summary>
    public bool Drawn { get; init; }

    /// <summary>Both parts as one set, first those to learn from.</summary>
    public Dataset All => new Both(Train, Test);

    private sealed class Both(Dataset first, Dataset second) : Dataset
    {
        public override string Name => first.Name;

        public override int Count => first.Count + second.Count;

        public override IReadOnlyList<string> Classes => first.Classes;

        public override Shape Shape => first.Shape;

        public override Preprocessing DefaultPreprocessing => first.DefaultPreprocessing;

        public override int Label(int index) => index < first.Count ? first.Label(index) : second.Label(index - first.Count);

        public override void Read(int index, Span<byte> pixels)
        {
            if (index < first.Count) first.Read(index, pixels);
            else second.Read(index - first.Count, pixels);
        }
    }
}

/// <summary>A data file or set that breaks a rule. The message names the file, the rule and the numbers.</summary>
public sealed class DataException(string message, Exception? cause = null) : Exception(message, cause);
