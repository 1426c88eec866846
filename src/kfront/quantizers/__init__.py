"""Quantization: weights and activations in 8 or 4 bits, and training in float8."""

from kfront.core.lazy import lazy_namespace, names
from kfront.core.options import register_namespace

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names(".calibrated", "AWQConfig GPTQConfig"),
        **names(".classes", "AbsMaxQuantizer Quantizer deserialize get serialize"),
        **names(".configs", "Float8QuantizationConfig Int4QuantizationConfig Int8QuantizationConfig"),
        **names(".configs", "QuantizationConfig TernaryQuantizationConfig"),
        **names(".functions", "abs_max_quantize abs_max_quantize_grouped_with_zero_point compute_float8_amax_history"),
        **names(".functions", "compute_float8_scale fake_quant_with_min_max_vars pack_int4 quantize_and_dequantize"),
        **names(".functions", "unpack_int4"),
        "QuantizationReport": ".report",
        **names(".packing", "pack_int2 pack_ternary unpack_int2 unpack_ternary"),
    },
)

register_namespace("quantizer", __name__)
