namespace Tenfold;

/// <summary>A file that breaks the rules of its format. The message names the file, the rule and the numbers.</summary>
public class MalformedFileException(string message, Exception? inner = null) : Exception(message, inner);
