using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tenfold.Kernels;

/// <summary>The tiles of a convolution of stride 1, counted through all samples.</summary>
/// <remarks>Output (r, c) of a tile lies at Out + (r, c) d and reads inputs from In + (r, c) d on, d the dilation: a dilated convolution is d x d convolutions
/// on every d-th row and column, whose tiles stand side by side.</remarks>
internal sealed unsafe class WinogradTiles
{
    private readonly DenseShape _shape;
    private readonly Winograd _winograd;
    private readonly Size _outputs, _tile; // of a tile, and what they are made of
    private readonly Place[] _places; // of one sample

    public WinogradTiles(DenseShape shape, Winograd winograd)
    {
        (_shape, _winograd, _outputs, _tile) = (shape, winograd, winograd.Outputs, winograd.Tile);
        _places = Places();
        PerSample = _places.Length;
        Count = checked(shape.Batch * PerSample);
    }

    public int Count { get; }

    public int PerSample { get; }

    public (int Sample, Place Place) this[int tile] => (tile / PerSample, _places[tile % PerSample]);

    /// <summary>V = B' d B for some channel blocks of some tiles, to v[number][block][tile][16].</summary>
    /// <param name="group">How many tiles there is room for.</param>
    /// <param name="step">Floats from one of a tile's numbers to the next.</param>
    /// <param name="scratch">For two tiles, 16 floats a number.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Transform(int first, int count, int fromBlock, int toBlock, float* x, float* v, int group, nint step, float* scratch)
    {
        var (height, width) = _shape.InPlane;
        var (rowStep, columnStep) = (_shape.Dilation.Height * width * Dense.Block, _shape.Dilation.Width * Dense.Block);
        var patch = scratch + _tile.Area * Dense.Block;
        for (var block = fromBlock; block < toBlock; block++)
            for (var i = 0; i < count; i++)
            {
                var (n, place) = this[first + i];
                var plane = x + ((long)n * _shape.InBlocks + block) * _shape.InPlane.Area * Dense.Block;
                var to = v + (block * group + i) * Dense.Block;
                if (place.Inside)
                {
                    _winograd.Input(plane + ((long)place.InRow * width + place.InColumn) * Dense.Block, rowStep, columnStep, to, step, scratch);
                    continue;
                }

                // Part of the tile is padding.
                for (var r = 0; r < _tile.Height; r++)
                    for (var c = 0; c < _tile.Width; c++)
                    {
                        var (row, column) = (place.InRow + r * _shape.Dilation.Height, place.InColumn + c * _shape.Dilation.Width);
                        var pixel = patch + (r * _tile.Width + c) * Dense.Block;
                        if ((uint)row < (uint)height && (uint)column < (uint)width) Pixel(plane + ((long)row * width + column) * Dense.Block, pixel);
                        else Zero(pixel);
                    }

                _winograd.Input(patch, _tile.Width * Dense.Block, Dense.Block, to, step, scratch);
            }
    }

    /// <summary>D = A dy A' for some channel blocks of some tiles of F(4x4, 3x3): the output's transform, turned around for gradients.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void TransformBack(int first, int count, int fromBlock, int toBlock, float* dy, float* d, int group, nint step, float* scratch)
    {
        var width = _shape.OutPlane.Width;
        var (rowStep, columnStep) = (_shape.Dilation.Height * width * Dense.Block, _shape.Dilation.Width * Dense.Block);
        var patch = scratch + _tile.Area * Dense.Block;
        for (var block = fromBlock; block < toBlock; block++)
            for (var i = 0; i < count; i++)
            {
                var (n, place) = this[first + i];
                var from = dy + (((long)n * _shape.OutBlocks + block) * _shape.OutPlane.Area + (long)place.OutRow * width + place.OutColumn) * Dense.Block;
                var to = d + ((block - fromBlock) * group + i) * Dense.Block;
                if (place.Rows == _outputs.Height && place.Columns == _outputs.Width)
                {
                    Winograd.Back(from, rowStep, columnStep, to, step, scratch);
                    continue;
                }

                for (var r = 0; r < _outputs.Height; r++)
                    for (var c = 0; c < _outputs.Width; c++)
                    {
                        var pixel = patch + (r * _outputs.Width + c) * Dense.Block;
                        if (r < place.Rows && c < place.Columns) Pixel(from + r * rowStep + c * columnStep, pixel);
                        else Zero(pixel);
                    }

                Winograd.Back(patch, _outputs.Width * Dense.Block, Dense.Block, to, step, scratch);
            }
    }

    /// <summary>Copies 16 numbers: no call, which a span's copying is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Pixel(float* from, float* to)
    {
        Vector256.Load(from).Store(to);
        Vector256.Load(from + 8).Store(to + 8);
    }

    private static void Zero(float* to)
    {
        Vector256<float>.Zero.Store(to);
        Vector256<float>.Zero.Store(to + 8);
    }

    private Place[] Places()
    {
        var (dh, dw) = _shape.Dilation;
        var (kernel, before) = (_shape.KernelSize, _shape.Before);
        var (top, left) = _shape.Transposed ? ((kernel.Height - 1) * dh - before.Height, (kernel.Width - 1) * dw - before.Width) : before;
        var (places, count) = (new Place[Phased(_shape.OutPlane.Height, dh, _outputs.Height) * Phased(_shape.OutPlane.Width, dw, _outputs.Width)], 0);
        for (var phase = 0; phase < dh; phase++)
            for (var row = phase; row < _shape.OutPlane.Height; row += _outputs.Height * dh)
                for (var side = 0; side < dw; side++)
                    for (var column = side; column < _shape.OutPlane.Width; column += _outputs.Width * dw)
                    {
                        var (inRow, inColumn) = (row - top, column - left);
                        var inside = inRow >= 0 && inColumn >= 0 && inRow + (_tile.Height - 1) * dh < _shape.InPlane.Height && inColumn + (_tile.Width - 1) * dw < _shape.InPlane.Width;
                        places[count++] = new Place(inRow, inColumn, inside, row, column,
                            Math.Min(_outputs.Height, (_shape.OutPlane.Height - row + dh - 1) / dh), Math.Min(_outputs.Width, (_shape.OutPlane.Width - column + dw - 1) / dw));
                    }

        return places;

        // Tiles along one axis, of all phases together.
        static int Phased(int size, int dilation, int outputs)
        {
            var tiles = 0;
            for (var phase = 0; phase < Math.Min(dilation, size); phase++) tiles += ((size - phase + dilation - 1) / dilation + outputs - 1) / outputs;
            return tiles;
        }
    }

    /// <param name="Inside">Whether it reads no padding.</param>
    /// <param name="Rows">How many of its rows of outputs lie in the map.</param>
    internal readonly record struct Place(int InRow, int InColumn, bool Inside, int OutRow, int OutColumn, int Rows, int Columns);
}
