using Xunit;

namespace Tenfold.Tests;

/// <summary>A block with certain numbers is another operation: by the definitions in double, on random data.</summary>
public class BlockTests
{
    [Fact]
    public void The_three_forms_of_a_resnext_block_are_one()
    {
        const int paths = 4;
        var sum = new Piece(x => x.SplitTransformMerge(paths, p => p.Bottleneck(2, 6)), [2, 5, 4, 6]).Fresh();
        var concat = new Piece(x => Enumerable.Range(0, paths).Select(i => x.Scope($"path{i}", p => p.ConvBn(2, 1).Relu().ConvBn(2, 3).Relu())).Concat().ConvBn(6, 1, conv: "merge", bn: "norm"), sum.Shape).Fresh();
        var grouped = new Piece(x => x.Bottleneck(2 * paths, 6, groups: paths), sum.Shape).Fresh();
        for (var i = 0; i < paths; i++)
            foreach (var layer in new[] { 1, 2, 3 })
            {
                var kernel = sum.Weights[$"path{i}.conv{layer}.weight"] = Piece.Random(sum.Weights[$"path{i}.conv{layer}.weight"].Shape, $"path{i}.{layer}");
                if (layer < 3) concat.Weights[$"path{i}.conv{layer}.weight"] = kernel;
                foreach (var (o, c, h, w) in kernel.Shape.Positions)
                {
                    // The first two are stacked, the last stands side by side.
                    if (layer < 3) grouped.Weights[$"conv{layer}.weight"][2 * i + o, c, h, w] = kernel[o, c, h, w];
                    else grouped.Weights["conv3.weight"][o, 2 * i + c, h, w] = concat.Weights["merge.weight"][o, 2 * i + c, h, w] = kernel[o, c, h, w];
                }
            }

        Piece.Equal(sum.Run(), concat.Run());
        Piece.Equal(sum.Run(), grouped.Run());
    }

    [Fact]
    public void The_naive_inception_module_is_its_four_operations_side_by_side()
    {
        var module = new Piece(x => x.InceptionNaive(2, 3, 4, Plain), [2, 3, 6, 5]);
        var x = module.X();
        var y = module.Run(x);
        var start = 0;
        foreach (var (channels, branch) in new (int, Func<Node, Node>)[] { (2, v => v.Conv(2, 1)), (3, v => v.Conv(3, 3)), (4, v => v.Conv(4, 5)), (3, v => v.MaxPool(3, stride: 1, pad: 1)) })
        {
            var part = new Piece(branch, module.Shape);
            foreach (var role in part.Weights.Keys) part.Weights[role] = module.Weights[$"branch{1 + (start > 0 ? 1 : 0) + (start > 2 ? 1 : 0)}.{role}"];
            var z = part.Run(x);
            for (var n = 0; n < 2; n++)
                for (var c = 0; c < channels; c++) Assert.Equal(z.Plane(n, c), y.Plane(n, start + c));
            start += channels;
        }

        Assert.Equal(12, module.Output.Channels);

        static Node Plain(Node x, int channels, Size kernel) => x.Conv(channels, kernel);
    }

    [Fact]
    public void A_residual_block_whose_last_scale_is_0_is_its_shortcut()
    {
        foreach (var stride in new[] { 1, 2 })
        {
            var block = new Piece(x => x.ResidualBasic(4, stride), [2, 4, 5, 6]).Set("bn2.weight", _ => 0).Set("bn2.bias", _ => 0);
            var shortcut = new Piece(x => Shortcut.Project(x, block.Output).Relu(), block.Shape);
            foreach (var name in shortcut.Weights.Keys) shortcut.Weights[name] = block.Weights[name];
            Piece.Equal(shortcut.Run(), block.Run());
        }
    }

    [Fact]
    public void A_pre_activation_block_whose_last_kernel_is_0_is_exactly_the_identity()
    {
        var basic = new Piece(x => x.ResidualPreActivation(4), [2, 4, 5, 6]).Set("conv2.weight", _ => 0);
        Assert.Equal(basic.X().Data, basic.Run().Data);
        var bottleneck = new Piece(x => x.ResidualPreActivationBottleneck(2), [2, 8, 5, 6]).Set("conv3.weight", _ => 0);
        Assert.Equal(bottleneck.X().Data, bottleneck.Run().Data);
    }

