namespace Tenfold.Tests;

public class PoolingMatrix : Matrix<PoolingMatrix>, ICases
{
    public static IReadOnlyList<Case> Cases { get; } =
    [
        new("max 2x2", x => x.MaxPool(2), [2, 3, 6, 8]),
        new("max of 40 channels, in strips", x => x.MaxPool(3, stride: 2, pad: 1), [1, 40, 21, 18]),
        new("avg of 40 channels, in strips", x => x.AvgPool(3, stride: 1, pad: 1), [1, 40, 21, 18]),
        new("avg, every second pixel", x => x.AvgPool(1, stride: 2), [2, 17, 7, 5]),
        new("max 2x2 of an odd map", x => x.MaxPool(2), [1, 5, 7, 5]),
        new("max 3x3 stride 2", x => x.MaxPool(3, stride: 2), [2, 4, 7, 9]),
        new("max 3x3 stride 2 pad 1", x => x.MaxPool(3, stride: 2, pad: 1), [1, 17, 6, 5]),
        new("max 3x3 stride 1 pad 1", x => x.MaxPool(3, stride: 1, pad: 1), [1, 2, 4, 5]),
        new("max of one pixel", x => x.MaxPool(3, stride: 2, pad: 1), [2, 3, 1, 1]),
        new("max rounding up", x => x.MaxPool(3, stride: 2, ceilMode: true), [1, 3, 8, 6]),
        new("max rounding up, window dropped", x => x.MaxPool(2, stride: 3, ceilMode: true), [1, 2, 6, 7]),
        new("max (2, 3) dilated", x => x.MaxPool((2, 3), stride: (1, 2), pad: (0, 1), dilation: (2, 1)), [1, 3, 6, 7]),
        new("max with padding on one side", x => x.MaxPool(3, stride: 2, pad: new Padding(0, 0, 1, 1)), [1, 2, 6, 8]),
        new("max of negative numbers", x => x.MaxPool(3, stride: 2, pad: 1), [1, 2, 5, 5]) { Draws = [Draws.Uniform(-2, -1)] },
        new("max, overlapping 5x5", x => x.MaxPool(5, stride: 1, pad: 2), [1, 2, 6, 7]),
        new("avg 2x2", x => x.AvgPool(2), [2, 3, 6, 8]),
        new("avg 3x3 stride 1 pad 1", x => x.AvgPool(3, stride: 1, pad: 1), [1, 5, 4, 6]),
        new("avg 3x3 stride 1 pad 1, real pixels only", x => x.AvgPool(3, stride: 1, pad: 1, countIncludePad: false), [1, 5, 4, 6]),
        new("avg 3x3 stride 2 pad 1", x => x.AvgPool(3, stride: 2, pad: 1), [2, 17, 5, 6]),
        new("avg 3x3 stride 2 pad 1 of 40 channels", x => x.AvgPool(3, stride: 2, pad: 1), [2, 40, 29, 30]),
        new("avg 5x7 stride 2 pad 2 and 3", x => x.AvgPool((5, 7), stride: 2, pad: (2, 3)), [1, 20, 11, 16]),
        new("avg 3x3 stride 2, a column left over", x => x.AvgPool(3, stride: 2), [1, 20, 9, 8]),
        new("avg rounding up", x => x.AvgPool((3, 2), stride: 2, pad: 1, ceilMode: true), [1, 3, 6, 7]),
        new("avg rounding up, real pixels only", x => x.AvgPool((3, 2), stride: 2, pad: 1, ceilMode: true, countIncludePad: false), [1, 3, 6, 7]),
        new("avg of one pixel", x => x.AvgPool(1), [2, 4, 1, 1]),
        new("avg of the whole map", x => x.AvgPool((5, 7)), [2, 3, 5, 7]),
        new("global avg", x => x.GlobalAvgPool(), [3, 5, 7, 3]),
        new("global avg of one pixel", x => x.GlobalAvgPool(), [2, 19, 1, 1]),
        new("global max", x => x.GlobalMaxPool(), [2, 5, 3, 7]),
        new("adaptive avg, bins that overlap", x => x.AdaptiveAvgPool((3, 4)), [2, 3, 7, 9]),
        new("adaptive avg to more than there is", x => x.AdaptiveAvgPool((5, 3)), [1, 2, 3, 3]),
        new("adaptive max", x => x.AdaptiveMaxPool((2, 5)), [1, 3, 5, 8]),
    ];
}
