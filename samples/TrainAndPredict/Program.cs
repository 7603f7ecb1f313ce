using Tenfold;

var (train, test, _) = FashionMnist.Embedded;
var graph = Image.Of(1, 28, 28).ConvBn(16, 3).Relu().MaxPool(2).ConvBn(32, 3).Relu().MaxPool(2).ConvBn(64, 3).Relu().GlobalAvgPool().Linear(10).ToGraph("clothes");
var model = new Model(graph).Fit(train, new() { Epochs = 3, Validation = test }, TrainingCallback.Print(Console.Out)).Model;
ModelFile.Save(model, "clothes.safetensors"); // 'tenfold predict clothes.safetensors PICTURE' opens it

var pixels = new byte[28 * 28];
test.Read(0, pixels);
var scores = model.Compile().Run(new Picture([1, 28, 28], pixels).ToTensor(graph.Inputs[0].Shape, model.Preprocessing)).Span.ToArray();
Console.WriteLine($"the first test picture is {model.Classes[test.Label(0)]}, the model says {model.Classes[scores.IndexOf(scores.Max())]}");
