using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Xunit;

namespace Tenfold.Tests;

/// <summary>Files that were good before they were changed: read, or refused with the one exception that says so, in bounded memory and time.</summary>
/// <remarks>The same changes on every machine. <c>TENFOLD_FUZZ_MINUTES=60</c> goes on to others for an hour, for each kind of file.</remarks>
public sealed partial class FuzzTests(ITestOutputHelper output)
{
    private const int Rounds = 4000;

    // Numbers that readers trip over.
    private static readonly string[] s_numbers =
        ["0", "-1", "1", "2", "3", "7", "8", "255", "65536", "2147483647", "2147483648", "4294967296", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "1e400", "1.5", "1e2", "null", "true", "[]", "{}", "\"\""];

    [Fact]
    public void Model_files() => Fuzz(GoodModel(), isText: true, (stream, name) => ModelFile.Load(stream, name));

    [Fact]
    public void Safetensors_files() => Fuzz(GoodModel(), isText: true, (stream, name) => Safetensors.Read(stream, name));

    [Fact]
    public void Npy_files()
    {
        using var stream = new MemoryStream();
        NpyFile.Write(stream, new Tensor([2, 3, 5]));
        Fuzz(stream.ToArray(), isText: false, (file, name) => NpyFile.Read(file, name, file.Length));
    }

    [Fact]
    public void Npz_files()
    {
        var path = Path.GetTempFileName();
        NpzFile.Write(path, new Model(Image.Rgb(4, 4).Conv(2, 3).ToGraph("small")).Weights);
        var good = File.ReadAllBytes(path);
        File.Delete(path);
        Fuzz(good, isText: false, (file, name) => NpzFile.Read(file, name));
    }

    private void Fuzz(byte[] good, bool isText, Action<Stream, string> read)
    {
        read(new MemoryStream(good), "good");
        var minutes = double.Parse(Environment.GetEnvironmentVariable("TENFOLD_FUZZ_MINUTES") ?? "0", CultureInfo.InvariantCulture);
        var (clock, refused, rounds) = (Stopwatch.StartNew(), 0, 0ul);
        var slowest = TimeSpan.Zero;
        for (; rounds < Rounds || clock.Elapsed.TotalMinutes < minutes; rounds++)
        {
            var file = Changed(good, isText, rounds);
            var (before, start) = (GC.GetAllocatedBytesForCurrentThread(), clock.Elapsed);
            try
            {
                read(new MemoryStream(file), "changed");
            }
            catch (MalformedFileException)
            {
                refused++;
            }
            catch (Exception e)
            {
                var path = Path.Combine(Path.GetTempPath(), $"tenfold-fuzz-{rounds}");
                File.WriteAllBytes(path, file);
                Assert.Fail($"round {rounds} ({path}): {e}");
            }

            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            if (allocated > (1 << 24) + 64L * file.Length) Assert.Fail($"round {rounds}: {allocated} bytes were allocated for a file of {file.Length}");
            if (clock.Elapsed - start > slowest) slowest = clock.Elapsed - start;
        }

        output.WriteLine($"{rounds} files, {refused} refused, the slowest in {slowest.TotalMilliseconds:0.0} ms");
        Assert.InRange(refused, (int)Rounds / 10, int.MaxValue); // the changes do reach the rules
    }

    private static byte[] GoodModel()
    {
        var x = Image.Rgb(8, 6).Scope("stem", y => y.ConvBn(4, 3, stride: 2).Relu());
        x = (x.Scope("block", y => y.ConvBn(4, 3).ChannelShuffle(2)) + x).MaxPool(3, stride: 2, pad: 1).Lrn();
        var model = new Model(x.Concat(x.SqueezeExcite(2)).GlobalAvgPool().Linear(3).Softmax().ToGraph("small")) { Classes = ["a", "b", "c"], Preprocessing = Preprocessing.ImageNet };
        var path = Path.GetTempFileName();
        ModelFile.Save(model, path);
        var bytes = File.ReadAllBytes(path);
        File.Delete(path);
        return bytes;
    }

    // One to four changes; every second text file is changed within its words and stays a file whose length is right.
    private static byte[] Changed(byte[] good, bool isText, ulong round)
    {
        var draws = 0ul;
        var random = Philox.Named(1, "fuzz");
        int Draw(int bound) => random.Below(bound, draws++, round);

        var changes = 1 + Draw(4);
        if (isText && round % 2 == 0)
        {
            var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(good);
            var text = Encoding.UTF8.GetString(good, 8, length);
            for (; changes > 0; changes--) text = Reworded(text, Draw);
            var header = Encoding.UTF8.GetBytes(text);
            return [.. BitConverter.GetBytes((ulong)header.Length), .. header, .. good.AsSpan(8 + length)];
        }

        var bytes = good.ToList();
        for (; changes > 0 && bytes.Count > 0; changes--)
        {
            var at = Draw(bytes.Count);
            switch (Draw(6))
            {
                case 0: bytes[at] ^= (byte)(1 << Draw(8)); break;
                case 1: bytes[at] = (byte)Draw(256); break;
                case 2: bytes.RemoveRange(at, Math.Min(1 + Draw(16), bytes.Count - at)); break;
                case 3: bytes.InsertRange(at, bytes.GetRange(at, Math.Min(1 + Draw(16), bytes.Count - at))); break;
                case 4: bytes.RemoveRange(at, bytes.Count - at); break;
                default: bytes[at] = 0xFF; break;
            }
        }

        return [.. bytes];
    }

    private static string Reworded(string text, Func<int, int> draw)
    {
        var words = Word().Matches(text);
        if (words.Count == 0) return text;
        var word = words[draw(words.Count)];
        var instead = draw(4) switch
        {
            0 => "",
            1 => words[draw(words.Count)].Value,
            _ => word.Value[0] is '"' ? words[draw(words.Count)].Value : s_numbers[draw(s_numbers.Length)],
        };
        return text[..word.Index] + instead + text[(word.Index + word.Length)..];
    }

    // Texts, also within the graph, whose quotes are escaped, and numbers.
    [GeneratedRegex("""\\?"[A-Za-z_0-9. ]*\\?"|-?[0-9][0-9.eE+-]*""")]
    private static partial Regex Word();
}
