using System.CommandLine;

namespace Tenfold.Cli;

/// <summary>One command: what it takes, examples of its use, and what it does. One file each in <c>Commands/</c>.</summary>
internal abstract class ToolCommand(string name, string description) : Command(name, description)
{
    /// <summary>Command lines that work, for <c>--help</c>.</summary>
    public abstract string[] Examples { get; }

    /// <returns>The exit code.</returns>
    public abstract int Run(ParseResult given, Screen screen, CancellationToken stop);
}

/// <summary>Options that check their numbers while the line is parsed, so that a bad number is wrong usage, not failed work.</summary>
internal static class Options
{
    public static Option<int> Threads() => Whole("--threads", "Threads to compute with", Environment.ProcessorCount, least: 1, most: 1024);

    public static Option<ulong> Seed() => new("--seed") { HelpName = "N", Description = "Seed of weights, order and augmentation", DefaultValueFactory = _ => 0 };

    public static Option<int> Whole(string name, string description, int preset, int least, int most = int.MaxValue) =>
        Checked(new Option<int>(name) { HelpName = "N", Description = description, DefaultValueFactory = _ => preset }, value => value >= least && value <= most, Range(least, most));

    public static Option<double> Number(string name, string description, double preset, double least, double most = double.MaxValue) =>
        Checked(new Option<double>(name) { HelpName = "X", Description = description, DefaultValueFactory = _ => preset }, value => value >= least && value <= most, Range(least, most));

    /// <summary>A number that the command chooses itself when it is not given.</summary>
    public static Option<int?> WholeOrChosen(string name, string description, int least, int most = int.MaxValue) =>
        Checked(new Option<int?>(name) { HelpName = "N", Description = description }, value => value is null || (value >= least && value <= most), Range(least, most));

    /// <summary>A number that the command chooses itself when it is not given.</summary>
    public static Option<double?> NumberOrChosen(string name, string description, double least, double most = double.MaxValue) =>
        Checked(new Option<double?>(name) { HelpName = "X", Description = description }, value => value is null || (value >= least && value <= most), Range(least, most));

    /// <summary>One of a few words.</summary>
    public static Option<string> Choice(string name, string description, string preset, params string[] words)
    {
        var option = new Option<string>(name) { Description = description, DefaultValueFactory = _ => preset, HelpName = string.Join('|', words) };
        option.CompletionSources.Add(words);
        return Checked(option, words.Contains, string.Join(", ", words[..^1]) + " or " + words[^1]);
    }

    /// <summary>Sizes with an x between: 3x224x224.</summary>
    public static Option<string?> Sizes(string name, string description) => new(name) { Description = description, HelpName = "CxHxW" };

    private static Option<T> Checked<T>(Option<T> option, Func<T, bool> holds, string wanted)
    {
        option.Validators.Add(result =>
        {
            if (result.Implicit || result.Tokens.Count == 0) return;
            try
            {
                if (result.GetValueOrDefault<T>() is { } value && !holds(value)) result.AddError($"{option.Name} is {result.Tokens[^1].Value}; it must be {wanted}");
            }
            catch (InvalidOperationException)
            {
                result.AddError($"{option.Name} is {result.Tokens[^1].Value}; it must be {wanted}");
            }
        });
        return option;
    }

    private static string Range(double least, double most) => most is int.MaxValue or double.MaxValue ? $"a number of at least {least}" : $"a number from {least} to {most}";
}
