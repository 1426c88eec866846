"""Run programs of the gallery on engines, with other seeds too, and write down what came out.

Usage: python tests/gallery/runs.py FILE.json [-k PROGRAM] [--engines torch,jax] [--seeds 0,1,2,3] [--turn]

Seed 0 is the program as it stands; seed 2 adds 200 to each number in it that seeds something. `--turn` gives
each engine one of the seeds in turn, in place of all of them. What is in the file already is not run again, unless it
failed. The programs of an engine run in one process, one after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import runpy
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve()
GALLERY = HERE.parents[2] / "examples" / "gallery"
ENGINES = ("torch", "jax", "tensorflow")
# program: least and greatest RESULT, as its page says
BOUNDS = {
    "anomaly_detection": (0.9, 1.0),
    "architecture_search": (0.0, 2 / 3),
    "autoencoder": (0.0, 0.8),
    "calibration": (0.0, 0.8),
    "character_gpt": (0.0, 2.6),
    "citations": (0.6, 1.0),
    "cnn_augmentation": (0.87, 1.0),
    "custom_callback": (0.95, 1.0),
    "custom_parts": (0.88, 1.0),
    "denoising": (0.0, 0.9),
    "diffusion": (0.0, 1.3),
    "distillation": (0.95, 1.2),
    "dqn_cartpole": (195.0, 500.0),
    "equal_curves": (0.0, 1e-4),
    "exact_resume": (0, 0),
    "gan": (0.0, 0.15),
    "hyperparameter_search": (0.001, 1.0),
    "image_as_network": (23.0, 60.0),
    "lora": (0.92, 1.0),
    "molecules": (0.0, 0.7),
    "native_loop": (0.83, 1.0),
    "normalizing_flow": (-1.7, 0.5),
    "onnx_serving": (0.0, 1e-4),
    "per_example_gradients": (0.95, 1.0),
    "policy_gradient": (195.0, 500.0),
    "quantiles": (0.72, 0.88),
    "quantization": (0.0, 1.0),
    "recommender": (0.0, 0.75),
    "saliency": (3.0, 100.0),
    "segmentation": (0.78, 1.0),
    "semi_supervised_graph": (0.84, 1.0),
    "siamese": (0.68, 1.0),
    "speech_commands": (0.9, 1.0),
    "tabular": (0.75, 1.0),
    "text_lstm": (0.5, 1.0),
    "text_transformer": (0.55, 1.0),
    "tf_data": (0.9, 1.0),
    "time_series": (0.0, 0.8),
    "transfer_learning": (0.03, 1.0),
    "translation": (0.9, 1.0),
    "two_processes": (0.0, 1e-3),
    "vae": (0.0, 1.3),
}
NEEDS = {
    "dqn_cartpole": ("gymnasium",),
    "hyperparameter_search": ("optuna",),
    "molecules": ("chemicals", "pysmiles"),
    "native_loop": ("optax",),
    "onnx_serving": ("torch", "onnxscript", "onnxruntime"),
    "policy_gradient": ("gymnasium",),
    "tf_data": ("tensorflow",),
}
# what a program's numbers are drawn by: set_random_seed(0), default_rng(0), random_state=0
SEEDED = re.compile(
    r"((?:set_random_seed|default_rng|SeedGenerator|manual_seed|set_seed)\(|(?:random_state|\bseed)=)(\d+)\b"
)


def reseeded(program: str, seed: int) -> str:
    """The program's text with other seeds."""
    text = (GALLERY / f"{program}.py").read_text(encoding="utf-8")
    return SEEDED.sub(lambda found: f"{found[1]}{int(found[2]) + 100 * seed}", text)


def run(program: str, seed: int) -> dict[str, object]:
    """One row: the result or the error, seconds of the clock and of processors."""
    start, before = time.perf_counter(), os.times()
    row: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{program}.py"  # a file: tracing reads the text of functions
        file.write_text(reseeded(program, seed), encoding="utf-8")
        try:
            row["result"] = float(runpy.run_path(str(file))["RESULT"])
        except Exception:
            row["error"] = traceback.format_exc()[-600:]
    row["seconds"] = round(time.perf_counter() - start, 1)
    row["cpu"] = round(sum(os.times()[:4]) - sum(before[:4]), 1)
    return row


def here(engine: str, wanted: list[str]) -> None:
    """Run programs in this process, and print a line for each."""
    from matplotlib import pyplot as plt  # here: the parent process has no use for it, nor for kfront

    from kfront import backends

    sys.path.insert(0, str(GALLERY))
    for name in wanted:
        program, seed = name.split(":")
        with backends.backend_scope(engine):
            row = run(program, int(seed))
        plt.close("all")
        print(f"\nROW {json.dumps(row)}", flush=True)


def one_engine(engine: str, wanted: list[str]) -> Iterator[tuple[str, dict[str, object]]]:
    """Names and rows, as they come; where the process ends before its time another goes on behind that program."""
    env = {**os.environ, "KERAS_BACKEND": engine, "MPLBACKEND": "Agg"}
    left = list(wanted)
    while left:
        command = [sys.executable, str(HERE), "--here", engine, *left]
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
            assert child.stdout is not None
            for line in child.stdout:
                if line.startswith("ROW "):
                    yield left.pop(0), json.loads(line[4:])
        if left and child.returncode:
            yield left.pop(0), {"error": f"the process ended with status {child.returncode}"}


def reached(name: str, row: dict[str, object]) -> bool:
    """Whether a result is within the bounds of its program."""
    least, most = BOUNDS[name.split(":")[0]]
    result = row.get("result")
    return isinstance(result, float) and least <= result <= most


def main() -> None:
    """Run what is missing in the file; the exit status tells whether all results are reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("-k", default="", help="part of a program's name")
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--turn", action="store_true")
    asked = parser.parse_args()
    seeds = asked.seeds.split(",")
    rows = json.loads(asked.file.read_text()) if asked.file.exists() else {}
    for engine in asked.engines.split(","):
        names, place = [], ENGINES.index(engine)
        for number, program in enumerate(p for p in BOUNDS if asked.k in p):
            names += [f"{program}:{seed}" for seed in ([seeds[(number + place) % len(seeds)]] if asked.turn else seeds)]
        names = [name for name in names if not reached(name, rows.get(engine, {}).get(name, {}))]
        for name, row in one_engine(engine, names):
            print(engine, name, row, flush=True)
            # another such process may have written meanwhile
            rows = json.loads(asked.file.read_text()) if asked.file.exists() else {}
            rows.setdefault(engine, {})[name] = row
            asked.file.write_text(json.dumps(rows, indent=1))
    short = [f"{e} {n} {row}" for e, found in rows.items() for n, row in found.items() if not reached(n, row)]
    print(f"{sum(map(len, rows.values())) - len(short)} reached their results, {len(short)} did not", *short, sep="\n")
    raise SystemExit(bool(short))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        here(sys.argv[2], sys.argv[3:])
    else:
        main()
