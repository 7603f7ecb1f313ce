using Tenfold.Kernels;

namespace Tenfold;

// How large a value's numbers may be expected to be. Products in pairs keep all their digits where the weights are scaled to the map's numbers, which is done once where
// the estimate is right, within a factor of a few, and at every run where it is not.
internal sealed unsafe partial class Plan
{
    private const int Samples = 4096; // of a kernel's numbers

    private readonly Dictionary<Node, double> _magnitudes = [];
    private bool? _trained;

    private static float Expected(double magnitude) => magnitude is > 1e-12 and < 1e12 ? (float)magnitude : 1;

    // Where weights are packed at every run, gradients above all have whatever size they come to: it is measured before.
    private void Measured(string name, Node node, Slot x, PackedKernel kernel)
    {
        var (planes, blocks, channels, pixels) = (Planes(node), Blocks(node), node.Channels, Pixels(node));
        Add(name, "how large the numbers are", 1, [x], [], (_, _) => kernel.Magnitude = Expected(Math.Sqrt(DenseSum.MeanSquare(x.P, planes, blocks, channels, pixels))));
    }

    /// <summary>The root mean square that a value's numbers are expected to have.</summary>
    internal double Magnitude(Node node)
    {
        if (_magnitudes.TryGetValue(node, out var known)) return known;
        return _magnitudes[node] = node.Op is Leaf ? 1 : Magnitude(node.Op, MagnitudesOf(node.Inputs), node.Inputs);
    }

    private double[] MagnitudesOf(IReadOnlyList<Node> nodes)
    {
        var magnitudes = new double[nodes.Count];
        for (var i = 0; i < magnitudes.Length; i++) magnitudes[i] = Magnitude(nodes[i]);
        return magnitudes;
    }

    private static double Largest(ReadOnlySpan<double> magnitudes)
    {
        var largest = magnitudes[0];
        foreach (var magnitude in magnitudes) largest = Math.Max(largest, magnitude);
        return largest;
    }

    // Of the channels of a list.
    private static double Picked(Pick pick, ReadOnlySpan<double> maps)
    {
        var squares = 0.0;
        foreach (var (map, _) in pick.Channels) squares += map < 0 ? 0 : maps[map] * maps[map];
        return Math.Sqrt(squares / pick.Channels.Length);
    }

    // Numbers are taken to be unrelated, and half of them to be negative: so a sum's squares add up, and ReLU leaves half of them.
    private double Magnitude(Op op, double[] inputs, IReadOnlyList<Node> nodes)
    {
        switch (op)
        {
            case Fused fused: return Magnitude(fused, inputs, nodes);
            case Chained { First: Pick } chain:
                return Magnitude(chain.Second, [Picked((Pick)chain.First, inputs), .. inputs[chain.Arity..]], [nodes[0], .. nodes.Skip(chain.Arity)]);
            case Chained chain:
                return Magnitude(chain.Second, [Magnitude(chain.First, inputs[..chain.Arity], nodes), .. inputs[chain.Arity..]], [nodes[0], .. nodes.Skip(chain.Arity)]);
            case Convolution or ConvolutionTranspose when nodes is [_, { Op: ScaledKernel, Inputs: [_, { Op: NormFactor norm, Inputs: [var scale, var variance] }] }, { Op: NormShift, Inputs: [var shift, ..] }, ..]
                && Normed(norm.Epsilon, scale, shift, variance) is { } folded:
                return folded;
            case BatchNorm { Training: false } norm when Normed(norm.Epsilon, nodes[1], nodes[2], nodes[4]) is { } normed: return normed;
            case Convolution or ConvolutionTranspose when _constants.Contains(nodes[1]):
                var (squares, kernel) = (Squares(nodes[1]), nodes[1].Shape);
                var terms = op is ConvolutionTranspose transpose ? (double)kernel[0] / transpose.Groups * kernel[2] * kernel[3] / transpose.Stride.Area : (double)kernel[1] * kernel[2] * kernel[3];
                return Math.Sqrt(inputs[0] * inputs[0] * terms * squares + (inputs.Length > 2 && _constants.Contains(nodes[2]) ? Squares(nodes[2]) : 0));
            case Convolution or ConvolutionTranspose or BatchNorm: return 1;
            case Pick pick: return Picked(pick, inputs);
            case Tenfold.Add:
                var sum = 0.0;
                foreach (var input in inputs) sum += input * input;
                return Math.Sqrt(sum);
            case Multiply:
                var product = 1.0;
                foreach (var input in inputs) product *= input;
                return product;
            case Relu: return inputs[0] / Math.Sqrt(2);
            case Silu or HardSwish: return inputs[0] * (0.5 + 0.2 * Math.Min(1, inputs[0] / 2)); // half of small numbers, ReLU of large ones
            case Relu6: return Math.Min(inputs[0] / Math.Sqrt(2), 4);
            case Sigmoid or HardSigmoid: return 0.5;
            case Tanh: return Math.Min(inputs[0], 1);
            default: return inputs.Length == 0 ? 1 : Largest(inputs);
        }
    }

