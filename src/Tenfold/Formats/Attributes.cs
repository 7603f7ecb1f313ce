using System.Globalization;
using System.Text.Json;

namespace Tenfold;

/// <summary>The attributes of one operation on their way into a file or out of it.</summary>
/// <remarks>Each verb takes an attribute's name and its value. Writing records the value and returns it; reading ignores it and returns the
/// file's, or keeps it where the file has none: so one expression, such as <c>new Pool(a.Size("kernel", op.Kernel))</c>, is both directions,
/// and an attribute that a later version adds has a default in older files.</remarks>
internal abstract class Attributes
{
    public abstract double Number(string name, double value);

    public abstract int[] Whole(string name, int[] values);

    public abstract bool Flag(string name, bool value);

    public abstract string Text(string name, string value);

    public int Int(string name, int value) => Whole(name, [value]) is [var number] ? number : throw Wrong(name, "one whole number");

    public int? Int(string name, int? value) => Whole(name, value is { } given ? [given] : []) switch
    {
        [] => null,
        [var number] => number,
        _ => throw Wrong(name, "a whole number or none"),
    };

    // By way of text, so that 1e-5f is 1E-05 in the file.
    public float Float(string name, float value) => (float)Number(name, double.Parse(value.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture));

    public Size Size(string name, Size value) => Whole(name, [value.Height, value.Width]) is [var height, var width] ? new Size(height, width) : throw Wrong(name, "height and width");

    public Padding Padding(string name, Padding value) => Whole(name, [value.Top, value.Left, value.Bottom, value.Right]) is [var top, var left, var bottom, var right]
        ? new Padding(top, left, bottom, right)
        : throw Wrong(name, "top, left, bottom and right");

    public Shape Shape(string name, Shape value) => Tenfold.Shape.Of(Whole(name, [.. value]));

    public T Choice<T>(string name, T value) where T : struct, Enum =>
        Text(name, value.ToString()) is var text && Enum.TryParse<T>(text, out var choice) && choice.ToString() == text && !char.IsAsciiDigit(text[0])
            ? choice
            : throw Wrong(name, $"one of {string.Join(", ", Enum.GetNames<T>())}");

    protected static FormatException Wrong(string name, string right) => new($"{name} is not {right}");

    public sealed class Writer(Utf8JsonWriter json) : Attributes
    {
        public override double Number(string name, double value)
        {
            json.WriteNumber(name, value);
            return value;
        }

        public override int[] Whole(string name, int[] values)
        {
            json.WriteStartArray(name);
            foreach (var value in values) json.WriteNumberValue(value);
            json.WriteEndArray();
            return values;
        }

        public override bool Flag(string name, bool value)
        {
            json.WriteBoolean(name, value);
            return value;
        }

        public override string Text(string name, string value)
        {
            json.WriteString(name, value);
            return value;
        }
    }

    public sealed class Reader(Json json) : Attributes
    {
        public override double Number(string name, double value) => json.Find(name) is not { } found ? value
            : double.IsFinite(found.Double) ? found.Double
            : throw Wrong(name, "a finite number");

        public override int[] Whole(string name, int[] values)
        {
            if (json.Find(name)?.Items is not { } found) return values;
            if (found.Count > Tenfold.Shape.MaxRank) throw Wrong(name, $"at most {Tenfold.Shape.MaxRank} numbers");
            var numbers = new int[found.Count];
            for (var i = 0; i < numbers.Length; i++) numbers[i] = found[i].Int;
            return numbers;
        }

        public override bool Flag(string name, bool value) => json.Find(name)?.Flag ?? value;

        public override string Text(string name, string value) => json.Find(name)?.Text ?? value;
    }
}
