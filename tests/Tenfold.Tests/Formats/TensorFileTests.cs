using Xunit;

namespace Tenfold.Tests;

/// <summary>Large tensors stay in their file until somebody asks for their numbers, and nobody sees a difference.</summary>
public sealed class TensorFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tenfold").FullName;

    private string Name => Path.Combine(_folder, "model.safetensors");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static readonly Model s_model = Make();

    // A folded kernel, one that others read too, a transposed one and a linear layer, each of more than 64 KB.
    private static Model Make()
    {
        var x = Image.Of(35, 9, 11).Scope("stem", y => y.ConvBn(66, 3).Relu());
        x = x.Scope("block", y => y.Conv(66, 3)) + x;
        x = x.ConvTranspose(80, 2, stride: 2).GlobalAvgPool().Flatten().Linear(210);
        return new Model(x.ToGraph("large"), seed: 7);
    }

    private static Tensor Input(int batch = 1, int height = 9)
    {
        var (x, random) = (new Tensor([batch, 35, height, 11]), new Philox(3));
        for (var i = 0; i < x.Span.Length; i++) x.Span[i] = (float)random.Normal((ulong)i);
        return x;
    }

    private Model Saved()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("on Windows all is read at once");
        ModelFile.Save(s_model, Name);
        return ModelFile.Load(Name);
    }

    private static string[] InFile(Model model) => [.. model.Weights.Where(pair => pair.Value.Place is not null).Select(pair => pair.Key)];

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(2, true)]
    public void A_session_leaves_the_kernels_in_their_file(int threads, bool exact)
    {
        var loaded = Saved();
        string[] large = [.. s_model.Weights.Where(pair => pair.Value.Shape.Count >= TensorFile.Least).Select(pair => pair.Key)];
        Assert.Equal(4, large.Length);
        Assert.Equal(large, InFile(loaded));
        var options = new RunOptions { Threads = threads, Exact = exact };
        var (own, session) = (s_model.Compile(options), loaded.Compile(options));
        foreach (var x in new[] { Input(), Input(2), Input(height: 4) })
        {
            // Other sizes are packed from the file once more.
            Assert.Equal(own.Run(x).Span, session.Run(x).Span);
            Assert.Equal(large[..3], InFile(loaded)); // a linear layer reads its weights where they lie
        }
    }

    [Fact]
    public void Whoever_asks_for_the_numbers_has_them_from_then_on()
    {
        var loaded = Saved();
        var tensor = loaded.Weights["stem.conv1.weight"];
        var (shaped, clone) = (tensor.Reshape(tensor.Shape), tensor.Clone());
        tensor[1, 2, 1, 1] = 3;
        Assert.Equal(3, shaped[1, 2, 1, 1]);
        Assert.Equal(3, tensor.Reshape(Shape.Of([(int)tensor.Shape.Count])).Span[(35 + 2) * 9 + 4]);
        Assert.Equal(s_model.Weights["stem.conv1.weight"].Span, clone.Span);
        clone = tensor.Clone();
        tensor.Span.Clear();
        Assert.Equal(3, clone[1, 2, 1, 1]);
        loaded.Weights["stem.bn1.bias"].Span.Clear();
        Assert.All(loaded.Compile().Run(Input()).Span.ToArray(), number => Assert.True(float.IsFinite(number)));
        Assert.Null(tensor.Place);
    }

    [Fact]
    public void A_model_is_saved_over_the_file_it_came_from()
    {
        var loaded = Saved();
        var (bytes, again) = (File.ReadAllBytes(Name), ModelFile.Load(Name));
        ModelFile.Save(loaded, Name);
        Assert.Equal(bytes, File.ReadAllBytes(Name));
        Assert.Equal(s_model.Compile().Run(Input()).Span, again.Compile().Run(Input()).Span);
    }

    [Fact]
    public void A_file_that_is_replaced_or_deleted_is_read_as_it_was()
    {
        var (replaced, deleted) = (Saved(), ModelFile.Load(Name));
        ModelFile.Save(new Model(s_model.Graph, seed: 8), Name);
        Assert.Equal(s_model.Compile().Run(Input()).Span, replaced.Compile().Run(Input()).Span);
        File.Delete(Name);
        Assert.Equal(s_model.Compile().Run(Input()).Span, deleted.Compile().Run(Input()).Span);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_file_that_was_written_to_is_an_error_with_its_name_and_the_tensors(bool shortened)
    {
        var loaded = Saved();
        using (var file = new FileStream(Name, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            if (shortened) file.SetLength(file.Length / 2);
            else file.Write([0]);
        }

        if (!shortened) File.SetLastWriteTimeUtc(Name, DateTime.UtcNow.AddSeconds(2)); // whatever the file system's clock
        foreach (Action read in new Action[] { () => loaded.Compile(new RunOptions { Threads = 2 }).Run(Input()), () => loaded.Compile(new RunOptions { Threads = 1 }).Run(Input()), () => _ = loaded.Weights["stem.conv1.weight"].Span })
        {
            var fault = Assert.Throws<IOException>(read);
            Assert.StartsWith(Name, fault.Message);
            Assert.Contains("stem.conv1.weight", fault.Message);
        }
    }

    [Fact]
    public void Sessions_of_one_model_read_it_at_the_same_time()
    {
        var loaded = Saved();
        var expected = s_model.Compile(new RunOptions { Threads = 1 }).Run(Input()).Span.ToArray();
        var outputs = new float[4][];
        Parallel.For(0, outputs.Length, new ParallelOptions { MaxDegreeOfParallelism = outputs.Length }, i =>
        {
            if (i == 3) _ = loaded.Weights["block.conv1.weight"].Span; // which one reads meanwhile to keep
            outputs[i] = loaded.Compile(new RunOptions { Threads = 1 }).Run(Input()).Span.ToArray();
        });
        Assert.All(outputs, output => Assert.Equal(expected, output));
    }

    [Fact]
    public void Weights_and_files_made_of_them_are_what_was_saved()
    {
        var loaded = Saved();
        foreach (var (name, tensor) in s_model.Weights) Assert.Equal(tensor.Span, loaded.Weights[name].Span);
        loaded = ModelFile.Load(Name);
        var (ours, theirs) = (Path.Combine(_folder, "ours.npz"), Path.Combine(_folder, "theirs.npz"));
        loaded.SaveWeights(ours);
        s_model.SaveWeights(theirs);
        Assert.Equal(File.ReadAllBytes(theirs), File.ReadAllBytes(ours));
    }
}
