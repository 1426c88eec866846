"""Activation functions, by name and as functions."""

from kfront.core.lazy import lazy_namespace, names
from kfront.core.options import register_namespace

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names(".functions", "celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh"),
        **names(".functions", "leaky_relu linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu"),
        **names(".functions", "soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid sparsemax squareplus"),
        **names(".functions", "swish tanh tanh_shrink threshold"),
        **names(".lookup", "get serialize deserialize"),
    },
)

register_namespace("activation", __name__, tracked=True)
