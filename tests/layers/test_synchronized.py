"""Synchronized batch normalization: two processes with half a batch each give what one gives with the whole.

With a mask too, of which one process has more than the other.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import kfront

_SCRIPT = """
import os, sys
import numpy as np, torch
import kfront

rank, place, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]
torch.distributed.init_process_group("gloo", init_method=f"file://{place}", rank=rank, world_size=2)
kfront.config.set_backend("torch")
found = {}
for case in ("all", "masked"):
    x = torch.tensor(np.load(out + ".x.npy")[3 * rank : 3 * rank + 3]).requires_grad_()
    mask = torch.tensor(np.load(out + ".mask.npy")[3 * rank : 3 * rank + 3]) if case == "masked" else None
    layer = kfront.layers.BatchNormalization(synchronized=True, momentum=0.5)
    y = layer(x, training=True, mask=mask)
    (y ** 3).sum().backward()
    mean, var = layer.moving_mean.numpy(), layer.moving_variance.numpy()
    found |= {f"{case} y": y.detach(), f"{case} dx": x.grad, f"{case} mean": mean, f"{case} var": var}
np.savez(f"{out}.{rank}.npz", **found)
torch.distributed.barrier()
torch.distributed.destroy_process_group()
os._exit(0)  # gloo's threads may abort a process that ends on its own
"""


@pytest.mark.sampled(4, table="long")
def test_processes_of_torch(tmp_path: Any) -> None:
    torch = pytest.importorskip("torch")
    if not torch.distributed.is_available():
        pytest.skip("this build of torch has no torch.distributed")
    x = np.random.default_rng(0).normal(size=(6, 5, 4)).astype("float32")
    mask = np.arange(5) < np.array([5, 3, 4, 1, 2, 1])[:, None]
    out = str(tmp_path / "out")
    np.save(out + ".x.npy", x)
    np.save(out + ".mask.npy", mask)
    command = [sys.executable, "-c", _SCRIPT]
    running = [subprocess.Popen([*command, str(rank), str(tmp_path / "meeting"), out]) for rank in range(2)]
    assert [p.wait(timeout=120) for p in running] == [0, 0]
    got = [np.load(f"{out}.{rank}.npz") for rank in range(2)]
    for case in ("all", "masked"):
        with kfront.backend_scope("torch"):
            layer = kfront.layers.BatchNormalization(momentum=0.5)
            whole = torch.tensor(x).requires_grad_()
            y = layer(whole, training=True, mask=torch.tensor(mask) if case == "masked" else None)
            (y**3).sum().backward()
        for name, want in (("y", y.detach()), ("dx", whole.grad)):
            both = np.concatenate([g[f"{case} {name}"] for g in got])
            np.testing.assert_allclose(both, want, rtol=1e-4, atol=1e-5)
        for g in got:
            np.testing.assert_allclose(g[f"{case} mean"], layer.moving_mean.numpy(), rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(g[f"{case} var"], layer.moving_variance.numpy(), rtol=1e-5, atol=1e-6)
