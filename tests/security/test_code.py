"""Nothing in a file or config runs code, calls a function that does more than compute, or loads a foreign class."""

from __future__ import annotations

import importlib
import json
import pickle
import pkgutil

import pytest
from tests.security import attacks as a

import kfront
from kfront.core import guard
from kfront.core.errors import SavingError, UnsafeFileError, UnsupportedError
from kfront.core.lazy import LAZY
from kfront.core.registry import BUILTIN, public_identity

# (module, class_name, config) of things that act: none may resolve, whatever the config
GADGETS = [
    ("os", "system", "touch {marker}"),
    ("os", "function", "system"),
    ("posix", "system", {"command": "touch {marker}"}),
    ("subprocess", "Popen", {"args": ["touch", "{marker}"]}),
    ("builtins", "eval", "open('{marker}', 'w')"),
    ("builtins", "exec", {"source": "open('{marker}', 'w')"}),
    ("builtins", "function", "eval"),
    ("builtins", "function", "exec"),
    ("builtins", "function", "__import__"),
    ("builtins", "function", "open"),
    ("builtins", "builtin_function_or_method", "eval"),
    ("builtins", "type", {}),
    ("importlib", "import_module", {"name": "antigravity"}),
    ("importlib", "function", "import_module"),
    ("runpy", "run_path", {"path_name": "{marker}.py"}),
    ("pickle", "loads", {"data": ""}),
    ("shutil", "copyfile", {"src": "/etc/hostname", "dst": "{marker}"}),
    ("pathlib", "Path", {"args": ["{marker}"]}),
    ("io", "FileIO", {"file": "{marker}", "mode": "w"}),
    ("numpy", "save", {"file": "{marker}", "arr": [1]}),
    ("numpy", "load", {"file": "{marker}", "allow_pickle": True}),
    ("torch", "load", {"f": "{marker}"}),
    ("torch.hub", "load", {"repo_or_dir": "{marker}", "model": "x"}),
    ("tensorflow", "io.gfile.GFile", {"name": "{marker}", "mode": "w"}),
    ("keras.utils", "get_file", {"fname": "{marker}", "origin": "file:///etc/hostname"}),
    ("keras.utils", "function", "get_file"),
    ("keras.utils", "plot_model", {"to_file": "{marker}"}),
    ("keras.utils", "function", "plot_model"),
    ("keras.visualization", "function", "plot_image_gallery"),
    ("keras.utils", "function", "save_img"),
    ("keras.config", "function", "set_backend"),
    ("keras.config", "function", "set_floatx"),
    ("keras.config", "enable_unsafe_deserialization", {}),
    ("keras.config", "function", "enable_unsafe_deserialization"),
    ("keras.datasets.mnist", "load_data", {"path": "{marker}"}),
    ("keras.datasets.mnist", "function", "load_data"),
    ("keras.saving", "load_model", {"filepath": "{marker}"}),
    ("keras.saving", "save_model", {"filepath": "{marker}"}),
    ("keras.saving", "function", "load_model"),
    ("keras.saving", "function", "deserialize_keras_object"),
    ("keras.models", "load_model", {"filepath": "{marker}", "safe_mode": False}),
    ("keras.callbacks", "CSVLogger", {"filename": "{marker}"}),
    ("keras.callbacks", "ModelCheckpoint", {"filepath": "{marker}"}),
    ("keras.callbacks", "BackupAndRestore", {"backup_dir": "{marker}"}),
    ("keras.callbacks", "LambdaCallback", {}),
    ("keras.callbacks", "RemoteMonitor", {"root": "http://127.0.0.1:9"}),
    ("keras.callbacks", "History", {}),
    ("keras.utils", "PyDataset", {}),
    ("keras", "Variable", {"initializer": [1.0]}),
    ("keras.src.saving.saving_lib", "load_model", {"filepath": "{marker}"}),
    ("keras.src.saving.saving_lib", "DiskIOStore", {"root_path": "{marker}"}),
    ("keras.src.utils.file_utils", "function", "get_file"),
    ("keras.src.ops.function", "Function", {}),
    ("keras.src.ops.core", "CustomGradient", {"f": "x"}),
    ("keras.src.ops.numpy", "system", {}),
    ("keras.layers", "TorchModuleWrapper", {"module": "gASVAAAA", "name": "t"}),
    ("keras.layers", "TFSMLayer", {"filepath": "{marker}", "name": "t"}),
    ("keras.layers", "JaxLayer", {"call_fn": "x"}),
    ("kfront.core.files", "atomic_write", {"target": "{marker}"}),
    ("kfront.saving.hdf5", "H5Writer", {"file": "{marker}"}),
    ("kfront.utils", "function", "get_file"),
    ("kfront.config", "function", "set_backend"),
    ("kfront.layers", "Dense", {"units": 1}),
    ("..os", "system", {}),
    ("keras.layers.", "Dense", {"units": 1}),
    ("keras.layers", "__class__", {}),
    ("keras.layers", "Layer.__init__", {}),
    ("keras", "layers.Dense", {"units": 1}),
    ("keras", "__loader__", {}),
    (None, "system", {}),
    ("", "", {}),
    (1, "x", {}),
    ("keras.layers", ["Dense"], {}),
    ({"a": 1}, "Dense", {}),
]


