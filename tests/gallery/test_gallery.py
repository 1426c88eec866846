"""Each program of the gallery reaches the result that its page states."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from tests.conftest import TRAINABLE

from kfront import backends

GALLERY = Path(__file__).parents[2] / "examples" / "gallery"
# program: least and greatest RESULT, as its page says
BOUNDS = {
    "anomaly_detection": (0.9, 1.0),
    "architecture_search": (0.0, 2 / 3),
    "autoencoder": (0.0, 0.8),
    "calibration": (0.0, 0.8),
    "character_gpt": (0.0, 2.6),
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


@pytest.mark.slow
@pytest.mark.sampled(56)
@pytest.mark.parametrize("engine", TRAINABLE)
@pytest.mark.parametrize("program", BOUNDS)
def test_a_program_reaches_its_result(program, engine, monkeypatch):
    monkeypatch.syspath_prepend(GALLERY)
    for library in ("sklearn", "matplotlib", *NEEDS.get(program, ())):
        pytest.importorskip(library, reason=f"{library} is not installed")
    from matplotlib import pyplot as plt

    with backends.backend_scope(engine):
        result = runpy.run_path(str(GALLERY / f"{program}.py"))["RESULT"]
    assert plt.get_fignums(), "a program of the gallery draws a picture"
    plt.close("all")
    least, most = BOUNDS[program]
    assert least <= result <= most


def test_each_program_states_its_result():
    programs = {p.stem: p.read_text(encoding="utf-8") for p in GALLERY.glob("*.py") if p.stem != "gallery_data"}
    assert set(programs) == set(BOUNDS)
    for name, text in programs.items():
        assert re.match(r'"""\n.+\n=+\n', text), f"{name} begins with a title"
        assert "\nResult: " in text and "\nRESULT = " in text, name
        assert "plt." in text or "from_predictions" in text, name
