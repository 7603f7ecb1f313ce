using Xunit;

namespace Tenfold.Tests;

public class LrnTests
{
    [Fact]
    public void A_window_of_two_holds_the_channel_before() =>
        Direct.Equal([1, 2 / 5.0, 3 / 13.0], Direct.Run(x => x.Lrn(size: 2, alpha: 2, beta: 1, k: 0), [1, 3], 1, 2, 3));

    [Fact]
    public void A_window_is_cut_at_the_ends_and_the_divisor_is_not() =>
        Direct.Equal([1 / 6.0, 2 / 15.0, 3 / 14.0], Direct.Run(x => x.Lrn(size: 3, alpha: 3, beta: 1, k: 1), [1, 3], 1, 2, 3));

    [Fact]
    public void A_window_may_be_wider_than_the_channels() =>
        Direct.Equal([1 / 3.0, 2 / 3.0], Direct.Run(x => x.Lrn(size: 1000, alpha: 500, beta: 0.5f, k: 6.5f), [1, 2], 1, 2));

    [Fact]
    public void Without_alpha_it_divides_by_a_constant() =>
        Direct.Equal([.. new[] { 1.0, -2, 3, 4, 5, 6 }.Select(v => v / Math.Pow(2, 0.75))], Direct.Run(x => x.Lrn(alpha: 0, k: 2), [1, 3, 1, 2], 1, -2, 3, 4, 5, 6));

    [Fact]
    public void Gradients()
    {
        Check.Op(x => x.Lrn(size: 5, alpha: 0.5f, beta: 0.75f, k: 2), [2, 7, 2, 3]);
        Check.Op(x => x.Lrn(size: 4, alpha: 1, beta: 1.5f, k: 1), [1, 6, 2, 1]);
    }

    [Fact]
    public void Bad_numbers_are_refused_by_name() => Assert.Equal("lrn: a window of 0 channels; at least 1", Direct.Refused(x => x.Lrn(0), [1, 3, 2, 2]));
}
