"""Training that goes on after a process is lost: torchrun starts all again, and they resume from the last checkpoint.

Usage: torchrun --nproc-per-node=2 --max-restarts=3 examples/restarts.py checkpoints
       torchrun --nproc-per-node=2 --max-restarts=3 examples/restarts.py checkpoints --kill 20
       python examples/restarts.py checkpoints

The second line kills a process after 20 batches of the first attempt; the last goes on in one process where the others
ended. All end with the losses of a run that nothing disturbed.
"""

from __future__ import annotations

import argparse
import os
import signal

import numpy as np

import kfront
from kfront import callbacks, distribution, layers


class Kill(callbacks.Callback):
    """Kills this process after so many batches."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.left = batches

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Count."""
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Train, and print the losses of the epochs of this attempt."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="where the checkpoints of this run are")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--kill", type=int, default=0, help="batches after which the last process is killed, once")
    given = parser.parse_args()

    kfront.config.set_backend("torch")
    rank, attempt = (int(os.environ.get(name, "0")) for name in ("RANK", "TORCHELASTIC_RESTART_COUNT"))
    if "RANK" in os.environ:
        distribution.initialize()
    kfront.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 16)).astype("float32")
    y = np.tanh(x @ rng.normal(size=(16, 4))).astype("float32")

    with distribution.DataParallel().scope():
        model = kfront.Sequential([kfront.Input((16,)), layers.Dense(64, "tanh"), layers.Dense(4)])
        model.compile(kfront.optimizers.Adam(0.003), "mse")
        listening: list[callbacks.Callback] = [callbacks.ShardedCheckpoint(given.folder, save_freq=4)]
        if given.kill and not attempt and rank == int(os.environ.get("WORLD_SIZE", "1")) - 1:
            listening.append(Kill(given.kill))
        history = model.fit(x, y, batch_size=50, epochs=given.epochs, verbose=0, callbacks=listening)
    if not rank:
        for epoch, loss in zip(history.epoch, history.history["loss"], strict=True):
            print(f"attempt {attempt + 1}, epoch {epoch + 1}: loss {loss:.6f}")


if __name__ == "__main__":
    main()
