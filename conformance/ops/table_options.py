"""The table: further samples of its entries, with combinations of options that Hypothesis does not draw."""

from __future__ import annotations

import itertools

import numpy as np

from .entry import Entry, bools, draw_for, floats, ints

__all__ = ["add_to"]

_LAYOUTS = ("channels_last", "channels_first")


class _Seeded(dict[str, Entry]):
    """Entries by name; asking for one starts the stream from which its further samples are drawn."""

    def __getitem__(self, name: str) -> Entry:
        draw_for(f"{name}, options")
        return super().__getitem__(name)


def add_to(table: dict[str, Entry]) -> None:
    """Add the samples to the entries."""
    for add in (
        *(_elementwise, _reductions, _quantiles, _windows, _patches, _signals, _searching, _images, _resizing),
        _numeric,
    ):
        add(_Seeded(table))


def _holes(*shape: int) -> np.ndarray:
    x = floats(*shape, low=-1.0)
    x.ravel()[::4] = np.nan
    return x


def _elementwise(table: dict[str, Entry]) -> None:
    for name in ("fmax", "fmin", "fmod", "logaddexp2"):
        table[name].edge(floats(2, 3, low=0.5), floats(3, low=0.5))
    table["fmod"].edge(floats(6, low=-9, high=9), 2.5)
    table["isclose"].edge(floats(2, 1), floats(1, 3)).edge(ints(3, low=1), 1.5).edge(2, ints(3, dtype="int8"))
    table["nextafter"].edge(floats(2, 3), floats(3))
    table["select"].edge([bools(3), bools(3)], [ints(3), floats(3)], 7).edge([bools(2, 3)], [floats(3)])
    table["view"].edge(floats(2, 4), "int8").edge(floats(2, 4))
    table["flip"].edge(floats(2, 3, 2), axis=(0, 2))
    table["geomspace"].edge(-1.0, -8.0, 4).edge(1, 1000, 4)
    for name in ("cumsum", "cumprod"):
        table[name].edge(floats(3, 4), axis=1, dtype="float32")


def _reductions(table: dict[str, Entry]) -> None:
    plain = "sum prod max min mean var std all any logsumexp amax amin ptp median nansum nanmean nanmax nanmin"
    for name in plain.split():
        table[name].edge(floats(2, 3, 4), axis=(0, 2), keepdims=True)
    for name in ["nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin", "nanmedian"]:
        table[name].edge(_holes(3, 4), axis=1, keepdims=True).edge(_holes(3, 4), axis=(0, 1))
    for name in ("segment_sum", "segment_max", "segment_min", "segment_prod"):
        table[name].edge(floats(5, 2), np.array([0, 1, 2, 4, 3], "int32"), num_segments=5)
    table["trapezoid"].edge(floats(2, 3), x=floats(2, 3), axis=0)


def _quantiles(table: dict[str, Entry]) -> None:
    for name, scale in {"quantile": 1, "nanquantile": 1, "percentile": 100, "nanpercentile": 100}.items():
        q = np.array([0.1, 0.9]) * scale
        table[name].edge(floats(3, 4), q, axis=0, keepdims=True).edge(floats(3, 4, 5), q, axis=(0, 2))
        table[name].edge(floats(3, 4), 0.5 * scale, keepdims=True)


def _windows(table: dict[str, Entry]) -> None:
    for layout, rank, padding in itertools.product(_LAYOUTS, (1, 2, 3), ("valid", "same")):
        space = (7, 6, 5)[:rank]
        x = floats(2, *space, 4) if layout == "channels_last" else floats(2, 4, *space)
        options = {"strides": 3, "padding": padding, "data_format": layout}
        table["conv"].edge(x, floats(*(3,) * rank, 2, 6), **options)
        if rank < 3:
            table["depthwise_conv"].edge(x, floats(*(2,) * rank, 4, 2), **options)
        table["max_pool"].edge(x, (3,) * rank, (2,) * rank, padding=padding, data_format=layout)
        table["average_pool"].edge(x, (2,) * rank, (2,) * rank, padding=padding, data_format=layout)
        for name in ("adaptive_average_pool", "adaptive_max_pool"):
            if padding == "same":
                table[name].edge(x, (3, 4, 2)[:rank], data_format=layout)

    table["depthwise_conv"].edge(floats(2, 1, 6, 4), floats(1, 2, 4, 2))


