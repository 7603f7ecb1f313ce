using System.Globalization;
using System.Text;

namespace Tenfold;

/// <summary>One layer of a <see cref="Summary"/>.</summary>
/// <param name="Op">The operation with the attributes that are not the usual ones: <c>conv 3x3, stride 2</c>.</param>
/// <param name="Macs">For the graph's batch.</param>
/// <param name="Bytes">Of the output, at four bytes a number.</param>
/// <param name="ReceptiveField">The height and width of the input that one place of the output sees; see <see cref="ReceptiveField"/>.</param>
public sealed record Layer(string Name, string Op, Shape Output, long Parameters, long Macs, long Bytes, Size ReceptiveField)
{
    public long Flops => 2 * Macs;
}

/// <summary>What a network is made of and what it costs: a table with a row for every layer, in the order in which they run.</summary>
/// <param name="Cost">Of the whole network for its batch; parameters that layers share are counted once.</param>
/// <param name="ReceptiveField">Of one place of the last map, before it is pooled or flattened as a whole.</param>
public sealed record Summary(string Name, IReadOnlyList<Shape> Inputs, IReadOnlyList<Shape> Outputs, IReadOnlyList<Layer> Layers, Cost Cost, Size ReceptiveField)
{
    public long Parameters => Cost.Parameters;

    public long Macs => Cost.Macs;

    public long Flops => Cost.Flops;

    /// <summary>All layers' outputs together, at four bytes a number: what training keeps. Inference keeps what is still needed.</summary>
    public long Bytes => Layers.Sum(layer => layer.Bytes);

    /// <summary>The table and the totals as plain text, the same on every machine.</summary>
    public string ToText()
    {
        string[] head = ["layer", "operation", "output", "parameters", "MACs", "field"];
        List<string[]> rows = [head, .. Layers.Select(layer => new[]
        {
            layer.Name, layer.Op, $"{layer.Output}", Whole(layer.Parameters), Whole(layer.Macs), $"{layer.ReceptiveField}",
        })];
        var widths = Enumerable.Range(0, head.Length).Select(column => rows.Max(row => row[column].Length)).ToArray();
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{Name}: {string.Join(", ", Inputs)} -> {string.Join(", ", Outputs)}\n\n");
        foreach (var row in rows)
        {
            var cells = row.Select((cell, column) => column is 3 or 4 ? cell.PadLeft(widths[column]) : cell.PadRight(widths[column]));
            text.Append(string.Join("  ", cells).TrimEnd()).Append('\n');
        }

        return text.Append(CultureInfo.InvariantCulture,
            $"\n{Parameters:N0} parameters, {Macs:N0} MACs ({Flops:N0} FLOPs), {Bytes:N0} bytes of activations, receptive field {ReceptiveField}\n").ToString();
    }

    private static string Whole(long count) => count == 0 ? "" : count.ToString("N0", CultureInfo.InvariantCulture);
}

public static partial class Verbs
{
    /// <summary>The layer table: shapes, parameters, MACs, memory, receptive fields.</summary>
    public static Summary Summarize(this Graph graph)
    {
        var fields = ReceptiveField.Of(graph);
        Layer[] layers = [.. graph.Nodes.Where(node => node.Op is not Leaf).Select(node =>
            new Layer(graph.NameOf(node), Describe(node), node.Shape, node.Cost.Parameters, node.Cost.Macs, 4 * node.Shape.Count, fields[node].Size))];
        return new Summary(
            graph.Name, [.. graph.Inputs.Select(input => input.Shape)], [.. graph.Outputs.Select(output => output.Shape)], layers, graph.Cost,
            graph.Nodes.Where(node => node.Op is not Parameter).Select(node => fields[node]).LastOrDefault(field => !field.Whole).Size);
    }

    /// <summary>The operation's name and its attributes, less those that are the usual ones.</summary>
    internal static string Describe(Node node)
    {
        return node.Op switch
        {
            Convolution op when op.IsDepthwise(node.Inputs[0].Channels) => $"depthwise conv {Kernel()}{Window(op.Stride, op.Dilation)}",
            Convolution op => $"conv {Kernel()}{Window(op.Stride, op.Dilation)}{Unless(op.Groups, 1, "groups")}",
            ConvolutionTranspose op => $"conv transpose {Kernel()}{Window(op.Stride, op.Dilation)}{Unless(op.Groups, 1, "groups")}",
            DeformableConvolution op => $"deformable conv {Kernel()}{Window(op.Stride, op.Dilation)}{Unless(op.Groups, 1, "groups")}{Unless(op.OffsetGroups, 1, "offset groups")}{(op.Masked ? ", mask" : "")}",
            MaxPool op => $"max pool {op.Kernel}{Window(op.Stride, op.Dilation)}",
            AvgPool op => $"avg pool {op.Kernel}{Window(op.Stride, 1)}",
            AdaptiveAvgPool { Size: (1, 1) } => "global avg pool",
            AdaptiveMaxPool { Size: (1, 1) } => "global max pool",
            ChannelShuffle op => $"channel shuffle {op.Groups}",
            var op => op.Name,
        };

        Size Kernel() => new(node.Inputs[1].Shape[2], node.Inputs[1].Shape[3]);

        string Window(Size stride, Size dilation) => Unless(stride, 1, "stride") + Unless(dilation, 1, "dilation");
    }

    private static string Unless(Size value, Size usual, string word) => value == usual ? "" : value.Height == value.Width ? $", {word} {value.Height}" : $", {word} {value}";
}
