"""Callbacks: code that runs between the steps of training."""

from __future__ import annotations

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names(".base", "Callback"),
        **names(".callback_list", "CallbackList"),
        **names(".history", "History ProgbarLogger"),
        **names(".monitor", "EarlyStopping ReduceLROnPlateau"),
        **names(".checkpoint", "ModelCheckpoint BackupAndRestore"),
        **names(".tensorboard", "TensorBoard"),
        **names(".orbax", "OrbaxCheckpoint"),
        **names(
            ".simple", "LambdaCallback LearningRateScheduler TerminateOnNaN CSVLogger RemoteMonitor SwapEMAWeights"
        ),
    },
)
