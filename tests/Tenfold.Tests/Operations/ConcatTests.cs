using Xunit;

namespace Tenfold.Tests;

public class ConcatTests
{
    [Fact]
    public void Concat_keeps_samples_together()
    {
        Direct.Equal([1, 10, 20, 2, 30, 40], Direct.Run(x => x[0].Concat(x[1]), ([2, 1], [1, 2]), ([2, 2], [10, 20, 30, 40])));
        Direct.Equal([1, 2, 5, 3, 4, 6], Direct.Run(x => new[] { x[0], x[1] }.Concat(axis: 3), ([1, 1, 2, 2], [1, 2, 3, 4]), ([1, 1, 2, 1], [5, 6])));
    }

    [Fact]
    public void Slice_embed_and_split()
    {
        Direct.Equal([2, 3, 6, 7], Direct.Run(x => x.Slice(1, 2), [2, 4], 1, 2, 3, 4, 5, 6, 7, 8));
        Direct.Equal([0, 1, 0, 0, 0, 2, 0, 0], Direct.Run(x => x.Embed(1, 2), [2, 1], 1, 2));
        Direct.Equal([3, 4, 7, 8], Direct.Run(x => x.Split(2)[1], [2, 4], 1, 2, 3, 4, 5, 6, 7, 8));
        Direct.Equal([2, 4], Direct.Run(x => x.Slice(1, 1, axis: 3), [1, 1, 2, 2], 1, 2, 3, 4));
        Direct.Equal(Direct.Count(12), Direct.Run(x => x.Split(3).Concat(), [2, 6], Direct.Count(12)));
    }

    [Fact]
    public void Gradients()
    {
        Check.Op(x => x[0].Concat(x[1], x[0]), [[2, 3, 4, 5], [2, 1, 4, 5]]);
        Check.Op(x => new[] { x[0], x[1] }.Concat(axis: 2), [[2, 3, 4, 5], [2, 3, 1, 5]]);
        Check.Op(x => x.Slice(1, 3) * x.Slice(2, 3), [2, 6, 3, 2]);
        Check.Op(x => x.Embed(2, 1, axis: 2), [2, 3, 4, 5]);
        Check.Op(x => x.Split(2, axis: 3)[0] * x.Split(2, axis: 3)[1], [2, 3, 1, 4]);
    }

    [Fact]
    public void Bad_numbers_are_refused_by_name()
    {
        Assert.Equal("concat: 1x2x3x5 and 1x2x3x4 differ elsewhere than in dimension 1", Direct.Refused(x => x[0].Concat(x[1]), [1, 2, 3, 4], [1, 2, 3, 5]));
        Assert.Equal("concat: axis 0 is not one of the dimensions 1 to 1 of 2x3", Direct.Refused(x => x.Concat(0), [2, 3], [2, 3]));
        Assert.Equal("concat: takes at least one input", Direct.Refused(_ => new Concat(1).Apply()));
        Assert.Equal("slice: 3 from 2 on is outside dimension 1 of 1x4", Direct.Refused(x => x.Slice(2, 3), [1, 4]));
        Assert.Equal("slice: 2147483647 from 1 on is outside dimension 1 of 1x4", Direct.Refused(x => x.Slice(1, int.MaxValue), [1, 4]));
        Assert.Equal("slice: 1 from -1 on is outside dimension 1 of 1x4", Direct.Refused(x => x.Slice(-1, 1), [1, 4]));
        Assert.Equal("split: dimension 1 of 1x4 does not divide into 3 parts", Direct.Refused(x => x.Split(3)[0], [1, 4]));
        Assert.Equal("split: dimension 1 of 1x4 does not divide into 0 parts", Direct.Refused(x => x.Split(0)[0], [1, 4]));
        Assert.Equal("embed: -1 before and 0 behind; at least 0", Direct.Refused(x => x.Embed(-1, 0), [1, 4]));
        Assert.Contains("leaves a dimension of 2147483651", Direct.Refused(x => x.Embed(int.MaxValue, 0), [1, 4]));
    }
}
