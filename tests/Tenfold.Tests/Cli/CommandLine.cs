using System.Text.Json;
using Tenfold.Cli;
using Xunit;

namespace Tenfold.Tests;

/// <summary>A command run in this process, with what it wrote.</summary>
internal sealed record CommandLine(int Code, string Output, string Error)
{
    public static CommandLine Run(params string[] arguments) => Run(TestContext.Current.CancellationToken, arguments);

    public static CommandLine Run(CancellationToken stop, params string[] arguments)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var code = Tool.Run(arguments, output, error, stop);
        return new CommandLine(code, output.ToString(), error.ToString());
    }

    /// <summary>The one document on standard output; throws when there is anything else.</summary>
    public JsonElement Json
    {
        get
        {
            Assert.True(Code == 0, Error);
            return JsonDocument.Parse(Output).RootElement;
        }
    }

    /// <summary>The keys of a JSON object, in order.</summary>
    public static IEnumerable<string> Keys(JsonElement element) => element.EnumerateObject().Select(property => property.Name);
}
