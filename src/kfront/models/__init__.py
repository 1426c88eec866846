"""Models: sequential, functional, subclassed; cloning and conversion between backends."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names(".model", "Model model_from_json"),
        "clone_model": ".cloning",
        "Sequential": ".sequential",
        "Functional": ".functional",
        **names("kfront.saving", "load_model save_model"),
    },
)
