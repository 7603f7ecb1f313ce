using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Xunit;

namespace Tenfold.Tests;

/// <summary>What PyTorch computed for one case; made by <c>tests/fixtures/make_fixtures.py</c>.</summary>
internal sealed class Fixture
{
    private readonly Dictionary<string, Tensor> _tensors = [];

    public Fixture(string file, string @case)
    {
        ReadOnlySpan<byte> bytes = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Fixtures", file + ".safetensors"));
        var length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        var data = bytes[(8 + length)..];
        using var header = JsonDocument.Parse(bytes.Slice(8, length).ToArray());
        foreach (var entry in header.RootElement.EnumerateObject())
        {
            if (entry.Name != @case && !entry.Name.StartsWith(@case + "/", StringComparison.Ordinal)) continue;
            int[] shape = [.. entry.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt32())];
            int[] range = [.. entry.Value.GetProperty("data_offsets").EnumerateArray().Select(offset => offset.GetInt32())];
            _tensors[entry.Name == @case ? "" : entry.Name[(@case.Length + 1)..]] = new Tensor(Shape.Of(shape), MemoryMarshal.Cast<byte, float>(data[range[0]..range[1]]).ToArray());
        }

        Assert.NotEmpty(_tensors);
    }

    public IEnumerable<string> Names => _tensors.Keys;

    /// <summary>The tensor of a case that is only one.</summary>
    public Tensor Whole => _tensors[""];

    public Tensor this[string name] => _tensors[name];

    public bool TryGet(string name, out Tensor tensor) => _tensors.TryGetValue(name, out tensor!);
}
