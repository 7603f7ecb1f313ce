using System.Text.Json;
using Xunit;

namespace Tenfold.Tests;

/// <summary>Networks with torchvision's names against what torchvision computes from the same weights; see <c>tests/fixtures/make_parity.py</c>.</summary>
/// <remarks>Weights come from a rule of whole numbers by name and place, so that only the expected outputs are in the repository. All networks at full size,
/// by way of checkpoints: <c>tests/fixtures/parity.sh</c>. All of them here, through both executors: <c>TENFOLD_TEST_LONG=1</c>.</remarks>
public class ParityTests(ITestOutputHelper output)
{
    private const float Tolerance = 1e-4f; // of the largest output

    private static readonly bool s_long = Environment.GetEnvironmentVariable("TENFOLD_TEST_LONG") == "1";
    private static readonly long s_many = s_long ? long.MaxValue : 40_000_000; // parameters that are filled in no time
    private static readonly long s_few = s_long ? long.MaxValue : 40_000_000; // MACs that the reference executor does in a second or two

    private static readonly Dictionary<string, Case> s_cases = ReadCases("parity.json");
    private static readonly Dictionary<string, Case> s_timm = ReadCases("parity-timm.json");

    public static TheoryData<string> Names => [.. s_cases.Keys];

    public static TheoryData<string> OfTimm => [.. s_timm.Keys];

    /// <param name="Gain">Of norms.</param>
    /// <param name="Largest">Magnitude of all outputs.</param>
    /// <param name="Step">Every step-th output is in <paramref name="Output"/>.</param>
    /// <param name="Names">Of the tensors in a file; none where they are the network's.</param>
    private sealed record Case(int Classes, int[] Input, double Gain, double Largest, int Step, double[] Output, string[]? Names = null);

    [Theory]
    [MemberData(nameof(Names))]
    public void Sessions_give_torchvision_s_outputs(string name)
    {
        var graph = Graph(name, s_cases[name]);
        Assert.SkipWhen(graph.Cost.Parameters > s_many, "TENFOLD_TEST_LONG=1 runs it");
        Compare(name, s_cases[name], new Session(graph, Weights(graph, s_cases[name].Gain)).RunAll(Picture(s_cases[name]))[0]);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_reference_gives_torchvision_s_outputs(string name)
    {
        var graph = Graph(name, s_cases[name]);
        Assert.SkipWhen(graph.Cost.Macs > s_few || graph.Cost.Parameters > s_many, "TENFOLD_TEST_LONG=1 runs it");
        Compare(name, s_cases[name], Reference.Run(graph, Weights(graph, s_cases[name].Gain), Picture(s_cases[name]))[0]);
    }

    [Theory]
    [MemberData(nameof(OfTimm))]
    public void Weights_by_timm_s_names_give_timm_s_outputs(string name)
    {
        var (expected, graph) = (s_timm[name], Graph(name, s_timm[name]));
        Assert.SkipWhen(graph.Cost.Parameters > s_many, "TENFOLD_TEST_LONG=1 runs it");
        var file = Weights(graph, expected.Gain);
        if (expected.Names is { Length: > 0 } names)
        {
            // The rule makes numbers by the file's names; the shapes are the network's, in whatever order.
            var naming = WeightNaming.All.Single(naming => names.All(given => graph.Parameters.ContainsKey(naming.Rename(given))));
            file = new Weights();
            foreach (var given in names) file[given] = ByRule(given, graph.Parameters[naming.Rename(given)].Shape, expected.Gain);
        }

        var path = Path.GetTempFileName();
        try
        {
            Safetensors.Write(path, file);
            Compare(name, expected, graph.Load(path).Compile().Run(Picture(expected)));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Checkpoints_give_torchvision_s_outputs()
    {
        var folder = Environment.GetEnvironmentVariable("TENFOLD_PARITY");
        Assert.SkipWhen(string.IsNullOrEmpty(folder), "tests/fixtures/parity.sh runs it");
        foreach (var path in Directory.GetFiles(folder, "*.safetensors"))
        {
            var name = Path.GetFileNameWithoutExtension(path);
            var @case = JsonSerializer.Deserialize<Case>(File.ReadAllText(Path.ChangeExtension(path, ".json")), JsonSerializerOptions.Web)!;
            Compare(name, @case, Graph(name, @case).Load(path).Compile().RunAll(Picture(@case))[0]);
        }
    }

    private static Graph Graph(string name, Case @case) => Network.Create(name, @case.Classes, Shape.Of(@case.Input.AsSpan(1)));

    private void Compare(string name, Case expected, Tensor y)
    {
        var worst = 0.0;
        for (var i = 0; i < expected.Output.Length; i++) worst = Math.Max(worst, Math.Abs(expected.Output[i] - y.Span[i * expected.Step]));
        output.WriteLine($"parity: {name} {worst / expected.Largest:e1}");
        Assert.Equal((y.Span.Length + expected.Step - 1) / expected.Step, expected.Output.Length);
        Assert.True(worst <= Tolerance * expected.Largest, $"{name}: an error of {worst / expected.Largest:e1} of the largest output");
    }

    private static Weights Weights(Graph graph, double gain)
    {
        var weights = new Weights();
        foreach (var (name, node) in graph.Parameters) weights[name] = ByRule(name, node.Shape, gain);
        return weights;
    }

    private static Tensor Picture(Case @case) => ByRule("input", Shape.Of(@case.Input), 1);

    private static Tensor ByRule(string name, Shape shape, double gain)
    {
        var seed = 2166136261u;
        foreach (var letter in name) seed = (seed ^ letter) * 16777619;
        var (factor, offset) = name == "input" ? (1.0, 0.0)
            : shape.Rank > 1 ? (Math.Sqrt(6.0 / (shape.Count / shape[0])), 0)
            : name.EndsWith("running_var", StringComparison.Ordinal) ? (0.5, 1)
            : name.EndsWith("weight", StringComparison.Ordinal) ? (gain / 4, gain)
            : (0, 0.0);
        var tensor = new Tensor(shape);
        for (var i = 0; i < tensor.Span.Length; i++)
        {
            var h = ((uint)i * 0x9E3779B9) ^ seed;
            h = (h ^ (h >> 16)) * 0x7FEB352D;
            h = (h ^ (h >> 15)) * 0x846CA68B;
            var u = ((h ^ (h >> 16)) >> 8) * (1.0 / (1 << 23)) - 1;
            tensor.Span[i] = (float)(factor == 0 ? u / 5 : u * factor + offset);
        }

        return tensor;
    }

    private static Dictionary<string, Case> ReadCases(string file)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Fixtures", file)));
        return json.RootElement.GetProperty("networks").Deserialize<Dictionary<string, Case>>(JsonSerializerOptions.Web)!;
    }
}
