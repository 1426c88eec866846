"""Runs the image cases on the installed Keras: ``python image_reference.py FILE.pickle``."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "numpy"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parent))

import keras
import numpy as np
from image_cases import CASES

if __name__ == "__main__":
    out = [np.asarray(getattr(keras.ops.image, c.name)(*c.args, **c.kwargs)) for c in CASES]
    Path(sys.argv[1]).write_bytes(pickle.dumps(out))
