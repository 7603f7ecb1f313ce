namespace Tenfold;

/// <summary>Resize in all its modes: along every dimension a matrix, which makes each place of the result from places of the input.</summary>
internal sealed partial class OnnxImport
{
    private static Node Resized(OnnxStep step)
    {
        var x = step.X(0);
        var rank = x.Shape.Rank;
        var (scales, sizes) = step switch
        {
            { Type: "Upsample", Opset: < 9 } => (step.Floats("scales"), null),
            { Type: "Upsample" } or { Opset: < 11 } => (step.Known(1, "scales").AsReals, (long[]?)null),
            _ => (Has(2) ? step.Known(2, "scales").AsReals : null, Has(3) ? step.Wholes(3, "sizes") : null),
        };
        var old = step.Type == "Upsample" || step.Opset < 11;
        var axes = step.Opset >= 18 && step.Ints("axes") is { } given ? [.. given.Select(axis => Axis(axis, rank))] : Enumerable.Range(0, rank).ToArray();
        if ((scales?.Length ?? sizes?.Length) != axes.Length || (scales is not null && sizes is not null)) throw new FormatException($"needs {axes.Length} scales or as many sizes");
        if (scales?.Any(scale => !(scale > 0 && scale <= 1 << 20)) ?? sizes!.Any(size => size is < 1 or > 1 << 24)) throw new FormatException("a scale or a size is out of range");

        var mode = step.Text("mode", "nearest");
        if (mode is not ("nearest" or "linear" or "bilinear" or "cubic")) throw new NotSupportedException($"its mode is {OnnxModel.Short(mode)}");
        var rule = new Sampling(
            mode == "bilinear" ? "linear" : mode,
            old ? "asymmetric" : step.Text("coordinate_transformation_mode", "half_pixel"),
            old ? "floor" : step.Text("nearest_mode", "round_prefer_floor"),
            step.Float("cubic_coeff_a", -0.75f), step.Flag("exclude_outside"), step.Opset >= 18 && step.Flag("antialias"));
        var roi = rule.Coordinates == "tf_crop_and_resize" ? step.Known(1, "region").AsReals : null;
        if (roi is not null && roi.Length != 2 * axes.Length) throw new FormatException($"its region has {roi.Length} numbers");
        if (roi is not null && step.Float("extrapolation_value", 0) != 0) throw new NotSupportedException("it extrapolates to a number other than 0");

        var policy = step.Opset >= 18 ? step.Text("keep_aspect_ratio_policy", "stretch") : "stretch";
        float? shared = sizes is null || policy == "stretch" ? null
            : policy == "not_larger" ? axes.Select((axis, i) => (float)sizes[i] / x.Shape[axis]).Min() : axes.Select((axis, i) => (float)sizes[i] / x.Shape[axis]).Max();
        var matrices = new Dictionary<int, float[,]>();
        foreach (var (i, axis) in axes.Index())
        {
            var from = x.Shape[axis];
            var scale = scales?[i] ?? shared ?? (float)sizes![i] / from;
            var to = scales is not null ? (long)Math.Floor(scale * (double)from) : shared is { } all ? (long)Math.Round(all * (double)from, MidpointRounding.AwayFromZero) : sizes![i];
            if (to < 1) throw new FormatException($"leaves dimension {axis} of {from} with {to}");
            if (to * from > 1 << 24) throw new NotSupportedException($"it resizes {from} to {to}");
            var matrix = rule.Matrix(from, (int)to, scales is not null ? scale * (double)from : to, scale, roi?[i] ?? 0, roi?[i + axes.Length] ?? 1);
            if (!IsIdentity(matrix)) matrices[axis] = matrix;
        }

        // The two ways in which most networks resize have an operation, with a kernel.
        if (rank == 4 && matrices.Keys.All(axis => axis >= 2) && matrices.Count > 0)
        {
            var size = new Size(matrices.TryGetValue(2, out var rows) ? rows.GetLength(0) : x.Shape.Height, matrices.TryGetValue(3, out var columns) ? columns.GetLength(0) : x.Shape.Width);
            foreach (var interpolation in Enum.GetValues<Interpolation>())
            {
                var resize = new Resize(size, interpolation);
                if (Equal(rows, resize, x.Shape.Height, size.Height) && Equal(columns, resize, x.Shape.Width, size.Width)) return step.Make(resize, x);
            }
        }

        foreach (var (axis, matrix) in matrices)
        {
            if (axis == 0) throw new NotSupportedException("it resizes the batch");
            var (to, from) = (matrix.GetLength(0), matrix.GetLength(1));
            var weights = step.Fixed($"matrix{axis}", [1, 1, to, from], i => matrix[i / from, i % from]);
            x = FromMap(step, step.Part(new MatMul(), weights, AsMap(step, x, axis)), x.Shape, axis);
        }

        return x;

        bool Has(int i) => step.Has(i) && step.Known(i, "size").Count > 0;
    }

