namespace Tenfold.Kernels;

/// <summary>What is done to each number of a convolution before it leaves the cache: y = activation(within Last of (within First of value Gate + Add)).</summary>
/// <param name="add">Laid out as y; null for nothing.</param>
/// <param name="activation">One that is no bound; null for none.</param>
/// <param name="gate">A number for each sample and channel, laid out as a map of one pixel; null for nothing. Pointwise convolutions alone take it.</param>
internal readonly unsafe struct DenseEpilogue(float* add, (float Low, float High) first, (float Low, float High) last, Activation? activation = null, float* gate = null)
{
    public readonly float* Gate = gate;
    public readonly Activation? Activation = activation;
    public readonly float* Add = add;
    public readonly (float Low, float High) First = first;
    public readonly (float Low, float High) Last = last;

    /// <summary>What all tiles share, but for <see cref="DenseTile.Bias"/> and <see cref="DenseTile.WStep"/>.</summary>
    /// <param name="yVector">Floats from one block of output channels to the next.</param>
    /// <param name="yPixel">Floats from one pixel to the next.</param>
    public DenseTile Tile(int yVector, int yPixel = Dense.Block) => new()
    {
        YPixel = yPixel,
        YVector = yVector,
        FirstLow = First.Low,
        FirstHigh = First.High,
        Low = Last.Low,
        High = Last.High,
    };

    /// <summary>What all tiles of some blocks of output channels share.</summary>
    /// <param name="bias">Of the first of the blocks.</param>
    /// <param name="yVector">Floats from one block of output channels to the next.</param>
    /// <param name="yPixel">Floats from one pixel to the next.</param>
    public DenseTile Tile(float* bias, int blocks, int yVector, int yPixel = Dense.Block)
    {
        var tile = Tile(yVector, yPixel);
        tile.Bias = bias;
        tile.WStep = blocks * Dense.Block;
        return tile;
    }
}

/// <summary>A layer's packed weights, a bias per output channel, and what follows.</summary>
internal readonly unsafe struct DenseLayer(float* packed, float* bias, in DenseEpilogue then)
{
    public readonly float* Packed = packed;
    public readonly float* Bias = bias;
    public readonly DenseEpilogue Then = then;
}
