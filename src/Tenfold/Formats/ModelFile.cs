using System.Text;
using System.Text.Json;

namespace Tenfold;

/// <summary>A model as one file: safetensors whose metadata holds the graph, the class names, the preprocessing and what made it.</summary>
/// <remarks>
/// The weights lie under their own names (<c>layer1.0.conv1.weight</c>), readable by every safetensors library. The metadata's
/// <c>tenfold</c> is JSON:
/// <code>{"version": 1, "name", "nodes": [{"op", "name", "inputs": [earlier nodes], attributes...}], "outputs": [nodes], "classes", "mean", "deviation", "share" (when not 1), "order" (when not rgb), "provenance"}</code>
/// Reading executes nothing: every node is an operation of this library, made anew under its own rules, and a file that
/// breaks one is refused by the node's name. The order of all is kept, so saving what was loaded gives the same bytes.
/// </remarks>
public static class ModelFile
{
    /// <summary>The version that is written. Older ones are read; newer ones are refused.</summary>
    public const int Version = 1;

    private const string Key = "tenfold";
    private const int MaxNodes = 100_000;
    private const int MaxName = 512;

    /// <summary>Writes the model, atomically.</summary>
    /// <exception cref="NotSupportedException">An operation is no part of a model file.</exception>
    /// <exception cref="IOException">The file could not be written.</exception>
    public static void Save(Model model, string path) => Safetensors.Write(
        path,
        model.Graph.Parameters.Keys.Select(name => (name, model.Weights[name])),
        new Dictionary<string, string> { ["format"] = Key, [Key] = Describe(model) });

    /// <exception cref="MalformedFileException">Not a model of this or an older version, or one that breaks a rule.</exception>
    public static Model Load(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
        return Load(stream, path);
    }

    internal static Model Load(Stream stream, string path)
    {
        var (weights, metadata) = Safetensors.Read(stream, path);
        if (!metadata.TryGetValue(Key, out var text)) throw new MalformedFileException($"{path}: holds weights but no network: give them to a network by name");
        try
        {
            var root = Json.Parse(text);
            var version = root["version"].Int;
            if (version is < 1 or > Version) throw new FormatException($"is a model of version {version}; this library reads versions 1 to {Version}{(version > Version ? ": update it" : "")}");
            var graph = ReadGraph(root);
            return new Model(graph, weights)
            {
                Classes = Classes(root, graph),
                Preprocessing = new Preprocessing(PerChannel(root, "mean", graph), PerChannel(root, "deviation", graph), Share(root), Order(root)),
                Provenance = Provenance(root),
            };
        }
        catch (Exception e) when (e is InvalidOperationException or FormatException or KeyNotFoundException or ArgumentException or ShapeException)
        {
            throw new MalformedFileException($"{path}: {e.Message}", e);
        }
    }

    private static string Describe(Model model)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            var graph = model.Graph;
            var index = graph.Nodes.Index().ToDictionary(node => node.Item, node => node.Index);
            var attributes = new Attributes.Writer(json);
            json.WriteStartObject();
            json.WriteNumber("version", Version);
            json.WriteString("name", graph.Name);
            json.WriteStartArray("nodes");
            foreach (var node in graph.Nodes)
            {
                json.WriteStartObject();
                if (node.Op is not Parameter) json.WriteString("name", graph.NameOf(node));
                if (node.Inputs.Count > 0) Whole("inputs", node.Inputs);
                Stored.Ops.Pass(node.Op, attributes);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            Whole("outputs", graph.Outputs);
            json.WriteStartArray("classes");
            foreach (var name in model.Classes) json.WriteStringValue(name);
            json.WriteEndArray();
            Numbers("mean", model.Preprocessing.Mean);
            Numbers("deviation", model.Preprocessing.Deviation);
            if (model.Preprocessing.Share != 1) json.WriteNumber("share", model.Preprocessing.Share);
            if (model.Preprocessing.Order == ChannelOrder.Bgr) json.WriteString("order", "bgr");
            json.WriteStartObject("provenance");
            foreach (var (key, value) in model.Provenance) json.WriteString(key, value);
            json.WriteEndObject();
            json.WriteEndObject();

            void Whole(string name, IEnumerable<Node> nodes)
            {
                json.WriteStartArray(name);
                foreach (var node in nodes) json.WriteNumberValue(index[node]);
                json.WriteEndArray();
            }

            void Numbers(string name, IEnumerable<float> values)
            {
                json.WriteStartArray(name);
                foreach (var value in values) json.WriteNumberValue(value);
                json.WriteEndArray();
            }
        }

