using Xunit;

namespace Tenfold.Tests;

/// <summary>One thing to check: what is built, on which shapes, with what numbers.</summary>
/// <param name="Build">From the inputs to the value in question.</param>
/// <param name="Shapes">A shape per input.</param>
public sealed record Case(string Name, Func<Node[], Node> Build, params Shape[] Shapes)
{
    public Case(string name, Func<Node, Node> build, Shape shape) : this(name, x => build(x[0]), [shape])
    {
    }

    /// <summary>How each input's numbers are drawn; normal where none is given.</summary>
    public IReadOnlyList<Draw> Draws { get; init; } = [];

    /// <summary>How the numbers of a parameter are drawn, by its role; null for normal (variances: positive).</summary>
    public Func<string, Draw?> Weights { get; init; } = _ => null;

    /// <summary>The largest error of the fast executor, in parts of the largest number of the tensor.</summary>
    public double Tolerance { get; init; } = 2e-5;

    /// <summary>Inputs that are not differentiated: targets, masks.</summary>
    public IReadOnlyList<int> Constants { get; init; } = [];

    /// <summary>False for operations that exist only as gradients of others.</summary>
    public bool Differentiable { get; init; } = true;

    /// <summary>At how many places of each input and parameter a single derivative is compared, less where the case is big;
    /// a derivative along a random direction covers the others.</summary>
    public int Places { get; init; } = 12;

    public override string ToString() => $"{Name} on {string.Join(", ", Shapes)}";
}

/// <summary>The index-th number of a random tensor.</summary>
public delegate double Draw(Philox random, ulong index);

/// <summary>The ways to draw.</summary>
public static class Draws
{
    public static readonly Draw Normal = (random, index) => random.Normal(index);

    /// <summary>A whole number and 0.2 to 0.8: away from the places where bilinear sampling has a kink.</summary>
    public static readonly Draw Fractions = (random, index) => random.Below(5, 2 * index) - 2 + 0.2 + 0.6 * random.Uniform(2 * index + 1);

    public static Draw Uniform(double low, double high) => (random, index) => low + (high - low) * random.Uniform(index);

    /// <summary>Whole numbers from <paramref name="low"/> to <paramref name="high"/>, both included.</summary>
    public static Draw Integers(int low, int high) => (random, index) => low + random.Below(high - low + 1, index);
}

/// <summary>What every operation has to stand: the fast executor against the plain definition, the gradient against differences, the shape
/// rule against the result, one thread against two.</summary>
public static class Check
{
    private const double Step = 1e-6; // of the central differences
    private const double GradientTolerance = 1e-6; // in parts of the largest derivative

    /// <summary>A network, and it with its gradients, in plans against the reference in double precision: weights packed once and at every step, one thread and two giving the same bits.</summary>
    internal static void Gradients(Func<Node, Node> build, Shape shape, RunOptions options, double tolerance, Action<Plan> holds)
    {
        var x = new Input(shape).Apply([], "x");
        var y = build(x);
        var r = new Input(y.Shape).Apply([], "r");
        var graph = new Graph("forward and back", [y, .. (y * r).Gradient([x, .. new Graph("forward", y).Parameters.Values.Where(node => node.Op is Parameter { Trained: true })]).OfType<Node>()]);
        foreach (var tested in new[] { graph, new Graph("forward", y) })
        {
            var random = new Philox(5);
            var weights = new Weights();
            foreach (var (parameter, node) in tested.Parameters)
            {
                var tensor = weights[parameter] = new Tensor(node.Shape);
                var positive = ((Parameter)node.Op).Role == "running_var";
                for (var i = 0; i < tensor.Span.Length; i++) tensor.Span[i] = positive ? 0.5f + (float)random.Uniform((ulong)i) : (float)random.Normal((ulong)i);
            }

            Tensor[] inputs = [.. tested.Inputs.Select(input => new Tensor(input.Shape))];
            foreach (var input in inputs)
                for (var i = 0; i < input.Span.Length; i++) input.Span[i] = (float)random.Normal((ulong)(i + input.Span.Length));
            var expected = Reference.Run(tested, weights.ToDictionary(pair => pair.Key, pair => Values<double>.From(pair.Value)), [.. inputs.Select(Values<double>.From)]);
            foreach (var frozen in new[] { true, false })
            {
                var one = Run(1);
                var two = Run(2);
                for (var i = 0; i < one.Length; i++)
                {
                    Close(expected[i].Data, Array.ConvertAll(one[i], value => (double)value), tolerance, $"{tested.Name}: output {i}");
                    Assert.True(one[i].AsSpan().SequenceEqual(two[i]), "one thread and two differ");
                }

                float[][] Run(int threads)
                {
                    var plan = new Plan(tested, weights, Team.Of(threads), frozen, options);
                    holds(plan);
                    for (var i = 0; i < inputs.Length; i++) inputs[i].Span.CopyTo(plan.Input(i));
                    plan.Run();
                    return [.. Enumerable.Range(0, tested.Outputs.Count).Select(i => plan.Output(i).ToArray())];
                }
            }
        }
    }

