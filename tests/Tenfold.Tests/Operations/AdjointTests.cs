using Xunit;

namespace Tenfold.Tests;

/// <summary>Exact identities on whole numbers: what a tolerance would let pass at one border pixel fails here.</summary>
public class AdjointTests
{
    [Fact]
    public void Convolution_and_its_gradients_are_adjoint()
    {
        Check.Adjoint(x => x.Conv(4, 3, bias: false), [2, 3, 5, 7]);
        Check.Adjoint(x => x.Conv(6, 3, stride: 2, bias: false), [1, 5, 8, 7]);
        Check.Adjoint(x => x.Conv(4, (5, 2), stride: (3, 1), pad: new Padding(2, 1, 0, 1), bias: false), [2, 2, 9, 6]);
        Check.Adjoint(x => x.Conv(3, 3, dilation: (2, 3), pad: (1, 4), bias: false), [1, 3, 7, 8]);
        Check.Adjoint(x => x.Conv(6, 3, groups: 3, stride: 2, bias: false), [2, 9, 6, 5]);
        Check.Adjoint(x => x.Depthwise(3, stride: 2, bias: false), [2, 19, 7, 6]);
        Check.Adjoint(x => x.Depthwise(5, dilation: 2, multiplier: 2, bias: false), [1, 5, 9, 7]);
        Check.Adjoint(x => x.Conv(33, 1, bias: false), [2, 17, 3, 5]);
        Check.Adjoint(x => x.Conv(8, 7, stride: 2, bias: false), [1, 3, 11, 13]);
        Check.Adjoint(x => x.Conv(16, 3, bias: false), [2, 16, 6, 9]);
    }

    [Fact]
    public void Transposed_convolution_and_its_gradients_are_adjoint()
    {
        Check.Adjoint(x => x.ConvTranspose(3, 3, stride: 2, pad: 1, extra: 1, bias: false), [2, 4, 3, 5]);
        Check.Adjoint(x => x.ConvTranspose(6, (2, 3), stride: (3, 2), dilation: (1, 2), groups: 2, bias: false), [1, 4, 4, 3]);
    }

    [Fact]
    public void Linear_operations_without_weights_are_adjoint_to_their_gradients()
    {
        Check.Adjoint(x => x.Linear(7, bias: false), [3, 12]);
        Check.Adjoint(x => x.ChannelShuffle(4), [2, 12, 3, 2]);
        Check.Adjoint(x => x.AvgPool(2), [2, 3, 5, 7]); // quarters are exact too
        Check.Adjoint(x => x.AvgPool((2, 4), stride: 1, pad: (0, 2)), [1, 17, 5, 7]);
        Check.Adjoint(x => x.AdaptiveAvgPool((2, 4)), [1, 2, 4, 8]);
        Check.Adjoint(x => x.Slice(1, 3), [2, 5, 3, 3]);
        Check.Adjoint(x => x.Embed(1, 2), [2, 5, 3, 3]);
        Check.Adjoint(x => x.Concat(x.Affine(-2)), [2, 5, 3, 3]);
        Check.Adjoint(x => x.Sum(Axes.Plane), [2, 5, 3, 3]);
    }

    [Fact]
    public void Every_tap_reads_its_own_pixel()
    {
        Check.Impulses(x => x.Conv(3, 3, bias: false), [1, 2, 4, 5]);
        Check.Impulses(x => x.Conv(17, 3, bias: false), [1, 17, 5, 4]);
        Check.Impulses(x => x.Conv(4, (2, 3), stride: (2, 1), dilation: (1, 2), groups: 2, bias: false), [1, 4, 6, 7]);
        Check.Impulses(x => x.Conv(16, 1, stride: 2, bias: false), [1, 24, 5, 4]);
        Check.Impulses(x => x.Conv(5, 7, stride: 2, bias: false), [1, 3, 9, 10]);
        Check.Impulses(x => x.Depthwise(3, stride: 2, bias: false), [1, 9, 5, 5]);
        Check.Impulses(x => x.Depthwise(5, bias: false), [1, 17, 3, 7]);
        Check.Impulses(x => x.ConvTranspose(3, 3, stride: 2, pad: 1, bias: false), [1, 4, 3, 4]);
        Check.Impulses(x => x.Linear(9, bias: false), [2, 5]);
    }
}
