namespace Tenfold.Benchmarks.Peers;

/// <summary>One engine with one network and one input, ready to run again and again.</summary>
internal abstract class Contestant : IDisposable
{
    public abstract void Run();

    /// <summary>What the last run gave.</summary>
    public abstract float[] Output { get; }

    /// <summary>How it runs, where it has a choice.</summary>
    public virtual string Remark => "";

    public abstract void Dispose();
}

internal sealed class TenfoldContestant : Contestant
{
    private readonly Session _session;
    private readonly Tensor _input;
    private readonly float[] _output;

    public TenfoldContestant(Model model, Tensor input, RunOptions options) : this(model, input, model.Compile(options))
    {
    }

    public TenfoldContestant(Model model, Tensor input, Session session)
    {
        (_session, _input) = (session, input);
        _output = new float[model.Graph.WithInputs(input.Shape).Outputs[0].Shape.Count];
    }

    public override float[] Output => _output;

    public override void Run() => _session.Run(_input.Span, _output);

    public override void Dispose()
    {
    }
}
