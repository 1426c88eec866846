"""What Hypothesis may call each op with: a row for each family of ops whose arguments are alike.

A new op needs its name in a row, or in `WITHOUT` with a reason, unless its entry says which other op it is `like`;
`conformance.coverage` misses one that has none of these.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from . import calls
from .draw import KEEP, OMIT, Call, Draw, Family
from .samples import table

__all__ = ["WITHOUT", "families"]

# ---- families ------------------------------------------------------------------------------------------------------


def each(of: tuple[str, ...] = (), *rest: Any, **choices: tuple[Any, ...]) -> Family:
    """One tensor of any shape, of any dtype or one `of` a few, element by element; then `rest`."""

    def call(d: Draw) -> Call:
        x = d.array(d.shape(), dtype=d.pick(*of) if of else "")
        return (x, *(d.pick(*v) for v in rest)), d.some(**choices)

    return Family(call, True, True, True)


def spread(count: int = 2, extreme: bool = False, **choices: tuple[Any, ...]) -> Family:
    """Several tensors that broadcast."""

    def call(d: Draw) -> Call:
        whole = d.shape()
        shapes = [whole, *(d.part_of(whole) for _ in range(count - 1))]
        turn = d.number(0, count - 1)
        return tuple(d.array(s, i) for i, s in enumerate(shapes[turn:] + shapes[:turn])), d.some(**choices)

    return Family(call, True, extreme, True)


def reduced(smallest: int = 1, axes: bool = True, keepdims: bool = True, **choices: tuple[Any, ...]) -> Family:
    """A tensor, and axes that are reduced; `smallest` is 0 where an empty axis has a result."""

    def call(d: Draw) -> Call:
        x = d.array(d.shape(smallest=smallest))
        axis = d.axes(x.ndim) if axes else d.axis(x.ndim) if x.ndim and d.pick(True, False) else None
        kwargs = {} if axis is None and d.pick(True, False) else {"axis": axis}
        return (x,), kwargs | (d.some(keepdims=KEEP) if keepdims else {}) | d.some(**choices)

    return Family(call, True, False, True)


def along(smallest: int = 0, special: bool = True) -> Family:
    """A tensor with an axis along which something is done."""

    def call(d: Draw) -> Call:
        x = d.array(d.shape(1, smallest=smallest))
        return (x,), d.some(axis=(d.axis(x.ndim), OMIT))

    return Family(call, special, False, True)


def formed(form: str, special: bool = False, smallest: int = 1, **choices: tuple[Any, ...]) -> Family:
    """Tensors of shapes like "...ij ...jk": letters are sizes, "..." dimensions that broadcast."""

    def call(d: Draw) -> Call:
        sizes: dict[str, int] = {}
        batch = d.shape(0, 2, smallest) if "..." in form else ()
        arrays = []
        for place, term in enumerate(form.split()):
            for letter in term.strip("."):
                sizes.setdefault(letter, d.number(smallest, 4))
            lead = () if "..." not in term else batch if not place else d.part_of(batch)
            arrays.append(d.array((*lead, *(sizes[c] for c in term.strip("."))), place))
        return tuple(arrays), d.some(**choices)

    return Family(call, special)


def built(fn: Any, special: bool = False, extreme: bool = False, batch: bool = False) -> Family:
    """What a function of `Draw` makes."""
    return Family(fn, special, extreme, batch)


# ---- rows ----------------------------------------------------------------------------------------------------------

_FLOATING = ("float32", "float16", "bfloat16", "float64")
_ROWS: tuple[tuple[str, Family], ...] = (
    (
        "abs arccos arccosh arcsin arcsinh arctan arctanh ceil cos cosh deg2rad erf erfinv exp exp2 expm1 floor lgamma "
        "isfinite isinf isnan isneginf isposinf log log10 log1p log2 logical_not negative rad2deg reciprocal "
        "rsqrt sign sin sinh sqrt square stop_gradient copy tan tanh trunc relu relu6 sigmoid softplus "
        "log_sigmoid hard_sigmoid hard_tanh sparse_sigmoid selu nan_to_num fabs cbrt erfc signbit bitwise_invert "
        "convert_to_numpy array convert_to_tensor ravel zeros_like ones_like empty_like real imag conj angle "
        "isreal complex_parts silu softsign hard_silu tanh_shrink sparse_plus i0 is_tensor size ndim "
        "custom_gradient",
        each(),
    ),
    ("sinc", each(_FLOATING)),  # pi times an integer is rounded, and its sine is not 0
    ("shape", Family(each().call)),
    ("elu celu", each(alpha=(OMIT, 0.5))),
    ("gelu", each(approximate=(OMIT, False))),
    ("leaky_relu", each(negative_slope=(OMIT, 0.5))),
    ("hard_shrink soft_shrink", each(threshold=(OMIT, 1.0))),
    ("squareplus", each(b=(OMIT, 2)).but("its square overflows, as the formula is", special=True)),
    ("full_like", each((), (3, 1))),
    ("round", each(decimals=(OMIT, 1, -1))),
    ("threshold", each(threshold=(0.5, 1.0), default_value=(-1.0,))),
    ("cast saturate_cast", each(dtype=_FLOATING)),
    (
        "add subtract multiply divide power float_power copysign arctan2 logaddexp gammainc heaviside divide_no_nan "
        "logaddexp2 hypot mod fmod ldexp left_shift right_shift gcd lcm",
        spread(),
    ),
    (
        "maximum minimum equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor "
        "bitwise_and bitwise_or bitwise_xor fmax fmin nextafter",
        spread(extreme=True),
    ),
    ("floor_divide", spread().but("infinity divided is infinite on TensorFlow (FloorDiv), NaN on others")),
    ("to_complex polar", formed("abc abc", special=True)),
    ("isclose allclose", spread(equal_nan=(OMIT, True), atol=(OMIT, 0.5))),
    ("where clip", spread(3)),
    ("sum prod all any nansum nanprod", reduced(0)),
    ("max min amax amin mean var std ptp nanmean nanmax nanmin median logsumexp nanvar nanstd nanmedian", reduced()),
    ("argmax argmin nanargmax nanargmin", reduced(axes=False)),
    ("count_nonzero", reduced(0, keepdims=False)),
    ("quantile nanquantile", built(lambda d: calls.quantile(d, 1.0), True)),
    ("percentile nanpercentile", built(lambda d: calls.quantile(d, 100.0), True)),
    ("cumsum cumprod nancumsum nancumprod sort argsort", along()),
    ("softmax log_softmax", along(smallest=1)),
    ("sparsemax", along(smallest=1, special=False)),
    ("normalize", built(calls.normalized)),
    ("diff", built(calls.differences, True)),
    ("average", built(calls.averaged)),
    ("top_k", built(calls.ranked)),
    ("argpartition", built(calls.partitioned)),
    ("searchsorted", built(calls.searched)),
    ("digitize", built(calls.binned)),
    ("bincount", built(calls.counted)),
    ("in_top_k", built(calls.top)),
    ("flip", built(calls.flipped, True, True)),
    ("roll", built(calls.rolled, True, True)),
    ("rot90", built(calls.turned, True, True)),
    ("transpose", built(calls.permuted, True, True)),
    ("swapaxes moveaxis", built(calls.swapped, True, True)),
    ("repeat", built(calls.repeated, True, True)),
    ("tile", built(calls.tiled, True, True)),
    ("reshape", built(calls.reshaped, True, True)),
    ("broadcast_to", built(calls.broadcast, True, True)),
    ("expand_dims", built(calls.expanded, True, True)),
    ("squeeze", built(calls.squeezed, True, True)),
    ("pad", built(calls.padded, True)),
    ("concatenate", built(lambda d: calls.alike(d, True), True, True)),
    ("stack", built(lambda d: calls.alike(d, False, 0), True, True)),
    ("hstack vstack dstack column_stack", built(lambda d: calls.stacked(d, 1), True, True)),
    ("append", formed("...a ...a", special=True)),
    ("meshgrid", built(calls.meshed, True, True)),
    ("split", built(lambda d: calls.split(d, True), True, True)),
    ("array_split", built(lambda d: calls.split(d, False), True, True)),
    ("vsplit", built(lambda d: calls.at_corner(d, 2, 0), True)),
    ("hsplit", built(lambda d: calls.at_corner(d, 2, 1), True)),
    ("dsplit", built(lambda d: calls.at_corner(d, 3, 2), True)),
    ("unstack", built(calls.unstacked, True, True)),
    ("diagonal", built(lambda d: calls.two_axes(d, ("axis1", "axis2"), offset=(OMIT, 1, -1)), True, True)),
    ("trace", built(lambda d: calls.two_axes(d, ("axis1", "axis2"), offset=(OMIT, 1, -1)))),
    ("diag diagflat", formed("a", k=(OMIT, 1, -2), special=True)),
    ("tril triu", formed("...ab", k=(OMIT, 1, -1), special=True)),
    ("fliplr flipud", formed("...ab", special=True)),
    ("take", built(calls.taken, True, True)),
    ("take_along_axis", built(calls.taken_along, True, True)),
    ("get_item", built(calls.key, True, True)),
    ("slice", built(calls.cut, True, True)),
    ("slice_update", built(calls.overwritten, True)),
    ("scatter", built(calls.scattered)),
    ("scatter_update", built(calls.updated)),
    ("segment_sum segment_max segment_min segment_prod", built(calls.segmented)),
    ("unravel_index", built(calls.unraveled)),
    ("nonzero", Family(each().call, True)),
    ("zeros ones empty", built(calls.created)),
    ("full", built(calls.filled)),
    ("eye tri", built(calls.eye)),
    ("arange", built(calls.steps)),
    ("linspace", built(calls.between)),
    ("isin", built(calls.among)),
    ("select", built(calls.chosen)),
    ("vander", built(calls.powers)),
    ("trapezoid", built(calls.curve)),
    ("cdist", built(calls.distances)),
    ("correlate", built(calls.correlated)),
    ("corrcoef cov", formed("ab", smallest=3)),
    ("extract_sequences", built(calls.sequences, True)),
    ("matmul", built(calls.product, True)),
    ("dot", built(calls.dot)),
    ("einsum", built(calls.einsum)),
    ("tensordot", built(calls.tensordot)),
    ("vdot inner", formed("a a", special=True)),
    ("outer", formed("a b", special=True)),
    ("kron", formed("ab cd")),
    ("cross", built(calls.cross)),
    ("linear", formed("...a ab b")),
    ("embedding", built(calls.looked_up, True)),
    ("det inv slogdet", built(lambda d: calls.square(d, "regular"))),
    ("logdet eigh", built(lambda d: calls.square(d, "positive"))),
    ("cholesky", built(lambda d: calls.square(d, "positive", upper=KEEP))),
    ("cholesky_inverse", built(lambda d: calls.square(d, "triangular"))),
    ("matrix_power", built(lambda d: calls.square(d, "regular", n=(-1, 0, 3)))),
    ("solve", built(lambda d: calls.solved(d, "regular"))),
    ("solve_triangular", built(lambda d: calls.solved(d, "triangular", lower=(True,)))),
    ("qr", built(lambda d: calls.tall(d, mode=(OMIT, "complete")))),
    ("svd", built(lambda d: calls.tall(d, full_matrices=(OMIT, False)))),
    ("pinv matrix_rank", built(calls.tall)),
    ("lstsq", built(calls.overdetermined)),
    ("norm", built(calls.normed)),
    ("fft", built(calls.halves)),
    ("fft2 ifft2", built(functools.partial(calls.halves, least=2))),
    ("irfft", built(lambda d: calls.halves(d, (None, 4, 7)))),
    ("rfft", built(calls.spectrum)),
    ("stft", built(calls.framed)),
    ("glu", formed("...c", axis=(OMIT,), smallest=2)),
    ("conv", built(calls.conv)),
    ("biased_conv", built(lambda d: calls.conv(d, biased=True))),
    ("conv_transpose", built(lambda d: calls.conv(d, True))),
    ("depthwise_conv", built(calls.depthwise)),
    ("separable_conv", built(lambda d: calls.depthwise(d, True))),
    ("max_pool average_pool", built(calls.pooled)),
    ("adaptive_max_pool adaptive_average_pool", built(calls.pooled_to)),
    ("extract_patches", built(lambda d: calls.patches(d, 2))),
    ("extract_patches_3d", built(lambda d: calls.patches(d, 3))),
    ("reconstruct_patches", built(calls.tiles)),
    ("unfold", built(calls.folds)),
    ("fold", built(calls.folded)),
    ("space_to_depth", built(lambda d: calls.blocks(d, True))),
    ("depth_to_space", built(lambda d: calls.blocks(d, False))),
    ("moments", built(calls.moments)),
    ("batch_normalization", built(calls.batch_norm)),
    ("batch_normalization_train", built(calls.batch_norm_train)),
    ("layer_normalization", built(lambda d: calls.scaled_norm(d, True))),
    ("rms_normalization", built(lambda d: calls.scaled_norm(d, False))),
    ("dot_product_attention", built(calls.attended)),
    ("token_positions", built(lambda d: ((d.array(d.shape(2)),), {}))),
    ("rotary_embedding", built(calls.at_places)),
    ("segment_attention", built(calls.packed)),
    ("one_hot", built(lambda d: calls.hot(d, 3, True))),
    ("multi_hot", built(lambda d: calls.hot(d, 2, False))),
    ("categorical_crossentropy binary_crossentropy", built(lambda d: calls.loss(d, False))),
    ("sparse_categorical_crossentropy", built(lambda d: calls.loss(d, True))),
    ("lstm_sequence", built(calls.lstm)),
    ("gru_sequence", built(calls.gru)),
    ("rgb_to_grayscale rgb_to_hsv hsv_to_rgb", built(calls.pixels)),
    ("sobel_edges", built(lambda d: calls.pixels(d, 2))),
    ("gaussian_blur", built(lambda d: calls.pixels(d, 2, kernel_size=(OMIT, (2, 3)), sigma=(OMIT, (0.7, 2.0))))),
    ("resize", built(calls.resized)),
    ("crop_images", built(lambda d: calls.cropped(d, False))),
    ("pad_images", built(lambda d: calls.cropped(d, True))),
    ("map_coordinates", built(calls.coordinates)),
    ("scan", built(calls.scan)),
    ("associative_scan", built(calls.associative)),
    ("map vectorized_map", built(lambda d: calls.with_function(d, "_double"))),
    ("fori_loop", built(lambda d: calls.with_function(d, "_step", 0, 3))),
    ("cond", built(lambda d: calls.branch(d, (True, False), "bool"))),
    ("switch", built(lambda d: calls.branch(d, (0, 1, 2, 9), "int32"))),
    ("vectorize", formed("...a a")),
)  # fmt: skip


@functools.cache
def families() -> dict[str, Family]:
    """Families by the names of ops.

    Raises:
        ValueError: if a name stands in two rows.
    """
    out: dict[str, Family] = {}
    for name, family in _named():
        if name in out:
            raise ValueError(f"expected one row for each op, got two for {name!r}.")
        out[name] = family
    return out | {e.name: out[e.like] for e in table().values() if e.like}


def _named() -> Iterator[tuple[str, Family]]:
    for names, family in _ROWS:
        for name in names.split():
            yield name, family


# ops whose arguments are few numbers, or hang together so that samples say more than drawing does
WITHOUT = {
    "jvp": "conformance.transforms draws directions",
    "affine_transform": "transforms whose places keep away from the middle between pixels",
    "perspective_transform": "the same",
    "scale_and_translate": "the same",
    "ssim": "a filter of fixed size on images; variances of small windows cancel",
    "psnr": "two tensors of one shape and a number",
    "ctc_loss": "targets no longer than outputs, by alignment",
    "ctc_decode": "the same",
    "ctc_beam_decode": "the same; its reference is a search over all paths",
    "ctc_greedy_decode": "the same",
    "eig": "eigenvalues that are apart",
    "lu_factor": "pivots that are unique",
    "istft": "spectra of windows that overlap",
    "while_loop": "numbers that end the loop",
    "rearrange": "patterns",
    "histogram": "edges of bins, which rounding moves",
    "unique": "sizes of results depend on values",
    "geomspace": "ends of one sign",
    "logspace": "powers of ends",
    "view": "bytes",
    "view_as_real": "complex numbers alone",
    "view_as_complex": "a last dimension of 2",
    "bartlett": "a number",
    "blackman": "a number",
    "hamming": "a number",
    "hanning": "a number",
    "kaiser": "two numbers",
    "identity": "a number",
}
