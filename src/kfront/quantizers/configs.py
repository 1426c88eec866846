"""How a layer or model is quantized: the argument `config` of `quantize`."""

from __future__ import annotations

from typing import ClassVar, Self

from kfront.core.errors import ArgumentError
from kfront.core.options import Configurable, kept, normalisers, number
from kfront.core.typing import Config
from kfront.quantizers.classes import AbsMaxQuantizer, Quantizer, QuantizerLike, deserialize

CALIBRATED = ("gptq", "awq")  # these look at data
MODES = ("int8", "int4", "float8", "ternary", *CALIBRATED)


class QuantizationConfig(Configurable):
    """Base of the configs.

    Args:
        weight_quantizer: quantizer of weights; the layer's choice if None.
        activation_quantizer: quantizer of inputs; they stay floating if None.

    Raises:
        ArgumentError: if a quantizer's output dtype is not that of the config.

    Example:

    >>> import kfront
    >>> config = kfront.quantizers.Int8QuantizationConfig()
    >>> isinstance(config, kfront.quantizers.QuantizationConfig), config.mode
    (True, 'int8')
    """

    _mode: ClassVar[str] = ""
    _dtype: ClassVar[str] = "int8"

    weight_quantizer: Quantizer | None
    activation_quantizer: Quantizer | None

    def __init__(self, weight_quantizer: QuantizerLike = None, activation_quantizer: QuantizerLike = None) -> None:
        super().__init__(**self._kf_store(locals()))
        for name in ("weight_quantizer", "activation_quantizer"):
            dtype = getattr(getattr(self, name), "output_dtype", self._dtype)
            if dtype != self._dtype:
                raise ArgumentError(
                    f"[{type(self).__name__}] expected `{name}` with output_dtype {self._dtype!r}, got {dtype!r}."
                )

    @property
    def mode(self) -> str:
        """One of "int8", "int4", "float8", "ternary", "gptq", "awq"."""
        return self._mode

    def dtype_policy_string(self) -> str:
        """What the dtype policy of a quantized layer begins with."""
        return self.mode

    @staticmethod
    def weight_quantizer_or_default(config: QuantizationConfig | None, default: Quantizer | None) -> Quantizer | None:
        """The weight quantizer of a config, or `default`."""
        return default if config is None or config.weight_quantizer is None else config.weight_quantizer

    @staticmethod
    def activation_quantizer_or_default(
        config: QuantizationConfig | None, default: Quantizer | None
    ) -> Quantizer | None:
        """The activation quantizer of a config, which may be None; `default` without a config."""
        return default if config is None else config.activation_quantizer

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """A config from its own config."""
        return cls(**{k: deserialize(v) if isinstance(v, dict) and "class_name" in v else v for k, v in config.items()})

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.get_config() == self.get_config()

    def __hash__(self) -> int:
        return hash(type(self).__name__)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.dtype_policy_string()}>"


class Int8QuantizationConfig(QuantizationConfig):
    """Weights and inputs in 8 bits.

    Args:
        weight_quantizer: quantizer of weights; if None, one scale for each output.
        activation_quantizer: quantizer of inputs; "default": one scale for each vector; None: inputs stay floating.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.Dense(4)
    >>> layer.build((None, 3))
    >>> layer.quantize(config=kfront.quantizers.Int8QuantizationConfig(activation_quantizer=None))
    >>> layer.quantization_mode
    'int8'
    """

    _mode = "int8"

    def __init__(self, weight_quantizer: QuantizerLike = None, activation_quantizer: QuantizerLike = "default") -> None:
        default = activation_quantizer == "default" if isinstance(activation_quantizer, str) else False
        super().__init__(weight_quantizer, AbsMaxQuantizer() if default else activation_quantizer)


def _is_block_size(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and (value > 0 or value == -1))


