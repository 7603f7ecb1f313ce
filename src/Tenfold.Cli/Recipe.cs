using System.CommandLine;

namespace Tenfold.Cli;

/// <summary>The options of training that say how, and what they are when they are not given.</summary>
/// <remarks>The defaults are for small networks on small pictures: stochastic gradient descent with Nesterov's momentum over one cycle of the rate. With
/// them <c>train cifar10 --network resnet20</c> does what the ResNet paper does to CIFAR-10 in a tenth of its epochs.</remarks>
internal static class Recipe
{
    private static readonly Option<int?> s_epochs = Cli.Options.WholeOrChosen("--epochs", "How often every sample is seen; 15 when there is no --minutes", least: 1, most: 1_000_000);
    private static readonly Option<double?> s_minutes = Cli.Options.NumberOrChosen("--minutes", "How long to train, tests included; with --epochs, whichever ends first", least: 0.001, most: 1e6);
    private static readonly Option<int?> s_batch = Cli.Options.WholeOrChosen("--batch", "Samples per step; 128 for pictures up to 64x64, else 32", least: 1, most: 1 << 16);
    private static readonly Option<string> s_optimizer = Cli.Options.Choice("--optimizer", "What the gradient does to the weights", "sgd", "sgd", "adamw", "rmsprop");
    private static readonly Option<double?> s_rate = Cli.Options.NumberOrChosen("--rate", "The highest learning rate; sgd 0.2, adamw 0.004, rmsprop 0.002, for a batch of 128 and in proportion for others", least: 0, most: 1e6);
    private static readonly Option<double> s_momentum = Cli.Options.Number("--momentum", "Of sgd, Nesterov's", 0.9, 0, 0.9999);
    private static readonly Option<double?> s_decay = Cli.Options.NumberOrChosen("--decay", "Weight decay; sgd 0.0005, adamw 0.05, rmsprop 0.00004", least: 0, most: 100);
    private static readonly Option<string> s_schedule = Cli.Options.Choice("--schedule", "How the rate changes", "one-cycle", "one-cycle", "cosine", "step", "constant");
    private static readonly Option<double> s_warmUp = Cli.Options.Number("--warm-up", "Share of the training in which the rate rises from near 0, before --schedule's own course", 0, 0, 0.9);
    private static readonly Option<int?> s_crop = Cli.Options.WholeOrChosen("--crop", "Pixels added around before a part is cut out at random; an eighth of the height by default, 0 for none", least: 0, most: 1024);
    private static readonly Option<string> s_flip = Cli.Options.Choice("--flip", "Mirror every second picture; auto: yes, but not digits", "auto", "auto", "yes", "no");
    private static readonly Option<double> s_erase = Cli.Options.Number("--erase", "Probability of a random rectangle being blanked out", 0, 0, 1);
    private static readonly Option<double> s_mixup = Cli.Options.Number("--mixup", "Mixup's alpha, 0 for none", 0, 0, 4);
    private static readonly Option<double> s_cutmix = Cli.Options.Number("--cutmix", "CutMix's alpha, 0 for none", 0, 0, 4);
    private static readonly Option<double> s_smoothing = Cli.Options.Number("--smoothing", "Label smoothing: the share of every target that goes to all classes alike", 0, 0, 0.99);
    private static readonly Option<double> s_clip = Cli.Options.Number("--clip", "The largest length of the gradient, 0 for no limit", 0, 0, 1e9);
    private static readonly Option<double> s_ema = Cli.Options.Number("--ema", "Decay of a running average of the weights, which is then what is tested and kept; 0 for none", 0, 0, 0.99999);
    private static readonly Option<int> s_patience = Cli.Options.Whole("--patience", "Stop after so many epochs without a better validation, and keep the best; 0 for never", 0, 0, 1_000_000);
    private static readonly Option<double?> s_validation = Cli.Options.NumberOrChosen("--validation", "Share of the training samples held out to judge epochs by; 0.1 with --patience, else none: then the test samples are only watched", least: 0, most: 0.9);
    private static readonly Option<ulong> s_seed = Cli.Options.Seed();
    private static readonly Option<int> s_threads = Cli.Options.Threads();
    private static readonly Option<int> s_loaders = Cli.Options.Whole("--loaders", "Threads that read and vary samples ahead of time; the result does not depend on them", 1, 1, 256);

    public static IEnumerable<Option> Options =>
    [
        s_epochs, s_minutes, s_batch, s_optimizer, s_rate, s_momentum, s_decay, s_schedule, s_warmUp,
        s_crop, s_flip, s_erase, s_mixup, s_cutmix, s_smoothing, s_clip, s_ema, s_patience, s_validation, s_seed, s_threads, s_loaders,
    ];

    public static ulong Seed(ParseResult given) => given.GetValue(s_seed);

    public static int Threads(ParseResult given) => given.GetValue(s_threads);

