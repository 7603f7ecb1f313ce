using System.CommandLine;
using Spectre.Console;

namespace Tenfold.Cli;

/// <summary><c>tenfold networks</c>: the zoo.</summary>
internal sealed class NetworksCommand : ToolCommand
{
    private readonly Argument<string?> _part = new("PART") { Description = "Only networks whose name or paper contains this", Arity = ArgumentArity.ZeroOrOne };

    public NetworksCommand() : base("networks", "List the networks of the papers with parameters, MACs and source") => Add(_part);

    public override string[] Examples => ["tenfold networks", "tenfold networks mobilenet", "tenfold networks --json"];

    public override int Run(ParseResult given, Screen screen, CancellationToken stop)
    {
        var part = given.GetValue(_part);
        var networks = Network.All.Where(network => part is null
            || network.Name.Contains(part, StringComparison.OrdinalIgnoreCase) || network.Paper.Contains(part, StringComparison.OrdinalIgnoreCase)).ToArray();
        if (networks.Length == 0) throw new UsageException($"no network's name or paper contains {part}{Names.Suggest(part!, Network.All.Select(network => network.Name))}");

        var documents = networks.Select(network =>
        {
            stop.ThrowIfCancellationRequested();
            var cost = Network.Create(network.Name).Cost;
            return new NetworkDocument(network.Name, cost.Parameters, cost.Macs, network.Paper, network.Description, [.. network.Input], network.Classes);
        }).ToArray();
        screen.Result(documents, Documents.Written.NetworkDocumentArray, () =>
        {
            var table = screen.Table("network", ">parameters", ">MACs", "input", ">classes", "description");
            foreach (var network in documents)
                table.AddRow(network.Name, $"{network.Parameters:N0}", $"{network.Macs:N0}", string.Join('x', network.Input), $"{network.Classes}", network.Description);
            screen.Draw(table);
            foreach (var paper in networks.Select(network => network.Paper).Distinct()) screen.Line(paper);
        });
        return Tool.Done;
    }
}

/// <param name="Input">[channels, height, width]</param>
internal sealed record NetworkDocument(string Name, long Parameters, long Macs, string Paper, string Description, int[] Input, int Classes);
