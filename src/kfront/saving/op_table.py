"""How Keras names recorded ops in files: module, class, and which arguments stand in the call rather than the config.

A recorded op is written as ``{"module": "keras.src.ops.numpy", "class_name": "Mean", "config": {"axis": -1, ...}}``
and its node lists the call arguments in order. The names were read off files that Keras wrote.
"""

from __future__ import annotations

__all__ = ["CLASS_TO_OP", "call_names", "class_of"]

_MODULES = {
    "numpy": """
        abs absolute add all allclose amax amin angle any append arange arccos arccosh arcsin arcsinh arctan
        arctan2 arctanh argmax argmin argpartition argsort array array_split average bincount bitwise_and
        bitwise_invert bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor broadcast_to
        cbrt ceil clip concatenate conj conjugate copy corrcoef correlate cos cosh count_nonzero cross cumprod
        cumsum deg2rad diag diagflat diagonal diff digitize divide divide_no_nan dot dsplit dstack einsum
        empty_like equal exp exp2 expand_dims expm1 fabs flip fliplr flipud floor floor_divide fmax fmin fmod
        full full_like gcd geomspace get_item greater greater_equal heaviside histogram hsplit hstack hypot i0
        imag inner isclose isfinite isin isinf isnan isneginf isposinf isreal kron lcm ldexp left_shift less
        less_equal linspace log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or
        logical_xor logspace matmul max maximum mean median meshgrid min minimum mod moveaxis multiply
        nan_to_num nanargmax nanargmin nancumprod nancumsum nanmax nanmean nanmedian nanmin nanpercentile
        nanprod nanquantile nanstd nansum nanvar ndim negative nextafter nonzero not_equal ones_like outer pad
        percentile power prod ptp quantile rad2deg ravel real reciprocal repeat reshape right_shift roll rot90
        round searchsorted select sign signbit sin sinc sinh size slogdet sort split sqrt square squeeze stack
        std subtract sum swapaxes take take_along_axis tan tanh tensordot tile trace transpose trapezoid tril
        triu true_divide trunc unique unravel_index vander var vdot view vsplit vstack where zeros_like
    """,
    "nn": """
        adaptive_average_pool adaptive_max_pool average_pool batch_normalization binary_crossentropy
        categorical_crossentropy celu conv conv_transpose ctc_decode ctc_loss depth_to_space depthwise_conv
        dot_product_attention elu fold gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh layer_normalization
        leaky_relu log_sigmoid log_softmax max_pool moments multi_hot normalize one_hot polar psnr relu relu6
        rms_normalization selu separable_conv sigmoid silu soft_shrink softmax softplus softsign space_to_depth
        sparse_categorical_crossentropy sparse_plus sparse_sigmoid sparsemax squareplus tanh_shrink threshold
        unfold
    """,
    "image": """
        affine_transform crop_images elastic_transform extract_patches gaussian_blur hsv_to_rgb map_coordinates
        pad_images perspective_transform resize rgb_to_grayscale rgb_to_hsv scale_and_translate sobel_edges ssim
    """,
    "math": """
        cdist erf erfc erfinv extract_sequences fft fft2 ifft2 in_top_k irfft istft logdet logsumexp rfft rsqrt
        segment_max segment_min segment_prod segment_sum stft top_k view_as_complex view_as_real
    """,
    "core": """
        cast convert_to_tensor saturate_cast scatter scatter_update slice slice_update stop_gradient unstack
    """,
    "einops": "rearrange",
    "linalg": """
        cholesky cholesky_inverse det eig eigh inv lstsq lu_factor matrix_rank norm pinv qr solve
        solve_triangular svd
    """,
}

