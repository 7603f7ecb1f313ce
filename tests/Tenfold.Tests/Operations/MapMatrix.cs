namespace Tenfold.Tests;

/// <summary>Operations on maps that are neither convolution nor pooling: resizing, padding, response normalisation, other orders.</summary>
public class MapMatrix : Matrix<MapMatrix>, ICases
{
    public static IReadOnlyList<Case> Cases { get; } =
    [
        new("nearest, up", x => x.Resize((9, 7), Interpolation.Nearest), [2, 3, 4, 5]),
        new("nearest, down", x => x.Resize((3, 2), Interpolation.Nearest), [1, 17, 7, 5]),
        new("nearest, doubled", x => x.Resize((6, 8), Interpolation.Nearest), [1, 4, 3, 4]),
        new("bilinear, up", x => x.Resize((9, 7)), [2, 3, 4, 5]),
        new("bilinear, down", x => x.Resize((3, 2)), [1, 17, 7, 5]),
        new("bilinear from one pixel", x => x.Resize((3, 4)), [2, 2, 1, 1]),
        new("bilinear to one pixel", x => x.Resize(1), [2, 2, 5, 4]),
        new("bilinear, corners", x => x.Resize((9, 7), Interpolation.BilinearCorners), [1, 3, 4, 5]),
        new("bilinear, corners, to one row", x => x.Resize((1, 7), Interpolation.BilinearCorners), [1, 3, 4, 5]),
        new("zeros around", x => x.Pad(new Padding(1, 2, 0, 3)), [2, 3, 4, 5]),
        new("zeros around, then conv", x => x.Pad(new Padding(0, 0, 1, 1)).Conv(4, 3, stride: 2, pad: 0), [1, 3, 6, 8]),
        new("mirror", x => x.Pad(new Padding(3, 2, 1, 4), PadMode.Reflect), [2, 3, 4, 5]),
        new("mirror, then conv", x => x.Pad(1, PadMode.Reflect).Conv(4, 3, pad: 0), [1, 3, 5, 6]),
        new("edge", x => x.Pad(new Padding(3, 2, 1, 7), PadMode.Replicate), [1, 17, 4, 3]),
        new("edge of one pixel", x => x.Pad(2, PadMode.Replicate), [1, 2, 1, 1]),
        new("round", x => x.Pad(new Padding(4, 2, 1, 5), PadMode.Circular), [2, 3, 4, 5]),
        new("lrn of 5", x => x.Lrn(5, alpha: 0.5f, k: 2), [2, 9, 3, 4]),
        new("lrn of 3", x => x.Lrn(3, alpha: 1, beta: 0.5f), [1, 17, 2, 3]),
        new("lrn of 4", x => x.Lrn(4, alpha: 2), [1, 6, 2, 3]),
        new("lrn of more channels than there are", x => x.Lrn(9, alpha: 1), [1, 3, 2, 3]),
        new("lrn of 5 and 37 channels", x => x.Lrn(5, alpha: 0.7f, k: 1.5f), [2, 37, 9, 8]) { Places = 4 },
        new("lrn with a power of its own", x => x.Lrn(2, alpha: 0.7f, beta: 0.6f), [1, 18, 3, 4]),
        new("lrn of 35 of 20 channels", x => x.Lrn(35, alpha: 2), [1, 20, 2, 3]),
        new("lrn of alexnet", x => x.Lrn(5, alpha: 5e-4f, k: 2), [1, 7, 3, 3]) { Draws = [Draws.Uniform(0, 30)] },
        new("channels last", x => x.Transpose(0, 2, 3, 1), [2, 3, 4, 5]),
        new("samples and channels turned", x => x.Transpose(1, 0, 3, 2), [2, 17, 4, 5]),
        new("a matrix turned", x => x.Transpose(1, 0), [5, 7]),
        new("channels last and back", x => x.Transpose(0, 2, 3, 1).Affine(2).Transpose(0, 3, 1, 2).Conv(4, 3), [1, 17, 3, 4]),
    ];
}
