using System.Globalization;
using System.Text;

namespace Tenfold;

/// <summary>A value of a JSON text (RFC 8259), read strictly: nothing but the standard's grammar, no name twice in an object.</summary>
/// <remarks>.NET's own reader would do, but is made of generic code over structures, of which each process compiles what it needs anew: 15 ms, a tenth of what
/// a small model takes from the start of a process to its first prediction. Values are references here, whose code comes compiled.</remarks>
/// <exception cref="FormatException">A value is not what is asked of it; the message says what it is.</exception>
internal sealed class Json
{
    private const int Most = 4_000_000; // values: some 300 MB, more than the largest network that is read has

    private readonly object? _value; // a text, a list, an object's members, true or false; null for null
    private readonly string? _number; // as it was written

    private Json(object? value, string? number = null) => (_value, _number) = (value, number);

    /// <param name="depth">Lists and objects within each other, at most.</param>
    /// <exception cref="FormatException">The text is no JSON.</exception>
    public static Json Parse(string text, int depth = 8) => new Parser(text).Document(depth);

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

    private sealed class Parser(string text)
    {
        private int _at, _values;

        public Json Document(int depth)
        {
            var value = Value(depth);
            return Next() == '\0' && _at == text.Length ? value : throw Fault("the end");
        }

        private Json Value(int depth)
        {
            if (++_values > Most) throw new FormatException($"there are more than {Most} values");
            switch (Next())
            {
                case '{' when depth > 0:
                    var members = new Dictionary<string, Json>();
                    for (var more = Opens('}'); more; more = Continues('}'))
                    {
                        var name = Next() == '"' ? Text() : throw Fault("a name");
                        Take(':');
                        if (!members.TryAdd(name, Value(depth - 1))) throw new FormatException($"{name} is there twice");
                    }

                    return new Json(members);
                case '[' when depth > 0:
                    var items = new List<Json>();
                    for (var more = Opens(']'); more; more = Continues(']')) items.Add(Value(depth - 1));
                    return new Json(items);
                case '{' or '[': throw new FormatException($"at character {_at} lists and objects lie too deep within each other");
                case '"': return new Json(Text());
                case 't': return Word("true", true);
                case 'f': return Word("false", false);
                case 'n': return Word("null", null);
                default: return Number();
            }
        }

        // What comes behind spaces; nothing at the end.
        private char Next()
        {
            while (_at < text.Length && text[_at] is ' ' or '\t' or '\n' or '\r') _at++;
            return Here;
        }

        private char Here => _at < text.Length ? text[_at] : '\0';

        private void Take(char wanted)
        {
            if (Next() != wanted) throw Fault(wanted.ToString());
            _at++;
        }

        // Whether something follows the bracket here.
        private bool Opens(char end)
        {
            _at++;
            if (Next() != end) return true;
            _at++;
            return false;
        }

        // Whether something follows what a list or an object has so far.
        private bool Continues(char end)
        {
            if (Next() != end) Take(',');
            else _at++;
            return text[_at - 1] == ',';
        }

        private Json Word(string word, object? value)
        {
            if (!text.AsSpan(_at).StartsWith(word)) throw Fault("a value");
            _at += word.Length;
            return new Json(value);
        }

        private Json Number()
        {
            var from = _at;
            if (Here == '-') _at++;
            if (Here == '0') _at++;
            else Digits();
            if (Here == '.')
            {
                _at++;
                Digits();
            }

            if (Here is 'e' or 'E')
            {
                _at++;
                if (Here is '+' or '-') _at++;
                Digits();
            }

            return new Json(null, text[from.._at]);
        }

        private void Digits()
        {
            if (!char.IsAsciiDigit(Here)) throw Fault("a value");
            while (char.IsAsciiDigit(Here)) _at++;
        }

        private string Text()
        {
            var from = ++_at;
            while (Here is >= ' ' and not ('"' or '\\')) _at++;
            if (Here == '"') return text[from.._at++];
            var all = new StringBuilder(text, from, _at - from, 64);
            while (Here != '"')
            {
                if (Here < ' ') throw Fault("a text");
                all.Append(Here == '\\' ? Escaped() : Here);
                _at++;
            }

            _at++;
            var (made, high) = (all.ToString(), false);
            foreach (var one in made) high = char.IsLowSurrogate(one) == high ? char.IsHighSurrogate(one) : throw Fault("a text");
            return high ? throw Fault("a text") : made;
        }

        private char Escaped()
        {
            _at++;
            switch (Here)
            {
                case '"' or '\\' or '/': return Here;
                case 'b': return '\b';
                case 'f': return '\f';
                case 'n': return '\n';
                case 'r': return '\r';
                case 't': return '\t';
                case 'u':
                    var code = 0;
                    for (var i = 0; i < 4; i++)
                    {
                        _at++;
                        if (!char.IsAsciiHexDigit(Here)) throw Fault("a text");
                        code = code * 16 + (char.IsAsciiDigit(Here) ? Here - '0' : (Here | 32) - 'a' + 10);
                    }

                    return (char)code;
                default: throw Fault("a text");
            }
        }

        private FormatException Fault(string wanted) => new($"at character {_at} there is no JSON: {wanted} is missing");
    }
}
