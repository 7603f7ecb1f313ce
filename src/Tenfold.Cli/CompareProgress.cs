using System.Diagnostics;
using Spectre.Console;

namespace Tenfold.Cli;

/// <summary>A comparison as it goes on: a table that is drawn over on a terminal, a line per training elsewhere.</summary>
internal sealed class CompareProgress(Screen screen, int repeats) : CompareCallback
{
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly Table _table = screen.Table("operation", ">parameters", ">MACs", ">latency ms", ">epoch", ">best so far", "");
    private readonly List<string> _names = [];
    private CompareBudget _budget = new(0, 0, 0, 0);
    private LiveDisplayContext? _live;
    private double _shown, _best;
    private int _row, _repeat, _done, _trainings;

    public T Watch<T>(Func<T> work)
    {
        if (!screen.Live) return work();
        var result = default(T)!;
        screen.Animate(_table, live =>
        {
            _live = live;
            result = work();
        });
        return result;
    }

    public override void OnMeasured(IReadOnlyList<CompareRow> rows, CompareBudget budget)
    {
        _budget = budget;
        _trainings = repeats * rows.Count(row => row.Failure is null);
        foreach (var row in rows)
        {
            _names.Add(row.Operation);
            _table.AddRow(row.Operation, $"{row.Parameters:N0}", $"{row.Macs:N0}", row.Failure is null ? $"{row.LatencyMs.Value:0.000}" : "", "", "", row.Failure is null ? "waits" : "failed");
            if (row.Failure is not null) screen.Note($"{row.Operation} failed: {row.Failure}");
        }

        if (_live is null) screen.Line($"{budget.SecondsEach:0.0} s of training each");
        Show(force: true);
    }

    public override void OnStart(CompareRow row, int repeat)
    {
        (_row, _repeat, _best) = (_names.IndexOf(row.Operation), repeat, row.Runs.Count > 0 ? row.Runs.Max(run => run.Accuracy) : 0);
        Set(6, "trains");
    }

    public override void OnStep(in StepReport step)
    {
        if (_live is null || _clock.Elapsed.TotalSeconds - _shown < 0.25) return;
        Set(4, $"{step.Epoch}");
        var left = Math.Max(0, _budget.SecondsEach - step.Seconds);
        Set(6, $"{Bar(step.Progress)} {left:0} s left{(repeats > 1 ? $", seed {_repeat + 1} of {repeats}" : "")}");
        Show();
    }

    public override void OnEpoch(EpochReport epoch)
    {
        _best = Math.Max(_best, epoch.ValidationAccuracy ?? 0);
        Set(5, $"{100 * _best:0.0} %");
    }

    public override void OnEnd(CompareRow row)
    {
        _done++;
        if (row.Failed) screen.Note($"{row.Operation} failed: {row.Failure}");
        if (_live is null && !row.Failed)
        {
            var run = row.Runs[^1];
            screen.Line($"{row.Operation,-16}{row.Parameters,9:N0} parameters  {row.Macs,11:N0} MACs  {row.LatencyMs.Value,8:0.000} ms  {run.Epochs,5:0.0} epochs  {100 * run.Accuracy,6:0.00} %{(repeats > 1 ? $"  seed {run.Seed}" : "")}  {Left()}");
        }

        if (!row.Failed)
        {
            Set(4, $"{row.Runs[^1].Epochs:0.0}");
            Set(5, $"{100 * row.Accuracy.Value:0.0} %"); // from here on the final one
        }

        Set(6, row.Failed ? "failed" : "done");
        Show(force: true);
    }

    private string Left() => $"{TimeSpan.FromSeconds((_trainings - _done) * _budget.SecondsEach):m\\:ss} left";

    private static string Bar(double progress)
    {
        var full = (int)(10 * Math.Clamp(progress, 0, 1));
        return new string('━', full) + new string('╌', 10 - full);
    }

    private void Set(int column, string text)
    {
        if (_live is not null) _table.UpdateCell(_row, column, new Text(text));
    }

    private void Show(bool force = false)
    {
        if (_live is null || (!force && _clock.Elapsed.TotalSeconds - _shown < 0.25)) return;
        _shown = _clock.Elapsed.TotalSeconds;
        _table.Caption = new TableTitle(Left());
        _live.Refresh();
    }
}
