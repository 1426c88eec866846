# Written by tools/stubs.py from the table in the module of the same name.
from kfront.core.mesh import DeviceMesh as DeviceMesh, LayoutMap as LayoutMap, TensorLayout as TensorLayout
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
    "initialize",
    "list_devices",
    "set_distribution",
]
