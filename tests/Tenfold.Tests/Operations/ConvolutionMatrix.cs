namespace Tenfold.Tests;

/// <summary>Convolutions of every kind on odd, tiny, lopsided shapes.</summary>
public class ConvolutionMatrix : Matrix<ConvolutionMatrix>, ICases
{
    public static IReadOnlyList<Case> Cases { get; } =
    [
        new("3x3", x => x.Conv(5, 3), [2, 3, 5, 7]),
        new("3x3 of one pixel", x => x.Conv(2, 3), [1, 1, 1, 1]),
        new("1x1", x => x.Conv(7, 1), [2, 5, 3, 4]),
        new("1x1 to one pixel", x => x.Conv(9, 1), [3, 17, 1, 1]),
        new("valid 3x3", x => x.Conv(4, 3, pad: 0), [1, 3, 5, 6]),
        new("valid, the whole map", x => x.Conv(3, (4, 5), pad: 0), [2, 2, 4, 5]),
        new("even kernel", x => x.Conv(3, (2, 4)), [1, 2, 5, 6]),
        new("1x7", x => x.Conv(3, (1, 7)), [1, 2, 3, 9]),
        new("7x1", x => x.Conv(3, (7, 1)), [1, 2, 9, 3]),
        new("stride 2", x => x.Conv(4, 3, stride: 2), [2, 3, 7, 8]),
        new("stride 2 that leaves a rest", x => x.Conv(4, 3, stride: 2, pad: 0), [1, 3, 8, 10]),
        new("stride (3, 1)", x => x.Conv(2, (3, 2), stride: (3, 1), pad: (1, 0)), [1, 2, 9, 4]),
        new("stride above the kernel", x => x.Conv(3, 2, stride: 3, pad: 0), [1, 2, 9, 8]),
        new("1x1 stride 2", x => x.Conv(6, 1, stride: 2), [2, 4, 5, 6]),
        new("stem 7x7 stride 2", x => x.Conv(4, 7, stride: 2, bias: false), [1, 3, 13, 11]),
        new("padding on one side", x => x.Conv(3, 3, pad: new Padding(0, 2, 1, 0)), [1, 2, 4, 5]),
        new("padding wider than the kernel", x => x.Conv(2, 3, pad: 4), [1, 2, 2, 3]),
        new("the same size, the odd pixel after", x => x.Conv(4, 3, stride: 2, pad: new Padding(0, 0, 1, 1)), [1, 3, 6, 8]),
        new("dilation 2", x => x.Conv(3, 3, dilation: 2), [1, 2, 7, 6]),
        new("dilation (1, 3)", x => x.Conv(3, 3, dilation: (1, 3), pad: (1, 2)), [1, 2, 5, 9]),
        new("dilation 4 of a small map", x => x.Conv(2, 3, dilation: 4), [1, 2, 3, 3]),
        new("dilation 2, stride 2", x => x.Conv(3, 3, stride: 2, dilation: 2, pad: 1), [2, 2, 8, 9]),
        new("two groups", x => x.Conv(6, 3, groups: 2), [2, 4, 5, 4]),
        new("three groups, stride 2", x => x.Conv(3, 3, stride: 2, groups: 3), [1, 9, 6, 5]),
        new("1x1 in five groups", x => x.Conv(10, 1, groups: 5, bias: false), [2, 15, 3, 2]),
        new("32 groups of 4", x => x.Conv(128, 3, groups: 32, bias: false), [1, 128, 3, 4]),
        new("depthwise", x => x.Depthwise(3), [2, 5, 6, 7]),
        new("depthwise stride 2", x => x.Depthwise(3, stride: 2, bias: false), [1, 19, 7, 7]),
        new("depthwise 5x5 dilation 2", x => x.Depthwise(5, dilation: 2), [1, 3, 9, 8]),
        new("depthwise times 3", x => x.Depthwise(3, multiplier: 3), [1, 4, 5, 5]),
        new("depthwise of one pixel", x => x.Depthwise(3), [2, 33, 1, 1]),
        new("17 to 33 channels", x => x.Conv(33, 3, bias: false), [1, 17, 4, 5]),
        new("64 to 64 channels", x => x.Conv(64, 3, bias: false), [1, 64, 3, 2]),
        new("16 to 16 channels", x => x.Conv(16, 3), [2, 16, 9, 8]),
        new("64 channels of a large map, in strips", x => x.Conv(2, 3, bias: false), [1, 64, 29, 31]),
        new("batch of 19", x => x.Conv(5, 3), [19, 3, 4, 5]),
        new("1x1 on a large plane", x => x.Conv(3, 1), [1, 19, 31, 33]),
        new("a long row", x => x.Conv(8, 3), [1, 8, 2, 67]),
    ];
}
