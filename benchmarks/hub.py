"""``python -m benchmarks.hub``: KerasHub's models, unedited, write text; on kfront and on Keras, in turn.

KerasHub binds to one `keras`, so each run is a process of its own. The rows exist where KerasHub is installed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.timing import Row, quartiles

if TYPE_CHECKING:
    from benchmarks.bench import Bench

__all__ = ["MODELS", "hub"]

MODELS = ("gpt2", "llama", "gemma")
_LENGTH, _PROMPT, _RUNS, _PROCESSES = 128, 4, 3, 3
_SIZE = {"vocabulary_size": 1000, "num_layers": 4, "hidden_dim": 128}
_GROUPED = {"num_query_heads": 4, "num_key_value_heads": 2}
_LIMIT = {"torch": 0.1}  # of Keras's time; elsewhere it may not be longer


def hub(bench: Bench) -> Iterator[Row]:
    """CPU time of a token, as a share of Keras's; the tokens must be the same."""
    if bench.native is None or bench.keras is None or importlib.util.find_spec("keras_hub") is None:
        return
    for name in MODELS:
        if not bench.wants(name):
            continue
        found: dict[str, list[Any]] = {"kfront": [], "keras": []}
        for i in range(_PROCESSES):
            for api in list(found)[:: -1 if i % 2 else 1]:
                command = [sys.executable, "-m", "benchmarks.hub", api, name]
                env = {**os.environ, "KERAS_BACKEND": bench.engine}
                out = subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout
                found[api].append(json.loads(out.splitlines()[-1]))
        tokens = [one["tokens"] for runs in found.values() for one in runs]
        assert all(t == tokens[0] for t in tokens), f"{name} writes other tokens on Keras"
        pairs = zip(found["kfront"], found["keras"], strict=True)
        ratios = [a["time"] / b["time"] for a, b in pairs]
        base = statistics.median(one["time"] for one in found["keras"])
        limit = _LIMIT.get(bench.engine, 1.0)
        yield Row(f"hub {name}", "x Keras", statistics.median(ratios), None, base, limit, quartiles(ratios))


def _model(name: str) -> Any:
    """A model of KerasHub with random weights."""
    from keras_hub import models

    if name == "gpt2":
        options: dict[str, Any] = {**_SIZE, "num_heads": 4, "intermediate_dim": 512, "max_sequence_length": _LENGTH}
        body, causal = models.GPT2Backbone(**options), models.GPT2CausalLM
    elif name == "llama":
        body, causal = models.LlamaBackbone(**_SIZE, **_GROUPED, intermediate_dim=352), models.LlamaCausalLM
    else:
        body = models.GemmaBackbone(**_SIZE, **_GROUPED, head_dim=32, intermediate_dim=512)
        causal = models.GemmaCausalLM
    rng = np.random.default_rng(0)
    for w in body.weights:
        w.assign(rng.normal(size=w.shape).astype("float32") * 0.05)
    return causal(backbone=body, preprocessor=None)


def main() -> None:
    """Write one text several times; the least CPU time of a token in microseconds, and the tokens, as JSON."""
    api, name = sys.argv[1:]
    if api == "kfront":
        import kfront

        kfront.install_as_keras()
    model = _model(name)
    model.compile(sampler="greedy")
    tokens, mask = np.zeros((1, _LENGTH), "int32"), np.zeros((1, _LENGTH), "int32")
    tokens[0, :_PROMPT], mask[0, :_PROMPT] = (5, 7, 2, 9), 1
    given = {"token_ids": tokens, "padding_mask": mask}
    times, out = [], None
    for _ in range(_RUNS + 1):
        start = time.process_time()
        out = np.asarray(model.generate(given, stop_token_ids=None)["token_ids"])
        times.append(time.process_time() - start)
    each = min(times[1:]) / (_LENGTH - _PROMPT) * 1e6
    print(json.dumps({"time": each, "tokens": np.asarray(out).tolist()}))


if __name__ == "__main__":
    main()
