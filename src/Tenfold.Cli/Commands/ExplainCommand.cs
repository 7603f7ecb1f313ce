using System.CommandLine;

namespace Tenfold.Cli;

/// <summary><c>tenfold explain</c>: what the compiler made of a network, and why.</summary>
internal sealed class ExplainCommand : ToolCommand
{
    private readonly Option<int> _threads = Cli.Options.Threads();

    public ExplainCommand() : base("explain", "Print the compiled plan: what each rewrite of the graph did, every step, its kernel, and the reason for the choice")
    {
        Add(Models.Argument);
        Add(Models.Input);
        Add(Compiled.Batch);
        Add(_threads);
        Add(Compiled.Exact);
        Add(Compiled.Force);
        Add(Compiled.Without);
    }

    public override string[] Examples => ["tenfold explain resnet50", "tenfold explain resnet18 --exact --threads 1", "tenfold explain resnet18 --force layer1.0.conv1=winograd4 --json", "tenfold explain mobilenet_v2 --without chainseparable"];

    public override int Run(ParseResult given, Screen screen, CancellationToken stop)
    {
        var model = Models.Open(given.GetRequiredValue(Models.Argument), Models.ParseSizes(given.GetValue(Models.Input)));
        var (batch, threads) = (given.GetValue(Compiled.Batch), given.GetValue(_threads));
        Shape[] shapes = [.. model.Graph.WithBatch(batch).Inputs.Select(input => input.Shape)];
        var session = model.Compile(Compiled.Options(given, threads));
        var document = new ExplainDocument(
            model.Graph.Name, [.. shapes[0]], batch, threads, [.. session.Passes(shapes).Select(one => new PassDocument(one.Pass.ToString(), one.Did))],
            [.. session.Steps(shapes).Select(step => new PlannedDocument(step.Name, step.How, step.Macs, step.Bytes))]);
        screen.Result(document, Documents.Written.ExplainDocument, () => screen.Line(session.Explain(shapes).TrimEnd('\n')));
        return Tool.Done;
    }
}

/// <param name="Input">[batch, channels, height, width]</param>
internal sealed record ExplainDocument(string Name, int[] Input, int Batch, int Threads, PassDocument[] Passes, PlannedDocument[] Steps);

internal sealed record PassDocument(string Name, string Did);

internal sealed record PlannedDocument(string Name, string Kernel, long Macs, long Bytes);
