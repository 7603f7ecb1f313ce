using System.Numerics;

namespace Tenfold;

/// <summary>Samples of regions of interest on a regular grid, each bin of the grid moved by an offset. Averaged over the bins (<see cref="Verbs.RoiPool"/>) it
/// is deformable RoI pooling; without offsets, RoI align.</summary>
/// <remarks>
/// Inputs: x [N, C, H, W]; regions [N, R, 4], left, top, right, bottom in pixels of the picture, R for every picture; offset [N R, 2 G, P, P], optional, for each of
/// G groups of channels (usually one, or each) first those to the right, then those down, in parts of the region (the order of the authors' code and mmcv).
/// Output [N R, C, P S, P S], region by region:
/// <code>row = top + (i + 1/2) height / (P S) + gamma height dy[i / S, j / S],   top = scale y1 - 1/2,   height = scale (y2 - y1)</code>
/// and likewise for columns; read as <see cref="DeformableGrid"/> reads, so that it fades to 0 at the border (RoI align repeats the border).
/// Position-sensitive (Dai, Li, He, Sun, "R-FCN", NIPS 2016, arXiv 1605.06409), x has P P maps for each channel of the output, and bin (i, j) of channel c is read
/// from map (c P + i) P + j. MACs: 4 for each sample. No gradient for the regions. Dai et al., "Deformable Convolutional Networks", ICCV 2017, arXiv 1703.06211,
/// section 2.2, equation 5; He et al., "Mask R-CNN", ICCV 2017, section 3.
/// </remarks>
/// <param name="Bins">P, in height and width.</param>
/// <param name="Samples">S, in each direction of a bin.</param>
/// <param name="Scale">Pixels of the map for one of the picture: 1/16 for a map of a sixteenth.</param>
/// <param name="Gamma">What an offset of 1 moves, in sizes of the region.</param>
/// <param name="PositionSensitive">Every bin has maps of its own.</param>
public sealed record RoiSampling(Size Bins, int Samples, float Scale, float Gamma, bool PositionSensitive = false) : Op
{
    public override string Name => "roi sampling";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        if (inputs is not ([_, _] or [_, _, _])) throw new ShapeException($"{Name}: takes a map, regions and perhaps an offset, not {inputs.Length} inputs");
        Require.Map(Name, inputs[0]);
        if (inputs[1].Rank != 3 || inputs[1][2] != 4 || inputs[1].Batch != inputs[0].Batch) throw new ShapeException($"{Name}: regions are {inputs[0].Batch} x how many x 4, not {inputs[1]}");
        if (Bins.Height < 1 || Bins.Width < 1 || Samples < 1) throw new ShapeException($"{Name}: {Bins} bins of {Samples} samples; at least 1 of each");
        if (!(float.IsFinite(Scale) && Scale > 0 && float.IsFinite(Gamma))) throw new ShapeException($"{Name}: a scale of {Scale} and a gamma of {Gamma}; the scale must be above 0, both finite");
        var count = Require.Size(Name, (long)inputs[1].Batch * inputs[1][1]);
        var channels = inputs[0].Channels;
        if (PositionSensitive && channels % Bins.Area != 0) throw new ShapeException($"{Name}: {channels} channels do not divide into maps of {Bins} bins");
        if (PositionSensitive) channels /= Bins.Area;
        if (inputs is [_, _, var offset])
        {
            if (offset.Rank != 4 || offset.Channels % 2 != 0 || channels % (offset.Channels / 2) != 0) Require.Same(Name, "the offset", offset, [count, 2, Bins.Height, Bins.Width]);
            Require.Same(Name, "the offset", offset, [count, offset.Channels, Bins.Height, Bins.Width]);
        }

        return [count, channels, Require.Size(Name, (long)Bins.Height * Samples), Require.Size(Name, (long)Bins.Width * Samples)];
    }

    public override Cost Cost(ReadOnlySpan<Shape> inputs, Shape output) => Tenfold.Cost.Multiplies(4 * output.Count, inputs, output);

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var x = inputs[0];
        foreach (var at in Places(output.Shape, inputs[1], inputs.Length > 2 ? inputs[2] : null))
            foreach (var (row, column, weight, _, _) in at.Corners(x.Shape.Plane))
                output[at.N, at.K, at.H, at.W] += weight * x[at.N / inputs[1].Shape[1], at.C, row, column];
    }

    public override IReadOnlyList<Node?> Gradient(Node y, Node dy) => y.Inputs is [var x, var regions, var offset]
        ? [new RoiInputGradient(this, x.Shape.Plane).Apply(dy, regions, offset), null, new RoiOffsetGradient(this).Apply(dy, x, regions, offset)]
        : [new RoiInputGradient(this, y.Inputs[0].Shape.Plane).Apply(dy, y.Inputs[1]), null];

    /// <summary>Every place of the output, with where on the map it is read.</summary>
    internal IEnumerable<DeformableGrid.Sample<T>> Places<T>(Shape output, Values<T> regions, Values<T>? offset) where T : struct, IBinaryFloatingPointIeee754<T>
    {
        foreach (var (n, c, h, w) in output.Positions)
        {
            var (i, j, group) = (h / Samples, w / Samples, offset is null ? 0 : c / (output.Channels / (offset.Shape.Channels / 2)));
            var (right, down) = offset is null ? (T.Zero, T.Zero) : (offset[n, 2 * group, i, j], offset[n, 2 * group + 1, i, j]);
            var (row, column) = Place(regions.Data.AsSpan(4 * n, 4), right, down, h, w);
            yield return new DeformableGrid.Sample<T>(n, c, h, w, Source(c, i, j), group, row, column, T.One);
        }
    }

    /// <summary>The map from which bin (i, j) of a channel is read.</summary>
    internal int Source(int channel, int i, int j) => PositionSensitive ? (channel * Bins.Height + i) * Bins.Width + j : channel;

    /// <summary>Where sample (h, w) of a region is read, with its bin's offset.</summary>
    internal (T Row, T Column) Place<T>(ReadOnlySpan<T> region, T right, T down, int h, int w) where T : struct, IBinaryFloatingPointIeee754<T>
    {
        var (scale, gamma, half) = (T.CreateTruncating(Scale), T.CreateTruncating(Gamma), T.CreateTruncating(0.5));
        var (width, height) = (scale * (region[2] - region[0]), scale * (region[3] - region[1]));
        var row = scale * region[1] - half + (T.CreateTruncating(h) + half) * height / T.CreateTruncating(Bins.Height * Samples);
        var column = scale * region[0] - half + (T.CreateTruncating(w) + half) * width / T.CreateTruncating(Bins.Width * Samples);
        return (row + gamma * height * down, column + gamma * width * right);
    }
}

