"""The table of published packages written for Keras: what is run of each, and what is left out, with the reason.

`nox -s packages` installs them in an environment without Keras, and runs for each, on every engine, a program of our
own after the package's documentation (`published/uses_<name>.py`) and those of its own tests that it publishes.
"""

from __future__ import annotations

from typing import NamedTuple

_REGISTERED = "kimm does not register its models, and a file may not name a class that the program has not registered"
_DOWNLOADS = "downloads weights or an image"


class Package(NamedTuple):
    """One package.

    Attributes:
        name: what is installed.
        module: what is imported.
        tests: folders and files of tests inside the module; packages that have none publish none.
        left_out: words of tests' names that are not run -> why.
        requires: what it needs besides Keras and an engine.
    """

    name: str
    module: str
    tests: tuple[str, ...] = ()
    left_out: dict[str, str] = {}
    requires: tuple[str, ...] = ()


PACKAGES = (
    Package("scikeras", "scikeras", requires=("scikit-learn",)),
    Package("keras-rs", "keras_rs"),
    Package("keras-tuner", "keras_tuner", requires=("kt-legacy", "grpcio", "requests", "six", "tensorboard")),
    Package("bayesflow", "bayesflow", requires=("seaborn", "networkx", "tqdm", "pandas")),
    Package(
        "keras-hub",
        "keras_hub",
        requires=("kagglehub", "kagglesdk", "tokenizers", "sentencepiece", "regex", "rich", "tensorflow-text"),
    ),
    Package(
        "autokeras",
        "autokeras",
        tests=(
            "adapters",
            "analysers",
            "blocks",
            "engine",
            "preprocessors",
            "tasks",
            "tuners",
            "utils",
            "graph_test.py",
        ),
        left_out={"pretrained": _DOWNLOADS, "init_hp2_equals": _DOWNLOADS, "crash_with_init_hps": _DOWNLOADS},
        requires=("dm-tree", "tensorboard"),
    ),
    Package(
        "kimm",
        "kimm",
        tests=("_src/layers", "_src/utils", "_src/export", "_src/models"),
        left_out={"test_serialization": _REGISTERED, "predict": _DOWNLOADS, "weights": _DOWNLOADS},
    ),
    Package("hgq2", "hgq", requires=("quantizers",)),
    Package(
        "k3-node",
        "k3_node",
        tests=("layers", "models", "data", "transforms"),
        left_out={"backend_consistency": "starts processes that import Keras", "checkpoint": _DOWNLOADS},
        requires=("pynndescent", "tf2onnx", "torch-geometric", "huggingface-hub"),
    ),
    Package("keras-tcn", "tcn"),
    Package("optuna-integration", "optuna_integration", requires=("optuna",)),
    Package("mlflow", "mlflow", requires=("mlflow-skinny", "sqlalchemy", "alembic")),
    Package(
        "wandb", "wandb", requires=("click", "gitpython", "platformdirs", "pydantic", "cwevals", "opentelemetry-sdk")
    ),
)
# whose public classes and examples `nox -s survey` runs on Keras and on kfront; of Keras itself, the examples
SURVEYED = (
    Package("deel-lip", "deel.lip"),
    Package("hls4ml", "hls4ml", requires=("quantizers", "pydigitalwavetools")),
    Package("kdp", "kdp", requires=("loguru",)),
    Package("keras", "keras"),
    Package("keras-aug", "keras_aug"),
    Package("keras-cv-attention-models", "keras_cv_attention_models", requires=("ftfy", "wcwidth")),
    Package("keras-geometric", "keras_geometric"),
    Package("keras-hexagdly", "keras_hexagdly"),
    Package("keras-lmu", "keras_lmu"),
    Package("keras-mdn-layer", "keras_mdn_layer"),
    Package("kerasfactory", "kerasfactory", requires=("loguru", "plotly", "narwhals")),
    Package("kgcnn", "kgcnn", requires=("dm-tree",)),
    Package("medicai", "medicai"),
    Package("mononet", "mononet"),
    Package("ncps", "ncps"),
    Package("predicateneuron", "predicateneuron"),
    Package("spektral", "spektral", requires=("lxml",)),
    Package("talos", "talos"),
    Package("zea", "zea", requires=("decorator", "hdf5plugin", "imageio", "numcodecs")),
)
# what `-m kfront.as_keras` cannot stand in for, because it is about Keras's own inside
NEVER = {
    "test_training_forwarding.py": "puts methods of its own in the place of private ones of Keras's Layer",
    "test_docstring_examples.py": "runs in a process that imports Keras by itself",
}
