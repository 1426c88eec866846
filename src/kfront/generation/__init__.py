"""Continuing sequences of tokens with a model: one compiled loop, a cache of keys and values, ways to choose tokens."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        "Cache": "kfront.layers.attention_cache",
        "generate": ".program",
        **names(".samplers", "Greedy Sampler Temperature TopK TopP"),
        "Beam": ".beam",
        "Contrastive": ".contrastive",
    },
)
