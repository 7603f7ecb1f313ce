namespace Tenfold;

/// <summary>A network with its numbers: what is trained, saved, run and exported.</summary>
public sealed class Model
{
    /// <exception cref="ArgumentException">The weights do not fit the graph.</exception>
    public Model(Graph graph, Weights weights)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(weights);
        weights.CheckAgainst(graph);
        (Graph, Weights) = (graph, weights);
    }

    /// <summary>A network with fresh weights.</summary>
    public Model(Graph graph, ulong seed = 0) : this(graph, graph.Init(seed))
    {
    }

    public Graph Graph { get; }

    public Weights Weights { get; }

    /// <summary>Class names in the order of the outputs; empty when unknown.</summary>
    public IReadOnlyList<string> Classes { get; init; } = [];

    /// <summary>How a picture becomes the input.</summary>
    public Preprocessing Preprocessing { get; init; } = Preprocessing.None;

    /// <summary>What made it, as text by key: data set, epochs, seed, accuracy.</summary>
    public IReadOnlyDictionary<string, string> Provenance { get; init; } = new Dictionary<string, string>();

    /// <summary>The model of the first output alone: what is run once training, which auxiliary heads serve, is over.</summary>
    public Model WithoutHeads()
    {
        if (Graph.Outputs.Count == 1) return this;
        var graph = new Graph(Graph.Name, Graph.Outputs[0]);
        var weights = new Weights();
        foreach (var (name, node) in graph.Parameters) weights[name] = Weights[Graph.NameOf(node)];
        return new Model(graph, weights) { Classes = Classes, Preprocessing = Preprocessing, Provenance = Provenance };
    }
}

/// <summary>How stored pixels in [0, 255] become a network's input: (pixel / 255 - mean) / deviation for each channel.</summary>
/// <param name="Mean">One number per channel, or one for all.</param>
/// <param name="Deviation">One number per channel, or one for all.</param>
/// <param name="Share">How much of the picture's shorter side the network sees, in its middle: 0.875 is 224 of 256.</param>
/// <param name="Order">The order of the network's channels, in which <paramref name="Mean"/> and <paramref name="Deviation"/> stand too; pictures are stored red first.</param>
public sealed record Preprocessing(IReadOnlyList<float> Mean, IReadOnlyList<float> Deviation, float Share = 1, ChannelOrder Order = ChannelOrder.Rgb)
{
    /// <summary>Pixels divided by 255.</summary>
    public static readonly Preprocessing None = new([0f], [1f]);

    /// <summary>The mean and deviation of CIFAR-10's training pictures, RGB.</summary>
    public static readonly Preprocessing Cifar = new([0.4914f, 0.4822f, 0.4465f], [0.247f, 0.2435f, 0.2616f]);

    /// <summary>From -1 to 1, as networks that come from TensorFlow expect.</summary>
    public static readonly Preprocessing Symmetric = new([0.5f], [0.5f]);

    /// <summary>What ImageNet networks expect that were trained with Caffe: blue first, from 0 to 255, less the mean (103.939, 116.779, 123.68).</summary>
    public static readonly Preprocessing Caffe = new([103.939f / 255, 116.779f / 255, 123.68f / 255], [1 / 255f], 0.875f, ChannelOrder.Bgr);

    /// <summary>What torchvision's ImageNet weights expect, RGB: the shorter side resized to 256, 224 of it cut out.</summary>
    public static readonly Preprocessing ImageNet = new([0.485f, 0.456f, 0.406f], [0.229f, 0.224f, 0.225f], 0.875f);

    /// <summary>Which plane of a stored picture becomes channel <paramref name="c"/> of so many.</summary>
    internal int Stored(int c, int channels) => Order == ChannelOrder.Bgr && channels == 3 ? 2 - c : c;
}

/// <summary>The order of a colour picture's channels.</summary>
public enum ChannelOrder
{
    Rgb,

    /// <summary>As OpenCV reads pictures, and so Caffe and what was converted from it.</summary>
    Bgr,
}
