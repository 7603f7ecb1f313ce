namespace Tenfold;

/// <summary>Which part of the input one place of a map sees: how many rows and columns, and how far the parts of neighbours lie apart.</summary>
/// <remarks>
/// Along each axis, r = 1 and j = 1 at the input; a window of k taps with dilation d and stride s makes r += d (k - 1) j and then j *= s.
/// Over several paths the largest counts. What a branch says of the whole picture (the scale of squeeze-and-excitation) is not counted.
/// The field is what <i>can</i> be seen: with dilation it may have holes, and most of it hardly matters. Deformable convolution counts as its grid.
/// </remarks>
/// <param name="Whole">True from where a map has been pooled or flattened as a whole; the field is then the input.</param>
internal readonly record struct ReceptiveField(double Rows, double Columns, double RowJump, double ColumnJump, bool Whole = false)
{
    public Size Size => new((int)Math.Ceiling(Rows), (int)Math.Ceiling(Columns));

    public static Dictionary<Node, ReceptiveField> Of(Graph graph)
    {
        var input = graph.Inputs is [{ Shape: { Rank: 4 } shape }, ..] ? shape.Plane : new Size(1, 1);
        var whole = new ReceptiveField(input.Height, input.Width, 1, 1, Whole: true);
        var fields = new Dictionary<Node, ReceptiveField>();
        foreach (var node in graph.Nodes)
            fields[node] = node.Op is Leaf ? new ReceptiveField(1, 1, 1, 1) : After(node, Seen(node, fields), whole);
        return fields;
    }

    private static ReceptiveField After(Node node, ReceptiveField x, ReceptiveField whole)
    {
        return node.Op switch
        {
            Convolution op => x.Window(Kernel(), op.Stride, op.Dilation),
            DeformableConvolution op => x.Window(Kernel(), op.Stride, op.Dilation),
            MaxPool op => x.Window(op.Kernel, op.Stride, op.Dilation),
            AvgPool op => x.Window(op.Kernel, op.Stride, 1),
            ConvolutionTranspose op => x.Spread(Kernel(), op.Stride, op.Dilation),
            Resize op => x with { RowJump = x.RowJump * node.Inputs[0].Shape.Height / op.Size.Height, ColumnJump = x.ColumnJump * node.Inputs[0].Shape.Width / op.Size.Width },
            AdaptiveAvgPool or AdaptiveMaxPool or Flatten or Reshape or Linear or Transpose or Sum
                when node.Inputs[0].Shape is not { Rank: 4 } shape || node.Shape.Rank != 4 || shape.Plane != node.Shape.Plane => whole,
            _ => x,
        };

        Size Kernel() => new(node.Inputs[1].Shape[2], node.Inputs[1].Shape[3]);
    }

    // The largest among the inputs that are maps of the largest plane: others are broadcast.
    private static ReceptiveField Seen(Node node, Dictionary<Node, ReceptiveField> fields)
    {
        var seen = new ReceptiveField(0, 0, 0, 0);
        var plane = node.Inputs.Max(Area);
        foreach (var input in node.Inputs)
        {
            if (input.Op is Parameter || Area(input) < plane) continue;
            var field = fields[input];
            seen = new(Math.Max(seen.Rows, field.Rows), Math.Max(seen.Columns, field.Columns), Math.Max(seen.RowJump, field.RowJump), Math.Max(seen.ColumnJump, field.ColumnJump), seen.Whole || field.Whole);
        }

        return seen;

        static long Area(Node input) => input.Op is not Parameter && input.Shape.Rank == 4 ? input.Shape.Plane.Area : 0;
    }

    private ReceptiveField Window(Size kernel, Size stride, Size dilation) => Whole ? this : new(
        Rows + dilation.Height * (kernel.Height - 1) * RowJump, Columns + dilation.Width * (kernel.Width - 1) * ColumnJump,
        RowJump * stride.Height, ColumnJump * stride.Width);

    // At most every s-th of the kernel's rows meets a pixel of x.
    private ReceptiveField Spread(Size kernel, Size stride, Size dilation) => Whole ? this : new(
        Rows + dilation.Height * (kernel.Height - 1) / stride.Height * RowJump, Columns + dilation.Width * (kernel.Width - 1) / stride.Width * ColumnJump,
        RowJump / stride.Height, ColumnJump / stride.Width);
}
