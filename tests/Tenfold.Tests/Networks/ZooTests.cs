using Xunit;

namespace Tenfold.Tests;

/// <summary>Every network of the zoo against the numbers of its paper, or of torchvision where its weights come from.</summary>
public class ZooTests
{
    [Theory]
    [InlineData("alexnet", 61_100_840, 714_188_480)]
    [InlineData("alexnet2012", 60_965_224, 724_406_816)]
    [InlineData("vgg11", 132_863_336, 7_609_090_048)]
    [InlineData("vgg13", 133_047_848, 11_308_466_176)]
    [InlineData("vgg16", 138_357_544, 15_470_264_320)]
    [InlineData("vgg19", 143_667_240, 19_632_062_464)]
    [InlineData("vgg11_bn", 132_868_840, 7_609_090_048)]
    [InlineData("vgg13_bn", 133_053_736, 11_308_466_176)]
    [InlineData("vgg16_bn", 138_365_992, 15_470_264_320)]
    [InlineData("vgg19_bn", 143_678_248, 19_632_062_464)]
    [InlineData("nin", 7_595_176, 969_460_864)]
    [InlineData("nin_cifar", 966_986, 222_486_528)]
    [InlineData("plain20", 269_722, null)]
    [InlineData("plain110", 1_727_962, null)]
    [InlineData("plain18", 11_689_512 - 173_824, null)] // the projections of ResNet-18
    [InlineData("plain34", 21_797_672 - 173_824, null)]
    [InlineData("resnetv2_18", 11_687_720, 1_814_073_344)]
    [InlineData("resnetv2_34", 21_795_880, 3_663_761_408)]
    [InlineData("resnetv2_50", 25_549_352, 4_089_184_256)]
    [InlineData("resnetv2_101", 44_541_480, 7_801_405_440)]
    [InlineData("resnetv2_152", 60_185_128, 11_513_626_624)]
    [InlineData("resnetv2_200", 64_666_152, 15_007_481_856)]
    [InlineData("resnext50_32x4d", 25_028_904, 4_230_479_872)]
    [InlineData("resnext101_32x4d", 44_177_704, 7_969_996_800)]
    [InlineData("resnext101_32x8d", 88_791_336, 16_414_015_488)]
    [InlineData("resnext101_64x4d", 83_455_272, null)]
    [InlineData("wide_resnet50_2", 68_883_240, null)]
    [InlineData("wide_resnet101_2", 126_886_696, null)]
    public void Parameters_and_macs_are_exact(string name, long parameters, long? macs)
    {
        var cost = Network.Create(name).Cost;
        Assert.Equal(parameters, cost.Parameters);
        if (macs is { } known) Assert.Equal(known, cost.Macs);
    }

    [Theory]
    [InlineData("nin_cifar", 100, 984_356)]
    public void Parameters_follow_the_classes(string name, int classes, long parameters) => Assert.Equal(parameters, Network.Create(name, classes).Cost.Parameters);

    [Fact]
    public void Macs_follow_the_picture() => Assert.Equal(1_105_996_320, Network.Create("nin", input: [3, 227, 227]).Cost.Macs);
}
