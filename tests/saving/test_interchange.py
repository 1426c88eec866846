"""Files go both ways between kfront and the installed Keras, which runs in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import re
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.conftest import ENGINES, TRAINABLE, wanted
from tests.saving import models
from tests.saving.keras_process import run_keras

import kfront

KERAS_ENGINE = next((n for n in ("jax", "torch", "tensorflow") if n in ENGINES), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("keras") is None or KERAS_ENGINE is None, reason="Keras is not installed"
    ),
]


@pytest.fixture(scope="session")
def exchanged(tmp_path_factory, request):
    """The folder of files that both sides wrote and read: kfront first, then Keras in one process."""
    folder = tmp_path_factory.mktemp("exchanged")
    for name in ("from_keras", "to_keras", "forms"):
        (folder / name).mkdir()
    names, optimizers = (wanted(request.session, __file__, argument) for argument in ("name", "optimizer"))
    chosen = {
        "names": [n for n in models.MODELS if n in names],
        "optimizers": [n for n in models.OPTIMIZERS if n in optimizers],
    }
    (folder / "chosen.json").write_text(json.dumps(chosen))
    _write_models(folder / "to_keras", **chosen)
    _write_forms(folder / "forms", chosen["names"])
    run_keras("exchange", folder, KERAS_ENGINE)
    return folder


@pytest.fixture(scope="session")
def from_keras(exchanged):
    """A folder of files that Keras wrote."""
    return exchanged / "from_keras"


@pytest.fixture(scope="session")
def to_keras(exchanged):
    """Files that kfront wrote on each engine, with what Keras made of them beside."""
    return exchanged / "to_keras"


@pytest.fixture(scope="session")
def forms_to_keras(exchanged):
    """Other forms and objects of every class, with what Keras made of them beside."""
    return exchanged / "forms"


def _write_model(folder, name):
    kfront.utils.clear_session()
    kfront.utils.set_random_seed(7)
    model = models.MODELS[name][0](kfront)
    model.save(folder / f"{name}.keras")
    model.save_weights(folder / f"{name}.weights.h5")
    np.savez(folder / f"{name}.npz", *models.predict(model, name))


def _write_trained(folder, name):
    model = models.trainable(kfront, name)
    model.save(folder / f"{name}.trained.keras")
    if name not in models.NOT_IN_LEGACY:
        model.save(folder / f"{name}.trained.h5")
    np.savez(folder / f"{name}.trained.npz", *[v.numpy() for v in (*model.weights, *model.optimizer.variables)])
    loss = models.continue_training(kfront.saving.load_model(folder / f"{name}.trained.keras"))
    (folder / f"{name}.loss").write_text(str(loss))


def _write_models(folder, names, optimizers):
    for engine in ENGINES:
        (folder / engine).mkdir()
        jobs = [(_write_model, n) for n in names]
        jobs += [
            (_write_trained, p.values[1]) for p in _optimizers() if p.values[0] == engine and p.values[1] in optimizers
        ]
        with kfront.backend_scope(engine):
            for job, name in jobs:
                try:
                    job(folder / engine, name)
                except Exception as error:
                    ending = "trained.keras.error" if job is _write_trained else "keras.error"
                    (folder / engine / f"{name}.{ending}").write_text(f"kfront: {type(error).__name__}: {error}")


def _write_forms(folder, names):
    with kfront.backend_scope(TRAINABLE[0]):
        for name in names:
            model = models.MODELS[name][0](kfront)
            for save in models.FORMS.values():
                save(model, f"{folder}/{name}")
            np.savez(folder / f"{name}.npz", *models.predict(model, name))
    (folder / "objects.json").write_text(json.dumps(models.objects(kfront)))


def _arrays(path):
    with np.load(path) as file:
        return [file[n] for n in file.files]


def _close(got, want, tolerance=1e-5):
    assert len(got) == len(want)
    for x, y in zip(got, want, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=tolerance)


@pytest.mark.sampled(6, by="name")
@pytest.mark.parametrize("name", models.MODELS)
def test_a_model_from_keras(backend, from_keras, name):
    model = kfront.saving.load_model(from_keras / f"{name}.keras")
    _close(models.predict(model, name), _arrays(from_keras / f"{name}.npz"))


@pytest.mark.sampled(6, by="name")
@pytest.mark.parametrize("name", models.MODELS)
def test_weights_from_keras(backend, from_keras, name):
    want = _arrays(from_keras / f"{name}.npz")
    for ending in (".weights.h5", ".keras"):
        model = models.MODELS[name][0](kfront)
        model.load_weights(from_keras / f"{name}{ending}")
        _close(models.predict(model, name), want)


@pytest.mark.sampled(6, by="name")
@pytest.mark.parametrize("name", models.MODELS)
@pytest.mark.parametrize("form", models.FORMS)
def test_other_forms_from_keras(backend, from_keras, form, name):
    model = models.load_form(kfront, form, models.MODELS[name][0], str(from_keras / name))
    _close(models.predict(model, name), _arrays(from_keras / f"{name}.npz"))


@pytest.mark.sampled(6, by="name")
@pytest.mark.parametrize("name", models.MODELS)
@pytest.mark.parametrize("form", models.FORMS)
def test_other_forms_to_keras(forms_to_keras, form, name):
    error = forms_to_keras / f"{name}.{form}.error"
    if form == "legacy" and name == "graph":
        assert (
            "Unknown layer" in error.read_text()
        )  # Keras does not read back recorded ops in this form, its own neither
        return
    assert not error.exists(), error.read_text()
    _close(_arrays(forms_to_keras / f"{name}.{form}.npz"), _arrays(forms_to_keras / f"{name}.npz"))


# arguments that `get_config` of these classes leaves out in Keras, so that its files lose them (keras#23375, #23286)
KERAS_FORGETS = (
    "/config/axis: only in kfront: -1",
    "/config/delta: only in kfront: 1.0",
    "/config/from_sorted_ids: only in kfront: False",
)


def test_objects_of_every_class(forms_to_keras):
    """What kfront writes, Keras reads and writes alike; what Keras writes, kfront reads and writes alike."""
    ours, back, theirs = (json.loads((forms_to_keras / f"{n}.json").read_text()) for n in ("objects", "back", "keras"))
    problems = [f"{n}: {v}" for n, v in ours.items() if isinstance(v, str) and isinstance(theirs.get(n), dict)]
    for name, form in ours.items():
        if name not in theirs or isinstance(form, str) or isinstance(theirs[name], str):
            continue
        problems += [f"{name} in Keras: {d}" for d in _same(form, back[name])]
        try:
            made = kfront.saving.deserialize_keras_object(theirs[name])
            again = json.loads(json.dumps(kfront.saving.serialize_keras_object(made)))
            problems += [f"{name} from Keras: {d}" for d in _same(again, theirs[name])]
        except Exception as error:
            problems.append(f"{name} from Keras: {type(error).__name__}: {error}")
    problems = [p for p in problems if not p.endswith(KERAS_FORGETS)]
    assert not problems, "\n".join(problems)
    assert len(ours) > 110


def _optimizers(everywhere=False):
    """Each optimizer on one engine, the first ones on all; or all of them."""
    return [
        pytest.param(engine, name, id=f"{engine}-{name}")
        for i, name in enumerate(models.OPTIMIZERS)
        for engine in (TRAINABLE if i < 7 or everywhere else [TRAINABLE[i % len(TRAINABLE)]])
    ]


def test_every_optimizer_is_in_the_table():
    names = {n for n in dir(kfront.optimizers) if isinstance(getattr(kfront.optimizers, n), type)}
    assert names - {"Optimizer", "MultiOptimizer", "OptimizerMap"} <= set(models.OPTIMIZERS)


@pytest.mark.sampled(8, by="optimizer")
@pytest.mark.parametrize("engine,optimizer", _optimizers(everywhere=True))
def test_training_goes_on_from_keras(from_keras, engine, optimizer):
    with kfront.backend_scope(engine):
        _goes_on(from_keras, optimizer)


def _goes_on(from_keras, optimizer):
    for ending in ("keras",) if optimizer in models.NOT_IN_LEGACY else ("h5", "keras"):
        model = kfront.saving.load_model(from_keras / f"{optimizer}.trained.{ending}")
        values = [v.numpy() for v in (*model.weights, *model.optimizer.variables)]
        _close(values, _arrays(from_keras / f"{optimizer}.trained.npz"), 1e-7)
    want = json.loads((from_keras / f"{optimizer}.loss").read_text())
    assert models.continue_training(model) == pytest.approx(want, rel=1e-5)


@pytest.mark.sampled(6, by="name")
@pytest.mark.parametrize("name", models.MODELS)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_model_to_keras(to_keras, engine, name):
    path = to_keras / engine / f"{name}.keras"
    error = Path(f"{path}.error")
    assert not error.exists(), error.read_text()
    want = _arrays(to_keras / engine / f"{name}.npz")
    _close(_arrays(f"{path}.out.npz"), want)
    _close(_arrays(f"{path}.weights.npz"), want)


@pytest.mark.sampled(8, by="optimizer")
@pytest.mark.parametrize("engine,optimizer", _optimizers())
def test_training_goes_on_in_keras(to_keras, engine, optimizer):
    path = to_keras / engine / f"{optimizer}.trained.keras"
    error = Path(f"{path}.error")
    assert not error.exists(), error.read_text()
    _close(_arrays(f"{path}.out.npz"), _arrays(to_keras / engine / f"{optimizer}.trained.npz"), 1e-7)
    got, want = (
        json.loads(Path(f"{path}.loss").read_text()),
        float((to_keras / engine / f"{optimizer}.loss").read_text()),
    )
    assert got == pytest.approx(want, rel=1e-5)


@pytest.mark.sampled(8, by="optimizer")
@pytest.mark.parametrize("engine,optimizer", [p for p in _optimizers() if p.values[1] not in models.NOT_IN_LEGACY])
def test_legacy_files_of_trained_models(from_keras, to_keras, engine, optimizer):
    """Keras reads the weights; the optimizer's state, which it leaves in its own files too, is what it writes."""
    path = to_keras / engine / f"{optimizer}.trained.h5"
    error = Path(f"{path}.error")
    assert not error.exists(), error.read_text()
    want = _arrays(to_keras / engine / f"{optimizer}.trained.npz")[:4]
    _close(_arrays(f"{path}.out.npz")[:4], want, 1e-7)
    assert _slots(path) == _slots(from_keras / f"{optimizer}.trained.h5")


