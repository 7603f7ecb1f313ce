using System.CommandLine;

namespace Tenfold.Cli;

/// <summary><c>tenfold summary</c>: the layer table.</summary>
internal sealed class SummaryCommand : ToolCommand
{
    public SummaryCommand() : base("summary", "Print a network's layers: output shape, parameters, MACs, receptive field, and the totals")
    {
        Add(Models.Argument);
        Add(Models.Input);
        Add(Models.Classes);
    }

    public override string[] Examples => ["tenfold summary resnet50", "tenfold summary resnet20 --input 3x64x64 --classes 100", "tenfold summary model.safetensors --json"];

    public override int Run(ParseResult given, Screen screen, CancellationToken stop)
    {
        var graph = Models.OpenGraph(given.GetRequiredValue(Models.Argument), Models.ParseSizes(given.GetValue(Models.Input)), given.GetValue(Models.Classes));
        var summary = graph.Summarize();
        var document = new SummaryDocument(
            summary.Name, [.. summary.Inputs[0]], [.. summary.Outputs[0]], summary.Parameters, summary.Macs, summary.Flops, summary.Bytes,
            [summary.ReceptiveField.Height, summary.ReceptiveField.Width],
            [.. summary.Layers.Select(layer => new LayerDocument(layer.Name, layer.Op, [.. layer.Output], layer.Parameters, layer.Macs, layer.Flops, layer.Bytes, [layer.ReceptiveField.Height, layer.ReceptiveField.Width]))]);
        screen.Result(document, Documents.Written.SummaryDocument, () => screen.Line(summary.ToText().TrimEnd('\n')));
        return Tool.Done;
    }
}

/// <param name="Input">[batch, channels, height, width]</param>
/// <param name="ActivationBytes">All layers' outputs together, at four bytes a number.</param>
/// <param name="ReceptiveField">[height, width]</param>
internal sealed record SummaryDocument(string Name, int[] Input, int[] Output, long Parameters, long Macs, long Flops, long ActivationBytes, int[] ReceptiveField, LayerDocument[] Layers);

internal sealed record LayerDocument(string Name, string Op, int[] Output, long Parameters, long Macs, long Flops, long ActivationBytes, int[] ReceptiveField);
