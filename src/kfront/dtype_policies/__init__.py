"""The dtypes that layers compute in and keep their variables in."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names(".policies", "DTypePolicy DTypePolicyMap FloatDTypePolicy deserialize get serialize"),
        **names(".quantized", "AWQDTypePolicy GPTQDTypePolicy Int4DTypePolicy QuantizedDTypePolicy"),
        **names(".quantized", "QuantizedFloat8DTypePolicy"),
    },
)
