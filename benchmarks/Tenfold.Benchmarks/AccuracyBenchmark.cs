using System.CommandLine;
using System.Diagnostics;
using Tenfold.Benchmarks.Peers;

namespace Tenfold.Benchmarks;

/// <summary>How far what a session computes is from the definition in double precision, beside how far the definition itself is in single precision.</summary>
/// <remarks>Errors are of the largest output, the worst of all outputs and samples. Of random weights there are two sets: as they are drawn, where norms have means near 0 and variances near 1
/// whatever comes to them, and with <c>--norms batch</c> those that a batch has, as training leaves them.</remarks>
internal static class AccuracyBenchmark
{
    private const double Allowed = 1e-4;

    public static int Run(ParseResult given)
    {
        var threads = given.GetValue<int>("--threads");
        Console.WriteLine(Results.Machine);
        var worst = 0.0;
        if (given.GetValue<string>("--model") is { } file)
        {
            var model = ModelFile.Load(file);
            Measure($"{model.Graph.Name}, trained", model, Pictures(model, given.GetRequiredValue<string>("--data"), given.GetValue<int>("--samples")));
        }
        else
        {
            var side = given.GetValue<int>("--input");
            foreach (var name in given.GetRequiredValue<string[]>("--network") is { Length: > 0 } named ? named : Network.All.Select(network => network.Name))
            {
                var graph = side > 0 ? Smallest(Network.Named(name), side) : Network.Create(name);
                var model = Case.Weighted(graph);
                if (given.GetValue<string>("--norms") == "batch") MeasureNorms(graph.WithBatch(4), model.Weights);
                Measure(name, model, [.. graph.Inputs.Select(input => Case.Noise(input.Shape))]);
            }
        }

        Console.WriteLine($"worst {worst:e1} of the largest output; {Allowed:e0} is allowed");
        return worst < Allowed ? 0 : 1;

        void Measure(string name, Model model, Tensor[] samples)
        {
            var clock = Stopwatch.StartNew();
            Session[] sessions = [model.Compile(new RunOptions { Threads = threads }), model.Compile(new RunOptions { Threads = threads, Exact = true })];
            var (session, exactly, single) = (0.0, 0.0, 0.0);
            var weights = model.Weights.ToDictionary(pair => pair.Key, pair => Values<double>.From(pair.Value));
            foreach (var x in samples)
            {
                var truth = Reference.Run(model.Graph, weights, Values<double>.From(x));
                session = Math.Max(session, Error(truth, sessions[0].RunAll(x)));
                exactly = Math.Max(exactly, Error(truth, sessions[1].RunAll(x)));
                single = Math.Max(single, Error(truth, Reference.Run(model.Graph, model.Weights, x)));
            }

            worst = Math.Max(worst, session);
            Console.WriteLine($"{name,-32} {model.Graph.Inputs[0].Shape,-18} session {session:e1}, exact {exactly:e1}, definition in single precision {single:e1}   ({clock.Elapsed.TotalSeconds:f0} s)");
        }
    }

    // For pictures of that side, or of the next larger one that the network takes.
    private static Graph Smallest(Network network, int side)
    {
        while (true)
        {
            try
            {
                return Network.Create(network.Name, input: [network.Input[0], side, side]);
            }
            catch (ShapeException) when (side < network.Input[1])
            {
                side++;
            }
        }
    }

    // Each norm's mean and variance become those of what reaches it.
    private static void MeasureNorms(Graph graph, Weights weights)
    {
        var values = new Dictionary<Node, Values<float>>();
        foreach (var input in graph.Inputs) values[input] = Values<float>.From(Case.Noise(input.Shape));
        foreach (var (name, node) in graph.Parameters) values[node] = Values<float>.From(weights[name]);
        foreach (var node in graph.Nodes.Where(node => node.Op is not Leaf))
        {
            if (node.Op is BatchNorm)
            {
                var (x, mean, variance) = (values[node.Inputs[0]], values[node.Inputs[3]], values[node.Inputs[4]]);
                new BatchMean().Define([x], mean);
                new BatchVariance().Define([x, mean], variance);
                mean.Data.CopyTo(weights[graph.NameOf(node.Inputs[3])].Span);
                variance.Data.CopyTo(weights[graph.NameOf(node.Inputs[4])].Span);
            }

            node.Op.Define([.. node.Inputs.Select(input => values[input])], values[node] = new Values<float>(node.Shape));
        }
    }

    private static double Error(Values<double>[] truth, Tensor[] outputs)
    {
        var worst = 0.0;
        for (var k = 0; k < truth.Length; k++)
        {
            var (difference, largest) = (0.0, 0.0);
            for (var i = 0; i < truth[k].Data.Length; i++)
            {
                var off = Math.Abs(truth[k].Data[i] - outputs[k].Span[i]);
                difference = off <= difference ? difference : off; // NaN counts
                largest = Math.Max(largest, Math.Abs(truth[k].Data[i]));
            }

            worst = Math.Max(worst, difference / largest);
        }

        return worst;
    }

    // The first test pictures, one at a time, as the model wants them.
    private static Tensor[] Pictures(Model model, string data, int count)
    {
        var set = Datasets.Open(data).Test;
        var (maker, target) = (new SampleMaker(set, model.Preprocessing, Augmentation.None, smoothing: 0, seed: 0), new float[set.Classes.Count]);
        return [.. Enumerable.Range(0, Math.Min(count, set.Count)).Select(index =>
        {
            var x = new Tensor(model.Graph.Inputs[0].Shape);
            maker.Make(index, 0, x.Span, target);
            return x;
        })];
    }
}
