using Microsoft.ML.OnnxRuntime;

namespace Tenfold.Tests;

/// <summary>ONNX Runtime as the independent judge of exported files.</summary>
internal static class Runtime
{
    public static Tensor[] Run(byte[] file, IReadOnlyList<string> names, IReadOnlyList<Tensor> inputs)
    {
        using var options = new SessionOptions { IntraOpNumThreads = 1, InterOpNumThreads = 1, GraphOptimizationLevel = GraphOptimizationLevel.ORT_DISABLE_ALL, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        using var session = new InferenceSession(file, options);
        var given = names.Zip(inputs, (name, x) => (name, OrtValue.CreateTensorValueFromMemory(x.Span.ToArray(), [.. x.Shape.Select(size => (long)size)]))).ToDictionary(pair => pair.name, pair => pair.Item2);
        try
        {
            using var run = new Microsoft.ML.OnnxRuntime.RunOptions();
            using var outputs = session.Run(run, given, session.OutputNames);
            return [.. outputs.Select(y => new Tensor(Shape.Of([.. y.GetTensorTypeAndShape().Shape.Select(size => (int)size)]), y.GetTensorDataAsSpan<float>().ToArray()))];
        }
        finally
        {
            foreach (var value in given.Values) value.Dispose();
        }
    }

    /// <summary>A model through an ONNX file, with other numbers of samples than it was made for where the batch is free.</summary>
    public static Tensor[] Run(Model model, OnnxOptions options, params IReadOnlyList<Tensor> inputs)
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "model.onnx");
        OnnxFile.Save(model, path, options);
        return Run(File.ReadAllBytes(path), [.. model.Graph.Inputs.Select(model.Graph.NameOf)], inputs);
    }
}