# classes that are not simply the op's name in camel case
_CLASSES = {
    "allclose": "AllClose",
    "batch_normalization": "BatchNorm",
    "cdist": "CDist",
    "ctc_decode": "CTCDecode",
    "ctc_loss": "CTCLoss",
    "fft": "FFT",
    "fft2": "FFT2",
    "hsv_to_rgb": "HSVToRGB",
    "ifft2": "IFFT2",
    "irfft": "IRFFT",
    "isin": "IsIn",
    "istft": "ISTFT",
    "layer_normalization": "LayerNorm",
    "psnr": "PSNR",
    "rfft": "RFFT",
    "rgb_to_grayscale": "RGBToGrayscale",
    "rgb_to_hsv": "RGBToHSV",
    "rms_normalization": "RMSNorm",
    "searchsorted": "SearchSorted",
    "ssim": "SSIM",
    "stft": "STFT",
    "svd": "SVD",
}

# call arguments of the ops that have more than their first parameter there
_CALLS = {
    "x1 x2": """
        add allclose append arctan2 correlate cross divide divide_no_nan dot equal floor_divide fmax fmin fmod gcd
        greater greater_equal heaviside hypot inner isin kron lcm ldexp less less_equal logaddexp logaddexp2
        logical_and logical_or logical_xor matmul maximum minimum mod multiply nextafter not_equal outer power psnr
        subtract tensordot true_divide vdot
    """,
    "x y": """
        bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor cdist left_shift right_shift
    """,
    "x q": "nanpercentile nanquantile percentile quantile",
    "data segment_ids": "segment_max segment_min segment_prod segment_sum",
    "target output": "binary_crossentropy categorical_crossentropy sparse_categorical_crossentropy",
    "inputs kernel": "conv conv_transpose depthwise_conv",
    "start stop": "geomspace linspace logspace",
    "a b": "lstsq solve solve_triangular",
    "x indices": "take take_along_axis",
    "images transform": "affine_transform",
    "start stop step": "arange",
    "x weights": "average",
    "x mean variance offset scale": "batch_normalization",
    "inputs sequence_lengths": "ctc_decode",
    "target output target_length output_length": "ctc_loss",
    "x bins": "digitize",
    "query key value bias mask scale": "dot_product_attention",
    "*operands": "einsum",
    "x fill_value": "full_like",
    "fill_value": "full",
    "x key": "get_item",
    "targets predictions": "in_top_k",
    "x1 x2 rtol atol": "isclose",
    "x gamma beta": "layer_normalization",
    "inputs coordinates": "map_coordinates",
    "*x": "meshgrid",
    "x constant_values": "pad",
    "x pattern": "rearrange",
    "images start_points end_points": "perspective_transform",
    "abs_ angle": "polar",
    "x scale": "rms_normalization",
    "image1 image2": "ssim",
    "images output_shape scale translation": "scale_and_translate",
    "indices values": "scatter",
    "inputs indices updates": "scatter_update",
    "sorted_sequence values": "searchsorted",
    "condlist choicelist default": "select",
    "inputs depthwise_kernel pointwise_kernel": "separable_conv",
    "inputs start_indices": "slice",
    "inputs start_indices updates": "slice_update",
    "condition x1 x2": "where",
}

_SAME = {"hard_swish": "hard_silu", "swish": "silu"}  # other names of one op


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


_CLASS_OF = {
    op: (f"keras.src.ops.{module}", _CLASSES.get(op, _camel(op)))
    for module, names in _MODULES.items()
    for op in names.split()
}
CLASS_TO_OP: dict[tuple[str, str], str] = {where: op for op, where in _CLASS_OF.items()}
_CALL_NAMES = {op: tuple(args.split()) for args, names in _CALLS.items() for op in names.split()}


def class_of(op: str) -> tuple[str, str] | None:
    """(module, class name) under which Keras files name a recorded op; None if Keras has no such op."""
    return _CLASS_OF.get(_SAME.get(op, op))


def call_names(op: str, default: str) -> tuple[str, ...]:
    """The arguments that stand in a node, in order; a name that starts with ``*`` takes all the rest.

    Args:
        op: the op's name.
        default: the first parameter, for the ops that have only that in the call.
    """
    return _CALL_NAMES.get(_SAME.get(op, op), (default,))
