using System.Runtime.Intrinsics;
using Xunit;

namespace Tenfold.Tests;

public class InstructionSetTests
{
    // The continuous build runs the tests at every width the processor can be held to (DOTNET_EnableAVX512=0 and so on); that the
    // setting took effect is not a matter of trust.
    [Fact]
    public void The_vectors_asked_for_are_in_force()
    {
        var asked = Environment.GetEnvironmentVariable("TENFOLD_TEST_VECTORS");
        Assert.SkipWhen(asked is null, "no vector width was asked for");
        var width = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 0;
        Assert.Equal(asked, width.ToString());
    }
}
