using System.Globalization;

namespace Tenfold.Benchmarks;

/// <summary>The words and options of a command line: <c>WORD... --name value --flag</c>.</summary>
internal sealed class Arguments(string[] args)
{
    /// <summary>What stands before the first option.</summary>
    public string[] Words { get; } = [.. args.TakeWhile(word => !word.StartsWith("--", StringComparison.Ordinal))];

    public bool Has(string name) => args.Contains("--" + name);

    public string Text(string name, string otherwise) => Array.IndexOf(args, "--" + name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : otherwise;

    public int Whole(string name, int otherwise) => Has(name) ? int.Parse(Text(name, ""), CultureInfo.InvariantCulture) : otherwise;

    public double Number(string name, double otherwise) => Has(name) ? double.Parse(Text(name, ""), CultureInfo.InvariantCulture) : otherwise;

    /// <summary>Several with commas between; empty when not given.</summary>
    public string[] List(string name) => Text(name, "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    public int[] Wholes(string name, params int[] otherwise) => Has(name) ? [.. List(name).Select(number => int.Parse(number, CultureInfo.InvariantCulture))] : otherwise;
}
