"""The dtype policies of quantized layers."""

from __future__ import annotations

import re

from kfront.core.errors import ArgumentError, ArgumentTypeError
from kfront.core.typing import Config
from kfront.dtype_policies.policies import DTypePolicy, get


class QuantizedDTypePolicy(DTypePolicy):
    """How a layer is quantized, and the policy that it had before.

    Args:
        mode: "int8", "int4" or "ternary".
        source_name: name of the policy before; the global one if None.

    Raises:
        ArgumentError: for another mode, and for bytes beside float16, which does not hold their sums.

    Example:

    >>> import kfront
    >>> policy = kfront.dtype_policies.QuantizedDTypePolicy("int8", "mixed_bfloat16")
    >>> policy.name, policy.compute_dtype, policy.quantization_mode
    ('int8_from_mixed_bfloat16', 'bfloat16', 'int8')
    """

    _form = re.compile(r"(int8|int4|ternary)")
    _expected = "'int8', 'int4' or 'ternary'"

    def __init__(self, mode: str, source_name: str | None = None) -> None:
        found = self._form.fullmatch(mode) if isinstance(mode, str) else None
        if found is None:
            raise ArgumentError(f"[{type(self).__name__}] expected `mode` as {self._expected}, got {mode!r}.")
        source = get(source_name)
        self._text, self._source_name = mode, source.name
        self._quantization_mode = found[1]
        self._numbers = tuple(int(n) for n in found.groups()[1:])
        if mode == "int8" and source.compute_dtype == "float16":
            raise ArgumentError(
                f"[{type(self).__name__}] expected a `source_name` that computes in bfloat16, float32 or float64, got "
                f"{source.name!r}: float16 overflows in sums of int8 products."
            )
        self._compute_dtype, self._variable_dtype = source.compute_dtype, source.variable_dtype
        self._name = f"{mode}_from_{source.name}"

    @property
    def quantization_mode(self) -> str:
        """How the layer is quantized."""
        return self._quantization_mode

    mode = quantization_mode

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {"mode": self._text, "source_name": self._source_name}

    def __repr__(self) -> str:
        return f'<{type(self).__name__} "{self._name}">'


class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """The policy of layers that train in float8.

    Args:
        mode: "float8".
        source_name: name of the policy before; the global one if None.
        amax_history_length: how many steps the scales look back.

    Raises:
        ArgumentError: for another mode, or a length that is not a positive int.

    Example:

    >>> import kfront
    >>> policy = kfront.dtype_policies.QuantizedFloat8DTypePolicy("float8", "mixed_bfloat16")
    >>> policy.quantization_mode, policy.compute_dtype, policy.amax_history_length
    ('float8', 'bfloat16', 1024)
    """

    _form = re.compile(r"(float8)")
    _expected = "'float8'"
    default_amax_history_length = 1024

    def __init__(self, mode: str, source_name: str | None = None, amax_history_length: int = 1024) -> None:
        super().__init__(mode, source_name)
        whole = isinstance(amax_history_length, int) and not isinstance(amax_history_length, bool)
        if not whole or amax_history_length < 1:
            raise (ArgumentError if whole else ArgumentTypeError)(
                "[QuantizedFloat8DTypePolicy] expected `amax_history_length` to be a positive int, "
                f"got {amax_history_length!r}."
            )
        self._amax_history_length = amax_history_length

    @property
    def amax_history_length(self) -> int:
        """How many steps the scales look back."""
        return self._amax_history_length

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {**super().get_config(), "amax_history_length": self._amax_history_length}


class Int4DTypePolicy(QuantizedDTypePolicy):
    """The policy of layers with weights in 4 bits.

    Args:
        mode: "int4/<block size>", with -1 for one block.
        source_name: name of the policy before; the global one if None.

    Raises:
        ArgumentError: for another mode.

    Example:

    >>> import kfront
    >>> policy = kfront.dtype_policies.Int4DTypePolicy("int4/128", "float32")
    >>> policy.name, policy.block_size
    ('int4/128_from_float32', 128)
    """

    _form = re.compile(r"(int4)/(-1|[1-9]\d*)")
    _expected = "'int4/<block size>'"

    @property
    def block_size(self) -> int:
        """How many inputs share a scale, -1 for all."""
        return self._numbers[0]


class _Calibrated(QuantizedDTypePolicy):
    @property
    def weight_bits(self) -> int:
        """Bits of a weight."""
        return self._numbers[0]

    @property
    def group_size(self) -> int:
        """How many inputs share a scale, -1 for all."""
        return self._numbers[1]


class GPTQDTypePolicy(_Calibrated):
    """The policy of layers quantized by GPTQ (https://arxiv.org/abs/2210.17323).

    Args:
        mode: "gptq/<bits>/<group size>", bits 2, 3, 4 or 8, group size -1 for one group.
        source_name: name of the policy before; the global one if None.

    Raises:
        ArgumentError: for another mode.

    Example:

    >>> import kfront
    >>> policy = kfront.dtype_policies.GPTQDTypePolicy("gptq/4/-1", "float32")
    >>> policy.weight_bits, policy.group_size
    (4, -1)
    """

    _form = re.compile(r"(gptq)/([2348])/(-1|[1-9]\d*)")
    _expected = "'gptq/<2, 3, 4 or 8>/<group size>'"


class AWQDTypePolicy(_Calibrated):
    """The policy of layers quantized by AWQ (https://arxiv.org/abs/2306.00978).

    Args:
        mode: "awq/4/<group size>", group size -1 for one group.
        source_name: name of the policy before; the global one if None.

    Raises:
        ArgumentError: for another mode.

    Example:

    >>> import kfront
    >>> policy = kfront.dtype_policies.AWQDTypePolicy("awq/4/128", "float32")
    >>> policy.weight_bits, policy.group_size
    (4, 128)
    """

    _form = re.compile(r"(awq)/(4)/(-1|[1-9]\d*)")
    _expected = "'awq/4/<group size>'"


def parse(name: str) -> DTypePolicy | None:
    """The policy of a name such as "int8_from_float32"; None for other names."""
    mode, between, source = name.partition("_from_")
    if not between:
        return None
    for cls in (QuantizedDTypePolicy, Int4DTypePolicy, QuantizedFloat8DTypePolicy, GPTQDTypePolicy, AWQDTypePolicy):
        if cls._form.fullmatch(mode):
            return cls(mode, source)
    return None
