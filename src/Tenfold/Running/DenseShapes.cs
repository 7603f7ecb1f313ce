using Tenfold.Kernels;

namespace Tenfold;

/// <summary>A convolution's attributes and shapes as its kernels want them.</summary>
internal static class DenseShapes
{
    public static DenseShape Of(Node node) => Of(node.Op, node.Inputs[0].Shape, node.Inputs[1].Shape, node.Shape);

    public static DenseShape Of(Op op, Shape x, Shape kernel, Shape y)
    {
        var (stride, pad, dilation, groups, transposed) = op.Unfused() switch
        {
            Convolution conv => (conv.Stride, conv.Padding, conv.Dilation, conv.Groups, false),
            ConvolutionTranspose transpose => (transpose.Stride, transpose.Padding, transpose.Dilation, transpose.Groups, true),
            _ => throw new InvalidOperationException($"{op.Name} is no convolution"),
        };
        return new DenseShape(y.Batch, x.Channels, y.Channels, x.Plane, y.Plane, new Size(kernel[2], kernel[3]), stride, new Size(pad.Top, pad.Left), dilation, groups, transposed);
    }
}
