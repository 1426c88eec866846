"""More of the table in `cases.py`: special functions, statistics, blocks, windows, complex numbers, frames."""

from __future__ import annotations

import math

import numpy as np
from cases import EDGE, HALF, b, case, f, i, words

for _n in words("fabs cbrt sinc i0 erfc signbit angle real imag conj conjugate isreal"):
    case(_n, f(2, 3), tol=1e-5)
    case(_n, i(4), tol=1e-5)
    case(_n, EDGE if _n != "i0" else f(5, low=-20, high=20), tol=2e-5, keras="ends" if _n == "sinc" else "")
for _n in words("fmax fmin fmod logaddexp2 nextafter"):
    case(_n, f(2, 3), f(3, low=0.5), tol=1e-5)
    case(_n, f(2, 1, dtype="float16"), f(2, low=0.5, dtype="float16"), tol=HALF)
case("fmax", np.array([1.0, math.nan, math.nan], "float32"), np.array([math.nan, 2.0, math.nan], "float32"))
case("fmod", i(6, low=-9, high=9), 4)
case("fmod", f(6, low=-9, high=9), 2.5)
for _n in ("gcd", "lcm"):
    case(_n, i(2, 5, low=-20, high=20), i(5, low=-20, high=20))
    case(_n, i(4, low=0, high=20, dtype="uint8"), i(4, low=1, high=20, dtype="uint8"))
case("ldexp", f(4), i(4))
case("isin", i(2, 3), i(4))
case("isin", f(3), f(2), invert=True)
case("select", [b(3), b(3)], [i(3), f(3)], 7)
case("select", [b(2, 3)], [f(3)])
case("view", f(2, 4), "int32")
case("view", f(2, 4), "int8")
case("view", i(2, 4, dtype="int8"), "int32")
case("view", f(2, 4))
case("view_as_complex", f(3, 2))
case("view_as_real", f(3, 2))
case("polar", f(3, low=0.1), f(3), tol=1e-5)
for _n in ("bartlett", "blackman", "hamming", "hanning"):
    for _k in (1, 2, 5, 8):
        case(_n, _k, tol=1e-5, dynamic=False)
case("kaiser", 6, 4.0, tol=1e-5, dynamic=False)
case("kaiser", 1, 4.0, dynamic=False)

NANS = np.array([[1.0, math.nan, 3.0, 7.0], [math.nan, math.nan, 2.0, -1.0], [4.0, 5.0, 6.0, 7.5]], "float32")
GONE = np.array([[math.nan, math.nan], [3.0, 4.0]], "float32")
for _n in words("nansum nanprod nanmean nanvar nanstd nanmax nanmin nanmedian"):
    for _kw in ({}, {"axis": 0}, {"axis": 1, "keepdims": True}, {"axis": (0, 1)}):
        case(_n, NANS, tol=1e-5, **_kw)
    case(_n, GONE, axis=1, tol=1e-5)
    case(_n, i(3, 4), axis=1, tol=1e-5)
for _n in ("nanargmax", "nanargmin"):
    case(_n, NANS, axis=1)
    case(_n, NANS)
    case(_n, GONE, axis=1)
    case(_n, NANS, axis=0, keepdims=True)
for _n in ("nancumsum", "nancumprod"):
    case(_n, NANS, axis=1)
    case(_n, NANS)
    case(_n, i(4, low=1, high=4, dtype="int8"))
for _n in ("quantile", "percentile", "nanquantile", "nanpercentile"):
    _s = 100 if "percent" in _n else 1
    for _m in ("linear", "lower", "higher", "midpoint", "nearest"):
        case(_n, NANS, 0.3 * _s, axis=1, method=_m, tol=1e-5)
    case(_n, NANS, np.array([0.1, 0.9], "float32") * _s, axis=0, keepdims=True, tol=1e-5)
    case(_n, f(3, 4, 5), np.array([0.1, 0.9], "float32") * _s, axis=(0, 2), tol=1e-5)
    case(_n, f(3, 4), 0.5 * _s, keepdims=True, tol=1e-5)

case("vsplit", f(4, 6), 2, dynamic=False)
case("hsplit", f(4, 6), 3)
case("hsplit", f(6), [2, 4], dynamic=False)
case("dsplit", f(2, 3, 4), 2)
case("fliplr", f(2, 3))
case("flipud", f(3))
case("diagflat", f(2, 2))
case("diagflat", f(3), k=-1)
case("vander", i(3))
case("vander", f(3), N=4, increasing=True, tol=1e-5)
for _fmt in ("channels_last", "channels_first"):
    case("depth_to_space", f(2, 4, 6, 8) if _fmt == "channels_last" else f(2, 8, 4, 6), 2, data_format=_fmt)
    case("space_to_depth", f(2, 4, 6, 3) if _fmt == "channels_last" else f(2, 3, 4, 6), 2, data_format=_fmt)
