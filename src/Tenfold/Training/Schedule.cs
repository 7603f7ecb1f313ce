namespace Tenfold;

/// <summary>How the learning rate changes: a factor on the optimiser's rate, as a pure function of the progress of training.</summary>
/// <remarks>Progress runs from 0 (before the first step) to 1 (after the last), so a schedule knows neither steps nor epochs, and the same one
/// serves a budget of epochs and a budget of time.</remarks>
public abstract record Schedule
{
    /// <summary>The factor at <paramref name="progress"/> in [0, 1].</summary>
    public abstract double At(double progress);

    public static Schedule Constant { get; } = new Flat();

    /// <summary>Times <paramref name="factor"/> after every <paramref name="period"/> of the training: 1/3 and 0.1 are thirty, sixty, ... of ninety epochs.</summary>
    public static Schedule Step(double period, double factor = 0.1) => new Stairs(period, factor);

    /// <summary>Times <paramref name="factor"/> at each of <paramref name="places"/> in (0, 1).</summary>
    public static Schedule MultiStep(double factor, params ReadOnlySpan<double> places) => new Edged(factor, [.. places]);

    /// <summary>Half a cosine from 1 to <paramref name="end"/>. Loshchilov and Hutter, "SGDR", 2016 (arXiv 1608.03983), without restarts.</summary>
    public static Schedule Cosine(double end = 0) => new HalfCosine(end);

    /// <summary>Up from <paramref name="start"/> to 1 during the share <paramref name="rise"/>, then down to <paramref name="end"/>.
    /// Smith and Topin, "Super-Convergence", 2017 (arXiv 1708.07120); the defaults are PyTorch's.</summary>
    /// <param name="linear">Straight lines in place of half cosines.</param>
    public static Schedule OneCycle(double rise = 0.3, double start = 1.0 / 25, double end = 1.0 / 25e4, bool linear = false) => new Cycle(rise, start, end, linear);

    /// <summary>A straight line from <paramref name="from"/> to 1 during the first <paramref name="share"/> of training, on top of this schedule:
    /// the factors are multiplied. Goyal et al., "Accurate, Large Minibatch SGD", 2017, section 2.2.</summary>
    public Schedule WarmUp(double share, double from = 0.01) => new Warm(this, share, from);

    private static double Share(double value, string what) => value is > 0 and < 1 ? value
        : throw new ArgumentOutOfRangeException(what, value, "schedule: a share of the training lies between 0 and 1");

    private static double Between(double from, double to, double way, bool linear) =>
        from + (to - from) * (linear ? way : (1 - Math.Cos(Math.PI * way)) / 2);

    private sealed record Flat : Schedule
    {
        public override double At(double progress) => 1;
    }

    private sealed record Stairs(double Period, double Factor) : Schedule
    {
        private readonly double _period = Share(Period, nameof(Period));

        // A period such as 1/3 is no exact number: a hair below the edge counts as the edge.
        public override double At(double progress) => Math.Pow(Factor, Math.Floor(progress / _period + 1e-9));
    }

    private sealed record Edged(double Factor, double[] Edges) : Schedule
    {
        public override double At(double progress) => Math.Pow(Factor, Edges.Count(place => progress + 1e-9 >= place));

        public override string ToString() => $"MultiStep {{ Factor = {Factor}, Edges = {string.Join(' ', Edges)} }}";
    }

    private sealed record HalfCosine(double End) : Schedule
    {
        public override double At(double progress) => Between(1, End, progress, linear: false);
    }

    private sealed record Cycle(double Rise, double Start, double End, bool Linear) : Schedule
    {
        private readonly double _rise = Share(Rise, nameof(Rise));

        public override double At(double progress) => progress < _rise
            ? Between(Start, 1, progress / _rise, Linear)
            : Between(1, End, (progress - _rise) / (1 - _rise), Linear);
    }

    private sealed record Warm(Schedule Then, double Length, double From) : Schedule
    {
        private readonly double _length = Share(Length, nameof(Length));

        public override double At(double progress) => Then.At(progress) * (progress < _length ? Between(From, 1, progress / _length, linear: true) : 1);
    }
}
