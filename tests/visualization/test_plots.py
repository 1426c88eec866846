from __future__ import annotations

import numpy as np
import pytest

import kfront
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from kfront.visualization import plot_confusion_matrix, plot_image_gallery, plot_training_curves

pytest.importorskip("matplotlib", reason="plots need matplotlib")

HISTORY = {"loss": [1.0, 0.5], "val_loss": [1.1, 0.7], "accuracy": [0.5, 0.8], "learning_rate": [0.1, 0.1]}


def is_png(path):
    return path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 1000


def test_training_curves(tmp_path):
    assert plot_training_curves(HISTORY, path=tmp_path / "a.png") is None
    assert is_png(tmp_path / "a.png")
    figure = plot_training_curves(HISTORY, show=False)
    assert [a.get_ylabel() for a in figure.axes] == ["loss", "accuracy"]
    assert [len(a.lines) for a in figure.axes] == [2, 1]
    assert figure.axes[0].lines[0].get_ydata().tolist() == [1.0, 0.5]


def test_confusion_matrix(tmp_path):
    true, predicted = [0, 0, 1, 2], np.array([[0.9, 0.1, 0], [0.2, 0.8, 0], [0, 1, 0], [0, 0, 1]])
    plot_confusion_matrix(true, predicted, path=tmp_path / "a.png", class_names=["a", "b", "long name"])
    assert is_png(tmp_path / "a.png")
    figure = plot_confusion_matrix(true, predicted, show=False)
    assert figure.axes[0].images[0].get_array().tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    shares = plot_confusion_matrix(true, predicted, show=False, normalize=True)
    assert shares.axes[0].images[0].get_array()[0].tolist() == [0.5, 0.5, 0]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_gallery(tmp_path, channels):
    x = np.zeros((5, 4, 6, channels))
    plot_image_gallery(x, [0, 1, 0, 1, 0], [0, 1, 1, 1, 0], label_map={0: "a", 1: "b"}, path=tmp_path / "a.png")
    assert is_png(tmp_path / "a.png")
    figure = plot_image_gallery(x, [0, 1, 0, 1, 0], [0, 1, 1, 1, 0], label_map=["a", "b"], show=False)
    assert len(figure.axes) == 5
    assert [a.title.get_color() for a in figure.axes] == ["black", "black", "red", "black", "black"]
    assert figure.axes[2].get_title() == "Label: a  Pred: b"


def test_gallery_of_tensors(backend):
    x = kfront.ops.zeros((2, 3, 4, 4))
    figure = plot_image_gallery(x, data_format="channels_first", show=False, rows=1)
    assert len(figure.axes) == 2 and figure.axes[0].images[0].get_array().shape == (4, 4, 3)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: plot_training_curves(3), ArgumentTypeError),
        (lambda: plot_training_curves({}), ArgumentError),
        (lambda: plot_training_curves(HISTORY, metrics=["f1"]), ArgumentError),
        (lambda: plot_training_curves(HISTORY, path="a.png", show=True), ArgumentError),
        (lambda: plot_confusion_matrix([0, 1], [0]), ShapeError),
        (lambda: plot_confusion_matrix([0, 3], [0, 1], class_names=["a"]), ArgumentError),
        (lambda: plot_image_gallery(np.zeros((2, 2))), ShapeError),
        (lambda: plot_image_gallery(np.zeros((2, 2, 2, 2))), ShapeError),
        (lambda: plot_image_gallery(np.zeros((2, 2, 2, 1)), y_true=[1, 2]), ArgumentError),
    ],
)
def test_errors(call, error):
    with pytest.raises(error):
        call()
