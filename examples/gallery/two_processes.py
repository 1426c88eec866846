"""
Training on two devices
=======================

The same program runs alone, and then over two devices that share each batch: on PyTorch and JAX in two processes that
find each other by an address (`torchrun` and clusters do without one), on TensorFlow in a `MirroredStrategy`. Here the
devices are parts of one processor; on GPUs nothing but the engine's build is different.

Result: over twelve epochs no loss differs from that of one device by more than a thousandth of it.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile

import numpy as np
from matplotlib import pyplot as plt

import kfront

# %%
# What each process runs. What is added for two devices stands in the first lines.
PROGRAM = """
import contextlib, json, pathlib, sys

from sklearn.datasets import load_digits

import kfront
from kfront import distribution, layers

scope = contextlib.nullcontext()
if sys.argv[1] == "together":
    if kfront.config.backend() == "tensorflow":
        import tensorflow as tf

        (processor,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
        scope = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope()
    else:
        distribution.initialize()
        scope = distribution.DataParallel().scope()

kfront.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x = (x / 16).astype("float32").reshape(-1, 8, 8, 1)
with scope:
    parts = [layers.Conv2D(8, 3, activation="relu"), layers.Flatten(), layers.Dense(10)]
    model = kfront.Sequential([kfront.Input((8, 8, 1)), *parts])
    model.compile(kfront.optimizers.Adam(5e-3), kfront.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(x[:1792], y[:1792], batch_size=64, epochs=12, verbose=0).history
pathlib.Path(sys.argv[2]).write_text(json.dumps(history["loss"]))
"""
folder = pathlib.Path(tempfile.mkdtemp())
(folder / "program.py").write_text(PROGRAM)


def losses(how: str, processes: int) -> list[float]:
    """The loss after each epoch, as the first process writes it down."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    running = []
    for number in range(processes):
        group = {
            "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
            "KERAS_DISTRIBUTION_NUM_PROCESSES": str(processes),
            "KERAS_DISTRIBUTION_PROCESS_ID": str(number),
        }
        command = [sys.executable, str(folder / "program.py"), how, str(folder / f"{how}{number}.json")]
        env = {**os.environ, "KERAS_BACKEND": kfront.config.backend(), **(group if processes > 1 else {})}
        running.append(subprocess.Popen(command, env=env))
    if any([process.wait() for process in running]):
        raise SystemExit("a process failed")
    return json.loads((folder / f"{how}0.json").read_text())


alone = losses("alone", 1)
together = losses("together", 1 if kfront.config.backend() == "tensorflow" else 2)

# %%
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.plot(alone, linewidth=5, alpha=0.4, label="one device")
axes.plot(together, label="two devices")
axes.set(xlabel="epoch", ylabel="loss")
axes.legend()

# %%
assert len(alone) == len(together) == 12
RESULT = float(np.max(np.abs(np.array(together) - alone) / alone))
print(f"largest relative difference: {RESULT:.1e}")