case("unfold", f(2, 3, 5, 6), 2)
case("unfold", f(2, 3, 5, 6), (2, 3), dilation=(1, 2), padding=1, stride=2)
case("fold", f(2, 12, 9), (4, 4), 2)
case("fold", f(2, 12, 6), output_size=(4, 6), kernel_size=(2, 2), padding=(0, 1), stride=(2, 3), tol=1e-5)
case("rearrange", f(2, 3, 4), "b h w -> b (h w)")
case("rearrange", f(2, 12), "b (h w) -> b w h", h=3)
case("rearrange", f(2, 3, 4), "a b c -> c a b")

case("corrcoef", f(3, 5), tol=1e-5)
case("corrcoef", f(5), tol=1e-5)
for _m in ("valid", "same", "full"):
    for _a, _b in ((5, 3), (5, 2), (3, 5), (2, 5), (4, 4)):
        case("correlate", f(_a), f(_b), mode=_m, tol=1e-5, dynamic=False)
case("cdist", f(3, 2), f(4, 2), tol=1e-4)
case("cdist", f(2, 3, 2), f(2, 4, 2), tol=1e-4)
case("trapezoid", f(2, 3), tol=1e-5)
case("trapezoid", f(2, 3), dx=0.5, axis=0, tol=1e-5)
case("trapezoid", f(2, 3), x=np.sort(f(3)), tol=1e-5)
case("trapezoid", f(2, 3), x=f(2, 3), axis=0, tol=1e-5)
case("geomspace", 1, 1000, 4, tol=1e-5)
case("geomspace", -1.0, -8.0, 4, tol=1e-5)
case("geomspace", 1.0, 8.0, 3, endpoint=False, tol=1e-5)
case("geomspace", f(2, low=1), f(2, low=1), 3, axis=1, tol=1e-5)
case("histogram", f(20))
case("histogram", f(20), bins=4, range=(-1.0, 1.0))
case("histogram", i(9), bins=3)
case("unique", i(3, 4), dynamic=False)
case("unique", i(9), return_index=True, return_inverse=True, return_counts=True, dynamic=False)
case("unique", i(4, 2, low=0, high=2), axis=0, dynamic=False)
case("unique", i(9, low=0, high=3), size=5, fill_value=9)
case("unique", i(9, low=0, high=9), size=2)
for _fmt in ("channels_last", "channels_first"):
    for _rank in (1, 2):
        _x = f(2, *(7, 6)[:_rank], 3) if _fmt == "channels_last" else f(2, 3, *(7, 6)[:_rank])
        for _n in ("adaptive_average_pool", "adaptive_max_pool"):
            case(_n, _x, (3, 4)[:_rank], data_format=_fmt, tol=1e-5)
            case(_n, _x, 2, data_format=_fmt, tol=1e-5)
for _n in ("segment_min", "segment_prod"):
    case(_n, f(5, 2), np.array([0, 0, 1, 3, 3], "int32"), num_segments=5, tol=1e-5)
    case(_n, i(5), np.array([2, 0, 1, 3, 3], "int32"), num_segments=5)

case("extract_sequences", f(2, 10), 4, 2)
for _kw in (
    {}, {"window": "hamming"}, {"window": None}, {"center": False}, {"window": np.hanning(6).astype("float32")},
):  # fmt: skip
    case("stft", f(2, 20), 6, 2, 8, tol=1e-4, **_kw)
    _spectrum = tuple(np.asarray(v, "float32") for v in (f(2, 7, 5), f(2, 7, 5)))
    _other = "Keras does not divide by the overlap without a window" if _kw.get("window", "") is None else ""
    case("istft", _spectrum, 6, 2, 8, tol=2e-4, keras=_other, **_kw)
case("istft", (f(2, 7, 5), f(2, 7, 5)), 6, 2, 8, length=9, tol=2e-4)
case("ctc_loss", i(3, 2, low=1, high=4), f(3, 6, 4), i(3, low=1, high=3), i(3, low=4, high=7), tol=1e-4)
case("ctc_loss", np.array([[1, 1], [2, 3]], "int32"), f(2, 6, 4), np.array([2, 2]), np.array([6, 5]), tol=1e-4)
case("ctc_decode", f(3, 6, 4), np.array([6, 4, 3], "int32"), tol=1e-5)
case("ctc_decode", f(3, 6, 4), np.array([6, 4, 3], "int32"), merge_repeated=False, mask_index=3, tol=1e-5)
