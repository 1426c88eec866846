"""`audio_dataset_from_directory`."""

from __future__ import annotations

import os
import wave
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from kfront.core.errors import ArgumentError, DataError
from kfront.core.spec import Abstract
from kfront.utils.dataset import stack
from kfront.utils.dataset_files import find_files, make_datasets


def audio_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: object = "inferred",
    label_mode: str | None = "int",
    class_names: object = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """The `.wav` files of a directory as a data set of sounds and labels.

    Args:
        directory: has one folder for each class, if `labels` is "inferred".
        labels: "inferred" from the folders, a list of ints in the order of the paths, or None for none.
        label_mode: "int" (int32), "binary" (float32 0 or 1, shape (1,)), "categorical" (one-hot float32), or None.
        class_names: order of the classes; alphabetical if None.
        batch_size: sounds per batch; None for single sounds.
        sampling_rate: samples per second to bring every sound to (with SciPy); None to leave it as it is.
        output_sequence_length: cut or pad sounds to so many samples; None to pad to the longest of a batch.
        ragged: whether batches are object arrays of sounds with lengths of their own, instead of padded.
        shuffle: whether to shuffle, differently in each epoch; otherwise files come in the order of their paths.
        seed: of the order.
        validation_split: fraction of the files for validation.
        subset: "training", "validation" or "both"; then two data sets are returned.
        follow_links: whether to follow links to folders.
        format: "tf", or "grain" for a data set of Grain.
        verbose: whether to print how many files were found.

    Returns:
        a data set (see `text_dataset_from_directory`), or two for "both": float32 of shape (batch, samples, channels)
        between -1 and 1, and labels.

    Raises:
        DataError: no such files, or one that is no PCM sound.

    Example:

    >>> import pathlib, tempfile, wave
    >>> import kfront
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("speech", "music"):
    ...         pathlib.Path(folder, name).mkdir()
    ...         with wave.open(f"{folder}/{name}/a.wav", "wb") as file:
    ...             file.setparams((1, 2, 8000, 0, "NONE", ""))
    ...             file.writeframes(bytes(200))
    ...     data = kfront.utils.audio_dataset_from_directory(folder, shuffle=False, verbose=False)
    ...     data.class_names, [tuple(sounds.shape) for sounds, labels in data]
    (['music', 'speech'], [(2, 100, 1)])
    """
    who = "audio_dataset_from_directory"
    if ragged and output_sequence_length is not None:
        raise ArgumentError(f"[{who}] expected no `output_sequence_length` with `ragged=True`.")
    files = find_files(who, directory, (".wav",), labels, label_mode, class_names, follow_links, verbose)
    options = {"batch_size": batch_size, "shuffle": shuffle, "seed": seed, "validation_split": validation_split}
    options.update(subset=subset, format=format, verbose=verbose)
    load = partial(_load, sampling_rate, output_sequence_length)
    channels = load(files.paths[0]).shape[1]
    spec = Abstract((output_sequence_length, channels), "float32")
    spec.ragged = ragged and batch_size is not None
    return make_datasets(who, files, load, spec, label_mode, options, _ragged if ragged else _padded)


def _load(rate: int | None, length: int | None, path: str) -> np.ndarray:
    try:
        with wave.open(path, "rb") as file:
            channels, width, own = file.getnchannels(), file.getsampwidth(), file.getframerate()
            data = np.frombuffer(file.readframes(file.getnframes()), "uint8")
    except (wave.Error, EOFError) as e:
        raise DataError(f"[audio_dataset_from_directory] expected a PCM sound in {path}, got: {e}.") from e
    out = _numbers(data, width).reshape(-1, channels)
    if rate is not None and rate != own:
        out = _resampled(out, own, rate)
    if length is None:
        return out
    return out[:length] if len(out) >= length else np.pad(out, ((0, length - len(out)), (0, 0)))


def _numbers(data: np.ndarray, width: int) -> np.ndarray:
    """PCM samples as numbers between -1 and 1."""
    if width == 1:
        return (data.astype("float32") - 128) / 128
    wide = np.zeros((len(data) // width, 4), "uint8")
    wide[:, 4 - width :] = data.reshape(-1, width)  # in the upper bytes, so that the sign is where it belongs
    return (wide.view("<i4")[:, 0] / 2.0**31).astype("float32")


def _resampled(x: np.ndarray, old: int, new: float) -> np.ndarray:
    try:
        from scipy.signal import resample_poly
    except ImportError as e:
        raise DataError(
            f"[audio_dataset_from_directory] expected SciPy to be installed for another sampling rate ({old} to {new})."
        ) from e
    ratio = (Fraction(new) / old).limit_denominator(1000)
    return resample_poly(x, ratio.numerator, ratio.denominator, axis=0).astype("float32")


def _parts(samples: list[Any]) -> tuple[list[Any], Any]:
    if isinstance(samples[0], tuple):
        return [s[0] for s in samples], np.stack([s[1] for s in samples])
    return samples, None


def _padded(samples: list[object]) -> Any:
    sounds, labels = _parts(samples)
    longest = max(map(len, sounds))
    out = stack([np.pad(s, ((0, longest - len(s)), (0, 0))) for s in sounds])
    return out if labels is None else (out, labels)


def _ragged(samples: list[object]) -> object:
    sounds, labels = _parts(samples)
    out = np.empty(len(sounds), object)
    out[:] = sounds
    return out if labels is None else (out, labels)