def _slots(path):
    """Names, without those of layers, and shapes of the optimizer's state."""
    with h5py.File(path) as file:
        group = file["optimizer_weights"]
        names = [(n, group[n].shape) for n in group.attrs["weight_names"]]
        return [(re.sub(r"dense(_\d+)?", "dense", n), shape) for n, shape in names]


def _layout(path):
    out = {}

    def note(name, item):
        if isinstance(item, h5py.Dataset):
            out[name] = (item.shape, str(item.dtype), {k: str(v) for k, v in item.attrs.items()})
        elif name.endswith("vars") and len(item):
            out[name] = True

    with h5py.File(path) as file:
        file.visititems(note)
    return out


@pytest.mark.sampled(6, by="name")
@pytest.mark.parametrize("name", models.MODELS)
def test_the_weights_file_has_keras_layout(from_keras, to_keras, name):
    assert _layout(to_keras / ENGINES[0] / f"{name}.weights.h5") == _layout(from_keras / f"{name}.weights.h5")


def _config(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist()[:3] == ["metadata.json", "config.json", "model.weights.h5"]
        return json.loads(archive.read("config.json"))


# what Keras spells out and kfront leaves to the default
LEFT_OUT = [("optional", False), ("mask", None), ("mask", [None, None]), ("compile_config", {})]
SAME_OP = {"TrueDivide": "Divide", "true_divide": "divide"}


def _same(got, want, path=""):
    """Differences between two configs."""
    if isinstance(got, dict) and isinstance(want, dict):
        for key in {*got, *want}:
            here = f"{path}/{key}"
            if key == "shared_object_id" or (key, want.get(key)) in LEFT_OUT:
                continue
            if key == "build_config" and got.get("class_name") in ("Sequential", "Functional"):
                continue  # both know their input shape from the config itself
            if key not in got or key not in want:
                yield f"{here}: only in {'kfront' if key in got else 'Keras'}: {got.get(key, want.get(key))!r}"
            else:
                yield from _same(got[key], want[key], here)
    elif isinstance(got, list) and isinstance(want, list) and len(got) == len(want):
        for i, (x, y) in enumerate(zip(got, want, strict=True)):
            yield from _same(x, y, f"{path}/{i}")
    elif got != (SAME_OP.get(want, want) if isinstance(want, str) else want) and not (
        isinstance(got, float) and got == pytest.approx(want)
    ):
        yield f"{path}: {got!r} instead of {want!r}"


@pytest.mark.sampled(6, by="name")
@pytest.mark.parametrize("name", models.MODELS)
def test_the_config_is_what_keras_writes(from_keras, to_keras, name):
    got, want = _config(to_keras / ENGINES[0] / f"{name}.keras"), _config(from_keras / f"{name}.keras")
    assert list(_same(got, want)) == []
