"""Images changed at random with NumPy and SciPy, in batches."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names(".transforms", "apply_affine_transform apply_brightness_shift apply_channel_shift random_brightness"),
        **names(".transforms", "random_channel_shift random_rotation random_shear random_shift random_zoom"),
        "ImageDataGenerator": ".generator",
        **names(".iterators", "DirectoryIterator Iterator NumpyArrayIterator"),
    },
)
