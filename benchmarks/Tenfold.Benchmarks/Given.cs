using System.CommandLine;
using System.Globalization;

namespace Tenfold.Benchmarks;

/// <summary>Commands and what they are given, by name.</summary>
internal static class Given
{
    public static Command Command(string name, string description, Func<ParseResult, int> run, params Symbol[] given)
    {
        var command = new Command(name, description);
        foreach (var one in given)
            if (one is Argument argument) command.Add(argument);
            else command.Add((Option)one);
        command.SetAction(run);
        return command;
    }

    public static Option<int> Whole(string name, string description, int preset) => new(name) { Description = description, DefaultValueFactory = _ => preset };

    public static Option<double> Number(string name, string description, double preset) => new(name) { Description = description, DefaultValueFactory = _ => preset };

    public static Option<bool> Flag(string name, string description) => new(name) { Description = description };

    public static Option<string?> Text(string name, string description, string? preset) => new(name) { Description = description, DefaultValueFactory = _ => preset };

    /// <summary>One of a few words, by default the first.</summary>
    public static Option<string> Choice(string name, string description, params string[] words) =>
        new Option<string>(name) { Description = description, DefaultValueFactory = _ => words[0] }.AcceptOnlyFromAmong(words);

    /// <summary>Several with commas between.</summary>
    public static Option<string[]> Texts(string name, string description, params string[] preset) =>
        new(name) { Description = description, DefaultValueFactory = _ => preset, CustomParser = result => Split(result.Tokens[0].Value) };

    /// <summary>Several with commas between.</summary>
    public static Option<int[]> Wholes(string name, string description, params int[] preset) => new(name)
    {
        Description = description,
        DefaultValueFactory = _ => preset,
        CustomParser = result =>
        {
            try
            {
                return Array.ConvertAll(Split(result.Tokens[0].Value), word => int.Parse(word, CultureInfo.InvariantCulture));
            }
            catch (FormatException)
            {
                result.AddError($"{name} is {result.Tokens[0].Value}; it must be whole numbers with commas between");
                return null;
            }
        },
    };

    /// <summary>What stands before the options: any words, or some of <paramref name="known"/>.</summary>
    public static Argument<string[]> Words(string name, string description, string[] preset, string[]? known)
    {
        var words = new Argument<string[]>(name) { Description = description, DefaultValueFactory = _ => preset, Arity = ArgumentArity.ZeroOrMore };
        return known is null ? words : words.AcceptOnlyFromAmong(known);
    }

    private static string[] Split(string list) => list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
