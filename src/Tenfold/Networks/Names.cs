namespace Tenfold;

/// <summary>Nearest names, for what was misspelt.</summary>
internal static class Names
{
    /// <summary><c>"; did you mean a or b?"</c>, or nothing when no name is near.</summary>
    public static string Suggest(string given, IEnumerable<string> known)
    {
        var near = Near(given, known);
        return near.Count == 0 ? "" : $"; did you mean {string.Join(" or ", near)}?";
    }

    /// <summary>At most three known names: within a third of their length in edits, or one the beginning of the other.</summary>
    public static IReadOnlyList<string> Near(string given, IEnumerable<string> known) =>
    [
        .. known.Distinct()
            .Select(name => (Name: name, Edits: Edits(Plain(given), Plain(name))))
            .Where(pair => pair.Edits <= Math.Max(1, given.Length / 3) || (given.Length >= 3 && Plain(pair.Name).StartsWith(Plain(given), StringComparison.Ordinal)))
            .OrderBy(pair => pair.Edits).ThenBy(pair => pair.Name, StringComparer.Ordinal)
            .Take(3)
            .Select(pair => pair.Name),
    ];

    private static string Plain(string name) => name.ToLowerInvariant().Replace("-", "").Replace("_", "");

    // Levenshtein's distance: insertions, deletions and replacements of one letter.
    private static int Edits(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)));
        }

        return row[^1];
    }
}
