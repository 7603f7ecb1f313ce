using Xunit;

namespace Tenfold.Tests;

public class DropoutTests
{
    private static readonly double[] s_key = Parts(0x0123_4567_89AB_CDEF);

    [Fact]
    public void At_inference_nothing_happens()
    {
        Direct.Equal([1, -2, 3], Direct.Run(x => x.Dropout(0.9f), [1, 3], 1, -2, 3));
        Direct.Equal([1, 1, 1], Direct.Gradient(x => x.Dropout(0.9f), [1, 3], 1, -2, 3));
    }

    [Fact]
    public void A_mask_keeps_its_share_and_the_mean()
    {
        var mask = Mask(0.25f, 0, s_key, 40_000);
        Assert.All(mask, value => Assert.True(value is 0 or 4 / 3.0));
        Assert.InRange(mask.Count(value => value == 0) / 40_000.0, 0.24, 0.26);
        Assert.All(Mask(0, 0, s_key, 100), value => Assert.Equal(1, value));
    }

    [Fact]
    public void A_mask_is_the_generator_of_its_key_and_salt()
    {
        var random = new Philox(0x0123_4567_89AB_CDEF);
        Assert.Equal([.. Enumerable.Range(0, 500).Select(i => random.Uniform((ulong)i, 7) >= 0.5 ? 2.0 : 0)], Mask(0.5f, 7, s_key, 500));
        Assert.NotEqual(Mask(0.5f, 7, s_key, 500), Mask(0.5f, 8, s_key, 500));
        foreach (var bit in Enumerable.Range(0, 64)) Assert.NotEqual(Mask(0.5f, 7, s_key, 500), Mask(0.5f, 7, Parts(0x0123_4567_89AB_CDEF ^ (1UL << bit)), 500));
    }

    [Fact]
    public void A_key_survives_the_floats()
    {
        foreach (var key in new ulong[] { 0, ulong.MaxValue, 0x0123_4567_89AB_CDEF, 0xFFFF_0000_0001_8000 })
        {
            var parts = new float[4];
            RandomMask.WriteKey(key, parts);
            Assert.Equal(key, RandomMask.ReadKey<float>(parts));
        }
    }

    [Fact]
    public void A_mask_has_no_gradient()
    {
        var (x, key) = (new Input([2, 3]).Apply([], "x"), new Input([4]).Apply([], "key"));
        var gradients = (x * new RandomMask(0.5f, 0).Apply(x, key)).Gradient([x, key]);
        Assert.IsType<Multiply>(gradients[0]!.Op);
        Assert.Null(gradients[1]);
    }

    [Fact]
    public void Bad_numbers_are_refused_by_name()
    {
        Assert.Equal("dropout: a rate of 1; at least 0 and below 1", Direct.Refused(x => x.Dropout(1), [1, 3]));
        Assert.Equal("dropout: a rate of NaN; at least 0 and below 1", Direct.Refused(x => x.Dropout(float.NaN), [1, 3]));
        Assert.Equal("random mask: a rate of -0.5; at least 0 and below 1", Direct.Refused(x => new RandomMask(-0.5f, 0).Apply(x), [1, 3], [4]));
        Assert.Equal("random mask: the key is 3, not 4", Direct.Refused(x => new RandomMask(0.5f, 0).Apply(x), [1, 3], [3]));
    }

    private static double[] Mask(float rate, ulong salt, double[] key, int count) =>
        Direct.Run(x => new RandomMask(rate, salt).Apply(x), ([1, count], new double[count]), ([4], key));

    private static double[] Parts(ulong key)
    {
        var parts = new float[4];
        RandomMask.WriteKey(key, parts);
        return [.. parts];
    }
}
