"""Image and sequence helpers under the names of `keras.preprocessing`."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names("kfront.utils", "image_dataset_from_directory text_dataset_from_directory"),
        **names("kfront.utils", "timeseries_dataset_from_array"),
    },
    submodules="image sequence",
)
