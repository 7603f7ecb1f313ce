using System.CommandLine;
using System.Diagnostics;

namespace Tenfold.Cli;

/// <summary><c>tenfold run</c>: any model on raw tensors.</summary>
internal sealed class RunCommand : ToolCommand
{
    private readonly Option<string[]> _inputs = new("--input") { Description = "NumPy array to run on, [batch, channels, height, width]; one for each input of the network", HelpName = "X.npy", Required = true, AllowMultipleArgumentsPerToken = true };
    private readonly Option<string[]> _outputs = new("--output") { Description = "Where the outputs go, as NumPy arrays; one for each output wanted, in their order", HelpName = "Y.npy", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [] };
    private readonly Option<bool> _reference = new("--reference") { Description = "Run each operation's definition, slow and obvious, in place of the compiled network" };
    private readonly Option<int> _threads = Cli.Options.Threads();
    private readonly Option<ulong> _seed = Cli.Options.Seed();

    public RunCommand() : base("run", "Run a network on arrays from files")
    {
        Add(Models.Argument);
        Add(_inputs);
        Add(_outputs);
        Add(Models.Weights);
        Add(Models.Classes);
        Add(_reference);
        Add(_threads);
        Add(Compiled.Exact);
        Add(Compiled.Force);
        Add(Compiled.Without);
        Add(_seed);
    }

    public override string[] Examples => ["tenfold run model.safetensors --input x.npy --output y.npy", "tenfold run resnet50 --weights resnet50.safetensors --input x.npy --output y.npy --threads 2", "tenfold run resnet18 --input x.npy --reference"];

    public override int Run(ParseResult given, Screen screen, CancellationToken stop)
    {
        var (paths, targets, nameOrFile) = (given.GetRequiredValue(_inputs), given.GetValue(_outputs) ?? [], given.GetRequiredValue(Models.Argument));
        var inputs = Array.ConvertAll(paths, NpyFile.Read);
        var picture = inputs[0].Shape is { Rank: 4 } shape && !Models.IsFile(nameOrFile) ? Shape.Of(shape.AsSpan()[1..]) : (Shape?)null; // a network of the zoo is built for it
        var model = Models.Open(nameOrFile, picture, given.GetValue(Models.Classes), given.GetValue(_seed), given.GetValue(Models.Weights));
        if (inputs.Length != model.Graph.Inputs.Count) throw new UsageException($"--input: {inputs.Length} given; {model.Graph.Name} takes {model.Graph.Inputs.Count}");
        if (targets.Length > model.Graph.Outputs.Count) throw new UsageException($"--output: {targets.Length} given; {model.Graph.Name} has {model.Graph.Outputs.Count}");

        var clock = Stopwatch.StartNew();
        var outputs = given.GetValue(_reference)
            ? Reference.Run(model.Graph.WithInputs(Array.ConvertAll(inputs, input => input.Shape)), model.Weights, inputs)
            : model.Compile(Compiled.Options(given, given.GetValue(_threads))).RunAll(inputs);
        var seconds = clock.Elapsed.TotalSeconds;
        for (var i = 0; i < targets.Length; i++) NpyFile.Write(targets[i], outputs[i]);

        var document = new RunDocument(model.Graph.Name, seconds, [.. outputs.Select((output, i) => new OutputDocument([.. output.Shape], i < targets.Length ? targets[i] : null, Least(output), Most(output)))]);
        screen.Result(document, Documents.Written.RunDocument, () =>
        {
            foreach (var output in document.Outputs)
                screen.Line($"{document.Name}: {string.Join('x', output.Shape)}, from {output.Min:g6} to {output.Max:g6}, {seconds:f3} s{(output.File is { } file ? $" -> {file}" : "")}");
        });
        return Tool.Done;
    }

    // JSON has no word for infinities and NaN: they are told as null.
    private static float? Least(Tensor x) => x.Span.ToArray().Min() is var value && float.IsFinite(value) ? value : null;

    private static float? Most(Tensor x) => x.Span.ToArray().Max() is var value && float.IsFinite(value) ? value : null;
}

/// <param name="Seconds">Compiling included.</param>
internal sealed record RunDocument(string Name, double Seconds, OutputDocument[] Outputs);

/// <param name="File">Where it was written, if it was.</param>
/// <param name="Min">Null when not finite.</param>
/// <param name="Max">Null when not finite.</param>
internal sealed record OutputDocument(int[] Shape, string? File, float? Min, float? Max);