/// <summary>dx of <see cref="RoiSampling"/>: every pixel collects, by weight, from the samples it took part in. Inputs: dy, regions, offset (optional).</summary>
/// <param name="Map">The size of x.</param>
public sealed record RoiInputGradient(RoiSampling Roi, Size Map) : Op
{
    public override string Name => "roi input gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        if (inputs is not ([_, _] or [_, _, _])) throw new ShapeException($"{Name}: takes dy, regions and perhaps an offset, not {inputs.Length} inputs");
        Require.Map(Name, inputs[0]);
        Shape x = [inputs[1].Batch, Require.Size(Name, inputs[0].Channels * (Roi.PositionSensitive ? (long)Roi.Bins.Height * Roi.Bins.Width : 1)), Map.Height, Map.Width];
        Require.Same(Name, "dy", inputs[0], Roi.Infer([x, .. inputs[1..]]));
        return x;
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (dy, dx) = (inputs[0], output);
        foreach (var at in Roi.Places(dy.Shape, inputs[1], inputs.Length > 2 ? inputs[2] : null))
            foreach (var (row, column, weight, _, _) in at.Corners(Map))
                dx[at.N / inputs[1].Shape[1], at.C, row, column] += weight * dy[at.N, at.K, at.H, at.W];
    }
}

/// <summary>What moving each bin right or down changes, summed over channels and samples. Inputs: dy, x, regions, offset.</summary>
public sealed record RoiOffsetGradient(RoiSampling Roi) : Op
{
    public override string Name => "roi offset gradient";

    public override Shape Infer(ReadOnlySpan<Shape> inputs)
    {
        Require.Inputs(Name, inputs, 4, "dy, a map, regions and an offset");
        Require.Same(Name, "dy", inputs[0], Roi.Infer(inputs[1..]));
        return inputs[3];
    }

    public override void Define<T>(ReadOnlySpan<Values<T>> inputs, Values<T> output)
    {
        var (dy, x, regions, doffset) = (inputs[0], inputs[1], inputs[2], output);
        var unit = T.CreateTruncating(Roi.Scale) * T.CreateTruncating(Roi.Gamma);
        foreach (var at in Roi.Places(dy.Shape, regions, inputs[3]))
        {
            var (width, height) = (regions[4 * at.N + 2] - regions[4 * at.N], regions[4 * at.N + 3] - regions[4 * at.N + 1]);
            var pull = unit * dy[at.N, at.K, at.H, at.W];
            foreach (var (row, column, _, byRow, byColumn) in at.Corners(x.Shape.Plane))
            {
                var value = pull * x[at.N / regions.Shape[1], at.C, row, column];
                doffset[at.N, 2 * at.Channel, at.H / Roi.Samples, at.W / Roi.Samples] += width * byColumn * value;
                doffset[at.N, 2 * at.Channel + 1, at.H / Roi.Samples, at.W / Roi.Samples] += height * byRow * value;
            }
        }
    }
}

public static partial class Verbs
{
    /// <summary>Regions of a map in one size, [N R, C, P, P]: the mean of each bin's samples; see <see cref="RoiSampling"/>.</summary>
    /// <param name="regions">[N, R, 4]: left, top, right, bottom in pixels of the picture.</param>
    /// <param name="scale">Pixels of the map for one of the picture.</param>
    /// <param name="offset">[N R, 2 G, P, P], in parts of the region; none for RoI align.</param>
    /// <param name="samples">Of a bin in each direction.</param>
    /// <param name="positionSensitive">Every bin has maps of its own: x has C P P channels.</param>
    public static Node RoiPool(this Node x, Node regions, Size bins, float scale, Node? offset = null, int samples = 4, float gamma = 0.1f, bool positionSensitive = false) =>
        new RoiSampling(bins, samples, scale, gamma, positionSensitive).Apply(offset is null ? [x, regions] : [x, regions, offset]).AvgPool(samples);
}
