using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Tenfold;

/// <summary>A value of a JSON text (RFC 8259), read strictly: nothing but the standard's grammar, no name twice in an object.</summary>
/// <remarks>The tokens are those of .NET's reader. Its document would do for the values, but keeps them in structures, for which each process compiles generic code anew: 15 ms, a tenth of what
/// a small model takes from the start of a process to its first prediction. Values are references here, whose code comes compiled.</remarks>
/// <exception cref="FormatException">A value is not what is asked of it; the message says what it is.</exception>
internal sealed class Json
{
    private const int Most = 4_000_000; // values: some 300 MB, more than the largest network that is read has

    private readonly object? _value; // a text, a list, an object's members, true or false; null for null
    private readonly string? _number; // as it was written

    private Json(object? value, string? number = null) => (_value, _number) = (value, number);

    /// <param name="utf8">The text.</param>
    /// <param name="depth">Lists and objects within each other, at most.</param>
    /// <exception cref="FormatException">The text is no JSON.</exception>
    public static Json Parse(ReadOnlySpan<byte> utf8, int depth = 8)
    {
        try
        {
            var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = depth });
            var count = 0;
            reader.Read();
            var value = Value(ref reader, ref count);
            reader.Read(); // refuses what comes behind
            return value;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the second of halves of characters
        {
            throw new FormatException(e.Message, e);
        }
    }

    /// <inheritdoc cref="Parse(ReadOnlySpan{byte}, int)"/>
    public static Json Parse(string text, int depth = 8) => Parse(Encoding.UTF8.GetBytes(text), depth);

    private static Json Value(ref Utf8JsonReader reader, ref int count)
    {
        if (++count > Most) throw new FormatException($"there are more than {Most} values");
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                var members = new Dictionary<string, Json>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    var name = reader.GetString()!;
                    reader.Read();
                    if (!members.TryAdd(name, Value(ref reader, ref count))) throw new FormatException($"{name} is there twice");
                }

                return new Json(members);
            case JsonTokenType.StartArray:
                var items = new List<Json>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray) items.Add(Value(ref reader, ref count));
                return new Json(items);
            case JsonTokenType.String: return new Json(reader.GetString());
            case JsonTokenType.Number: return new Json(null, Encoding.UTF8.GetString(reader.ValueSpan));
            case JsonTokenType.True: return new Json(true);
            case JsonTokenType.False: return new Json(false);
            default: return new Json(null);
        }
    }

    public bool IsNull => _value is null && _number is null;

    public bool IsText => _value is string;

    public string Text => _value as string ?? throw Not("a text");

    public bool Flag => _value is bool flag ? flag : throw Not("true or false");

    public IReadOnlyList<Json> Items => _value as List<Json> ?? throw Not("a list");

    /// <summary>In the order in which they were written.</summary>
    public IReadOnlyDictionary<string, Json> Members => _value as Dictionary<string, Json> ?? throw Not("an object");

    public Json this[string name] => Find(name) ?? throw new FormatException($"{name} is missing");

    /// <summary>Null where the object has no such member.</summary>
    public Json? Find(string name) => (_value as Dictionary<string, Json> ?? throw Not("an object")).GetValueOrDefault(name);

    public long Long => long.TryParse(_number, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : throw Not("a whole number");

    public int Int => int.TryParse(_number, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : throw Not("a whole number");

    /// <summary>The nearest; infinite where the number is too large.</summary>
    public double Double => _number is null ? throw Not("a number") : double.Parse(_number, NumberStyles.Float, CultureInfo.InvariantCulture);

    /// <inheritdoc cref="Double"/>
    public float Float => _number is null ? throw Not("a number") : float.Parse(_number, NumberStyles.Float, CultureInfo.InvariantCulture);

    private FormatException Not(string wanted) => new($"{Short()} is not {wanted}");

    private string Short() => _number is { } number ? number.Length > 40 ? number[..40] + "..." : number : _value switch
    {
        null => "null",
        string text => $"\"{(text.Length > 40 ? text[..40] + "..." : text)}\"",
        bool flag => flag ? "true" : "false",
        List<Json> => "a list",
        _ => "an object",
    };
}
