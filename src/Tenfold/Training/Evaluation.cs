using System.Diagnostics;

namespace Tenfold;

/// <summary>How well a model names the classes of a data set.</summary>
public sealed class Evaluation
{
    internal Evaluation(IReadOnlyList<string> classes, int[,] confusion, int topFive, double loss, double seconds)
    {
        (Classes, Confusion, Seconds) = (classes, confusion, seconds);
        var (count, correct) = (0, 0);
        var perClass = new ClassResult[classes.Count];
        for (var c = 0; c < perClass.Length; c++)
        {
            var (actual, predicted) = (0, 0);
            for (var other = 0; other < perClass.Length; other++)
            {
                actual += confusion[c, other];
                predicted += confusion[other, c];
            }

            perClass[c] = new ClassResult(classes[c], actual, actual == 0 ? 0 : (double)confusion[c, c] / actual, predicted == 0 ? 0 : (double)confusion[c, c] / predicted);
            count += actual;
            correct += confusion[c, c];
        }

        (Count, PerClass) = (count, perClass);
        (Accuracy, TopFive, Loss) = ((double)correct / count, (double)topFive / count, loss / count);
    }

    public IReadOnlyList<string> Classes { get; }

    /// <summary>How many samples were seen.</summary>
    public int Count { get; }

    /// <summary>The share of samples whose class has the largest output; of equal ones the first counts.</summary>
    public double Accuracy { get; }

    /// <summary>The share of samples whose class is among the five largest outputs.</summary>
    public double TopFive { get; }

    /// <summary>The mean cross-entropy, in nats.</summary>
    public double Loss { get; }

    /// <summary>[actual, predicted]: how many samples.</summary>
    public int[,] Confusion { get; }

    public IReadOnlyList<ClassResult> PerClass { get; }

    public double Seconds { get; }

    public override string ToString() => $"accuracy {Accuracy:P2}, loss {Loss:0.0000} on {Count} samples";
}

/// <summary>One class of an <see cref="Evaluation"/>.</summary>
/// <param name="Count">Samples of this class.</param>
/// <param name="Recall">The share of them that was recognised: the accuracy of the class.</param>
/// <param name="Precision">The share of samples taken for this class that are of it.</param>
public sealed record ClassResult(string Name, int Count, double Recall, double Precision);

public static partial class Verbs
{
    /// <summary>Runs every sample through the model, prepared as <see cref="Model.Preprocessing"/> says.</summary>
    /// <exception cref="DataException">The samples do not fit the network, or one cannot be read.</exception>
    public static Evaluation Evaluate(this Model model, Dataset data, int batch = 256, RunOptions? options = null)
    {
        var (graph, clock) = (model.Graph, Stopwatch.StartNew());
        data.CheckAgainst(graph);
        batch = Math.Clamp(batch, 1, data.Count);
        var session = model.WithoutHeads().Compile(options);
        var input = new Tensor([batch, data.Shape[0], data.Shape[1], data.Shape[2]]);
        using var loader = Loader.ForEvaluation(data, batch, data.Classes.Count, model.Preprocessing, threads: 1);
        var (confusion, topFive, loss) = (new int[data.Classes.Count, data.Classes.Count], 0, 0.0);
        while (loader.Next() is { } samples)
        {
            samples.Pixels.CopyTo(input.Span);
            var outputs = session.RunAll(input)[0];
            for (var i = 0; i < samples.Count; i++)
            {
                var scores = outputs.Span.Slice(i * data.Classes.Count, data.Classes.Count);
                var label = data.Label(samples.Indices[i]);
                confusion[label, scores.ArgMax()]++;
                if (Rank(scores, label) < 5) topFive++;
                loss += CrossEntropy(graph.Outputs[0].Op, scores, label);
            }
        }

        return new Evaluation(data.Classes, confusion, topFive, loss, clock.Elapsed.TotalSeconds);
    }

    /// <summary>The place of the largest number, the first of equal ones.</summary>
    internal static int ArgMax(this ReadOnlySpan<float> scores)
    {
        var best = 0;
        for (var i = 1; i < scores.Length; i++)
            if (scores[i] > scores[best]) best = i;
        return best;
    }

    internal static int ArgMax(this Span<float> scores) => ((ReadOnlySpan<float>)scores).ArgMax();

    // How many classes come before this one.
    private static int Rank(ReadOnlySpan<float> scores, int label)
    {
        var rank = 0;
        for (var i = 0; i < scores.Length; i++)
            if (scores[i] > scores[label] || (scores[i] == scores[label] && i < label)) rank++;
        return rank;
    }

    // What the network ends in says what its outputs are: probabilities, their logarithms, or logits.
    private static double CrossEntropy(Op end, ReadOnlySpan<float> scores, int label)
    {
        if (end is Softmax) return -Math.Log(Math.Max(scores[label], float.Epsilon));
        if (end is LogSoftmax) return -scores[label];
        var (max, sum) = ((double)scores[scores.ArgMax()], 0.0);
        foreach (var score in scores) sum += Math.Exp(score - max);
        return Math.Log(sum) + max - scores[label];
    }
}
