using System.Runtime.InteropServices;
using Tenfold.Cli;

// Ctrl-C (and a polite kill) asks the command to stop, keep what it has and leave; the second time the process dies at once.
using var stop = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Ask);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Ask);
return Tool.Run(args, Console.Out, Console.Error, stop.Token);

void Ask(PosixSignalContext signal)
{
    if (stop.IsCancellationRequested) return;
    signal.Cancel = true;
    stop.Cancel();
}
