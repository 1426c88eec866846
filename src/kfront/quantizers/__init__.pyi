# Written by tools/stubs.py from the table in the module of the same name.
from kfront.quantizers.calibrated import AWQConfig as AWQConfig, GPTQConfig as GPTQConfig
from kfront.quantizers.classes import (
    AbsMaxQuantizer as AbsMaxQuantizer,
    Quantizer as Quantizer,
    deserialize as deserialize,
    get as get,
    serialize as serialize,
)
from kfront.quantizers.configs import (
    Float8QuantizationConfig as Float8QuantizationConfig,
    Int4QuantizationConfig as Int4QuantizationConfig,
    Int8QuantizationConfig as Int8QuantizationConfig,
    QuantizationConfig as QuantizationConfig,
    TernaryQuantizationConfig as TernaryQuantizationConfig,
)
from kfront.quantizers.functions import (
    abs_max_quantize as abs_max_quantize,
    abs_max_quantize_grouped_with_zero_point as abs_max_quantize_grouped_with_zero_point,
    compute_float8_amax_history as compute_float8_amax_history,
    compute_float8_scale as compute_float8_scale,
    fake_quant_with_min_max_vars as fake_quant_with_min_max_vars,
    pack_int4 as pack_int4,
    quantize_and_dequantize as quantize_and_dequantize,
    unpack_int4 as unpack_int4,
)
from kfront.quantizers.packing import (
    pack_int2 as pack_int2,
    pack_ternary as pack_ternary,
    unpack_int2 as unpack_int2,
    unpack_ternary as unpack_ternary,
)
from kfront.quantizers.report import QuantizationReport as QuantizationReport

__all__ = [
    "AWQConfig",
    "AbsMaxQuantizer",
    "Float8QuantizationConfig",
    "GPTQConfig",
    "Int4QuantizationConfig",
    "Int8QuantizationConfig",
    "QuantizationConfig",
    "QuantizationReport",
    "Quantizer",
    "TernaryQuantizationConfig",
    "abs_max_quantize",
    "abs_max_quantize_grouped_with_zero_point",
    "compute_float8_amax_history",
    "compute_float8_scale",
    "deserialize",
    "fake_quant_with_min_max_vars",
    "get",
    "pack_int2",
    "pack_int4",
    "pack_ternary",
    "quantize_and_dequantize",
    "serialize",
    "unpack_int2",
    "unpack_int4",
    "unpack_ternary",
]
