"""Callbacks: code that runs between the steps of training."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        "Callback": ".base",
        "CallbackList": ".callback_list",
        **names(".history", "History ProgbarLogger"),
        **names(".monitor", "EarlyStopping ReduceLROnPlateau"),
        **names(".checkpoint", "ModelCheckpoint BackupAndRestore"),
        "TensorBoard": ".tensorboard",
        "OrbaxCheckpoint": ".orbax",
        "ShardedCheckpoint": ".sharded",
        **names(".simple", "LambdaCallback LearningRateScheduler TerminateOnNaN CSVLogger RemoteMonitor"),
        **names(".simple", "SwapEMAWeights"),
    },
)