def _patches(table: dict[str, Entry]) -> None:
    table["hsplit"].edge(floats(4, 6), 3).edge(floats(6), [2, 4])
    table["unfold"].edge(floats(2, 3, 5, 6), (2, 3), dilation=(1, 2), padding=1, stride=2)
    table["fold"].edge(floats(2, 12, 9), (4, 4), 2)
    table["fold"].edge(floats(2, 12, 6), output_size=(4, 6), kernel_size=(2, 2), padding=(0, 1), stride=(2, 3))


def _signals(table: dict[str, Entry]) -> None:
    for name in ("bartlett", "blackman", "hamming", "hanning"):
        table[name](5)(8)
    table["kaiser"](6, 4.0)
    for n, length in ((8, 6), (7, 10)):
        table["rfft"].edge(floats(2, n), length)
    table["irfft"].edge((floats(2, 5), floats(2, 5)), 7)
    table["extract_sequences"].edge(floats(2, 10), 4, 2)
    for options in ({}, {"window": "hamming"}, {"center": False}):
        table["stft"].edge(floats(2, 20), 6, 2, 8, **options)


def _searching(table: dict[str, Entry]) -> None:
    table["histogram"].edge(floats(20), bins=4, range=(-1.0, 1.0))
    table["unique"].fixed(ints(9), return_index=True, return_inverse=True, return_counts=True)
    few = np.array([3, 1, 1, 2, 3], "int32")
    table["unique"].fixed(few, size=3, return_index=True, return_inverse=True, return_counts=True)
    table["unique"].fixed(ints(9, low=0, high=3), size=5, fill_value=9).fixed(ints(9, low=0, high=9), size=2)


def _images(table: dict[str, Entry]) -> None:
    x = floats(2, 7, 9, 3, low=0, high=1)
    first = np.ascontiguousarray(np.moveaxis(x, -1, 1))
    at = floats(2, 40, low=-6, high=12)
    for mode, order in itertools.product(("constant", "nearest", "wrap", "mirror", "reflect"), (0, 1)):
        table["map_coordinates"].edge(x[0, ..., 0], at, order, mode, 0.5)
    corners = np.array([[0, 0], [0, 6], [8, 0], [8, 6]], "float32")
    moved = np.array([[0.3, -0.4], [0.2, 6.6], [7.7, 0.3], [8.6, 6.1]], "float32")
    table["perspective_transform"].edge(x[0], corners, moved, fill_value=0.5)
    table["gaussian_blur"].fixed(x[0], (5, 5), (1.5, 1.5))
    for layout, images in (("channels_last", x), ("channels_first", first)):
        for options in ({"size": 2}, {"size": (2, 3), "strides": 1}, {"size": 3, "strides": 2, "padding": "same"}):
            table["extract_patches"].edge(images, **options, data_format=layout)
        table["crop_images"].edge(images, 1, 2, 2, 1, data_format=layout)
        table["pad_images"].edge(images, 1, 2, target_height=12, target_width=13, data_format=layout)


def _resizing(table: dict[str, Entry]) -> None:
    x = floats(2, 7, 9, 3, low=0, high=1)
    methods = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
    for method, antialias, size in itertools.product(methods, (False, True), ((4, 13), (12, 5))):
        table["resize"].edge(x, size, interpolation=method, antialias=antialias)
    for size in ((4, 8), (8, 4), (14, 9), (5, 5), (3, 7)):
        table["resize"].edge(x, size, crop_to_aspect_ratio=True)
        table["resize"].edge(x, size, pad_to_aspect_ratio=True, fill_value=0.5)
    scale, move = np.array([0.7, 2.0], "float32"), np.array([0.3, -0.5], "float32")
    for method, antialias in itertools.product(("linear", "cubic", "lanczos3", "lanczos5"), (True, False)):
        table["scale_and_translate"].edge(x, (2, 6, 10, 3), scale, move, (1, 2), method, antialias)


def _numeric(table: dict[str, Entry]) -> None:
    one, several = (np.eye(3, dtype="float32") * 3 + floats(*lead, 3, 3, low=-0.5, high=0.5) for lead in ((), (2,)))
    table["det"](floats(2, 4, 4))  # beyond three rows the derivative is another
    for name in ("solve", "solve_triangular"):
        table[name].fixed(several, floats(2, 3)).fixed(one, floats(2, 3, 2)).fixed(several, floats(1, 3, 2))
    for name in ("segment_sum", "segment_max", "segment_min", "segment_prod"):  # next to either end of the range
        table[name].edge(floats(4), np.array([0, 2, 1, -1], "int32"), 2)
