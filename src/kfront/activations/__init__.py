"""Activation functions, and `get` by name."""

from __future__ import annotations

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names(".functions", "exponential gelu linear mish relu"),
        **names("kfront.ops.nn_activation", "celu elu glu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu"),
        **names("kfront.ops.nn_activation", "log_sigmoid log_softmax relu6 selu sigmoid silu soft_shrink softmax"),
        **names("kfront.ops.nn_activation", "softplus softsign sparse_plus sparse_sigmoid sparsemax squareplus"),
        **names("kfront.ops.nn_activation", "tanh_shrink threshold"),
        "tanh": "kfront.ops.elementwise",
        "hard_swish": "kfront.ops.nn_activation:hard_silu",
        "swish": "kfront.ops.nn_activation:silu",
        **names(".lookup", "deserialize get serialize"),
    },
)
