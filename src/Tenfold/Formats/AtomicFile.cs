using System.Runtime.InteropServices;

namespace Tenfold;

/// <summary>Writing a file so that a crash, a full disk or a pulled plug leaves either the old file or the new one, never half of one.</summary>
internal static partial class AtomicFile
{
    /// <summary>Writes to a temporary file in the same folder, flushes it to disk, renames it onto <paramref name="path"/>, and on Unix
    /// flushes the folder, which holds the name.</summary>
    /// <exception cref="IOException">The file could not be written; what stood under the name still does.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        var full = Path.GetFullPath(path);
        var folder = Path.GetDirectoryName(full) ?? throw new IOException($"{path}: is not the name of a file");
        var temporary = Path.Combine(folder, $".{Path.GetFileName(full)}.{Path.GetRandomFileName()}");
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, full, overwrite: true);
            if (!OperatingSystem.IsWindows()) FlushFolder(folder);
        }
        catch (Exception e)
        {
            try
            {
                File.Delete(temporary);
            }
            catch (IOException)
            {
                // The first error is the one to report.
            }

            if (e is IOException or UnauthorizedAccessException) throw new IOException($"{path}: could not be written: {e.Message}", e);
            throw;
        }
    }

    // .NET opens no folders. A file system that cannot flush one (some network mounts) is as durable as it can be.
    private static void FlushFolder(string folder)
    {
        var handle = Open(folder, 0);
        if (handle < 0) return;
        _ = Fsync(handle);
        _ = Close(handle);
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Fsync(int handle);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int handle);
}
