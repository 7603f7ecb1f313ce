using System.CommandLine;

namespace Tenfold.Cli;

/// <summary><c>tenfold export</c>: a model as ONNX, for other runtimes.</summary>
internal sealed class ExportCommand : ToolCommand
{
    private readonly Argument<string> _output = new("OUT") { Description = "The file to write, .onnx" };
    private readonly Option<int?> _opset = Cli.Options.WholeOrChosen("--opset", "Version of ONNX's operator set; 17 by default, 19 where the network needs it", least: 17, most: 24);
    private readonly Option<bool> _fold = new("--fold") { Description = "Multiply batch norms into the convolutions before them" };
    private readonly Option<int?> _batch = Cli.Options.WholeOrChosen("--batch", "Fix the number of pictures at once; any number by default", least: 1, most: 65536);
    private readonly Option<ulong> _seed = Cli.Options.Seed();

    public ExportCommand() : base("export", "Write a network or a model file as ONNX")
    {
        Add(Models.Argument);
        Add(_output);
        Add(Models.Input);
        Add(Models.Classes);
        Add(Models.Weights);
        Add(_opset);
        Add(_fold);
        Add(_batch);
        Add(_seed);
    }

    public override string[] Examples => ["tenfold export best.safetensors best.onnx", "tenfold export resnet50 resnet50.onnx --fold", "tenfold export resnet20 wide.onnx --input 3x64x64 --batch 8"];

    public override int Run(ParseResult given, Screen screen, CancellationToken stop)
    {
        var path = given.GetRequiredValue(_output);
        if (!Path.GetExtension(path).Equals(".onnx", StringComparison.OrdinalIgnoreCase)) throw new UsageException($"OUT is {path}; it must end in .onnx");
        var model = Models.Open(given.GetRequiredValue(Models.Argument), Models.ParseSizes(given.GetValue(Models.Input)), given.GetValue(Models.Classes), given.GetValue(_seed), given.GetValue(Models.Weights));
        var batch = given.GetValue(_batch);
        if (batch is { } size) model = new Model(model.Graph.WithBatch(size), model.Weights) { Classes = model.Classes, Preprocessing = model.Preprocessing, Provenance = model.Provenance };
        OnnxFile.Save(model, path, new OnnxOptions { Opset = given.GetValue(_opset), FoldBatchNorm = given.GetValue(_fold), DynamicBatch = batch is null });
        var document = new ExportDocument(model.Graph.Name, path, new FileInfo(path).Length);
        screen.Result(document, Documents.Written.ExportDocument, () => screen.Line($"{document.Name} -> {path}: {document.Bytes:N0} bytes"));
        return Tool.Done;
    }
}

internal sealed record ExportDocument(string Name, string File, long Bytes);
