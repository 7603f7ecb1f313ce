using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Xunit;

namespace Tenfold.Tests;

/// <summary>The folders of the library are its layers: each sees only those before it.</summary>
public class LayeringTests
{
    // Formats before Data and Training: a checkpoint is a safetensors file, and a download is written as atomically as a model.
    private static readonly string[] s_layers =
        ["Tensors", "Graphs", "Operations", "Blocks", "Networks", "Kernels", "Running", "Formats", "Data", "Training", "Analysis", "Comparing"];

    // What a folder does not see although it stands before it.
    private static readonly (string Folder, string Not)[] s_apart =
        [("Kernels", "Graphs"), ("Kernels", "Operations"), ("Kernels", "Blocks"), ("Kernels", "Networks"), ("Running", "Networks"), ("Running", "Blocks")];

    [Fact]
    public void Folders_see_only_those_before_them()
    {
        var library = Path.Combine(Repository, "src", "Tenfold");
        var compilation = Compile(library);
        var faults = new SortedSet<string>();
        var uses = 0;
        foreach (var tree in compilation.SyntaxTrees)
        {
            if (Folder(tree) is not { } folder) continue;
            Assert.Contains(folder, s_layers);
            var model = compilation.GetSemanticModel(tree);
            foreach (var name in tree.GetRoot(TestContext.Current.CancellationToken).DescendantNodes().Where(node => node is SimpleNameSyntax or BinaryExpressionSyntax))
            {
                var symbol = model.GetSymbolInfo(name, TestContext.Current.CancellationToken).Symbol;
                foreach (var place in (symbol as INamespaceSymbol is null ? symbol?.DeclaringSyntaxReferences : null) ?? [])
                {
                    if (Folder(place.SyntaxTree) is not { } other || symbol is INamedTypeSymbol { Name: "Verbs" }) continue;
                    if (other != folder) uses++;
                    if (!Sees(folder, other)) faults.Add($"{Path.GetRelativePath(library, tree.FilePath)} uses {symbol} of {other}");
                }
            }
        }

        Assert.True(uses > 1000, $"only {uses} uses of other folders were found: the sources were not understood");
        Assert.True(faults.Count == 0, string.Join('\n', faults));

        string? Folder(SyntaxTree tree) => Path.GetRelativePath(library, tree.FilePath).Split(Path.DirectorySeparatorChar) is [var folder, _, ..] ? folder : null;
    }

    [Fact]
    public void The_library_needs_nothing_but_the_framework()
    {
        var project = File.ReadAllText(Path.Combine(Repository, "src", "Tenfold", "Tenfold.csproj"));
        Assert.DoesNotContain("PackageReference", project);
        // The generator writes kernels while the library is compiled; nothing of it is left in the result.
        foreach (var reference in project.Split('\n').Where(line => line.Contains("<ProjectReference", StringComparison.Ordinal)))
            Assert.Contains("OutputItemType=\"Analyzer\" ReferenceOutputAssembly=\"false\"", reference);
        var outside = typeof(Op).Assembly.GetReferencedAssemblies().Where(name => !name.Name!.StartsWith("System", StringComparison.Ordinal));
        Assert.Empty(outside.Select(name => name.Name));
    }

    // A page that has grown out of a reader's patience. Kernels are unrolled and may be longer.
    [Fact]
    public void Pages_stay_short()
    {
        var long_ = Directory.EnumerateFiles(Path.Combine(Repository, "src"), "*.cs", SearchOption.AllDirectories)
            .Select(path => (Path: Path.GetRelativePath(Repository, path), Lines: File.ReadLines(path).Count()))
            .Where(file => file.Lines > (file.Path.Contains("Kernels", StringComparison.Ordinal) ? 900 : 500));
        Assert.Empty(long_);
    }

    internal static string Repository
    {
        get
        {
            var folder = new DirectoryInfo(AppContext.BaseDirectory);
            while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Tenfold.slnx"))) folder = folder.Parent;
            return folder?.FullName ?? throw new DirectoryNotFoundException("the tests must run below the folder of Tenfold.slnx");
        }
    }

    private static bool Sees(string folder, string other) =>
        Array.IndexOf(s_layers, other) <= Array.IndexOf(s_layers, folder) && !s_apart.Contains((folder, other));

    private static CSharpCompilation Compile(string folder)
    {
        var options = new CSharpParseOptions(LanguageVersion.Preview);
        var trees = Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories).Select(path => CSharpSyntaxTree.ParseText(File.ReadAllText(path), options, path));
        const string usings = "global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq; global using System.Net.Http; global using System.Threading; global using System.Threading.Tasks;";
        var framework = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => Path.GetFileName(path) is var name && (name.StartsWith("System", StringComparison.Ordinal) || name is "netstandard.dll" or "mscorlib.dll" or "Microsoft.Win32.Primitives.dll"));
        return CSharpCompilation.Create("layers", [CSharpSyntaxTree.ParseText(usings, options, Path.Combine(folder, "Usings.cs")), .. trees], framework.Select(path => MetadataReference.CreateFromFile(path)),
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true, nullableContextOptions: NullableContextOptions.Enable));
    }
}
