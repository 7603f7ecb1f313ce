using System.Globalization;
using System.Reflection;
using System.Text;
using SkiaSharp;

namespace Tenfold;

/// <summary>A drawing of lines, areas, marks and words, written as SVG or PNG.</summary>
/// <remarks>
/// <para>One list of figures, drawn by two pens, so the two files show the same. No font need be installed: the letters come from an embedded one.</para>
/// <para>Colours are named by their role. The PNG is light; the SVG follows the reader's light or dark preference.</para>
/// </remarks>
public sealed class Plot
{
    private const string Families = "Inter, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

    private static readonly SKTypeface s_regular = Embedded("Inter-Regular.otf");
    private static readonly SKTypeface s_bold = Embedded("Inter-SemiBold.otf");

    private readonly List<Figure> _figures = [];

    internal Plot(string title, double width, double height) => (Title, Width, Height) = (title, width, height);

    /// <summary>What it shows, in words for those who do not see it.</summary>
    public string Title { get; }

    public double Width { get; }

    public double Height { get; }

    /// <summary>Writes a PNG or an SVG file, as the extension says.</summary>
    /// <exception cref="ArgumentException">The extension is neither.</exception>
    /// <exception cref="IOException">The file could not be written; what stood under the name still does.</exception>
    public void Save(string path)
    {
        byte[] file = Path.GetExtension(path).ToUpperInvariant() switch
        {
            ".SVG" => Encoding.UTF8.GetBytes(ToSvg()),
            ".PNG" => ToPng(),
            var other => throw new ArgumentException($"{path}: a plot is saved as .png or .svg, not as {other}", nameof(path)),
        };
        AtomicFile.Write(path, stream => stream.Write(file));
    }

    /// <param name="scale">Pixels for one unit of <see cref="Width"/> and <see cref="Height"/>.</param>
    public byte[] ToPng(double scale = 2)
    {
        using var bitmap = new SKBitmap((int)Math.Ceiling(Width * scale), (int)Math.Ceiling(Height * scale), SKColorType.Rgba8888, SKAlphaType.Premul);
        using var canvas = new SKCanvas(bitmap);
        canvas.Clear(SKColor.Parse(Ink.Paper.Light));
        canvas.Scale((float)scale);
        using var paint = new SKPaint { IsAntialias = true };
        foreach (var figure in _figures) figure.Draw(canvas, paint);
        using var png = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return png.ToArray();
    }

