using System.Runtime.CompilerServices;

namespace Tenfold;

/// <summary>Kernels are compiled by the JIT, one after the other on a thread of the pool, while a session still packs its weights: each is called once on
/// nothing, so the first run does not wait for it. A program compiled ahead of time has nothing to wait for.</summary>
internal static class Warming
{
    private static readonly Queue<Action> s_calls = new();
    private static bool s_running;

    public static void Add(Action call)
    {
        if (!RuntimeFeature.IsDynamicCodeCompiled || Environment.ProcessorCount == 1) return;
        lock (s_calls)
        {
            s_calls.Enqueue(call);
            if (s_running) return;
            s_running = true;
        }

        ThreadPool.UnsafeQueueUserWorkItem(_ => Run(), null);
    }

    private static void Run()
    {
        while (true)
        {
            Action? call;
            lock (s_calls)
            {
                s_running = s_calls.TryDequeue(out call);
                if (!s_running) return;
            }

            call!();
        }
    }
}