    private double Magnitude(Fused fused, double[] inputs, IReadOnlyList<Node> nodes)
    {
        var (value, other) = (Magnitude(fused.First, inputs[..fused.Arity], nodes), fused.Arity);
        var kept = 0.0; // of the squares, what ReLU leaves: a skip from behind one is no more negative, and of what is added to it four fifths stay
        foreach (var then in fused.Then)
        {
            switch (then)
            {
                case Multiply:
                    value *= inputs[other++];
                    break;
                case Tenfold.Add:
                    var added = inputs[other];
                    if (nodes[other++].IsRectified()) kept = added * added + 0.6 * value * value;
                    value = Math.Sqrt(value * value + added * added);
                    break;
                default:
                    var free = Magnitude(then, [Math.Sqrt(Math.Max(0, value * value - kept))], nodes);
                    value = Math.Sqrt(free * free + kept);
                    break;
            }
        }

        return value;
    }

    // What a norm makes of a map, whatever that is, if its statistics are those of that map.
    private double? Normed(float epsilon, Node scale, Node shift, Node variance)
    {
        if (!_constants.Contains(scale) || !_constants.Contains(shift) || !_constants.Contains(variance) || !Trained()) return null;
        ReadOnlySpan<float> scales = Numbers(scale), shifts = Numbers(shift), variances = Numbers(variance);
        var squares = 0.0;
        for (var c = 0; c < scale.Shape[0]; c++) squares += (double)scales[c] * scales[c] * variances[c] / (variances[c] + epsilon) + (double)shifts[c] * shifts[c];
        return Math.Sqrt(squares / scale.Shape[0]);
    }

    // Where all variances of all norms are near 1 nobody has measured any.
    private bool Trained()
    {
        return _trained ??= Measured();

        bool Measured()
        {
            foreach (var node in Graph.Nodes)
            {
                var variance = node.Op switch
                {
                    NormFactor => node.Inputs[1],
                    BatchNorm => node.Inputs[4],
                    _ => null,
                };
                if (variance is null || !_constants.Contains(variance)) continue;
                foreach (var number in Numbers(variance))
                    if (number is not (> 0.5f and < 2)) return true;
            }

            return false;
        }
    }

    private double Squares(Node node)
    {
        if (Constants.Key(node) is { } key && _shared.MeanSquares.TryGetValue(key, out var known)) return known;
        var of = node.Op is ScaledKernel ? node.Inputs[0] : node;
        return MeanSquare(node, Passing(of));
    }

    // The mean square of a constant's numbers, from some of them.
    private double MeanSquare(Node node, ReadOnlySpan<float> numbers)
    {
        var factors = node.Op is ScaledKernel ? Get(node.Inputs[1], Layout.Plain).Span : default;
        var (count, outputs) = (numbers.Length, Math.Max(1, factors.Length));
        var (sum, samples) = (0.0, Math.Min(Samples, count));
        for (var i = 0; i < samples; i++)
        {
            var at = (int)((long)i * count / samples);
            var factor = factors.IsEmpty ? 1 : factors[(int)((long)at * outputs / count)];
            sum += (double)numbers[at] * numbers[at] * factor * factor;
        }

        if (Constants.Key(node) is { } key) _shared.MeanSquares[key] = sum / samples;
        return sum / samples;
    }
}
