using System.Net;
using System.Text;

namespace Tenfold;

/// <summary>Words from outside, as they may stand in a page or a drawing.</summary>
internal static class Escaped
{
    /// <summary>For element content and quoted attributes of HTML and XML: markup is escaped, what XML cannot hold becomes U+FFFD.</summary>
    public static string Text(string text)
    {
        var clean = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes()) // lone surrogates come out as U+FFFD
            clean.Append(rune.Value is (< 0x20 and not ('\t' or '\n' or '\r')) or (>= 0x7F and < 0xA0) or 0xFFFE or 0xFFFF ? "\uFFFD" : rune.ToString());
        return WebUtility.HtmlEncode(clean.ToString());
    }
}
