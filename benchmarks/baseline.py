"""The baseline of the benchmark: plain PyTorch training, as the source works' notebooks do it."""

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor


class Images(Dataset):
    """PIL images made tensors one at a time, with their labels; x (N, 1, H, W) of bytes, y (N,)."""

    def __init__(self, x, y):
        self.x, self.y, self.transform = x, y, ToTensor()

    def __len__(self):
        return len(self.y)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.x[index, 0])), int(self.y[index])


def loaders(dataset, train_examples: int, test_examples: int, batch_size: int):
    """Loaders of the first so many training and test examples, in the order of the file."""
    train = Images(dataset.train_x[:train_examples], dataset.train_y[:train_examples])
    test = Images(dataset.test_x[:test_examples], dataset.test_y[:test_examples])
    return DataLoader(train, batch_size), DataLoader(test, batch_size)


def epoch(model, train, test, learning_rate: float):
    """Train for an epoch and test: (accuracy, mean loss) of both; figures are read every batch."""
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
    model.train()
    trained = passed(model, train, optimizer)
    model.eval()
    with torch.no_grad():
        return trained, passed(model, test)


def passed(model, loader, optimizer=None):
    """Accuracy and mean loss of a pass over the batches, training if there is an optimizer."""
    correct = total = 0.0
    for inputs, labels in loader:
        logits = model(inputs)
        loss = nn.functional.cross_entropy(logits, labels)
        if optimizer:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        correct += (logits.argmax(1) == labels).sum().item()
        total += loss.item() * len(labels)
    return correct / len(loader.dataset), total / len(loader.dataset)
