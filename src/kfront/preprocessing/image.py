"""Images from and to files and arrays, and resized without distortion."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names("kfront.utils.image_utils", "array_to_img img_to_array load_img save_img"),
        "smart_resize": "kfront.utils.smart_resize",
    },
)
