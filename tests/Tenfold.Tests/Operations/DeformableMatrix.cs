namespace Tenfold.Tests;

/// <summary>Deformable convolutions with offsets away from whole numbers, where reading between pixels has a kink.</summary>
public class DeformableMatrix : Matrix<DeformableMatrix>, ICases
{
    public static IReadOnlyList<Case> Cases { get; } =
    [
        Version1("3x3", x => x[0].DeformableConv(x[1], null, 4, 3), [2, 3, 4, 5], [2, 18, 4, 5]),
        Version1("of one pixel", x => x[0].DeformableConv(x[1], null, 2, 3), [1, 1, 1, 1], [1, 18, 1, 1]),
        Version1("1x1", x => x[0].DeformableConv(x[1], null, 5, 1, bias: false), [1, 4, 3, 6], [1, 2, 3, 6]),
        Version1("stride 2, dilation 2", x => x[0].DeformableConv(x[1], null, 3, 3, stride: 2, pad: 1, dilation: 2), [1, 2, 8, 9], [1, 18, 3, 4]),
        Version1("17 to 9 channels", x => x[0].DeformableConv(x[1], null, 9, 3, bias: false), [1, 17, 3, 4], [1, 18, 3, 4]),
        Version1("four offset groups", x => x[0].DeformableConv(x[1], null, 5, (2, 3), pad: 0), [1, 8, 4, 5], [1, 48, 3, 3]),
        Version1("of 40 pixels", x => x[0].DeformableConv(x[1], null, 5, 3), [2, 18, 5, 8], [2, 18, 5, 8]),
        Version1("four offset groups of 5", x => x[0].DeformableConv(x[1], null, 33, 2, pad: 0), [1, 20, 4, 5], [1, 32, 3, 4]),
        Version1("two offset groups of 16", x => x[0].DeformableConv(x[1], null, 7, 3, groups: 1, bias: false), [1, 32, 3, 4], [1, 36, 3, 4]),
        Version2("groups of 9 of both kinds", x => x[0].DeformableConv(x[1], x[2], 36, 3, groups: 2), [1, 18, 5, 7], [1, 36, 5, 7], [1, 18, 5, 7]),
        Version2("3x3", x => x[0].DeformableConv(x[1], x[2], 4, 3), [2, 3, 4, 5], [2, 18, 4, 5], [2, 9, 4, 5]),
        Version2("2 weight groups, 3 offset groups, stride (2, 1), padding (1, 0), dilation (2, 1), kernel 3x2",
            x => x[0].DeformableConv(x[1], x[2], 4, (3, 2), stride: (2, 1), pad: (1, 0), dilation: (2, 1), groups: 2), [2, 6, 9, 6], [2, 36, 4, 5], [2, 18, 4, 5]),
        Version2("depthwise", x => x[0].DeformableConv(x[1], x[2], 6, 3, groups: 6, bias: false), [1, 6, 4, 3], [1, 36, 4, 3], [1, 18, 4, 3]),
        Version2("asymmetric padding", x => x[0].DeformableConv(x[1], x[2], 2, 2, pad: new Padding(1, 0, 0, 2)), [1, 2, 4, 5], [1, 8, 4, 6], [1, 4, 4, 6]),
    ];

    private static Case Version1(string name, Func<Node[], Node> build, params Shape[] shapes) => new(name, build, shapes) { Draws = [Draws.Normal, Draws.Fractions] };

    private static Case Version2(string name, Func<Node[], Node> build, params Shape[] shapes) => new("modulated " + name, build, shapes) { Draws = [Draws.Normal, Draws.Fractions] };
}
