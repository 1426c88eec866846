"""A PyTorch project that takes layers from kfront: its optimizer, its loop, its checkpoints stay."""

import torch
from sklearn.datasets import load_digits

import kfront
from kfront import layers

kfront.config.set_backend("torch")


class Net(torch.nn.Module):
    """A module of torch with layers of kfront among its own."""

    def __init__(self) -> None:
        super().__init__()
        self.features = kfront.Sequential(
            [
                kfront.Input((8, 8, 1)),
                layers.Conv2D(16, 3, padding="same", activation="relu"),
                layers.MaxPooling2D(),
                layers.Flatten(),
            ]
        )
        self.head = torch.nn.Linear(4 * 4 * 16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of the digits."""
        return self.head(self.features(x))


def main() -> float:
    """Train with torch's own loop; the accuracy on digits not seen."""
    torch.manual_seed(0)
    kfront.utils.set_random_seed(0)
    images, digits = load_digits(return_X_y=True)
    x = torch.tensor(images / 16, dtype=torch.float32).reshape(-1, 8, 8, 1)
    y = torch.tensor(digits)
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(12):
        for rows in torch.randperm(1400).split(64):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
            optimizer.step()
    net.eval()
    with torch.no_grad():
        accuracy = (net(x[1400:]).argmax(dim=1) == y[1400:]).double().mean().item()
    print(f"test accuracy {accuracy:.3f}; {len(net.state_dict())} entries in the state dict")
    return accuracy


if __name__ == "__main__":
    main()
