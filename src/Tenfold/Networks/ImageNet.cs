using System.Reflection;

namespace Tenfold;

/// <summary>The classes of the data set that the networks of the papers are trained on.</summary>
public static class ImageNet
{
    private static readonly Lazy<IReadOnlyList<string>> s_classes = new(() =>
    {
        using var file = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream("imagenet-classes.txt")!);
        return file.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    });

    /// <summary>What the 1,000 outputs mean, in English, in the order of the challenge's WordNet numbers (n01440764 to n15075141), which all published weights share.</summary>
    /// <remarks>Russakovsky et al., "ImageNet Large Scale Visual Recognition Challenge", 2015, arXiv 1409.0575; the short names are torchvision's.</remarks>
    public static IReadOnlyList<string> Classes => s_classes.Value;
}
