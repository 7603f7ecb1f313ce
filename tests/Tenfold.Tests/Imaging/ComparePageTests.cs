using Xunit;

namespace Tenfold.Tests;

public class ComparePageTests
{
    private static readonly CompareResult s_result = CompareResultTests.Result(
        CompareResultTests.Row("baseline", 0.5, 2000, 0.88),
        CompareResultTests.Row("residual", 0.51, 2000, 0.93) with { Change = "a skip", Fairness = "equal MACs and parameters", Paper = "He et al., 2016" },
        CompareResultTests.Row("<script>", 0.4, 2000, 0.85),
        CompareResultTests.Row("deformable", 1, 2000) with { Failure = "the loss of step 3 is NaN" });

    [Fact]
    public void It_says_what_was_found()
    {
        var page = ComparePage.Of(s_result with { Machine = [new CompareFact("processor", "A & B")], Classes = ["ankle boot"] });
        Assert.Contains("<h1>Which operation pays on blobs?</h1>", page);
        Assert.Contains("residual is the most accurate at 93.0 %, by more than the spread.", page);
        Assert.Contains("<tr class=\"front\"><td class=\"name\">residual</td><td class=\"n\">93.00 <i>± 0.57 %</i>", page);
        Assert.Contains("more accurate than baseline by 5.0 points (spread 1.3); as fast within the spread", page);
        Assert.Contains("<td>a skip<br><small>He et al., 2016</small></td><td class=\"held\">equal MACs and parameters</td>", page);
        Assert.Contains("failed: the loss of step 3 is NaN", page);
        Assert.Contains("<dt>processor</dt><dd>A &amp; B</dd>", page);
        Assert.Equal(2, page.Split("<svg").Length - 1);
    }

    [Fact]
    public void It_needs_nothing_from_outside_and_no_name_becomes_markup()
    {
        var page = ComparePage.Of(s_result);
        Assert.DoesNotContain("<script", page);
        Assert.Contains("&lt;script&gt;", page);
        Assert.DoesNotContain("src=", page);
        Assert.DoesNotContain("<link", page);
        Assert.DoesNotContain("url(", page);
        Assert.DoesNotContain("http", page.Replace("http://www.w3.org/2000/svg", ""));
        Assert.Contains("prefers-color-scheme:dark", page);
    }

    [Fact]
    public void Nothing_finished_is_a_page_too()
    {
        var page = ComparePage.Of(CompareResultTests.Result(CompareResultTests.Row("baseline", 1, 10) with { Failure = "no" }));
        Assert.Contains("No variant finished.", page);
    }
}