    private static bool IsIdentity(float[,] matrix)
    {
        if (matrix.GetLength(0) != matrix.GetLength(1)) return false;
        for (var i = 0; i < matrix.GetLength(0); i++)
            for (var j = 0; j < matrix.GetLength(1); j++)
                if (Math.Abs(matrix[i, j] - (i == j ? 1 : 0)) > 1e-6f) return false;
        return true;
    }

    private static bool Equal(float[,]? matrix, Resize resize, int from, int to)
    {
        if (matrix is null && from != to) return false;
        for (var i = 0; i < to; i++)
        {
            var (pixel, fraction) = resize.Along(i, from, to);
            var next = Math.Min(pixel + 1, from - 1);
            for (var j = 0; j < from; j++)
            {
                var weight = (j == pixel ? 1 - fraction : 0) + (j == next ? fraction : 0);
                if (Math.Abs((matrix?[i, j] ?? (i == j ? 1 : 0)) - weight) > 1e-5) return false;
            }
        }

        return true;
    }

    private static Node GridSample(OnnxStep step)
    {
        var x = step.X(0);
        Map(x);
        var mode = step.Text("mode", "bilinear") switch
        {
            "nearest" => GridMode.Nearest,
            "bilinear" or "linear" => GridMode.Bilinear,
            "bicubic" or "cubic" => GridMode.Bicubic,
            var other => throw new NotSupportedException($"it samples in the mode {OnnxModel.Short(other)}"),
        };
        var outside = step.Text("padding_mode", "zeros") switch
        {
            "zeros" => GridPadding.Zeros,
            "border" => GridPadding.Border,
            "reflection" => GridPadding.Reflection,
            var other => throw new NotSupportedException($"it samples with the padding {OnnxModel.Short(other)}"),
        };
        return step.Make(new GridSampling(mode, outside, step.Flag("align_corners")), x, step.X(1, "grid"));
    }

    private sealed record Sampling(string Mode, string Coordinates, string Nearest, float CubicA, bool ExcludeOutside, bool Antialias)
    {
        public float[,] Matrix(int from, int to, double length, double scale, double start, double end)
        {
            var matrix = new float[to, from];
            for (var i = 0; i < to; i++)
            {
                var place = Place(i, from, to, length, scale, start, end);
                if (Coordinates == "tf_crop_and_resize" && !(place >= 0 && place <= from - 1)) continue; // extrapolated: 0
                if (Mode == "nearest")
                {
                    var pixel = Nearest switch
                    {
                        "round_prefer_floor" => Math.Ceiling(place - 0.5),
                        "round_prefer_ceil" => Math.Floor(place + 0.5),
                        "floor" => Math.Floor(place),
                        "ceil" => Math.Ceiling(place),
                        _ => throw new FormatException($"its nearest_mode is {OnnxModel.Short(Nearest)}"),
                    };
                    matrix[i, (int)Math.Clamp(pixel, 0, from - 1)] = 1;
                    continue;
                }

                // Shrinking without aliases, the curve is as much wider as the pixels are.
                var width = Antialias && scale < 1 ? scale : 1;
                var reach = (Mode == "cubic" ? 2 : 1) / width;
                var sum = 0.0;
                var weights = new double[from];
                for (var k = (long)Math.Floor(place - reach); k <= (long)Math.Ceiling(place + reach); k++)
                {
                    var weight = Curve((k - place) * width);
                    if (weight == 0 || (ExcludeOutside && (k < 0 || k >= from))) continue;
                    weights[Math.Clamp(k, 0, from - 1)] += weight;
                    sum += weight;
                }

                for (var k = 0; k < from; k++) matrix[i, k] = (float)(weights[k] / sum);
            }

            return matrix;
        }

        private double Place(int i, int from, int to, double length, double scale, double start, double end) => Coordinates switch
        {
            "half_pixel" => (i + 0.5) / scale - 0.5,
            "half_pixel_symmetric" => from / 2.0 * (1 - to / (scale * from)) + (i + 0.5) / scale - 0.5,
            "pytorch_half_pixel" => to > 1 ? (i + 0.5) / scale - 0.5 : 0,
            "align_corners" => to > 1 ? i * (from - 1.0) / (length - 1) : 0,
            "asymmetric" => i / scale,
            "tf_half_pixel_for_nn" => (i + 0.5) / scale,
            "tf_crop_and_resize" => to > 1 ? start * (from - 1) + i * (end - start) * (from - 1) / (to - 1) : 0.5 * (start + end) * (from - 1),
            _ => throw new FormatException($"its coordinate_transformation_mode is {OnnxModel.Short(Coordinates)}"),
        };

        // Of the distance: a tent, or Keys' cubic.
        private double Curve(double t)
        {
            t = Math.Abs(t);
            if (Mode == "linear") return Math.Max(0, 1 - t);
            return t <= 1 ? ((CubicA + 2) * t - (CubicA + 3)) * t * t + 1 : t < 2 ? ((CubicA * t - 5 * CubicA) * t + 8 * CubicA) * t - 4 * CubicA : 0;
        }
    }
}
