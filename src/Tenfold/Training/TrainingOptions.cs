using System.IO.Enumeration;

namespace Tenfold;

/// <summary>How to train. The defaults train a small network on small pictures.</summary>
public sealed record TrainingOptions
{
    /// <summary>How often every sample is seen. When neither this nor a <see cref="Budget"/> is given: 10.</summary>
    public int? Epochs { get; init; }

    /// <summary>How long to train, evaluations included; with <see cref="Epochs"/>, whichever ends first. The schedule follows the time that has
    /// passed, so the rate has come down when the time is up. How many steps fit depends on the machine: a run by
    /// epochs can be repeated to the bit, a run by time cannot.</summary>
    public TimeSpan? Budget { get; init; }

    /// <summary>Samples per step; at most as many as there are.</summary>
    public int Batch { get; init; } = 128;

    public Optimizer Optimizer { get; init; } = new Sgd(0.1, Nesterov: true, WeightDecay: 5e-4);

    public Schedule Schedule { get; init; } = Schedule.OneCycle();

    public Augmentation Augmentation { get; init; } = Augmentation.None;

    /// <summary>How pixels become inputs, kept with the model. By default the model's own where it has one, else the data set's.</summary>
    public Preprocessing? Preprocessing { get; init; }

    /// <summary>The share of every target that goes to all classes alike (Szegedy et al., "Rethinking the Inception Architecture", 2016, section 7).</summary>
    public float LabelSmoothing { get; init; }

    /// <summary>The largest length of the gradient as one vector; 0 for no limit (Pascanu et al., 2013).</summary>
    public double ClipNorm { get; init; }

    /// <summary>The decay of a running average of the weights, which is what is evaluated and returned; 0 for none. It begins faster:
    /// min(decay, (1 + t) / (10 + t)) at step t.</summary>
    public double Ema { get; init; }

    /// <summary>Names of parameters that stay as they are, with <c>*</c> for any text: <c>conv1.*</c>, <c>layer1.*</c>. A norm whose scale and shift
    /// are both among them also keeps its running statistics, and works as it does at inference. For transfer learning, with <see cref="Verbs.WithClasses(Model, int, ulong)"/>.</summary>
    public IReadOnlyList<string> Frozen { get; init; } = [];

    /// <summary>Drives the order of samples, augmentation and dropout. The model's first weights have their own.</summary>
    public ulong Seed { get; init; }

    /// <summary>Threads of the engine; the result does not depend on them.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Threads that read and vary samples ahead of time; the result does not depend on them. More than one pays where pictures must be decoded.</summary>
    public int LoaderThreads { get; init; } = 1;

    /// <summary>What the model is judged by after every epoch; never learned from.</summary>
    public Dataset? Validation { get; init; }

    /// <summary>Ends training when this many evaluations in a row brought nothing better; 0 for never.</summary>
    public int Patience { get; init; }

    /// <summary>Whether the weights of the best evaluation are returned in place of the last. (Choosing by the test set flatters the result.)</summary>
    public bool RestoreBest { get; init; }

    /// <summary>Where checkpoints are kept; none by default.</summary>
    public string? Checkpoints { get; init; }

    /// <summary>Besides after every epoch, a checkpoint after this many steps; 0 for no others.</summary>
    public int CheckpointSteps { get; init; }

    /// <summary>How many checkpoints are kept, the newest; at least 2, so that one may be broken.</summary>
    public int KeepCheckpoints { get; init; } = 2;

    /// <summary>Whether to go on from the newest sound checkpoint, if there is one. The result is the same to the bit as without the stop.</summary>
    public bool Resume { get; init; }

    /// <summary>A file to which one line of JSON per epoch is added.</summary>
    public string? Log { get; init; }

    /// <summary>Besides per epoch, a line after this many steps; 0 for no others.</summary>
    public int LogSteps { get; init; }

    /// <summary>Stops after the step at hand, with a checkpoint where they are kept.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>Whether the parameter of this name stays as it is.</summary>
    internal bool Freezes(string name) => Frozen.Any(pattern => FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false));

    internal void Check()
    {
        At(Epochs is null or >= 1, nameof(Epochs), Epochs, "at least 1");
        At(Budget is null || Budget > TimeSpan.Zero, nameof(Budget), Budget, "above 0");
        At(Batch >= 1, nameof(Batch), Batch, "at least 1");
        At(LabelSmoothing is >= 0 and < 1, nameof(LabelSmoothing), LabelSmoothing, "in [0, 1)");
        At(ClipNorm >= 0, nameof(ClipNorm), ClipNorm, "at least 0");
        At(Ema is >= 0 and < 1, nameof(Ema), Ema, "in [0, 1)");
        At(LoaderThreads >= 1, nameof(LoaderThreads), LoaderThreads, "at least 1");
        At(Patience >= 0, nameof(Patience), Patience, "at least 0");
        At(CheckpointSteps >= 0, nameof(CheckpointSteps), CheckpointSteps, "at least 0");
        At(KeepCheckpoints >= 2, nameof(KeepCheckpoints), KeepCheckpoints, "at least 2");
        At(LogSteps >= 0, nameof(LogSteps), LogSteps, "at least 0");
        if ((Patience > 0 || RestoreBest) && Validation is null) throw new ArgumentException("training: early stopping and the best weights need a validation set");
        if (Resume && Checkpoints is null) throw new ArgumentException("training: resuming needs the folder of the checkpoints");

        static void At(bool holds, string name, object? value, string rule)
        {
            if (!holds) throw new ArgumentOutOfRangeException(name, value, $"training: {name} must be {rule}");
        }
    }
}

