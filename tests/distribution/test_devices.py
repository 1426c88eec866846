"""Training over several devices, in processes of its own: engines learn how many devices there are when they start."""

from __future__ import annotations

import ast
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kfront import backends

HERE = Path(__file__).parent


def checks(script):
    tree = ast.parse((HERE / script).read_text(encoding="utf-8"))
    return [n.name for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("check_")]


def run(script, *arguments):
    """What failed in each of the processes, which are started with these arguments."""
    started = [
        subprocess.Popen([sys.executable, HERE / script, *a], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for a in arguments
    ]
    try:
        ended = [p.communicate(timeout=240) for p in started]
    finally:
        for p in started:
            p.kill()
    assert all(p.returncode == 0 for p in started), "\n".join(err for _, err in ended)
    return [json.loads(out.strip().splitlines()[-1]) for out, _ in ended]


@pytest.fixture(scope="module")
def jax_failures():
    if "jax" not in backends.installed():
        pytest.skip("JAX is not installed")
    return run("on_eight_devices.py", ())


def run_two(engine, script):
    if engine not in backends.installed():
        pytest.skip(f"{engine} is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    return run(script, *((address, "2", str(i)) for i in range(2)))


@pytest.fixture(scope="module")
def torch_failures():
    return run_two("torch", "two_processes.py")


@pytest.fixture(scope="module")
def mesh_failures():
    return run_two("torch", "on_a_mesh.py")


@pytest.fixture(scope="module")
def host_failures():
    return run_two("jax", "on_two_hosts.py")


@pytest.mark.sampled(4, table="long")
@pytest.mark.parametrize("name", checks("on_eight_devices.py"))
def test_jax_on_eight_devices(jax_failures, name):
    (failed,) = jax_failures
    assert name not in failed, failed[name]


@pytest.mark.sampled(4, table="long")
@pytest.mark.parametrize("name", checks("two_processes.py"))
def test_torch_in_two_processes(torch_failures, name):
    assert not any(name in failed for failed in torch_failures), [f.get(name) for f in torch_failures]


@pytest.mark.sampled(4, table="long")
@pytest.mark.parametrize("name", checks("on_a_mesh.py"))
def test_torch_on_a_mesh(mesh_failures, name):
    assert not any(name in failed for failed in mesh_failures), [f.get(name) for f in mesh_failures]


@pytest.mark.sampled(4, table="long")
@pytest.mark.parametrize("name", checks("on_two_hosts.py"))
def test_jax_on_two_hosts(host_failures, name):
    assert not any(name in failed for failed in host_failures), [f.get(name) for f in host_failures]