    public static void Op(Func<Node, Node> build, Shape shape, Draw? draw = null, double tolerance = 2e-5, bool differentiable = true) =>
        Op(new Case("op", build, shape) { Draws = draw is null ? [] : [draw], Tolerance = tolerance, Differentiable = differentiable });

    public static void Op(Func<Node[], Node> build, Shape[] shapes, Draw[]? draws = null, double tolerance = 2e-5, bool differentiable = true, int[]? constants = null) =>
        Op(new Case("op", build, shapes) { Draws = draws ?? [], Tolerance = tolerance, Differentiable = differentiable, Constants = constants ?? [] });

    public static void Op(Case @case)
    {
        var trial = new Trial(@case);
        var forward = new Graph("forward", trial.Y);
        Assert.True(trial.Y.Cost is { Macs: >= 0, Bytes: >= 0 }, $"{@case}: a negative cost");
        Runs(trial, forward);
        if (!@case.Differentiable) return;

        // L = sum(y r) with random r: its gradient sees every number of y.
        var loss = trial.Y * trial.R;
        var targets = trial.Targets;
        var gradients = loss.Gradient(targets);
        for (var i = 0; i < targets.Count; i++)
            if (gradients[i] is { } dx && dx.Shape != targets[i].Shape) Assert.Fail($"{@case}: the gradient of {targets[i].Shape} is {dx.Shape}");
        Derivatives(trial, forward, gradients);
        Node[] known = [.. gradients.OfType<Node>()];
        if (known.Length > 0) Runs(trial, new Graph("backward", [loss, .. known]));
    }

    /// <summary>The types of all operations that a case runs, forward and backward.</summary>
    public static IEnumerable<Type> Operations(Case @case)
    {
        var trial = new Trial(@case);
        Node[] outputs = @case.Differentiable ? [trial.Y, .. (trial.Y * trial.R).Gradient(trial.Targets).OfType<Node>()] : [trial.Y];
        return new Graph("operations", outputs).Nodes.Select(node => node.Op.GetType()).Distinct();
    }

    /// <summary>The forward network of a case as a model, its inputs, and what the definition makes of them in double precision.</summary>
    public static (Model Model, Tensor[] Inputs, Values<double> Output) Example(Case @case)
    {
        var trial = new Trial(@case);
        var graph = new Graph("forward", trial.Y);
        var weights = new Weights();
        foreach (var (name, values) in trial.Weights<float>(graph)) weights[name] = values.ToTensor();
        return (new Model(graph, weights), [.. trial.Inputs<float>(graph).Select(values => values.ToTensor())], Reference.Run(graph, trial.Weights<double>(graph), trial.Inputs<double>(graph))[0]);
    }

