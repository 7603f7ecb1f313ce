using Xunit;

namespace Tenfold.Tests;

public class LinearTests
{
    [Fact]
    public void Rows_of_the_weight_meet_the_features() =>
        Direct.Equal([111, 320, 102, 400], Direct.Run(x => new Linear().Apply(x), ([2, 2], [1, 1, 2, 0]), ([2, 2], [1, 10, 100, 20]), ([2], [100, 200])));

    [Fact]
    public void Costs_as_papers_count()
    {
        var fc = new Input([3, 512, 1, 1]).Apply([], "x").Linear(10);
        Assert.Equal(new Cost(5130, 3 * 5120, 4 * (3 * 512 + 5130 + 3 * 10)), fc.Cost);
        Assert.Equal(["fc1.weight", "fc1.bias"], fc.ToGraph("g").Parameters.Keys);
        Assert.Equal(["fc.weight"], new Input([1, 4]).Apply([], "x").Linear(2, bias: false, name: "fc").ToGraph("g").Parameters.Keys);
    }

    [Fact]
    public void Gradients()
    {
        Check.Op(x => x.Linear(5), [3, 7]);
        Check.Op(x => x.Linear(1, bias: false), [1, 1]);
        Check.Op(x => x.Linear(4), [2, 3, 2, 2]);
    }

    [Fact]
    public void Long_rows_are_read_piece_by_piece()
    {
        Check.Op(x => x.Linear(19), [8, 4133], differentiable: false);
        Check.Op(x => x.Linear(9, bias: false), [3, 2049], differentiable: false);
        Check.Op(x => x.Linear(16), [4, 17], differentiable: false);
    }

    [Fact]
    public void Bad_numbers_are_refused_by_name()
    {
        Assert.Equal("linear: a weight 2x3 reads 3 features, not 4", Direct.Refused(x => new Linear().Apply(x), [1, 4], [2, 3]));
        Assert.Equal("linear: a bias 3 does not fit 2 features", Direct.Refused(x => new Linear().Apply(x), [1, 3], [2, 3], [3]));
        Assert.Equal("linear: takes a batch of features and a matrix, not 1x3x1x1 and 2x3", Direct.Refused(x => new Linear().Apply(x), [1, 3, 1, 1], [2, 3]));
    }
}