class Int4QuantizationConfig(QuantizationConfig):
    """Weights in 4 bits, two in a byte.

    Args:
        weight_quantizer: quantizer of weights, if `block_size` is None or -1; if None, one scale for each output.
        activation_quantizer: quantizer of inputs; they stay floating with "default" or None.
        block_size: how many inputs share a scale and a zero point for each output; None or -1: all, without a zero
            point.

    Raises:
        ArgumentError: for another block size, or a quantizer of weights in blocks.

    Example:

    >>> import kfront
    >>> kfront.quantizers.Int4QuantizationConfig(block_size=64).dtype_policy_string()
    'int4/64'
    """

    block_size: int | None
    _kf_normalise = normalisers(block_size=number("to be None, -1 or a positive int", _is_block_size))
    _mode = "int4"

    def __init__(
        self,
        weight_quantizer: QuantizerLike = None,
        activation_quantizer: QuantizerLike = "default",
        block_size: int | None = 128,
    ) -> None:
        default = activation_quantizer == "default" if isinstance(activation_quantizer, str) else False
        super().__init__(weight_quantizer, None if default else activation_quantizer)
        self._kf_store(locals())
        if tuple(getattr(self.weight_quantizer, "value_range", (-8, 7))) != (-8, 7):
            raise ArgumentError("[Int4QuantizationConfig] expected a `weight_quantizer` with the value range (-8, 7).")
        if weight_quantizer is not None and (block_size or -1) > 0:
            raise ArgumentError(
                f"[Int4QuantizationConfig] expected no `weight_quantizer` for blocks of {block_size} values, got "
                f"{weight_quantizer!r}; `block_size=None` gives each output one scale."
            )

    def dtype_policy_string(self) -> str:
        """What the dtype policy of a quantized layer begins with."""
        return f"int4/{-1 if self.block_size is None else self.block_size}"


class _PlainConfig(QuantizationConfig):
    """What configs without options have."""

    _kf_normalise = normalisers(weight_quantizer=kept, activation_quantizer=kept)

    def __init__(self) -> None:
        super().__init__()


class TernaryQuantizationConfig(_PlainConfig):
    """Weights of -1, 0 and 1 with one scale, five of them in a byte (https://arxiv.org/abs/2402.17764).

    Example:

    >>> import kfront
    >>> layer = kfront.layers.Dense(10)
    >>> layer.build((None, 3))
    >>> layer.quantize(config=kfront.quantizers.TernaryQuantizationConfig())
    >>> layer.weights[1].shape, layer.weights[1].dtype
    ((3, 2), 'uint8')
    """

    _mode = "ternary"


class Float8QuantizationConfig(_PlainConfig):
    """Training with inputs, weights and gradients in 8-bit floats (https://arxiv.org/abs/2209.05433).

    Example:

    >>> import kfront
    >>> kfront.quantizers.Float8QuantizationConfig().dtype_policy_string()
    'float8'
    """

    _mode = "float8"


_PLAIN = (Int8QuantizationConfig, Int4QuantizationConfig, Float8QuantizationConfig, TernaryQuantizationConfig)
_BY_MODE = {c._mode: c for c in _PLAIN}


def config_for(who: str, mode: str | None, config: object) -> QuantizationConfig:
    """The config that the arguments of `quantize` describe.

    Raises:
        ArgumentError: if neither is given, the mode is unknown, the two do not fit, or the mode needs a config.
    """
    if config is not None and not isinstance(config, QuantizationConfig):
        raise ArgumentError(f"[{who}] expected `config` to be a QuantizationConfig, got {config!r}.")
    if mode is None:
        if config is None:
            raise ArgumentError(f"[{who}] expected `mode` or `config`, got neither.")
        return config
    if mode not in MODES:
        raise ArgumentError(f"[{who}] expected `mode` in {', '.join(map(repr, MODES))}, got {mode!r}.")
    if config is None:
        if mode in CALIBRATED:
            raise ArgumentError(
                f"[{who}] expected a `config` with a dataset for mode {mode!r}, got None; pass a "
                f"kfront.quantizers.{mode.upper()}Config."
            )
        return _BY_MODE[mode]()
    if config.mode != mode:
        raise ArgumentError(f"[{who}] expected a `config` of mode {mode!r}, got one of mode {config.mode!r}.")
    return config
