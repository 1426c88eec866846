"""Models on several devices: meshes, layouts, data and model parallelism."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names("kfront.core.mesh", "DeviceMesh LayoutMap TensorLayout"),
        **names(".strategies", "DataParallel ModelParallel distribution set_distribution"),
        **names(".layouts", "get_layout_map layout_table"),
        **names(".running", "distribute_tensor get_device_count initialize list_devices"),
    },
)
