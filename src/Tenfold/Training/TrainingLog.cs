using System.Text.Json;

namespace Tenfold;

/// <summary>One line of JSON per epoch, and per so many steps where asked, added to a file and flushed at once.</summary>
/// <remarks>Lines with <c>"epoch"</c> and <c>"accuracy"</c> are epochs, lines with <c>"progress"</c> are steps.</remarks>
internal sealed class TrainingLog : TrainingCallback, IDisposable
{
    private readonly FileStream _stream;
    private readonly int _steps;
    private readonly Utf8JsonWriter _json;

    /// <exception cref="IOException">The file cannot be written to.</exception>
    public TrainingLog(string path, int steps)
    {
        try
        {
            _stream = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"{path}: the log cannot be written: {exception.Message}", exception);
        }

        (_steps, _json) = (steps, new Utf8JsonWriter(_stream));
    }

    public override void OnStep(in StepReport step)
    {
        if (_steps == 0 || step.Step % _steps != 0) return;
        _json.WriteStartObject();
        _json.WriteNumber("epoch", step.Epoch);
        _json.WriteNumber("step", step.Step);
        _json.WriteNumber("progress", step.Progress);
        _json.WriteNumber("loss", step.Loss);
        _json.WriteNumber("rate", step.Rate);
        _json.WriteNumber("seconds", step.Seconds);
        _json.WriteEndObject();
        EndLine();
    }

    public override void OnEpoch(EpochReport epoch)
    {
        TrainingState.Write(_json, epoch);
        EndLine();
    }

    public void Dispose()
    {
        _json.Dispose();
        _stream.Dispose();
    }

    private void EndLine()
    {
        _json.Flush();
        _stream.WriteByte((byte)'\n');
        _stream.Flush();
        _json.Reset(_stream);
    }
}
