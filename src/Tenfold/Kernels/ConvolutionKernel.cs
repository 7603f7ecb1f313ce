namespace Tenfold.Kernels;

/// <summary>A kernel with weights: how they are packed, and how the work falls into items.</summary>
internal abstract unsafe class PackedKernel
{
    public abstract string Name { get; }

    /// <summary>Names the form of the packed weights: kernels of the same form can share them.</summary>
    public abstract string Packing { get; }

    /// <summary>Whether products are computed in pairs.</summary>
    public virtual bool Pairs => false;

    /// <summary>The root mean square that the map's numbers are expected to have: products in pairs have their weights scaled to it.</summary>
    public float Magnitude { get; set; } = 1;

    /// <summary>Into how many pieces the work falls; each may run on any thread.</summary>
    public abstract int Items { get; }

    /// <summary>Floats of scratch memory that an item needs.</summary>
    public abstract long Scratch { get; }

    /// <summary>Floats of packed weights.</summary>
    public abstract long PackedSize { get; }

    public abstract int PackItems { get; }

    /// <param name="kernel">As the operation has it, row-major.</param>
    /// <param name="scale">A factor per output channel, or null.</param>
    public abstract void Pack(int item, float* kernel, float* scale, float* packed);
}

/// <summary>One way to compute a convolution of given numbers.</summary>
internal abstract unsafe class ConvolutionKernel : PackedKernel
{
    /// <summary>Whether <see cref="Run"/> applies <see cref="DenseEpilogue.Activation"/>.</summary>
    public virtual bool Activates => false;

    /// <summary>Whether it reads its input in plain order, as a picture comes: a block of 16 lanes would be mostly empty.</summary>
    public virtual bool ReadsPlain => false;

    /// <summary>Calls the micro-kernels that <see cref="Run"/> will call, on nothing, so that they are compiled.</summary>
    public virtual void Warm()
    {
    }

    /// <param name="bias">A number per output channel, a multiple of 16 long.</param>
    public abstract void Run(int item, float* x, float* packed, float* bias, in DenseEpilogue then, float* y, float* scratch);
}