    /// <summary>One <c>svg</c> element, to save or to stand in a page.</summary>
    public string ToSvg()
    {
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"tenfold\" viewBox=\"0 0 {Width:0.##} {Height:0.##}\" width=\"{Width:0.##}\" height=\"{Height:0.##}\" role=\"img\" aria-label=\"{Escaped.Text(Title)}\" font-family=\"{Families}\">\n");
        svg.Append("<style>");
        foreach (var ink in Ink.All) svg.Append($"svg.tenfold .f-{ink.Name}{{fill:{ink.Light}}}svg.tenfold .s-{ink.Name}{{stroke:{ink.Light};fill:none}}");
        svg.Append("@media(prefers-color-scheme:dark){");
        foreach (var ink in Ink.All) svg.Append($"svg.tenfold .f-{ink.Name}{{fill:{ink.Dark}}}svg.tenfold .s-{ink.Name}{{stroke:{ink.Dark}}}");
        svg.Append("}</style>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"f-paper\" width=\"{Width:0.##}\" height=\"{Height:0.##}\"/>\n");
        foreach (var figure in _figures) figure.Write(svg);
        return svg.Append("</svg>\n").ToString();
    }

    internal void Line(Ink ink, double width, IReadOnlyList<(double X, double Y)> points, double opacity = 1) =>
        _figures.Add(new Polyline(ink, width, points, opacity));

    internal void Area(Ink ink, IReadOnlyList<(double X, double Y)> points, double opacity) => _figures.Add(new Polyline(ink, 0, points, opacity));

    internal void Disc(Ink ink, double x, double y, double radius) => _figures.Add(new Circle(ink, x, y, radius));

    internal void Words(Ink ink, string text, double x, double y, double size, Anchor anchor = Anchor.Start, bool bold = false) =>
        _figures.Add(new Label(ink, text, x, y, size, anchor, bold));

    internal static double Measure(string text, double size, bool bold = false)
    {
        using var font = Font(size, bold);
        return font.MeasureText(text);
    }

    /// <summary>A name cut to what a plot has room for.</summary>
    internal static string Short(string name) => name.Length > 32 ? string.Concat(name.AsSpan(0, 31), "…") : name;

    private static SKFont Font(double size, bool bold) => new(bold ? s_bold : s_regular, (float)size) { Edging = SKFontEdging.Antialias, Subpixel = true, Hinting = SKFontHinting.None };

    private static SKTypeface Embedded(string file)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(file) ?? throw new InvalidOperationException($"the font {file} is not embedded");
        return SKTypeface.FromStream(stream) ?? throw new InvalidOperationException($"the embedded font {file} does not load");
    }

    private abstract record Figure(Ink Ink)
    {
        public abstract void Draw(SKCanvas canvas, SKPaint paint);

        public abstract void Write(StringBuilder svg);

        protected SKColor Colour(double opacity = 1) => SKColor.Parse(Ink.Light).WithAlpha((byte)Math.Round(255 * opacity));
    }

    // A polyline, or the area within it when it has no width.
    private sealed record Polyline(Ink Ink, double Width, IReadOnlyList<(double X, double Y)> Points, double Opacity) : Figure(Ink)
    {
        public override void Draw(SKCanvas canvas, SKPaint paint)
        {
            using var path = new SKPath();
            path.MoveTo((float)Points[0].X, (float)Points[0].Y);
            foreach (var (x, y) in Points.Skip(1)) path.LineTo((float)x, (float)y);
            (paint.Color, paint.Style) = (Colour(Opacity), Width > 0 ? SKPaintStyle.Stroke : SKPaintStyle.Fill);
            (paint.StrokeWidth, paint.StrokeJoin) = ((float)Width, SKStrokeJoin.Round);
            canvas.DrawPath(path, paint);
        }

        public override void Write(StringBuilder svg)
        {
            svg.Append("<path class=\"").Append(Width > 0 ? "s-" : "f-").Append(Ink.Name).Append("\" d=\"M");
            foreach (var (x, y) in Points) svg.Append(CultureInfo.InvariantCulture, $"{x:0.##} {y:0.##}L");
            svg.Length--;
            svg.Append('"');
            if (Width > 0) svg.Append(CultureInfo.InvariantCulture, $" stroke-width=\"{Width:0.##}\" stroke-linejoin=\"round\"");
            if (Opacity < 1) svg.Append(CultureInfo.InvariantCulture, $" opacity=\"{Opacity:0.##}\"");
            svg.Append("/>\n");
        }
    }

    private sealed record Circle(Ink Ink, double X, double Y, double Radius) : Figure(Ink)
    {
        public override void Draw(SKCanvas canvas, SKPaint paint)
        {
            (paint.Color, paint.Style) = (Colour(), SKPaintStyle.Fill);
            canvas.DrawCircle((float)X, (float)Y, (float)Radius, paint);
        }

        public override void Write(StringBuilder svg) =>
            svg.Append(CultureInfo.InvariantCulture, $"<circle class=\"f-{Ink.Name}\" cx=\"{X:0.##}\" cy=\"{Y:0.##}\" r=\"{Radius:0.##}\"/>\n");
    }

    private sealed record Label(Ink Ink, string Text, double X, double Y, double Size, Anchor Anchor, bool Bold) : Figure(Ink)
    {
        public override void Draw(SKCanvas canvas, SKPaint paint)
        {
            (paint.Color, paint.Style) = (Colour(), SKPaintStyle.Fill);
            using var font = Font(Size, Bold);
            canvas.DrawText(Text, (float)X, (float)Y, Anchor switch { Anchor.Start => SKTextAlign.Left, Anchor.Middle => SKTextAlign.Center, _ => SKTextAlign.Right }, font, paint);
        }

        // The length is stated so that another font than the embedded one takes no more room.
        public override void Write(StringBuilder svg)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<text class=\"f-{Ink.Name}\" x=\"{X:0.##}\" y=\"{Y:0.##}\" font-size=\"{Size:0.##}\"");
            if (Anchor != Anchor.Start) svg.Append(Anchor == Anchor.Middle ? " text-anchor=\"middle\"" : " text-anchor=\"end\"");
            if (Bold) svg.Append(" font-weight=\"600\"");
            svg.Append(CultureInfo.InvariantCulture, $" textLength=\"{Measure(Text, Size, Bold):0.#}\" lengthAdjust=\"spacingAndGlyphs\">{Escaped.Text(Text)}</text>\n");
        }
    }
}

internal enum Anchor
{
    Start,
    Middle,
    End,
}

/// <summary>A colour by its role, on light and on dark paper.</summary>
internal sealed record Ink(string Name, string Light, string Dark)
{
    public static readonly Ink Paper = new("paper", "#ffffff", "#14171c");
    public static readonly Ink Text = new("text", "#1b2028", "#e7eaef");
    public static readonly Ink Muted = new("muted", "#626b78", "#9aa4b2");
    public static readonly Ink Faint = new("faint", "#9aa3af", "#687180");
    public static readonly Ink Veil = new("veil", "#d3d8df", "#3b434f");
    public static readonly Ink Grid = new("grid", "#e8ebef", "#272d36");

    /// <summary>Blue and vermilion are told apart by all kinds of colour vision: Okabe and Ito, "Color Universal Design", 2008.</summary>
    public static readonly Ink Blue = new("blue", "#0072b2", "#4aa8e0");
    public static readonly Ink Vermilion = new("vermilion", "#d55e00", "#f08a4b");

    public static IEnumerable<Ink> All => [Paper, Text, Muted, Faint, Veil, Grid, Blue, Vermilion];
}
