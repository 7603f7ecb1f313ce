using Xunit;

namespace Tenfold.Tests;

public class InterleavedGroupNetTests
{
    [Theory]
    [InlineData("igcv1_l4m8_20", 277_546)]
    [InlineData("igcv1_l4m8_38", 575_914)]
    [InlineData("igcv1_l4m8_62", 973_738)]
    [InlineData("igcv1_l24m2_20", 155_962)]
    [InlineData("igcv1_l24m2_38", 317_242)]
    [InlineData("igcv1_l24m2_62", 532_282)]
    public void Plain_networks_have_the_paper_s_parameters(string name, long parameters) => Assert.Equal(parameters, Network.Create(name).Cost.Parameters);

    [Theory]
    [InlineData("igcv1_l16m32_20", 17.70)]
    [InlineData("igcv1_l450m2_20", 19.06)]
    [InlineData("igcv1_l32m26_20", 24.06)]
    public void Large_networks_have_the_paper_s_millions(string name, double millions) => Assert.Equal(millions, Network.Create(name).Cost.Parameters / 1e6, 0.005);

    [Theory]
    [InlineData("igcv1_l4m32_imagenet", 1024, 1.9, 11_207_040)]
    [InlineData("igcv1_l16m16_imagenet", 2048, 2.2, 11_440_896)]
    [InlineData("igcv1_l100m2_imagenet", 1600, 1.3, 7_006_700)]
    public void Imagenet_networks_cost_what_the_authors_say(string name, int channels, double billions, long kernels)
    {
        var graph = Network.Create(name);
        Assert.Equal(kernels, graph.Parameters.Values.Where(parameter => parameter.Shape.Rank == 4).Sum(parameter => parameter.Shape.Count)); // G (M S + L) and the rest, by hand
        Assert.Equal(channels, graph.Output.Inputs[0].Channels);
        Assert.Equal(billions, graph.Cost.Macs / 1e9, 0.15);
    }
}
