using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Tenfold;

/// <summary>A file whose large tensors stay in it until somebody asks for their numbers: a session that packs its kernels needs each of them once and for a moment.</summary>
/// <remarks>
/// The file is kept open as long as such a tensor lives, so it may be deleted or replaced by another of its name meanwhile. It may not be written to: its length
/// and the time of its last change are compared whenever numbers are read. Windows does not replace files that are open, so there all is read at once.
/// </remarks>
internal sealed class TensorFile
{
    /// <summary>Numbers of a tensor that is left in its file: 64 KB.</summary>
    public const int Least = 16 * 1024;

    private readonly SafeFileHandle _handle;
    private readonly string _path;
    private readonly (long Length, DateTime Written) _state;

    private TensorFile(string path)
    {
        (_path, _handle) = (path, File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.RandomAccess));
        _state = State(_handle);
    }

    /// <summary>The file that a stream reads; null where its tensors cannot be left in it.</summary>
    public static TensorFile? Of(Stream stream)
    {
        if (OperatingSystem.IsWindows() || !BitConverter.IsLittleEndian || stream is not FileStream file) return null;
        try
        {
            var opened = new TensorFile(file.Name);
            return opened._state == State(file.SafeFileHandle) ? opened : null; // else another came to stand under the name
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // or none
        }
    }

    /// <summary>Fills <paramref name="numbers"/> from a place of the file on.</summary>
    /// <param name="tensor">Its name, for the message.</param>
    /// <exception cref="IOException">The file was changed since it was opened, or cannot be read.</exception>
    public void Read(long offset, Span<float> numbers, string tensor)
    {
        var bytes = MemoryMarshal.AsBytes(numbers);
        while (bytes.Length > 0)
        {
            var read = RandomAccess.Read(_handle, bytes, offset);
            if (read == 0) break; // the file has become shorter
            bytes = bytes[read..];
            offset += read;
        }

        if (bytes.Length > 0 || State(_handle) != _state) throw new IOException($"{_path}: {tensor} cannot be read from it any more: the file was changed after it was loaded");
    }

    private static (long Length, DateTime Written) State(SafeFileHandle handle) => (RandomAccess.GetLength(handle), File.GetLastWriteTimeUtc(handle));
}

/// <summary>Where in a file the numbers of a tensor lie.</summary>
internal sealed record TensorPlace(TensorFile File, long Offset, string Name)
{
    /// <summary>The tensor's numbers from <paramref name="first"/> on.</summary>
    public void Read(long first, Span<float> numbers) => File.Read(Offset + first * sizeof(float), numbers, Name);
}
