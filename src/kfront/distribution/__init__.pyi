# Written by tools/stubs.py from the table in the module of the same name.
from kfront.core.mesh import DeviceMesh as DeviceMesh, LayoutMap as LayoutMap, TensorLayout as TensorLayout
from kfront.distribution.layouts import get_layout_map as get_layout_map, layout_table as layout_table
from kfront.distribution.running import (
    distribute_tensor as distribute_tensor,
    get_device_count as get_device_count,
    initialize as initialize,
    list_devices as list_devices,
)
from kfront.distribution.strategies import (
    DataParallel as DataParallel,
    ModelParallel as ModelParallel,
    distribution as distribution,
    set_distribution as set_distribution,
)

__all__ = [
    "DataParallel",
    "DeviceMesh",
    "LayoutMap",
    "ModelParallel",
    "TensorLayout",
    "distribute_tensor",
    "distribution",
    "get_device_count",
    "get_layout_map",
    "initialize",
    "layout_table",
    "list_devices",
    "set_distribution",
]