    /// <summary>For an operation linear in its input and in each of its parameters, on whole numbers, without any rounding:
    /// &lt;A(x), g&gt; = &lt;x, gradient for x&gt; = &lt;w, gradient for w&gt;, by the definition and by the plan.</summary>
    /// <remarks>Whole numbers are exact in float below 2^24, so a wrong tap at one border pixel cannot hide in a tolerance.</remarks>
    public static void Adjoint(Func<Node, Node> build, Shape shape)
    {
        var trial = new Trial(new Case("adjoint", build, shape) { Draws = [Draws.Integers(-4, 4)], Weights = _ => Draws.Integers(-3, 3) }, Draws.Integers(-4, 4));
        var graph = new Graph("adjoint", [trial.Y, .. (trial.Y * trial.R).Gradient(trial.Targets).Select(node => node!)]);
        double[][] reference = [.. Reference.Run(graph, trial.Weights<double>(graph), trial.Inputs<double>(graph)).Select(values => values.Data)];
        var expected = Dot(reference[0], trial.Numbers(trial.R));
        Assert.Contains(reference[0], value => value != 0);
        for (var i = 0; i < trial.Targets.Count; i++)
            Assert.Equal(expected, Dot(reference[i + 1], trial.Numbers(trial.Targets[i])));
        foreach (var frozen in new[] { true, false })
        {
            var outputs = Execute(trial, graph, threads: 2, frozen, exact: true);
            for (var i = 0; i < outputs.Length; i++)
                for (var j = 0; j < outputs[i].Length; j++)
                    if (outputs[i][j] != reference[i][j]) Assert.Fail($"{trial}: output {i} has {outputs[i][j]} at {j}, not {reference[i][j]}");
        }
    }

    /// <summary>A kernel with a single 1, at one tap after another: the plan gives exactly what the definition gives.</summary>
    /// <param name="places">How many taps of the first parameter are tried.</param>
    public static void Impulses(Func<Node, Node> build, Shape shape, int places = 40)
    {
        var trial = new Trial(new Case("impulses", build, shape) { Draws = [Draws.Integers(1, 1000)], Weights = _ => Draws.Integers(0, 0) });
        var graph = new Graph("impulses", trial.Y);
        var weight = trial.Numbers(graph.Parameters.Values.First());
        foreach (var place in Spread(weight.Length, places))
        {
            weight[place] = 1;
            var expected = Reference.Run(graph, trial.Weights<double>(graph), trial.Inputs<double>(graph))[0].Data;
            foreach (var frozen in new[] { true, false })
            {
                var y = Execute(trial, graph, threads: 2, frozen, exact: true)[0];
                for (var j = 0; j < y.Length; j++)
                    if (y[j] != expected[j]) Assert.Fail($"{trial}: with a 1 at {place} of the kernel, {y[j]} at {j}, not {expected[j]}");
            }

            weight[place] = 0;
        }
    }

    /// <summary>Two pieces of network, given the same inputs, compute the same, to a part of the largest number.</summary>
    /// <remarks>By the definitions in double. Both must have parameters of the same names, or none.</remarks>
    public static void Same(Func<Node, Node> a, Func<Node, Node> b, Shape shape, double tolerance = 1e-12)
    {
        var x = new Trial(new Case("a", a, shape));
        var y = new Trial(new Case("b", b, shape));
        var (left, right) = (new Graph("a", x.Y), new Graph("b", y.Y));
        Assert.Equal(left.Output.Shape, right.Output.Shape);
        var weights = x.Weights<double>(left);
        Close(Reference.Run(left, weights, x.Inputs<double>(left))[0].Data, Reference.Run(right, weights, x.Inputs<double>(right))[0].Data, tolerance, "two equal networks");
    }

    public static void Close(ReadOnlySpan<double> expected, ReadOnlySpan<double> actual, double tolerance, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        var largest = 0.0;
        foreach (var value in expected) largest = Math.Max(largest, Math.Abs(value));
        for (var i = 0; i < expected.Length; i++)
            if (!(Math.Abs(expected[i] - actual[i]) <= tolerance * largest))
                Assert.Fail($"{what}: {actual[i]:g9} at {i}, not {expected[i]:g9} (largest {largest:g3}, tolerance {tolerance:g1})");
    }

    // Sessions and plans, frozen or not, on one thread and on two, a first time and a second, against the definition in double.
    private static void Runs(Trial trial, Graph graph)
    {
        var expected = Reference.Run(graph, trial.Weights<double>(graph), trial.Inputs<double>(graph));
        var single = Reference.Run(graph, trial.Weights<float>(graph), trial.Inputs<float>(graph));
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.Equal(graph.Outputs[i].Shape, expected[i].Shape);
            Close(expected[i].Data, Doubles(single[i].Data), trial.Tolerance, $"{trial}: {graph.Name}: output {i} of the definition in float");
        }

