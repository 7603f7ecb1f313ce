using Xunit;

namespace Tenfold.Tests;

/// <summary>A list of cases.</summary>
public interface ICases
{
    static abstract IReadOnlyList<Case> Cases { get; }
}

/// <summary>A test file that is a list of cases: each goes through <see cref="Check.Op(Case)"/>.</summary>
public abstract class Matrix<TSelf> where TSelf : ICases
{
    public static TheoryData<string> Names => [.. TSelf.Cases.Select(@case => @case.ToString())];

    [Theory]
    [MemberData(nameof(Names))]
    public void Agrees(string name) => Check.Op(TSelf.Cases.Single(@case => @case.ToString() == name));
}