    /// <summary>The options for this data, and the samples to learn from: all, or what <c>--validation</c> leaves.</summary>
    public static (TrainingOptions Options, Dataset Train) For(DataPair data, ParseResult given)
    {
        var (seed, shape) = (given.GetValue(s_seed), data.Train.Shape);
        var share = given.GetValue(s_validation) ?? (given.GetValue(s_patience) > 0 ? 0.1 : 0);
        if (given.GetValue(s_patience) > 0 && share == 0) throw new UsageException("--patience needs --validation above 0: stopping by the test samples would flatter the result");
        var (train, validation) = share > 0 ? data.Train.Split(share, seed) : (data.Train, data.Test);
        var batch = Math.Min(given.GetValue(s_batch) ?? (shape[1] * shape[2] <= 64 * 64 ? 128 : 32), train.Count);
        var digits = data.Train.Classes.SequenceEqual(Idx.Digits);
        return (new TrainingOptions
        {
            Epochs = given.GetValue(s_epochs) ?? (given.GetValue(s_minutes) is null ? 15 : null),
            Budget = given.GetValue(s_minutes) is { } minutes ? TimeSpan.FromMinutes(minutes) : null,
            Batch = batch,
            Optimizer = Optimizer(given, batch),
            Schedule = Schedule(given),
            Augmentation = new Augmentation
            {
                Crop = given.GetValue(s_crop) ?? shape[1] / 8,
                Flip = given.GetValue(s_flip) switch { "yes" => true, "no" => false, _ => !digits },
                Erase = given.GetValue(s_erase),
                Mixup = given.GetValue(s_mixup),
                Cutmix = given.GetValue(s_cutmix),
            },
            LabelSmoothing = (float)given.GetValue(s_smoothing),
            ClipNorm = given.GetValue(s_clip),
            Ema = given.GetValue(s_ema),
            Patience = given.GetValue(s_patience),
            RestoreBest = share > 0,
            Validation = validation,
            Seed = seed,
            Threads = given.GetValue(s_threads),
            LoaderThreads = given.GetValue(s_loaders),
        }, train);
    }

    /// <summary>The options in words, in the order of the command line's.</summary>
    public static string Describe(TrainingOptions options, ParseResult given)
    {
        var (optimizer, varied) = (options.Optimizer, options.Augmentation);
        return string.Join(", ", new[]
        {
            options.Epochs is { } epochs ? $"{epochs} epochs" : null,
            options.Budget is { } budget ? $"{(options.Epochs is null ? "" : "at most ")}{TrainCommand.Time(budget.TotalSeconds)}" : null,
            $"batch {options.Batch}",
            optimizer switch { AdamW => "adamw", RmsProp => "rmsprop", _ => "sgd" } + $" at rate {optimizer.Rate}{(optimizer is Sgd sgd ? $", momentum {sgd.Momentum}" : "")}, decay {optimizer.WeightDecay}",
            $"{given.GetValue(s_schedule)}{(given.GetValue(s_warmUp) is > 0 and var share ? $" after a warm-up of {share:P0}" : "")}",
            varied.Crop > 0 ? $"crop {varied.Crop}" : null,
            varied.Flip ? "flip" : null,
            varied.Erase > 0 ? $"erase {varied.Erase}" : null,
            varied.Mixup > 0 ? $"mixup {varied.Mixup}" : null,
            varied.Cutmix > 0 ? $"cutmix {varied.Cutmix}" : null,
            options.LabelSmoothing > 0 ? $"smoothing {options.LabelSmoothing}" : null,
            options.ClipNorm > 0 ? $"clip {options.ClipNorm}" : null,
            options.Ema > 0 ? $"ema {options.Ema}" : null,
            options.Patience > 0 ? $"patience {options.Patience}" : null,
            $"seed {options.Seed}",
        }.Where(part => part is not null));
    }

    private static Optimizer Optimizer(ParseResult given, int batch)
    {
        var (rate, decay, scale) = (given.GetValue(s_rate), given.GetValue(s_decay), batch / 128.0);
        return given.GetValue(s_optimizer) switch
        {
            "adamw" => new AdamW(rate ?? 0.004 * scale, WeightDecay: decay ?? 0.05) { SpareNormsAndBiases = true },
            "rmsprop" => new RmsProp(rate ?? 0.002 * scale, Momentum: 0.9, WeightDecay: decay ?? 4e-5) { SpareNormsAndBiases = true },
            _ => new Sgd(rate ?? 0.2 * scale, given.GetValue(s_momentum), Nesterov: true, WeightDecay: decay ?? 5e-4) { SpareNormsAndBiases = true },
        };
    }

    private static Schedule Schedule(ParseResult given)
    {
        var schedule = given.GetValue(s_schedule) switch
        {
            "cosine" => Tenfold.Schedule.Cosine(),
            "step" => Tenfold.Schedule.Step(1 / 3.0),
            "constant" => Tenfold.Schedule.Constant,
            _ => Tenfold.Schedule.OneCycle(),
        };
        return given.GetValue(s_warmUp) is > 0 and var share ? schedule.WarmUp(share) : schedule;
    }
}
