"""Layers for numbers, strings, text and audio, with data, as both Keras and kfront build them.

``python preprocessing_cases.py FOLDER`` does the installed Keras's part of the comparison: it saves a model of every
layer with what it gives, and says what kfront's models in the folder give when it has loaded them.
"""

from __future__ import annotations

import json
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np

WORDS = np.array([["a", "b", "a", "q"], ["c", "c", "a", ""], ["zz", "b", "é", "[UNK]"]])
NUMBERS = np.array([[5, 7, 5, 100], [0, 0, 5, 3], [-1, 7, 10**12, 4]])
TEXTS = np.array(["The cat, sat on THE mat!", "A  dog's\there  it is?\nYes yes", "Ünïcode ÄÖ naïve café's e-mail", ""])
FLOATS = np.random.default_rng(0).normal(3, 2, (6, 4)).astype("float32")
SOUND = np.random.default_rng(1).normal(size=(2, 400)).astype("float32")
STEREO = np.random.default_rng(2).normal(size=(2, 300, 2)).astype("float32")
STRANGE = np.array([["a", "bcd", "élan vital", "x" * 70], ["", "z" * 33, "longer than sixteen", "1"]])

# name -> (layer, arguments, data to adapt to, inputs)
CASES: dict[str, tuple[str, dict[str, Any], Any, Any]] = {}


def add(name: str, layer: str, adapt: Any, inputs: Any, **args: Any) -> None:
    """One more case."""
    CASES[name] = (layer, args, adapt, inputs)


for _axis in (-1, None):
    add(f"norm-{_axis}", "Normalization", FLOATS, FLOATS, axis=_axis)
add("norm-inverted", "Normalization", FLOATS, FLOATS, invert=True)
add("norm-given", "Normalization", None, FLOATS, mean=[1.0, 2.0, 3.0, 4.0], variance=[2.0] * 4)
add("bins", "Discretization", None, FLOATS, bin_boundaries=[1.0, 2.5])
for _bins, _epsilon in ((4, 0.01), (3, 0.1), (5, 0.15)):
    data = np.random.default_rng(_bins).normal(size=(50, 4)).astype("float32")
    add(f"bins-{_bins}-{_epsilon}", "Discretization", data, FLOATS, num_bins=_bins, epsilon=_epsilon)
for _mode in ("one_hot", "multi_hot", "count"):
    add(f"bins-{_mode}", "Discretization", None, FLOATS, bin_boundaries=[1.0, 2.5], output_mode=_mode)
    add(f"categories-{_mode}", "CategoryEncoding", None, np.array([[0, 1], [3, 3]]), num_tokens=4, output_mode=_mode)
    add(f"hash-{_mode}", "Hashing", None, STRANGE, num_bins=5, output_mode=_mode)
for _salt in (None, 133, [3, 4]):
    add(f"hash-{_salt}", "Hashing", None, STRANGE, num_bins=1000, salt=_salt)
    add(f"hash-int-{_salt}", "Hashing", None, NUMBERS, num_bins=1000, salt=_salt, mask_value=7)
for _mode in ("int", "one_hot", "multi_hot", "count", "tf_idf"):
    for _oov in (1, 3):
        add(f"words-{_mode}-{_oov}", "StringLookup", WORDS, WORDS, output_mode=_mode, num_oov_indices=_oov)
        add(f"ints-{_mode}-{_oov}", "IntegerLookup", NUMBERS, NUMBERS, output_mode=_mode, num_oov_indices=_oov)
add("words-mask", "StringLookup", WORDS, WORDS, mask_token="", max_tokens=4, num_oov_indices=2, salt=3)
add("words-given", "StringLookup", None, WORDS, vocabulary=["b", "a", "é"])
add("ints-farmhash", "IntegerLookup", NUMBERS, NUMBERS, num_oov_indices=4, max_tokens=6, oov_method="farmhash")
add("ints-mask", "IntegerLookup", NUMBERS, NUMBERS, mask_token=0, output_mode="count")
for _name, _args in {
    "plain": {},
    "multi": {"output_mode": "multi_hot"},
    "count": {"output_mode": "count", "max_tokens": 20, "pad_to_max_tokens": True},
    "tf-idf": {"output_mode": "tf_idf", "max_tokens": 6, "ngrams": 2},
    "cut": {"output_sequence_length": 3},
    "padded": {"output_sequence_length": 9},
    "grams": {"ngrams": (1, 3)},
    "characters": {"split": "character", "standardize": "lower"},
    "bare": {"standardize": None},
    "stripped": {"standardize": "strip_punctuation", "max_tokens": 8},
    "given": {"vocabulary": ["the", "cat"]},
}.items():
    add(f"text-{_name}", "TextVectorization", None if _name == "given" else TEXTS, TEXTS, **_args)
_mel = {"fft_length": 128, "sequence_stride": 32, "num_mel_bins": 8, "sampling_rate": 2000}
add("mel", "MelSpectrogram", None, SOUND, **_mel)
add("mel-power", "MelSpectrogram", None, SOUND, **_mel, power_to_db=False, mag_exp=1.0, window="hamming")
for _mode in ("log", "magnitude", "psd", "real", "imag", "stft"):
    add(f"stft-{_mode}", "STFTSpectrogram", None, STEREO, mode=_mode, frame_length=20)
add("stft-images", "STFTSpectrogram", None, STEREO, frame_length=16, padding="same", expand_dims=True, scaling=None)


def build(module: Any, name: str) -> Any:
    """A functional model of the layer, which has learned what there is to learn."""
    layer_name, args, data, inputs = CASES[name]
    layer = getattr(module.layers, layer_name)(**args, name="layer")
    if data is not None:
        layer.adapt(data)
    kind = "string" if inputs.dtype.kind == "U" else inputs.dtype.name
    x = module.Input(inputs.shape[1:], dtype=kind, name="x")
    return module.Model(x, layer(x))


def _save(folder: Path, who: str, name: str, out: Any, model: Any) -> None:
    np.savez(folder / f"{who}-{name}.npz", np.asarray(out))
    (folder / f"{who}-{name}.json").write_text(json.dumps(model.get_layer("layer").get_config()))


def main(folder: Path) -> None:
    """Keras's part."""
    import keras

    warnings.filterwarnings("ignore")
    for name, (*_, inputs) in CASES.items():
        try:
            model = build(keras, name)
            model.save(folder / f"keras-{name}.keras")
            _save(folder, "keras", name, model.get_layer("layer")(inputs), model)
        except Exception:
            (folder / f"keras-{name}.error").write_text(traceback.format_exc())
        try:
            model = keras.saving.load_model(folder / f"kfront-{name}.keras")
            _save(folder, "read", name, model.get_layer("layer")(inputs), model)
        except Exception:
            (folder / f"read-{name}.error").write_text(traceback.format_exc())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
