"""Run as a script with KERAS_BACKEND set: writes what the installed Keras makes of every case, as a pickle."""

from __future__ import annotations

import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
warnings.filterwarnings("ignore")

import cases_more  # noqa: F401
from cases import CASES


def main(target: str) -> None:
    import keras

    def tensor(v: Any) -> Any:
        if isinstance(v, np.ndarray):
            return keras.ops.convert_to_tensor(v)
        if isinstance(v, (list, tuple)) and any(isinstance(x, np.ndarray) for x in v):
            return type(v)(tensor(x) for x in v)
        return v

    def host(v: Any) -> Any:
        if isinstance(v, (list, tuple)):
            return [host(x) for x in v]
        return np.asarray(keras.ops.convert_to_numpy(v))

    out: list[Any] = []
    for c in CASES:
        try:
            result = getattr(keras.ops, c.name)(*map(tensor, c.args), **{k: tensor(v) for k, v in c.kwargs.items()})
            out.append(host(result))
        except Exception as error:
            out.append(f"{type(error).__name__}: {error}"[:300])
    Path(target).write_bytes(pickle.dumps(out))


if __name__ == "__main__":
    main(sys.argv[1])
