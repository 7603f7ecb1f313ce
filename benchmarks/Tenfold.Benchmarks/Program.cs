using Tenfold;
using Tenfold.Benchmarks;
using Tenfold.Benchmarks.Peers;

var arguments = new Arguments(args);
var help = args.Length == 0 || arguments.Has("help") || args.Contains("-h");
switch (help ? [] : arguments.Words)
{
    case ["train"]:
        TrainingBenchmark.Run(arguments);
        return 0;
    case ["conv", ..]:
        ConvolutionBenchmark.Run(args, MachineLimits.FlopsPerSecond());
        return 0;
    case ["op", ..]:
        OperationBenchmark.Run(args, MachineLimits.FlopsPerSecond());
        return 0;
    case ["team"]:
        TeamBenchmark.Run(arguments);
        return 0;
    case ["scaling"]:
        ScalingBenchmark.Run(arguments);
        return 0;
    case ["steady"]:
        SteadyBenchmark.Run(arguments);
        return 0;
    case ["sessions"]:
        return SessionsBenchmark.Run(arguments);
    case ["accuracy"]:
        return AccuracyBenchmark.Run(arguments);
    case ["peers", .. var tables]:
        return PeersBenchmark.Run(tables, arguments);
    case ["once", ..]:
        return ColdStart.Once(arguments);
    default:
        Console.WriteLine("""
            Measures Tenfold, alone and beside its peers. Build with -c Release.

              peers [operations|networks|training|cold ...]   side by side with ONNX Runtime and, where it loads, libtorch; results are kept in benchmarks/results
                  --only NAME,NAME     cases whose names contain one of these; =NAME for that alone
                  --against ort,torch  the peers; both by default
                  --threads 1,2        thread counts
                  --batch 1,8          batch sizes; 1 by default, of training steps as the table says
                  --input 320          another size of the pictures of the networks
                  --seconds 2          for each row and engine
                  --exact              no Winograd
                  --dry                nothing is kept
              accuracy  how far sessions are from the definition in double precision: --network NAME,NAME (all by default) --input 96 --norms drawn|batch, or --model FILE --data cifar10 --samples 8
              sessions  several at once, each from a thread of its own: --network resnet18 --sessions 4 --threads 1 --seconds 2
              train     training steps of one network: --network resnet20 --batch 128 --threads 2 --seconds 10 --profile
              conv      one convolution by every algorithm
              op        one operation and its gradients
              team      what a fork and join costs: --threads 2 --items 1, for each thread
              scaling   every step of a network on one thread and on several: --network mobilenet_v2 --threads 2 --seconds 4
              steady    how far the pace of equal trainings spreads: --variants baseline,residual --repeats 10 --steps 100 --threads 2

              dotnet run --project benchmarks/Tenfold.Benchmarks -c Release -- peers networks --only resnet50 --threads 1 --seconds 2
            """);
        return help ? 0 : 2;
}