@pytest.fixture(autouse=True, scope="module")
def _everything_is_loaded():
    """What a file may name does not depend on which modules happen to be loaded."""
    for found in pkgutil.walk_packages(kfront.__path__, "kfront."):
        if not found.name.startswith("kfront.backends."):
            importlib.import_module(found.name)


def _gadget(entry, marker):
    module, name, config = entry
    return a.named(module, name, json.loads(json.dumps(config).replace("{marker}", str(marker))))


@pytest.fixture
def marker(tmp_path):
    """A path that no attack may bring into being."""
    path = tmp_path / "marker"
    yield path
    assert not path.exists(), "the payload ran"


def _places(gadget):
    """Configs that hold the gadget at every place where an object may stand."""
    compiled = {"optimizer": "sgd", "loss": "mse", "metrics": ["mae"]}
    yield gadget
    yield [gadget]
    yield {"a": gadget}
    yield a.sequential(gadget)
    yield a.sequential(a.dense(kernel_initializer=gadget))
    yield a.sequential(a.dense(activation=gadget))
    yield a.sequential(a.dense(kernel_regularizer=gadget))
    yield a.sequential(a.dense(kernel_constraint=gadget))
    yield a.sequential(a.dense(dtype=gadget))
    yield a.sequential(a.named("keras.layers", "Lambda", {"name": "l", "function": gadget}))
    yield a.sequential(a.named("keras.layers", "Activation", {"name": "l", "activation": gadget}))
    yield a.functional((gadget, "d", [a.node(a.reference("x"))]))
    yield a.functional((a.dense("d"), "d", [a.node(gadget)]))
    yield a.functional((a.dense("d"), "d", [a.node(a.reference("x"), training=gadget)]))
    for key in ("optimizer", "loss", "metrics"):
        yield a.sequential(a.dense(), compile_config={**compiled, key: [gadget] if key == "metrics" else gadget})
    yield a.sequential(a.dense(), compile_config={**compiled, "loss_weights": gadget})
    yield a.sequential({**a.dense(), "build_config": {"input_shape": gadget}})


@pytest.mark.parametrize("entry", GADGETS, ids=lambda e: f"{e[0]}-{e[1]}"[:60])
def test_gadgets_do_not_resolve_anywhere(entry, marker, tmp_path):
    gadget = _gadget(entry, marker)
    for i, config in enumerate(_places(gadget)):
        try:
            made = kfront.saving.deserialize_keras_object(json.loads(json.dumps(config)))
        except SavingError:
            pass
        else:
            pytest.fail(f"place {i} gave {made!r} for {config}")
        if i > 2:
            with pytest.raises(SavingError):
                kfront.saving.load_model(a.keras_file(tmp_path / "m.keras", config))
            with pytest.raises(SavingError):
                kfront.models.model_from_json(json.dumps(config))
    assert kfront.config.floatx() == "float32"


