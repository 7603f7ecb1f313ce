using System.Text.RegularExpressions;

namespace Tenfold;

/// <summary>Names that published files give to the tensors of the zoo, turned into the networks' own, which are torchvision's or, where it has no such network, timm's.</summary>
/// <param name="Name">Who names so.</param>
/// <param name="Rename">From the file's name to the network's; a name that the rule does not know stays.</param>
internal sealed partial record WeightNaming(string Name, Func<string, string> Rename)
{
    // timm numbers MobileNet v2's blocks by stage, torchvision counts them through.
    private static readonly int[] s_mobileNetV2 = [1, 2, 3, 4, 3, 3, 1];

    public static IReadOnlyList<WeightNaming> All { get; } =
    [
        new("the network's own", name => name),
        new("wrapped in DataParallel", name => name.StartsWith("module.", StringComparison.Ordinal) ? name[7..] : name),
        new("torchvision before 0.3 (DenseNet)", name => OldDenseNet().Replace(name, ".$1$2.")),
        new("timm (VGG)", VggOfTimm),
        new("timm (MobileNet v2)", MobileNetV2OfTimm),
        new("timm (EfficientNet)", EfficientNetOfTimm),
        new("timm's legacy SENet", name => Replaced(name, ("layer0.conv1.", "conv1."), ("layer0.bn1.", "bn1."), ("last_linear.", "fc.")).Replace(".se_module.", ".se.")),
    ];

    private static string VggOfTimm(string name) =>
        Replaced(name, ("pre_logits.fc1.", "classifier.0."), ("pre_logits.fc2.", "classifier.3."), ("head.fc.", "classifier.6."));

    private static string MobileNetV2OfTimm(string name)
    {
        if (Block().Match(name) is not { Success: true } block)
            return Replaced(name, ("conv_stem.", "features.0.0."), ("bn1.", "features.0.1."), ("conv_head.", "features.18.0."), ("bn2.", "features.18.1."), ("classifier.", "classifier.1."));
        var (stage, index, rest) = (Whole(block, 1), Whole(block, 2), block.Groups[3].Value);
        if (stage >= s_mobileNetV2.Length) return name;
        rest = stage == 0
            ? Replaced(rest, ("conv_dw.", "0.0."), ("bn1.", "0.1."), ("conv_pw.", "1."), ("bn2.", "2."))
            : Replaced(rest, ("conv_pw.", "0.0."), ("bn1.", "0.1."), ("conv_dw.", "1.0."), ("bn2.", "1.1."), ("conv_pwl.", "2."), ("bn3.", "3."));
        return $"features.{1 + s_mobileNetV2[..stage].Sum() + index}.conv.{rest}";
    }

    private static string EfficientNetOfTimm(string name)
    {
        if (Block().Match(name) is not { Success: true } block)
            return Replaced(name, ("conv_stem.", "features.0.0."), ("bn1.", "features.0.1."), ("conv_head.", "features.8.0."), ("bn2.", "features.8.1."), ("classifier.", "classifier.1."));
        var (stage, index, rest) = (Whole(block, 1), Whole(block, 2), block.Groups[3].Value);
        rest = stage == 0
            ? Replaced(rest, ("conv_dw.", "0.0."), ("bn1.", "0.1."), ("se.conv_reduce.", "1.fc1."), ("se.conv_expand.", "1.fc2."), ("conv_pw.", "2.0."), ("bn2.", "2.1."))
            : Replaced(rest, ("conv_pw.", "0.0."), ("bn1.", "0.1."), ("conv_dw.", "1.0."), ("bn2.", "1.1."), ("se.conv_reduce.", "2.fc1."), ("se.conv_expand.", "2.fc2."),
                ("conv_pwl.", "3.0."), ("bn3.", "3.1."));
        return $"features.{stage + 1}.{index}.block.{rest}";
    }

    // The first that the name begins with.
    private static string Replaced(string name, params ReadOnlySpan<(string From, string To)> beginnings)
    {
        foreach (var (from, to) in beginnings)
            if (name.StartsWith(from, StringComparison.Ordinal)) return to + name[from.Length..];
        return name;
    }

    private static int Whole(Match match, int group) => int.Parse(match.Groups[group].ValueSpan, System.Globalization.CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^blocks\.([0-9]{1,4})\.([0-9]{1,4})\.(.*)$", RegexOptions.CultureInvariant)]
    private static partial Regex Block();

    [GeneratedRegex(@"\.(norm|conv)\.([0-9])\.", RegexOptions.CultureInvariant)]
    private static partial Regex OldDenseNet();
}
