using Microsoft.ML.OnnxRuntime;

namespace Tenfold.Benchmarks.Peers;

/// <summary>An ONNX file in ONNX Runtime: every graph optimisation, one thread between operations, spinning as it is by default.</summary>
internal sealed class OnnxRuntimeContestant : Contestant
{
    private readonly SessionOptions _options;
    private readonly InferenceSession _session;
    private readonly Microsoft.ML.OnnxRuntime.RunOptions _run = new();
    private readonly OrtValue _input;
    private readonly string[] _inputs, _outputs;
    private IDisposableReadOnlyCollection<OrtValue>? _output;

    public OnnxRuntimeContestant(string path, Tensor input, int threads)
    {
        _options = new SessionOptions
        {
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        _session = new InferenceSession(path, _options);
        (_inputs, _outputs) = ([.. _session.InputNames], [_session.OutputNames[0]]);
        _input = OrtValue.CreateTensorValueFromMemory(input.Span.ToArray(), [.. input.Shape.Select(size => (long)size)]);
    }

    static OnnxRuntimeContestant() => OnnxRuntimeLibrary.Load();

    public static string Version => OrtEnv.Instance().GetVersionString();

    public override float[] Output => _output![0].GetTensorDataAsSpan<float>().ToArray();

    public override void Run()
    {
        _output?.Dispose();
        _output = _session.Run(_run, _inputs, [_input], _outputs);
    }

    public override void Dispose()
    {
        _output?.Dispose();
        _input.Dispose();
        _run.Dispose();
        _session.Dispose();
        _options.Dispose();
    }
}