def test_gadgets_on_every_engine(backend, marker, tmp_path):
    """No engine lends a gadget a way; the message says what was asked for."""
    for entry in GADGETS:
        gadget = _gadget(entry, marker)
        asked = gadget["class_name"]
        for i, config in enumerate(_places(gadget)):
            with pytest.raises(SavingError, match=r"\[.+\] expected") as caught:
                kfront.saving.deserialize_keras_object(config)
            named = isinstance(asked, str) and isinstance(gadget["module"], (str, type(None)))
            assert i > 3 or not named or asked in str(caught.value) or str(gadget["config"])[:9] in str(caught.value)
        with pytest.raises(SavingError):
            kfront.saving.load_model(a.keras_file(tmp_path / "m.keras", a.sequential(gadget)))


def test_functions_of_control_flow_are_registered_ones():
    function = {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "function"}
    for name, config in (
        ("VectorizedMap", {"function": function}),
        ("WhileLoop", {"cond": function, "body": function}),
    ):
        gadget = {"module": "keras.src.ops.core", "class_name": name, "config": config, "registered_name": name}
        with pytest.raises(SavingError, match="eval"):
            kfront.saving.deserialize_keras_object(gadget)


def test_only_serializable_public_names_resolve():
    """Of all public names, classes resolve only if registered for files, functions only if they are pure."""
    for name in dir(kfront):
        getattr(kfront, name)
    for namespace, rows in list(LAZY.items()):
        for name in rows:
            for module in (namespace, namespace.replace("kfront", "keras", 1)):
                try:
                    found = guard.resolve_class(a.named(module, name))
                except SavingError:
                    continue
                assert module in (public_identity(found) or ()) or BUILTIN[module, name] is found
            try:
                found = guard.resolve_function(name)
            except SavingError:
                continue
            assert public_identity(found) is not None or hasattr(found, "op"), name


def test_every_class_that_a_file_may_name_is_a_part_of_models():
    k = kfront
    kinds = (k.layers.Layer, k.optimizers.Optimizer, k.losses.Loss, k.metrics.Metric, k.initializers.Initializer)
    kinds += (k.regularizers.Regularizer, k.constraints.Constraint, k.optimizers.schedules.LearningRateSchedule)
    kinds += (k.dtype_policies.DTypePolicy, k.dtype_policies.DTypePolicyMap, k.random.SeedGenerator, k.InputSpec)
    kinds += (k.optimizers.OptimizerMap,) if hasattr(k.optimizers, "OptimizerMap") else ()
    for space in (k.quantizers, k.distillation):
        kinds += tuple(v for n in dir(space) if isinstance(v := getattr(space, n), type))
    space = "keras.src.layers.preprocessing.feature_space"
    kinds += tuple(v for (m, n), v in BUILTIN.items() if m == space or n == "FeatureSpace")
    listed = [(m, name) for m, space in guard._NAMESPACES.items() for name in LAZY.get(space, ())]
    named = [name for name in (*BUILTIN, *listed) if guard.is_builtin(*name)]
    assert len(named) > 350
    for module, name in named:
        found = guard._builtin(module, name)
        assert not isinstance(found, type) or issubclass(found, kinds), (module, name)
    assert not [n for n in dir(k.callbacks) if guard.is_builtin("keras.callbacks", n)]


@pytest.mark.parametrize("safe_mode", [True, None, False, 0, "no"])
def test_marshalled_lambda(backend, safe_mode, marker, tmp_path):
    evil = a.lambda_layer(a.marshalled(marker))
    config = a.sequential(evil, a.dense())
    for attempt in (
        lambda: kfront.saving.load_model(a.keras_file(tmp_path / "m.keras", config), safe_mode=safe_mode),
        lambda: kfront.saving.deserialize_keras_object(config, safe_mode=safe_mode),
        lambda: kfront.saving.deserialize_keras_object(evil, safe_mode=safe_mode),
        lambda: kfront.layers.deserialize(evil),
        lambda: kfront.models.model_from_json(json.dumps(config)),
        lambda: kfront.Sequential.from_config(config["config"]),
        lambda: kfront.layers.Lambda.from_config(evil["config"]),
        lambda: kfront.activations.deserialize(evil["config"]["function"]),
    ):
        with pytest.raises(UnsafeFileError, match="never run"):
            attempt()


