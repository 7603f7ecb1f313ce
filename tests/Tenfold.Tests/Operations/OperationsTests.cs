using Xunit;

namespace Tenfold.Tests;

public class OperationsTests
{
    // Each operation stands in a matrix, by itself or as part of a gradient there.
    [Fact]
    public void Every_operation_is_checked()
    {
        var cases = typeof(OperationsTests).Assembly.GetTypes()
            .Where(type => type.IsClass && type.IsAssignableTo(typeof(ICases)))
            .SelectMany(type => (IReadOnlyList<Case>)type.GetProperty(nameof(ICases.Cases))!.GetValue(null)!);
        var seen = cases.SelectMany(Check.Operations).ToHashSet();
        var all = typeof(Op).Assembly.GetTypes().Where(type => type is { IsPublic: true, IsAbstract: false } && type.IsAssignableTo(typeof(Op)));
        Assert.Empty(all.Except(seen).Select(type => type.Name));
    }
}