        return Encoding.UTF8.GetString(buffer.GetBuffer().AsSpan(0, (int)buffer.Length));
    }

    // No LINQ over numbers, as in Safetensors.
    private static Graph ReadGraph(Json root)
    {
        var list = root["nodes"].Items;
        if (list.Count > MaxNodes) throw new FormatException($"has {list.Count} nodes, above {MaxNodes}");
        var nodes = new List<Node>(list.Count);
        foreach (var item in list)
        {
            var name = item.Find("name")?.Text;
            if (name?.Length is 0 or > MaxName) throw new FormatException($"node {nodes.Count} has a name of {name.Length} characters, not 1 to {MaxName}");
            try
            {
                var op = Stored.Ops.Pass(null, new Attributes.Reader(item));
                nodes.Add(op.Apply(item.Find("inputs") is { } inputs ? Earlier(inputs, nodes) : [], name));
            }
            catch (Exception e) when (e is ShapeException or FormatException or InvalidOperationException or ArgumentException or ArithmeticException or IndexOutOfRangeException)
            {
                throw new FormatException($"node {nodes.Count} ({name ?? "unnamed"}): {e.Message}", e);
            }
        }

        return new Graph(root["name"].Text, Earlier(root["outputs"], nodes));
    }

    // Nodes that already stand: a node cannot name itself or a later one, so there are no cycles.
    private static Node[] Earlier(Json indices, List<Node> nodes)
    {
        var (earlier, count) = (new Node[indices.Items.Count], 0);
        foreach (var index in indices.Items) earlier[count++] = index.Int is var i && (uint)i < (uint)nodes.Count ? nodes[i] : throw new FormatException($"{i} is not one of the {nodes.Count} nodes before");
        return earlier;
    }

    private static string[] Classes(Json root, Graph graph)
    {
        var list = root["classes"].Items;
        var (classes, count) = (new string[list.Count], 0);
        foreach (var name in list) classes[count++] = name.Text;
        var outputs = graph.Outputs[0].Shape;
        return classes.Length == 0 || (outputs.Rank > 1 && outputs.Channels == classes.Length) ? classes : throw new FormatException($"names {classes.Length} classes for an output {outputs}");
    }

    private static Dictionary<string, string> Provenance(Json root)
    {
        var provenance = new Dictionary<string, string>();
        foreach (var (key, text) in root["provenance"].Members) provenance.Add(key, text.Text);
        return provenance;
    }

    private static float Share(Json root) => root.Find("share") is not { } json ? 1
        : json.Float is > 0 and <= 1 and var share ? share
        : throw new FormatException($"the share {json.Float} is not above 0 and at most 1");

    private static ChannelOrder Order(Json root) => root.Find("order") is not { } json ? ChannelOrder.Rgb
        : json.Text is "bgr" ? ChannelOrder.Bgr
        : throw new FormatException($"the order of channels {json.Text} is not bgr");

    private static float[] PerChannel(Json root, string name, Graph graph)
    {
        var list = root[name].Items;
        var (numbers, count, faulty) = (new float[list.Count], 0, false);
        foreach (var number in list)
        {
            numbers[count] = number.Float;
            faulty |= !float.IsFinite(numbers[count]) || (name == "deviation" && numbers[count] == 0);
            count++;
        }

        if (faulty) throw new FormatException($"the {name} {string.Join(", ", numbers)} is not of finite numbers{(name == "deviation" ? " other than 0" : "")}");
        return numbers.Length == 1 || (graph.Inputs is [{ Shape: { Rank: > 1, Channels: var channels } }, ..] && numbers.Length == channels)
            ? numbers
            : throw new FormatException($"the {name} has {numbers.Length} numbers, neither one nor one per channel of the input");
    }
}
