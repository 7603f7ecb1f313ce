using System.Diagnostics;
using Xunit;

namespace Tenfold.Tests;

/// <summary>Every network of the zoo against the numbers of its paper, or of torchvision where its weights come from.</summary>
public class ZooTests(ITestOutputHelper output)
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
    [InlineData("googlenet", 6_624_904, 1_498_376_192)]
    [InlineData("googlenet_aux", 13_004_888)]
    [InlineData("googlenet2015", 6_998_552, 1_582_671_872)]
    [InlineData("googlenet2015_aux", 13_378_280)]
    [InlineData("bn_inception", 11_194_984, 2_018_851_840)]
    [InlineData("se_bn_inception", 11_823_488, 2_019_473_408)]
    [InlineData("inception_v3", 23_834_568, 5_713_216_096)]
    [InlineData("inception_v3_aux", 27_161_264)]
    [InlineData("plain20", 269_722)]
    [InlineData("plain110", 1_727_962)]
    [InlineData("plain18", 11_689_512 - 173_824)] // the projections of ResNet-18
    [InlineData("plain34", 21_797_672 - 173_824)]
    [InlineData("resnetv2_18", 11_687_720, 1_814_073_344)]
    [InlineData("resnetv2_34", 21_795_880, 3_663_761_408)]
    [InlineData("resnetv2_50", 25_549_352, 4_089_184_256)]
    [InlineData("resnetv2_101", 44_541_480, 7_801_405_440)]
    [InlineData("resnetv2_152", 60_185_128, 11_513_626_624)]
    [InlineData("resnetv2_200", 64_666_152, 15_007_481_856)]
    [InlineData("resnext50_32x4d", 25_028_904, 4_230_479_872)]
    [InlineData("resnext101_32x4d", 44_177_704, 7_969_996_800)]
    [InlineData("resnext101_32x8d", 88_791_336, 16_414_015_488)]
    [InlineData("resnext101_64x4d", 83_455_272)]
    [InlineData("wide_resnet50_2", 68_883_240)]
    [InlineData("wide_resnet101_2", 126_886_696)]
    [InlineData("se_resnet50_caffe", 28_088_024, 4_091_699_200 - 231_211_008)] // the stride on the first 1x1: what ResNet-50 saves
    [InlineData("se_resnext50_32x4d_caffe", 27_559_896, 4_232_994_816)]
    [InlineData("densenet121", 7_978_856, 2_834_161_664)]
    [InlineData("densenet169", 14_149_480, 3_359_843_328)]
    [InlineData("densenet201", 20_013_928, 4_291_365_888)]
    [InlineData("densenet161", 28_681_000, 7_727_907_072)]
    [InlineData("densenet40_12", 1_019_722)]
    [InlineData("densenet_bc100_12", 769_162)]
    public void Parameters_and_macs_are_exact(string name, long parameters, long macs = 0)
    {
        var cost = Network.Create(name).Cost;
        Assert.Equal(parameters, cost.Parameters);
        if (macs != 0) Assert.Equal(macs, cost.Macs); // 0: no figure to compare with
    }

    [Theory]
    [InlineData("alexnet", 16)]
    [InlineData("vgg16", 32)]
    [InlineData("vgg16_bn", 97)]
    [InlineData("googlenet_aux", 364)]
    [InlineData("inception_v3_aux", 580)]
    [InlineData("densenet121", 727)]
    [InlineData("densenet169", 1015)]
    [InlineData("densenet201", 1207)]
    public void Tensors_are_as_many_as_in_torchvision_s_files(string name, int tensors)
    {
        var graph = Network.Create(name);
        // torchvision also counts the batches of every norm (num_batches_tracked).
        Assert.Equal(tensors, graph.Parameters.Count + graph.Nodes.Count(node => node.Op is BatchNorm));
    }

    [Fact]
    public void Every_network_is_made_in_no_time()
    {
        foreach (var network in Network.All) Network.Create(network.Name); // the code is compiled
        var times = Network.All.Select(network =>
        {
            var watch = Stopwatch.StartNew();
            Network.Create(network.Name);
            return (network.Name, Milliseconds: watch.Elapsed.TotalMilliseconds);
        }).OrderByDescending(made => made.Milliseconds).ToArray();
        output.WriteLine($"{times.Length} networks, the slowest: {string.Join(", ", times.Take(3).Select(made => $"{made.Name} {made.Milliseconds:0.0} ms"))}");
        Assert.InRange(times[0].Milliseconds, 0, 500); // ten times what is aimed at, for this machine may be busy
    }

    [Fact]
    public void The_naive_modules_of_GoogLeNet_cost_what_their_widths_say()
    {
        var graph = Network.Create("googlenet_naive");
        Assert.Equal(387_072, graph.Parameters.Where(p => p.Key.StartsWith("inception3a.", StringComparison.Ordinal) && p.Value.Shape.Rank == 4).Sum(p => p.Value.Shape.Count));
        Assert.Equal(192 + (64 + 128 + 32), graph.Nodes.First(node => node.Op is Concat).Channels);
        Assert.Equal(4944, graph.Nodes.Last(node => node.Op is Concat).Channels); // 192 and all widths of the nine modules
    }

    [Theory]
    [InlineData("nin_cifar", 100, 984_356)]
    public void Parameters_follow_the_classes(string name, int classes, long parameters) => Assert.Equal(parameters, Network.Create(name, classes).Cost.Parameters);

    [Fact]
    public void Pictures_that_a_network_cannot_take_are_refused_by_name()
    {
        Assert.Contains("75x75", Assert.Throws<ShapeException>(() => Network.Create("inception_v3", input: [3, 64, 64])).Message);
        Assert.Throws<ShapeException>(() => Network.Create("alexnet2012", input: [3, 32, 32]));
    }

    [Fact]
    public void Macs_follow_the_picture() => Assert.Equal(1_105_996_320, Network.Create("nin", input: [3, 227, 227]).Cost.Macs);
}
