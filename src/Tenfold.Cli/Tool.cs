using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;

namespace Tenfold.Cli;

/// <summary>The <c>tenfold</c> command line: parses, runs one command, and turns what goes wrong into one line and an exit code.</summary>
/// <remarks>Exit codes: 0 done; 1 the work failed; 2 wrong usage; 130 stopped by Ctrl-C, with what was finished kept.</remarks>
internal static class Tool
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int WrongUsage = 2;
    public const int Stopped = 130; // 128 + SIGINT, as shells have it

    public static int Run(IReadOnlyList<string> arguments, TextWriter output, TextWriter error, CancellationToken stop = default)
    {
        var root = Root();
        var given = root.Parse(arguments.Count == 0 ? ["--help"] : arguments);
        if (given.Errors.Count > 0 && given.Action is null or ParseErrorAction)
        {
            error.WriteLine(Complaint(given));
            return WrongUsage;
        }

        if (given.Action is not null || given.CommandResult.Command is not ToolCommand command)
            return given.Invoke(new InvocationConfiguration { Output = output, Error = error }); // help, version, completion

        var screen = new Screen(output, error, given.GetValue<bool>("--json"));
        try
        {
            return command.Run(given, screen, stop);
        }
        catch (Exception exception)
        {
            return Report(exception, given, error);
        }
    }

    public static RootCommand Root()
    {
        var root = new RootCommand("Tenfold: convolutional networks in pure C#. Designs, trains, measures and runs them, and tells which operation pays on this machine and this data.")
        {
            new TrainCommand(),
            new EvaluateCommand(),
            new PredictCommand(),
            new CompareCommand(),
            new SummaryCommand(),
            new NetworksCommand(),
            new OpsCommand(),
            new ExportCommand(),
            new RunCommand(),
            new BenchCommand(),
            new ExplainCommand(),
            new InfoCommand(),
        };
        root.Add(new Option<bool>("--json") { Description = "Print exactly one JSON document on standard output, all else on standard error", Recursive = true });
        root.Add(new Option<bool>("--verbose") { Description = "When something fails, print where", Recursive = true });
        foreach (var help in root.Options.OfType<HelpOption>()) help.Action = new HelpWithExamples((HelpAction)help.Action!);
        return root;
    }

    // An exception that tells the user about their input is one line; any other is a fault of ours, and says so.
    private static int Report(Exception exception, ParseResult given, TextWriter error)
    {
        if (exception is AggregateException { InnerExceptions: [var only] }) exception = only;
        var (message, code) = exception switch
        {
            OperationCanceledException => ("stopped", Stopped),
            UsageException => ($"{exception.Message}\nRun '{FullName(given.CommandResult)} --help' for its options.", WrongUsage),
            OutOfMemoryException => ($"out of memory: {exception.Message}", Failed),
            ShapeException or IOException or InvalidDataException or UnauthorizedAccessException or ArgumentException or FormatException
                or NotSupportedException or KeyNotFoundException => (exception.Message, Failed),
            _ when exception.GetType().Assembly != typeof(object).Assembly => (exception.Message, Failed), // the library's own, each with its sentence
            _ => ($"unexpected {exception.GetType().Name}: {exception.Message} (--verbose shows where)", Failed),
        };
        error.WriteLine($"tenfold: {message}");
        if (given.GetValue<bool>("--verbose")) error.WriteLine(exception);
        return code;
    }

    // What the parser did not understand, with the nearest thing that it would have.
    private static string Complaint(ParseResult given)
    {
        var command = given.CommandResult;
        var lines = new List<string>();
        foreach (var token in given.UnmatchedTokens)
        {
            var known = token.StartsWith('-')
                ? command.RecursiveOptions().SelectMany(option => option.Aliases.Prepend(option.Name))
                : command.Command.Subcommands.Select(sub => sub.Name);
            var kind = token.StartsWith('-') ? "option" : command.Command.Subcommands.Count > 0 ? "command" : "argument";
            lines.Add($"unknown {kind} {token}{Names.Suggest(token, known)}");
        }

        if (lines.Count == 0) lines.AddRange(given.Errors.Select(error => error.Message).Distinct());
        return $"tenfold: {string.Join("\n", lines)}\nRun '{FullName(command)} --help' for its options.";
    }

    private static IEnumerable<Option> RecursiveOptions(this CommandResult command) =>
        command.Command.Options.Concat(command.Parent is CommandResult parent ? parent.Command.Options.Where(option => option.Recursive) : []);

    private static string FullName(CommandResult command) => command.Parent is CommandResult ? $"tenfold {command.Command.Name}" : "tenfold";

    private sealed class HelpWithExamples(HelpAction help) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult given)
        {
            help.Invoke(given);
            var output = given.InvocationConfiguration.Output;
            string[] examples = given.CommandResult.Command is ToolCommand command ? command.Examples :
                ["tenfold compare", "tenfold train cifar10 --network resnet20", "tenfold summary resnet50"];
            output.WriteLine("Examples:");
            foreach (var example in examples) output.WriteLine($"  {example}");
            output.WriteLine();
            output.WriteLine("Exit codes: 0 done, 1 the work failed, 2 wrong usage, 130 stopped by Ctrl-C (what was finished is kept).");
            return Done;
        }
    }
}

/// <summary>What the user asked for cannot be asked: exit code 2.</summary>
internal sealed class UsageException(string message) : Exception(message);