def test_old_forms_of_marshalled_lambda(marker):
    code = a.marshalled(marker)
    for fn in ([code, None, None], code, {"class_name": "__lambda__", "config": {"value": [code, None, None]}}):
        config = {"name": "l", "function": fn, "function_type": "lambda", "module": "__main__", "arguments": {}}
        with pytest.raises(SavingError):
            kfront.saving.deserialize_keras_object(a.named("keras.layers", "Lambda", config))


def test_unsafe_switch_then_lambda(backend, marker, tmp_path):
    """A first layer that would turn the gate off does not get to; nor is there such a switch."""
    first = a.named("keras.layers", "Lambda", {"name": "s", "function": a.function("enable_unsafe_deserialization")})
    config = a.sequential(first, a.lambda_layer(a.marshalled(marker)))
    with pytest.raises(UnsafeFileError):
        kfront.saving.load_model(a.keras_file(tmp_path / "m.keras", config))
    with pytest.raises(UnsupportedError):
        kfront.config.enable_unsafe_deserialization()
    assert guard.is_safe()


def test_registered_name_does_not_fall_back_to_a_builtin(backend):
    for registered in ("mine>Dense", "Custom>Dense", "os>system"):
        config = a.dense()
        config["registered_name"] = registered
        with pytest.raises(UnsafeFileError, match="registered"):
            kfront.saving.deserialize_keras_object(config)


def test_a_registered_class_does_not_replace_a_builtin(backend):
    class Dense(kfront.layers.Dense):
        pass

    with kfront.saving.custom_object_scope({"Dense": Dense, "keras.layers.Dense": Dense}):
        assert type(kfront.saving.deserialize_keras_object(a.dense())) is not Dense


def test_pure_functions_and_own_ones_resolve():
    assert kfront.saving.deserialize_keras_object(a.function("relu")) is kfront.activations.relu

    def mine(x):
        return x

    with pytest.raises(UnsafeFileError):
        kfront.saving.deserialize_keras_object(a.function("mine"))
    assert kfront.saving.deserialize_keras_object(a.function("mine"), custom_objects={"mine": mine}) is mine


def test_saving_writes_no_code(tmp_path):
    model = kfront.Sequential([kfront.Input((2,)), kfront.layers.Lambda(lambda x: x * 2)])
    with pytest.raises(SavingError, match="register"):
        model.save(tmp_path / "m.keras")
    assert not list(tmp_path.iterdir())


def test_pickle_of_a_model_carries_no_file(backend, marker):
    """A pickle is code by nature; kfront's own objects in it are plain state, not an archive loaded unsafely."""
    model = kfront.Sequential([kfront.Input((2,)), kfront.layers.Dense(1)])
    text = pickle.dumps(model)
    assert b"PK\x03\x04" not in text and b"safe_mode" not in text


def test_safe_mode_cannot_be_lowered_by_data():
    seen = []

    class Spy(kfront.layers.Layer):
        @classmethod
        def from_config(cls, config):
            seen.append(guard.is_safe())
            return cls(name=config["name"])

    for extra in ({"safe_mode": False}, {"config": {"name": "s", "safe_mode": False}}):
        config = {**a.named(None, "Spy", {"name": "s"}, "Spy"), **extra}
        kfront.saving.deserialize_keras_object(config, custom_objects={"Spy": Spy})
        kfront.saving.deserialize_keras_object(config, custom_objects={"Spy": Spy}, safe_mode=None)
    assert seen == [True] * 4
    kfront.saving.deserialize_keras_object(config, custom_objects={"Spy": Spy}, safe_mode=False)
    assert seen[-1] is False and guard.is_safe()
