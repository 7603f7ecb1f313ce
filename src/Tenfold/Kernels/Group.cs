namespace Tenfold.Kernels;

/// <summary>A column of pixels of 16 lanes, convolved with a column of three taps in groups of lanes: y[r] = init[r] + sums over i and k of x[r stride + i]^k w[k][i].</summary>
/// <remarks>x^k is x with its lanes exchanged, lane l in the place of lane l ^ k.</remarks>
internal unsafe struct GroupColumn
{
    public float* X;

    /// <summary>[exchange][3][16].</summary>
    public float* W;

    public float* Init;
    public float* Y;
    public nint XRow, InitRow, YRow;

    /// <summary>Of y; two at least, where x has as many and two more.</summary>
    public int Rows;
}

/// <summary>A column of tiles of one row: six pixels on their way to the six numbers of F(4, 3), or those on their way back to four.</summary>
internal unsafe struct GroupRows
{
    /// <summary>Pixels: read on the way to <see cref="V"/>, written on the way back.</summary>
    public float* X;
    public nint Row, Pixel;

    /// <summary>[6][row][16], so many floats from one of the six to the next.</summary>
    public float* V;
    public nint VStep;

    public int Rows;

    /// <summary>The pixels of a tile that lie in the map.</summary>
    public int From, To;

    public float* Bias;

    /// <summary>Laid out as <see cref="X"/>; or null.</summary>
    public float* Add;

    public float FirstLow, FirstHigh, Low, High;
}

/// <summary>Which of the generated kernels for small groups this machine runs.</summary>
internal static unsafe class Group
{
    /// <summary>The most exchanges, and so channels, that a call takes.</summary>
    public const int MaxExchanges = 8;

    /// <param name="from">The first exchange, 0, or 8 where there are eight.</param>
    public static delegate*<in GroupColumn, void> Column(int exchanges, int from) => (Simd.Width switch
    {
        512 => Group512.Columns,
        256 => Group256.Columns,
        _ => Group128.Columns,
    })[from > 0 ? 3 : exchanges >> 2];

    public static delegate*<in GroupColumn, void> Strided(int exchanges) => (Simd.Width switch
    {
        512 => Group512.Strided,
        256 => Group256.Strided,
        _ => Group128.Strided,
    })[exchanges >> 2];

    /// <summary>One block of output channels: [combination of the kernel's columns][exchange][row of the kernel][16].</summary>
    /// <param name="columns">[combination][column of the kernel]; of transposed convolutions the kernel is turned around.</param>
    public static void Pack(DenseShape shape, int block, double[,] columns, float* kernel, float* scale, float* packed)
    {
        for (var p = 0; p < columns.GetLength(0); p++)
            for (var k = 0; k < shape.InPerGroup; k++)
                for (var i = 0; i < 3; i++)
                    for (var o = block * Dense.Block; o < (block + 1) * Dense.Block; o++, packed++)
                    {
                        *packed = 0;
                        if (o >= shape.Out) continue;
                        var from = kernel + shape.Weight(o, o ^ k);
                        var sum = 0.0;
                        for (var j = 0; j < 3; j++) sum += columns[p, j] * from[shape.Transposed ? 8 - 3 * i - j : 3 * i + j];
                        *packed = (float)(scale == null ? sum : sum * scale[o]);
                    }
    }

    /// <summary>Calls the kernels on nothing, so that they are compiled.</summary>
    public static void Warm(int exchanges, int calls, bool strided, bool winograd)
    {
        float* nothing = stackalloc float[(6 + MaxExchanges * 3) * Dense.Block];
        new Span<float>(nothing, (6 + MaxExchanges * 3) * Dense.Block).Clear();
        var column = new GroupColumn { X = nothing, W = nothing + 6 * Dense.Block, Init = nothing, Y = nothing, Rows = 2 };
        for (var call = 0; call < calls; call++) (strided ? Strided(exchanges) : Column(exchanges, call * exchanges))(column);
        if (!winograd) return;
        var rows = new GroupRows { X = nothing, V = nothing, Bias = nothing, Rows = 1, To = 4 };
        Input(rows);
        Output(rows);
    }

    public static void Input(in GroupRows rows)
    {
        switch (Simd.Width)
        {
            case 512:
                Group512.Input(rows);
                break;
            case 256:
                Group256.Input(rows);
                break;
            default:
                Group128.Input(rows);
                break;
        }
    }

    public static void Output(in GroupRows rows)
    {
        switch (Simd.Width)
        {
            case 512:
                Group512.Output(rows);
                break;
            case 256:
                Group256.Output(rows);
                break;
            default:
                Group128.Output(rows);
                break;
        }
    }
}
