using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Tenfold.Cli;

/// <summary>Where a command's words go: results and progress to standard output, remarks to standard error; under <c>--json</c> one document
/// to standard output and every word to standard error.</summary>
internal sealed class Screen
{
    private const int PlainWidth = 200; // of lines that go to a file or a pipe, where nothing must be wrapped

    private readonly TextWriter _output;
    private readonly TextWriter _error;
    private readonly IAnsiConsole _words;
    private readonly Stopwatch _progress = new();

    public Screen(TextWriter output, TextWriter error, bool json)
    {
        (_output, _error, Json) = (output, error, json);
        var words = new AnsiConsoleOutput(json ? error : output);
        Live = words.IsTerminal;
        _words = Live
            ? AnsiConsole.Create(new AnsiConsoleSettings { Out = words })
            : AnsiConsole.Create(new AnsiConsoleSettings { Out = words, Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Interactive = InteractionSupport.No });
        if (!Live) _words.Profile.Width = PlainWidth;
    }

    public bool Json { get; }

    /// <summary>True on a terminal: lines may be drawn over.</summary>
    public bool Live { get; }

    public void Line(string text = "")
    {
        Clear();
        (Json ? _error : _output).WriteLine(text);
    }

    /// <summary>A remark that is not part of the result.</summary>
    public void Note(string text)
    {
        Clear();
        _error.WriteLine(text);
    }

    /// <summary>A line that the next one is written over, a few times a second; only on a terminal. From any thread.</summary>
    public void Progress(string text)
    {
        if (!Live) return;
        lock (_error)
        {
            if (_progress.IsRunning && _progress.ElapsedMilliseconds < 100) return;
            _progress.Restart();
            var width = Math.Max(20, _words.Profile.Width - 1); // a line that wraps could not be written over
            _words.Profile.Out.Writer.Write($"\r{(text.Length > width ? text[..width] : text)}\e[K");
        }
    }

    /// <summary>A line in Spectre's markup, plain where there are no colours.</summary>
    public void Markup(string markup)
    {
        Clear();
        _words.MarkupLine(markup);
    }

    public void Draw(IRenderable picture)
    {
        Clear();
        _words.Write(picture);
    }

    /// <summary>The JSON document, when that was asked for, or else what <paramref name="words"/> writes.</summary>
    public void Result<T>(T document, JsonTypeInfo<T> type, Action words)
    {
        Clear();
        if (Json) _output.WriteLine(JsonSerializer.Serialize(document, type));
        else words();
    }

    private void Clear()
    {
        lock (_error)
        {
            if (!_progress.IsRunning) return;
            _progress.Reset();
            _words.Profile.Out.Writer.Write("\r\e[K");
        }
    }

    /// <summary>A table with a heading line; numbers are set flush right.</summary>
    /// <param name="columns">Headings; one that starts with &gt; is flush right.</param>
    public Table Table(params ReadOnlySpan<string> columns)
    {
        var table = new Table { Border = Live ? TableBorder.Rounded : TableBorder.Minimal };
        foreach (var heading in columns)
        {
            var right = heading.StartsWith('>');
            var column = new TableColumn(new Text(right ? heading[1..] : heading)) { NoWrap = true };
            table.AddColumn(right ? column.RightAligned() : column);
        }

        return table;
    }

    /// <summary>Runs <paramref name="work"/>, which may redraw <paramref name="picture"/> as often as it likes. Only on a terminal.</summary>
    public void Animate(IRenderable picture, Action<LiveDisplayContext> work) =>
        _words.Live(picture).Overflow(VerticalOverflow.Ellipsis).Cropping(VerticalOverflowCropping.Bottom).Start(work);
}
