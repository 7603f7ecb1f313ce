using Tenfold.Cli;
using Xunit;

namespace Tenfold.Tests;

public class ToolTests
{
    [Fact]
    public void Without_arguments_it_prints_its_help()
    {
        var run = CommandLine.Run();
        Assert.Equal(0, run.Code);
        Assert.Contains("Commands:", run.Output);
        Assert.Contains("Exit codes", run.Output);
        Assert.Empty(run.Error);
    }

    [Fact]
    public void Every_command_has_help_with_examples_that_parse()
    {
        foreach (var command in Tool.Root().Subcommands.Cast<ToolCommand>())
        {
            var run = CommandLine.Run(command.Name, "--help");
            Assert.Equal(0, run.Code);
            Assert.NotEmpty(command.Examples);
            foreach (var example in command.Examples)
            {
                Assert.Contains(example, run.Output);
                Assert.StartsWith($"tenfold {command.Name}", example);
                Assert.Empty(Tool.Root().Parse(example["tenfold ".Length..]).Errors);
            }
        }
    }

    [Theory]
    [InlineData("infp", "unknown command infp; did you mean info?")]
    [InlineData("info --jsno", "unknown option --jsno; did you mean --json?")]
    [InlineData("info extra", "unknown argument extra")]
    public void Wrong_usage_is_exit_code_2_and_says_what_was_meant(string line, string message)
    {
        var run = CommandLine.Run(line.Split(' '));
        Assert.Equal(2, run.Code);
        Assert.Empty(run.Output);
        Assert.Contains(message, run.Error);
        Assert.Contains("--help", run.Error);
    }

    [Fact]
    public void Info_has_the_keys_that_scripts_rely_on()
    {
        var info = CommandLine.Run("info", "--json").Json;
        foreach (var key in (string[])["version", "runtime", "cpu", "instructionSets", "threads"]) Assert.True(info.TryGetProperty(key, out _), key);
        Assert.Equal(Environment.ProcessorCount, info.GetProperty("threads").GetInt32());
    }

    [Fact]
    public void Info_in_words_is_plain_when_redirected()
    {
        var run = CommandLine.Run("info");
        Assert.Equal(0, run.Code);
        Assert.DoesNotContain('\e', run.Output);
        Assert.Contains("processor", run.Output);
    }

    [Theory]
    [InlineData("resnet5", "resnet20,resnet50,vgg16", "resnet50")]
    [InlineData("ResNet-50", "resnet20,resnet50,vgg16", "resnet50")]
    [InlineData("shuffle", "shufflenet,vgg16", "shufflenet")]
    [InlineData("xyz", "resnet20,resnet50", null)]
    public void Misspelt_names_find_their_neighbours(string given, string known, string? nearest) =>
        Assert.Equal(nearest is null ? [] : [nearest], Names.Near(given, known.Split(',')).Take(1));
}
