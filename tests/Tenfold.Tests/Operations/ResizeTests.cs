using Xunit;

namespace Tenfold.Tests;

public class ResizeTests
{
    // The numbers are PyTorch's, of interpolate.
    [Fact]
    public void Bilinear_between_the_centres() => Direct.Equal(
        [1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3, 3.25, 3.75, 4],
        Direct.Run(x => x.Resize(4), [1, 1, 2, 2], 1, 2, 3, 4));

    [Fact]
    public void Bilinear_with_matching_corners()
    {
        Direct.Equal([1, 4 / 3.0, 5 / 3.0, 2], Direct.Run(x => x.Resize((1, 4), Interpolation.BilinearCorners), [1, 1, 1, 2], 1, 2));
        Direct.Equal([1, 2, 3, 2, 3, 4, 3, 4, 5], Direct.Run(x => x.Resize(3, Interpolation.BilinearCorners), [1, 1, 2, 2], 1, 3, 3, 5));
        Direct.Equal([1], Direct.Run(x => x.Resize((1, 1), Interpolation.BilinearCorners), [1, 1, 1, 3], 1, 2, 3));
    }

    [Fact]
    public void Smaller_maps_are_samples_not_means()
    {
        Direct.Equal([1, 4], Direct.Run(x => x.Resize((1, 2)), [1, 1, 1, 6], 100, 1, 100, 100, 4, 100));
        Direct.Equal([3, 13], Direct.Run(x => x.Resize((1, 2)), [1, 1, 1, 8], 100, 1, 5, 100, 100, 11, 15, 100));
    }

    [Fact]
    public void Nearest()
    {
        Direct.Equal([1, 1, 2], Direct.Run(x => x.Resize((1, 3), Interpolation.Nearest), [1, 1, 1, 2], 1, 2));
        Direct.Equal([1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4], Direct.Run(x => x.Resize(4, Interpolation.Nearest), [1, 1, 2, 2], 1, 2, 3, 4));
        Direct.Equal([1, 2, 4], Direct.Run(x => x.Resize((1, 3), Interpolation.Nearest), [1, 1, 1, 5], 1, 2, 3, 4, 5));
    }

    [Theory]
    [InlineData(Interpolation.Nearest)]
    [InlineData(Interpolation.Bilinear)]
    [InlineData(Interpolation.BilinearCorners)]
    public void Gradients(Interpolation mode)
    {
        Check.Op(x => x.Resize((7, 3), mode), [2, 2, 4, 5]);
        Check.Op(x => x.Resize((1, 9), mode), [1, 2, 3, 1]);
    }

    [Fact]
    public void Bad_numbers_are_refused_by_name() =>
        Assert.Equal("resize: leaves a dimension of -1; at least 1 and at most 2147483647", Direct.Refused(x => x.Resize((3, -1)), [1, 1, 3, 9]));
}
