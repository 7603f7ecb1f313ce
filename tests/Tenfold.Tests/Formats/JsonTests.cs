using System.Text;
using System.Text.Json;
using Xunit;

namespace Tenfold.Tests;

/// <summary>The library's own reader of JSON beside .NET's.</summary>
public class JsonTests
{
    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false, MaxDepth = 8 };

    private static readonly string[] s_texts =
    [
        "null", "true", "false", "nul", "truefalse", "True", "\"\"", "\"a b\"", "\"a", "\"\t\"", "\"\u0001\"", "\"\\u0041\\n\\\\\\/\\\"\\b\\f\\r\\t\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\",
        "\"\\ud83d\\ude00\"", "\"\\ud83d\"", "\"\\ude00\"", "\"\\ud83d\\ud83d\\ude00\"", "\"\ud83d\ude00 \\n\"", "'a'",
        "0", "-0", "00", "01", "-", "+1", "1.", ".5", "1.5", "1e5", "1E+5", "1e-5", "1e", "1e+", "1.5e3.2", "0x1", "NaN", "Infinity", "9223372036854775807", "9223372036854775808", "1e400", "2147483648", "-2147483649", "0.1", "12345678901234567890123",
        "", " ", "{}", "[]", "{", "[", "}", "]", "[1,2]", "[1,]", "[,1]", "[1 2]", "[1,2", "[1}", "{\"a\":1}", "{\"a\":1,}", "{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\" : 1 , \"b\" : [ ] }", "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}",
        "{\"a\":{\"a\":1}}", "1 2", "{} {}", "[] // end", "/* */ 1", "\u00a01", "\n\r\t 1 \n", "\ufeff1", "1\0", "\0",
        "[[[[[[[[]]]]]]]]", "[[[[[[[[[]]]]]]]]]", "[[[[[[[{}]]]]]]]", "{\"a\":[{\"b\":[{\"c\":[{\"d\":[0]}]}]}]}", "{\"a\":[{\"b\":[{\"c\":[{\"d\":[[]]}]}]}]}",
    ];

    private const string Signs = "{}[]\",:\\0123.eE+- tu";

    [Fact]
    public void Reads_what_dotnet_reads_and_refuses_what_it_refuses()
    {
        foreach (var text in s_texts) Compare(text);
    }

    [Fact]
    public void So_of_texts_that_were_changed()
    {
        var random = new Random(1);
        for (var round = 0; round < 20_000; round++)
        {
            var text = s_texts[random.Next(s_texts.Length)];
            for (var change = random.Next(3); change >= 0; change--)
            {
                var (at, other) = (random.Next(text.Length + 1), s_texts[random.Next(s_texts.Length)]);
                text = random.Next(3) switch
                {
                    0 => text[..at] + text[Math.Min(text.Length, at + 1)..],
                    1 => text[..at] + other + text[at..],
                    _ => text[..at] + Signs[random.Next(Signs.Length)] + text[Math.Min(text.Length, at + 1)..],
                };
            }

            Compare(Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text))); // without halves of characters, as files are read
        }
    }

    [Fact]
    public void Says_what_a_value_is_not()
    {
        var json = Json.Parse("""{"text": "a", "list": [1.5], "none": null}""");
        Assert.Equal("\"a\" is not a whole number", Assert.Throws<FormatException>(() => json["text"].Int).Message);
        Assert.Equal("1.5 is not a whole number", Assert.Throws<FormatException>(() => json["list"].Items[0].Long).Message);
        Assert.Equal("a list is not an object", Assert.Throws<FormatException>(() => json["list"].Find("a")).Message);
        Assert.Equal("null is not a text", Assert.Throws<FormatException>(() => json["none"].Text).Message);
        Assert.Equal("name is missing", Assert.Throws<FormatException>(() => json["name"]).Message);
        Assert.Equal("at character 1 there is no JSON: a value is missing", Assert.Throws<FormatException>(() => Json.Parse("[")).Message);
    }

    private static void Compare(string text)
    {
        var (expected, actual) = (Try(() =>
        {
            using var document = JsonDocument.Parse(text, s_strict);
            return Of(document.RootElement);
        }), Try(() => Of(Json.Parse(text))));
        Assert.True(expected == actual, $"{text}: {expected ?? "refused"} was read as {actual ?? "refused"}");
    }

    private static string? Try(Func<string> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    private static string Of(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Object => $"{{{string.Join(", ", json.EnumerateObject().Select(pair => $"{pair.Name}: {Of(pair.Value)}"))}}}",
        JsonValueKind.Array => $"[{string.Join(", ", json.EnumerateArray().Select(Of))}]",
        JsonValueKind.Number => $"{json.GetDouble():r} {json.GetSingle():r} {(json.TryGetInt64(out var whole) ? whole : null)} {(json.TryGetInt32(out var small) ? small : null)}",
        JsonValueKind.String => $"'{json.GetString()}'",
        JsonValueKind.Null => "null",
        _ => json.GetBoolean().ToString(),
    };

    private static string Of(Json json) =>
        Try(() => $"{{{string.Join(", ", json.Members.Select(pair => $"{pair.Key}: {Of(pair.Value)}"))}}}")
        ?? Try(() => $"[{string.Join(", ", json.Items.Select(Of))}]")
        ?? Try(() => $"{json.Double:r} {json.Float:r} {Try(() => json.Long.ToString())} {Try(() => json.Int.ToString())}")
        ?? Try(() => $"'{json.Text}'")
        ?? (json.IsNull ? "null" : json.Flag.ToString());
}
