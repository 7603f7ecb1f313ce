namespace Tenfold;

/// <summary>Threads that work together on one thing after another: fork, run every item once, join.</summary>
/// <remarks>Which thread runs an item is left to chance; what an item computes must not depend on it.</remarks>
internal sealed class Team
{
    private Team(int threads) => Threads = threads;

    public int Threads { get; }

    public static Team Of(int threads) => threads >= 1 ? new Team(threads) : throw new ArgumentOutOfRangeException(nameof(threads), threads, "at least one thread");

    /// <summary>Runs <paramref name="work"/> for every item in [0, items).</summary>
    public void Run(int items, Action<int> work)
    {
        for (var item = 0; item < items; item++) work(item);
    }
}