        foreach (var frozen in new[] { true, false })
        {
            var one = Execute(trial, graph, threads: 1, frozen);
            var two = Execute(trial, graph, threads: 2, frozen);
            for (var i = 0; i < expected.Length; i++)
            {
                var what = $"{trial}: {graph.Name}: output {i} of the {(frozen ? "frozen" : "open")} plan";
                Close(expected[i].Data, Doubles(one[i]), trial.Tolerance, what);
                Assert.True(one[i].AsSpan().SequenceEqual(two[i]), $"{what}: one thread and two differ");
            }
        }

        var weights = new Weights();
        foreach (var (name, values) in trial.Weights<float>(graph)) weights[name] = values.ToTensor();
        var outputs = new Session(graph, weights, new RunOptions { Threads = 2 }).RunAll([.. trial.Inputs<float>(graph).Select(values => values.ToTensor())]);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.Equal(graph.Outputs[i].Shape, outputs[i].Shape);
            Close(expected[i].Data, Doubles(outputs[i].Span), trial.Tolerance, $"{trial}: {graph.Name}: output {i} of the session");
        }
    }

    // A plan that is not frozen gets its weights only after it was made.
    private static float[][] Execute(Trial trial, Graph graph, int threads, bool frozen, bool exact = false)
    {
        var weights = new Weights();
        foreach (var (name, values) in trial.Weights<float>(graph)) weights[name] = frozen ? values.ToTensor() : new Tensor(values.Shape);
        var plan = new Plan(graph, weights, Team.Of(threads), frozen, new RunOptions { Exact = exact });
        if (!frozen)
            foreach (var (name, values) in trial.Weights<float>(graph)) values.Data.CopyTo(plan.Parameter(name));
        var first = Once();
        var second = Once();
        for (var i = 0; i < first.Length; i++) Assert.True(first[i].AsSpan().SequenceEqual(second[i]), $"{trial}: {graph.Name}: a second run differs in output {i}");
        return first;

        float[][] Once()
        {
            var inputs = trial.Inputs<float>(graph);
            for (var i = 0; i < inputs.Length; i++) inputs[i].Data.CopyTo(plan.Input(i));
            plan.Run();
            return [.. Enumerable.Range(0, graph.Outputs.Count).Select(i => plan.Output(i).ToArray())];
        }
    }

    private static void Derivatives(Trial trial, Graph forward, IReadOnlyList<Node?> gradients)
    {
        Node[] known = [.. gradients.OfType<Node>()];
        var graph = new Graph("gradient", [trial.Y * trial.R, .. known]); // the first output keeps every input in the graph
        var computed = new Queue<double[]>(Reference.Run(graph, trial.Weights<double>(graph), trial.Inputs<double>(graph)).Skip(1).Select(values => values.Data));
        for (var i = 0; i < gradients.Count; i++)
        {
            var target = trial.Targets[i];
            var numbers = trial.Numbers(target);
            var analytic = gradients[i] is null ? new double[numbers.Length] : computed.Dequeue();
            var scale = Math.Max(1e-3, analytic.Max(Math.Abs));
            var random = new Philox((ulong)i + 99);

            var direction = new double[numbers.Length];
            for (var j = 0; j < direction.Length; j++) direction[j] = random.Normal((ulong)j);
            var along = Dot(analytic, direction);
            var difference = Difference(direction);
            if (!(Math.Abs(along - difference) <= GradientTolerance * scale * Math.Max(1, Math.Sqrt(numbers.Length))))
                Assert.Fail($"{trial}: the derivative for {Named(target)} along a random direction is {along:g9}, by differences {difference:g9}");

            foreach (var place in Spread(numbers.Length, trial.Places))
            {
                Array.Clear(direction);
                direction[place] = 1;
                difference = Difference(direction);
                if (!(Math.Abs(analytic[place] - difference) <= GradientTolerance * scale))
                    Assert.Fail($"{trial}: the derivative for {Named(target)} at {place} is {analytic[place]:g9}, by differences {difference:g9}");
            }

            double Difference(double[] direction)
            {
                double[] kept = [.. numbers];
                var above = Along(+1);
                var below = Along(-1);
                kept.CopyTo(numbers, 0);
                var sum = 0.0;
                var r = trial.Numbers(trial.R);
                for (var j = 0; j < r.Length; j++) sum += (above[j] - below[j]) * r[j];
                return sum / (2 * Step);

                double[] Along(int sign)
                {
                    for (var j = 0; j < numbers.Length; j++) numbers[j] = kept[j] + sign * Step * direction[j];
                    return Reference.Run(forward, trial.Weights<double>(forward), trial.Inputs<double>(forward))[0].Data;
                }
            }
        }

        string Named(Node target) => target.Op is Parameter ? forward.NameOf(target) : $"input {trial.IndexOf(target)}";
    }

    // Up to `places` indices spread over [0, count), the first and the last among them.
    private static IEnumerable<int> Spread(int count, int places) => count <= places || places < 2
        ? Enumerable.Range(0, Math.Min(count, places))
        : Enumerable.Range(0, places).Select(i => (int)((long)i * (count - 1) / (places - 1)));

    private static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        var sum = 0.0;
        for (var i = 0; i < a.Length; i++) sum += a[i] * b[i];
        return sum;
    }

    private static double[] Doubles(ReadOnlySpan<float> values)
    {
        var doubles = new double[values.Length];
        for (var i = 0; i < doubles.Length; i++) doubles[i] = values[i];
        return doubles;
    }

    /// <summary>A case with its nodes and numbers; every number is a float, so that float and double start from the same.</summary>
    private sealed class Trial
    {
        private readonly Case _case;
        private readonly Node[] _x;
        private readonly Dictionary<Node, double[]> _numbers = [];

        public Trial(Case @case, Draw? cotangent = null)
        {
            _case = @case;
            _x = [.. @case.Shapes.Select((shape, i) => new Input(shape).Apply([], $"x{i}"))];
            Y = @case.Build(_x);
            R = new Input(Y.Shape).Apply([], "r");
            for (var i = 0; i < _x.Length; i++) Fill(_x[i], $"x{i} {_x[i].Shape}", i < @case.Draws.Count ? @case.Draws[i] : Draws.Normal);
            Fill(R, $"r {Y.Shape}", cotangent ?? Draws.Normal);
            foreach (var (name, node) in new Graph("case", Y).Parameters)
            {
                var role = ((Parameter)node.Op).Role;
                Fill(node, $"{name} {node.Shape}", @case.Weights(role) ?? (role == "running_var" ? Draws.Uniform(0.5, 2) : Draws.Normal));
            }
        }

        public Node Y { get; }

        public Node R { get; }

        public double Tolerance => _case.Tolerance;

        public int Places => (int)Math.Min(_case.Places, 500_000 / Math.Max(1, new Graph("case", Y).Cost.Macs));

        /// <summary>What is differentiated: inputs first, then the trained parameters.</summary>
        public IReadOnlyList<Node> Targets => [.. _x.Where((_, i) => !_case.Constants.Contains(i)),
            .. new Graph("case", Y).Parameters.Values.Where(node => node.Op is Parameter { Trained: true })];

        public int IndexOf(Node input) => Array.IndexOf(_x, input);

        public double[] Numbers(Node leaf) => _numbers[leaf];

        public Dictionary<string, Values<T>> Weights<T>(Graph graph) where T : struct, System.Numerics.IBinaryFloatingPointIeee754<T> =>
            graph.Parameters.ToDictionary(pair => pair.Key, pair => Values<T>(pair.Value));

        public Values<T>[] Inputs<T>(Graph graph) where T : struct, System.Numerics.IBinaryFloatingPointIeee754<T> => [.. graph.Inputs.Select(Values<T>)];

        public override string ToString() => _case.ToString();

        private Values<T> Values<T>(Node leaf) where T : struct, System.Numerics.IBinaryFloatingPointIeee754<T> =>
            new(leaf.Shape, Array.ConvertAll(_numbers[leaf], T.CreateTruncating));

        private void Fill(Node leaf, string name, Draw draw)
        {
            var random = Philox.Named(7, name);
            var numbers = _numbers[leaf] = new double[leaf.Shape.Count];
            for (var i = 0; i < numbers.Length; i++) numbers[i] = (float)draw(random, (ulong)i);
        }
    }
}
