# Written by tools/stubs.py from the table in the module of the same name.
from kfront.distribution.mesh import DeviceMesh as DeviceMesh, LayoutMap as LayoutMap, TensorLayout as TensorLayout
from kfront.distribution.running import (
    distribute_tensor as distribute_tensor,
    distribution as distribution,
    get_device_count as get_device_count,
    initialize as initialize,
    list_devices as list_devices,
    set_distribution as set_distribution,
)
from kfront.distribution.strategies import DataParallel as DataParallel, ModelParallel as ModelParallel

__all__ = [
    "DataParallel",
    "DeviceMesh",
    "LayoutMap",
    "ModelParallel",
    "TensorLayout",
    "distribute_tensor",
    "distribution",
    "get_device_count",
    "initialize",
    "list_devices",
    "set_distribution",
]
