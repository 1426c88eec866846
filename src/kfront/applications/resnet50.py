"""The residual network with 50 layers (He et al., arXiv:1512.03385)."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__, names("kfront.applications.resnet", "ResNet50 decode_predictions preprocess_input")
)