/// <summary>What <see cref="Verbs.Fit"/> returns.</summary>
/// <param name="Model">The trained model: the averaged weights with <see cref="TrainingOptions.Ema"/>, the best with <see cref="TrainingOptions.RestoreBest"/>.</param>
/// <param name="History">A report per epoch, those before a resume included.</param>
/// <param name="Steps">Steps taken in all.</param>
/// <param name="Seconds">Time taken in all, evaluations included, stops not.</param>
public sealed record TrainingResult(Model Model, IReadOnlyList<EpochReport> History, TrainingEnd End, long Steps, double Seconds)
{
    /// <summary>The report with the best validation; null without a validation set.</summary>
    public EpochReport? Best => History.Where(epoch => epoch.ValidationAccuracy is not null).Aggregate((EpochReport?)null, (best, epoch) => epoch.IsBetterThan(best) ? epoch : best);

    /// <summary>The best validation accuracy, null without a validation set.</summary>
    public double? BestAccuracy => Best?.ValidationAccuracy;

    /// <summary>The validation accuracy of the last epoch, null without a validation set.</summary>
    public double? Accuracy => History is [.., var last] ? last.ValidationAccuracy : null;
}

/// <summary>Why training ended.</summary>
public enum TrainingEnd
{
    /// <summary>All epochs are done.</summary>
    Done,

    /// <summary>The time is up.</summary>
    Budget,

    /// <summary>Nothing better came for as long as was asked.</summary>
    NoProgress,

    /// <summary>It was cancelled.</summary>
    Cancelled,
}

/// <summary>What an epoch brought.</summary>
/// <param name="Epoch">1 for the first.</param>
/// <param name="Step">Steps taken so far.</param>
/// <param name="Loss">The mean of the training loss over the epoch, on varied samples while the weights changed.</param>
/// <param name="Accuracy">The training accuracy likewise; mixed samples count as their larger part.</param>
/// <param name="ValidationLoss">Null without a validation set.</param>
/// <param name="ValidationAccuracy">Null without a validation set.</param>
/// <param name="Rate">The learning rate of the last step.</param>
/// <param name="Seconds">Since the beginning of training.</param>
/// <param name="SamplesPerSecond">Of this epoch, without the evaluation.</param>
public sealed record EpochReport(int Epoch, long Step, double Loss, double Accuracy, double? ValidationLoss, double? ValidationAccuracy, double Rate, double Seconds, double SamplesPerSecond)
{
    // More accurate, or as accurate with less loss.
    internal bool IsBetterThan(EpochReport? other) => other is null ||
        (ValidationAccuracy ?? 0, -(ValidationLoss ?? 0)).CompareTo((other.ValidationAccuracy ?? 0, -(other.ValidationLoss ?? 0))) > 0;
}

/// <summary>What a step brought.</summary>
/// <param name="Epoch">1 for the first.</param>
/// <param name="Step">Steps taken so far.</param>
/// <param name="Loss">The mean over the batch.</param>
/// <param name="Rate">The learning rate.</param>
/// <param name="Progress">From 0 to 1, by steps or by time.</param>
/// <param name="Seconds">Since the beginning of training.</param>
public readonly record struct StepReport(int Epoch, long Step, double Loss, double Rate, double Progress, double Seconds);

/// <summary>Is told how training goes, on the thread that trains.</summary>
public abstract class TrainingCallback
{
    public virtual void OnStep(in StepReport step)
    {
    }

    public virtual void OnEpoch(EpochReport epoch)
    {
    }

    /// <summary>Something that the user should know and that is no error: a broken checkpoint was passed over.</summary>
    public virtual void OnMessage(string message)
    {
    }

    /// <summary>A line per epoch.</summary>
    public static TrainingCallback Print(TextWriter writer) => new Printer(writer);

    private sealed class Printer(TextWriter writer) : TrainingCallback
    {
        public override void OnEpoch(EpochReport epoch) => writer.WriteLine(
            $"epoch {epoch.Epoch,3}   loss {epoch.Loss:0.0000}   accuracy {epoch.Accuracy:P2}" +
            (epoch.ValidationAccuracy is { } accuracy ? $"   validation {accuracy:P2}" : "") +
            $"   {epoch.SamplesPerSecond:0} samples/s   {epoch.Seconds:0.0} s");

        public override void OnMessage(string message) => writer.WriteLine(message);
    }
}

/// <summary>Training that cannot go on. The message says where and why.</summary>
public sealed class TrainingException(string message, long step, Exception? cause = null) : Exception(message, cause)
{
    /// <summary>Steps that were taken.</summary>
    public long Step { get; } = step;
}
