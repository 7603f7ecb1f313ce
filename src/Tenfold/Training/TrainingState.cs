using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Tenfold;

/// <summary>Where a training stands, beside its tensors: what a checkpoint keeps as text.</summary>
internal sealed class TrainingState
{
    /// <summary>Time taken before the last stop.</summary>
    public double SecondsBefore { get; set; }

    /// <summary>Sums over the steps of the present epoch.</summary>
    public double Loss { get; set; }

    public int Correct { get; set; }

    public int Seen { get; set; }

    /// <summary>Time that the steps of the present epoch took.</summary>
    public double Seconds { get; set; }

    public List<EpochReport> History { get; init; } = [];

    public EpochReport? Best { get; set; }

    /// <summary>Evaluations since the best.</summary>
    public int Worse { get; set; }

    public string ToJson(double seconds)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteNumber("seconds", seconds);
            json.WriteNumber("loss", Loss);
            json.WriteNumber("correct", Correct);
            json.WriteNumber("seen", Seen);
            json.WriteNumber("stepSeconds", Seconds);
            json.WriteNumber("worse", Worse);
            json.WriteNumber("best", Best is null ? -1 : History.IndexOf(Best));
            json.WriteStartArray("history");
            foreach (var epoch in History) Write(json, epoch);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    /// <exception cref="MalformedFileException">The text is not what <see cref="ToJson"/> writes.</exception>
    public static TrainingState FromJson(string text)
    {
        try
        {
            var root = Json.Parse(text);
            List<EpochReport> history = [.. root["history"].Items.Select(Read)];
            return new TrainingState
            {
                SecondsBefore = root["seconds"].Double,
                Loss = root["loss"].Double,
                Correct = root["correct"].Int,
                Seen = root["seen"].Int,
                Seconds = root["stepSeconds"].Double,
                Worse = root["worse"].Int,
                History = history,
                Best = root["best"].Int is >= 0 and var best ? history[best] : null,
            };
        }
        catch (Exception exception) when (exception is FormatException or ArgumentOutOfRangeException)
        {
            throw new MalformedFileException($"the state of the training is not what it should be: {exception.Message}", exception);
        }
    }

    public static void Write(Utf8JsonWriter json, EpochReport epoch)
    {
        json.WriteStartObject();
        json.WriteNumber("epoch", epoch.Epoch);
        json.WriteNumber("step", epoch.Step);
        Number(json, "loss", epoch.Loss);
        Number(json, "accuracy", epoch.Accuracy);
        Number(json, "validationLoss", epoch.ValidationLoss);
        Number(json, "validationAccuracy", epoch.ValidationAccuracy);
        Number(json, "rate", epoch.Rate);
        Number(json, "seconds", epoch.Seconds);
        Number(json, "samplesPerSecond", epoch.SamplesPerSecond);
        json.WriteEndObject();
    }

    // JSON knows no infinity: a validation loss may be one.
    private static void Number(Utf8JsonWriter json, string name, double? value)
    {
        if (value is null) json.WriteNull(name);
        else if (double.IsFinite(value.Value)) json.WriteNumber(name, value.Value);
        else json.WriteString(name, value.Value.ToString(CultureInfo.InvariantCulture));
    }

    private static EpochReport Read(Json epoch)
    {
        return new EpochReport(epoch["epoch"].Int, epoch["step"].Long, Of("loss") ?? 0, Of("accuracy") ?? 0,
            Of("validationLoss"), Of("validationAccuracy"), Of("rate") ?? 0, Of("seconds") ?? 0, Of("samplesPerSecond") ?? 0);

        double? Of(string name)
        {
            var value = epoch[name];
            return value.IsNull ? null : value.IsText ? double.Parse(value.Text, CultureInfo.InvariantCulture) : value.Double;
        }
    }
}
