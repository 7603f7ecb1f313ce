using System.IO.Compression;
using Xunit;

namespace Tenfold.Tests;

/// <summary>ONNX's own test cases, where they are on the machine (Debian: libonnx-testdata; else the folder in TENFOLD_ONNX_DATA).</summary>
public class OnnxConformanceTests
{
    private static readonly string s_root = Environment.GetEnvironmentVariable("TENFOLD_ONNX_DATA") ?? "/usr/share/libonnx-testdata/data";

    [Fact]
    public void Every_case_in_scope_passes()
    {
        if (!Directory.Exists(s_root)) Assert.Skip($"{s_root} is not there: install libonnx-testdata, or set TENFOLD_ONNX_DATA");
        var outcomes = Conformance.Cases(s_root).Select(Conformance.Run).ToArray();
        var score = Conformance.Score(outcomes);
        if (Environment.GetEnvironmentVariable("TENFOLD_ONNX_SCORE") is { Length: > 0 } path) File.WriteAllText(path, score);
        TestContext.Current.TestOutputHelper?.WriteLine(score);
        Assert.True(outcomes.All(outcome => outcome.Fault is null), score);
        Assert.True(outcomes.Count(outcome => outcome.Excluded is null) > 100, score);
    }

    // Some of them travel with the tests: onnx-cases.zip, from Debian's libonnx-testdata 1.12.0, and (node24) what ONNX added since, for opset 24, made by
    // tests/fixtures/make_onnx_cases.py of its programs (both Apache 2.0).
    [Fact]
    public void The_cases_at_hand_pass()
    {
        using var folder = new TemporaryFolder();
        ZipFile.ExtractToDirectory(Path.Combine(AppContext.BaseDirectory, "Fixtures", "onnx-cases.zip"), folder.Path);
        var outcomes = Conformance.Cases(folder.Path).Select(Conformance.Run).ToArray();
        Assert.True(outcomes.All(outcome => outcome.Fault is null), Conformance.Score(outcomes));
        Assert.True(outcomes.Count(outcome => outcome.Excluded is null) > 300, Conformance.Score(outcomes));
    }
}