    [Fact]
    public void Option_a_takes_every_other_pixel_and_adds_zero_channels()
    {
        var piece = new Piece(x => Shortcut.ZeroPad(x, [1, 5, 3, 3]), [1, 2, 5, 6]);
        var (x, y) = (piece.X(), piece.Run());
        foreach (var (n, c, h, w) in y.Shape.Positions) Assert.Equal(c < 2 ? x[n, c, 2 * h, 2 * w] : 0, y[n, c, h, w]);
    }

    [Fact]
    public void A_separable_convolution_is_the_dense_one_of_its_products()
    {
        var separable = new Piece(x => x.SeparableConv(4, kernel: 3, stride: 2), [2, 3, 6, 7]);
        var dense = new Piece(x => x.Conv(4, kernel: 3, stride: 2, bias: false), separable.Shape);
        var (d, p) = (separable.Weights["conv1.weight"], separable.Weights["pointwise.weight"]);
        foreach (var (o, c, i, j) in dense.Weights["conv1.weight"].Shape.Positions) dense.Weights["conv1.weight"][o, c, i, j] = p[o, c, 0, 0] * d[c, 0, i, j];
        Piece.Equal(dense.Run(), separable.Run());

        separable.Set("conv1.weight", i => i % 9 == 4 ? 1 : 0);
        Piece.Equal(new Piece(x => x.Conv(4, kernel: 1, stride: 2, bias: false), separable.Shape).Set("conv1.weight", i => p[i]).Run(), separable.Run());
    }

    [Fact]
    public void A_shuffle_unit_mixes_all_groups_and_without_its_shuffle_none()
    {
        var with = new Piece(x => x.ShuffleUnit(24, groups: 2), [1, 24, 3, 3]).Fresh();
        var without = new Piece(x => x.Residual(y => y.ConvBn(6, 1, groups: 2).Relu().ConvBn(6, 3, groups: 6).ConvBn(24, 1, groups: 2)).Relu(), with.Shape).Fresh();
        var (mixed, apart) = (with.Jacobian(), without.Jacobian());
        for (var o = 0; o < 24; o++)
            for (var c = 0; c < 24; c++)
                if (o / 12 != c / 12) Assert.Equal(0, apart[o, c]);
        Assert.Contains(Enumerable.Range(12, 12), o => mixed[o, 0] != 0);
        Assert.Contains(Enumerable.Range(0, 12), o => mixed[o, 23] != 0);
    }

    [Fact]
    public void Half_of_the_channels_pass_a_shuffle_unit_v2_untouched()
    {
        var unit = new Piece(x => x.ShuffleUnitV2(10), [2, 10, 4, 3]);
        var (x, y) = (unit.X(), unit.Run());
        for (var n = 0; n < 2; n++)
            for (var c = 0; c < 5; c++) Assert.Equal(x.Plane(n, c), y.Plane(n, 2 * c));
    }

