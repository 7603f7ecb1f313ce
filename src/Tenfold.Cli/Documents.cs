using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tenfold.Cli;

/// <summary>The JSON documents of the commands: their keys are what scripts rely on.</summary>
[JsonSerializable(typeof(ExportDocument))]
[JsonSerializable(typeof(EvaluateDocument))]
[JsonSerializable(typeof(BenchDocument))]
[JsonSerializable(typeof(ExplainDocument))]
[JsonSerializable(typeof(RunDocument))]
[JsonSerializable(typeof(CompareDocument))]
[JsonSerializable(typeof(InfoDocument))]
[JsonSerializable(typeof(NetworkDocument[]))]
[JsonSerializable(typeof(OpDocument[]))]
[JsonSerializable(typeof(PredictDocument[]))]
[JsonSerializable(typeof(SummaryDocument))]
[JsonSerializable(typeof(TrainDocument))]
internal sealed partial class Documents : JsonSerializerContext
{
    // The relaxed encoder leaves + and the like as they are: the document goes to a terminal or a file, never into a web page.
    public static readonly Documents Written = new(new JsonSerializerOptions
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
