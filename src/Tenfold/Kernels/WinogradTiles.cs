using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tenfold.Kernels;

/// <summary>The tiles of a 3x3 convolution of stride 1, m x m outputs each, counted through all samples.</summary>
/// <remarks>Output (r, c) of a tile lies at Out + (r, c) d and reads inputs In + (0 ... m + 1) d, d the dilation: a dilated convolution is d x d convolutions
/// on every d-th row and column, whose tiles stand side by side.</remarks>
internal sealed unsafe class WinogradTiles
{
    private readonly DenseShape _shape;
    private readonly int _m, _size;
    private readonly Place[] _places; // of one sample

    public WinogradTiles(DenseShape shape, int m)
    {
        (_shape, _m, _size) = (shape, m, m + 2);
        _places = Places();
        PerSample = _places.Length;
        Count = checked(shape.Batch * PerSample);
    }

    public int Count { get; }

    public int PerSample { get; }

    public (int Sample, Place Place) this[int tile] => (tile / PerSample, _places[tile % PerSample]);

    /// <summary>V = B' d B for some channel blocks of some tiles, to v[number][block][tile][16].</summary>
    /// <param name="group">How many tiles there is room for.</param>
    /// <param name="step">Floats from one of the (m + 2)^2 numbers to the next.</param>
    /// <param name="scratch">2 (m + 2)^2 x 16 floats.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Transform(int first, int count, int fromBlock, int toBlock, float* x, float* v, int group, nint step, float* scratch)
    {
        var (height, width) = _shape.InPlane;
        var (rowStep, columnStep) = (_shape.Dilation.Height * width * Dense.Block, _shape.Dilation.Width * Dense.Block);
        var patch = scratch + _size * _size * Dense.Block;
        for (var block = fromBlock; block < toBlock; block++)
            for (var i = 0; i < count; i++)
            {
                var (n, place) = this[first + i];
                var plane = x + ((long)n * _shape.InBlocks + block) * _shape.InPlane.Area * Dense.Block;
                var to = v + (block * group + i) * Dense.Block;
                if (place.Inside)
                {
                    Winograd.Input(_m, plane + ((long)place.InRow * width + place.InColumn) * Dense.Block, rowStep, columnStep, to, step, scratch);
                    continue;
                }

                // Part of the tile is padding.
                for (var r = 0; r < _size; r++)
                    for (var c = 0; c < _size; c++)
                    {
                        var (row, column) = (place.InRow + r * _shape.Dilation.Height, place.InColumn + c * _shape.Dilation.Width);
                        var pixel = patch + (r * _size + c) * Dense.Block;
                        if ((uint)row < (uint)height && (uint)column < (uint)width) Pixel(plane + ((long)row * width + column) * Dense.Block, pixel);
                        else Zero(pixel);
                    }

                Winograd.Input(_m, patch, _size * Dense.Block, Dense.Block, to, step, scratch);
            }
    }

    /// <summary>D = A dy A' for some channel blocks of some tiles: the output's transform, turned around for gradients.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void TransformBack(int first, int count, int fromBlock, int toBlock, float* dy, float* d, int group, nint step, float* scratch)
    {
        var width = _shape.OutPlane.Width;
        var (rowStep, columnStep) = (_shape.Dilation.Height * width * Dense.Block, _shape.Dilation.Width * Dense.Block);
        var patch = scratch + _size * _size * Dense.Block;
        for (var block = fromBlock; block < toBlock; block++)
            for (var i = 0; i < count; i++)
            {
                var (n, place) = this[first + i];
                var from = dy + (((long)n * _shape.OutBlocks + block) * _shape.OutPlane.Area + (long)place.OutRow * width + place.OutColumn) * Dense.Block;
                var to = d + ((block - fromBlock) * group + i) * Dense.Block;
                if (place.Rows == _m && place.Columns == _m)
                {
                    Winograd.Back(_m, from, rowStep, columnStep, to, step, scratch);
                    continue;
                }

                for (var r = 0; r < _m; r++)
                    for (var c = 0; c < _m; c++)
                    {
                        var pixel = patch + (r * _m + c) * Dense.Block;
                        if (r < place.Rows && c < place.Columns) Pixel(from + r * rowStep + c * columnStep, pixel);
                        else Zero(pixel);
                    }

                Winograd.Back(_m, patch, _m * Dense.Block, Dense.Block, to, step, scratch);
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
        var (top, left) = _shape.Transposed ? (2 * dh - _shape.Before.Height, 2 * dw - _shape.Before.Width) : _shape.Before;
        var (places, count) = (new Place[Phased(_shape.OutPlane.Height, dh) * Phased(_shape.OutPlane.Width, dw)], 0);
        for (var phase = 0; phase < dh; phase++)
            for (var row = phase; row < _shape.OutPlane.Height; row += _m * dh)
                for (var side = 0; side < dw; side++)
                    for (var column = side; column < _shape.OutPlane.Width; column += _m * dw)
                    {
                        var (inRow, inColumn) = (row - top, column - left);
                        var inside = inRow >= 0 && inColumn >= 0 && inRow + (_size - 1) * dh < _shape.InPlane.Height && inColumn + (_size - 1) * dw < _shape.InPlane.Width;
                        places[count++] = new Place(inRow, inColumn, inside, row, column,
                            Math.Min(_m, (_shape.OutPlane.Height - row + dh - 1) / dh), Math.Min(_m, (_shape.OutPlane.Width - column + dw - 1) / dw));
                    }

        return places;

        // Tiles along one axis, of all phases together.
        int Phased(int size, int dilation)
        {
            var tiles = 0;
            for (var phase = 0; phase < Math.Min(dilation, size); phase++) tiles += ((size - phase + dilation - 1) / dilation + _m - 1) / _m;
            return tiles;
        }
    }

    /// <param name="Inside">Whether it reads no padding.</param>
    /// <param name="Rows">How many of its m rows lie in the map.</param>
    internal readonly record struct Place(int InRow, int InColumn, bool Inside, int OutRow, int OutColumn, int Rows, int Columns);
}
