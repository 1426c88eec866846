"""Search for hyper-parameters and architectures, over Optuna: `pip install 'kfront[tuning]'`."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        "Search": ".searching",
        **names(".space", "Range suggest"),
        "PruningCallback": ".pruning",
        **names(".edits", "add_skip deepen swap widen"),
    },
)
