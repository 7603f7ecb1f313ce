System.Console.WriteLine("tenfold");
