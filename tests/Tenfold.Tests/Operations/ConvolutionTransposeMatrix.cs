namespace Tenfold.Tests;

public class ConvolutionTransposeMatrix : Matrix<ConvolutionTransposeMatrix>, ICases
{
    public static IReadOnlyList<Case> Cases { get; } =
    [
        new("2x2 stride 2", x => x.ConvTranspose(3, 2, stride: 2), [2, 4, 3, 5]),
        new("of one pixel", x => x.ConvTranspose(3, 3), [1, 2, 1, 1]),
        new("3x3 stride 1, centred", x => x.ConvTranspose(5, 3, pad: 1), [1, 3, 4, 6]),
        new("3x3 stride 2 with an extra row", x => x.ConvTranspose(4, 3, stride: 2, pad: 1, extra: (1, 0)), [2, 3, 4, 5]),
        new("4x4 stride 2, no bias", x => x.ConvTranspose(3, 4, stride: 2, pad: 1, bias: false), [1, 5, 3, 3]),
        new("stride (3, 1), kernel 2x3", x => x.ConvTranspose(2, (2, 3), stride: (3, 1), pad: (0, 1)), [1, 3, 4, 5]),
        new("dilation (2, 1)", x => x.ConvTranspose(2, 3, dilation: (2, 1)), [1, 2, 4, 3]),
        new("asymmetric padding", x => x.ConvTranspose(3, 3, stride: 2, pad: new Padding(0, 1, 1, 0)), [1, 2, 3, 4]),
        new("three groups", x => x.ConvTranspose(6, 3, stride: 2, pad: 1, groups: 3), [2, 9, 3, 2]),
        new("depthwise", x => x.ConvTranspose(7, 3, stride: 2, pad: 1, extra: 1, groups: 7), [1, 7, 4, 3]),
        new("one column of stride (1, 2)", x => x.ConvTranspose(5, 1, stride: (1, 2), pad: new Padding(1, 2, 0, 2)), [1, 4, 10, 3]),
        new("one column of stride (1, 2), 7x1", x => x.ConvTranspose(40, (7, 1), stride: (1, 2), pad: new Padding(0, 2, 2, 0)), [2, 33, 2, 2]),
        new("17 to 19 channels", x => x.ConvTranspose(19, 2, stride: 2), [1, 17, 3, 4]),
    ];
}
