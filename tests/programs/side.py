"""Runs programs one after the other in one process and writes what each printed: `side.py RESULT.json PROGRAM...`."""

from __future__ import annotations

import contextlib
import io
import json
import os
import runpy
import sys
import time
import traceback
import warnings
from pathlib import Path

import keras


def run(path: str) -> dict[str, object]:
    """What a program printed, and the error that ended it, if one did."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy("float32")
    out, error, start = io.StringIO(), "", time.process_time()
    try:
        with contextlib.redirect_stdout(out), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            runpy.run_path(path, run_name="__main__")
    except Exception:
        error = traceback.format_exc()
    return {"lines": out.getvalue().splitlines(), "error": error, "seconds": time.process_time() - start}


def main() -> None:
    """Run the programs of the command line."""
    result, *programs = sys.argv[1:]
    sys.path.insert(0, os.path.dirname(programs[0]))
    Path(result).write_text(json.dumps({Path(p).stem: run(p) for p in programs}))


if __name__ == "__main__":
    main()
