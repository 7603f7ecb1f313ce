using System.Collections.Generic;
using System.Linq;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace Tenfold.KernelGenerator;

/// <summary>All classes of micro-kernels that are written.</summary>
/// <remarks>
/// The JIT keeps accumulators in registers only while each is a local variable of its own in a method that calls nothing, so such a method is needed for every tile: too many and too alike
/// to write by hand.
/// </remarks>
[Generator]
public sealed class Generator : IIncrementalGenerator
{
    private static readonly IEnumerable<(string Name, string Code)>[] s_classes =
    {
        DenseKernels.Classes(), PairedKernels.Classes(), OuterPairKernels.Classes(), // dense convolution, and the gradient of its weights
        WinogradTransforms.Classes(),
        LaneKernels.Classes(), GroupKernels.Classes(), // depthwise, and in small groups, of maps in blocks of channels
        PlaneKernels.Classes(), PlaneRowKernels.Classes(), PlaneWinogradKernels.Classes(), // of maps in plain order
    };

    public void Initialize(IncrementalGeneratorInitializationContext context) => context.RegisterPostInitializationOutput(output =>
    {
        foreach (var (name, code) in s_classes.SelectMany(classes => classes)) output.AddSource($"{name}.g.cs", SourceText.From(code, Encoding.UTF8));
    });
}
