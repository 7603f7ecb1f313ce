namespace Tenfold;

/// <summary>A rectangle on the paper.</summary>
internal readonly record struct Rectangle(double Left, double Top, double Right, double Bottom)
{
    public static Rectangle Around(double x, double y, double halfWidth, double halfHeight) => new(x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight);

    /// <summary>The common area, 0 when there is none.</summary>
    public double Overlap(Rectangle other) =>
        Math.Max(0, Math.Min(Right, other.Right) - Math.Max(Left, other.Left)) * Math.Max(0, Math.Min(Bottom, other.Bottom) - Math.Max(Top, other.Top));

    public (double X, double Y) Nearest(double x, double y) => (Math.Clamp(x, Left, Right), Math.Clamp(y, Top, Bottom));
}

/// <summary>Places for words beside points, such that no two overlap and little is covered.</summary>
/// <remarks>Every label tries places around its point, nearest first; the most crowded point chooses first, then all choose again, given
/// where the others are, until none moves.</remarks>
internal static class Labels
{
    private static readonly double[] s_distances = [9, 14, 20, 28, 38, 50, 64, 80, 100, 124, 150, 180, 215, 255, 300, 350];

    /// <param name="sizes">Width and height of the words at each point.</param>
    /// <param name="within">The labels stay inside.</param>
    /// <param name="avoid">What is better not covered, and how much that matters.</param>
    public static Rectangle[] Place(
        IReadOnlyList<(double X, double Y)> points, IReadOnlyList<(double Width, double Height)> sizes, Rectangle within, IReadOnlyList<(Rectangle Area, double Weight)> avoid)
    {
        var placed = new Rectangle?[points.Count];
        int[] order = [.. Enumerable.Range(0, points.Count).OrderBy(i => points.Sum(p => Math.Min(100, Math.Abs(p.X - points[i].X) + Math.Abs(p.Y - points[i].Y)))).ThenBy(i => i)];
        for (var (round, moved) = (0, true); moved && round < 8; round++)
        {
            moved = false;
            foreach (var i in order)
            {
                var best = Candidates(points[i], sizes[i]).MinBy(candidate => Cost(candidate.Area, i) + candidate.Distance);
                moved |= placed[i] != best.Area;
                placed[i] = best.Area;
            }
        }

        return [.. placed.Select(area => area!.Value)];

        double Cost(Rectangle area, int self)
        {
            var outside = Math.Max(0, within.Left - area.Left) + Math.Max(0, area.Right - within.Right) + Math.Max(0, within.Top - area.Top) + Math.Max(0, area.Bottom - within.Bottom);
            var cost = 1000 * outside;
            for (var i = 0; i < placed.Length; i++)
                if (i != self && placed[i] is { } other && area.Overlap(other) is > 0 and var common) cost += 2000 + 10 * common;
            foreach (var (covered, weight) in avoid)
                if (area.Overlap(covered) is > 0 and var common) cost += weight * (1 + common / 50);
            return cost;
        }
    }

    // Sixteen directions, right and left before above and below: words beside their point read best.
    private static IEnumerable<(Rectangle Area, double Distance)> Candidates((double X, double Y) point, (double Width, double Height) size)
    {
        foreach (var distance in s_distances)
            for (var direction = 0; direction < 16; direction++)
            {
                var (sin, cos) = Math.SinCos(direction * Math.PI / 8);
                var (x, y) = (point.X + cos * (distance + size.Width / 2), point.Y + sin * (distance + size.Height / 2));
                yield return (Rectangle.Around(x, y, size.Width / 2, size.Height / 2), distance + (cos < 0 ? 3 : 0) + 6 * Math.Abs(sin));
            }
    }
}
