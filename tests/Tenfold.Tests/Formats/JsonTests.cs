using System.Text;
using System.Text.Json;
using Xunit;

namespace Tenfold.Tests;

/// <summary>Values beside those of .NET's own document.</summary>
public class JsonTests
{
    [Theory]
    [InlineData("null")]
    [InlineData(" {\"a\" : 1 , \"b\" : [ ], \"c\": {\"a\": true}} ")]
    [InlineData("[0, -0, 1.5, 1e5, 1E+5, 1e-5, 0.1, 1e400, 2147483648, -2147483649, 9223372036854775807, 9223372036854775808, 12345678901234567890123]")]
    [InlineData("[\"\", \"a b\", \"\\u0041\\n\\\\\\/\\\"\\b\\f\\r\\t\", \"\\ud83d\\ude00\", false, null]")]
    [InlineData("[[[[[[[[]]]]]]]]")]
    public void Values_are_those_of_the_text(string text)
    {
        using var document = JsonDocument.Parse(text);
        Assert.Equal(Of(document.RootElement), Of(Json.Parse(text)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[1,]")]
    [InlineData("[01]")]
    [InlineData("1 2")]
    [InlineData("[] // end")]
    [InlineData("{\"a\":1,\"\\u0061\":2}")]
    [InlineData("\"\\ud83d\"")]
    [InlineData("[[[[[[[[[]]]]]]]]]")]
    public void What_is_no_JSON_is_refused(string text) => Assert.Throws<FormatException>(() => Json.Parse(text));

    [Fact]
    public void Says_what_a_value_is_not()
    {
        var json = Json.Parse("""{"text": "a", "list": [1.5], "none": null}""");
        Assert.Equal("\"a\" is not a whole number", Assert.Throws<FormatException>(() => json["text"].Int).Message);
        Assert.Equal("1.5 is not a whole number", Assert.Throws<FormatException>(() => json["list"].Items[0].Long).Message);
        Assert.Equal("a list is not an object", Assert.Throws<FormatException>(() => json["list"].Find("a")).Message);
        Assert.Equal("null is not a text", Assert.Throws<FormatException>(() => json["none"].Text).Message);
        Assert.Equal("name is missing", Assert.Throws<FormatException>(() => json["name"]).Message);
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

    private static string? Try(Func<string> read)
    {
        try
        {
            return read();
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
