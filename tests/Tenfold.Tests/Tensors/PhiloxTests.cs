using Xunit;

namespace Tenfold.Tests;

public class PhiloxTests
{
    // Random123's kat_vectors, philox4x32 10.
    [Theory]
    [InlineData(0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8)]
    [InlineData(ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd)]
    [InlineData(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e, 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1)]
    public void Blocks_are_the_published_ones(ulong key, ulong low, ulong high, uint a, uint b, uint c, uint d) =>
        Assert.Equal((a, b, c, d), new Philox(key).Block(low, high));

    [Fact]
    public void A_permutation_holds_every_number_once_and_another_stream_gives_another()
    {
        var random = Philox.Named(1, "order");
        var first = random.Permutation(1000);
        Assert.Equal(Enumerable.Range(0, 1000), first.Order());
        Assert.NotEqual(first, random.Permutation(1000, 1));
        Assert.Equal(first, random.Permutation(1000));
    }

    [Theory]
    [InlineData(0.2)]
    [InlineData(1)]
    [InlineData(4)]
    public void Beta_has_mean_one_half_and_its_variance(double a)
    {
        var random = Philox.Named(3, "beta");
        var draws = Enumerable.Range(0, 20_000).Select(i => random.Beta(a, (ulong)i)).ToArray();
        var mean = draws.Average();
        var variance = draws.Average(x => (x - mean) * (x - mean));
        Assert.All(draws, x => Assert.InRange(x, 0, 1));
        Assert.Equal(0.5, mean, 0.01);
        Assert.Equal(1 / (4 * (2 * a + 1)), variance, 0.005);
    }

    [Fact]
    public void Exponential_and_logarithm_are_those_of_the_books()
    {
        for (var x = -50.0; x <= 50; x += 0.37)
        {
            Assert.Equal(1, Elementary.Exp(x) / Math.Exp(x), 1e-14);
            Assert.Equal(x, Elementary.Log(Math.Exp(x)), 1e-13);
        }

        Assert.Equal(0, Elementary.Exp(-1e300));
    }
}
