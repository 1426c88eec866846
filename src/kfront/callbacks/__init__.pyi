# Written by tools/stubs.py from the table in the module of the same name.
from kfront.callbacks.base import Callback as Callback
from kfront.callbacks.callback_list import CallbackList as CallbackList
from kfront.callbacks.checkpoint import BackupAndRestore as BackupAndRestore, ModelCheckpoint as ModelCheckpoint
from kfront.callbacks.history import History as History, ProgbarLogger as ProgbarLogger
from kfront.callbacks.monitor import EarlyStopping as EarlyStopping, ReduceLROnPlateau as ReduceLROnPlateau
from kfront.callbacks.orbax import OrbaxCheckpoint as OrbaxCheckpoint
from kfront.callbacks.sharded import ShardedCheckpoint as ShardedCheckpoint
from kfront.callbacks.simple import (
    CSVLogger as CSVLogger,
    LambdaCallback as LambdaCallback,
    LearningRateScheduler as LearningRateScheduler,
    RemoteMonitor as RemoteMonitor,
    SwapEMAWeights as SwapEMAWeights,
    TerminateOnNaN as TerminateOnNaN,
)
from kfront.callbacks.tensorboard import TensorBoard as TensorBoard

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "OrbaxCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "ShardedCheckpoint",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]
