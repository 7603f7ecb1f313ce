namespace Tenfold.Benchmarks.Peers;

/// <summary>One engine with one network and one input, ready to run again and again.</summary>
internal abstract class Contestant : IDisposable
{
    public abstract void Run();

    /// <summary>What the last run gave.</summary>
    public abstract float[] Output { get; }

    public abstract void Dispose();
}

internal sealed class TenfoldContestant(Model model, Tensor input, RunOptions options) : Contestant
{
    private readonly Session _session = model.Compile(options);
    private Tensor? _output;

    public override float[] Output => _output!.Span.ToArray();

    public override void Run() => _output = _session.Run(input);

    public override void Dispose()
    {
    }
}