    [Fact]
    public void Excitation_without_weights_scales_each_channel_by_the_sigmoid_of_its_bias()
    {
        var block = new Piece(x => x.SqueezeExcite(2), [2, 6, 4, 5]).Set("se.fc2.weight", _ => 0);
        var (x, y, bias) = (block.X(), block.Run(), block.Weights["se.fc2.bias"]);
        foreach (var (n, c, h, w) in x.Shape.Positions) Assert.Equal(x[n, c, h, w] / (1 + Math.Exp(-bias[c])), y[n, c, h, w], 1e-14);
        Piece.Equal(new(x.Shape, [.. x.Data.Select(value => value / 2)]), block.Set("se.fc2.bias", _ => 0).Run());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_fresh_context_module_passes_what_is_not_negative(bool large)
    {
        var module = new Piece(x => x.ContextModule(large, deviation: 0), [1, 2, 7, 6]).Fresh();
        var x = module.X();
        for (var i = 0; i < x.Data.Length; i++) x.Data[i] = Math.Abs(x.Data[i]);
        Check.Close(x.Data, module.Run(x).Data, 1e-14, "what passed");
    }

    [Fact]
    public void The_context_module_has_the_paper_s_weights_and_field()
    {
        var basic = Image.Of(21, 64, 64).ContextModule().ToGraph("basic");
        var large = Image.Of(21, 64, 64).ContextModule(large: true).ToGraph("large");
        Assert.Equal((28_224, 28_392), (Piece.Kernels(basic), basic.Cost.Parameters));
        Assert.Equal((64 * 21 * 21, 15_422 * 21 * 21), (Piece.Kernels(basic), Piece.Kernels(large)));
        Assert.Equal(6_801_102, Piece.Kernels(large));
        Assert.Equal(67, basic.Summarize().ReceptiveField);
        Assert.Equal([3, 5, 9, 17, 33, 65, 67, 67], basic.Summarize().Layers.Where(layer => layer.Parameters > 0).Select(layer => layer.ReceptiveField.Height));
    }

    [Fact]
    public void Gridding_is_found_where_pixels_are_missed()
    {
        Assert.Equal(0, Gridding.Unseen(3, 1, 2, 5));
        Assert.True(Gridding.IsHybrid(3, 1, 2, 5));
        Assert.Equal(4, Gridding.Unseen(3, 1, 2, 9)); // 4, 5 and -4, -5
        Assert.False(Gridding.IsHybrid(3, 1, 2, 9));
        Assert.Equal(6, Gridding.Unseen(3, 2, 2, 2)); // the odd ones
        Assert.False(Gridding.IsHybrid(3, 2, 2, 2));
        Assert.Equal(0, Gridding.Unseen(3, 1, 1, 2, 4, 8, 16, 1));
        for (var a = 1; a <= 4; a++)
            for (var b = a; b <= 8; b++)
                for (var c = b; c <= 12; c++)
                    if (a == 1 && Gridding.IsHybrid(3, a, b, c)) Assert.Equal(0, Gridding.Unseen(3, a, b, c));
        Assert.Throws<ShapeException>(() => Gridding.Unseen(4, 1));
        Assert.Throws<ShapeException>(() => Gridding.IsHybrid(3));
    }

    [Fact]
    public void A_fresh_deformable_convolution_is_the_plain_one_and_a_modulated_one_half_of_it()
    {
        Shape shape = [2, 4, 6, 5];
        var plain = new Piece(x => x.Conv(6, kernel: 3, stride: (2, 1), dilation: 2, groups: 2, bias: false), shape);
        var first = new Piece(x => x.Deformable(6, kernel: 3, stride: (2, 1), dilation: 2, groups: 2, offsetGroups: 4), shape).Fresh();
        var second = new Piece(x => x.ModulatedDeformable(6, kernel: 3, stride: (2, 1), dilation: 2, groups: 2, offsetGroups: 4), shape).Fresh();
        first.Weights["deformable_conv1.weight"] = second.Weights["deformable_conv1.weight"] = plain.Weights["conv1.weight"];
        var y = plain.Run();
        Piece.Equal(y, first.Run());
        Piece.Equal(new(y.Shape, [.. y.Data.Select(value => value / 2)]), second.Run());

        // Offsets that the layer has learned move what it reads.
        first.Set("deformable_conv1.conv_offset.bias", i => i % 2 == 0 ? 0.5 : -0.25);
        Assert.NotEqual(y.Data, first.Run().Data);
    }

    [Theory]
    [InlineData(1, false, 82_962)]
    [InlineData(4, false, 331_848)]
    [InlineData(1, true, 124_443)]
    public void Offsets_cost_what_the_paper_says(int groups, bool modulated, long parameters)
    {
        var x = Image.Of(512, 7, 7);
        var graph = (modulated ? x.ModulatedDeformable(512, 3, offsetGroups: groups) : x.Deformable(512, 3, offsetGroups: groups)).ToGraph("deformable");
        Assert.Equal(2_359_296 + parameters, graph.Cost.Parameters);
    }

    [Fact]
    public void Two_deformable_convolutions_in_a_row_keep_their_own_offsets_names()
    {
        var names = Image.Of(4, 5, 5).Deformable(4, 3).Deformable(4, 3).ToGraph("two").Parameters.Keys;
        Assert.Equal(["deformable_conv1.conv_offset.weight", "deformable_conv1.conv_offset.bias", "deformable_conv1.weight",
            "deformable_conv2.conv_offset.weight", "deformable_conv2.conv_offset.bias", "deformable_conv2.weight"], names);
    }

    [Fact]
    public void Dense_layers_keep_the_channels_before_them_to_the_bit()
    {
        var (two, three) = (new Piece(x => x.DenseBlock(2, growth: 3), [2, 4, 5, 4]), new Piece(x => x.DenseBlock(3, growth: 3), [2, 4, 5, 4]));
        var (x, y, z) = (two.X(), two.Run(), three.Run());
        Assert.Equal((10, 13), (y.Shape.Channels, z.Shape.Channels));
        for (var n = 0; n < 2; n++)
        {
            for (var c = 0; c < 4; c++) Assert.Equal(x.Plane(n, c), y.Plane(n, c));
            for (var c = 0; c < 10; c++) Assert.Equal(y.Plane(n, c), z.Plane(n, c));
        }
    }

    [Fact]
    public void Interleaved_groups_of_one_channel_are_a_separable_convolution()
    {
        var interleaved = new Piece(x => x.InterleavedGroupConv(6, groups: 6, kernel: 3), [2, 6, 5, 4]);
        Piece.Equal(new Piece(x => x.SeparableConv(6, kernel: 3).BatchNorm(), interleaved.Shape).Like(interleaved).Run(), interleaved.Run());
    }

    [Fact]
    public void Interleaved_in_one_group_is_a_dense_convolution_with_scaled_channels()
    {
        var interleaved = new Piece(x => x.InterleavedGroupConv(5, groups: 1, kernel: 3), [2, 5, 5, 4]);
        var dense = new Piece(x => x.ConvBn(5, kernel: 3), interleaved.Shape);
        foreach (var name in dense.Weights.Keys.Where(name => name.StartsWith("bn", StringComparison.Ordinal))) dense.Weights[name] = interleaved.Weights[name];
        dense.Set("conv1.weight", i => interleaved.Weights["primary.weight"][i] * interleaved.Weights["secondary.weight"][i / 45]);
        Piece.Equal(dense.Run(), interleaved.Run());
    }

    [Fact]
    public void Interleaved_groups_are_the_dense_convolution_that_they_compose_to()
    {
        const int first = 3, second = 4;
        var interleaved = new Piece(x => x.InterleavedGroupConv(12, groups: first, kernel: 3), [2, 12, 5, 4]);
        var dense = new Piece(x => x.ConvBn(12, kernel: 3), interleaved.Shape);
        foreach (var name in dense.Weights.Keys.Where(name => name.StartsWith("bn", StringComparison.Ordinal))) dense.Weights[name] = interleaved.Weights[name];
        var (p, s, d) = (interleaved.Weights["primary.weight"], interleaved.Weights["secondary.weight"], dense.Weights["conv1.weight"]);
        Array.Clear(d.Data);

        // Output (l, m) reads (l', m) of every first group l', by the one path through second group m.
        for (var l = 0; l < first; l++)
            for (var m = 0; m < second; m++)
                for (var from = 0; from < first; from++)
                    for (var c = 0; c < second; c++)
                        for (var tap = 0; tap < 9; tap++)
                            d[l * second + m, from * second + c, tap / 3, tap % 3] += s[m * first + l, from, 0, 0] * p[from * second + m, c, tap / 3, tap % 3];
        Piece.Equal(dense.Run(), interleaved.Run());
        var jacobian = interleaved.Jacobian();
        foreach (var entry in jacobian) Assert.NotEqual(0, entry);
    }

    [Fact]
    public void Interleaved_groups_are_widest_for_their_weights_where_the_first_are_nine_times_the_second()
    {
        const int budget = 10_368;
        var best = (from l in Enumerable.Range(1, 200) from m in Enumerable.Range(1, 40) where l * m * (9 * m + l) <= budget orderby l * m descending select (L: l, M: m)).First();
        Assert.Equal((36, 4), best);
        Assert.Equal(budget, Piece.Kernels(Image.Of(144, 3, 3).InterleavedGroupConv(144, groups: 36, kernel: 3)));
    }

    [Fact]
    public void As_many_bases_as_taps_are_any_dense_convolution()
    {
        var dense = new Piece(x => x.Conv(4, kernel: 3, bias: false), [2, 3, 5, 6]);
        var k = dense.Weights["conv1.weight"];
        var bases = new Piece(x => x.MultiBasisConv(4, kernel: 3, bases: 9), dense.Shape)
            .Set("bases.weight", i => i / 9 % 9 == i % 9 ? 1 : 0)
            .Set("projection.weight", i => k[i]); // [o, c, tap] either way
        Piece.Equal(dense.Run(), bases.Run());
    }

    [Fact]
    public void As_many_bases_as_the_rank_of_each_channel_s_kernels_are_enough()
    {
        const int rank = 2, outputs = 5;
        var dense = new Piece(x => x.Conv(outputs, kernel: 3, bias: false), [2, 3, 5, 6]);
        var k = dense.Weights["conv1.weight"];
        var bases = new Piece(x => x.MultiBasisConv(outputs, kernel: 3, bases: rank), dense.Shape);
        for (var c = 0; c < 3; c++)
        {
            // Kernels beyond the first two are mixtures of those; an orthonormal pair spans them all.
            double[] a = [.. k.Plane(0, c)], b = [.. k.Plane(1, c)];
            for (var o = 2; o < outputs; o++)
                for (var t = 0; t < 9; t++) k.Plane(o, c)[t] = (o - 1) * a[t] - 0.5 * o * b[t];
            double[] u = Scaled(a, 1 / Math.Sqrt(Dot(a, a)));
            double[] v = [.. b.Select((value, t) => value - Dot(b, u) * u[t])];
            v = Scaled(v, 1 / Math.Sqrt(Dot(v, v)));
            u.CopyTo(bases.Weights["bases.weight"].Plane(rank * c, 0));
            v.CopyTo(bases.Weights["bases.weight"].Plane(rank * c + 1, 0));
            for (var o = 0; o < outputs; o++)
            {
                double[] kernel = [.. k.Plane(o, c)];
                bases.Weights["projection.weight"][o, rank * c, 0, 0] = Dot(kernel, u);
                bases.Weights["projection.weight"][o, rank * c + 1, 0, 0] = Dot(kernel, v);
            }
        }

        Piece.Equal(dense.Run(), bases.Run());

        static double Dot(double[] x, double[] y) => x.Zip(y, (p, q) => p * q).Sum();

        static double[] Scaled(double[] x, double factor) => [.. x.Select(value => factor * value)];
    }

    [Fact]
    public void A_topological_layer_with_the_whole_grid_as_window_is_dense()
    {
        var layer = new Piece(x => x.TopologicalConv(3, [2, 3], [2, 3]), [2, 6, 4, 5]);
        var dense = new Piece(x => x.Conv(6, kernel: 3, bias: false), layer.Shape);
        var (k, d) = (layer.Weights["topological.weight"], dense.Weights["conv1.weight"]);

        // Output (a, b) reads (a + u, b + v), wrapped.
        foreach (var (o, t, i, j) in k.Shape.Positions) d[o, (o / 3 + t / 3) % 2 * 3 + (o % 3 + t % 3) % 3, i, j] = k[o, t, i, j];
        Piece.Equal(dense.Run(), layer.Run());
    }

    [Fact]
    public void A_topological_layer_with_windows_side_by_side_is_group_convolution()
    {
        var layer = new Piece(x => x.TopologicalConv(3, [12], [3], [3]), [2, 12, 4, 5]);
        Piece.Equal(new Piece(x => x.Conv(12, kernel: 3, groups: 4, bias: false), layer.Shape).Like(layer).Run(), layer.Run());
    }

    [Fact]
    public void Overlapping_windows_read_their_neighbours_on_the_grid_and_no_others()
    {
        var jacobian = new Piece(x => x.TopologicalConv(1, [3, 4], [2, 2]), [1, 12, 1, 1]).Jacobian();
        for (var o = 0; o < 12; o++)
            for (var c = 0; c < 12; c++)
                Assert.Equal((c / 4 - o / 4 + 3) % 3 < 2 && (c % 4 - o % 4 + 4) % 4 < 2, jacobian[o, c] != 0);
        Assert.Equal(12 * 4, Piece.Kernels(Image.Of(12, 1, 1).TopologicalConv(1, [3, 4], [2, 2])));
        Assert.Contains("do not lie on a grid of 3x5", Assert.Throws<ShapeException>(() => Image.Of(12, 1, 1).TopologicalConv(1, [3, 5], [2, 2])).Message);
        Assert.Contains("windows of 5", Assert.Throws<ShapeException>(() => Image.Of(12, 1, 1).TopologicalConv(1, [3, 4], [2, 5])).Message);

        // With steps, each window's outputs stand together on the grid.
        jacobian = new Piece(x => x.TopologicalConv(1, [4, 6], [2, 4], [2, 3]), [1, 24, 1, 1]).Jacobian();
        for (var o = 0; o < 24; o++)
            for (var c = 0; c < 24; c++)
                Assert.Equal(c / 6 / 2 == o / 6 / 2 && (c % 6 - o % 6 / 3 * 3 + 6) % 6 < 4, jacobian[o, c] != 0);
    }

    [Fact]
    public void A_spatial_bottleneck_without_projection_is_the_identity_and_keeps_odd_sizes()
    {
        var layer = new Piece(x => x.SpatialBottleneck((2, 3)), [2, 3, 5, 7]).Set("projection.weight", _ => 0);
        Assert.Equal(layer.X().Data, layer.Run().Data);
        Assert.Equal(2 * 6 * 3 + 9, Piece.Kernels(layer.Graph));
    }

    [Fact]
    public void Weighted_skips_that_start_at_0_are_the_identity_and_learn_by_the_branch()
    {
        foreach (var skip in new Func<Node, Node, Node>[] { Skip.Scalar, Skip.PerChannel(0) })
        {
            var block = new Piece(x => x.WeightedResidual(y => y.Conv(4, kernel: 3), skip), [2, 4, 5, 3]).Set("skip.scale", _ => 0);
            Assert.Equal(block.X().Data, block.Run().Data);
        }

        // dL/da is the sum of dL/dy F(x): here, with L the sum of y, that of F(x).
        var x = new Input([2, 4, 5, 3]).Apply([], "x");
        var branch = x.Conv(4, kernel: 3);
        var sum = Skip.Scalar(x, branch);
        var scale = sum.Inputs[1].Inputs[1];
        var graph = new Graph("gradient", [branch, sum.Gradient([scale])[0]!]);
        var piece = new Piece(v => v.Conv(4, kernel: 3), x.Shape);
        var weights = graph.Parameters.ToDictionary(pair => pair.Key, pair => piece.Weights.GetValueOrDefault(pair.Key, new Values<double>(pair.Value.Shape)));
        var outputs = Reference.Run(graph, weights, piece.X());
        Assert.Equal(outputs[0].Data.Sum(), outputs[1][0], 1e-10);
    }

    [Fact]
    public void A_closed_highway_gate_passes_x_and_an_open_one_the_branch()
    {
        var block = new Piece(x => x.WeightedResidual(y => y.Conv(4, kernel: 3), Skip.Highway()), [2, 4, 5, 3]).Set("gate.weight", _ => 0).Set("gate.bias", _ => -100);
        Piece.Equal(block.X(), block.Run());
        var branch = new Piece(x => x.Conv(4, kernel: 3), block.Shape);
        foreach (var name in branch.Weights.Keys) branch.Weights[name] = block.Weights[name];
        Piece.Equal(branch.Run(), block.Set("gate.bias", _ => 100).Run());
    }

    [Fact]
    public void Pyramid_pooling_is_independent_of_the_place_in_its_last_branch()
    {
        var layer = new Piece(x => x.Aspp(3, [1, 2]), [2, 4, 5, 6]);
        Assert.Equal<Shape>([2, 3, 5, 6], layer.Output);
        Assert.Equal(["convs.0.0.weight", "convs.1.0.weight", "convs.2.0.weight", "convs.3.1.weight", "project.0.weight"], layer.Graph.Parameters.Where(pair => pair.Value.Shape.Rank == 4).Select(pair => pair.Key));
        Assert.Equal(4 * 3 + 2 * 9 * 4 * 3 + 4 * 3 + 4 * 3 * 3, Piece.Kernels(layer.Graph));
        for (var i = 0; i < 3; i++) layer.Set($"convs.{i}.0.weight", _ => 0);
        var y = layer.Run();
        foreach (var (n, c, h, w) in y.Shape.Positions) Assert.Equal(y[n, c, 0, 0], y[n, c, h, w], 1e-12);
    }

    [Fact]
    public void The_combined_block_without_its_extras_is_a_shuffle_unit()
    {
        var combined = new Piece(x => x.Combined(24, groups: 3, reduction: 0), [2, 24, 4, 5]);
        Piece.Equal(new Piece(x => x.ShuffleUnit(24, groups: 3), combined.Shape).Like(combined).Run(), combined.Run());
    }

    [Fact]
    public void Blocks_refuse_what_breaks_their_rules()
    {
        var x = Image.Of(12, 6, 6);
        Assert.Contains("4", Assert.Throws<ShapeException>(() => x.StackedConv(8, kernel: 4)).Message);
        Assert.Contains("12 channels to 16", Assert.Throws<ShapeException>(() => x.ShuffleUnit(16, groups: 2)).Message);
        Assert.Contains("cannot come out", Assert.Throws<ShapeException>(() => x.ShuffleUnit(12, groups: 2, stride: 2)).Message);
        Assert.Contains("halves", Assert.Throws<ShapeException>(() => x.ShuffleUnitV2(13, stride: 2)).Message);
        Assert.Contains("do not divide into 5 groups", Assert.Throws<ShapeException>(() => x.InterleavedGroupConv(20, groups: 5, kernel: 3)).Message);
        Assert.Contains("0 paths", Assert.Throws<ShapeException>(() => x.SplitTransformMerge(0, y => y)).Message);
    }
}
