using Xunit;

namespace Tenfold.Tests;

/// <summary>Pooling of regions with and without offsets; regions are not differentiated.</summary>
public class RoiMatrix : Matrix<RoiMatrix>, ICases
{
    public static IReadOnlyList<Case> Cases { get; } =
    [
        Of("aligned", x => x[0].RoiPool(x[1], 2, scale: 0.5f), [2, 3, 6, 5], [2, 2, 4]),
        Of("deformable", x => x[0].RoiPool(x[1], (2, 3), scale: 1, x[2], samples: 2), [2, 3, 6, 5], [2, 2, 4], [4, 2, 2, 3]),
        Of("deformable, one sample, far", x => x[0].RoiPool(x[1], 3, scale: 2, x[2], samples: 1, gamma: 1), [1, 17, 4, 7], [1, 3, 4], [3, 2, 3, 3]),
        Of("position-sensitive", x => x[0].RoiPool(x[1], (2, 3), scale: 0.5f, samples: 2, positionSensitive: true), [2, 18, 6, 5], [2, 2, 4]),
        Of("position-sensitive, offsets shared", x => x[0].RoiPool(x[1], 2, scale: 1, x[2], samples: 2, positionSensitive: true), [1, 12, 6, 5], [1, 2, 4], [2, 2, 2, 2]),
        Of("position-sensitive, offsets of each class", x => x[0].RoiPool(x[1], 2, scale: 1, x[2], samples: 2, positionSensitive: true), [2, 12, 6, 5], [2, 2, 4], [4, 6, 2, 2]),
        Of("offsets of groups of channels", x => x[0].RoiPool(x[1], 2, scale: 1, x[2], samples: 2), [1, 6, 6, 5], [1, 2, 4], [2, 4, 2, 2]),
    ];

    private static Case Of(string name, Func<Node[], Node> build, params Shape[] shapes) => new(name, build, shapes) { Draws = [Draws.Normal, Draws.Uniform(-1, 9)], Constants = [1] };

    [Fact]
    public void A_slope_pools_to_its_value_in_the_middle_of_each_bin()
    {
        // x = 10 row + column, on pixel centres; the region from (1, 1) to (7, 5) has bins 3 wide and 2 high.
        double[] slope = [.. Enumerable.Range(0, 64).Select(i => 10.0 * (i / 8) + i % 8)];
        var y = Direct.Run(x => x[0].RoiPool(x[1], 2, scale: 1), ([1, 1, 8, 8], slope), ([1, 1, 4], [1, 1, 7, 5]));
        Direct.Equal([15 + 2, 15 + 5, 35 + 2, 35 + 5], y);
        Direct.Equal(y, Direct.Run(x => x[0].RoiPool(x[1], 2, scale: 0.5f), ([1, 1, 8, 8], slope), ([1, 1, 4], [2, 2, 14, 10])));
    }

    [Fact]
    public void An_offset_moves_a_bin_by_parts_of_the_region()
    {
        double[] slope = [.. Enumerable.Range(0, 64).Select(i => 10.0 * (i / 8) + i % 8)];
        double[] offsets = [0, 1, 0, 0, 0, 0, -2, 0]; // to the right: the second bin; down: the third
        var y = Direct.Run(x => x[0].RoiPool(x[1], 2, scale: 1, x[2]), ([1, 1, 8, 8], slope), ([1, 1, 4], [1, 1, 7, 5]), ([1, 2, 2, 2], offsets));
        Direct.Equal([17, 20 + 0.1 * 6, 37 - 10 * 0.2 * 4, 40], y, 1e-6); // gamma is a float
    }

    [Fact]
    public void Position_sensitive_bins_read_maps_of_their_own()
    {
        // Channel c of the output has four maps, all of one number: 10 c + bin.
        double[] maps = [.. Enumerable.Range(0, 8 * 16).Select(i => 10.0 * (i / 64) + i / 16 % 4)];
        Assert.Equal([0, 1, 2, 3, 10, 11, 12, 13], Direct.Run(x => x[0].RoiPool(x[1], 2, scale: 1, positionSensitive: true), ([1, 8, 4, 4], maps), ([1, 1, 4], [1, 1, 3, 3])));
        Assert.Contains("6 channels do not divide into maps of 2x2 bins", Direct.Refused(x => x[0].RoiPool(x[1], 2, scale: 1, positionSensitive: true), [1, 6, 4, 4], [1, 1, 4]));
    }

    [Fact]
    public void Regions_of_several_pictures_read_their_own()
    {
        double[] pictures = [.. Enumerable.Repeat(1.0, 16), .. Enumerable.Repeat(2.0, 16)];
        Assert.Equal([1, 1, 2, 2], Direct.Run(x => x[0].RoiPool(x[1], 1, scale: 1), ([2, 1, 4, 4], pictures), ([2, 2, 4], [1, 1, 3, 3, 1, 1, 2, 2, 1, 1, 3, 3, 1, 2, 3, 3])));
    }

    [Fact]
    public void What_lies_outside_the_map_or_is_no_number_is_0()
    {
        double[] ones = [.. Enumerable.Repeat(1.0, 16)];
        Assert.Equal([0, 0, 0], Direct.Run(x => x[0].RoiPool(x[1], 1, scale: 1), ([1, 1, 4, 4], ones),
            ([1, 3, 4], [10, 10, 12, 12, double.NaN, 1, 2, 2, double.NegativeInfinity, 0, double.PositiveInfinity, 4])));
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        Assert.Contains("regions are 2 x how many x 4, not 1x3x4", Direct.Refused(x => x[0].RoiPool(x[1], 2, scale: 1), [2, 3, 4, 4], [1, 3, 4]));
        Assert.Contains("the offset is 3x2x2x3, not 3x2x2x2", Direct.Refused(x => x[0].RoiPool(x[1], 2, scale: 1, x[2]), [1, 3, 4, 4], [1, 3, 4], [3, 2, 2, 3]));
        Assert.Contains("a scale of 0", Direct.Refused(x => x[0].RoiPool(x[1], 2, scale: 0), [1, 3, 4, 4], [1, 3, 4]));
        Assert.Contains("0x2 bins", Direct.Refused(x => x[0].RoiPool(x[1], (0, 2), scale: 1), [1, 3, 4, 4], [1, 3, 4]));
    }

    [Fact]
    public void A_fresh_deformable_pooling_is_the_plain_one()
    {
        var (x, regions) = (Image.Of(5, 6, 7), new Input([1, 3, 4]).Apply([], "regions"));
        var graph = new Graph("roi", [x.DeformableRoiPool(regions, 3, scale: 0.5f), x.RoiPool(regions, 3, scale: 0.5f)]);
        Assert.Equal(2 * 9 * 5 * 9 + 2 * 9, graph.Cost.Parameters);
        var inputs = graph.Inputs.Select(input => input.Shape.Rank == 3
            ? new Values<double>(input.Shape, [1, 1, 9, 9, 0, 3, 12, 8, 2, 2, 5, 11])
            : Piece.Random(input.Shape)).ToArray();
        var weights = graph.Init().ToDictionary(pair => pair.Key, pair => Values<double>.From(pair.Value));
        var outputs = Reference.Run(graph, weights, inputs);
        Assert.Equal<Shape>([3, 5, 3, 3], outputs[0].Shape);
        Assert.Equal(outputs[1].Data, outputs[0].Data);
        Assert.Contains(outputs[0].Data, value => value != 0);
    }
}
