using Xunit;

namespace Tenfold.Tests;

public class ReshapeTests
{
    [Fact]
    public void Reshape_keeps_the_batch_and_the_order()
    {
        Assert.Equal<Shape>([2, 3, 4], Direct.Infer(x => x.Reshape([3, 4]), [2, 12]));
        Assert.Equal<Shape>([5, 3, 4], new Graph("g", new Input([2, 12]).Apply([], "x").Reshape([3, 4])).WithBatch(5).Output.Shape);
        Assert.Equal<Shape>([6, 4], Direct.Infer(x => new Reshape([6, 4], Kept: 0).Apply(x), [2, 12]));
        Assert.Equal<Shape>([2, 12], Direct.Infer(x => x.Flatten(), [2, 3, 2, 2]));
        Direct.Equal(Direct.Count(12), Direct.Run(x => x.Flatten(), [1, 3, 2, 2], Direct.Count(12)));
        Assert.Equal("reshape: the 24 numbers of 2x12 do not fill 2x5", Direct.Refused(x => x.Reshape([5]), [2, 12]));
        Assert.Equal("reshape: 2x12 has no 3 dimensions to keep", Direct.Refused((Node x) => new Reshape([24], Kept: 3).Apply(x), [2, 12]));
    }

    [Fact]
    public void Transpose_moves_dimensions()
    {
        Assert.Equal<Shape>([2, 4, 5, 3], Direct.Infer(x => x.Transpose(0, 2, 3, 1), [2, 3, 4, 5]));
        Direct.Equal([1, 4, 2, 5, 3, 6], Direct.Run(x => x.Transpose(1, 0), [2, 3], 1, 2, 3, 4, 5, 6));
        Direct.Equal([0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11], Direct.Run(x => x.Transpose(0, 2, 3, 1), [1, 2, 2, 3], Direct.Count(12)));
        Direct.Equal(Direct.Count(24), Direct.Run(x => x.Transpose(3, 1, 0, 2).Transpose(2, 1, 3, 0), [1, 2, 3, 4], Direct.Count(24)));
        Assert.Equal("transpose: 1, 0 orders 2 dimensions, and 1x2x3 has 3", Direct.Refused(x => x.Transpose(1, 0), [1, 2, 3]));
    }

    [Fact]
    public void A_permutation_is_a_value()
    {
        Assert.Equal(new Permutation(0, 2, 3, 1), new Permutation(0, 2, 3, 1));
        Assert.NotEqual(new Permutation(0, 2, 1), new Permutation(0, 1, 2));
        Assert.NotEqual(new Permutation(0), new Permutation());
        Assert.Equal(new Permutation(0, 3, 1, 2), new Permutation(0, 2, 3, 1).Inverse);
        Assert.Equal(new Permutation(7, 6, 5, 4, 3, 2, 1, 0), new Permutation(7, 6, 5, 4, 3, 2, 1, 0).Inverse);
        Assert.Equal("permutation: (0, 0) does not name dimension 1", Assert.Throws<ShapeException>(() => new Permutation(0, 0)).Message);
        Assert.Equal("permutation: (0, -2) does not name dimension 1", Assert.Throws<ShapeException>(() => new Permutation(0, -2)).Message);
        Assert.Equal("permutation: 32 dimensions; at most 8", Assert.Throws<ShapeException>(() => new Permutation(new int[32])).Message);
    }

    [Fact]
    public void Gradients()
    {
        Check.Op(x => x.Reshape([2, 10]).Softmax(), [2, 4, 5]);
        Check.Op(x => x.Flatten() * x.Flatten(), [2, 3, 2, 2]);
        Check.Op(x => x.Transpose(0, 3, 1, 2), [2, 3, 4, 5]);
        Check.Op(x => x.Transpose(2, 0, 1), [2, 3, 4]);
    }
}
