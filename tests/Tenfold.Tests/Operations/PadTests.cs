using Xunit;

namespace Tenfold.Tests;

public class PadTests
{
    [Theory]
    [InlineData(PadMode.Zero, 0.0, 0.0, 1.0, 2.0, 3.0, 0.0)]
    [InlineData(PadMode.Reflect, 3.0, 2.0, 1.0, 2.0, 3.0, 2.0)]
    [InlineData(PadMode.Replicate, 1.0, 1.0, 1.0, 2.0, 3.0, 3.0)]
    [InlineData(PadMode.Circular, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0)]
    public void What_stands_outside(PadMode mode, params double[] expected)
    {
        Direct.Equal(expected, Direct.Run(x => x.Pad(new Padding(0, 2, 0, 1), mode), [1, 1, 1, 3], 1, 2, 3));
        Direct.Equal(expected, Direct.Run(x => x.Pad(new Padding(2, 0, 1, 0), mode), [1, 1, 3, 1], 1, 2, 3));
    }

    [Fact]
    public void A_convolution_pads_in_every_mode()
    {
        Node Box(Node x, PadMode mode) => x.Conv(1, (1, 3), bias: false, init: Initializer.Ones, mode: mode);
        foreach (var (mode, expected) in new[] { (PadMode.Zero, new double[] { 3, 6, 5 }), (PadMode.Reflect, [5, 6, 7]), (PadMode.Replicate, [4, 6, 8]), (PadMode.Circular, [6, 6, 6]) })
        {
            var graph = Box(new Input([1, 1, 1, 3]).Apply([], "x"), mode).ToGraph("g");
            Assert.Equal(["conv1.weight"], graph.Parameters.Keys);
            Assert.Equal(expected, Reference.Run(graph, graph.Init(), new Tensor([1, 1, 1, 3], [1, 2, 3]))[0].Span.ToArray().Select(v => (double)v));
        }
    }

    [Theory]
    [InlineData(PadMode.Zero)]
    [InlineData(PadMode.Reflect)]
    [InlineData(PadMode.Replicate)]
    [InlineData(PadMode.Circular)]
    public void Gradients(PadMode mode)
    {
        Check.Op(x => x.Pad(new Padding(1, 3, 2, 0), mode), [2, 2, 3, 4]);
        Check.Op(x => x.Conv(2, 3, stride: 2, mode: mode), [1, 3, 4, 5]);
    }

    [Fact]
    public void Bad_numbers_are_refused_by_name()
    {
        Assert.Equal("pad: padding 3 and 0 of a map 3 long; reflect allows at most 2", Direct.Refused(x => x.Pad(new Padding(3, 0, 0, 0), PadMode.Reflect), [1, 1, 3, 9]));
        Assert.Equal("pad: padding 0 and 4 of a map 3 long; circular allows at most 3", Direct.Refused(x => x.Pad(new Padding(0, 0, 4, 0), PadMode.Circular), [1, 1, 3, 9]));
        Assert.Equal("pad: padding -1 and -1 must not be negative", Direct.Refused(x => x.Pad(-1), [1, 1, 3, 9]));
        Assert.Contains("leaves a dimension of 4294967297", Direct.Refused(x => x.Pad(int.MaxValue), [1, 1, 3, 9]));
    }
}
