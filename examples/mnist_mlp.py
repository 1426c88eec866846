"""Handwritten digits with a small network: train, evaluate, draw, save, reload, predict.

    KERAS_BACKEND=torch python examples/mnist_mlp.py        (or jax, tensorflow)

Writes training_curves.png, predictions.png, confusion_matrix.png and mnist_mlp.keras into --output (demo_output).
With KFRONT_OFFLINE=1 it works on the 10,000 digits that come with kfront.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import kfront
from kfront import Input, Sequential, layers
from kfront.datasets import mnist
from kfront.utils import set_random_seed, to_categorical
from kfront.visualization import plot_confusion_matrix, plot_image_gallery, plot_training_curves

NEXT = """
What to try next:
  python3 -m nox -s demo -- jax              the same numbers on another engine
  python -m kfront.as_keras your_script.py   a script of yours that says `import keras`
  docs/tour.md                               all of kfront on one page
  examples/gallery/                          whole programs, from vision to reinforcement learning
"""


def load_data():
    """Images as rows of 784 numbers from 0 to 1, digits as one-hot rows."""
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    x_train = x_train.reshape(-1, 784).astype("float32") / 255
    x_test = x_test.reshape(-1, 784).astype("float32") / 255
    return (x_train, to_categorical(y_train, 10)), (x_test, to_categorical(y_test, 10))


def build_model():
    """784 - 128 - 64 - 10."""
    model = Sequential(
        [
            Input((784,)),
            layers.Dense(128, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ],
        name="mnist_mlp",
    )
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def draw(history, x_test, y_test, scores, folder: Path) -> None:
    """Training curves, the first 25 predictions, and what is taken for what."""
    digits, predicted = y_test.argmax(axis=1), scores.argmax(axis=1)
    plot_training_curves(history, path=folder / "training_curves.png", title=f"MNIST, {kfront.config.backend()}")
    plot_image_gallery(
        x_test[:25].reshape(-1, 28, 28, 1),
        y_true=digits[:25],
        y_pred=predicted[:25],
        label_map=range(10),
        value_range=(0, 1),
        transparent=False,
        dpi=80,
        path=folder / "predictions.png",
    )
    plot_confusion_matrix(digits, predicted, path=folder / "confusion_matrix.png", title="Test digits")


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--output", type=Path, default=Path("demo_output"))
    chosen = parser.parse_args()
    chosen.output.mkdir(parents=True, exist_ok=True)

    print(f"kfront {kfront.__version__} on {kfront.config.backend()}")
    set_random_seed(chosen.seed)
    (x_train, y_train), (x_test, y_test) = load_data()
    print(f"{len(x_train):,} digits to train with, {len(x_test):,} to test with")
    model = build_model()
    model.summary()
    history = model.fit(
        x_train, y_train, batch_size=32, epochs=chosen.epochs, validation_data=(x_test, y_test), verbose=1
    )
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")

    scores = model.predict(x_test, verbose=0)
    draw(history, x_test, y_test, scores, chosen.output)

    path = chosen.output / "mnist_mlp.keras"
    model.save(path)
    again = kfront.saving.load_model(path)
    same = np.array_equal(again.predict(x_test, verbose=0), scores)
    print(f"saved to {path}; the reloaded model predicts {'the same' if same else 'SOMETHING ELSE'}")
    print(f"pictures: {', '.join(sorted(p.name for p in chosen.output.glob('*.png')))} in {chosen.output}/")
    if not same:
        raise SystemExit(1)
    print(NEXT)


if __name__ == "__main__":
    main()
